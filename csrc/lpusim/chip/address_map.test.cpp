#include "lpusim/chip/address_map.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "lpusim/chip/describe.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/text/text.h"
#include "lpusim/chip/tick/tick.h"

/// Rule 13 on both sides of its edges, on a chip of two superlanes of four lanes, sixteen words a slice in
/// two banks, VXM at 5, w.0 at 4, w.2 at 3, w.3 at 2, e.0 at 6. A map is taken two cycles before a read would
/// begin.
namespace lpusim::chip {
namespace {

ChipSpec mapped_spec() {
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
    return spec;
}

/// Low bytes of the map from w.3, high bytes from w.2, on e.0 and e.1: both at w.0 in cycle 4.
const std::string kMap = "@0 mem.w.3 read 0 -> e.0\n@1 mem.w.2 read 0 -> e.1\n";

/// w.0 gathers from its window in cycle 6 and drives the vector in cycle 8; e.0 stores it as word 9.
Program gathering(std::int64_t first, std::int64_t words, const std::string& more = "") {
    Program program = parse(kMap + "@4 mem.w.0 read 0 -> e.2\n@10 mem.e.0 write 9 <- e.2\n" + more);
    auto& read = *std::get<MemAccess>(program.runs[2].instruction).read;
    read.address = first;
    read.gather = AddressMap{{Direction::East, 0}, words};
    return program;
}

/// w.0 takes a vector of e.0 in cycle 4 and scatters it into its window in cycle 7.
Program scattering(std::int64_t first, std::int64_t words, const std::string& more = "") {
    Program program = parse(kMap + "@0 mem.e.0 read 0 -> w.2\n@4 mem.w.0 write 0 <- w.2\n" + more);
    auto& write = *std::get<MemAccess>(program.runs[3].instruction).write;
    write.address = first;
    write.scatter = AddressMap{{Direction::East, 0}, words};
    return program;
}

void put(Memory& memory, std::int64_t slice, std::int64_t word, std::vector<std::uint8_t> lanes) {
    std::copy(lanes.begin(), lanes.end(), memory.write(slice, word));
}

/// Superlane 0 takes word `south`, superlane 1 word `north`; word i of w.0 holds 10 + i, word 0 of e.0 holds
/// 1 to 8.
Memory with_map(std::int64_t south, std::int64_t north) {
    Memory memory(mapped_spec());
    const auto low = [](std::int64_t address) { return static_cast<std::uint8_t>(address % 256); };
    const auto high = [](std::int64_t address) { return static_cast<std::uint8_t>(address / 256); };
    // Only the first lane of a superlane counts.
    put(memory, 3, 0, {low(south), 77, 77, 77, low(north), 77, 77, 77});
    put(memory, 2, 0, {high(south), 9, 9, 9, high(north), 9, 9, 9});
    for (std::int64_t word = 0; word < 16; ++word)
        put(memory, 0, word, std::vector<std::uint8_t>(8, static_cast<std::uint8_t>(10 + word)));
    put(memory, 4, 0, {1, 2, 3, 4, 5, 6, 7, 8});
    return memory;
}

Run run_both(const Program& program, const Memory& memory, bool values = true) {
    const Run slow = tick(program, mapped_spec(), memory, values);
    Run fast = fold(program, mapped_spec(), memory, values);
    CHECK((slow.error == fast.error));
    CHECK((slow.memory == fast.memory));
    CHECK(slow.cycles == fast.cycles);
    return fast;
}

/// "" if legal, otherwise "class@tau".
std::string first_error(const Program& program, const Memory& memory = with_map(0, 0), bool values = true) {
    const Run run = run_both(program, memory, values);
    if (!run.error)
        return "";
    std::string kind = "other";
    if (run.error->kind == ViolationClass::Data)
        kind = "data";
    if (run.error->kind == ViolationClass::AddressRange)
        kind = "range";
    if (run.error->kind == ViolationClass::BankConflict)
        kind = "bank";
    if (run.error->kind == ViolationClass::StreamEmpty)
        kind = "empty";
    return kind + "@" + std::to_string(run.error->tau);
}

std::vector<std::uint8_t> vector_at(const Memory& memory, std::int64_t slice, std::int64_t word) {
    const std::uint8_t* bytes = memory.read(slice, word);
    return {bytes, bytes + memory.lanes()};
}

} // namespace

TEST_CASE("each superlane gathers from the address of its first lane") {
    const Run run = run_both(gathering(0, 8), with_map(5, 2));
    REQUIRE(!run.error);
    CHECK(vector_at(run.memory, 4, 9) == std::vector<std::uint8_t>{15, 15, 15, 15, 12, 12, 12, 12});
    CHECK(run.cycles == 11 + 2); // Issued at 4, read at 6, driven at 8, taken at 10, written at 11.
}

TEST_CASE("each superlane scatters to the address of its first lane") {
    const Run run = run_both(scattering(8, 8), with_map(15, 8));
    REQUIRE(!run.error);
    CHECK(vector_at(run.memory, 0, 15) == std::vector<std::uint8_t>{1, 2, 3, 4, 25, 25, 25, 25});
    CHECK(vector_at(run.memory, 0, 8) == std::vector<std::uint8_t>{18, 18, 18, 18, 5, 6, 7, 8});
    CHECK(run.cycles == 7 + 2); // Taken at 4, written at 4 + 2 + 1.
}

TEST_CASE("an address may be the first and the last of the window, and none beside it") {
    CHECK(first_error(gathering(2, 4), with_map(2, 5)) == "");
    CHECK(first_error(gathering(2, 4), with_map(1, 5)) == "data@6");
    CHECK(first_error(gathering(2, 4), with_map(2, 6)) == "data@6");
    CHECK(first_error(scattering(2, 4), with_map(2, 5)) == "");
    CHECK(first_error(scattering(2, 4), with_map(1, 5)) == "data@7");
    CHECK(first_error(scattering(2, 4), with_map(2, 6)) == "data@7");
    CHECK(first_error(gathering(2, 4), with_map(2, 258)) == "data@6"); // The high byte counts.
    CHECK(first_error(gathering(2, 4), with_map(1, 6), false) == "");  // Without values there is no data.
}

TEST_CASE("a data error names the address of the first superlane outside, and what is allowed") {
    const Program program = gathering(2, 4);
    const Run run = run_both(program, with_map(300, 7));
    REQUIRE(run.error);
    CHECK(run.error->address == 300);
    CHECK(
        describe(*run.error, program, mapped_spec()) ==
        "cycle 6: run 2 (line 3) on mem.w.0 (read 2 -> e.2 gather 4 <- e.0) takes address 300 from its map, "
        "outside its window of addresses 2 to 5");
    CHECK(run_both(program, with_map(3, 7)).error->address == 7);
}

TEST_CASE("a superlane whose address is outside reads zeros and writes nothing") {
    const ChipSpec spec = mapped_spec();
    Memory memory = with_map(5, 9);
    const MapPlanes map{memory.read(3, 0), memory.read(2, 0)};
    std::vector<std::uint8_t> vector(8, 99);
    CHECK(gather_vector(memory, {0, 0, 8}, map, spec, vector.data()) == 9);
    CHECK(vector == std::vector<std::uint8_t>{15, 15, 15, 15, 0, 0, 0, 0});
    const std::vector<std::uint8_t> written{1, 2, 3, 4, 5, 6, 7, 8};
    CHECK(scatter_vector(memory, {0, 0, 8}, map, spec, written.data()) == 9);
    CHECK(vector_at(memory, 0, 5) == std::vector<std::uint8_t>{1, 2, 3, 4, 15, 15, 15, 15});
    CHECK(vector_at(memory, 0, 9) == std::vector<std::uint8_t>(8, 19));
}

TEST_CASE("a window lies in one bank of its slice") {
    CHECK(first_error(gathering(0, 8)) == "");
    CHECK(first_error(gathering(1, 8)) == "range@6");
    CHECK(first_error(gathering(1, 7), with_map(1, 1)) == "");
    CHECK(first_error(gathering(8, 8), with_map(8, 8)) == "");
    CHECK(first_error(gathering(9, 8)) == "range@6");
    CHECK(first_error(gathering(-1, 8)) == "range@6");
    CHECK(first_error(scattering(1, 8)) == "range@7");
    const Program program = gathering(1, 8);
    CHECK(describe(*run_both(program, with_map(0, 0)).error, program, mapped_spec()) ==
          "cycle 6: run 2 (line 3) on mem.w.0 (read 1 -> e.2 gather 8 <- e.0) has a window of SRAM addresses "
          "1 to "
          "8, "
          "which must lie in one bank of 8 of the addresses 0 to 15");
}

TEST_CASE(
    "a window moves with the strides of its instruction, and the first instance that does not fit is named") {
    const std::string map =
        "@0 mem.w.3 read 0 -> e.0 repeat 6 every 1\n@1 mem.w.2 read 0 -> e.1 repeat 6 every 1\n";
    Program program = parse(map + "@4 mem.w.0 read 0 -> e.2 repeat 6 every 1 address 2");
    std::get<MemAccess>(program.runs[2].instruction).read->gather = AddressMap{{Direction::East, 0}, 4};
    const Run run = run_both(program, {}, false);
    REQUIRE(run.error); // Windows 0 to 3, 2 to 5, 4 to 7, then 6 to 9.
    CHECK(run.error->kind == ViolationClass::AddressRange);
    CHECK(run.error->repeat == 3);
    CHECK(run.error->address == 6);
    CHECK(run.error->tau == 9);

    std::get<MemAccess>(program.runs[2].instruction).read->gather = AddressMap{{Direction::East, 0}, 2};
    CHECK(!run_both(program, {}, false).error); // 0 to 1, ..., 6 to 7, 8 to 9, 10 to 11: each inside a bank.
}

TEST_CASE("a window books its bank: a write beside it needs the other one") {
    const auto beside = [](std::int64_t issue, std::int64_t word) {
        return gathering(0, 2,
                         "@0 mem.e.0 read 0 -> w.3 repeat 9 every 1\n@" + std::to_string(issue) +
                             " mem.w.0 write " + std::to_string(word) + " <- w.3");
    };
    CHECK(first_error(beside(5, 7)) == "bank@6"); // Not in the window, but in its bank.
    CHECK(first_error(beside(5, 8)) == "");
    CHECK(first_error(beside(6, 7)) == ""); // A cycle later.
}

TEST_CASE("a plain read and one through a map that meet in a slice are one too many, in whatever banks") {
    const auto beside = [](std::int64_t issue) {
        return gathering(0, 8, "@" + std::to_string(issue) + " mem.w.0 read 15 -> e.5");
    };
    CHECK(first_error(beside(5)) == "");
    CHECK(first_error(beside(6)) == "bank@6");
    CHECK(first_error(beside(7)) == "");
    const Run run = run_both(beside(6), with_map(0, 0));
    CHECK(run.error->run == 4);
    CHECK(run.error->other_run == 2);
    CHECK(run.error->address == 15);
}

TEST_CASE("two writes that meet in a slice are one too many") {
    const auto beside = [](std::int64_t issue) {
        return scattering(0, 8,
                          "@2 mem.e.0 read 1 -> w.3 repeat 9 every 1\n@" + std::to_string(issue) +
                              " mem.w.0 write 15 <- w.3");
    };
    CHECK(first_error(beside(6)) == "bank@7"); // Both in cycle 7.
    CHECK(first_error(beside(7)) == "");
    CHECK(first_error(beside(8)) == "");
}

TEST_CASE("a data error is the first only before every broken rule; in one cycle the broken rule counts") {
    const Memory bad = with_map(9, 0);
    // Nothing arrives on e.7.
    const auto beside = [](std::int64_t cycle) {
        return gathering(0, 8, "@" + std::to_string(cycle) + " mem.e.1 write 0 <- e.7");
    };
    CHECK(first_error(beside(5), bad) == "empty@5");
    CHECK(first_error(beside(6), bad) == "empty@6");
    CHECK(first_error(beside(7), bad) == "data@6");
    CHECK(first_error(beside(7), bad, false) == "empty@7");
    CHECK(first_error(beside(7), with_map(0, 0)) == "empty@7");
}

TEST_CASE("an address may come from what was gathered before") {
    // What w.0 gathers in cycle 6 is word 9 of e.0 from cycle 11 on, and the low bytes of a map of e.2, at x
    // = 7 in cycle 15; the high bytes, zeros, come from w.3.
    const auto chained = [](std::int64_t first) {
        Program program = gathering(0, 8,
                                    "@12 mem.e.0 read 9 -> e.2\n@8 mem.w.3 read 2 -> e.3\n"
                                    "@15 mem.e.2 read 0 -> e.6\n");
        auto& read = *std::get<MemAccess>(program.runs[6].instruction).read;
        read.address = first;
        read.gather = AddressMap{{Direction::East, 2}, 4};
        return program;
    };
    Memory memory = with_map(3, 3); // Word 3 of w.0 holds 13 in every lane.
    CHECK(first_error(chained(12), memory) == "");
    CHECK(first_error(chained(8), memory) == "data@17"); // 13 is not in 8 to 11.
    put(memory, 0, 3, std::vector<std::uint8_t>(8, 8));
    CHECK(first_error(chained(8), memory) == "");
}

TEST_CASE("a long gather sees what is written into its window from then on") {
    // Word 5 is gathered in cycles 6, 9, 12 and 15, and written in cycle 10.
    Program program =
        parse("@0 mem.w.3 read 0 -> e.0 repeat 4 every 3\n@1 mem.w.2 read 0 -> e.1 repeat 4 every 3\n"
              "@4 mem.w.0 read 0 -> e.2 repeat 4 every 3\n"
              "@10 mem.e.0 write 8 <- e.2 repeat 4 every 3 write_address 1\n"
              "@5 mem.e.1 read 0 -> w.3\n@9 mem.w.0 write 5 <- w.3\n");
    std::get<MemAccess>(program.runs[2].instruction).read->gather = AddressMap{{Direction::East, 0}, 8};
    Memory memory = with_map(5, 5);
    memory.write(5, 0)[0] = 99;
    const Run run = run_both(program, memory);
    REQUIRE(!run.error);
    CHECK(*run.memory.read(4, 8) == 15);
    CHECK(*run.memory.read(4, 9) == 15);
    CHECK(*run.memory.read(4, 10) == 99);
    CHECK(*run.memory.read(4, 11) == 99);
}

TEST_CASE("a read sees what a long scatter has written into its window by then") {
    // Word 5 is written in cycles 7, 10, 13 and 16, and read in cycle 11.
    Program program =
        parse("@0 mem.w.3 read 0 -> e.0 repeat 4 every 3\n@1 mem.w.2 read 0 -> e.1 repeat 4 every 3\n"
              "@0 mem.e.0 read 0 -> w.2 repeat 4 every 3 address 1\n"
              "@4 mem.w.0 write 0 <- w.2 repeat 4 every 3\n"
              "@11 mem.w.0 read 5 -> e.2\n@16 mem.e.2 write 3 <- e.2\n");
    std::get<MemAccess>(program.runs[3].instruction).write->scatter = AddressMap{{Direction::East, 0}, 8};
    Memory memory = with_map(5, 5);
    for (std::int64_t word = 0; word < 4; ++word)
        memory.write(4, word)[0] = static_cast<std::uint8_t>(60 + word);
    const Run run = run_both(program, memory);
    REQUIRE(!run.error);
    CHECK(*run.memory.read(6, 3) == 61); // The second one.
    CHECK(*run.memory.read(0, 5) == 63);
}

TEST_CASE("of two data errors in one cycle the lesser queue is named, whichever comes first in the program") {
    Program program = parse(kMap + "@4 mem.w.1 read 0 -> e.2\n@4 mem.w.0 read 0 -> e.3\n");
    for (const std::size_t gather : {std::size_t{2}, std::size_t{3}})
        std::get<MemAccess>(program.runs[gather].instruction).read->gather =
            AddressMap{{Direction::East, 0}, 8};
    const Run run = run_both(program, with_map(8, 8));
    REQUIRE(run.error);
    CHECK(run.error->kind == ViolationClass::Data);
    CHECK(run.error->queue.index == 0);
}

TEST_CASE("where a gather and a scatter of one instruction fail in one cycle, the gather is named") {
    // Both twice, in cycles 7 and 10; the second maps are outside. A write into the window of the gather, in
    // cycle 9, keeps it from being done long before the scatter.
    ChipSpec spec = mapped_spec();
    spec.mem_write_latency_cycles = 0;
    Program program = parse("@1 mem.w.3 read 0 -> e.0 repeat 2 every 3 address 1\n"
                            "@2 mem.w.2 read 0 -> e.1 repeat 2 every 3\n"
                            "@1 mem.e.0 read 0 -> w.0 repeat 2 every 3 address 1\n"
                            "@1 mem.e.1 read 0 -> w.1 repeat 2 every 3\n"
                            "@0 mem.e.2 read 0 -> w.2 repeat 9 every 1\n"
                            "@5 mem.w.0 read 0 -> e.2 write 8 <- w.2 repeat 2 every 3\n"
                            "@9 mem.w.0 write 1 <- w.2\n");
    auto& access = std::get<MemAccess>(program.runs[5].instruction);
    access.read->gather = AddressMap{{Direction::East, 0}, 4};
    access.write->scatter = AddressMap{{Direction::West, 0}, 4};
    Memory memory(spec);
    put(memory, 3, 0, {1, 0, 0, 0, 1, 0, 0, 0});
    put(memory, 3, 1, {7, 0, 0, 0, 1, 0, 0, 0});
    put(memory, 4, 0, {8, 0, 0, 0, 9, 0, 0, 0});
    put(memory, 4, 1, {12, 0, 0, 0, 9, 0, 0, 0});
    const Run slow = tick(program, spec, memory, true);
    REQUIRE(slow.error);
    CHECK(slow.error->kind == ViolationClass::Data);
    CHECK(slow.error->tau == 10);
    CHECK(slow.error->repeat == 1);
    CHECK(slow.error->address == 7);
    CHECK((fold(program, spec, memory, true).error == slow.error));
    CHECK(describe(*slow.error, program, spec)
              .find("takes address 7 from its map, outside its window of addresses 0 to 3") !=
          std::string::npos);

    put(memory, 3, 1, {3, 0, 0, 0, 1, 0, 0, 0}); // Now only the scatter's is outside.
    const Run scattered = tick(program, spec, memory, true);
    REQUIRE(scattered.error);
    CHECK(scattered.error->address == 12);
    CHECK((fold(program, spec, memory, true).error == scattered.error));
    CHECK(describe(*scattered.error, program, spec).find("outside its window of addresses 8 to 11") !=
          std::string::npos);
}

} // namespace lpusim::chip
