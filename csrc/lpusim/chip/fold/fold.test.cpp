#include "lpusim/chip/fold/fold.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/fuzz/compare_engines.h"
#include "lpusim/chip/fuzz/random_program.h"
#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/text/text.h"
#include "lpusim/chip/tick/tick.h"

namespace lpusim::chip {
namespace {

std::string outcome(const Run& run, const Program& program, const ChipSpec& spec) {
    return run.error ? describe(*run.error, program, spec) : "no error";
}

/// Both engines agree in everything they promise to agree in; what fold says.
Run check_equal(const Program& program, const ChipSpec& spec, const Memory& memory, bool values) {
    const EngineOutcome slow = outcome_of(slow_engine(), program, spec, memory, values);
    EngineOutcome fast = outcome_of(fast_engine(), program, spec, memory, values);
    if (!difference(slow, fast).empty()) {
        FAIL(difference_report(
            program, spec,
            [&](std::int64_t chips) { return chips == program.chips ? memory : Memory(spec, chips); },
            values));
    }
    REQUIRE(fast.refusal.empty());
    return std::move(fast.run);
}

void check_equal(const Program& program, const ChipSpec& spec, std::uint64_t seed, bool values) {
    CAPTURE(seed);
    static_cast<void>(
        check_equal(program, spec, values ? random_memory(spec, seed, program.chips) : Memory(), values));
}

} // namespace

TEST_CASE("fold and tick agree on random programs, legal and not") {
    std::array<std::int64_t, 15> errors_of{};
    std::int64_t legal = 0, compared = 0;
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
        const ChipSpec spec = random_spec(seed);
        const Program program = random_legal_program(spec, seed, 1 + static_cast<std::int64_t>(seed) % 5 % 3);
        check_equal(program, spec, seed, true);
        ++compared;
        for (std::uint64_t change = 0; change < 12; ++change) {
            const Program other = mutated(program, spec, 1000 * seed + change);
            check_equal(other, spec, seed, change % 2 == 0);
            ++compared;
            if (const Run run = fold(other, spec, {}, false); run.error) {
                ++errors_of[static_cast<std::size_t>(run.error->kind)];
            } else {
                ++legal;
            }
        }
    }
    MESSAGE("fold == tick on " << compared << " programs");
    CHECK(legal > 50);
    for (std::size_t kind = 0; kind < errors_of.size(); ++kind) {
        if (ViolationClass(kind) == ViolationClass::ReceiveEmpty ||
            ViolationClass(kind) == ViolationClass::Data)
            continue; // These programs have neither links nor maps.
        CAPTURE(kind);
        CHECK(errors_of[kind] > 0);
    }
}

TEST_CASE("fold and tick agree on gathers, scatters and links, with data errors and without") {
    std::int64_t legal = 0, compared = 0;
    std::array<std::int64_t, 15> errors_of{};
    for (std::uint64_t seed = 1; seed <= 500; ++seed) {
        const ChipSpec spec = random_spec(seed);
        const std::int64_t chips = 1 + static_cast<std::int64_t>(seed) % 3;
        const Program program = random_linked_program(spec, seed, chips);
        for (std::uint64_t change = 0; change < 8; ++change) {
            const Program other = change == 0 ? program : mutated(program, spec, 1000 * seed + change);
            const Memory memory = memory_with_maps(spec, seed, chips);
            check_equal(other, spec, {}, false);
            const Run run = check_equal(other, spec, memory, true);
            ++compared;
            if (run.error) {
                ++errors_of[static_cast<std::size_t>(run.error->kind)];
            } else {
                ++legal;
            }
        }
    }
    MESSAGE("fold == tick on " << compared << " programs with maps and links, " << legal << " legal");
    CHECK(legal > 500);
    for (const ViolationClass kind :
         {ViolationClass::AddressRange, ViolationClass::QueueParked, ViolationClass::ReceiveEmpty,
          ViolationClass::BankConflict, ViolationClass::ResourceBusy, ViolationClass::Data}) {
        CAPTURE(static_cast<int>(kind));
        CHECK(errors_of[static_cast<std::size_t>(kind)] > 10);
    }
}

TEST_CASE("fold and tick agree on weights loaded and installed in turn, however the repeats are written") {
    std::int64_t legal = 0, overlapping = 0;
    std::array<std::int64_t, 15> late_errors_of{};
    for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
        const ChipSpec spec = random_spec(seed);
        const Program program = random_weights(spec, seed);
        check_equal(program, spec, seed, false);
        const Run run = fold(program, spec, {}, false);
        legal += !run.error && !program.runs.empty();
        if (run.error && run.error->tau > 100)
            ++late_errors_of[static_cast<std::size_t>(run.error->kind)];
        overlapping += program.runs.size() > 4;
    }
    MESSAGE("fold == tick on " << legal << " legal programs and others that break a rule");
    CHECK(legal > 500);
    CHECK(overlapping > 500);
    CHECK(late_errors_of[static_cast<std::size_t>(ViolationClass::QueueBusy)] > 5);
    CHECK(late_errors_of[static_cast<std::size_t>(ViolationClass::ShadowBusy)] > 5);
    CHECK(late_errors_of[static_cast<std::size_t>(ViolationClass::LoadsUnfinished)] > 5);
}

TEST_CASE("an activation run that spans an install uses both weights") {
    const ChipSpec spec; // VXM at 22, slices 0 to 2 of the west at 21, MXM at 0.
    const Program program = parse("@0  mem.w.0 read 0 -> w.0\n" // driven at 2, 21 hops
                                  "@23 mxm.w.0.weights load 0 <- w.0 streams 1\n"
                                  "@24 mxm.w.0.weights install\n" // active from 25
                                  "@10 mem.w.0 read 1 -> w.0\n"
                                  "@33 mxm.w.0.weights load 0 <- w.0 streams 1\n"
                                  "@34 mxm.w.0.weights install\n" // active from 35
                                  "@2  mem.w.1 read 0 -> w.1 repeat 30 every 1\n"
                                  "@25 mxm.w.0.activations activate int8 <- w.1 repeat 30 every 1\n"
                                  "@45 mxm.w.0.accumulators start 0 -> e.0 repeat 30 every 1\n"
                                  "@67 mem.w.2 write 0 <- e.0 repeat 30 every 1 write_address 1\n");
    Memory memory(spec);
    memory.write(0, 0)[0] = 3;
    memory.write(0, 1)[0] = 5;
    memory.write(1, 0)[0] = 7;
    const Run run = fold(program, spec, memory, true);
    REQUIRE_FALSE(run.error.has_value());
    CHECK((run.memory == tick(program, spec, memory, true).memory));
    CHECK(run.cycles == 96 + 1 + 20); // The last vector is written at 67 + 29, one cycle after it is taken.
    for (std::int64_t row = 0; row < 30; ++row) { // Rows 0 to 9 entered at 25 to 34.
        CHECK(run.memory.read(2, row)[0] == (row < 10 ? 21 : 35));
        CHECK(run.memory.read(2, row)[1] == 0);
    }
}

TEST_CASE("a long run reads what it has written one cycle before, and not what it is about to write") {
    const ChipSpec spec; // Slice 3 of the west stands at x = 20, slice 0 at 21, slice 0 of the east at 23.
    for (const std::int64_t first_written : {0, 1, 99}) {
        // Instance i reads word i in cycle 3 + 2i and writes word first_written + i in cycle 4 + 2i.
        const Program program = parse("@0 mem.w.3 read 0 -> e.0 repeat 100 every 2 address 1\n"
                                      "@3 mem.w.0 read 0 -> e.1 write " +
                                      std::to_string(first_written) +
                                      " <- e.0 repeat 100 every 2 address 1 write_address 1\n"
                                      "@7 mem.e.0 write 0 <- e.1 repeat 100 every 2 write_address 1\n");
        Memory memory(spec);
        for (std::int64_t word = 0; word < 100; ++word) {
            memory.write(0, word)[0] = static_cast<std::uint8_t>(word);
            memory.write(3, word)[0] = static_cast<std::uint8_t>(100 + word);
        }
        const Run run = fold(program, spec, memory, true);
        REQUIRE_FALSE(run.error.has_value());
        CHECK((run.memory == tick(program, spec, memory, true).memory));
        for (std::int64_t word = 0; word < 100; ++word) {
            const bool written_before = first_written > 0 && word >= first_written;
            CHECK(run.memory.read(44, word)[0] == (written_before ? 100 + word - first_written : word));
        }
    }
}

TEST_CASE("weights loaded as whole rows of columns break the same rules as one by one") {
    const ChipSpec spec; // Slice 0 of the west stands 21 hops from its MXM, slice 3 stands 20.
    const std::string two =
        "@0 mem.w.0 read 0 -> w.0 repeat 9 every 1\n@0 mem.w.1 read 0 -> w.1 repeat 9 every 1\n";
    const auto outcome_of = [&](const std::string& loads) {
        const Program program = parse(two + loads);
        const Run slow = tick(program, spec, {}, false), fast = fold(program, spec, {}, false);
        CHECK((slow.error == fast.error));
        return outcome(fast, program, spec);
    };
    // Columns 0 and 1, 4 and 5; between them 2 and 3 are free, and 1 is not.
    const std::string gaps = "@23 mxm.w.0.weights load 0 <- w.0 streams 2 repeat 2 every 1 address 4\n";
    CHECK(outcome_of(gaps + "@25 mxm.w.0.weights load 2 <- w.0 streams 2\n") == "no error");
    CHECK(outcome_of(gaps + "@25 mxm.w.0.weights load 3 <- w.0 streams 2\n").find("column 3 on") !=
          std::string::npos);
    CHECK(outcome_of(gaps + "@25 mxm.w.0.weights load 1 <- w.0 streams 1\n").find("column 1 on") !=
          std::string::npos);
    // From the last column backwards is a row as well.
    const std::string back = "@23 mxm.w.0.weights load 316 <- w.0 streams 2 repeat 3 every 1 address -2\n";
    CHECK(outcome_of(back + "@26 mxm.w.0.weights load 310 <- w.0 streams 2\n") == "no error");
    CHECK(outcome_of(back + "@26 mxm.w.0.weights load 311 <- w.0 streams 2\n").find("column 311 on") !=
          std::string::npos);
    // Nothing is loaded between the two installs of a repeat.
    CHECK(
        outcome_of(gaps + "@25 mxm.w.0.weights install repeat 2 every 3\n")
            .starts_with("cycle 28: run 3 (line 4) on mxm.w.0.weights (install; repeat 1) installs weights"));
}

TEST_CASE("a running sum over more vectors than a batch holds, read by another ALU as it grows") {
    const ChipSpec spec; // VXM at 22, slice 0 one hop away on either side.
    const std::string each = " repeat 600 every 1";
    const Program program =
        parse("@1 mem.w.0 read 0 -> e.0" + each + " address 1\n" + "@3 vxm.0 pass int8 =5\n" +
              "@4 vxm.0 add int8 e.0, alu.0" + each + "\n" + "@5 vxm.1 add int8 alu.0, =1 -> e.1" + each +
              "\n" + "@7 mem.e.0 write 0 <- e.1" + each + " write_address 1\n");
    Memory memory(spec);
    for (std::int64_t word = 0; word < 600; ++word)
        memory.write(0, word)[3] = static_cast<std::uint8_t>(word % 7);
    const Run run = fold(program, spec, memory, true);
    REQUIRE_FALSE(run.error.has_value());
    CHECK((run.memory == tick(program, spec, memory, true).memory));
    std::int64_t sum = 5;
    for (std::int64_t word = 0; word < 600; ++word) {
        sum += word % 7;
        CHECK(run.memory.read(44, word)[3] == (sum + 1) % 256);
    }
}

TEST_CASE("a chained result of another width gives its low bytes, and zeros above them") {
    const ChipSpec spec; // VXM at 22; slices 0 to 2 one hop away, slice 3 two.
    const Program program = parse("@1 mem.w.0 read 0 -> e.0\n@1 mem.w.1 read 0 -> e.1\n"
                                  "@1 mem.w.2 read 0 -> e.2\n@0 mem.w.3 read 0 -> e.3\n"
                                  "@4 vxm.0 pass int32 e.0\n@4 vxm.2 pass int8 e.0\n"
                                  "@5 vxm.1 pass int32 alu.0 -> e.4\n@5 vxm.3 pass int32 alu.2 -> w.4\n"
                                  "@7 mem.e.0 write 1 <- e.4\n@7 mem.e.1 write 1 <- e.5\n"
                                  "@7 mem.e.2 write 1 <- e.6\n@8 mem.e.3 write 1 <- e.7\n"
                                  "@7 mem.w.0 write 1 <- w.4\n@7 mem.w.1 write 1 <- w.5\n"
                                  "@7 mem.w.2 write 1 <- w.6\n@8 mem.w.3 write 1 <- w.7\n");
    Memory memory(spec);
    for (std::int64_t slice = 0; slice < 4; ++slice)
        memory.write(slice, 0)[0] = static_cast<std::uint8_t>(11 + slice);
    const Run run = fold(program, spec, memory, true);
    REQUIRE_FALSE(run.error.has_value());
    CHECK((run.memory == tick(program, spec, memory, true).memory));
    for (std::int64_t byte = 0; byte < 4; ++byte) {
        CHECK(run.memory.read(44 + byte, 1)[0] == 11 + byte);       // int32 to int32: all four
        CHECK(run.memory.read(byte, 1)[0] == (byte == 0 ? 11 : 0)); // int8 to int32
    }
}

TEST_CASE("fold and tick agree on matrix products of many shapes") {
    std::int64_t compared = 0;
    for (std::uint64_t seed = 1; seed <= 24; ++seed) {
        ChipSpec spec = random_spec(seed);
        spec.mem_slices_per_hemisphere = 12;
        spec.positions = 13;
        spec.mem_words_per_slice = 256;
        spec.mxm_load_streams = std::min<std::int64_t>(2, spec.lanes());
        const std::int64_t m = 1 + static_cast<std::int64_t>(seed * 7 % 19);
        const std::int64_t n = 1 + static_cast<std::int64_t>(seed * 5 % 23);
        const std::int64_t k = 1 + static_cast<std::int64_t>(seed * 3 % 29);
        const Program program = gemm(spec, m, n, k);
        check_equal(program, spec, seed, true);
        check_equal(program, spec, seed, false);
        REQUIRE_FALSE(fold(program, spec, {}, false).error.has_value());
        for (std::uint64_t change = 0; change < 10; ++change) {
            check_equal(mutated(program, spec, 100 * seed + change), spec, seed, true);
            ++compared;
        }
        ++compared;
    }
    MESSAGE("fold == tick on " << compared << " matrix products, whole and broken");
}

TEST_CASE("a repeat of 1e9 costs as many pieces as one of 100") {
    const ChipSpec spec;
    const auto stretched = [&](std::int64_t count) {
        const std::string repeat = " repeat " + std::to_string(count) + " every 3 repeat 2 every 1\n";
        // Slice 0 of the west sits at 21, of the east at 23: two hops after the read latency of 2.
        return fold(parse("@0 mem.w.0 read 0 -> e.0" + repeat + "@4 mem.e.0 write 0 <- e.0" + repeat), spec,
                    {}, false);
    };
    const Run small = stretched(100), large = stretched(1'000'000'000);
    CHECK_FALSE(small.error.has_value());
    CHECK_FALSE(large.error.has_value());
    CHECK(small.pieces == 3); // Two runs, one meeting.
    CHECK(large.pieces == 3);
    CHECK(large.cycles == 2'999'999'997 + 1 + 4 + 1 + 20);
}

TEST_CASE("the first error of a long run is found without walking there") {
    const ChipSpec spec;
    // The read carries on for 1e9 repeats, the write for one more: only that one finds nothing.
    const Program program = parse("@0 mem.w.0 read 0 -> e.0 repeat 1000000000 every 3\n"
                                  "@4 mem.e.0 write 0 <- e.0 repeat 1000000001 every 3\n");
    const Run run = fold(program, spec, {}, false);
    REQUIRE(run.error.has_value());
    CHECK(run.error->kind == ViolationClass::StreamEmpty);
    CHECK(run.error->tau == 3'000'000'004);
    CHECK(run.error->run == 1);
    CHECK(run.error->repeat == 1'000'000'000);
}

TEST_CASE("two walks through both banks, 2e9 steps each, are told apart without following them") {
    const ChipSpec spec; // 4,096 words a bank; a write reaches SRAM one cycle after the read beside it.
    const auto turning = [&](std::int64_t half_cycles) {
        const std::string outer = " repeat 2 every " + std::to_string(half_cycles);
        const std::string inner = " repeat 1000 every 1000000", middle = " repeat 1000 every 1000";
        const std::string step = " address 1 write_address 1";
        return fold(parse("@0 mem.w.0 read 0 -> e.0" + outer + inner + middle + " repeat 1000 every 1\n" +
                          "@4 mem.e.0 read 0 -> e.1 write 4096 <- e.0" + outer +
                          " address 4096 write_address -4096" + inner + step + middle + step +
                          " repeat 1000 every 1" + step + "\n"),
                    spec, {}, false);
    };
    CHECK_FALSE(turning(1'000'000'001).error.has_value());
    const Run clash = turning(1'000'000'000); // The last write of the first half meets the next read.
    REQUIRE(clash.error.has_value());
    CHECK(clash.error->kind == ViolationClass::BankConflict);
    CHECK(clash.error->tau == 1'000'000'004);
}

TEST_CASE("fold refuses to compute more than a minute's values, and still times them") {
    const ChipSpec spec;
    const auto copies = [](std::int64_t count) {
        const std::string repeat = " repeat " + std::to_string(count) + " every 1\n";
        return parse("@0 mem.w.0 read 0 -> e.0" + repeat + "@4 mem.e.0 write 0 <- e.0" + repeat);
    };
    const auto stop = [](std::int64_t, std::int64_t) { throw ScheduleError("stop"); };
    constexpr std::int64_t kHalf = std::int64_t{1} << 30; // Each copy is a read and a write.
    CHECK_THROWS_AS(static_cast<void>(fold(copies(kHalf), spec, {}, true, stop)), ScheduleError); // It began.
    CHECK_THROWS_AS(static_cast<void>(fold(copies(kHalf + 1), spec, {}, true)), CapacityError);
    CHECK_FALSE(fold(copies(std::int64_t{1} << 34), spec, {}, false).error.has_value());
    const Program empty = parse("@0 mem.e.0 write 0 <- e.0 repeat 100000000000 every 1");
    CHECK(fold(empty, spec, {}, true).error.has_value()); // A broken rule comes first.
}

TEST_CASE("progress comes from matching and from values, and can stop either") {
    const ChipSpec spec;
    const auto stopped = [&](bool values) {
        std::int64_t calls = 0;
        const auto stop = [&](std::int64_t done, std::int64_t total) {
            ++calls;
            CHECK(done <= total);
            if (calls == (values ? 100 : 1))
                throw ScheduleError("stop");
        };
        const Program program = parse("@0 mem.w.0 read 0 -> e.0 repeat 10000000 every 1\n"
                                      "@4 mem.e.0 write 0 <- e.0 repeat 10000000 every 1\n");
        CHECK_THROWS_AS(static_cast<void>(fold(program, spec, {}, values, stop)), ScheduleError);
    };
    stopped(false);
    stopped(true);
}

TEST_CASE("both engines refuse a nest of nine repeats and take one of eight") {
    const ChipSpec spec;
    const auto nested = [](int depth) {
        std::string text = "@0 mem.w.0 read 0 -> e.0";
        for (int k = depth; k-- > 0;)
            text += " repeat 2 every " + std::to_string(1 << k);
        return parse(text + "\n");
    };
    CHECK(fold(nested(8), spec, {}, false).cycles == tick(nested(8), spec, {}, false).cycles);
    CHECK_THROWS_AS(static_cast<void>(fold(nested(9), spec, {}, false)), ValueError);
    CHECK_THROWS_AS(static_cast<void>(tick(nested(9), spec, {}, false)), ValueError);
}

} // namespace lpusim::chip
