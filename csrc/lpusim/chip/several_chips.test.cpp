#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "lpusim/chip/describe.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/proof/footprint.h"
#include "lpusim/chip/text/text.h"
#include "lpusim/chip/tick/tick.h"

#include "lpusim/base/errors.h"

/// Several chips in one program, and the links between them, on chips of two superlanes of four lanes: VXM at
/// 5, w.0 and w.1 at 4, w.2 at 3, w.3 at 2, links at 0 and 10.
namespace lpusim::chip {
namespace {

ChipSpec linked_spec() {
    ChipSpec spec;
    spec.superlanes = 2;
    spec.lanes_per_superlane = 4;
    spec.streams_per_direction = 8;
    spec.positions = 11;
    spec.mem_slices_per_hemisphere = 4;
    spec.mem_words_per_slice = 16;
    spec.mxm_load_streams = 4;
    spec.mxm_accumulator_vectors = 4;
    spec.vxm_alus = 4;
    spec.c2c_links_per_hemisphere = 2;
    spec.c2c_link_latency_cycles = 20;
    spec.c2c_vector_cycles = 3;
    spec.c2c_hold_cycles = 5;
    spec.c2c_epoch_cycles = 8;
    return spec;
}

/// `text` on chip 0 and `other` on chip 1.
Program on_two_chips(const std::string& text, const std::string& other) {
    Program program = parse(text);
    program.chips = 2;
    for (InstructionRun run : parse(other).runs) {
        run.queue.chip = 1;
        program.runs.push_back(run);
    }
    return program;
}

constexpr QueueId kWestLink{Unit::C2c, Hemisphere::West, 0, 0};
constexpr QueueId kEastLink{Unit::C2c, Hemisphere::East, 0, 1};

void add(Program& program, const QueueId& queue, std::int64_t issue, const Instruction& instruction) {
    program.runs.push_back({queue, issue, instruction, {}, {}});
}

/// Word 0 of w.3 is at the west link of chip 0 in cycle 4 (x = 2, driven at 2), and with chip 1's east link
/// 20 cycles later. The receive drives at x = 10 one cycle after its issue; e.3 stands at x = 8.
Program sending(std::int64_t received, std::int64_t held) {
    Program program = on_two_chips("@0 mem.w.3 read 0 -> w.0",
                                   "@" + std::to_string(received + 3) + " mem.e.3 write 7 <- w.1");
    add(program, kWestLink, 4, C2cSend{{Direction::West, 0}});
    add(program, kEastLink, received, C2cReceive{kWestLink, held, {Direction::West, 1}});
    return program;
}

Run run_both(const Program& program, const ChipSpec& spec = linked_spec(), const Memory& memory = {}) {
    const Run slow = tick(program, spec, memory, true);
    Run fast = fold(program, spec, memory, true);
    CHECK((slow.error == fast.error));
    CHECK((slow.memory == fast.memory));
    CHECK(slow.cycles == fast.cycles);
    CHECK((tick(program, spec, {}, false).error == slow.error));
    return fast;
}

std::string first_error(const Program& program, const ChipSpec& spec = linked_spec()) {
    const Run run = run_both(program, spec);
    return run.error ? describe(*run.error, program, spec) : "";
}

std::vector<std::uint8_t> vector_at(const Memory& memory, std::int64_t slice, std::int64_t word) {
    const std::uint8_t* bytes = memory.read(slice, word);
    return {bytes, bytes + memory.lanes()};
}

} // namespace

TEST_CASE("chips of one program have streams, queues and SRAM of their own") {
    const ChipSpec spec = linked_spec();
    const std::string copy = "@0 mem.w.3 read 0 -> e.0\n@3 mem.w.2 write 5 <- e.0";
    Memory memory(spec, 2);
    std::fill_n(memory.write(slice_ordinal(spec, Hemisphere::West, 3, 0), 0), 8, std::uint8_t{1});
    std::fill_n(memory.write(slice_ordinal(spec, Hemisphere::West, 3, 1), 0), 8, std::uint8_t{2});
    const Run both = run_both(on_two_chips(copy, copy), spec, memory);
    REQUIRE(!both.error);
    CHECK(*both.memory.read(slice_ordinal(spec, Hemisphere::West, 2, 0), 5) == 1);
    CHECK(*both.memory.read(slice_ordinal(spec, Hemisphere::West, 2, 1), 5) == 2);
    CHECK(both.accounting.queues.size() == 4);

    // What one chip drives, the other does not see.
    CHECK(first_error(on_two_chips("@0 mem.w.3 read 0 -> e.0", "@3 mem.w.2 write 5 <- e.0")) ==
          "cycle 3: run 1 on chip1.mem.w.2 (write 5 <- e.0) reads stream e.0, which carries nothing here, at "
          "x = 3; "
          "nothing upstream ever drives it");
}

TEST_CASE("a chained result belongs to its own chip") {
    CHECK(first_error(on_two_chips("@0 vxm.1 pass int8 =1", "@1 vxm.2 pass int8 alu.1 -> e.0")) ==
          "cycle 1: run 1 on chip1.vxm.2 (pass int8 alu.1 -> e.0) takes the result of chip1.vxm.1, which is "
          "not "
          "there in this cycle; nothing ever makes it");
    CHECK(first_error(on_two_chips("", "@0 vxm.1 pass int8 =1\n@1 vxm.2 pass int8 alu.1 -> e.0")) == "");
}

TEST_CASE("a notify releases the queues of its own chip only") {
    const std::string notify = "@1 vxm.0 notify";
    CHECK(first_error(on_two_chips("@0 mem.w.0 sync\n" + notify, "")) == "");
    CHECK(first_error(on_two_chips("@0 mem.w.0 sync", notify)) ==
          "cycle 0: run 0 on mem.w.0 (sync) waits for ever: no notify is issued in this cycle or later");
}

TEST_CASE("a sent vector is at the other end after the latency of the link, in that cycle") {
    const ChipSpec spec = linked_spec();
    Memory memory(spec, 2);
    const std::vector<std::uint8_t> sent{1, 2, 3, 4, 5, 6, 7, 8};
    std::copy(sent.begin(), sent.end(), memory.write(slice_ordinal(spec, Hemisphere::West, 3, 0), 0));
    const Run run = run_both(sending(24, 0), spec, memory);
    REQUIRE(!run.error);
    CHECK(vector_at(run.memory, slice_ordinal(spec, Hemisphere::East, 3, 1), 7) == sent);
    CHECK(run.cycles == 28 + 2); // Taken at 27, written at 28.

    CHECK(first_error(sending(23, 0)) ==
          "cycle 23: run 3 on chip1.c2c.e.0 (receive c2c.w.0 -> w.1) receives what c2c.w.0 delivers in cycle "
          "23, "
          "which is nothing; nearest: run 2 on c2c.w.0 (send <- w.0), there in cycle 24");
    CHECK(run_both(sending(25, 0)).error->kind == ViolationClass::ReceiveEmpty);
}

TEST_CASE("a vector waits at the end of its link for as long as its receive says") {
    const ChipSpec spec = linked_spec();
    Memory memory(spec, 2);
    memory.write(slice_ordinal(spec, Hemisphere::West, 3, 0), 0)[0] = 42;
    const Run run = run_both(sending(29, 5), spec, memory);
    REQUIRE(!run.error);
    CHECK(*run.memory.read(slice_ordinal(spec, Hemisphere::East, 3, 1), 7) == 42);
    CHECK(run_both(sending(29, 4)).error->kind == ViolationClass::ReceiveEmpty);
    CHECK(run_both(sending(28, 5)).error->kind == ViolationClass::ReceiveEmpty);
    CHECK_THROWS_AS((void)run_both(sending(30, 6)), ValueError); // Longer than it may wait.
}

TEST_CASE("nobody need receive what was sent; nothing can be received that nobody sends") {
    Program program = sending(24, 0);
    program.runs.erase(program.runs.begin() + 3);
    program.runs.erase(program.runs.begin() + 1);
    CHECK(first_error(program) == "");
    CHECK(run_both(program).cycles == 24 + 2); // It arrives all the same.

    program = sending(24, 0);
    program.runs.erase(program.runs.begin() + 2);
    CHECK(first_error(program).find("which is nothing; it never sends anything") != std::string::npos);
}

TEST_CASE("a vector may be received more than once, later and later") {
    Program program = sending(24, 0);
    add(program, kEastLink, 26, C2cReceive{kWestLink, 2, {Direction::West, 1}});
    CHECK(first_error(program) == "");
}

TEST_CASE("a link takes a vector every so many cycles") {
    const auto sending_again = [](std::int64_t cycle) {
        Program program = sending(24, 0);
        const Program more =
            parse("@" + std::to_string(cycle - 4) + " mem.w.3 read 1 -> w.0"); // At the link in `cycle`.
        program.runs.push_back(more.runs.front());
        add(program, kWestLink, cycle, C2cSend{{Direction::West, 0}});
        return program;
    };
    CHECK(first_error(sending_again(7)) == "");
    const Run run = run_both(sending_again(6));
    REQUIRE(run.error);
    CHECK(run.error->kind == ViolationClass::ResourceBusy);
    CHECK(run.error->tau == 6);
}

TEST_CASE("a deskew parks its queue until the next epoch, also at an epoch") {
    const auto after = [](std::int64_t deskew, std::int64_t send) {
        Program program = parse("@0 mem.w.3 read 0 -> w.0 repeat 30 every 1");
        add(program, kWestLink, deskew, Deskew{});
        add(program, kWestLink, send, C2cSend{{Direction::West, 0}});
        return program;
    };
    CHECK(first_error(after(4, 8)) == "");
    CHECK(first_error(after(4, 7)) ==
          "cycle 7: run 2 on c2c.w.0 (send <- w.0) issues while its queue is parked by "
          "run 1 on c2c.w.0 (deskew), until cycle 8");
    CHECK(first_error(after(8, 15)).find("until cycle 16") != std::string::npos);
    CHECK(first_error(after(8, 16)) == "");
    CHECK(first_error(after(7, 8)) == "");
}

TEST_CASE("programs of several chips, and with links, are not composed") {
    CHECK_THROWS_AS((void)footprint(on_two_chips("", ""), linked_spec()), ScheduleError);
    Program program = parse("@0 mem.w.3 read 0 -> w.0");
    CHECK_NOTHROW((void)footprint(program, linked_spec()));
    add(program, kWestLink, 4, C2cSend{{Direction::West, 0}});
    CHECK_THROWS_AS((void)footprint(program, linked_spec()), ScheduleError);
}

} // namespace lpusim::chip
