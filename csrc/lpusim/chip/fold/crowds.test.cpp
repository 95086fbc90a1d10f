#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "lpusim/base/rng.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/fuzz/compare_engines.h"
#include "lpusim/chip/fuzz/random_program.h"
#include "lpusim/chip/text/text.h"

// Many instances that meet in one place at once: what fold says of them, and that it says so soon.
namespace lpusim::chip {
namespace {

constexpr int kCrowd = 100'000; // All pairs of them would take minutes.

std::string times(int count, const std::string& line) {
    std::string text;
    for (int i = 0; i < count; ++i)
        text += line;
    return text;
}

/// `count` lines, each at a random cycle of 0 .. 4 and onto stream 0 or 4, some of them repeated.
Program crowd(std::uint64_t seed, std::int64_t count, const std::function<std::string(std::int64_t)>& line) {
    std::string text;
    for (std::int64_t i = 0; i < count; ++i) {
        const auto at = static_cast<std::uint64_t>(i);
        text += '@' + std::to_string(random_bits(seed, 0, at) % 5) + ' ' + line(i) + " -> e." +
                std::to_string(4 * (random_bits(seed, 1, at) % 2));
        if (random_bits(seed, 2, at) % 3 == 0)
            text += " repeat 3 every " + std::to_string(1 + random_bits(seed, 3, at) % 4);
        text += '\n';
    }
    return parse(text);
}

void check_equal(const Program& program, const ChipSpec& spec) {
    const EngineOutcome slow = outcome_of(slow_engine(), program, spec, {}, false);
    const EngineOutcome fast = outcome_of(fast_engine(), program, spec, {}, false);
    if (!difference(slow, fast).empty())
        FAIL(difference_report(program, spec, [](std::int64_t) { return Memory(); }, false));
}

} // namespace

TEST_CASE("of all drives of one cell the two least are named, as the oracle does") {
    ChipSpec spec; // Ten slices stand at one position of the line, and drive it without sharing a queue.
    spec.positions = 11;
    std::int64_t collisions = 0;
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        const Program program = crowd(seed, 8, [&](std::int64_t i) {
            // In no order of the queues: the named one is not the last run.
            return "mem.w." + std::to_string((i * 7 + static_cast<std::int64_t>(seed)) % 10) + " read 0";
        });
        check_equal(program, spec);
        const Run run = fold(program, spec, {}, false);
        collisions += run.error && run.error->kind == ViolationClass::StreamCollision;
    }
    CHECK(collisions > 150);
}

TEST_CASE("results of an ALU that meet are found in the first cycle where two of them do") {
    const ChipSpec spec; // One cycle for a pass, four for exp.
    std::int64_t collisions = 0;
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        const Program program = crowd(seed, 3, [&](std::int64_t i) {
            return random_bits(seed, 4, static_cast<std::uint64_t>(i)) % 2 == 0
                       ? std::string("vxm.2 pass fp32 =1.5f")
                       : std::string("vxm.2 exp fp32 =1.5f");
        });
        check_equal(program, spec);
        const Run run = fold(program, spec, {}, false);
        collisions += run.error && run.error->kind == ViolationClass::ResultCollision;
    }
    CHECK(collisions > 5);
}

TEST_CASE("a crowd in one cell, one ALU or one array is told at once") {
    const ChipSpec spec;
    const auto told = [&](const std::string& text, ViolationClass kind, std::int64_t tau, std::int64_t run,
                          std::int64_t other) {
        const Program program = parse(text);
        const auto begin = std::chrono::steady_clock::now();
        const Run outcome = fold(program, spec, {}, false);
        CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(30));
        REQUIRE(outcome.error.has_value());
        CHECK(outcome.error->kind == kind);
        CHECK(outcome.error->tau == tau);
        CHECK(outcome.error->run == run);
        CHECK(outcome.error->other_run == other);
    };
    // What all of them break first: one queue issues them all in cycle 5.
    told(times(kCrowd, "@5 mem.w.0 read 0 -> e.0\n"), ViolationClass::QueueBusy, 5, 1, 0);
    told(times(kCrowd, "@5 vxm.0 pass fp32 =1.5f\n") + times(kCrowd, "@2 vxm.0 exp fp32 =1.5f\n"),
         ViolationClass::QueueBusy, 2, kCrowd + 1, kCrowd);
    told(times(kCrowd, "@5 mxm.w.0.activations activate fp16 <- w.0\n"), ViolationClass::QueueBusy, 5, 1, 0);
    // The same cell from two slices of one position: they drive it in cycle 2, before the queues clash in 5.
    told("@0 mem.w.0 read 0 -> e.0\n@0 mem.w.1 read 0 -> e.0\n" + times(kCrowd, "@5 mem.w.1 read 0 -> e.0\n"),
         ViolationClass::StreamCollision, 2, 1, 0);
    // Both an fp16 activation and the next one of its pair of planes need the second plane for two cycles.
    told("@1 mxm.w.0.activations activate fp16 <- w.0\n@2 mxm.w.0.activations activate fp16 <- w.0\n" +
             times(kCrowd, "@9 mxm.w.0.activations activate fp16 <- w.0\n"),
         ViolationClass::StreamEmpty, 1, 0, -1);
}

} // namespace lpusim::chip
