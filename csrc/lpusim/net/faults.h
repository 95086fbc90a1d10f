#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/net/topology.h"

/// What is left of a machine when parts of it are down, and how spare nodes take their place. Every function
/// returns a topology of its own; routes and timetables made for it avoid what is down by construction, since
/// it has no links there. Ids do not move.
namespace lpusim::net {

/// `links` of the parallel links between two chips; 0: all of them.
struct DownLinks {
    std::int32_t a = 0;
    std::int32_t b = 0;
    std::int32_t links = 0;
};

struct Faults {
    std::vector<std::int32_t> chips = {};
    /// Every chip of each.
    std::vector<std::int32_t> nodes = {};
    std::vector<DownLinks> links = {};
};

/// Throws ValueError for a chip or node that is not there, a link count below 0, and more links than there
/// are; DisconnectedError where chips that are up no longer reach each other: then no timetable exists.
[[nodiscard]] Topology without(const Topology& topology, const Faults& faults);

/// The same machine with all chips of `nodes` waiting as spares: relays that hold no data. Assumed: a spare
/// passes vectors on (its links are up).
[[nodiscard]] Topology with_spares(const Topology& topology, std::span<const std::int32_t> nodes);

/// The spare node fewest hops from `node`, the lowest of equals. Throws ValueError where there is none.
[[nodiscard]] std::int32_t nearest_spare(const Topology& topology, std::int32_t node);

/// `node` is down and `spare` stands in for it: the spare's chips go by the ids of the node's, so that work
/// keeps its ids, and the ids of the spare are those of the chips that are down. arrangement().physical_chips
/// says where each is. Throws ValueError where `spare` is no spare, or the nodes differ in size.
[[nodiscard]] Topology substitute(const Topology& topology, std::int32_t node, std::int32_t spare);

} // namespace lpusim::net
