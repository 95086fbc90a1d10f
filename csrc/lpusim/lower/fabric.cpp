#include "lpusim/lower/fabric.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/net/collective.h"
#include "lpusim/net/group.h"
#include "lpusim/net/traffic.h"

namespace lpusim::lower {

std::optional<std::int64_t> WiringCosts::find(const Wiring& wiring, const Key& key) {
    const std::lock_guard lock(mutex_);
    const auto& costs = cycles_[wiring];
    const auto found = costs.find(key);
    return found == costs.end() ? std::nullopt : std::optional(found->second);
}

void WiringCosts::insert(const Wiring& wiring, const Key& key, std::int64_t cycles) {
    const std::lock_guard lock(mutex_);
    cycles_[wiring].emplace(key, cycles);
}

Fabric::Fabric(std::shared_ptr<const net::Topology> topology, std::shared_ptr<WiringCosts> costs)
    : topology_(std::move(topology)), costs_(std::move(costs)) {
    assert(topology_ != nullptr);
    if (costs_ == nullptr) {
        costs_ = std::make_shared<WiringCosts>(topology_->link());
    }
    if (costs_->link() != topology_->link()) {
        throw ValueError("the costs are of other links than those of " + topology_->name());
    }
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
    const std::int64_t cycles = call.kind == CollectiveKind::shift ? shift_cycles(group, call.size_bytes)
                                                                   : group_cycles(group, call, paid);
    const std::lock_guard lock(mutex_);
    return cycles_.emplace(key, cycles).first->second;
}

WiringCosts::Wiring Fabric::wiring(Group group) const {
    WiringCosts::Wiring result;
    for (std::int32_t i = 0; i < group.chip_count; ++i) {
        for (const net::Bundle& bundle : topology_->bundles_from(group.first_chip + i)) {
            const std::int32_t to = bundle.to - group.first_chip;
            if (to > i && to < group.chip_count) {
                const net::LinkTiming& back =
                    topology_->bundles()[static_cast<std::size_t>(bundle.reverse)].timing;
                result.insert(result.end(), {i, to, bundle.width, bundle.timing.vector_cycles,
                                             bundle.timing.hop_cycles, back.vector_cycles, back.hop_cycles});
            }
        }
    }
    return result;
}

std::int64_t Fabric::group_cycles(Group group, const CollectiveCall& call,
                                  const net::ReduceCost& reduce) const {
    const auto part_count = static_cast<std::int32_t>(call.part_count);
    std::vector<std::int32_t> chips(static_cast<std::size_t>(part_count));
    std::iota(chips.begin(), chips.end(), group.first_chip);
    const auto scheduled = [&] {
        switch (call.kind) {
        case CollectiveKind::all_gather:
            return net::all_gather(*topology_, chips, call.size_bytes).cycles;
        case CollectiveKind::reduce_scatter:
            return net::reduce_scatter(*topology_, chips, call.size_bytes, reduce).cycles;
        case CollectiveKind::all_reduce:
        case CollectiveKind::shift:
            break;
        }
        return net::all_reduce(*topology_, chips, call.size_bytes, reduce).cycles;
    };
    if (!net::Group(*topology_, chips).is_closed()) {
        return scheduled();
    }
    const WiringCosts::Wiring wired = wiring({group.first_chip, part_count});
    const WiringCosts::Key key{call.kind, call.size_bytes, reduce.first_cycles, reduce.cycles_per_vector};
    if (const std::optional<std::int64_t> known = costs_->find(wired, key)) {
        return *known;
    }
    const std::int64_t cycles = scheduled();
    costs_->insert(wired, key, cycles);
    return cycles;
}

std::int64_t Fabric::shift_cycles(Group group, std::int64_t size_bytes) const {
    const std::int32_t next_chip = group.first_chip + group.chip_count;
    const std::int32_t target_count = std::min(group.chip_count, topology_->chip_count() - next_chip);
    std::vector<net::Request> requests;
    requests.reserve(static_cast<std::size_t>(std::max(target_count, 0)));
    for (std::int32_t i = 0; i < target_count; ++i) {
        requests.push_back({group.first_chip + i, next_chip + i, size_bytes});
    }
    return requests.empty() ? 0 : net::schedule(*topology_, requests).cycles;
}

} // namespace lpusim::lower
