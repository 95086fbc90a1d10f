#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/net/topology.h"

namespace lpusim::net {

/// A cut of a topology's endpoints into two halves, and what crosses it in the direction that carries less.
struct Bisection {
    std::int64_t links = 0;
    double bytes_per_s = 0;
    /// No other halves have less between them.
    bool is_exact = false;
    /// The endpoints of the half that holds the first one, in order.
    std::vector<std::int32_t> chips = {};
};

inline constexpr std::int32_t kExactBisectionChipsMax = 20;

/// The cut into halves that carries the fewest bytes.
///
/// Exact for up to 20 endpoints without relays among them: all halves (of equally many endpoints, or one
/// more) are tried, most in vain and cut short. Else the narrowest of these: along each of the topology's
/// axes (racks, nodes, the chips of all nodes, the dimensions of a torus) every arc of half the places that
/// have endpoints, rounded down; where there are relays only the arc from the first place, relays on
/// whichever side is better (minimum cut). Where an odd number of places makes parts unequal, what crosses
/// counts by the endpoints of the smaller part: that is how the 853 GB/s of 9 QuadFour nodes are published (4
/// | 5).
///
/// Where parts are equal this is never below the true one. It is the true one on even rings and full meshes,
/// tori whose longest side is even, full fat trees, and even rings of nodes with symmetric reach.
///
/// Cost: one pass over the bundles an axis; one maximum flow with relays.
[[nodiscard]] Bisection bisect(const Topology& topology);

} // namespace lpusim::net
