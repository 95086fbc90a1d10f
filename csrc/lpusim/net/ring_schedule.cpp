#include "lpusim/net/ring_schedule.h"

#include <algorithm>
#include <utility>

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

} // namespace

RingSchedule::RingSchedule(const Group& group, std::int64_t vector_count, Timetable* record)
    : group_(group), shards_(split_evenly(vector_count, group.size())), record_(record),
      booking_(group.topology(), record), ready_(at(group.size())), previous_(at(group.size()), -1) {
    for (std::int32_t rank = 0; rank < group.size(); ++rank)
        routes_.push_back(find_route(group, member(rank), member(rank + 1)));
}

std::int64_t RingSchedule::busiest_fan_in() const {
    std::int64_t widest = 0;
    for (const auto& route : routes_)
        widest = std::max<std::int64_t>(widest, group_.topology().bundles()[at(route.back())].width);
    return widest;
}

void RingSchedule::sum(const Pace& pace) {
    for (std::int32_t index = 0; index + 1 < group_.size(); ++index)
        go_round({.index = index, .lead = 0, .adds = true, .pace = pace});
}

void RingSchedule::copy() {
    for (std::int32_t index = 0; index + 1 < group_.size(); ++index)
        go_round({.index = index, .lead = 1, .adds = false, .pace = {}});
}

std::int32_t RingSchedule::member(std::int32_t rank) const {
    return group_.members()[at(rank % group_.size())];
}

void RingSchedule::go_round(const Step& step) {
    const std::int32_t size = group_.size();
    std::vector<Readiness> arrived(at(size));
    std::vector<std::int64_t> sent(at(size), -1);
    for (std::int32_t rank = 0; rank < size; ++rank) {
        const auto shard = at((rank - step.index + step.lead + size) % size);
        const std::int64_t count = shards_.vector_count[shard];
        if (count == 0)
            continue;
        const std::int32_t next = (rank + 1) % size;
        const std::int64_t transfer = add_transfer(rank, shard, step.adds);
        Readiness ready = ready_[at(rank)];
        std::int64_t hop = 0;
        for (const std::int32_t bundle : routes_[at(rank)]) {
            ready = booking_.send(bundle, {transfer, hop++, shards_.first_vector[shard], count}, ready,
                                  step.pace.period_cycles);
        }
        arrived[at(next)] = later(ready, step.pace.delay_cycles);
        sent[at(next)] = transfer;
    }
    ready_ = std::move(arrived);
    previous_ = std::move(sent);
    previous_delay_cycles_ = step.pace.delay_cycles;
}

std::int64_t RingSchedule::add_transfer(std::int32_t rank, std::size_t shard, bool adds) {
    if (record_ == nullptr)
        return 0;
    const auto transfer = static_cast<std::int64_t>(record_->transfers.size());
    record_->transfers.push_back({.source = member(rank),
                                  .target = member(rank + 1),
                                  .first_vector = shards_.first_vector[shard],
                                  .vector_count = shards_.vector_count[shard],
                                  .adds = adds ? 1 : 0});
    if (previous_[at(rank)] >= 0)
        record_->dependencies.push_back({transfer, previous_[at(rank)], previous_delay_cycles_});
    return transfer;
}

} // namespace lpusim::net
