#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/net/booking.h"
#include "lpusim/net/forest.h"
#include "lpusim/net/shards.h"

namespace lpusim::net {

/// Links into the chip that the trees feed from the most links at once: towards the root (summing on the way)
/// or away from it.
[[nodiscard]] std::int64_t busiest_fan_in(const Topology& topology, const Forest& forest,
                                          std::span<const std::int64_t> vector_counts, bool towards_root);

/// Sums shards towards the roots of a forest, spreads them from the roots, or both, on one set of links.
/// Shard t belongs to tree t. All arguments must outlive the schedule; `record` may be null.
///
/// Bookings go level by level over all trees, so that no link waits for a vector that comes late while others
/// are ready. Cost: one booking a node of the forest and direction.
class ForestSchedule {
  public:
    ForestSchedule(const Topology& topology, const Forest& forest, const Shards& shards, Timetable* record);

    /// Afterwards each root's shard is summed.
    void sum_inward(const Pace& pace);

    /// From roots that hold their shard at cycle 0, or after sum_inward when it is summed.
    /// One vector a link every `period_cycles`, or as fast as the link can.
    void spread_outward(std::int64_t period_cycles = 0);

    [[nodiscard]] std::int64_t last_arrival_cycle() const { return booking_.last_arrival_cycle(); }
    /// When the last root has its sum.
    [[nodiscard]] std::int64_t last_sum_cycle() const { return last_sum_cycle_; }

  private:
    [[nodiscard]] std::int64_t transfer_id(std::int32_t node, std::int64_t begin) const;
    [[nodiscard]] Booking::Vectors vectors(std::int32_t node, std::int64_t begin) const;
    void add_transfers(bool towards_root);
    void tie_phases();

    const Topology& topology_;
    const Forest& forest_;
    const Shards& shards_;
    Timetable* record_;
    Booking booking_;
    /// By node: operands there when summing, vectors there when spreading.
    std::vector<Readiness> ready_;
    std::vector<std::int32_t> tree_of_;
    std::vector<std::int64_t> root_delay_;
    std::int64_t inward_begin_ = -1;
    std::int64_t outward_begin_ = -1;
    std::int64_t last_sum_cycle_ = 0;
};

} // namespace lpusim::net
