#include "lpusim/net/wiring.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

namespace lpusim::net {
namespace {

constexpr std::int64_t kChipsPerNode = 8;
constexpr std::int64_t kPortsPerNode = 32;
constexpr std::int64_t kReach = 4;

/// Refused before any cable is laid, so that a huge count costs nothing.
void check_chip_count(std::int64_t chip_count, std::int64_t chip_max) {
    if (chip_count < 1 || chip_count > chip_max) {
        throw ValueError("chip_count must be from 1 to " + std::to_string(chip_max) + ", got " +
                         std::to_string(chip_count));
    }
}

[[nodiscard]] Cable cable(std::int64_t a, std::int64_t b, std::int64_t links) {
    return {static_cast<std::int32_t>(a), static_cast<std::int32_t>(b), static_cast<std::int32_t>(links)};
}

/// Every pair of chips within each group of `group_size` consecutive chips.
void connect_groups(std::int64_t chip_count, std::int64_t group_size, std::int64_t links,
                    std::vector<Cable>& cables) {
    for (std::int64_t a = 0; a < chip_count; ++a) {
        const std::int64_t end = std::min(chip_count, round_up(a + 1, group_size));
        for (std::int64_t b = a + 1; b < end; ++b)
            cables.push_back(cable(a, b, links));
    }
}

struct NodeNeighbour {
    /// Nodes ahead in the ring, 1 .. node_count - 1.
    std::int64_t ahead = 0;
    std::int64_t links = 0;
};

/// The neighbours of every QuadFour node, in the order in which it deals its outer links to its chips.
[[nodiscard]] std::vector<NodeNeighbour> quadfour_neighbours(std::int64_t node_count) {
    std::vector<NodeNeighbour> neighbours;
    const std::int64_t reach = std::min(kReach, node_count / 2);
    for (std::int64_t distance = 1; distance <= reach; ++distance) {
        neighbours.push_back({distance, 0});
        if (2 * distance != node_count)
            neighbours.push_back({node_count - distance, 0});
    }
    if (neighbours.empty())
        return neighbours;
    const auto count = static_cast<std::int64_t>(neighbours.size());
    for (NodeNeighbour& neighbour : neighbours)
        neighbour.links = kPortsPerNode / count;
    const std::int64_t left_over = kPortsPerNode % count;
    if (node_count % 2 == 0) {
        neighbours.back().links += left_over;
    } else {
        neighbours[0].links += left_over / 2;
        neighbours[1].links += left_over / 2;
    }
    return neighbours;
}

/// The chip of a node that holds the `index`-th link to the node `ahead`.
[[nodiscard]] std::int64_t port_chip(const std::vector<NodeNeighbour>& neighbours, std::int64_t ahead,
                                     std::int64_t index) {
    std::int64_t port = index;
    for (const NodeNeighbour& neighbour : neighbours) {
        if (neighbour.ahead == ahead)
            break;
        port += neighbour.links;
    }
    return port % kChipsPerNode;
}

constexpr std::array<Field<LpxWiring>, 4> kLpxFields{{
    {"links_per_chip", "links", 1, 4096, "ports of one chip", &LpxWiring::links_per_chip},
    {"tray_links", "links", 1, 4096, "links to each other chip of the tray", &LpxWiring::tray_links},
    {"rail_links", "links", 1, 4096, "links to the same position of each other tray of the rack",
     &LpxWiring::rail_links},
    {"rack_links", "links", 1, 4096, "links of a chip that leave its rack", &LpxWiring::rack_links},
}};

void check_ports(const LpxWiring& wiring) {
    validate_fields("LpxWiring", wiring, lpx_wiring_fields());
    const std::int64_t used =
        (kChipsPerTray - 1) * wiring.tray_links + (kTraysPerRack - 1) * wiring.rail_links + wiring.rack_links;
    if (used > wiring.links_per_chip) {
        throw ValueError("LpxWiring: 7 x tray_links + 31 x rail_links + rack_links needs " +
                         std::to_string(used) + " ports, but links_per_chip is " +
                         std::to_string(wiring.links_per_chip));
    }
}

/// Links from chip `chip` of a rack to the same chip of the rack `ahead` of it; the same seen from either
/// end.
[[nodiscard]] std::int64_t links_to_rack(const LpxWiring& wiring, std::int64_t rack_count, std::int64_t ahead,
                                         std::int64_t chip) {
    if (rack_count - 1 <= wiring.rack_links)
        return wiring.rack_links / (rack_count - 1);
    const std::int64_t reach = wiring.rack_links / 2;
    const std::int64_t distance_max = rack_count / 2;
    const std::int64_t class_count = div_ceil(distance_max, reach);
    const std::int64_t distance = std::min(ahead, rack_count - ahead);
    return (distance - 1) / reach == chip % kChipsPerTray % class_count ? 1 : 0;
}

} // namespace

std::span<const Field<LpxWiring>> lpx_wiring_fields() {
    return kLpxFields;
}

Topology make_node(std::int64_t chip_count, const LinkSpec& link) {
    check_chip_count(chip_count, 4096);
    std::vector<Cable> cables;
    connect_groups(chip_count, chip_count, 1, cables);
    return Topology("node-" + std::to_string(chip_count), chip_count, cables, link);
}

Topology make_ring(std::int64_t chip_count, const LinkSpec& link) {
    check_chip_count(chip_count, Topology::kChipMax);
    std::vector<Cable> cables;
    for (std::int64_t chip = 0; chip + 1 < chip_count; ++chip)
        cables.push_back(cable(chip, chip + 1, 1));
    if (chip_count > 2)
        cables.push_back(cable(chip_count - 1, 0, 1));
    return Topology("ring-" + std::to_string(chip_count), chip_count, cables, link);
}

Topology make_quadfour(std::int64_t chip_count, const LinkSpec& link) {
    check_chip_count(chip_count, Topology::kChipMax);
    std::vector<Cable> cables;
    connect_groups(chip_count, kChipsPerNode, 1, cables);
    const std::int64_t node_count = div_ceil(chip_count, kChipsPerNode);
    const std::vector<NodeNeighbour> neighbours = quadfour_neighbours(node_count);
    for (std::int64_t node = 0; node < node_count; ++node) {
        for (const NodeNeighbour& neighbour : neighbours) {
            const std::int64_t other = (node + neighbour.ahead) % node_count;
            // Each pair once, from its lower node.
            if (other < node)
                continue;
            for (std::int64_t index = 0; index < neighbour.links; ++index) {
                const std::int64_t a = node * kChipsPerNode + port_chip(neighbours, neighbour.ahead, index);
                const std::int64_t b =
                    other * kChipsPerNode + port_chip(neighbours, node_count - neighbour.ahead, index);
                if (std::max(a, b) < chip_count)
                    cables.push_back(cable(a, b, 1));
            }
        }
    }
    return Topology("quadfour-" + std::to_string(chip_count), chip_count, cables, link,
                    {.chips_per_node = static_cast<std::int32_t>(kChipsPerNode),
                     .symmetry_chips = static_cast<std::int32_t>(kChipsPerNode)});
}

Topology make_lpx(std::int64_t chip_count, const LinkSpec& link, const LpxWiring& wiring) {
    check_ports(wiring);
    // Beyond this the positions of a tray cannot cover all distances between racks.
    const std::int64_t rack_max = 2 * (wiring.rack_links / 2) * kChipsPerTray + 1;
    check_chip_count(chip_count,
                     std::min<std::int64_t>(Topology::kChipMax,
                                            std::max(rack_max, wiring.rack_links + 1) * kChipsPerRack));
    std::vector<Cable> cables;
    connect_groups(chip_count, kChipsPerTray, wiring.tray_links, cables);
    const std::int64_t rack_count = div_ceil(chip_count, kChipsPerRack);
    for (std::int64_t chip = 0; chip < chip_count; ++chip) {
        const std::int64_t rack_end = std::min(chip_count, round_up(chip + 1, kChipsPerRack));
        for (std::int64_t other = chip + kChipsPerTray; other < rack_end; other += kChipsPerTray)
            cables.push_back(cable(chip, other, wiring.rail_links));
        for (std::int64_t other = chip + kChipsPerRack; other < chip_count; other += kChipsPerRack) {
            const std::int64_t links =
                links_to_rack(wiring, rack_count, (other - chip) / kChipsPerRack, chip);
            if (links > 0)
                cables.push_back(cable(chip, other, links));
        }
    }
    return Topology("lpx-" + std::to_string(chip_count), chip_count, cables, link,
                    {.chips_per_node = static_cast<std::int32_t>(kChipsPerTray),
                     .symmetry_chips = static_cast<std::int32_t>(kChipsPerRack)});
}

Topology make_topology(std::string_view kind, std::int64_t chip_count, const LinkSpec& link) {
    if (kind == "node")
        return make_node(chip_count, link);
    if (kind == "ring")
        return make_ring(chip_count, link);
    if (kind == "quadfour")
        return make_quadfour(chip_count, link);
    if (kind == "lpx")
        return make_lpx(chip_count, link);
    throw ValueError("unknown topology '" + std::string(kind) +
                     "'; known topologies: node, ring, quadfour, lpx");
}

} // namespace lpusim::net
