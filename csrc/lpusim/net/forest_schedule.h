#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/net/booking.h"
#include "lpusim/net/forest.h"
#include "lpusim/net/provenance.h"
#include "lpusim/net/shards.h"

namespace lpusim::net {

/// Links into the chip that the trees feed from the most links at once: towards the root (summing on the way)
/// or away from it.
[[nodiscard]] std::int64_t busiest_fan_in(const Topology& topology, const Forest& forest,
                                          std::span<const std::int64_t> vector_counts, bool towards_root,
                                          const Rotation& rotation);

/// Sums shards towards the roots of a forest, spreads them from the roots, or both. Shard t belongs to tree t
/// and has at least one vector.
///
/// Bookings go level by level over all trees, so that no link waits for a vector that comes late while others
/// are ready. Cost: one booking a node of the forest and direction.
class ForestSchedule {
  public:
    struct Operands {
        /// They exist when they are made (and the rows say so), not when something has arrived.
        bool are_made = true;
        /// Under a rotation a tree's shard is its root's piece; else it is the same at every turn.
        bool are_pieces = true;
        /// What brought them, and what brings them on; may be null.
        Provenance* provenance = nullptr;
    };

    /// All must outlive the schedule.
    ForestSchedule(Booking& booking, const Forest& forest, const Shards& shards, const Operands& operands);

    /// By node: when its chip has its own operand or, at a root that only spreads, the shard. To be filled
    /// before; afterwards when the node has what it sums or gets.
    [[nodiscard]] std::span<Readiness> ready() { return ready_; }

    /// Afterwards each root's shard is summed.
    void sum_inward(const Pace& pace);

    /// From roots that have their shard, or after sum_inward when it is summed. One vector a link every
    /// `period_cycles`, or as fast as the link can.
    void spread_outward(std::int64_t period_cycles = 0);

    [[nodiscard]] const Readiness& root_ready(std::int32_t tree) const {
        return ready_[static_cast<std::size_t>(forest_.tree_begin[static_cast<std::size_t>(tree)])];
    }
    /// When the last root has its sum.
    [[nodiscard]] std::int64_t last_sum_cycle() const { return last_sum_cycle_; }

  private:
    [[nodiscard]] std::int64_t transfer_id(std::int32_t node, std::int64_t begin) const;
    [[nodiscard]] Booking::Vectors vectors(std::int32_t node, std::int64_t begin) const;
    [[nodiscard]] std::int32_t piece_chip(std::size_t tree) const;
    void add_inward_transfers(const Pace& pace);
    void add_outward_transfers();
    void sum_at_roots(const Pace& pace);
    void depend_on_root(std::int32_t tree);
    void note_arrivals();

    Booking& booking_;
    const Forest& forest_;
    const Shards& shards_;
    Operands operands_;
    Ledger* ledger_;
    std::vector<Readiness> ready_;
    std::vector<std::int32_t> tree_of_;
    /// By tree: how long the root's sum takes, and when its own operand lets the sum leave.
    std::vector<std::int64_t> root_delay_;
    std::vector<Production> root_release_;
    std::int64_t inward_begin_ = -1;
    std::int64_t outward_begin_ = -1;
    std::int64_t last_sum_cycle_ = 0;
};

} // namespace lpusim::net
