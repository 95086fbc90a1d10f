#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/net/booking.h"
#include "lpusim/net/group.h"
#include "lpusim/net/shards.h"

namespace lpusim::net {

/// One step a neighbour: rank r sends a shard to rank r + 1, which got its previous one from rank r - 1.
/// Neighbours in the group's order need not be neighbours in the topology. Shard r is the piece of rank r.
///
/// Cost: one booking a rank (of one turn, under a rotation), step and hop.
class RingSchedule {
  public:
    /// Both must outlive it. A rotation needs a group of everyone.
    RingSchedule(const Group& group, Booking& booking, std::int64_t vector_count,
                 const Production& production);

    /// Links into the chip fed from the most links at once.
    [[nodiscard]] std::int64_t busiest_fan_in() const;

    /// All ranks make all shards. Afterwards rank r has the sum of shard r + `ahead`.
    void sum(const Pace& pace, std::int32_t ahead);
    /// After sum(): every rank gets every shard, from where its sum is.
    void copy_sums();
    /// Every rank makes its own shard and gets all others.
    void copy_own();

    /// When the last rank has its sum.
    [[nodiscard]] std::int64_t last_sum_cycle() const { return last_sum_cycle_; }

  private:
    /// Rank r sends shard r + lead.
    struct Step {
        std::int32_t lead = 0;
        bool adds = false;
        Pace pace;
    };
    /// What a rank has for its next step.
    struct Held {
        Readiness ready;
        /// When its own making lets it leave.
        Production release;
        /// What brought it; -1 where it is its own.
        std::int64_t transfer = -1;
    };

    [[nodiscard]] std::int32_t member(std::int32_t rank) const;
    [[nodiscard]] std::int32_t shard_of(std::int32_t rank, std::int32_t lead) const;
    [[nodiscard]] std::int64_t vector_count(std::int32_t shard) const;
    [[nodiscard]] Readiness made(std::int32_t shard) const;
    void copy(std::int32_t ahead);
    void go_round(const Step& step);
    std::int64_t add_transfer(std::int32_t rank, std::int32_t shard, bool adds);

    const Group& group_;
    Booking& booking_;
    Production production_;
    Shards shards_;
    /// Ranks of one turn.
    std::int32_t rank_count_;
    std::vector<std::vector<std::int32_t>> routes_;
    std::vector<Held> held_;
    std::int64_t delay_cycles_ = 0;
    std::int32_t ahead_ = 0;
    std::int64_t last_sum_cycle_ = 0;
};

} // namespace lpusim::net
