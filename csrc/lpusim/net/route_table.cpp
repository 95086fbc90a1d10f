#include "lpusim/net/route_table.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

} // namespace

RouteTable::RouteTable(const Group& group, const Rotation& rotation, std::span<const std::int32_t> targets,
                       const AddTraffic& add_traffic)
    : group_(group), rotation_(rotation), targets_(targets.begin(), targets.end()),
      load_(at(rotation.bundle_class_count()), 0), brought_(load_) {
    const Topology& topology = group.topology();
    const auto chip_count = at(topology.chip_count());
    constexpr std::size_t kPairMax = std::size_t{1} << 29U;
    if (targets.size() > kPairMax / chip_count) {
        const auto pair_count = static_cast<std::int64_t>(targets.size() * chip_count);
        throw CapacityError("routes to " + std::to_string(targets.size()) + " chips of " + topology.name() +
                                " take a table of " + std::to_string(pair_count) + " pairs, more than 2^29",
                            2 * pair_count, 2 * std::int64_t{kPairMax});
    }
    row_of_.assign(chip_count, -1);
    for (std::size_t row = 0; row < targets_.size(); ++row)
        row_of_[at(targets_[row])] = static_cast<std::int32_t>(row);
    for (std::int32_t chip = 0; chip < topology.chip_count(); ++chip)
        first_bundle_.push_back(topology.first_bundle(chip));
    to_.reserve(topology.bundles().size());
    // A closed chip is nowhere.
    for (const Bundle& bundle : topology.bundles())
        to_.push_back(group.is_open(bundle.to) ? bundle.to : -1);
    next_.assign(targets_.size() * chip_count, 0);
    hops_.assign(chip_count, -1);
    order_.reserve(chip_count);
    std::vector<std::int64_t> traffic(chip_count, 0);
    for (std::size_t row = 0; row < targets_.size(); ++row) {
        std::ranges::fill(traffic, 0);
        add_traffic(row, traffic);
        lay_row(static_cast<std::int32_t>(row), traffic);
    }
}

void RouteTable::search(std::int32_t target) {
    const Topology& topology = group_.topology();
    std::ranges::fill(hops_, -1);
    order_.assign(1, target);
    hops_[at(target)] = 0;
    for (std::size_t head = 0; head < order_.size(); ++head) {
        const std::int32_t chip = order_[head];
        const std::int32_t first = first_bundle_[at(chip)];
        const auto end = first + static_cast<std::int32_t>(topology.bundles_from(chip).size());
        for (std::int32_t bundle = first; bundle < end; ++bundle) {
            const std::int32_t to = to_[at(bundle)];
            if (to >= 0 && hops_[at(to)] < 0) {
                hops_[at(to)] = hops_[at(chip)] + 1;
                order_.push_back(to);
            }
        }
    }
}

/// From the farthest in, so that all that a chip passes on is known before it chooses.
void RouteTable::lay_row(std::int32_t row, std::span<std::int64_t> traffic) {
    const Topology& topology = group_.topology();
    search(targets_[at(row)]);
    traffic[at(targets_[at(row)])] = 0;
    for (std::size_t i = order_.size(); i-- > 1;) {
        const std::int32_t chip = order_[i];
        const std::int32_t first = first_bundle_[at(chip)];
        const auto end = first + static_cast<std::int32_t>(topology.bundles_from(chip).size());
        std::int32_t best = -1;
        for (std::int32_t bundle = first; bundle < end; ++bundle) {
            const std::int32_t to = to_[at(bundle)];
            if (to < 0 || hops_[at(to)] != hops_[at(chip)] - 1)
                continue;
            if (best < 0 ||
                is_lighter(load_[at(rotation_.bundle_class(bundle))], topology.bundles()[at(bundle)],
                           load_[at(rotation_.bundle_class(best))], topology.bundles()[at(best)]))
                best = bundle;
        }
        assert(best >= 0 && best - first <= std::numeric_limits<std::uint16_t>::max());
        next_[at(row) * hops_.size() + at(chip)] = static_cast<std::uint16_t>(best - first);
        const std::int64_t vectors = traffic[at(chip)];
        load_[at(rotation_.bundle_class(best))] += vectors;
        slot_count_ += vectors;
        const std::int32_t to = to_[at(best)];
        if (to == targets_[at(row)]) {
            vector_count_ += vectors;
            brought_[at(rotation_.bundle_class(best))] += vectors;
        } else {
            traffic[at(to)] += vectors;
        }
    }
}

std::int32_t RouteTable::hops(std::int32_t row, std::int32_t chip) const {
    std::int32_t count = 0;
    while (chip != target(row)) {
        chip = to_[at(next_bundle(row, chip))];
        ++count;
    }
    return count;
}

std::int64_t RouteTable::busiest_fan_in() const {
    std::vector<std::int64_t> fan_in(at(rotation_.step_chips()), 0);
    for (std::size_t i = 0; i < brought_.size(); ++i) {
        const Bundle& bundle = group_.topology().bundles()[i];
        fan_in[at(bundle.to % rotation_.step_chips())] += std::min<std::int64_t>(bundle.width, brought_[i]);
    }
    return std::ranges::max(fan_in);
}

std::int64_t RouteTable::busiest_cycles() const {
    std::int64_t busiest = 0;
    for (std::size_t i = 0; i < load_.size(); ++i) {
        const Bundle& bundle = group_.topology().bundles()[i];
        busiest = std::max(busiest, div_ceil(load_[i], bundle.width) * bundle.timing.vector_cycles);
    }
    return busiest;
}

} // namespace lpusim::net
