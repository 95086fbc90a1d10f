#include "lpusim/net/clock.h"

#include <algorithm>
#include <array>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

namespace lpusim::net {
namespace {

constexpr std::int64_t kPartsPerBillion = 1'000'000'000;

constexpr std::array<Field<ClockSpec>, 8> kFields{{
    {"drift_ppb_max", "1/1000000000", 0, 1e6, "how far a chip's clock may be off nominal, either way",
     &ClockSpec::drift_ppb_max},
    {"latency_cycles", "cycles", 1, 1e6, "mean latency of a link", &ClockSpec::latency_cycles},
    {"jitter_early_cycles", "cycles", 0, 1e6, "how much sooner than the mean a vector may come",
     &ClockSpec::jitter_early_cycles},
    {"jitter_late_cycles", "cycles", 0, 1e6, "how much later than the mean a vector may come",
     &ClockSpec::jitter_late_cycles},
    {"jitter_sigma_millicycles", "cycles/1000", 0, 1e8,
     "standard deviation of the latency, before its extremes are cut", &ClockSpec::jitter_sigma_millicycles},
    {"epoch_cycles", "cycles", 2, 1 << 20, "period of the hardware counter", &ClockSpec::epoch_cycles},
    {"hold_cycles", "cycles", 0, 1 << 20, "how long a received vector may wait to be taken",
     &ClockSpec::hold_cycles},
    {"resync_interval_cycles", "cycles", 1, 1e11, "traffic between two waits for the hardware counter",
     &ClockSpec::resync_interval_cycles},
}};

/// What two clocks, one off each way, part by in `cycles`.
[[nodiscard]] std::int64_t parting_cycles(const ClockSpec& clock, std::int64_t cycles) {
    return multiply_divide_ceil(2 * clock.drift_ppb_max, cycles, kPartsPerBillion);
}

[[nodiscard]] std::size_t at(std::int32_t chip) {
    return static_cast<std::size_t>(chip);
}

} // namespace

std::span<const Field<ClockSpec>> clock_spec_fields() {
    return kFields;
}

void validate(const ClockSpec& clock) {
    validate_fields("ClockSpec", clock, clock_spec_fields());
}

std::int64_t deskew_cycles(std::int64_t hac, std::int64_t epoch_cycles) {
    return epoch_cycles - (hac - div_floor(hac, epoch_cycles) * epoch_cycles);
}

std::int64_t counter_difference(std::int64_t sac, std::int64_t hac, std::int64_t epoch_cycles) {
    const std::int64_t half = epoch_cycles / 2;
    const std::int64_t shifted = sac - hac + half;
    return shifted - div_floor(shifted, epoch_cycles) * epoch_cycles - half;
}

std::int64_t runtime_deskew_cycles(std::int64_t wait_cycles, std::int64_t sac, std::int64_t hac,
                                   std::int64_t epoch_cycles) {
    const std::int64_t ahead = counter_difference(sac, hac, epoch_cycles);
    if (wait_cycles + ahead < 0) {
        throw ScheduleError("RUNTIME_DESKEW " + std::to_string(wait_cycles) + " meets a program " +
                            std::to_string(-ahead) +
                            " cycles behind its hardware counter and cannot wait less than nothing");
    }
    return wait_cycles + ahead;
}

SyncTree::Branches SyncTree::branches(std::int32_t first, std::int32_t second) const {
    Branches edges;
    while (first != second) {
        if (depth[at(first)] >= depth[at(second)]) {
            first = parent[at(first)];
            ++edges.first;
        } else {
            second = parent[at(second)];
            ++edges.second;
        }
    }
    return edges;
}

SyncTree grow_sync_tree(const Topology& topology, std::int64_t root) {
    topology.require_chip("root", root);
    const auto chip_count = static_cast<std::size_t>(topology.chip_count());
    SyncTree tree{.root = static_cast<std::int32_t>(root), .parent = {}, .depth = {}, .order = {}};
    tree.parent.assign(chip_count, -1);
    tree.depth.assign(chip_count, -1);
    tree.depth[at(tree.root)] = 0;
    tree.order.push_back(tree.root);
    for (std::size_t head = 0; head < tree.order.size(); ++head) {
        const std::int32_t chip = tree.order[head];
        for (const Bundle& bundle : topology.bundles_from(chip)) {
            if (tree.depth[at(bundle.to)] >= 0)
                continue;
            tree.depth[at(bundle.to)] = tree.depth[at(chip)] + 1;
            tree.parent[at(bundle.to)] = chip;
            tree.order.push_back(bundle.to);
        }
    }
    return tree;
}

Margin link_margin(const ClockSpec& clock, const SyncTree& tree, std::int32_t from, std::int32_t to) {
    const SyncTree::Branches edges = tree.branches(from, to);
    return {.jitter_cycles = clock.jitter_late_cycles,
            .alignment_cycles =
                edges.first * (clock.jitter_late_cycles + 1) + edges.second * clock.jitter_early_cycles,
            .drift_cycles = parting_cycles(clock, clock.resync_interval_cycles)};
}

Margin largest_margin(const ClockSpec& clock, const Topology& topology, const SyncTree& tree) {
    Margin largest;
    for (const Bundle& bundle : topology.bundles()) {
        const Margin margin = link_margin(clock, tree, bundle.from, bundle.to);
        if (margin.cycles() > largest.cycles())
            largest = margin;
    }
    return largest;
}

std::int64_t resync_cycles(const ClockSpec& clock, const SyncTree& tree) {
    const std::int64_t alignment = tree.height() * (clock.jitter_early_cycles + clock.jitter_late_cycles + 1);
    std::int64_t wait = 0, needed = alignment;
    while (wait < needed) {
        wait = needed;
        needed = alignment + parting_cycles(clock, clock.resync_interval_cycles + wait);
        if (2 * wait >= clock.epoch_cycles) {
            throw ValueError("hardware and software counters could part by " + std::to_string(wait) +
                             " cycles between two resynchronisations, and counters modulo " +
                             std::to_string(clock.epoch_cycles) + " tell less than " +
                             std::to_string(clock.epoch_cycles / 2) + " apart; " + std::to_string(alignment) +
                             " come from a tree of " + std::to_string(tree.height()) +
                             " edges, the others from drift in resync_interval_cycles = " +
                             std::to_string(clock.resync_interval_cycles));
        }
    }
    return wait;
}

std::int64_t start_cycles(const ClockSpec& clock, const SyncTree& tree) {
    // Sent at the parent's epoch, it is there latency + late cycles on; the child may look early cycles
    // sooner.
    const std::int64_t epochs = div_ceil(
        clock.latency_cycles + clock.jitter_late_cycles + clock.jitter_early_cycles, clock.epoch_cycles);
    return (tree.height() * epochs + 1) * clock.epoch_cycles;
}

} // namespace lpusim::net
