#include "lpusim/net/faults.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

namespace lpusim::net {
namespace {

constexpr std::string_view kSuffix = " with faults";

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

[[nodiscard]] std::string degraded_name(const Topology& topology) {
    std::string name = topology.name();
    if (!name.ends_with(kSuffix))
        name += kSuffix;
    return name;
}

/// Chips first .. last - 1.
struct NodeChips {
    std::int32_t first = 0;
    std::int32_t last = 0;

    [[nodiscard]] std::int32_t count() const { return last - first; }
};

[[nodiscard]] NodeChips chips_of_node(const Topology& topology, std::string_view what, std::int32_t node) {
    const std::int32_t size = topology.chips_per_node();
    const std::int64_t node_count = div_ceil(topology.chip_count(), size);
    if (node < 0 || node >= node_count) {
        throw ValueError(std::string(what) + " must be a node of " + topology.name() + ", 0 to " +
                         std::to_string(node_count - 1) + ", got " + std::to_string(node));
    }
    return {node * size, std::min((node + 1) * size, topology.chip_count())};
}

[[nodiscard]] bool is_spare(const Topology& topology, NodeChips chips) {
    for (std::int32_t chip = chips.first; chip < chips.last; ++chip) {
        if (topology.is_endpoint(chip) || !topology.is_up(chip))
            return false;
    }
    return true;
}

/// Takes `down` out of the cable between its chips.
void cut(const Topology& topology, const DownLinks& down, std::vector<Cable>& cables) {
    topology.require_chip("the end of a link that is down", down.a);
    topology.require_chip("the end of a link that is down", down.b);
    const auto [low, high] = std::minmax(down.a, down.b);
    const std::string between = "between chips " + std::to_string(down.a) + " and " + std::to_string(down.b);
    const auto found = std::ranges::lower_bound(
        cables, std::pair(low, high), {}, [](const Cable& cable) { return std::pair(cable.a, cable.b); });
    const std::int32_t there =
        found != cables.end() && found->a == low && found->b == high ? found->links : 0;
    if (there == 0)
        throw ValueError("there is no link " + between + " that could be down");
    if (down.links < 0 || down.links > there) {
        throw ValueError("links " + between + " that are down must be from 0 (all) to " +
                         std::to_string(there) + ", got " + std::to_string(down.links));
    }
    found->links -= down.links == 0 ? there : down.links;
}

} // namespace

Topology without(const Topology& topology, const Faults& faults) {
    Arrangement arrangement = topology.arrangement();
    arrangement.symmetry_chips = 0;
    std::vector<Cable> cables = topology.cables();
    for (const DownLinks& down : faults.links)
        cut(topology, down, cables);
    std::erase_if(cables, [](const Cable& cable) { return cable.links == 0; });
    arrangement.down_chips.insert(arrangement.down_chips.end(), faults.chips.begin(), faults.chips.end());
    for (const std::int32_t node : faults.nodes) {
        const NodeChips chips = chips_of_node(topology, "a node that is down", node);
        for (std::int32_t chip = chips.first; chip < chips.last; ++chip)
            arrangement.down_chips.push_back(chip);
    }
    return Topology(degraded_name(topology), topology.chip_count(), cables, topology.link(), arrangement);
}

Topology with_spares(const Topology& topology, std::span<const std::int32_t> nodes) {
    Arrangement arrangement = topology.arrangement();
    arrangement.symmetry_chips = 0;
    for (const std::int32_t node : nodes) {
        const NodeChips chips = chips_of_node(topology, "a spare", node);
        for (std::int32_t chip = chips.first; chip < chips.last; ++chip)
            arrangement.relay_chips.push_back(chip);
    }
    return Topology(topology.name(), topology.chip_count(), topology.cables(), topology.link(), arrangement);
}

std::int32_t nearest_spare(const Topology& topology, std::int32_t node) {
    const NodeChips failed = chips_of_node(topology, "a node", node);
    const std::vector<std::int32_t> hops = topology.distances(failed.first);
    const std::int64_t node_count = div_ceil(topology.chip_count(), topology.chips_per_node());
    std::int32_t nearest = -1;
    // A node that is down already has no links and is equally far from all.
    const auto distance = [&](std::int32_t spare) {
        return hops[at(chips_of_node(topology, "a spare", spare).first)];
    };
    for (std::int32_t spare = 0; spare < node_count; ++spare) {
        const NodeChips chips = chips_of_node(topology, "a spare", spare);
        if (spare == node || !is_spare(topology, chips) || chips.count() != failed.count())
            continue;
        if (nearest < 0 || distance(spare) < distance(nearest))
            nearest = spare;
    }
    if (nearest < 0) {
        throw ValueError(topology.name() + " has no spare node of " + std::to_string(failed.count()) +
                         " chips left to stand in for node " + std::to_string(node));
    }
    return nearest;
}

Topology substitute(const Topology& topology, std::int32_t node, std::int32_t spare) {
    const NodeChips failed = chips_of_node(topology, "the node that is down", node);
    const NodeChips standby = chips_of_node(topology, "the spare", spare);
    if (node == spare || !is_spare(topology, standby)) {
        throw ValueError("node " + std::to_string(spare) + " of " + topology.name() +
                         " is no spare that could stand in for node " + std::to_string(node));
    }
    if (failed.count() != standby.count()) {
        throw ValueError("node " + std::to_string(node) + " of " + topology.name() + " has " +
                         std::to_string(failed.count()) + " chips, its spare node " + std::to_string(spare) +
                         " " + std::to_string(standby.count()));
    }
    const auto renamed = [&](std::int32_t chip) {
        if (chip >= failed.first && chip < failed.last)
            return chip - failed.first + standby.first;
        if (chip >= standby.first && chip < standby.last)
            return chip - standby.first + failed.first;
        return chip;
    };
    Arrangement arrangement = topology.arrangement();
    arrangement.symmetry_chips = 0;
    const std::vector<std::int32_t> physical = arrangement.physical_chips;
    for (std::int32_t chip = 0; chip < topology.chip_count(); ++chip)
        arrangement.physical_chips[at(renamed(chip))] = physical[at(chip)];
    for (std::vector<std::int32_t>* chips : {&arrangement.relay_chips, &arrangement.down_chips})
        std::erase_if(*chips, [&](std::int32_t chip) { return renamed(chip) != chip; });
    for (std::int32_t chip = standby.first; chip < standby.last; ++chip)
        arrangement.down_chips.push_back(chip);
    std::vector<Cable> cables = topology.cables();
    for (Cable& cable : cables) {
        cable.a = renamed(cable.a);
        cable.b = renamed(cable.b);
    }
    return Topology(degraded_name(topology), topology.chip_count(), cables, topology.link(), arrangement);
}

} // namespace lpusim::net
