#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/net/topology.h"

namespace lpusim::net {

enum class Side : std::uint8_t { free, first, second };

/// Puts every free chip on a side so that the bundles from the first side to the second have the least total
/// capacity. `capacity` is by bundle. Among equals the first side is smallest. Cost: a maximum flow (Dinic).
void place_free_chips(const Topology& topology, std::span<const std::int64_t> capacity,
                      std::vector<Side>& sides);

} // namespace lpusim::net
