#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lpusim/chip/fold/checks.h"
#include "lpusim/chip/fuzz/draw.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/text/text.h"

// A read and a write of one slice in one bank, found from whole runs.
namespace lpusim::chip {
namespace {

/// 32 words in four banks.
ChipSpec banked_spec() {
    ChipSpec spec;
    spec.mem_words_per_slice = 32;
    spec.mem_banks_per_slice = 4;
    return spec;
}

/// The first cycle in which an access is outside, or else a read and a write are in one bank.
struct Expected {
    std::optional<std::int64_t> outside, clash;
};

Expected by_enumeration(const Program& program, const ChipSpec& spec) {
    const std::vector<QueueRun> runs = queue_runs(program, spec);
    const AffineAddress read(program.runs[0], runs[0].use.sram_read->address, AffineAddress::Side::Read);
    const AffineAddress write(program.runs[1], runs[1].use.sram_write->address, AffineAddress::Side::Write);
    const auto is_outside = [&](std::int64_t address) {
        return address < 0 || address >= spec.mem_words_per_slice;
    };
    Expected expected;
    const auto note = [](std::optional<std::int64_t>& first, std::int64_t tau) {
        first = std::min(first.value_or(tau), tau);
    };
    for (std::int64_t i = 0; i < runs[1].issue.size(); ++i) {
        if (is_outside(write.at(i)))
            note(expected.outside, runs[1].issue.at(i) + runs[1].use.sram_write->offset);
    }
    for (std::int64_t i = 0; i < runs[0].issue.size(); ++i) {
        const std::int64_t tau = runs[0].issue.at(i) + runs[0].use.sram_read->offset;
        if (is_outside(read.at(i)))
            note(expected.outside, tau);
        const auto met = runs[1].issue.find(tau - runs[1].use.sram_write->offset);
        if (met && !is_outside(read.at(i)) && !is_outside(write.at(*met)) &&
            bank_of(spec, read.at(i)) == bank_of(spec, write.at(*met)))
            note(expected.clash, tau);
    }
    return expected;
}

} // namespace

TEST_CASE("the first clash of a nest of reads with a nest of writes is that of an enumeration") {
    const ChipSpec spec = banked_spec();
    std::int64_t clashes = 0, none = 0;
    for (std::uint64_t seed = 1; seed <= 4000; ++seed) {
        CAPTURE(seed);
        Draw draw(seed);
        // Both nests with the same cycles now and then: then they meet in many levels at once.
        const bool alike = draw.between(0, 2) != 0;
        std::vector<Level> levels[2];
        const std::int64_t depth = draw.between(1, 4);
        std::int64_t cycles[2] = {1, 1};
        for (std::int64_t k = 0; k < depth; ++k) {
            for (int side = 0; side < 2; ++side) {
                Level level{draw.between(2, 4), cycles[side] + (alike ? 0 : draw.between(0, 3)), 0, 0};
                if (alike && side == 1)
                    level = {levels[0].front().count, levels[0].front().cycles, 0, 0};
                (side == 0 ? level.address_stride : level.write_address_stride) = draw.between(-9, 9);
                cycles[side] = level.count * level.cycles;
                levels[side].insert(levels[side].begin(), level);
            }
        }
        Program program;
        const QueueId slice{Unit::Mem, Hemisphere::West, 0};
        program.runs.push_back(
            {slice, draw.between(0, 4), MemAccess{MemRead{draw.between(0, 31), {}, {}}, {}}, levels[0], {}});
        program.runs.push_back(
            {slice, draw.between(0, 4), MemAccess{{}, MemWrite{draw.between(0, 31), {}, {}}}, levels[1], {}});
        validate(program, spec);
        const Expected expected = by_enumeration(program, spec);
        const auto found = check_banks(program, queue_runs(program, spec), spec);
        if (expected.outside && (!expected.clash || *expected.clash >= *expected.outside)) {
            REQUIRE((!found || found->tau >= *expected.outside)); // Named after what is outside.
            continue;
        }
        REQUIRE(found.has_value() == expected.clash.has_value());
        if (found)
            REQUIRE(found->tau == *expected.clash);
        (found ? clashes : none) += 1;
    }
    CHECK(clashes > 500);
    CHECK(none > 50);
}

TEST_CASE("five levels of 40 whose banks alternate are told apart at once") {
    const ChipSpec spec; // Two banks of 4096 words.
    const auto nest = [](const std::string& stride, const std::string& swap) {
        std::string text;
        for (const char* every : {"5120000", "128000", "3200", "80", "2"})
            text += std::string(" repeat 40 every ") + every + " " + stride + " " + every[0];
        return text + " repeat 2 every 1 " + swap + "\n";
    };
    const auto begin = std::chrono::steady_clock::now();
    const auto clash = [&](std::int64_t read, std::int64_t write) {
        const Program program =
            parse("@1 mem.w.0 read " + std::to_string(read) + " -> e.0" + nest("address", "address 4096") +
                  "@0 mem.w.0 write " + std::to_string(write) + " <- e.0" +
                  nest("write_address", "write_address -4096"));
        const auto found = check_banks(program, queue_runs(program, spec), spec);
        return found ? found->tau : -1;
    };
    // Steps of 5, 1, 3, 8 and 2: both reach 39 x 19 = 741 words further, in bank 0 and 1, then 1 and 0.
    CHECK(clash(0, 4096) == -1);
    CHECK(clash(4095 - 741, 4096) == -1);
    // One word more, and the last read that should be in bank 0 is in bank 1, where the write is.
    CHECK(clash(4096 - 741, 4096) == 1 + 39 * (5120000 + 128000 + 3200 + 80 + 2));
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
}

} // namespace lpusim::chip
