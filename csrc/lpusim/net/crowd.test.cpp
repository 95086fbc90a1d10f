#include "lpusim/net/crowd.h"

#include <doctest/doctest.h>
#include <limits>
#include <map>
#include <vector>

#include "lpusim/net/random_network.h"

namespace lpusim::net {
namespace {

constexpr std::int64_t kAlways = std::numeric_limits<std::int64_t>::max() - 1;

/// Change by change.
[[nodiscard]] std::optional<std::int64_t>
first_above_by_enumeration(std::span<const Steps> steps, std::int64_t limit, std::int64_t last_cycle) {
    std::map<std::int64_t, std::int64_t> changes;
    for (const Steps& row : steps) {
        for (std::int64_t i = 0; i < row.count; ++i)
            changes[row.first_cycle + i * row.period_cycles] += row.delta;
    }
    std::int64_t level = 0;
    for (const auto& [cycle, change] : changes) {
        level += change;
        if (cycle <= last_cycle && level > limit)
            return cycle;
    }
    return std::nullopt;
}

} // namespace

TEST_CASE("a level is above its limit when one more comes than go") {
    // One comes every 10 cycles from 0, one goes every 10 from 25: at most 3 are there, first in cycle 20.
    const std::vector<Steps> belt{{0, 10, 1000, 1}, {25, 10, 1000, -1}};
    CHECK(first_cycle_above(belt, 1, kAlways) == 10);
    CHECK(first_cycle_above(belt, 2, kAlways) == 20);
    CHECK(first_cycle_above(belt, 2, 19) == std::nullopt);
    CHECK(first_cycle_above(belt, 3, kAlways) == std::nullopt);
}

TEST_CASE("what comes and goes in one cycle is not there at its end") {
    const std::vector<Steps> through{{0, 10, 5, 1}, {0, 10, 5, -1}};
    CHECK(first_cycle_above(through, 0, kAlways) == std::nullopt);
}

TEST_CASE("a slow rise over 10^15 cycles is found without walking them") {
    // Three come in 30 cycles and two go: 1 more every 30. The level is 2 at 20, 3 at 50, ... m + 2 at 20 +
    // 30 m.
    const std::vector<Steps> leak{{0, 10, std::int64_t{1} << 50, 1}, {5, 15, std::int64_t{1} << 49, -1}};
    const std::int64_t limit = 1'000'000'000'000;
    const auto found = first_cycle_above(leak, limit, kAlways);
    REQUIRE(found.has_value());
    // The least cycle t with floor(t / 10) + 1 - (floor((t - 5) / 15) + 1) > limit.
    const auto level = [](std::int64_t t) { return t / 10 - (t - 5) / 15; };
    CHECK(level(*found) == limit + 1);
    CHECK(level(*found - 1) == limit);
}

TEST_CASE("the search agrees with enumeration on random steps") {
    std::int64_t found_count = 0;
    for (std::uint64_t seed = 0; seed < 2000; ++seed) {
        test::Dice dice(seed);
        std::vector<Steps> steps;
        for (std::int64_t left = dice.between(1, 6); left > 0; --left) {
            steps.push_back({dice.between(0, 60), dice.between(1, 12), dice.between(1, 30),
                             dice.one_in(2) ? std::int64_t{1} : std::int64_t{-1}});
        }
        const std::int64_t limit = dice.between(0, 12), last_cycle = dice.between(0, 400);
        const auto expected = first_above_by_enumeration(steps, limit, last_cycle);
        CAPTURE(seed);
        CHECK(first_cycle_above(steps, limit, last_cycle) == expected);
        found_count += expected.has_value();
    }
    CHECK(found_count > 500);
    CHECK(found_count < 1900);
}

} // namespace lpusim::net
