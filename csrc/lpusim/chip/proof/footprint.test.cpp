#include "lpusim/chip/proof/footprint.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/fuzz/draw.h"
#include "lpusim/chip/fuzz/random_program.h"
#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/proof/verify.h"
#include "lpusim/chip/text/text.h"
#include "lpusim/chip/tick/tick.h"

namespace lpusim::chip {
namespace {

/// Places programs one after another at their least offsets.
std::vector<PlacedProgram> compose(const std::vector<Program>& programs, const ChipSpec& spec) {
    Footprint frontier;
    std::vector<PlacedProgram> placed;
    for (const Program& program : programs) {
        const Footprint next = footprint(program, spec);
        placed.push_back({&program, least_offset(frontier, next)});
        extend(frontier, next, placed.back().offset);
    }
    return placed;
}

/// The same program with everything `words` further up in SRAM.
Program moved(Program program, std::int64_t words) {
    for (InstructionRun& run : program.runs) {
        if (auto* access = std::get_if<MemAccess>(&run.instruction)) {
            if (access->read)
                access->read->address += words;
            if (access->write)
                access->write->address += words;
        }
    }
    for (Tensor& tensor : program.tensors) {
        for (TensorPiece& piece : tensor.pieces)
            piece.address += words;
    }
    return program;
}

void check_composition(const std::vector<Program>& programs, const ChipSpec& spec, std::uint64_t seed) {
    const Program flat = flatten(compose(programs, spec));
    CAPTURE(seed);
    CAPTURE(to_text(flat));
    REQUIRE(verify(flat, spec).message == "");
    Memory sequential = random_memory(spec, seed);
    for (const Program& program : programs)
        sequential = fold(program, spec, sequential, true).memory;
    REQUIRE((fold(flat, spec, random_memory(spec, seed), true).memory == sequential));
}

bool uses_maps(const Program& program) {
    return std::ranges::any_of(program.runs, [](const InstructionRun& run) {
        const auto* access = std::get_if<MemAccess>(&run.instruction);
        return access != nullptr && ((access->read && access->read->gather.has_value()) ||
                                     (access->write && access->write->scatter.has_value()));
    });
}

/// Is it legal, and without need of weights or sums of a program before it?
bool follows(const Program& program, const ChipSpec& spec) {
    if (!verify(program, spec).legal())
        return false;
    try {
        static_cast<void>(footprint(program, spec));
        return true;
    } catch (const ScheduleError&) {
        return false;
    }
}

} // namespace

TEST_CASE("a copy may follow itself as soon as its queues are free") {
    const ChipSpec spec; // Slice 0 of the west at 21, of the east at 23.
    const Program copy = parse("@0 mem.w.0 read 0 -> e.0 repeat 10 every 1 address 1\n"
                               "@4 mem.e.0 write 0 <- e.0 repeat 10 every 1 write_address 1\n");
    const Footprint use = footprint(copy, spec);
    for (std::size_t zone = 0; zone < Footprint::kZones; ++zone) { // From one hemisphere into the other.
        CHECK((use.streams[zone] == UseSpan{2 - 21, 2 - 21 + 9}));
    }
    const auto banks = static_cast<std::size_t>(spec.mem_banks_per_slice);
    const auto target = static_cast<std::size_t>(slice_ordinal(spec, Hemisphere::East, 0)) * banks;
    CHECK((use.bank_reads[0] == UseSpan{0, 9}));
    CHECK((use.bank_writes[target] == UseSpan{5, 14}));
    CHECK_FALSE(use.bank_writes[target + 1].used());
    CHECK(least_offset(Footprint{}, use) == 0);
    CHECK(least_offset(use, use) == 10); // Both queues issue from 0 to 9 and from 4 to 13.
}

TEST_CASE("a reader starts one cycle after the last write of what it reads") {
    const ChipSpec spec;
    const Program copy = parse("@0 mem.w.0 read 0 -> e.0 repeat 10 every 1 address 1\n"
                               "@4 mem.e.0 write 0 <- e.0 repeat 10 every 1 write_address 1\n");
    // Reads the last of the ten words at cycle 0 and takes it one hop further, four slices on.
    const Program onward = parse("@0 mem.e.0 read 9 -> e.1\n@3 mem.e.4 write 0 <- e.1\n");
    const Footprint before = footprint(copy, spec), next = footprint(onward, spec);
    CHECK(least_offset(before, next) == 15); // The last write happens at 14.

    Memory memory(spec);
    memory.write(0, 9)[0] = 77;
    const auto result = [&](std::int64_t offset) {
        const std::array<PlacedProgram, 2> placed{PlacedProgram{&copy, 0}, PlacedProgram{&onward, offset}};
        return fold(flatten(placed), spec, memory, true);
    };
    const std::int64_t target = slice_ordinal(spec, Hemisphere::East, 4);
    REQUIRE_FALSE(result(15).error.has_value());
    CHECK(result(15).memory.read(target, 0)[0] == 77);
    CHECK(result(14).error.has_value()); // A read and a write of one bank in one cycle.
}

TEST_CASE("matrix products composed at their least offsets are legal and change nothing") {
    ChipSpec spec;
    spec.superlanes = 3;
    spec.lanes_per_superlane = 4;
    spec.streams_per_direction = 16;
    spec.positions = 15;
    spec.mem_slices_per_hemisphere = 12;
    spec.mem_words_per_slice = 256;
    spec.mxm_load_streams = 4;
    // The second one lives in the other bank, so that it may read while the first one writes.
    const std::vector<Program> products{gemm(spec, 9, 20, 30), moved(gemm(spec, 5, 12, 12), 128),
                                        gemm(spec, 14, 7, 25)};
    check_composition(products, spec, 7);
    const auto placed = compose(products, spec);
    std::int64_t one_by_one = 0;
    for (const Program& program : products)
        one_by_one += program_cycles(program, spec);
    const std::int64_t composed = program_cycles(flatten(placed), spec);
    CHECK(placed[0].offset == 0);
    CHECK(placed[1].offset < program_cycles(products[0], spec)); // They overlap.
    CHECK(composed < one_by_one);
}

TEST_CASE("random programs composed at their least offsets are legal and change nothing") {
    std::int64_t composed = 0, overlapping = 0;
    for (std::uint64_t seed = 1; seed <= 120; ++seed) {
        const ChipSpec spec = random_spec(seed);
        std::vector<Program> programs;
        for (std::uint64_t part = 0; part < 3; ++part) {
            Program program = random_legal_program(spec, 10 * seed + part);
            try {
                static_cast<void>(footprint(program, spec));
            } catch (const ScheduleError&) {
                continue; // Needs weights or sums of a program before it.
            }
            programs.push_back(std::move(program));
        }
        check_composition(programs, spec, seed);
        composed += programs.size() > 1;
        const auto placed = compose(programs, spec);
        for (std::size_t i = 1; i < placed.size(); ++i) {
            overlapping += placed[i].offset <
                           placed[i - 1].offset + program_cycles(programs[i - 1], spec) - spec.superlanes;
        }
    }
    MESSAGE("composed " << composed << " groups of programs");
    CHECK(composed > 60);
    CHECK(overlapping > 30);
}

TEST_CASE("programs with gathers and scatters composed at their least offsets change nothing") {
    std::int64_t composed = 0;
    for (std::uint64_t seed = 1; seed <= 260; ++seed) {
        CAPTURE(seed);
        const ChipSpec spec = random_spec(seed);
        std::vector<Program> programs;
        for (std::uint64_t tries = 0; tries < 60 && programs.size() < 3; ++tries) {
            Program program = random_linked_program(spec, 100 * seed + tries);
            std::erase_if(program.runs,
                          [](const InstructionRun& run) { return run.queue.unit == Unit::C2c; });
            if (uses_maps(program) && follows(program, spec))
                programs.push_back(std::move(program));
        }
        if (programs.size() < 2)
            continue;
        const Program flat = flatten(compose(programs, spec));
        CAPTURE(to_text(flat));
        REQUIRE(verify(flat, spec).message == "");
        Memory sequential = memory_with_maps(spec, seed);
        bool outside = false; // An address that an earlier program wrote.
        for (const Program& program : programs) {
            Run run = fold(program, spec, std::move(sequential), true);
            outside = run.error.has_value();
            if (outside)
                break;
            sequential = std::move(run.memory);
        }
        const Run together = fold(flat, spec, memory_with_maps(spec, seed), true);
        REQUIRE(together.error.has_value() == outside);
        REQUIRE((outside || together.memory == sequential));
        composed += !outside;
    }
    CHECK(composed > 30);
}

TEST_CASE("the first slot that is added to before it is started is found in any nest of repeats") {
    ChipSpec spec;
    spec.mxm_accumulator_vectors = 24;
    std::int64_t refused = 0;
    for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
        CAPTURE(seed);
        Draw draw(seed);
        Program program;
        for (const bool start : {true, false}) {
            if (!start && draw.chance(50) &&
                !program.runs.empty()) { // The same slots, a little later or not.
                program.runs.push_back(program.runs.front());
                program.runs.back().issue += draw.between(-2, 9);
                std::get<MxmAccumulate>(program.runs.back().instruction).start = false;
                continue;
            }
            std::vector<Level> levels;
            std::int64_t cycles = 1, low = 0, high = 0;
            for (std::int64_t depth = draw.between(0, 3); depth > 0; --depth) {
                const Level level{draw.between(1, 4), cycles + draw.between(0, 3), draw.between(-3, 3), 0};
                cycles = level.count * level.cycles;
                (level.address_stride < 0 ? low : high) += (level.count - 1) * level.address_stride;
                levels.insert(levels.begin(), level);
            }
            if (high - low >= spec.mxm_accumulator_vectors)
                continue;
            program.runs.push_back({{Unit::MxmAccumulators, Hemisphere::West, 0},
                                    draw.between(9, 40),
                                    MxmAccumulate{draw.between(-low, 23 - high), start, {}, DType::Int32},
                                    levels,
                                    {}});
        }
        // By slot, the first instance in time; of two in one cycle that of the first run.
        std::map<std::int64_t, std::pair<std::int64_t, const InstructionRun*>> first;
        const std::vector<QueueRun> runs = queue_runs(program, spec);
        for (const QueueRun& run : runs) {
            const InstructionRun& what = program.runs[static_cast<std::size_t>(run.run)];
            const auto& order = std::get<MxmAccumulate>(what.instruction);
            const AffineAddress slot(what, order.slot, AffineAddress::Side::Read);
            for (std::int64_t i = 0; i < run.issue.size(); ++i) {
                const std::pair touch{run.issue.at(i), &what};
                const auto known = first.emplace(slot.at(i), touch).first;
                if (touch.first < known->second.first)
                    known->second = touch;
            }
        }
        std::string expected;
        for (const auto& [slot, touch] : first) {
            if (expected.empty() && !std::get<MxmAccumulate>(touch.second->instruction).start)
                expected = " adds to accumulator " + std::to_string(slot) + " before";
        }
        std::string seen;
        try {
            static_cast<void>(footprint(program, spec));
        } catch (const ScheduleError& error) {
            seen = error.what();
        }
        REQUIRE(seen.empty() == expected.empty());
        REQUIRE(seen.find(expected) != std::string::npos);
        refused += !seen.empty();
    }
    CHECK(refused > 500);
    CHECK(refused < 1900);
    // 1e8 instances in 196 slots.
    const auto slots = [](const std::string& repeats) {
        return parse("@0 mxm.w.0.accumulators start 0" + repeats + "\n");
    };
    CHECK(footprint(slots(" repeat 40 every 5120000 address 1 repeat 40 every 128000 address 1"
                          " repeat 40 every 3200 address 1 repeat 40 every 80 address 1"
                          " repeat 40 every 2 address 1"),
                    ChipSpec{})
              .cycles > 40 * 5120000 - 5120000);
}

TEST_CASE("where repeats take turns, what comes first in time counts, not what is listed first") {
    const ChipSpec spec;
    const auto passes = [&](const std::string& loads, const std::string& accumulates) {
        return footprint(parse("@0  mem.w.0 read 0 -> w.0 repeat 3 every 40\n"
                               "@24 mxm.w.0.weights install repeat 2 every 40\n"
                               "@23 mxm.w.0.weights load 0 <- w.0 streams 1 repeat " +
                               loads +
                               " every 40\n"
                               "@2  mem.w.1 read 0 -> w.1 repeat 2 every 40\n"
                               "@25 mxm.w.0.activations activate int8 <- w.1 repeat 2 every 40\n" +
                               accumulates),
                         spec);
    };
    const std::string add_after_start = "@85 mxm.w.0.accumulators add 3\n@45 mxm.w.0.accumulators start 3\n";
    const Footprint use = passes("2", add_after_start);
    CHECK((use.shadows[0] == UseSpan{23, 64})); // The second install is issued at 64 and done at 65.
    CHECK((use.weights[0] == UseSpan{25, 65}));
    CHECK_THROWS_AS(passes("2", "@85 mxm.w.0.accumulators start 3\n@45 mxm.w.0.accumulators add 3\n"),
                    ScheduleError);
    CHECK_THROWS_AS(passes("3", add_after_start), ScheduleError); // The third load stays in the shadow.
}

TEST_CASE("a program that needs another one's leftovers has no footprint") {
    const ChipSpec spec;
    const Program adds = parse("@0  mem.w.0 read 0 -> w.0\n"
                               "@23 mxm.w.0.weights load 0 <- w.0 streams 1\n"
                               "@24 mxm.w.0.weights install\n"
                               "@2  mem.w.1 read 0 -> w.1\n"
                               "@25 mxm.w.0.activations activate int8 <- w.1\n"
                               "@45 mxm.w.0.accumulators add 3\n");
    CHECK(verify(adds, spec).legal());
    CHECK_THROWS_AS(footprint(adds, spec), ScheduleError);
    const Program leaves = parse("@0  mem.w.0 read 0 -> w.0\n"
                                 "@23 mxm.w.0.weights load 0 <- w.0 streams 1\n");
    CHECK(verify(leaves, spec).legal());
    CHECK_THROWS_AS(footprint(leaves, spec), ScheduleError);
}

} // namespace lpusim::chip
