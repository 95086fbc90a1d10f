#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "lpusim/net/topology.h"

/// The machines: which chip is wired to which. Those made of nodes, trays or racks take any number of chips;
/// the last node, tray or rack may be partly filled, and links to absent chips are absent.
namespace lpusim::net {

/// The timing of cables that leave a node or tray, and a rack, where it is not the common one. Not public:
/// the published hops (270 cycles of SHIP, 216 of them on the link in ISCA'22) are said of all links.
struct CableTimings {
    std::optional<LinkTiming> between_nodes = std::nullopt;
    /// Empty: as between nodes.
    std::optional<LinkTiming> between_racks = std::nullopt;
};

/// All chips directly connected, one link a pair: the 8-chip node with 28 links (ISCA'22, Abts et al.).
[[nodiscard]] Topology make_node(std::int64_t chip_count, const LinkSpec& link);

/// The same with `links` a pair.
[[nodiscard]] Topology make_full_mesh(std::int64_t chip_count, std::int64_t links, const LinkSpec& link);

/// Dragonfly (ISCA'22): nodes of 8 fully connected chips with 32 outer ports.
///
/// Up to 33 nodes (264 chips): every node is linked to every other, 32 ports shared evenly; 3 hops. Beyond,
/// up to 145 racks of 9 nodes (10,440 chips): 16 ports of each node join the 9 nodes of its rack, 2 links a
/// pair; the other 16 make 144 a rack, shared evenly among all other racks, one each at 145.
///
/// Published: the counts, 3 hops, and at most 5. The halves of 144 are derived. Five is what a graph search
/// gives when a node is one router (router_diameter: two hops in the first rack, one between racks, two in
/// the last); chip by chip, where passing through a node may need a hop inside it, it is 6.
///
/// Assumed, since only counts are public: nodes and racks are wired in a ring, all alike (circulant). A node
/// deals its ports to its chips in turn, neighbours in the order +1, -1, +2, -2, ....  The j-th port of a
/// rack that looks forward is held by the chip 5^c = j + 1 (mod 73) names, c; its far end by chip 37 c + 39
/// (mod 72): scattered, so that few chips of a rack lead to the same chips of others. Dealing in turn needs 7
/// hops.
[[nodiscard]] Topology make_dragonfly(std::int64_t chip_count, const LinkSpec& link,
                                      const CableTimings& timings = {});

inline constexpr std::int64_t kDragonflyNodesMax = 33;
inline constexpr std::int64_t kDragonflyNodesPerRack = 9;
inline constexpr std::int64_t kDragonflyRacksMax = 145;

/// QuadFour: nodes of 8 fully connected chips; a node's 32 outer links go to the 4 nodes before and the 4
/// after it, 4 links each, nodes in a ring (SHIP, MLSys 2026).
///
/// Which chip of a node holds which outer link is not public. Assumed: a node lists its neighbours in the
/// order +1, -1, +2, -2, ... and deals its links to chips 0..7 in turn, so that chips 0-3 look forward and
/// chips 4-7 back, one link a neighbour. The published diameters (3 at 72 chips, 5 at 136) follow.
/// Below 9 nodes each node shares its 32 links evenly among all others (SHIP does not say); links left over
/// go to the opposite node, or one each to +1 and -1 where there is no opposite.
[[nodiscard]] Topology make_quadfour(std::int64_t chip_count, const LinkSpec& link,
                                     const CableTimings& timings = {});

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
[[nodiscard]] Topology make_lpx(std::int64_t chip_count, const LinkSpec& link, const LpxWiring& wiring = {},
                                const CableTimings& timings = {});

/// Chips in a cycle, one link to each neighbour.
[[nodiscard]] Topology make_ring(std::int64_t chip_count, const LinkSpec& link);

/// Chips in a grid, ids row by row (the last size fastest), `links` to each neighbour in each dimension, with
/// `wraps` also from the last to the first: a torus. Two chips in a row are neighbours once, not twice.
[[nodiscard]] Topology make_grid(std::span<const std::int64_t> sizes, bool wraps, std::int64_t links,
                                 const LinkSpec& link);

/// Every chip with `links` to one switch, a relay with the id behind theirs.
[[nodiscard]] Topology make_switch(std::int64_t chip_count, std::int64_t links, const LinkSpec& link);

/// `levels` levels of switches of `ports` ports, half of them down and half up (all down at the top):
/// 2 (ports / 2)^levels chips, full bisection, at most 2 levels hops (Leiserson, 1985). Switches are relays
/// with the ids behind the chips.
[[nodiscard]] Topology make_fat_tree(std::int64_t ports, std::int64_t levels, const LinkSpec& link);

/// The topology named in a chip's preset: node, ring, quadfour, lpx or dragonfly. Throws ValueError listing
/// them.
[[nodiscard]] Topology make_topology(std::string_view kind, std::int64_t chip_count, const LinkSpec& link);

} // namespace lpusim::net
