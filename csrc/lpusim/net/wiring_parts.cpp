#include "lpusim/net/wiring_parts.h"

#include <cassert>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

namespace lpusim::net {

void require_count(std::string_view what, std::int64_t value, std::int64_t min, std::int64_t max) {
    if (value < min || value > max) {
        throw ValueError(std::string(what) + " must be from " + std::to_string(min) + " to " +
                         std::to_string(max) + ", got " + std::to_string(value));
    }
}

Cable cable(std::int64_t a, std::int64_t b, std::int64_t links, const std::optional<LinkTiming>& timing) {
    return {static_cast<std::int32_t>(a), static_cast<std::int32_t>(b), static_cast<std::int32_t>(links),
            timing, timing};
}

void connect_within(std::int64_t chip_count, std::int64_t group_size, std::int64_t links,
                    std::vector<Cable>& cables) {
    for (std::int64_t a = 0; a < chip_count; ++a) {
        const std::int64_t end = std::min(chip_count, round_up(a + 1, group_size));
        for (std::int64_t b = a + 1; b < end; ++b)
            cables.push_back(cable(a, b, links));
    }
}

void connect_ring(const GroupRing& ring, std::vector<Cable>& cables) {
    std::vector<std::int64_t> first_port(static_cast<std::size_t>(ring.group_count), -1);
    std::int64_t ports = 0;
    for (const Neighbour& neighbour : ring.neighbours) {
        first_port[static_cast<std::size_t>(neighbour.ahead)] = ports;
        ports += neighbour.links;
    }
    const auto chip_at = [&](std::int64_t group, std::int64_t ahead, std::int64_t index) {
        const std::int64_t port = first_port[static_cast<std::size_t>(ahead)] + index;
        return group * ring.group_chips + ring.port_chip(port);
    };
    for (std::int64_t group = 0; group < ring.group_count; ++group) {
        for (const Neighbour& neighbour : ring.neighbours) {
            const std::int64_t other = (group + neighbour.ahead) % ring.group_count;
            // Each pair once, from its lower group.
            if (other < group)
                continue;
            assert(first_port[static_cast<std::size_t>(ring.group_count - neighbour.ahead)] >= 0);
            for (std::int64_t index = 0; index < neighbour.links; ++index) {
                const std::int64_t a = chip_at(group, neighbour.ahead, index);
                const std::int64_t b = chip_at(other, ring.group_count - neighbour.ahead, index);
                if (std::max(a, b) < ring.chip_count)
                    cables.push_back(cable(ring.first_chip + a, ring.first_chip + b, 1, ring.timing));
            }
        }
    }
}

std::vector<Neighbour> share_ports(std::int64_t group_count, std::int64_t ports, bool forward_first) {
    if (group_count < 2)
        return {};
    const std::int64_t each = ports / (group_count - 1);
    const std::int64_t left_over = ports % (group_count - 1);
    std::vector<Neighbour> neighbours, backward;
    for (std::int64_t distance = 1; 2 * distance <= group_count; ++distance) {
        if (2 * distance == group_count) {
            neighbours.push_back({distance, each + left_over % 2});
            break;
        }
        const std::int64_t links = each + (distance <= left_over / 2 ? 1 : 0);
        neighbours.push_back({distance, links});
        (forward_first ? backward : neighbours).push_back({group_count - distance, links});
    }
    neighbours.insert(neighbours.end(), backward.begin(), backward.end());
    return neighbours;
}

} // namespace lpusim::net
