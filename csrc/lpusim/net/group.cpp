#include "lpusim/net/group.h"

#include <algorithm>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

} // namespace

Group::Group(const Topology& topology, std::span<const std::int32_t> chips)
    : topology_(&topology), members_(chips.begin(), chips.end()), is_member_(at(topology.chip_count()), 0) {
    if (members_.empty())
        members_ = topology.endpoints();
    for (const std::int32_t chip : members_) {
        topology.require_endpoint("a chip of the group", chip);
        if (is_member_[at(chip)] != 0) {
            throw ValueError("the group names chip " + std::to_string(chip) + " twice");
        }
        is_member_[at(chip)] = 1;
    }
    if (members_.size() == topology.up_chips().size())
        return; // What is up is connected.
    Search search(*this);
    search.everywhere_from(members_.front());
    relays_ = search.order().size() < members_.size();
}

bool Group::is_everyone() const {
    return size() == topology_->chip_count() && std::ranges::is_sorted(members_);
}

bool is_lighter(std::int64_t load_a, const Bundle& a, std::int64_t load_b, const Bundle& b) {
    if (a.timing == b.timing && a.width == b.width)
        return load_a < load_b;
    const auto through = [](std::int64_t load, const Bundle& own, const Bundle& other) {
        return multiply_wide(static_cast<std::uint64_t>(load),
                             static_cast<std::uint64_t>(own.timing.vector_cycles * other.width));
    };
    return through(load_a, a, b) < through(load_b, b, a);
}

} // namespace lpusim::net
