#include "lpusim/chip/fuzz/minimise.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>

#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/fuzz/compare_engines.h"
#include "lpusim/chip/fuzz/random_program.h"
#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/text/text.h"

namespace lpusim::chip {
namespace {

template <class Has>
std::string least(const std::string& text, const Has& has, const ChipSpec& spec = {}) {
    return to_text(minimised(parse(text), spec, has));
}

/// Does some instance of a plain read of slice w.`slice` take word `address`?
auto reads_word(std::int64_t slice, std::int64_t address) {
    return [slice, address](const Program& program) {
        for (const InstructionRun& run : program.runs) {
            const auto* access = std::get_if<MemAccess>(&run.instruction);
            if (access == nullptr || !access->read || run.queue.hemisphere != Hemisphere::West)
                continue;
            for (std::int64_t i = 0; i < run.slices.count; ++i) {
                for (std::int64_t repeat = 0; repeat < instance_count(run); ++repeat) {
                    std::int64_t word = access->read->address + i * run.slices.address_stride;
                    const auto indices = repeat_indices(run, repeat);
                    for (std::size_t level = 0; level < indices.size(); ++level)
                        word += indices[level] * run.repeat[level].address_stride;
                    if (run.queue.index + i == slice && word == address)
                        return true;
                }
            }
        }
        return false;
    };
}

const char* const kCrowd = "tensor a input int8 1 x 8 lanes 8 columns\n"
                           "piece w.0 address 0 row 0 column 0\n"
                           "@3 mem.w.0 read 0 -> e.0 repeat 4 every 50 repeat 8 every 1\n"
                           "@16 mem.e.20 write 0 <- e.0\n@4 vxm.1 add int8 e.0, =3 -> e.1\n"
                           "@40 mem.w.7 sync\n@41 vxm.3 notify\n";

} // namespace

TEST_CASE("all but what the property needs is gone") {
    CHECK(least(kCrowd, [](const Program&) { return true; }).empty());
    const auto syncs = [](const Program& program) {
        return std::ranges::any_of(program.runs, [](const InstructionRun& run) {
            return std::holds_alternative<Sync>(run.instruction);
        });
    };
    CHECK(least(kCrowd, syncs) == "@0 mem.w.7 sync\n");
    // Of two that stay, neither waits for the other and neither repeats.
    const Program two =
        minimised(parse(kCrowd), {}, [](const Program& program) { return program.runs.size() >= 2; });
    REQUIRE(two.runs.size() == 2);
    for (const InstructionRun& run : two.runs) {
        CHECK(run.issue == 0);
        CHECK(run.repeat.empty());
    }
}

TEST_CASE("repeats and slice ranges are cut at both ends until one instance is left") {
    // Word 25 is instance (2, 5) of run 0; word 11 of slice 7 is slice 3 of the range, 2 + 3 * 3.
    const std::string text =
        "@3 mem.w.0 read 0 -> e.0 repeat 4 every 50 address 10 repeat 8 every 1 address 1\n"
        "@7 mem.w.4..9 read 2 -> w.0 each address 3 cycles 2\n";
    CHECK(least(text, reads_word(0, 25)) == "@0 mem.w.0 read 25 -> e.0\n");
    CHECK(least(text, reads_word(7, 11)) == "@0 mem.w.7 read 11 -> w.0\n");
}

TEST_CASE("counts, strides and periods shrink to the least that keeps the property") {
    const auto instances = [](const Program& program) {
        std::int64_t count = 0;
        for (const InstructionRun& run : program.runs)
            count += run.slices.count * instance_count(run);
        return count >= 10;
    };
    CHECK(least("@90 mem.w.0 read 70 -> e.3 repeat 1000 every 17 address 5\n", instances) ==
          "@0 mem.w.0 read 0 -> e.3 repeat 10 every 1\n");
    // 600 cycles from the first issue to the last, however many repeats: two of them are enough.
    const auto long_run = [](const Program& program) {
        return std::ranges::any_of(program.runs,
                                   [](const InstructionRun& run) { return repeat_span_cycles(run) >= 600; });
    };
    CHECK(least("@0 mem.w.0 read 0 -> e.0 repeat 2 every 900 repeat 100 every 7 address 2\n", long_run) ==
          "@0 mem.w.0 read 0 -> e.0 repeat 2 every 600\n");
}

TEST_CASE("tensors, lane maps and chips go if nothing needs them") {
    const ChipSpec spec;
    Program program = gemm(spec, 2, 3, 4);
    program.chips = 3;
    program.maps.push_back({"unused", std::vector<std::int16_t>(320, 0)});
    program.runs.push_back({{Unit::Mem, Hemisphere::West, 3, 2}, 5, Sync{}, {}, {}});
    const Program small = minimised(program, spec, [](const Program& candidate) {
        return std::ranges::any_of(candidate.runs, [](const InstructionRun& run) {
            return std::holds_alternative<Sync>(run.instruction);
        });
    });
    CHECK(small.chips == 1);
    CHECK(small.tensors.empty());
    CHECK(small.maps.empty());
    CHECK(to_text(small) == "@0 mem.w.3 sync\n"); // It was on chip 2, which is now the only one.
}

TEST_CASE("a bank conflict is told in the three instructions that it takes") {
    const ChipSpec spec; // w.0 stands at 21, w.3 at 20: a vector from w.3 arrives 3 cycles after its read.
    const auto conflicts = [&](const Program& program) {
        const Run run = fold(program, spec, {}, false);
        return run.error && run.error->kind == ViolationClass::BankConflict;
    };
    std::string text = "@100 mem.w.3 read 10 -> e.0 repeat 30 every 2 address 1\n"
                       "@103 mem.w.0 write 40 <- e.0 repeat 30 every 2 write_address 1\n"
                       "@150 mem.w.0 read 50 -> e.1 repeat 9 every 2 address 1\n"; // a write beside it
    for (int other = 4; other < 40; ++other)
        text += "@" + std::to_string(100 + other) + " mem.w." + std::to_string(other) + " read 7 -> w.5\n";
    REQUIRE(conflicts(parse(text)));
    // The write, taken from the stream at 3, is in SRAM at 4.
    CHECK(least(text, conflicts) == "@0 mem.w.3 read 0 -> e.0\n@3 mem.w.0 write 0 <- e.0\n"
                                    "@4 mem.w.0 read 0 -> e.1\n");
}

TEST_CASE("what is left of random programs is valid, has the property, and loses it with any run") {
    std::int64_t minimised_count = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        const ChipSpec spec = random_spec(seed);
        const Program program = mutated(random_linked_program(spec, seed, 2), spec, seed);
        const Run run = fold(program, spec, {}, false);
        if (!run.error)
            continue;
        const auto same_class = [&](const Program& candidate) {
            const Run other = fold(candidate, spec, {}, false);
            return other.error && other.error->kind == run.error->kind;
        };
        const Program small = minimised(program, spec, same_class);
        REQUIRE(same_class(small));
        CHECK(small.runs.size() <= program.runs.size());
        for (std::size_t at = 0; at < small.runs.size(); ++at) {
            Program without = small;
            without.runs.erase(without.runs.begin() + static_cast<std::ptrdiff_t>(at));
            CHECK_FALSE(same_class(without));
        }
        ++minimised_count;
    }
    CHECK(minimised_count > 20);
}

TEST_CASE("engines that differ are shown with the least program, both outcomes and the spec") {
    ChipSpec spec;
    spec.vxm_alus = 5;
    const Engine wrong = [](const Program& program, const ChipSpec& chip, Memory memory, bool values) {
        Run run = fold(program, chip, std::move(memory), values);
        const bool installs = std::ranges::any_of(program.runs, [](const InstructionRun& each) {
            return std::holds_alternative<Notify>(each.instruction);
        });
        run.cycles += installs;
        return run;
    };
    const auto empty = [&](std::int64_t chips) { return Memory(spec, chips); };
    const Program legal = parse("@3 mem.w.0 read 0 -> e.0 repeat 4 every 50\n@7 mem.e.0 write 0 <- e.0\n"
                                "@40 mem.w.7 sync\n@41 vxm.3 notify\n");
    const std::string report = difference_report(legal, spec, empty, true, slow_engine(), wrong);
    // The last of 20 superlanes issues in cycle 19.
    CHECK(report == "the engines differ in: cycles (with values)\n"
                    "tick: 20 cycles, no error\nfold: 21 cycles, no error\n"
                    "spec: vxm_alus=5\nprogram (1 chips):\n@0 vxm.3 notify\n");
}

TEST_CASE("a refusal by one engine only is a difference, the same refusal by both is none") {
    const ChipSpec spec;
    const Program never = parse("@0 mem.w.99 sync"); // No such slice.
    const EngineOutcome slow = outcome_of(slow_engine(), never, spec, {}, false);
    const EngineOutcome fast = outcome_of(fast_engine(), never, spec, {}, false);
    CHECK(slow.refusal.find("mem.w.99") != std::string::npos);
    CHECK(difference(slow, fast).empty());
    CHECK(difference(slow, {}) == "refusal");
}

} // namespace lpusim::chip
