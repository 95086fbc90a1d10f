#include "lpusim/net/wiring.h"

#include <array>
#include <string>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/nearest_name.h"
#include "lpusim/net/wiring_parts.h"

namespace lpusim::net {
namespace {

constexpr std::array<std::string_view, 5> kKinds{"node", "ring", "quadfour", "lpx", "dragonfly"};

[[nodiscard]] Topology full_mesh(std::string_view kind, std::int64_t chip_count, std::int64_t links,
                                 const LinkSpec& link) {
    require_count("chip_count", chip_count, 1, 4096);
    require_count("links", links, 1, 1 << 16);
    std::vector<Cable> cables;
    connect_within(chip_count, chip_count, links, cables);
    return Topology(std::string(kind) + "-" + std::to_string(chip_count), chip_count, cables, link,
                    {.symmetry_chips = 1});
}

} // namespace

Topology make_node(std::int64_t chip_count, const LinkSpec& link) {
    return full_mesh("node", chip_count, 1, link);
}

Topology make_full_mesh(std::int64_t chip_count, std::int64_t links, const LinkSpec& link) {
    return full_mesh("full-mesh", chip_count, links, link);
}

Topology make_topology(std::string_view kind, std::int64_t chip_count, const LinkSpec& link) {
    if (kind == "node")
        return make_node(chip_count, link);
    if (kind == "ring")
        return make_ring(chip_count, link);
    if (kind == "quadfour")
        return make_quadfour(chip_count, link);
    if (kind == "lpx")
        return make_lpx(chip_count, link);
    if (kind == "dragonfly")
        return make_dragonfly(chip_count, link);
    const std::string_view near = nearest_name(kind, kKinds);
    throw ValueError("unknown topology '" + std::string(kind) + "'" +
                     (near.empty() ? "" : "; did you mean '" + std::string(near) + "'?") +
                     "; known topologies: node, ring, quadfour, lpx, dragonfly");
}

} // namespace lpusim::net
