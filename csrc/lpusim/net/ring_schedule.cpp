#include "lpusim/net/ring_schedule.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "lpusim/net/routes.h"

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

} // namespace

RingSchedule::RingSchedule(const Group& group, Booking& booking, std::int64_t vector_count,
                           const Production& production)
    : group_(group), booking_(booking), production_(production),
      shards_(split_evenly(vector_count, group.size())),
      rank_count_(booking.rotation().is_identity() ? group.size() : booking.rotation().step_chips()),
      held_(at(rank_count_)) {
    assert(booking.rotation().is_identity() || group.is_everyone());
    for (std::int32_t rank = 0; rank < rank_count_; ++rank)
        routes_.push_back(shortest_route(group, member(rank), member(rank + 1)));
}

std::int64_t RingSchedule::busiest_fan_in() const {
    std::int64_t widest = 0;
    for (const auto& route : routes_)
        widest = std::max<std::int64_t>(widest, group_.topology().bundles()[at(route.back())].width);
    return widest;
}

void RingSchedule::sum(const Pace& pace, std::int32_t ahead) {
    ahead_ = ahead;
    delay_cycles_ = pace.delay_cycles;
    for (std::int32_t rank = 0; rank < rank_count_; ++rank) {
        const Readiness own = made(shard_of(rank, ahead - 1));
        held_[at(rank)] = {own, {own.first_cycle, own.period_cycles}, -1};
    }
    for (std::int32_t index = 0; index + 1 < group_.size(); ++index)
        go_round({.lead = ahead - 1 - index, .adds = true, .pace = pace});
    for (std::int32_t rank = 0; rank < rank_count_; ++rank) {
        if (vector_count(shard_of(rank, ahead)) > 0)
            last_sum_cycle_ = std::max(last_sum_cycle_, held_[at(rank)].ready.last_cycle);
    }
}

void RingSchedule::copy_sums() {
    copy(ahead_);
}

void RingSchedule::copy_own() {
    for (std::int32_t rank = 0; rank < rank_count_; ++rank) {
        const std::int64_t count = std::max<std::int64_t>(1, vector_count(rank));
        held_[at(rank)] = {
            produced(production_, 0, count), {production_.first_cycle, production_.period_cycles}, -1};
    }
    copy(0);
}

void RingSchedule::copy(std::int32_t ahead) {
    for (std::int32_t index = 0; index + 1 < group_.size(); ++index)
        go_round({.lead = ahead - index, .adds = false, .pace = {}});
}

std::int32_t RingSchedule::member(std::int32_t rank) const {
    return group_.members()[at(rank % group_.size())];
}

std::int32_t RingSchedule::shard_of(std::int32_t rank, std::int32_t lead) const {
    return ((rank + lead) % group_.size() + group_.size()) % group_.size();
}

/// Of the largest shard of its class, which is that of the first turn.
std::int64_t RingSchedule::vector_count(std::int32_t shard) const {
    return shards_.vector_count[at(shard % rank_count_)];
}

/// By the last turn of its class.
Readiness RingSchedule::made(std::int32_t shard) const {
    const std::int32_t last = shard % rank_count_ + group_.size() - rank_count_;
    return produced(production_, shards_.first_vector[at(last)],
                    std::max<std::int64_t>(1, vector_count(shard)));
}

void RingSchedule::go_round(const Step& step) {
    std::vector<Held> next_held(held_.size());
    for (std::int32_t rank = 0; rank < rank_count_; ++rank) {
        const std::int32_t shard = shard_of(rank, step.lead);
        const std::int64_t count = vector_count(shard);
        if (count == 0)
            continue;
        const std::int64_t transfer = add_transfer(rank, shard, step.adds);
        Readiness ready = held_[at(rank)].ready;
        std::int64_t hop = 0;
        for (const std::int32_t bundle : routes_[at(rank)]) {
            ready = booking_.send(bundle, {transfer, hop++, shards_.first_vector[at(shard)], count}, ready,
                                  step.pace.period_cycles);
        }
        Production release;
        if (step.adds) {
            const Readiness own = made(shard);
            ready = later(latest(ready, own, count), step.pace.delay_cycles);
            release = {own.first_cycle + step.pace.delay_cycles, own.period_cycles};
        }
        next_held[at((rank + 1) % rank_count_)] = {ready, release, transfer};
    }
    held_ = std::move(next_held);
}

std::int64_t RingSchedule::add_transfer(std::int32_t rank, std::int32_t shard, bool adds) {
    Ledger* const ledger = booking_.ledger();
    if (ledger == nullptr)
        return 0;
    const Held& held = held_[at(rank)];
    const std::int64_t transfer = ledger->add_transfer({.source = member(rank),
                                                        .target = member(rank + 1),
                                                        .first_vector = shards_.first_vector[at(shard)],
                                                        .vector_count = vector_count(shard),
                                                        .release_cycle = held.release.first_cycle,
                                                        .release_period_cycles = held.release.period_cycles,
                                                        .adds = adds ? 1 : 0},
                                                       member(shard));
    // The rank before the first of one turn is the last of the turn before. Only what was added to waits.
    if (held.transfer >= 0) {
        const bool was_added = ledger->transfer(held.transfer).adds != 0;
        ledger->add_dependency({transfer, held.transfer, was_added ? delay_cycles_ : 0}, rank == 0 ? -1 : 0);
    }
    return transfer;
}

} // namespace lpusim::net
