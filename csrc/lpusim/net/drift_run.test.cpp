#include "lpusim/net/drift_run.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/net/collective.h"
#include "lpusim/net/jitter.h"
#include "lpusim/net/random_network.h"
#include "lpusim/net/verify.h"
#include "lpusim/net/wiring.h"

namespace lpusim::net {
namespace {

/// Links whose hop contains `margin` beyond 270 cycles.
[[nodiscard]] LinkSpec link_with(std::int64_t margin) {
    return {.hop_cycles = 270 + margin};
}

[[nodiscard]] Timetable reduction(const Topology& topology, std::int64_t size_bytes = 16'384) {
    return all_reduce(topology, {}, size_bytes, {}, {.algorithm = Algorithm::tree, .record = true}).timetable;
}

/// Every vector of every interval, one by one, with its own clocks.
[[nodiscard]] std::optional<MissedVector> first_missed_by_enumeration(const Topology& topology,
                                                                      const Timetable& timetable,
                                                                      const ClockSpec& clock,
                                                                      const DriftOptions& options) {
    const SyncTree tree = grow_sync_tree(topology, options.root);
    const Jitter jitter(clock, options.seed);
    const std::int64_t wait = resync_cycles(clock, tree);
    const std::int64_t length = verify(topology, timetable).cycles;
    const auto chips = static_cast<std::size_t>(topology.chip_count());
    std::vector<std::int64_t> late(chips, 0), falls(chips, 0);
    const auto drift = [&](std::size_t chip) {
        return options.drift_ppb.empty()
                   ? drawn_drift_ppb(clock, options.seed, static_cast<std::int32_t>(chip))
                   : options.drift_ppb[chip];
    };
    for (std::size_t chip = 0; chip < chips; ++chip)
        falls[chip] = drift(static_cast<std::size_t>(tree.root)) - drift(chip);
    for (std::int64_t interval = 0; interval < options.interval_count; ++interval) {
        for (const std::int32_t chip : tree.order) {
            const auto self = static_cast<std::size_t>(chip);
            if (chip == tree.root) {
                late[self] = 0;
                continue;
            }
            const auto parent = static_cast<std::size_t>(tree.parent[self]);
            const std::int64_t heard = late[parent] + jitter.of_exchange(chip, interval) * kNanocycles;
            // The next edge of its own clock, which ticks late[self] after whole cycles.
            std::int64_t edge = late[self];
            while (edge >= heard + kNanocycles)
                edge -= kNanocycles;
            while (edge < heard)
                edge += kNanocycles;
            late[self] = edge;
        }
        std::vector<MissedVector> missed;
        for (std::int64_t iteration = 0; iteration < clock.resync_interval_cycles / length; ++iteration) {
            for (const Run& run : timetable.runs) {
                const Bundle& bundle = topology.bundle_of_link(static_cast<std::int32_t>(run.link));
                const auto from = static_cast<std::size_t>(bundle.from),
                           to = static_cast<std::size_t>(bundle.to);
                for (std::int64_t i = 0; i < run.vector_count; ++i) {
                    const std::int64_t leaves = iteration * length + run.start_cycle + i * run.period_cycles;
                    const std::int64_t taken = leaves + bundle.timing.hop_cycles;
                    const std::int64_t wobble =
                        jitter.of_vector(run.link, interval * (clock.resync_interval_cycles + wait) + leaves);
                    const std::int64_t arrives_ns = late[from] + falls[from] * leaves +
                                                    (taken - options.margin_cycles + wobble) * kNanocycles;
                    const std::int64_t taken_ns = late[to] + falls[to] * taken + taken * kNanocycles;
                    const std::int64_t behind = arrives_ns - taken_ns;
                    if (behind > 0 || -behind > clock.hold_cycles * kNanocycles) {
                        missed.push_back({interval, iteration, taken, run.link, run.transfer, run.hop,
                                          run.first_vector + i * run.vector_step, behind});
                    }
                }
            }
        }
        if (!missed.empty()) {
            return *std::ranges::min_element(
                missed, {}, [](const MissedVector& row) { return std::pair(row.cycle, row.link); });
        }
        for (std::size_t chip = 0; chip < chips; ++chip)
            late[chip] += falls[chip] * (clock.resync_interval_cycles + wait);
    }
    return std::nullopt;
}

} // namespace

TEST_CASE("two chips without jitter part by drift alone, and the margin for it is enough to the cycle") {
    const std::vector<Cable> cables{{0, 1, 1}};
    // 100 ppm either way: 200 cycles in a million.
    ClockSpec clock{.drift_ppb_max = 100'000,
                    .jitter_early_cycles = 0,
                    .jitter_late_cycles = 0,
                    .jitter_sigma_millicycles = 0,
                    .epoch_cycles = 1024,
                    .hold_cycles = 2048,
                    .resync_interval_cycles = 1'000'000};
    const auto run_with = [&](std::int64_t margin, std::vector<std::int64_t> drift_ppb,
                              std::int64_t interval_count) {
        const Topology pair("pair", 2, cables, link_with(margin));
        // 34,375 vectors.
        const Timetable timetable = send(pair, 1, 0, 11'000'000, {.record = true}).timetable;
        return run_drift(
            pair, timetable, clock,
            {.margin_cycles = margin, .interval_count = interval_count, .drift_ppb = std::move(drift_ppb)});
    };
    // Chip 1 is slow: its last vector leaves at 34,374 x 27 = 928,098 and so 185.6196 cycles late.
    const std::vector<std::int64_t> slow_sender{100'000, -100'000};
    const DriftRun enough = run_with(186, slow_sender, 1);
    CHECK_FALSE(enough.first_missed);
    CHECK(enough.skew_nanocycles_max == 185'619'600'000);
    CHECK(enough.spare_nanocycles_min == 380'400'000);
    const DriftRun late = run_with(185, slow_sender, 1);
    REQUIRE(late.first_missed);
    // The first that is later than 185: 27 n x 200 ppm > 185 cycles from n = 34,260.
    CHECK(late.first_missed->interval == 0);
    CHECK(late.first_missed->vector == 34'260);
    CHECK(late.first_missed->cycle == 34'260 * 27 + 270 + 185);
    CHECK(late.first_missed->late_nanocycles == 34'260 * 27 * std::int64_t{200'000} - 185 * kNanocycles);
    // In later intervals its counter follows chip 0's at its own clock's edges, up to a cycle late.
    const SyncTree tree = grow_sync_tree(Topology("pair", 2, cables, {}), 0);
    CHECK(link_margin(clock, tree, 1, 0).cycles() == 0 + 1 + 200);
    CHECK_FALSE(run_with(201, slow_sender, 500).first_missed);
    // A fast sender is early instead: all that it needs is that cycle.
    const std::vector<std::int64_t> fast_sender{-100'000, 100'000};
    CHECK_FALSE(run_with(1, fast_sender, 500).first_missed);
    CHECK(run_with(0, fast_sender, 500).first_missed);
}

TEST_CASE("the derived margin holds for minutes, and the run says what it cost") {
    const ClockSpec clock;
    const Topology bare = make_node(8, {});
    const std::int64_t margin = largest_margin(clock, bare, grow_sync_tree(bare, 0)).cycles();
    const Topology node = make_node(8, link_with(margin));
    // A millisecond of traffic each: 60,000 intervals are a minute.
    const DriftRun minute = run_drift(node, reduction(node), clock,
                                      {.margin_cycles = margin, .interval_count = 60'000, .seed = 5});
    CHECK_FALSE(minute.first_missed);
    CHECK(minute.interval_count == 60'000);
    CHECK(minute.spare_nanocycles_min >= 0);
    CHECK(minute.spare_nanocycles_min < 12 * kNanocycles); // In a minute nearly all of it is needed.
    CHECK(minute.exchange_count == 7 * 60'000);
    CHECK(minute.exchange_mean_cycles == doctest::Approx(216).epsilon(0.001));
    CHECK(minute.exchange_sigma_cycles > 2.6);
    CHECK(minute.exchange_sigma_cycles < 2.9);
    CHECK(minute.exchange_min_cycles == 209);
    CHECK(minute.exchange_max_cycles <= 228);
    CHECK(minute.resync_cycles == 22);
    const std::int64_t length = verify(node, reduction(node)).cycles;
    CHECK(minute.iterations_per_interval == 900'000 / length);
    CHECK(minute.vector_count ==
          60'000 * minute.iterations_per_interval * 52 * 14); // 52 vectors, 7 + 7 each.
}

TEST_CASE("a margin below need fails, and names the first late vector") {
    const Topology node = make_node(8, link_with(10));
    const Timetable timetable = reduction(node);
    const DriftRun run =
        run_drift(node, timetable, {}, {.margin_cycles = 10, .interval_count = 1000, .seed = 5});
    REQUIRE(run.first_missed);
    CHECK(run.first_missed->late_nanocycles > 0);
    CHECK(run.spare_nanocycles_min < 0);
    const std::string text = missed_text(node, timetable, {}, *run.first_missed);
    CHECK(text.find("vector ") == 0);
    CHECK(text.find(" late on link ") != std::string::npos);
    CHECK(text.find(" of interval 0 in iteration ") != std::string::npos);
}

TEST_CASE("a vector that comes longer before than it can be held is missed too") {
    const Topology node = make_node(8, link_with(60));
    const ClockSpec clock{.hold_cycles = 50};
    const DriftRun run = run_drift(node, reduction(node), clock, {.margin_cycles = 60, .interval_count = 9});
    REQUIRE(run.first_missed);
    CHECK(run.first_missed->late_nanocycles < -50 * kNanocycles);
    CHECK(
        missed_text(node, reduction(node), clock, *run.first_missed).find("and can be held for 50 cycles") !=
        std::string::npos);
}

TEST_CASE("the run agrees with one that looks at every vector") {
    std::int64_t missed_count = 0, sound_count = 0;
    for (std::uint64_t seed = 0; seed < 150; ++seed) {
        test::Dice dice(seed);
        const std::int64_t margin = dice.between(0, 40);
        std::vector<Cable> cables;
        const std::int32_t chips = dice.chip(2, 5);
        for (std::int32_t b = 1; b < chips; ++b)
            cables.push_back({dice.chip(0, b - 1), b, dice.chip(1, 2)});
        const Topology topology(
            "random", chips, cables,
            {.vector_bytes = 32, .vector_cycles = 3, .hop_cycles = margin + dice.between(3, 30)});
        const Timetable timetable = test::random_timetable(dice, topology);
        if (timetable.runs.empty())
            continue;
        const ClockSpec clock{.drift_ppb_max = dice.between(0, 1000),
                              .jitter_early_cycles = dice.between(0, 7),
                              .jitter_late_cycles = dice.between(0, 12),
                              .jitter_sigma_millicycles = dice.between(0, 4000),
                              .epoch_cycles = 1024,
                              .hold_cycles = dice.between(10, 90),
                              .resync_interval_cycles = dice.between(4'000, 20'000)};
        const DriftOptions options{.margin_cycles = margin, .interval_count = 4, .seed = seed};
        CAPTURE(seed);
        const auto expected = first_missed_by_enumeration(topology, timetable, clock, options);
        const DriftRun run = run_drift(topology, timetable, clock, options);
        CHECK(run.first_missed == expected);
        (expected ? missed_count : sound_count) += 1;
    }
    CHECK(missed_count > 30);
    CHECK(sound_count > 30);
}

TEST_CASE("an interval has to be long enough for the timetable, and options within range") {
    const Topology node = make_node(8, {});
    const Timetable timetable = reduction(node);
    CHECK_THROWS_AS((void)run_drift(node, timetable, {.resync_interval_cycles = 500}, {}), ValueError);
    CHECK_THROWS_WITH_AS((void)run_drift(node, timetable, {}, {.drift_ppb = {1}}),
                         "drift_ppb must have one entry a chip, 8, got 1", ValueError);
    CHECK_THROWS_WITH_AS((void)run_drift(node, timetable, {}, {.drift_ppb = {0, 0, 0, 0, 0, 0, 1001, 0}}),
                         "drift_ppb[6] must be from -1000 to 1000, got 1001", ValueError);
    CHECK_THROWS_AS((void)run_drift(node, timetable, {}, {.margin_cycles = 270}), ValueError);
    CHECK_THROWS_AS((void)run_drift(node, timetable, {}, {.interval_count = 0}), ValueError);
    CHECK(run_drift(node, {}, {}, {.interval_count = 3}).vector_count == 0);
}

} // namespace lpusim::net
