#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/net/booking.h"
#include "lpusim/net/forest.h"
#include "lpusim/net/shards.h"

namespace lpusim::net {

/// One step a neighbour: rank r sends a shard to rank r + 1, which got its previous one from rank r - 1.
/// Neighbours in the group's order need not be neighbours in the topology. `record` may be null.
class RingSchedule {
  public:
    RingSchedule(const Group& group, std::int64_t vector_count, Timetable* record);

    /// Links into the chip fed from the most links at once.
    [[nodiscard]] std::int64_t busiest_fan_in() const;

    /// Afterwards rank r has the sum of shard r + 1.
    void sum(const Pace& pace);
    /// After sum: every rank gets every shard.
    void copy();

    [[nodiscard]] std::int64_t last_arrival_cycle() const { return booking_.last_arrival_cycle(); }

  private:
    struct Step {
        std::int32_t index = 0;
        /// Shards that a rank is ahead of its own number when the phase begins.
        std::int32_t lead = 0;
        bool adds = false;
        Pace pace;
    };

    [[nodiscard]] std::int32_t member(std::int32_t rank) const;
    void go_round(const Step& step);
    std::int64_t add_transfer(std::int32_t rank, std::size_t shard, bool adds);

    const Group& group_;
    Shards shards_;
    Timetable* record_;
    Booking booking_;
    std::vector<std::vector<std::int32_t>> routes_;
    /// By rank: the shard that it got last, and the transfer that brought it.
    std::vector<Readiness> ready_;
    std::vector<std::int64_t> previous_;
    std::int64_t previous_delay_cycles_ = 0;
};

} // namespace lpusim::net
