#pragma once

#include <cstdint>

#include "lpusim/net/topology.h"

/// What a topology can do when a node counts as one router with its chips as terminals, by graph search.
/// Where there is one node, chips are routers themselves.
namespace lpusim::net {

/// The longest of all shortest paths between endpoints: a hop from a chip to the link that leaves its node,
/// hops from node to node, a hop to the chip. That is how ISCA'22 comes to 3 and 5 hops. Cost: one search for
/// each node that no rotation maps to an earlier one.
[[nodiscard]] std::int32_t router_diameter(const Topology& topology);

/// Payload bytes a second that every endpoint can send to endpoints of other nodes while all send to all
/// alike: vectors take the fewest hops from node to node, spread at each node evenly over the links that lead
/// on, and the fullest link never rests. The least of all endpoints; 0 where there is nobody to send to.
/// Cost: as above.
[[nodiscard]] double global_bytes_per_s(const Topology& topology);

} // namespace lpusim::net
