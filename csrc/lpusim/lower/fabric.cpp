#include "lpusim/lower/fabric.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <utility>
#include <vector>

#include "lpusim/net/collective.h"

namespace lpusim::lower {

Fabric::Fabric(std::shared_ptr<const net::Topology> topology) : topology_(std::move(topology)) {
    assert(topology_ != nullptr);
}

Group Fabric::representative(Group group) const {
    const std::int32_t period = topology_->symmetry_chips();
    const std::int32_t symmetric_chips = period > 0 ? topology_->chip_count() / period * period : 0;
    // A group's shift reaches into the next group, so both have to lie where the symmetry holds.
    if (group.first_chip + 2 * group.chip_count <= symmetric_chips) {
        group.first_chip %= period;
    }
    return group;
}

std::int64_t Fabric::cycles(Group group, const CollectiveCall& call, const net::ReduceCost& reduce) {
    assert(call.part_count >= 1 && call.part_count <= group.chip_count);
    if (call.size_bytes == 0 || (call.kind != CollectiveKind::shift && call.part_count == 1)) {
        return 0;
    }
    group = representative(group);
    const bool adds = call.kind == CollectiveKind::all_reduce || call.kind == CollectiveKind::reduce_scatter;
    const net::ReduceCost paid = adds ? reduce : net::ReduceCost{};
    const Key key{group.first_chip,  group.chip_count,      call.kind, call.part_count, call.size_bytes,
                  paid.first_cycles, paid.cycles_per_vector};
    {
        const std::lock_guard lock(mutex_);
        const auto found = cycles_.find(key);
        if (found != cycles_.end()) {
            return found->second;
        }
    }
    const std::int64_t cycles = scheduled_cycles(group, call, paid);
    const std::lock_guard lock(mutex_);
    return cycles_.emplace(key, cycles).first->second;
}

std::int64_t Fabric::scheduled_cycles(Group group, const CollectiveCall& call,
                                      const net::ReduceCost& reduce) const {
    std::vector<std::int32_t> chips(static_cast<std::size_t>(call.part_count));
    std::iota(chips.begin(), chips.end(), group.first_chip);
    switch (call.kind) {
    case CollectiveKind::all_reduce:
        return net::all_reduce(*topology_, chips, call.size_bytes, reduce).cycles;
    case CollectiveKind::all_gather:
        return net::all_gather(*topology_, chips, call.size_bytes).cycles;
    case CollectiveKind::reduce_scatter:
        return net::reduce_scatter(*topology_, chips, call.size_bytes, reduce).cycles;
    case CollectiveKind::shift:
        break;
    }
    const std::int32_t next_chip = group.first_chip + group.chip_count;
    const std::int32_t target_count = std::min(group.chip_count, topology_->chip_count() - next_chip);
    std::vector<net::Request> requests;
    requests.reserve(static_cast<std::size_t>(std::max(target_count, 0)));
    for (std::int32_t i = 0; i < target_count; ++i) {
        requests.push_back({group.first_chip + i, next_chip + i, call.size_bytes, 0});
    }
    return requests.empty() ? 0 : net::schedule(*topology_, requests).cycles;
}

} // namespace lpusim::lower
