#include "lpusim/net/hierarchy.h"

#include <algorithm>

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

/// Members in each unit of `unit_chips` consecutive ids; 0 where units with members have different numbers.
[[nodiscard]] std::int32_t members_per_unit(const std::vector<std::int32_t>& members,
                                            std::int32_t unit_chips) {
    std::int32_t size = 0;
    for (std::size_t begin = 0; begin < members.size();) {
        std::size_t end = begin;
        while (end < members.size() && members[end] / unit_chips == members[begin] / unit_chips)
            ++end;
        const auto here = static_cast<std::int32_t>(end - begin);
        if (size != 0 && here != size)
            return 0;
        size = here;
        begin = end;
    }
    return size;
}

} // namespace

std::optional<Hierarchy> Hierarchy::of(const Group& group) {
    const Topology& topology = group.topology();
    std::vector<std::int32_t> units;
    if (topology.chips_per_node() > 1)
        units.push_back(topology.chips_per_node());
    const std::int32_t larger = topology.symmetry_chips();
    if (!units.empty() && larger > units.back() && larger % units.back() == 0)
        units.push_back(larger);
    units.push_back(topology.chip_count());

    Hierarchy hierarchy;
    hierarchy.members_.assign(group.members().begin(), group.members().end());
    std::ranges::sort(hierarchy.members_);
    std::int32_t inside = 1;
    for (const std::int32_t unit_chips : units) {
        const std::int32_t size = members_per_unit(hierarchy.members_, unit_chips);
        if (size == 0 || size % inside != 0)
            return std::nullopt;
        if (size == inside)
            continue;
        hierarchy.parts_.push_back(size / inside);
        hierarchy.stride_.push_back(inside);
        inside = size;
    }
    if (hierarchy.level_count() < 2)
        return std::nullopt;
    return hierarchy;
}

std::vector<std::int32_t> Hierarchy::peers(std::int32_t member, std::int32_t level) const {
    const std::int32_t stride = stride_[at(level)];
    const std::int32_t first = member - digit(member, level) * stride;
    std::vector<std::int32_t> chips;
    chips.reserve(at(parts(level)));
    for (std::int32_t part = 0; part < parts(level); ++part)
        chips.push_back(members_[at(first + part * stride)]);
    return chips;
}

Rotation Hierarchy::rotation(const Group& group) const {
    if (group.is_everyone()) {
        if (auto rotation = Rotation::by(group.topology(), stride_.back()))
            return *std::move(rotation);
    }
    return Rotation(group.topology());
}

} // namespace lpusim::net
