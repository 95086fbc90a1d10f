#include "lpusim/net/verify.h"

#include <doctest/doctest.h>
#include <string>

#include "lpusim/net/wiring.h"

namespace lpusim::net {
namespace {

/// Chips 0 - 1 - 2 in a row. Directed links: 0 is 0->1, 1 is 1->0, 2 is 1->2, 3 is 2->1.
[[nodiscard]] Topology row_of_three() {
    const std::vector<Cable> cables{{0, 1, 1}, {1, 2, 1}};
    return Topology("row", 3, cables, {.vector_cycles = 10, .hop_cycles = 100});
}

/// Three vectors from chip 0 over chip 1 to chip 2, each sent on as it arrives.
[[nodiscard]] Timetable two_hops() {
    return {
        .transfers = {{.source = 0, .target = 2, .vector_count = 3}},
        .runs =
            {{.transfer = 0, .hop = 0, .link = 0, .vector_count = 3, .start_cycle = 5, .period_cycles = 10},
             {.transfer = 0,
              .hop = 1,
              .link = 2,
              .vector_count = 3,
              .start_cycle = 105,
              .period_cycles = 10}},
        .dependencies = {}};
}

[[nodiscard]] std::string error_of(const Timetable& timetable) {
    try {
        (void)verify(row_of_three(), timetable);
    } catch (const ScheduleError& error) {
        return error.what();
    }
    return "";
}

} // namespace

TEST_CASE("a legal timetable reports its end, slots and bytes") {
    const Verification proof = verify(row_of_three(), two_hops());
    CHECK(proof.cycles == 105 + 20 + 100);
    CHECK(proof.slot_count == 6);
    CHECK(proof.bytes_sent == 960);
    CHECK(proof.bytes_received == 960);
    CHECK(verify(row_of_three(), {}).cycles == 0);
}

TEST_CASE("a vector may leave the cycle it arrives, not the one before") {
    Timetable timetable = two_hops();
    CHECK(error_of(timetable).empty());
    timetable.runs[1].start_cycle = 104;
    CHECK(
        error_of(timetable) ==
        "vector 0 of transfer 0 (chip 0 to chip 2) leaves chip 1 at cycle 104 on link 2 (chip 1 to chip 2), "
        "but arrives there only at cycle 105");
    // Later at first, but the relay runs faster than its supply.
    timetable.runs[0].period_cycles = 20;
    timetable.runs[1].start_cycle = 124;
    CHECK(error_of(timetable).find("vector 2 of transfer 0 (chip 0 to chip 2) leaves chip 1 at cycle 144") ==
          0);
    timetable.runs[1].start_cycle = 125;
    CHECK(error_of(timetable).empty());
}

TEST_CASE("a slot booked twice names both owners, the link and the first shared cycle") {
    Timetable timetable = two_hops();
    timetable.transfers.push_back({.source = 1, .target = 2, .vector_count = 1});
    timetable.runs.push_back(
        {.transfer = 1, .hop = 0, .link = 2, .vector_count = 1, .start_cycle = 96, .period_cycles = 10});
    CHECK(error_of(timetable) ==
          "link 2 (chip 1 to chip 2) is booked twice at cycle 105: by vector 0 of transfer 0 (chip 0 "
          "to chip 2) and by vector 0 of transfer 1 (chip 1 to chip 2)");
    timetable.runs.back().start_cycle = 95;
    CHECK(error_of(timetable).empty());
    timetable.runs.back().start_cycle = 134;
    CHECK_FALSE(error_of(timetable).empty());
    timetable.runs.back().start_cycle = 135;
    CHECK(error_of(timetable).empty());
}

TEST_CASE("runs that interleave on one link are legal") {
    Timetable timetable = two_hops();
    for (Run& run : timetable.runs)
        run.period_cycles = 20;
    timetable.transfers.push_back({.source = 1, .target = 2, .vector_count = 4});
    timetable.runs.push_back(
        {.transfer = 1, .hop = 0, .link = 2, .vector_count = 4, .start_cycle = 95, .period_cycles = 20});
    CHECK(error_of(timetable).empty());
    timetable.runs.back().period_cycles = 19;
    // Its second slot begins at 114, when the slot of 105 is still under way.
    CHECK(error_of(timetable).find("is booked twice at cycle 114: by vector 1 of transfer 1") !=
          std::string::npos);
}

TEST_CASE("every vector crosses every hop exactly once") {
    Timetable short_of_one = two_hops();
    short_of_one.runs[1].vector_count = 2;
    CHECK(error_of(short_of_one) ==
          "vector 2 of transfer 0 (chip 0 to chip 2) never arrives: no slot carries it over hop 1");

    Timetable twice = two_hops();
    twice.runs.push_back({.transfer = 0,
                          .hop = 0,
                          .link = 0,
                          .first_vector = 1,
                          .vector_count = 1,
                          .start_cycle = 500,
                          .period_cycles = 10});
    CHECK(
        error_of(twice) ==
        "vector 1 of transfer 0 (chip 0 to chip 2) is sent twice over hop 0: on link 0 (chip 0 to chip 1) at "
        "cycle 500, after link 0 (chip 0 to chip 1) at cycle 15");

    Timetable no_slots = two_hops();
    no_slots.runs.clear();
    CHECK(error_of(no_slots) == "vector 0 of transfer 0 (chip 0 to chip 2) has no slots: it never leaves");
}

TEST_CASE("a route starts at the source, is connected and ends at the target") {
    Timetable stops_early = two_hops();
    stops_early.runs.pop_back();
    CHECK(error_of(stops_early) == "vector 0 of transfer 0 (chip 0 to chip 2) ends on chip 1 at cycle 105, "
                                   "by link 0 (chip 0 to chip 1)");
    Timetable jumps = two_hops();
    jumps.runs[1].link = 3;
    CHECK(error_of(jumps) == "vector 0 of transfer 0 (chip 0 to chip 2) leaves chip 2 at cycle 105 on link 3 "
                             "(chip 2 to chip 1), but is on chip 1");
}

TEST_CASE("a release and a dependency hold to the cycle") {
    Timetable timetable = two_hops();
    timetable.transfers[0].release_cycle = 6;
    CHECK(error_of(timetable).find("before its release at cycle 6") != std::string::npos);
    timetable.transfers[0].release_cycle = 5;
    timetable.transfers.push_back({.source = 2, .target = 1, .vector_count = 3});
    timetable.runs.push_back(
        {.transfer = 1, .hop = 0, .link = 3, .vector_count = 3, .start_cycle = 212, .period_cycles = 10});
    timetable.dependencies.push_back({.transfer = 1, .on = 0, .delay_cycles = 7});
    CHECK(error_of(timetable).empty()); // 105 + 100 + 7.
    timetable.runs[2].start_cycle = 211;
    CHECK(error_of(timetable).find("makes it ready only at cycle 212") != std::string::npos);
    timetable.dependencies[0] = {.transfer = 0, .on = 1, .delay_cycles = 0};
    CHECK_THROWS_WITH_AS(
        (void)verify(row_of_three(), timetable),
        "dependencies[0]: transfer 0 starts on chip 0, but waits for transfer 1, which arrives "
        "on chip 1",
        ValueError);
}

TEST_CASE("transfers that wait for each other are told so") {
    Timetable timetable;
    timetable.transfers = {{.source = 0, .target = 1, .vector_count = 1},
                           {.source = 1, .target = 0, .vector_count = 1}};
    timetable.runs = {{.transfer = 0, .link = 0, .vector_count = 1, .start_cycle = 0},
                      {.transfer = 1, .link = 1, .vector_count = 1, .start_cycle = 100}};
    timetable.dependencies = {{.transfer = 1, .on = 0}};
    CHECK(error_of(timetable).empty());
    timetable.dependencies.push_back({.transfer = 0, .on = 1});
    CHECK(error_of(timetable) == "vector 0 of transfer 0 (chip 0 to chip 1) leaves chip 0 at cycle 0 on link "
                                 "0 (chip 0 to chip 1), but "
                                 "transfer 1 (chip 1 to chip 0) makes it ready only at cycle 200; they wait "
                                 "for each other: 0 on 1 on 0");
}

TEST_CASE("the first violation is the one of the least cycle, whatever its rule") {
    Timetable timetable = two_hops();
    timetable.runs[1].vector_count = 2;  // Vector 2 never arrives: found only when nothing moves any more.
    timetable.runs[1].start_cycle = 104; // One cycle before vector 0 arrives.
    CHECK(error_of(timetable).find("leaves chip 1 at cycle 104") != std::string::npos);
    timetable.transfers[0].release_cycle = 6; // Vector 0 leaves at cycle 5.
    CHECK(error_of(timetable).find("before its release at cycle 6") != std::string::npos);
}

TEST_CASE("vectors of one transfer may go different ways of equal length") {
    // 0 -> 1 -> 3 and 0 -> 2 -> 3. Directed links: 0->1, 0->2, 1->0, 1->3, 2->0, 2->3, 3->1, 3->2.
    const std::vector<Cable> cables{{0, 1, 1}, {0, 2, 1}, {1, 3, 1}, {2, 3, 1}};
    const Topology diamond("diamond", 4, cables, {.vector_cycles = 10, .hop_cycles = 100});
    Timetable timetable;
    timetable.transfers = {{.source = 0, .target = 3, .vector_count = 4}};
    for (std::int64_t k = 0; k < 2; ++k) {
        const Run over{
            .link = k, .first_vector = k, .vector_step = 2, .vector_count = 2, .period_cycles = 10};
        Run on = over;
        on.hop = 1;
        on.link = k == 0 ? 3 : 5;
        on.start_cycle = 100;
        timetable.runs.insert(timetable.runs.end(), {over, on});
    }
    CHECK(verify(diamond, timetable).cycles == 210);
    std::swap(timetable.runs[1].link, timetable.runs[3].link);
    CHECK_THROWS_WITH_AS(
        (void)verify(diamond, timetable),
        "vector 1 of transfer 0 (chip 0 to chip 3) leaves chip 1 at cycle 100 on link 3 (chip 1 to "
        "chip 3), but is on chip 2",
        ScheduleError);
}

TEST_CASE("vectors that are made one after the other leave no earlier than each is made") {
    // Vector i leaves at 5 + 10 i. Made every 10 cycles from 5 each may.
    Timetable timetable = two_hops();
    timetable.transfers[0].release_cycle = 5;
    timetable.transfers[0].release_period_cycles = 10;
    CHECK(error_of(timetable).empty());
    // Made every 11 cycles from 4, the third exists at 26, one cycle after it leaves.
    timetable.transfers[0].release_cycle = 4;
    timetable.transfers[0].release_period_cycles = 11;
    CHECK(error_of(timetable) ==
          "vector 2 of transfer 0 (chip 0 to chip 2) leaves chip 0 at cycle 25 on link 0 "
          "(chip 0 to chip 1), before its release at cycle 26");
    timetable.transfers[0].release_cycle = 3;
    CHECK(error_of(timetable).empty());
}

TEST_CASE("rows that mean nothing are refused by column") {
    Timetable timetable = two_hops();
    timetable.runs[1].link = 4;
    CHECK_THROWS_WITH_AS((void)verify(row_of_three(), timetable), "runs[1].link must be from 0 to 3, got 4",
                         ValueError);
    timetable = two_hops();
    timetable.runs[0].period_cycles = 9;
    CHECK_THROWS_AS((void)verify(row_of_three(), timetable), ValueError);
    timetable = two_hops();
    timetable.transfers[0].vector_count = 0;
    CHECK_THROWS_AS((void)verify(row_of_three(), timetable), ValueError);
}

} // namespace lpusim::net
