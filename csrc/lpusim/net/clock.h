#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/base/field.h"
#include "lpusim/net/topology.h"

/// Chips have clocks of their own. Each counts cycles twice: a hardware counter (HAC) that follows its
/// parent's in a tree over the links, and a software counter (SAC) of the cycles its program has run
/// (ISCA'22, Abts et al.). Programs wait now and then until the two agree again; in between, and for the
/// jitter of the links, a vector's arrival is scheduled a margin later than it is expected.
namespace lpusim::net {

/// What clocks and links may do. Cycles are those of the root's clock.
struct ClockSpec {
    /// A chip's clock is off nominal by at most this, either way: 1 ppm is a cycle in a millisecond at 1 GHz.
    std::int64_t drift_ppb_max = 1'000;
    /// Link latency by exchange of hardware counters: mean 216 cycles, 209 to 228, sigma 2.6 to 2.9.
    std::int64_t latency_cycles = 216;
    std::int64_t jitter_early_cycles = 7;
    std::int64_t jitter_late_cycles = 12;
    std::int64_t jitter_sigma_millicycles = 2'750;
    /// Period of the hardware counter.
    std::int64_t epoch_cycles = 256;
    /// How long a received vector may wait to be taken.
    std::int64_t hold_cycles = 256;
    /// Cycles of traffic between two RUNTIME_DESKEWs.
    std::int64_t resync_interval_cycles = 900'000;

    friend bool operator==(const ClockSpec&, const ClockSpec&) = default;
};

[[nodiscard]] std::span<const Field<ClockSpec>> clock_spec_fields();

/// Throws ValueError naming the field, the value and the range.
void validate(const ClockSpec& clock);

/// DESKEW: cycles until the next multiple of the epoch, 1 to epoch_cycles.
[[nodiscard]] std::int64_t deskew_cycles(std::int64_t hac, std::int64_t epoch_cycles);

/// SAC - HAC as two counters modulo the epoch show it: from -epoch / 2 up to, but not including, epoch / 2.
[[nodiscard]] std::int64_t counter_difference(std::int64_t sac, std::int64_t hac, std::int64_t epoch_cycles);

/// RUNTIME_DESKEW t: waits t + (SAC - HAC) cycles, so that afterwards a program that was ahead of its
/// hardware counter, or behind, is level with it. Throws ScheduleError where that is below 0.
[[nodiscard]] std::int64_t runtime_deskew_cycles(std::int64_t wait_cycles, std::int64_t sac, std::int64_t hac,
                                                 std::int64_t epoch_cycles);

/// How hardware counters follow each other: breadth first from a root, over the first link of each bundle.
struct SyncTree {
    std::int32_t root = 0;
    /// By chip; -1 at the root and for chips that are down.
    std::vector<std::int32_t> parent;
    std::vector<std::int32_t> depth;
    /// Chips nearest the root first.
    std::vector<std::int32_t> order;

    [[nodiscard]] std::int32_t height() const { return depth[static_cast<std::size_t>(order.back())]; }

    /// Tree edges from the nearest common ancestor down to each of two chips.
    struct Branches {
        std::int64_t first = 0;
        std::int64_t second = 0;
    };
    [[nodiscard]] Branches branches(std::int32_t first, std::int32_t second) const;
};

/// Throws ValueError for a root that is not there or down.
[[nodiscard]] SyncTree grow_sync_tree(const Topology& topology, std::int64_t root);

/// The margin of a link, and what it is made of.
struct Margin {
    /// A vector as late as the link can make it.
    std::int64_t jitter_cycles = 0;
    /// How much later the sender's program may run than the receiver's right after a RUNTIME_DESKEW: each
    /// edge of the tree makes a counter up to jitter_early early, or jitter_late and a part of a cycle late.
    std::int64_t alignment_cycles = 0;
    /// How much later it may run at the end of the interval: two clocks off nominal, one each way.
    std::int64_t drift_cycles = 0;

    [[nodiscard]] std::int64_t cycles() const { return jitter_cycles + alignment_cycles + drift_cycles; }
};

/// The least margin with which no vector of a link from `from` to `to` can be late:
/// late + (a (late + 1) + b early) + ceil(2 drift interval), where a and b are the edges of the tree from the
/// nearest common ancestor down to the sender and to the receiver.
[[nodiscard]] Margin link_margin(const ClockSpec& clock, const SyncTree& tree, std::int32_t from,
                                 std::int32_t to);

/// The largest of all links: what a topology with one timing for all is charged.
[[nodiscard]] Margin largest_margin(const ClockSpec& clock, const Topology& topology, const SyncTree& tree);

/// The least t of RUNTIME_DESKEW t that makes no chip wait less than nothing: h (early + late + 1) +
/// ceil(2 drift (interval + t)), h the height of the tree. Throws ValueError where counters could part by
/// half an epoch, which they could not tell from half an epoch the other way; the message says what would do.
[[nodiscard]] std::int64_t resync_cycles(const ClockSpec& clock, const SyncTree& tree);

/// From the first DESKEW to the last chip's program begun: a vector goes down the tree, sent at an epoch and
/// looked for once an epoch, and all begin at the epoch that the deepest chip gets it by.
[[nodiscard]] std::int64_t start_cycles(const ClockSpec& clock, const SyncTree& tree);

} // namespace lpusim::net
