#include "lpusim/net/replay.h"

#include <array>
#include <doctest/doctest.h>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/net/random_network.h"
#include "lpusim/net/wiring.h"

namespace lpusim::net {
namespace {

/// Chips 0 - 1 - 2 in a row, 10 cycles a vector, 100 a hop. Directed links: 0 is 0->1, 2 is 1->2.
[[nodiscard]] Topology row_of_three() {
    const std::vector<Cable> cables{{0, 1, 1}, {1, 2, 1}};
    return Topology("row", 3, cables, {.vector_cycles = 10, .hop_cycles = 100});
}

/// `vector_count` vectors from chip 0 to chip 2, which wait `wait_cycles` on chip 1.
[[nodiscard]] Timetable two_hops(std::int64_t vector_count, std::int64_t wait_cycles) {
    Timetable timetable;
    timetable.transfers = {{.source = 0, .target = 2, .vector_count = vector_count}};
    timetable.runs = {
        {.hop = 0, .link = 0, .vector_count = vector_count, .start_cycle = 5, .period_cycles = 10},
        {.hop = 1,
         .link = 2,
         .vector_count = vector_count,
         .start_cycle = 105 + wait_cycles,
         .period_cycles = 10}};
    return timetable;
}

} // namespace

TEST_CASE("the reference network counts what it moves") {
    const Topology row = row_of_three();
    const Replay seen = replay(row, two_hops(3, 25), ports_for(row));
    REQUIRE_FALSE(seen.proof.violation.has_value());
    CHECK(seen.proof.totals == Verification{130 + 20 + 100, 6, 960, 960});
    CHECK(seen.tick_count == 130 + 20 + 100 + 1); // Cycle 0 is ticked too.
    // Vector 0 leaves chip 1 at 130, when 1 and 2 have come at 115 and 125.
    CHECK(seen.transit_bytes_max == 3 * 320);
    CHECK(seen.vectors_out_max == 1);
    CHECK(seen.vectors_in_max == 1);
    CHECK(seen.links_fed_max == 1);
}

TEST_CASE("each port is enough at its limit and too little one below") {
    // Chip 0 feeds three links to chip 1 at once.
    const std::vector<Cable> cables{{0, 1, 3}};
    const Topology pair("pair", 2, cables, {.vector_cycles = 10, .hop_cycles = 100});
    Timetable fan;
    fan.transfers = {{.source = 0, .target = 1, .vector_count = 3}};
    for (std::int64_t k = 0; k < 3; ++k)
        fan.runs.push_back({.link = k, .first_vector = k, .vector_count = 1, .start_cycle = 7});
    const auto violation = [&](const ChipPorts& ports) {
        const auto seen = prove(pair, fan, ports).violation;
        CHECK(seen == replay(pair, fan, ports).proof.violation);
        return seen;
    };
    CHECK_FALSE(violation({.out_vectors_per_cycle = 3, .in_vectors_per_cycle = 3, .links_fed = 3}));
    const auto out = violation({.out_vectors_per_cycle = 2});
    REQUIRE(out);
    CHECK(violation_text(pair, fan, {.out_vectors_per_cycle = 2}, *out) ==
          "chip 0 sends more than the 2 vectors that its streams can bring out at cycle 7: vector 2 of "
          "transfer 0 "
          "(chip 0 to chip 1) on link 2 (chip 0 to chip 1, 3 of 3) is one too many");
    const auto in = violation({.in_vectors_per_cycle = 2});
    REQUIRE(in);
    CHECK(in->rule == Rule::streams_in);
    CHECK(in->place == 1);
    CHECK(in->cycle == 107);
    const auto fed = violation({.links_fed = 2});
    REQUIRE(fed);
    CHECK(fed->rule == Rule::links_fed);
    // Ten cycles later each link is free again: never two at once.
    for (std::int64_t k = 0; k < 3; ++k)
        fan.runs[static_cast<std::size_t>(k)].start_cycle = 10 * k;
    CHECK_FALSE(violation({.out_vectors_per_cycle = 1, .in_vectors_per_cycle = 1, .links_fed = 1}));
    fan.runs[2].start_cycle = 19;
    CHECK(violation({.links_fed = 1})->cycle == 19);
}

TEST_CASE("vectors that wait on their way have to fit") {
    const Topology row = row_of_three();
    // 40 cycles of waiting: vectors 0 to 3 have come by cycle 135, and vector 0 leaves at 145 as vector 4
    // comes.
    const Timetable timetable = two_hops(6, 40);
    CHECK_FALSE(prove(row, timetable, {.transit_bytes = 4 * 320}).violation);
    const ChipPorts narrow{.transit_bytes = 4 * 320 - 1};
    const auto seen = prove(row, timetable, narrow).violation;
    REQUIRE(seen);
    CHECK(seen == replay(row, timetable, narrow).proof.violation);
    CHECK(violation_text(row, timetable, narrow, *seen) ==
          "chip 1 keeps more than 1279 bytes of vectors on their way at cycle 135: vector 3 of transfer 0 "
          "(chip 0 "
          "to chip 2) on link 0 (chip 0 to chip 1) is one too many");
    // What is sent on as it comes needs no memory at all.
    CHECK_FALSE(prove(row, two_hops(6, 0), {.transit_bytes = 0}).violation);
}

TEST_CASE("a terabyte in transit is proved to fit, or not, without walking it") {
    const Topology row = row_of_three();
    const Timetable huge = two_hops(3'125'000'000, 40);
    CHECK_FALSE(prove(row, huge, {.transit_bytes = 4 * 320}).violation);
    CHECK(prove(row, huge, {.transit_bytes = 3 * 320}).violation->cycle == 135);
    // Fed a cycle a vector faster than it is drained, chip 1 fills slowly.
    Timetable filling = huge;
    filling.runs[1].period_cycles = 11;
    const auto seen = prove(row, filling, {.transit_bytes = 230'686'720}).violation;
    REQUIRE(seen);
    CHECK(seen->rule == Rule::transit_memory);
    // n come by 105 + 10 (n - 1) and n - 720,896 leave by then: (t - 105) / 10 - (t - 145) / 11 = 720,896.
    CHECK(seen->cycle == doctest::Approx(720'896.0 * 110).epsilon(1e-4));
}

TEST_CASE("the verifier and the reference network agree on every random timetable, legal or broken") {
    std::array<std::int64_t, 13> seen_count{};
    std::int64_t legal_count = 0, refused_count = 0;
    for (std::uint64_t seed = 0; seed < 4000; ++seed) {
        test::Dice dice(seed);
        const Topology topology = test::random_topology(dice, 6);
        Timetable timetable = test::random_timetable(dice, topology);
        for (std::int64_t left = dice.between(0, 3); left > 0; --left)
            test::break_something(dice, topology, timetable);
        const ChipPorts ports = test::random_ports(dice, topology);
        CAPTURE(seed);
        Proof proof;
        try {
            proof = prove(topology, timetable, ports);
        } catch (const ValueError& error) {
            ++refused_count;
            CHECK_THROWS_WITH_AS((void)replay(topology, timetable, ports), error.what(), ValueError);
            continue;
        }
        const Replay replayed = replay(topology, timetable, ports);
        const auto told = [&](const std::optional<Violation>& seen) {
            return seen ? std::string(rule_name(seen->rule)) + ": " +
                              violation_text(topology, timetable, ports, *seen)
                        : "legal";
        };
        CAPTURE(told(proof.violation));
        CAPTURE(told(replayed.proof.violation));
        REQUIRE(proof.violation == replayed.proof.violation);
        if (proof.violation) {
            ++seen_count[static_cast<std::size_t>(proof.violation->rule)];
            CHECK_FALSE(violation_text(topology, timetable, ports, *proof.violation).empty());
        } else {
            ++legal_count;
            REQUIRE(proof.totals == replayed.proof.totals);
            CHECK(proof.totals.bytes_sent == proof.totals.bytes_received);
        }
    }
    // The cases are worth something: many are legal, few mean nothing, and every rule is broken somewhere.
    CHECK(legal_count > 1000);
    CHECK(refused_count < 500);
    for (std::size_t rule = 0; rule < seen_count.size(); ++rule) {
        CAPTURE(rule_name(static_cast<Rule>(rule)));
        CHECK(seen_count[rule] > 5);
    }
}

TEST_CASE("collectives on real machines end when they say, for verifier and reference network alike") {
    const ReduceCost cost{.first_cycles = 40, .cycles_per_vector = 2};
    for (const Topology& topology : {make_node(8, {}), make_ring(5, {}), make_quadfour(20, {})}) {
        for (const Algorithm algorithm : {Algorithm::tree, Algorithm::ring}) {
            const Collective sum =
                all_reduce(topology, {}, 12'345, cost, {.algorithm = algorithm, .record = true});
            const Proof proof = prove(topology, sum.timetable, ports_for(topology));
            const Replay replayed = replay(topology, sum.timetable, ports_for(topology));
            REQUIRE_FALSE(proof.violation);
            REQUIRE_FALSE(replayed.proof.violation);
            CHECK(proof.totals == replayed.proof.totals);
            CHECK(proof.totals.cycles == sum.cycles);
        }
    }
}

TEST_CASE("a replay refuses what would take for ever") {
    const Topology row = row_of_three();
    CHECK_THROWS_AS((void)replay(row, two_hops(20'000'000, 0), {}), ValueError);
    Timetable late = two_hops(1, 0);
    late.runs[1].start_cycle = 1'000'000'000;
    CHECK_THROWS_AS((void)replay(row, late, {}), ValueError);
    CHECK(prove(row, late, {}).totals.cycles == 1'000'000'100);
}

} // namespace lpusim::net
