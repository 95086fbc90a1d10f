#include "lpusim/lower/compose.h"

#include <array>
#include <doctest/doctest.h>

#include "lpusim/base/rng.h"

using namespace lpusim;
using namespace lpusim::lower;

namespace {

Segment segment(std::int64_t cycles, std::vector<ResourceUse> resources, std::vector<TensorUse> reads = {},
                std::vector<TensorUse> writes = {}) {
    return {Origin::verified_program, cycles,
            std::make_shared<const Occupancy>(Occupancy{std::move(resources), {}, {}}), std::move(reads),
            std::move(writes)};
}

} // namespace

TEST_CASE("a segment starts one cycle after the last use of a resource that it needs at once") {
    Composer composer(1, 0, 100);
    CHECK(composer.place(segment(10, {{0, 0, 9}})) == 0);
    CHECK(composer.place(segment(10, {{0, 0, 9}})) == 10);
    CHECK(composer.end_cycle() == 20);
}

TEST_CASE("a segment that needs a busy resource only later starts early by that much, never before zero") {
    Composer composer(2, 0, 100);
    composer.place(segment(10, {{0, 0, 9}}));
    CHECK(composer.place(segment(8, {{1, 0, 3}, {0, 4, 7}})) == 6); // Resource 0 is free from 10 = 6 + 4.
    Composer empty(2, 0, 100);
    CHECK(empty.place(segment(8, {{0, 4, 7}})) == 0);
}

TEST_CASE("a reader waits for the last write, a writer for the last read") {
    Composer composer(3, 1, 100);
    composer.place(segment(10, {{0, 0, 9}}, {}, {{0, 5, 9}}));
    CHECK(composer.place(segment(6, {{1, 0, 5}}, {{0, 2, 5}})) == 8);      // Reads at 10, written at 9.
    CHECK(composer.place(segment(4, {{2, 0, 3}}, {}, {{0, 0, 3}})) == 14); // Read until 8 + 5 = 13.
}

TEST_CASE("a segment slips under earlier work by the limit and no further") {
    Composer composer(2, 0, 7);
    composer.place(segment(10, {{0, 0, 9}}));
    CHECK(composer.place(segment(2, {{1, 0, 1}})) == 3);
}

TEST_CASE("a segment without a list of resources has the chip to itself") {
    Composer composer(2, 0, 100);
    composer.place(segment(10, {{0, 0, 9}}));
    CHECK(composer.place({Origin::stated_bound, 5, nullptr, {}, {}}) == 10);
    CHECK(composer.place(segment(2, {{1, 0, 1}})) == 15); // Resource 1 was never used, yet it waits.
}

TEST_CASE("repeats end where placing each one would have ended, whatever the segments") {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
        std::uint64_t draw = 0;
        const auto below = [&](std::int64_t n) {
            return static_cast<std::int64_t>(random_bits(seed, 5, draw++) % static_cast<std::uint64_t>(n));
        };
        std::vector<Segment> segments;
        for (std::int64_t s = below(4) + 1; s > 0; --s) {
            Segment next;
            next.cycles = below(30) + 1;
            std::vector<ResourceUse> resources;
            const auto interval = [&] {
                const std::int64_t first = below(next.cycles);
                return std::pair{first, first + below(next.cycles - first)};
            };
            for (std::int32_t r = 0; r < 3; ++r) {
                if (below(2) == 1) {
                    const auto [first, last] = interval();
                    resources.push_back({r, first, last});
                }
            }
            const auto [first, last] = interval();
            (below(2) == 1 ? next.reads : next.writes)
                .push_back({static_cast<std::int32_t>(below(2)), first, last});
            if (below(5) > 0) {
                next.occupancy = std::make_shared<const Occupancy>(Occupancy{std::move(resources), {}, {}});
            }
            segments.push_back(next);
        }
        std::vector<const Segment*> pointers;
        for (const Segment& each : segments) {
            pointers.push_back(&each);
        }
        Composer quick(3, 2, 20), slow(3, 2, 20);
        place_repeated(quick, pointers, 40);
        for (int repeat = 0; repeat < 40; ++repeat) {
            for (const Segment* each : pointers) {
                slow.place(*each);
            }
        }
        CHECK(quick.end_cycle() == slow.end_cycle());
        // What comes after must not notice either.
        CHECK(quick.place(segments[0]) == slow.place(segments[0]));
    }
}
