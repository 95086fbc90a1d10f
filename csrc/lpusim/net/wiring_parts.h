#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "lpusim/net/topology.h"

/// What the machines of wiring.h are put together from.
namespace lpusim::net {

inline constexpr std::int64_t kChipsPerNode = 8;
/// Of a node of 8 chips with 4 outer links each (ISCA'22, SHIP).
inline constexpr std::int64_t kPortsPerNode = 32;

/// Throws ValueError where `value` is not from `min` to `max`. Called before any cable is laid, so that a
/// huge count costs nothing.
void require_count(std::string_view what, std::int64_t value, std::int64_t min, std::int64_t max);

[[nodiscard]] Cable cable(std::int64_t a, std::int64_t b, std::int64_t links,
                          const std::optional<LinkTiming>& timing = {});

/// Every pair of chips within each group of `group_size` consecutive chips.
void connect_within(std::int64_t chip_count, std::int64_t group_size, std::int64_t links,
                    std::vector<Cable>& cables);

/// A group (node, rack) that every group of a ring is linked to: `ahead` groups on, 1 .. group_count - 1.
struct Neighbour {
    std::int64_t ahead = 0;
    std::int64_t links = 0;
};

/// Groups in a ring, all wired alike. A group numbers its outer ports from 0, in the order of `neighbours`,
/// and `port_chip` says which of its chips holds each. Where a group is linked to the one `ahead`, it is also
/// to the one group_count - ahead, with as many links; the i-th of either are one link.
struct GroupRing {
    std::int64_t group_chips = 0;
    std::int64_t group_count = 0;
    std::vector<Neighbour> neighbours = {};
    std::function<std::int64_t(std::int64_t port)> port_chip = {};
    std::optional<LinkTiming> timing = std::nullopt;
    /// The chips that there are, of chips first_chip .. first_chip + group_count * group_chips - 1.
    std::int64_t first_chip = 0;
    std::int64_t chip_count = 0;
};

/// One cable a link; links to chips that are not there are left out.
void connect_ring(const GroupRing& ring, std::vector<Cable>& cables);

/// `ports` shared among all other groups of a ring as evenly as they go, in the order +1, -1, +2, -2, ... or,
/// with `forward_first`, +1, +2, ..., -1, -2, .... What is left goes in pairs to the nearest, and an odd one
/// to the group opposite.
[[nodiscard]] std::vector<Neighbour> share_ports(std::int64_t group_count, std::int64_t ports,
                                                 bool forward_first = false);

} // namespace lpusim::net
