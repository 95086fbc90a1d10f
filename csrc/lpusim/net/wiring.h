#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "lpusim/net/topology.h"

/// The machines: which chip is wired to which. Every function takes any number of chips; the last node or
/// tray may be partly filled, and links to absent chips are absent.
namespace lpusim::net {

/// All chips directly connected, one link a pair: the 8-chip node with 28 links (ISCA'22, Abts et al.).
[[nodiscard]] Topology make_node(std::int64_t chip_count, const LinkSpec& link);

/// Chips in a cycle, one link to each neighbour.
[[nodiscard]] Topology make_ring(std::int64_t chip_count, const LinkSpec& link);

/// QuadFour: nodes of 8 fully connected chips; a node's 32 outer links go to the 4 nodes before and the 4
/// after it, 4 links each, nodes in a ring (SHIP, MLSys 2026).
///
/// Which chip of a node holds which outer link is not public. Assumed: a node lists its neighbours in the
/// order +1, -1, +2, -2, ... and deals its links to chips 0..7 in turn, so that chips 0-3 look forward and
/// chips 4-7 back, one link a neighbour. The published diameters (3 at 72 chips, 5 at 136) follow.
/// Below 9 nodes each node shares its 32 links evenly among all others (SHIP does not say); links left over
/// go to the opposite node, or one each to +1 and -1 where there is no opposite.
[[nodiscard]] Topology make_quadfour(std::int64_t chip_count, const LinkSpec& link);

/// How an LPX system is wired. Only 8 chips a tray, 32 trays a rack and 96 links a chip are published (NVIDIA
/// developer blog, Inside NVIDIA Groq 3 LPX); the rest is assumed.
///
/// Assumed: a chip has `tray_links` to each of the 7 others of its tray and `rail_links` to the chip in the
/// same position of each other tray of its rack. Its `rack_links` remaining ports go to the chip in the same
/// place of other racks: shared evenly among all of them while there are enough, else to 4 racks ahead and 4
/// behind, the position in the tray choosing which. 8 to 1 is the proportion at which a two-step all-reduce
/// over a rack (tray, then rails) loads both kinds of link alike: 7/8 of the data over 7 x 8 links, 31/256 of
/// it over 31 x 1. That uses 56 + 31 of 96 ports and leaves 9. A tray wired this way is a part of a rack:
/// fewer trays leave ports dark, since trays carry no cables inside and racks a fixed spine.
struct LpxWiring {
    std::int64_t links_per_chip = 96;
    std::int64_t tray_links = 8;
    std::int64_t rail_links = 1;
    std::int64_t rack_links = 9;
};

[[nodiscard]] std::span<const Field<LpxWiring>> lpx_wiring_fields();

inline constexpr std::int64_t kChipsPerTray = 8;
inline constexpr std::int64_t kTraysPerRack = 32;
inline constexpr std::int64_t kChipsPerRack = kChipsPerTray * kTraysPerRack;

/// Throws ValueError where the wiring needs more than links_per_chip ports.
[[nodiscard]] Topology make_lpx(std::int64_t chip_count, const LinkSpec& link, const LpxWiring& wiring = {});

/// The topology named in a chip's preset: node, ring, quadfour or lpx. Throws ValueError listing them.
[[nodiscard]] Topology make_topology(std::string_view kind, std::int64_t chip_count, const LinkSpec& link);

} // namespace lpusim::net
