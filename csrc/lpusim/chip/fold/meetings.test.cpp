#include "lpusim/chip/fold/meetings.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string>

#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/fuzz/draw.h"
#include "lpusim/chip/text/text.h"

namespace lpusim::chip {
namespace {

/// Mostly of the period 60 or 84, in bursts or not, some nested once more, some a single value.
Progression any_progression(Draw& draw) {
    const std::int64_t start = draw.between(-300, 300), kind = draw.between(0, 9);
    if (kind < 2)
        return Progression(start);
    const std::int64_t period = kind < 6 ? 60 : kind < 8 ? 84 : draw.between(20, 100);
    const ProgressionLevel inner{draw.between(1, 3), draw.between(1, 5)};
    const ProgressionLevel outer{period, draw.between(1, 9)};
    if (draw.between(0, 2) > 0)
        return Progression(start, {outer, inner});
    return Progression(start, {{period * 10, draw.between(1, 3)}, outer, inner});
}

} // namespace

TEST_CASE("residues hold every value of a progression") {
    Draw draw(3);
    for (int i = 0; i < 500; ++i) {
        const Progression values = any_progression(draw);
        const Residues residues = residues_of(values);
        for (std::int64_t at = 0; at < values.size(); ++at) {
            const std::int64_t above = values.at(at) - residues.start;
            const std::int64_t inside = residues.modulus == 0 ? above : above % residues.modulus;
            REQUIRE((residues.modulus == 1 || inside <= residues.span));
        }
    }
    const Residues bursts = residues_of(Progression(7, {{600, 3}, {60, 4}, {2, 5}}));
    CHECK(bursts.modulus == 60); // Bursts of 9 in 60 say more than even numbers.
    CHECK(bursts.span == 8);
    CHECK(residues_of(Progression(7, {{1, 9}})).modulus == 1);
}

TEST_CASE("all that meet are candidates, once each, among few and among many") {
    std::int64_t candidates = 0, touching = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        CAPTURE(seed);
        Draw draw(seed);
        std::vector<Progression> all;
        MeetingIndex index;
        for (std::int64_t i = draw.between(1, 400); i > 0; --i) {
            all.push_back(any_progression(draw));
            index.add(all.back(), all.size() - 1);
        }
        index.build();
        for (int question = 0; question < 100; ++question) {
            const Progression asked = any_progression(draw);
            std::set<std::size_t> found;
            const auto values_of = [&](std::size_t payload) { return all[payload]; };
            index.for_each_candidate(asked.first(), asked.last(), asked, values_of, [&](std::size_t payload) {
                REQUIRE(found.insert(payload).second);
                REQUIRE(all[payload].first() <= asked.last());
                REQUIRE(all[payload].last() >= asked.first());
            });
            for (std::size_t i = 0; i < all.size(); ++i) {
                touching += all[i].first() <= asked.last() && all[i].last() >= asked.first();
                if (first_common(all[i], asked))
                    REQUIRE(found.contains(i));
            }
            candidates += static_cast<std::int64_t>(found.size());
        }
    }
    CHECK(4 * candidates < 3 * touching);
}

TEST_CASE("twenty thousand runs of one queue that take turns are matched in no time") {
    const ChipSpec spec;
    constexpr std::int64_t kRuns = 20'000;
    std::string text;
    for (std::int64_t i = 0; i < kRuns; ++i) {
        const std::string turns = " repeat 50 every " + std::to_string(kRuns) + "\n";
        text += "@" + std::to_string(i) + " mem.w.0 read " + std::to_string(i % 4096) + " -> e.0" + turns;
        text +=
            "@" + std::to_string(i + 4) + " mem.e.0 write " + std::to_string(i % 8192) + " <- e.0" + turns;
    }
    const auto begin = std::chrono::steady_clock::now();
    const Run run = fold(parse(text), spec, {}, false);
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10)); // All pairs: minutes.
    CHECK_FALSE(run.error);
    CHECK(run.pieces == 3 * kRuns); // Two runs, and one match.
    // One more in the place of another one is found as soon.
    text += "@" + std::to_string(7 + kRuns) + " mem.w.0 read 0 -> e.0 repeat 3 every " +
            std::to_string(kRuns) + "\n";
    const Run broken = fold(parse(text), spec, {}, false);
    REQUIRE(broken.error);
    CHECK(broken.error->tau == 7 + kRuns);
    CHECK(broken.error->kind == ViolationClass::QueueBusy);
    CHECK(broken.error->run == 2 * kRuns);
    CHECK(broken.error->other_run == 2 * 7);
}

} // namespace lpusim::chip
