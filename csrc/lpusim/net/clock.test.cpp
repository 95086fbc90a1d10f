#include "lpusim/net/clock.h"

#include <cmath>
#include <doctest/doctest.h>

#include "lpusim/base/errors.h"
#include "lpusim/net/jitter.h"
#include "lpusim/net/wiring.h"

namespace lpusim::net {

TEST_CASE("DESKEW waits for the next epoch, a whole one at an epoch") {
    CHECK(deskew_cycles(0, 256) == 256);
    CHECK(deskew_cycles(1, 256) == 255);
    CHECK(deskew_cycles(255, 256) == 1);
    CHECK(deskew_cycles(256 * 7 + 3, 256) == 253);
}

TEST_CASE("RUNTIME_DESKEW waits longer for a program ahead of its hardware counter, shorter for one behind") {
    CHECK(runtime_deskew_cycles(20, 100, 93, 256) == 27);
    CHECK(runtime_deskew_cycles(20, 93, 100, 256) == 13);
    // Across the end of an epoch: 2 is 5 after 253.
    CHECK(runtime_deskew_cycles(20, 2, 253, 256) == 25);
    CHECK(counter_difference(127, 0, 256) == 127);
    CHECK(counter_difference(128, 0, 256) == -128); // Half an epoch looks like half an epoch behind.
    CHECK(runtime_deskew_cycles(7, 93, 100, 256) == 0);
    CHECK_THROWS_WITH_AS(
        (void)runtime_deskew_cycles(6, 93, 100, 256),
        "RUNTIME_DESKEW 6 meets a program 7 cycles behind its hardware counter and cannot wait less "
        "than nothing",
        ScheduleError);
}

TEST_CASE(
    "counters follow their parents breadth first, and two chips meet at their nearest common ancestor") {
    const Topology ring = make_ring(6, {});
    const SyncTree tree = grow_sync_tree(ring, 0);
    CHECK(tree.height() == 3);
    CHECK(tree.parent[1] == 0);
    CHECK(tree.parent[4] == 5);
    CHECK(tree.branches(1, 2).first == 0);
    CHECK(tree.branches(1, 2).second == 1);
    CHECK(tree.branches(2, 1).first == 1);
    // 3 hangs below 2; 4 below 5: three edges on one side, two on the other.
    CHECK(tree.branches(3, 4).first == 3);
    CHECK(tree.branches(3, 4).second == 2);
    CHECK_THROWS_AS((void)grow_sync_tree(ring, 6), ValueError);
}

TEST_CASE("a margin is jitter, alignment and drift, each by hand") {
    const ClockSpec clock; // 1 ppm, -7 to +12 cycles, 900,000 cycles between resynchronisations.
    const SyncTree tree = grow_sync_tree(make_node(8, {}), 0);
    // Child to root: 12 on the wire, its counter up to 13 late, two clocks part by 1.8 cycles.
    const Margin up = link_margin(clock, tree, 3, 0);
    CHECK(up.jitter_cycles == 12);
    CHECK(up.alignment_cycles == 13);
    CHECK(up.drift_cycles == 2);
    CHECK(up.cycles() == 27);
    CHECK(link_margin(clock, tree, 0, 3).alignment_cycles == 7);  // A child may be 7 early.
    CHECK(link_margin(clock, tree, 3, 4).alignment_cycles == 20); // One late, one early.
    CHECK(largest_margin(clock, make_node(8, {}), tree).cycles() == 34);
    // 1 ppm each way over 900,000,000 cycles, a second: 1,800 cycles.
    CHECK(link_margin({.resync_interval_cycles = 900'000'000}, tree, 3, 0).drift_cycles == 1'800);
    CHECK(link_margin({.drift_ppb_max = 0}, tree, 3, 0).drift_cycles == 0);
}

TEST_CASE("the wait of a resynchronisation covers what counters may part by, and counters bound it") {
    const SyncTree node = grow_sync_tree(make_node(8, {}), 0);
    CHECK(resync_cycles({}, node) == 20 + 2); // 7 + 12 + 1, and 1.8 cycles of drift.
    CHECK(resync_cycles({.drift_ppb_max = 0}, node) == 20);
    CHECK(resync_cycles({}, grow_sync_tree(make_ring(12, {}), 0)) == 6 * 20 + 2);
    // Seven edges: 140 cycles of 256 could be 116 the other way.
    CHECK_THROWS_AS((void)resync_cycles({}, grow_sync_tree(make_ring(14, {}), 0)), ValueError);
    // 107 cycles of drift beside 20 are 127; 108 are half an epoch.
    CHECK(resync_cycles({.resync_interval_cycles = 53'400'000}, node) == 127);
    CHECK_THROWS_AS((void)resync_cycles({.resync_interval_cycles = 53'600'000}, node), ValueError);
}

TEST_CASE("programs start an epoch a level after the first, two where a vector takes longer than one") {
    CHECK(start_cycles({}, grow_sync_tree(make_node(8, {}), 0)) == (1 + 1) * 256);
    CHECK(start_cycles({}, grow_sync_tree(make_quadfour(72, {}), 0)) == (3 + 1) * 256);
    // 216 + 12 + 7 = 235 cycles fit in an epoch of 235, not of 234.
    CHECK(start_cycles({.epoch_cycles = 235}, grow_sync_tree(make_node(8, {}), 0)) == 2 * 235);
    CHECK(start_cycles({.epoch_cycles = 234}, grow_sync_tree(make_node(8, {}), 0)) == 3 * 234);
}

TEST_CASE("exchanges look like the published ones: mean 216, sigma 2.6 to 2.9, 209 to 228 cycles") {
    const ClockSpec clock;
    const Jitter jitter(clock, 1);
    double sum = 0, squares = 0;
    std::int64_t least = 0, most = 0;
    constexpr int draws = 200'000;
    for (int i = 0; i < draws; ++i) {
        const std::int64_t off = jitter.of_exchange(1, i);
        sum += static_cast<double>(off);
        squares += static_cast<double>(off * off);
        least = std::min(least, off);
        most = std::max(most, off);
    }
    const double mean = sum / draws, sigma = std::sqrt(squares / draws - mean * mean);
    CHECK(std::abs(mean) < 0.1);
    CHECK(sigma > 2.6);
    CHECK(sigma < 2.9);
    CHECK(216 + least == 209);
    CHECK(216 + most >= 225);
    CHECK(216 + most <= 228);
    CHECK(jitter.of_exchange(1, 5) == Jitter(clock, 1).of_exchange(1, 5));
}

TEST_CASE("without spread there is no jitter, and drifts stay in their range") {
    const Jitter none({.jitter_sigma_millicycles = 0}, 3);
    for (int i = 0; i < 100; ++i)
        CHECK(none.of_vector(4, i) == 0);
    std::int64_t least = 0, most = 0;
    for (std::int32_t chip = 0; chip < 1000; ++chip) {
        least = std::min(least, drawn_drift_ppb({}, 9, chip));
        most = std::max(most, drawn_drift_ppb({}, 9, chip));
    }
    CHECK(least >= -1000);
    CHECK(least < -950);
    CHECK(most <= 1000);
    CHECK(most > 950);
}

TEST_CASE("a spec out of range is refused by field") {
    CHECK_THROWS_WITH_AS(validate(ClockSpec{.epoch_cycles = 1}),
                         "ClockSpec: epoch_cycles must be from 2 to 1048576 cycles, got 1", ValueError);
    CHECK_THROWS_AS(validate(ClockSpec{.drift_ppb_max = -1}), ValueError);
}

} // namespace lpusim::net
