#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "lpusim/base/integers.h"
#include "lpusim/net/wiring.h"
#include "lpusim/net/wiring_parts.h"

/// Machines of 8-chip nodes.
namespace lpusim::net {
namespace {

constexpr std::int64_t kReach = 4;
constexpr std::int64_t kRackChips = kDragonflyNodesPerRack * kChipsPerNode;
/// A node's 32 outer ports, half of them within its rack.
constexpr std::int64_t kRackPortsPerNode = kPortsPerNode / 2;
constexpr std::int64_t kRackPorts = kDragonflyNodesPerRack * kRackPortsPerNode;

/// A node deals its outer ports to its chips in turn.
[[nodiscard]] std::int64_t dealt(std::int64_t port) {
    return port % kChipsPerNode;
}

/// The chips of a rack that hold its outer ports: the first half look forward, the second back.
[[nodiscard]] std::array<std::int64_t, kRackPorts> scattered_ports() {
    static_assert(kRackPorts == 2 * kRackChips);
    constexpr std::int64_t kPrime = kRackChips + 1;
    constexpr std::int64_t kPrimitiveRoot = 5;
    std::array<std::int64_t, kRackPorts> chip_of{};
    std::int64_t power = 1;
    for (std::int64_t chip = 0; chip < kRackChips; ++chip) {
        chip_of[static_cast<std::size_t>(power - 1)] = chip;
        chip_of[static_cast<std::size_t>(kRackChips + power - 1)] = (37 * chip + 39) % kRackChips;
        power = power * kPrimitiveRoot % kPrime;
    }
    return chip_of;
}

/// The neighbours of every QuadFour node.
[[nodiscard]] std::vector<Neighbour> quadfour_neighbours(std::int64_t node_count) {
    std::vector<Neighbour> neighbours;
    const std::int64_t reach = std::min(kReach, node_count / 2);
    for (std::int64_t distance = 1; distance <= reach; ++distance) {
        neighbours.push_back({distance, 0});
        if (2 * distance != node_count)
            neighbours.push_back({node_count - distance, 0});
    }
    if (neighbours.empty())
        return neighbours;
    const auto count = static_cast<std::int64_t>(neighbours.size());
    for (Neighbour& neighbour : neighbours)
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

[[nodiscard]] Topology nodes_in_ring(std::string_view kind, std::int64_t chip_count,
                                     std::vector<Neighbour> neighbours, const LinkSpec& link,
                                     const CableTimings& timings) {
    std::vector<Cable> cables;
    connect_within(chip_count, kChipsPerNode, 1, cables);
    connect_ring({.group_chips = kChipsPerNode,
                  .group_count = div_ceil(chip_count, kChipsPerNode),
                  .neighbours = std::move(neighbours),
                  .port_chip = dealt,
                  .timing = timings.between_nodes,
                  .chip_count = chip_count},
                 cables);
    return Topology(std::string(kind) + "-" + std::to_string(chip_count), chip_count, cables, link,
                    {.chips_per_node = static_cast<std::int32_t>(kChipsPerNode),
                     .symmetry_chips = static_cast<std::int32_t>(kChipsPerNode)});
}

[[nodiscard]] Topology racks_in_ring(std::int64_t chip_count, const LinkSpec& link,
                                     const CableTimings& timings) {
    std::vector<Cable> cables;
    connect_within(chip_count, kChipsPerNode, 1, cables);
    const std::int64_t rack_count = div_ceil(chip_count, kRackChips);
    for (std::int64_t rack = 0; rack < rack_count; ++rack) {
        connect_ring({.group_chips = kChipsPerNode,
                      .group_count = kDragonflyNodesPerRack,
                      .neighbours = share_ports(kDragonflyNodesPerRack, kRackPortsPerNode),
                      .port_chip = dealt,
                      .timing = timings.between_nodes,
                      .first_chip = rack * kRackChips,
                      .chip_count = std::min(kRackChips, chip_count - rack * kRackChips)},
                     cables);
    }
    const auto chip_of = scattered_ports();
    connect_ring({.group_chips = kRackChips,
                  .group_count = rack_count,
                  .neighbours = share_ports(rack_count, kRackPorts, true),
                  .port_chip = [&](std::int64_t port) { return chip_of[static_cast<std::size_t>(port)]; },
                  .timing = timings.between_racks ? timings.between_racks : timings.between_nodes,
                  .chip_count = chip_count},
                 cables);
    return Topology(
        "dragonfly-" + std::to_string(chip_count), chip_count, cables, link,
        {.chips_per_node = static_cast<std::int32_t>(kChipsPerNode),
         .symmetry_chips = static_cast<std::int32_t>(kRackChips),
         .axes = {static_cast<std::int32_t>(rack_count), static_cast<std::int32_t>(kDragonflyNodesPerRack),
                  static_cast<std::int32_t>(kChipsPerNode)}});
}

} // namespace

Topology make_quadfour(std::int64_t chip_count, const LinkSpec& link, const CableTimings& timings) {
    require_count("chip_count", chip_count, 1, Topology::kChipMax);
    return nodes_in_ring("quadfour", chip_count, quadfour_neighbours(div_ceil(chip_count, kChipsPerNode)),
                         link, timings);
}

Topology make_dragonfly(std::int64_t chip_count, const LinkSpec& link, const CableTimings& timings) {
    require_count("chip_count", chip_count, 1, kDragonflyRacksMax * kRackChips);
    const std::int64_t node_count = div_ceil(chip_count, kChipsPerNode);
    if (node_count > kDragonflyNodesMax)
        return racks_in_ring(chip_count, link, timings);
    return nodes_in_ring("dragonfly", chip_count, share_ports(node_count, kPortsPerNode), link, timings);
}

} // namespace lpusim::net
