#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/net/topology.h"

namespace lpusim::net {

/// Nodes of 8 fully connected chips, each with one link to every other node: node r's port k of `ports` goes
/// to node r + k, where it is port (ports + 1 - k). Ports are dealt to chips evenly. With 32 ports and 33
/// nodes the largest single-level Dragonfly of 264 chips.
[[nodiscard]] inline Topology dragonfly_of_nodes(std::int32_t ports) {
    const std::int32_t node_count = ports + 1;
    std::vector<Cable> cables;
    for (std::int32_t node = 0; node < node_count; ++node) {
        for (std::int32_t a = 0; a < 8; ++a) {
            for (std::int32_t b = a + 1; b < 8; ++b)
                cables.push_back({.a = node * 8 + a, .b = node * 8 + b});
        }
        for (std::int32_t port = 1; 2 * port <= ports; ++port) {
            cables.push_back({.a = node * 8 + (port - 1) * 8 / ports,
                              .b = (node + port) % node_count * 8 + (ports - port) * 8 / ports});
        }
    }
    return {"dragonfly", std::int64_t{node_count} * 8, cables, {}, {.chips_per_node = 8}};
}

} // namespace lpusim::net
