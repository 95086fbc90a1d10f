#include "lpusim/net/run_lines.h"

#include <doctest/doctest.h>
#include <vector>

#include "lpusim/net/random_network.h"

namespace lpusim::net {
namespace {

[[nodiscard]] Run run_at(std::int64_t start_cycle, std::int64_t period_cycles, std::int64_t vector_count) {
    return {.vector_count = vector_count, .start_cycle = start_cycle, .period_cycles = period_cycles};
}

/// Walks every cycle of both runs.
[[nodiscard]] std::optional<std::int64_t> first_collision_by_enumeration(const Run& a, const Run& b,
                                                                         std::int64_t vector_cycles) {
    std::vector<bool> held(static_cast<std::size_t>(a.last_cycle() + vector_cycles), false);
    for (std::int64_t i = 0; i < a.vector_count; ++i) {
        for (std::int64_t k = 0; k < vector_cycles; ++k)
            held[static_cast<std::size_t>(a.start_cycle + i * a.period_cycles + k)] = true;
    }
    for (std::int64_t j = 0; j < b.vector_count; ++j) {
        for (std::int64_t k = 0; k < vector_cycles; ++k) {
            const auto cycle = static_cast<std::size_t>(b.start_cycle + j * b.period_cycles + k);
            if (cycle < held.size() && held[cycle])
                return static_cast<std::int64_t>(cycle);
        }
    }
    return std::nullopt;
}

} // namespace

TEST_CASE("slots of ten cycles collide from nine cycles apart") {
    CHECK(first_collision(run_at(0, 20, 3), run_at(9, 20, 3), 10) == 9);
    CHECK(first_collision(run_at(0, 20, 3), run_at(10, 20, 3), 10) == std::nullopt);
    CHECK(first_collision(run_at(0, 20, 3), run_at(11, 20, 3), 10) == 20); // Runs into the slot at 20.
    CHECK(first_collision(run_at(0, 20, 1), run_at(11, 20, 3), 10) == std::nullopt);
    // 19 j + 5 against 20 i: 15 + 10 > 24 - 0: slots at 0 and 5.
    CHECK(first_collision(run_at(0, 20, 9), run_at(10, 19, 9), 10) == 29); // 29 .. 38 after 20 .. 29.
}

TEST_CASE("collisions of random runs are those that enumeration finds") {
    std::int64_t found_count = 0;
    for (std::uint64_t seed = 0; seed < 3000; ++seed) {
        test::Dice dice(seed);
        const std::int64_t vector_cycles = dice.between(1, 5);
        const std::int64_t period = vector_cycles + dice.between(0, 9);
        const Run a = run_at(dice.between(0, 20), period, dice.between(1, 9));
        const Run b =
            run_at(a.start_cycle + dice.between(0, 40),
                   dice.one_in(2) ? period : vector_cycles + dice.between(0, 9), dice.between(1, 9));
        const auto expected = first_collision_by_enumeration(a, b, vector_cycles);
        CAPTURE(seed);
        CHECK(first_collision(a, b, vector_cycles) == expected);
        found_count += expected.has_value();
    }
    CHECK(found_count > 500);
    CHECK(found_count < 2500);
}

TEST_CASE("common vectors and missing ones are those that enumeration finds") {
    for (std::uint64_t seed = 0; seed < 2000; ++seed) {
        test::Dice dice(seed);
        const auto line = [&] { return Line{dice.between(0, 30), dice.between(1, 6), dice.between(1, 12)}; };
        const Line a = line(), b = line();
        std::vector<std::int64_t> both, only_a;
        for (std::int64_t i = 0; i < a.count; ++i)
            (b.contains(a.first + i * a.step) ? both : only_a).push_back(a.first + i * a.step);
        const auto shared = common(a, b);
        CAPTURE(seed);
        REQUIRE(shared.has_value() == !both.empty());
        std::vector<Line> parts;
        if (shared) {
            CHECK(shared->count == static_cast<std::int64_t>(both.size()));
            CHECK(shared->first == both.front());
            CHECK(shared->last() == both.back());
            parts.push_back(*shared);
        }
        const auto missing = first_missing(a, parts);
        CHECK(missing == (only_a.empty() ? std::nullopt : std::optional(only_a.front())));
    }
}

TEST_CASE("a run names the vector that starts in a cycle, and how many have started by one") {
    const Run run{
        .first_vector = 7, .vector_step = 3, .vector_count = 4, .start_cycle = 100, .period_cycles = 10};
    CHECK(vector_starting(run, 99) == std::nullopt);
    CHECK(vector_starting(run, 100) == 7);
    CHECK(vector_starting(run, 105) == std::nullopt);
    CHECK(vector_starting(run, 130) == 16);
    CHECK(vector_starting(run, 140) == std::nullopt);
    CHECK(vectors_until(run, 99).count == 0);
    CHECK(vectors_until(run, 119).last() == 10);
    CHECK(vectors_until(run, 1000).last() == 16);
    CHECK(start_of(run, 13) == 120);
}

} // namespace lpusim::net
