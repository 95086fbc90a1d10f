#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/net/booking.h"
#include "lpusim/net/forest_schedule.h"
#include "lpusim/net/hierarchy.h"

namespace lpusim::net {

/// An all-reduce level by level: shards are summed among the chips of a node, their shards among nodes of a
/// rack, theirs among racks; then spread the same way back. Only the smallest shards cross the longest links.
///
/// Within a level each shard takes a shortest-path tree over the peers. A chip begins the next level when all
/// it needs of this one is there. Cost: O(members x (links searched + parts of each level)).
class HierarchySchedule {
  public:
    /// All must outlive it. Members make whole buffers of `vector_count` vectors.
    HierarchySchedule(const Group& group, const Hierarchy& hierarchy, Booking& booking,
                      std::int64_t vector_count, const Production& production);

    /// Afterwards every member has the sum.
    void run(const ReduceCost& reduce);

    /// By chip, the smallest shard that it sums: what turns under a rotation.
    [[nodiscard]] const Shards& pieces() const { return pieces_; }

  private:
    /// Vectors first .. first + count - 1.
    struct Range {
        std::int64_t first = 0;
        std::int64_t count = 0;
    };
    /// The trees of one level: one a member (of one turn) that owns vectors.
    struct Level {
        std::vector<std::int32_t> owners;
        Forest forest;
        Shards shards;
    };

    [[nodiscard]] Range range_of(std::int32_t member, std::int32_t levels) const;
    [[nodiscard]] std::int64_t last_turn_first(std::int32_t member, std::int32_t level) const;
    [[nodiscard]] std::int32_t member_of(std::int32_t chip) const;
    [[nodiscard]] Level grow(std::int32_t level) const;
    [[nodiscard]] ForestSchedule::Operands operands(std::int32_t level, bool are_made);
    void sum_level(std::int32_t level, const Pace& pace);
    void spread_level(std::int32_t level);

    const Group& group_;
    const Hierarchy& hierarchy_;
    Booking& booking_;
    std::int64_t vector_count_;
    Production production_;
    Provenance provenance_;
    /// Members of one turn.
    std::int32_t member_count_;
    std::vector<Level> levels_;
    /// By member: its range of the level reached.
    std::vector<Readiness> state_;
    Shards pieces_;
};

} // namespace lpusim::net
