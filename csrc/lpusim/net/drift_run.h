#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lpusim/net/clock.h"
#include "lpusim/net/timetable.h"

namespace lpusim::net {

/// Time against the root's clock in billionths of a cycle, so that drift in parts per billion is exact.
inline constexpr std::int64_t kNanocycles = 1'000'000'000;

struct DriftOptions {
    /// What the timetable's hop_cycles contain beyond the time that a vector is expected to take.
    std::int64_t margin_cycles = 0;
    std::int64_t interval_count = 1;
    std::uint64_t seed = 0;
    /// Of the tree by which hardware counters follow each other.
    std::int64_t root = 0;
    /// By chip, in parts per billion, within the spec's range; empty: drawn.
    std::vector<std::int64_t> drift_ppb = {};
};

/// A vector that was not there when it was taken, or that came too long before.
struct MissedVector {
    std::int64_t interval = 0;
    /// Which time round the timetable in the interval, and the program cycle of the interval in which it is
    /// taken.
    std::int64_t iteration = 0;
    std::int64_t cycle = 0;
    std::int64_t link = 0;
    std::int64_t transfer = 0;
    std::int64_t hop = 0;
    std::int64_t vector = 0;
    /// By how much it came after it was taken; below 0: it came longer before than it can be held.
    std::int64_t late_nanocycles = 0;

    friend auto operator<=>(const MissedVector&, const MissedVector&) = default;
};

struct DriftRun {
    std::int64_t interval_count = 0;
    std::int64_t iterations_per_interval = 0;
    /// Vectors that crossed links.
    std::int64_t vector_count = 0;
    /// t of the RUNTIME_DESKEW after each interval.
    std::int64_t resync_cycles = 0;
    /// How much later than its receiver a sender's program ran at worst when a vector was due.
    std::int64_t skew_nanocycles_max = 0;
    /// What was left of the margin for a vector as late as a link can make it, at worst; below 0 such a
    /// vector would have been late.
    std::int64_t spare_nanocycles_min = 0;
    /// How long a vector as early as a link can make it waited, at worst.
    std::int64_t wait_nanocycles_max = 0;
    /// Hardware-counter exchanges: their latencies.
    std::int64_t exchange_count = 0;
    double exchange_mean_cycles = 0;
    double exchange_sigma_cycles = 0;
    std::int64_t exchange_min_cycles = 0;
    std::int64_t exchange_max_cycles = 0;
    /// The least by interval, cycle, link and slot; the run ends with its interval.
    std::optional<MissedVector> first_missed;
};

/// Runs a timetable over and over on chips whose clocks drift, over links that jitter: intervals of traffic,
/// each begun by RUNTIME_DESKEW, and in each as many times round the timetable as end in it.
///
/// Before an interval every chip takes its hardware counter from its parent's by one exchange, whose jitter
/// it cannot tell from time, at the next edge of its own clock; then its program joins the counter. In the
/// interval it runs at its own rate. A vector leaves when its sender's program says so and takes hop_cycles
/// less the margin, and its jitter; the receiver takes it when its own program says so.
///
/// Throws ScheduleError where the timetable is not legal; ValueError for a spec or option out of range and
/// for an interval too short for the timetable or too long for the counters. Cost: O(chips + links used) an
/// interval. Single vectors are looked at only in intervals in which one could be missed, O(slots) a link.
[[nodiscard]] DriftRun run_drift(const Topology& topology, const Timetable& timetable, const ClockSpec& clock,
                                 const DriftOptions& options);

/// One sentence: which vector, on which link, when, and by how much.
[[nodiscard]] std::string missed_text(const Topology& topology, const Timetable& timetable,
                                      const ClockSpec& clock, const MissedVector& missed);

} // namespace lpusim::net
