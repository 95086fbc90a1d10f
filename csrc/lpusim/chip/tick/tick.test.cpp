#include "lpusim/chip/tick/tick.h"

#include <string>
#include <utility>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/proof/rule_test.h"

using namespace lpusim;
using namespace lpusim::chip;

/// Rules 1 to 16 of the machine, each on both sides of its edge, in both engines.
namespace {

/// A value that mem.w.3 reads at t is at the MXM at t + 3.
ChipSpec mxm_spec() {
    ChipSpec spec = small_spec();
    spec.mem_read_latency_cycles = 1;
    return spec;
}

Run run(const std::string& text, const ChipSpec& spec = small_spec(), const Memory& memory = {}) {
    return run_both(parse(text), spec, memory);
}

std::string first_error(const std::string& text, const ChipSpec& spec = small_spec()) {
    return error_of(parse(text), spec);
}

} // namespace

TEST_CASE("rule 1: cycles are the last tau of any access or drive plus the number of superlanes") {
    CHECK(run("").cycles == 0);
    CHECK(run("@0 mem.w.0 read 0 -> e.0").cycles == 2 + 2);   // driven at 2
    CHECK(run("@10 mem.w.0 read 0 -> e.0").cycles == 12 + 2); // time is shift-invariant
    CHECK(run("@0 mem.w.0 read 0 -> e.0 repeat 3 every 5").cycles == 12 + 2);
    // A column taken at 3 may be installed from 4 on.
    CHECK(run("@0 mem.w.3 read 0 -> w.0\n@3 mxm.w.0.weights load 0 <- w.0 streams 1", mxm_spec()).cycles ==
          4 + 2);
}

TEST_CASE("rule 2: a chip whose column sums would be too early is refused") {
    ChipSpec spec = small_spec();
    spec.mxm_activate_latency_cycles = 1;
    CHECK_NOTHROW((void)run("", spec));
    spec.superlanes = 3;
    CHECK_THROWS_AS((void)run("", spec), ValueError);
}

TEST_CASE("rule 3: the VXM stands in the middle and neither stops nor splits a stream") {
    const ChipSpec spec = small_spec();
    CHECK(vxm_position(spec) == 5);
    CHECK(mem_position(spec, Hemisphere::West, 0) == 4);
    CHECK(mem_position(spec, Hemisphere::West, 1) == 4);
    CHECK(mem_position(spec, Hemisphere::West, 3) == 2);
    CHECK(mem_position(spec, Hemisphere::East, 3) == 8);
    CHECK(sxm_position(spec, Hemisphere::East) == 9);
    CHECK(mxm_position(spec, Hemisphere::East) == 10);
    // Driven at x = 2 in cycle 2, past the VXM, at x = 8 in cycle 8.
    Memory memory(spec);
    put(memory, 3, 0, {1, 2, 3, 4, 5, 6, 7, 8});
    const Run copied = run("@0 mem.w.3 read 0 -> e.0\n@8 mem.e.3 write 9 <- e.0", spec, memory);
    CHECK(!copied.error);
    CHECK(vector_at(copied.memory, 7, 9) == Bytes{1, 2, 3, 4, 5, 6, 7, 8});
}

TEST_CASE(
    "rule 3: the default chip has 45 files, two slices a hop, the MXM at the ends and the SXM before it") {
    const ChipSpec spec;
    CHECK(mem_distance(spec, 0) == 1);
    CHECK(mem_distance(spec, 2) == 1);
    CHECK(mem_distance(spec, 3) == 2);
    CHECK(mem_distance(spec, 43) == 20);
    CHECK(sxm_position(spec, Hemisphere::East) - mem_position(spec, Hemisphere::East, 43) == 1);
    CHECK(mxm_position(spec, Hemisphere::East) - mem_position(spec, Hemisphere::East, 43) == 2);
}

TEST_CASE(
    "rules 4 and 5: a value is there in exactly one cycle at each place, first one hop from its driver") {
    // Slice 3 (x = 1) drives eastward in cycle 2; x = 2 sees it in 3, x = 3 in 4.
    CHECK(first_error("@0 mem.w.3 read 0 -> e.0\n@3 mem.w.2 write 0 <- e.0") == "");
    CHECK(first_error("@0 mem.w.3 read 0 -> e.0\n@2 mem.w.2 write 0 <- e.0") == "empty@2");
    CHECK(first_error("@0 mem.w.3 read 0 -> e.0\n@4 mem.w.2 write 0 <- e.0") == "empty@4");
    CHECK(first_error("@0 mem.w.3 read 0 -> e.0\n@4 mem.w.1 write 0 <- e.0") == "");
}

TEST_CASE("rule 5: slices that share a position cannot talk by stream, nor can one talk to itself") {
    CHECK(first_error("@0 mem.w.0 read 0 -> e.0\n@2 mem.w.1 write 0 <- e.0") == "empty@2");
    CHECK(first_error("@0 mem.w.0 read 0 -> e.0\n@2 mem.w.0 write 9 <- e.0") == "empty@2");
}

TEST_CASE("rule 5: a slice may take a value and replace it in the same cycle") {
    Memory memory(small_spec());
    put(memory, 3, 0, Bytes(8, 7)); // w.3, flows past w.2 in cycle 3
    put(memory, 2, 0, Bytes(8, 9)); // w.2, driven in cycle 3 as well
    const Run swapped = run("@0 mem.w.3 read 0 -> e.0\n"
                            "@1 mem.w.2 read 0 -> e.0\n"
                            "@3 mem.w.2 write 8 <- e.0\n"
                            "@4 mem.w.1 write 8 <- e.0\n",
                            small_spec(), memory);
    CHECK(!swapped.error);
    CHECK(vector_at(swapped.memory, 2, 8) == Bytes(8, 7));
    CHECK(vector_at(swapped.memory, 1, 8) == Bytes(8, 9));
}

TEST_CASE("rule 6: reading does not consume") {
    CHECK(first_error("@0 mem.w.3 read 0 -> e.0\n@3 mem.w.2 write 0 <- e.0\n@4 mem.w.1 write 0 <- e.0\n"
                      "@4 mem.w.0 write 0 <- e.0") == "");
}

TEST_CASE("rule 6: two drives of one cell in one cycle are an error, the next cycle or stream is not") {
    // w.0 and w.1 share x = 3.
    CHECK(first_error("@0 mem.w.0 read 0 -> e.0\n@0 mem.w.1 read 0 -> e.0") == "collision@2");
    CHECK(first_error("@0 mem.w.0 read 0 -> e.0\n@1 mem.w.1 read 0 -> e.0") == "");
    CHECK(first_error("@0 mem.w.0 read 0 -> e.0\n@0 mem.w.1 read 0 -> e.1") == "");
    CHECK(first_error("@0 mem.w.0 read 0 -> e.0\n@0 mem.w.1 read 0 -> w.0") == "");
}

TEST_CASE("rule 6: a collision names both drivers, the greater queue first") {
    const Run collided = run("@0 mem.w.1 read 0 -> e.0\n@0 mem.w.0 read 0 -> e.0 repeat 2 every 1");
    REQUIRE(collided.error);
    CHECK(collided.error->run == 0);
    CHECK(collided.error->queue == QueueId{Unit::Mem, Hemisphere::West, 1});
    CHECK(collided.error->other_run == 1);
    CHECK(collided.error->other_repeat == 0);
}

TEST_CASE("rule 4: values leave at the line's end") {
    // From x = 2 westward: x = 0 in cycle 3 is the MXM; nothing beyond, and nothing comes back.
    CHECK(first_error("@0 mem.w.3 read 0 -> w.0\n@3 mxm.w.0.weights load 0 <- w.0 streams 1", mxm_spec()) ==
          "");
    CHECK(first_error("@0 mem.w.3 read 0 -> w.0\n@4 mxm.w.0.weights load 0 <- w.0 streams 1", mxm_spec()) ==
          "empty@4");
}

TEST_CASE("rule 4: a value crosses the whole line, from one MXM to the other") {
    Memory memory(small_spec());
    put(memory, 3, 0, {1, 1, 1, 0, 0, 0, 0, 0}); // weights and activation of the west plane: 3 in column 0
    put(memory, 7, 0, {5, 0, 0, 0, 0, 0, 0, 0});
    const Run crossed = run("@0 mem.w.3 read 0 -> w.0\n@3 mxm.w.0.weights load 0 <- w.0 streams 1\n"
                            "@4 mxm.w.0.weights install\n"
                            "@2 mem.w.3 read 0 -> w.1\n@5 mxm.w.0.activations activate int8 <- w.1\n"
                            "@8 mxm.w.0.accumulators start 0 -> e.0\n" // driven at x = 0 in cycle 9
                            "@19 mxm.e.0.weights load 0 <- e.0 streams 1\n@20 mxm.e.0.weights install\n"
                            "@18 mem.e.3 read 0 -> e.1\n@21 mxm.e.0.activations activate int8 <- e.1\n"
                            "@24 mxm.e.0.accumulators start 0 -> w.0\n@27 mem.e.3 write 8 <- w.0\n"
                            "@8 mem.w.1 read 5 -> e.7 repeat 20 every 1\n", // new vectors all the while
                            mxm_spec(), memory);
    REQUIRE(!crossed.error);
    CHECK(vector_at(crossed.memory, 7, 8) == Bytes{15, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("rule 7: the nearest strictly upstream driver on the diagonal wins") {
    Memory memory(small_spec());
    put(memory, 3, 0, Bytes(8, 3)); // w.3 at x = 1, diagonal 1
    put(memory, 2, 0, Bytes(8, 2)); // w.2 at x = 2, driven in cycle 3: the same diagonal
    const std::string both = "@0 mem.w.3 read 0 -> e.0\n@1 mem.w.2 read 0 -> e.0\n";
    const Run east = run(both + "@6 mem.e.0 write 0 <- e.0", small_spec(), memory);
    CHECK(vector_at(east.memory, 4, 0) == Bytes(8, 2));
}

TEST_CASE("rule 8: wider types travel on aligned groups, all members in one cycle") {
    CHECK_THROWS_AS((void)run("@2 vxm.0 relu int32 e.2 -> e.4"), ValueError);
    const std::string three = "@0 mem.w.0 read 0 -> e.0\n@0 mem.w.1 read 0 -> e.1\n@0 mem.w.0 nop 0\n"
                              "@0 mem.w.2 read 0 -> e.2\n";
    CHECK_THROWS_AS((void)run(three), ValueError); // a nop has no cycle of its own
    const std::string group = "@1 mem.w.0 read 0 -> e.0\n@1 mem.w.1 read 0 -> e.1\n"
                              "@0 mem.w.2 read 0 -> e.2\n";
    // x = 4 in cycle 4: streams 0 to 2 are there, 3 is not.
    CHECK(first_error(group + "@4 vxm.0 relu int32 e.0 -> e.4") == "empty@4");
    const Program program = parse(group + "@4 vxm.0 relu int32 e.0 -> e.4");
    CHECK(tick(program, small_spec(), {}, false).error->stream == StreamRef{Direction::East, 3});
    // w.3 at x = 1 drives in cycle 1 and would need to issue before cycle 0, so everything shifts by one.
    CHECK(first_error("@2 mem.w.0 read 0 -> e.0\n@2 mem.w.1 read 0 -> e.1\n@1 mem.w.2 read 0 -> e.2\n"
                      "@0 mem.w.3 read 0 -> e.3\n@5 vxm.0 relu int32 e.0 -> e.4") == "");
}

TEST_CASE("rule 8: a group is as wide as its own operand or result") {
    const std::string two = "@0 mem.w.0 read 0 -> e.0\n@0 mem.w.1 read 0 -> e.4\n";
    // A shift's b is int32 whatever a is: e.4 is there, e.5 is not.
    const Program shift = parse(two + "@3 vxm.0 shift_right int8 e.0, e.4 -> e.1");
    const Run shifted = tick(shift, small_spec(), {}, false);
    REQUIRE(shifted.error);
    CHECK(shifted.error->stream == StreamRef{Direction::East, 5});
    // An int8 converted to int32 leaves on four streams, one that stays int8 on one.
    CHECK(first_error(two + "@3 vxm.0 convert int8 to int32 e.0 -> e.0\n@5 mem.e.0 write 0 <- e.3") == "");
    CHECK(first_error(two + "@3 vxm.0 relu int8 e.0 -> e.0\n@5 mem.e.0 write 0 <- e.3") == "empty@5");
}

TEST_CASE("rule 9: latencies come from the spec") {
    ChipSpec slow = small_spec();
    slow.mem_read_latency_cycles = 5;
    CHECK(first_error("@0 mem.w.3 read 0 -> e.0\n@6 mem.w.2 write 0 <- e.0", slow) == "");
    CHECK(first_error("@0 mem.w.3 read 0 -> e.0\n@3 mem.w.2 write 0 <- e.0", slow) == "empty@3");
}

TEST_CASE("rule 10: a queue issues one instruction a cycle, its runs merged by time") {
    CHECK(first_error("@3 mem.w.0 read 0 -> e.0\n@4 mem.w.0 read 1 -> e.0") == "");
    CHECK(first_error("@3 mem.w.0 read 0 -> e.0\n@3 mem.w.0 read 1 -> e.1") == "busy@3");
    CHECK(first_error("@3 mem.w.0 read 0 -> e.0\n@3 mem.w.1 read 1 -> e.1") == ""); // Another queue.
    CHECK(first_error("@3 mem.w.0 read 0 -> e.0\n@1 mem.w.0 read 1 -> e.1") == "");
    // Between the instances of a repeat the queue is free.
    const std::string every_4 = "@0 mem.w.0 read 0 -> e.0 repeat 3 every 4\n";
    CHECK(first_error(every_4 + "@3 mem.w.0 read 1 -> e.1 repeat 3 every 2") == "");
    CHECK(first_error(every_4 + "@2 mem.w.0 read 1 -> e.1 repeat 3 every 3") == "busy@8");
    CHECK(first_error(every_4 + "@2 mem.w.0 read 1 -> e.1 repeat 2 every 3") == "");
}

TEST_CASE("rule 10: of three instructions in one cycle the second is named beside the first") {
    const Run three =
        run("@0 mem.w.0 read 0 -> e.0 repeat 2 every 5\n@1 mem.w.0 read 0 -> e.1 repeat 3 every 2"
            "\n@5 mem.w.0 read 0 -> e.2");
    REQUIRE(three.error);
    CHECK(three.error->kind == ViolationClass::QueueBusy);
    CHECK(three.error->tau == 5);
    CHECK(three.error->run == 1);
    CHECK(three.error->repeat == 2);
    CHECK(three.error->other_run == 0);
    CHECK(three.error->other_repeat == 1);
}

TEST_CASE("rule 10: one MEM instruction may pair a read with a write") {
    CHECK(first_error("@0 mem.w.3 read 0 -> e.0\n@3 mem.w.2 read 0 -> e.1 write 9 <- e.0") == "");
    CHECK(first_error("@0 mem.w.3 read 0 -> e.0\n@3 mem.w.2 read 0 -> e.1\n@3 mem.w.2 write 9 <- e.0") ==
          "busy@3");
}

TEST_CASE("rule 11: repeats nest, addresses are affine, and levels must not overlap") {
    Memory memory(small_spec());
    for (std::int64_t address = 0; address < 8; ++address) {
        put(memory, 3, address, Bytes(8, static_cast<std::uint8_t>(10 + address)));
    }
    // Addresses 0, 1, 4, 5 in cycles 0, 1, 5, 6; written one behind the other from 8 on.
    const Run nested =
        run("@0 mem.w.3 read 0 -> e.0 repeat 2 every 5 address 4 repeat 2 every 1 address 1\n"
            "@3 mem.w.2 write 8 <- e.0 repeat 2 every 5 write_address 2 repeat 2 every 1 write_address 1",
            small_spec(), memory);
    REQUIRE(!nested.error);
    CHECK(vector_at(nested.memory, 2, 8) == Bytes(8, 10));
    CHECK(vector_at(nested.memory, 2, 9) == Bytes(8, 11));
    CHECK(vector_at(nested.memory, 2, 10) == Bytes(8, 14));
    CHECK(vector_at(nested.memory, 2, 11) == Bytes(8, 15));
    CHECK_NOTHROW((void)run("@0 mem.w.3 read 0 -> e.0 repeat 2 every 3 repeat 3 every 1"));
    CHECK_THROWS_AS((void)run("@0 mem.w.3 read 0 -> e.0 repeat 2 every 2 repeat 3 every 1"), ValueError);
    CHECK_THROWS_AS((void)run("@0 mem.w.3 sync repeat 2 every 2"), ValueError);
}

TEST_CASE("rule 11: a run over slices is affine in the slice, or follows a stream") {
    // w.3, w.2 and w.1 at x = 1, 2, 3 write the same passing value: the range starts at w.1, so it counts
    // from there.
    Memory memory(small_spec());
    put(memory, 3, 0, Bytes(8, 5));
    const Run spread =
        run("@0 mem.w.3 read 0 -> e.0\n@4 mem.w.1..2 write 9 <- e.0 each follow e write_address 1",
            small_spec(), memory);
    REQUIRE(!spread.error);
    CHECK(vector_at(spread.memory, 1, 9) == Bytes(8, 5));
    CHECK(vector_at(spread.memory, 2, 10) == Bytes(8, 5));
    // A read of two slices, each from an address of its own, side by side on two streams.
    put(memory, 1, 0, Bytes(8, 6));
    put(memory, 2, 1, Bytes(8, 7));
    const Run gathered = run("@2 mem.w.1..2 read 0 -> e.0 each follow e address 1 stream 1\n"
                             "@6 mem.e.0..1 write 3 <- e.0 each write_stream 1",
                             small_spec(), memory);
    REQUIRE(!gathered.error);
    CHECK(vector_at(gathered.memory, 4, 3) == Bytes(8, 6));
    CHECK(vector_at(gathered.memory, 5, 3) == Bytes(8, 7));
    // The same by a stride in time, but two streams: the second one carries nothing.
    CHECK(first_error("@0 mem.w.3 read 0 -> e.0\n@4 mem.w.1..2 write 9 <- e.0 each cycles -1") == "");
    CHECK(
        first_error("@0 mem.w.3 read 0 -> e.0\n@4 mem.w.1..2 write 9 <- e.0 each cycles -1 write_stream 1") ==
        "empty@3");
    CHECK_THROWS_AS((void)run("@0 mem.w.1..2 read 9 -> e.0 each cycles -1"), ValueError); // before cycle 0
}

TEST_CASE("rule 11: without nested repeat, fetch is charged as if unrolled") {
    ChipSpec spec = small_spec();
    const Program program =
        parse("@0 mem.w.3 read 0 -> e.0 repeat 2 every 5 address 4 repeat 3 every 1 address 1\n"
              "@50 mem.w.3 read 0 -> e.0 repeat 2 every 9 address 4 repeat 3 every 1");
    CHECK(fetch_bytes(program, spec) == 16 * (3 + 3));
    spec.nested_repeat = 0;
    CHECK(fetch_bytes(program, spec) == 16 * (6 + 4)); // six reads; two reads with a flat repeat each
}

TEST_CASE("rule 12: a read and a write of one slice and cycle need different banks") {
    // Words 0 to 7 are bank 0, 8 to 15 bank 1. The write of cycle 3 touches SRAM in cycle 4, with the read of
    // cycle 4.
    const std::string source = "@0 mem.w.3 read 0 -> e.0\n";
    CHECK(first_error(source + "@3 mem.w.2 write 7 <- e.0\n@4 mem.w.2 read 0 -> e.1") == "bank@4");
    CHECK(first_error(source + "@3 mem.w.2 write 8 <- e.0\n@4 mem.w.2 read 0 -> e.1") == "");
    CHECK(first_error(source + "@3 mem.w.2 write 7 <- e.0\n@5 mem.w.2 read 0 -> e.1") == "");
}

TEST_CASE("rule 12: a read sees writes of smaller access tau, and unwritten SRAM reads 0") {
    Memory memory(small_spec());
    put(memory, 3, 0, Bytes(8, 5));
    const std::string write = "@0 mem.w.3 read 0 -> e.0\n@3 mem.w.2 write 7 <- e.0\n"; // in SRAM from cycle 4
    const Run later =
        run(write + "@5 mem.w.2 read 7 -> e.1\n@8 mem.w.1 write 0 <- e.1", small_spec(), memory);
    CHECK(vector_at(later.memory, 1, 0) == Bytes(8, 5));
    const std::string earlier = "@0 mem.w.3 read 0 -> e.0\n@3 mem.w.2 write 7 <- e.0 read 7 -> e.1\n";
    CHECK_THROWS_AS((void)run(earlier), ValueError); // read comes before write in the text
    const Run before = run("@0 mem.w.3 read 0 -> e.0\n@3 mem.w.2 read 7 -> e.1 write 7 <- e.0\n"
                           "@6 mem.w.1 write 0 <- e.1",
                           small_spec(), memory);
    CHECK(vector_at(before.memory, 1, 0) == Bytes(8, 0));
}

TEST_CASE("an address out of range is an error at its access") {
    CHECK(first_error("@5 mem.w.3 read 15 -> e.0") == "");
    CHECK(first_error("@5 mem.w.3 read 16 -> e.0") == "range@5");
    CHECK(first_error("@5 mem.w.3 read 0 -> e.0 repeat 3 every 2 address 8") == "range@9");
    CHECK(first_error("@0 mem.w.3 read 0 -> e.0\n@3 mem.w.2 write 16 <- e.0") == "range@4");
    CHECK(first_error("@0 mem.w.3 read 0 -> e.0\n@3 mem.w.2 write -1 <- e.0") == "range@4");
}

TEST_CASE("rule 14: a chained result is there exactly one cycle later, then gone") {
    const std::string first = "@0 mem.w.0 read 0 -> e.0\n@3 vxm.0 relu int8 e.0\n";
    CHECK(first_error(first + "@4 vxm.1 add int8 alu.0, =1 -> e.1") == "");
    CHECK(first_error(first + "@3 vxm.1 add int8 alu.0, =1 -> e.1") == "gone@3");
    CHECK(first_error(first + "@5 vxm.1 add int8 alu.0, =1 -> e.1") == "gone@5");
}

TEST_CASE("rule 14: chained ALUs compute on the way") {
    Memory memory(small_spec());
    put(memory, 0, 0, {0, 1, 2, 127, 128, 255, 3, 4});
    const Run chained = run("@0 mem.w.0 read 0 -> e.0\n@3 vxm.0 relu int8 e.0\n"
                            "@4 vxm.1 add_sat int8 alu.0, =3 -> e.1\n@6 mem.e.0 write 0 <- e.1",
                            small_spec(), memory);
    REQUIRE(!chained.error);
    CHECK(vector_at(chained.memory, 4, 0) == Bytes{3, 4, 5, 127, 3, 3, 6, 7});
}

namespace {
/// Column 0 of the west plane 0 taken in cycle 3.
const std::string kLoad = "@0 mem.w.3 read 0 -> w.0\n@3 mxm.w.0.weights load 0 <- w.0 streams 1\n";
} // namespace

TEST_CASE("rule 15: install waits for all loads, and needs one") {
    CHECK(first_error(kLoad + "@4 mxm.w.0.weights install", mxm_spec()) == "");
    CHECK(first_error("@4 mxm.w.0.weights install", mxm_spec()) == "unfinished@4");
    CHECK(first_error(kLoad + "@4 mxm.w.0.weights install\n@5 mxm.w.0.weights install", mxm_spec()) ==
          "unfinished@5");
    ChipSpec slow = mxm_spec();
    slow.mxm_load_latency_cycles = 3;
    CHECK(first_error(kLoad + "@5 mxm.w.0.weights install", slow) == "unfinished@5");
    CHECK(first_error(kLoad + "@6 mxm.w.0.weights install", slow) == "");
}

TEST_CASE("rule 15: a column that awaits install cannot be loaded again, nor anything while an install is "
          "under way") {
    const std::string again = "@10 mem.w.3 read 0 -> w.0\n";
    CHECK(first_error(kLoad + again + "@13 mxm.w.0.weights load 0 <- w.0 streams 1", mxm_spec()) ==
          "shadow@13");
    CHECK(first_error(kLoad + again + "@13 mxm.w.0.weights load 1 <- w.0 streams 1", mxm_spec()) == "");
    CHECK(
        first_error(kLoad + again + "@4 mxm.w.0.weights install\n@13 mxm.w.0.weights load 0 <- w.0 streams 1",
                    mxm_spec()) == "");
    ChipSpec slow = mxm_spec();
    slow.mxm_install_latency_cycles = 2;
    const std::string busy = kLoad + again;
    CHECK(first_error(busy + "@12 mxm.w.0.weights install\n@13 mxm.w.0.weights load 0 <- w.0 streams 1",
                      slow) == "shadow@13");
    CHECK(first_error(busy + "@11 mxm.w.0.weights install\n@13 mxm.w.0.weights load 0 <- w.0 streams 1",
                      slow) == "");
}

TEST_CASE("rule 15: loads and installs of one plane take turns as two repeats") {
    // Columns 0 to 3 taken at 3 to 6, installed at 7, active from 8: again from 8 on, not earlier.
    const auto passes = [](std::int64_t period) {
        const std::string again = " repeat 5 every " + std::to_string(period);
        return "@0 mem.w.3 read 0 -> w.0" + again +
               " repeat 4 every 1\n@3 mxm.w.0.weights load 0 <- w.0 streams 1" + again +
               " repeat 4 every 1 address 1\n@7 mxm.w.0.weights install" + again;
    };
    CHECK(first_error(passes(5), mxm_spec()) == "");
    CHECK(first_error(passes(4), mxm_spec()) == "busy@7");
    ChipSpec slow = mxm_spec();
    slow.mxm_install_latency_cycles = 2;
    CHECK(first_error(passes(5), slow) == "shadow@8");
    CHECK(first_error(passes(6), slow) == "");
    // One load fewer than installs: the fifth finds nothing.
    CHECK(first_error("@0 mem.w.3 read 0 -> w.0 repeat 4 every 9\n@3 mxm.w.0.weights load 0 <- w.0 streams 1 "
                      "repeat 4 every 9\n@4 mxm.w.0.weights install repeat 5 every 9",
                      mxm_spec()) == "unfinished@40");
}

TEST_CASE("rule 15: load and slot stay inside the plane") {
    CHECK(first_error("@0 mem.w.3 read 0 -> w.0\n@3 mxm.w.0.weights load 8 <- w.0 streams 1", mxm_spec()) ==
          "range@3");
    CHECK(first_error("@0 mem.w.3 read 0 -> w.0\n@3 mxm.w.0.weights load 7 <- w.0 streams 1", mxm_spec()) ==
          "");
}

TEST_CASE("rule 15: an activation uses what is active when it enters") {
    Memory memory(small_spec());
    put(memory, 3, 0, Bytes(8, 1));              // the first weights: ones
    put(memory, 3, 1, Bytes(8, 2));              // the second: twos
    put(memory, 2, 0, {1, 2, 3, 4, 5, 6, 7, 8}); // the activation, sum 36
    // Installed at 4 (active from 5) and at 9 (active from 10); activations enter at 9 and at 10.
    const std::string two_weights = "@0 mem.w.3 read 0 -> w.0\n@3 mxm.w.0.weights load 0 <- w.0 streams 1\n"
                                    "@4 mxm.w.0.weights install\n"
                                    "@5 mem.w.3 read 1 -> w.0\n@8 mxm.w.0.weights load 0 <- w.0 streams 1\n"
                                    "@9 mxm.w.0.weights install\n"
                                    "@5 mem.w.2 read 0 -> w.1 repeat 2 every 1\n"
                                    "@9 mxm.w.0.activations activate int8 <- w.1 repeat 2 every 1\n";
    // Column sums at 12 and 13, driven at 13 and 14 from x = 0; byte 0 on e.0 past w.3 (x = 2) two later.
    const Run result = run(two_weights + "@12 mxm.w.0.accumulators start 0 -> e.0\n"
                                         "@13 mxm.w.0.accumulators start 1 -> e.0\n"
                                         "@15 mem.w.3 write 8 <- e.0 repeat 2 every 1 write_address 1",
                           mxm_spec(), memory);
    REQUIRE(!result.error);
    CHECK(vector_at(result.memory, 3, 8) == Bytes{36, 0, 0, 0, 0, 0, 0, 0});
    CHECK(vector_at(result.memory, 3, 9) == Bytes{72, 0, 0, 0, 0, 0, 0, 0});
    // The same into one slot: program order adds 36 and 72.
    const Run added = run(two_weights + "@12 mxm.w.0.accumulators start 0\n"
                                        "@13 mxm.w.0.accumulators add 0 -> e.0\n"
                                        "@16 mem.w.3 write 8 <- e.0",
                          mxm_spec(), memory);
    REQUIRE(!added.error);
    CHECK(vector_at(added.memory, 3, 8) == Bytes{108, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("rule 15: an activation needs active weights, an accumulation the column sums of this cycle") {
    const std::string installed = kLoad + "@4 mxm.w.0.weights install\n";
    const auto activate_at = [&](std::int64_t tau) {
        return installed + "@" + std::to_string(tau - 3) + " mem.w.3 read 0 -> w.1\n@" + std::to_string(tau) +
               " mxm.w.0.activations activate int8 <- w.1\n";
    };
    CHECK(first_error(activate_at(5), mxm_spec()) == "");
    CHECK(first_error(activate_at(4), mxm_spec()) == "weights@4");
    CHECK(first_error(activate_at(5) + "@8 mxm.w.0.accumulators start 3", mxm_spec()) == "");
    CHECK(first_error(activate_at(5) + "@8 mxm.w.0.accumulators start 4", mxm_spec()) == "range@8");
    CHECK(first_error(activate_at(5) + "@7 mxm.w.0.accumulators start 0", mxm_spec()) == "gone@7");
    CHECK(first_error(activate_at(5) + "@9 mxm.w.0.accumulators start 0", mxm_spec()) == "gone@9");
}

TEST_CASE("a sync parks its queue until the first notify of the same cycle or later, plus 35 cycles") {
    const std::string barrier = "@5 mem.w.0 sync\n@7 vxm.0 notify\n";
    CHECK(first_error(barrier + "@42 mem.w.0 read 0 -> e.0") == "");
    CHECK(first_error(barrier + "@41 mem.w.0 read 0 -> e.0") == "parked@41");
    CHECK(first_error("@7 mem.w.0 sync\n@7 vxm.0 notify\n@42 mem.w.0 read 0 -> e.0") == "");
    CHECK(first_error("@8 mem.w.0 sync\n@7 vxm.0 notify") == "lost@8");
    // Parked in the middle of a repeat: instances at 3, 42 and 81 but not at 3, 41 and 79 stay outside.
    CHECK(first_error(barrier + "@3 mem.w.0 read 0 -> e.0 repeat 3 every 39") == "");
    CHECK(first_error(barrier + "@3 mem.w.0 read 0 -> e.0 repeat 3 every 38") == "parked@41");
    CHECK(first_error(barrier + "@3 mem.w.0 read 0 -> e.0 repeat 3 every 1") == "busy@5");
    CHECK(first_error(barrier + "@4 mem.w.0 read 0 -> e.0 repeat 3 every 2") == "parked@6");
    CHECK(run(barrier).cycles == 7 + 2); // Waiting is nothing that happens; there are two superlanes.
}

TEST_CASE("rule 16: the first error is the least in time, then class, then queue") {
    // A parked queue at 3, an empty stream at 3, and another empty stream at 2.
    const std::string later =
        "@0 mem.w.0 sync\n@1 vxm.0 notify\n@3 mem.w.0 read 0 -> e.0\n@3 mem.w.2 write 0 <- e.0\n";
    CHECK(first_error(later) == "parked@3");
    CHECK(first_error(later + "@2 mem.e.2 write 0 <- e.0") == "empty@2");
    const Run queues = run("@3 mem.e.0 write 0 <- e.0\n@3 mem.w.3 write 0 <- e.0\n@3 mem.w.2 write 0 <- e.0");
    REQUIRE(queues.error);
    CHECK(queues.error->queue == QueueId{Unit::Mem, Hemisphere::West, 2});
    CHECK(queues.error->run == 2);
}

TEST_CASE("rule 16: class comes before queue, instruction before repeat, and then the least repeat") {
    // In cycle 3 mem.w.0 finds an empty stream, mem.e.0 leaves its slice: the address is the lower class.
    const Run classes = run("@3 mem.w.0 write 0 <- e.0\n@3 mem.e.0 read 16 -> e.0");
    REQUIRE(classes.error);
    CHECK(classes.error->kind == ViolationClass::AddressRange);
    // In cycle 5 the second write of run 1 (issued at 4) and the read of run 2 are both outside.
    const Run runs = run("@0 mem.w.3 read 0 -> e.0 repeat 2 every 1\n"
                         "@3 mem.w.2 write 15 <- e.0 repeat 2 every 1 write_address 1\n"
                         "@5 mem.w.2 read 16 -> e.1");
    REQUIRE(runs.error);
    CHECK(runs.error->tau == 5);
    CHECK(runs.error->run == 1);
    CHECK(runs.error->repeat == 1);
    // In cycle 4 the first instance writes outside and the second one reads outside.
    const Run repeats = run("@0 mem.w.3 read 0 -> e.0 repeat 2 every 1\n"
                            "@3 mem.w.2 read 15 -> e.1 write 16 <- e.0 repeat 2 every 1 address 1");
    REQUIRE(repeats.error);
    CHECK(repeats.error->tau == 4);
    CHECK(repeats.error->run == 1);
    CHECK(repeats.error->repeat == 0);
}

TEST_CASE("loading and installing all four planes takes the published less than 40 cycles") {
    // H-11. 32 slices a hemisphere feed 32 streams; slice 12 is the farthest from its MXM (16 hops).
    const ChipSpec spec;
    std::string text;
    for (const std::string side : {"w", "e"}) {
        text += "@0 mem." + side + ".12..43 read 0 -> " + side + ".0 each stream 1 follow " + side +
                " repeat 20 every 1 address 1\n";
        for (const std::string plane : {"0", "1"}) {
            text += "@18 mxm." + side + "." + plane + ".weights load 0 <- " + side + "." +
                    (plane == "0" ? "0" : "16") + " streams 16 repeat 20 every 1 address 16\n" + "@38 mxm." +
                    side + "." + plane + ".weights install\n";
        }
    }
    const Run loaded = tick(parse(text), spec, {}, false);
    CHECK(!loaded.error);
    const std::int64_t active_from = loaded.cycles - spec.superlanes;
    CHECK(active_from == 39);
    CHECK(active_from >= 20); // 409,600 weights over 64 streams of 320 B
    CHECK(active_from < 40);
}
