#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/net/wiring.h"
#include "lpusim/net/wiring_parts.h"

namespace lpusim::net {
namespace {

constexpr std::array<Field<LpxWiring>, 4> kLpxFields{{
    {"links_per_chip", "links", 1, 4096, "ports of one chip", &LpxWiring::links_per_chip},
    {"tray_links", "links", 1, 4096, "links to each other chip of the tray", &LpxWiring::tray_links},
    {"rail_links", "links", 1, 4096, "links to the same position of each other tray of the rack",
     &LpxWiring::rail_links},
    {"rack_links", "links", 1, 4096, "links of a chip that leave its rack", &LpxWiring::rack_links},
}};

void check_ports(const LpxWiring& wiring) {
    validate_fields("LpxWiring", wiring, lpx_wiring_fields());
    const std::int64_t used =
        (kChipsPerTray - 1) * wiring.tray_links + (kTraysPerRack - 1) * wiring.rail_links + wiring.rack_links;
    if (used > wiring.links_per_chip) {
        throw ValueError("LpxWiring: 7 x tray_links + 31 x rail_links + rack_links needs " +
                         std::to_string(used) + " ports, but links_per_chip is " +
                         std::to_string(wiring.links_per_chip));
    }
}

/// Links from chip `chip` of a rack to the same chip of the rack `ahead` of it; the same seen from either
/// end.
[[nodiscard]] std::int64_t links_to_rack(const LpxWiring& wiring, std::int64_t rack_count, std::int64_t ahead,
                                         std::int64_t chip) {
    if (rack_count - 1 <= wiring.rack_links)
        return wiring.rack_links / (rack_count - 1);
    const std::int64_t reach = wiring.rack_links / 2;
    const std::int64_t distance_max = rack_count / 2;
    const std::int64_t class_count = div_ceil(distance_max, reach);
    const std::int64_t distance = std::min(ahead, rack_count - ahead);
    return (distance - 1) / reach == chip % kChipsPerTray % class_count ? 1 : 0;
}

} // namespace

std::span<const Field<LpxWiring>> lpx_wiring_fields() {
    return kLpxFields;
}

Topology make_lpx(std::int64_t chip_count, const LinkSpec& link, const LpxWiring& wiring,
                  const CableTimings& timings) {
    check_ports(wiring);
    // Beyond this the positions of a tray cannot cover all distances between racks.
    const std::int64_t rack_max = 2 * (wiring.rack_links / 2) * kChipsPerTray + 1;
    require_count("chip_count", chip_count, 1,
                  std::min<std::int64_t>(Topology::kChipMax,
                                         std::max(rack_max, wiring.rack_links + 1) * kChipsPerRack));
    const auto& rail_timing = timings.between_nodes;
    const auto& rack_timing = timings.between_racks ? timings.between_racks : timings.between_nodes;
    std::vector<Cable> cables;
    connect_within(chip_count, kChipsPerTray, wiring.tray_links, cables);
    const std::int64_t rack_count = div_ceil(chip_count, kChipsPerRack);
    for (std::int64_t chip = 0; chip < chip_count; ++chip) {
        const std::int64_t rack_end = std::min(chip_count, round_up(chip + 1, kChipsPerRack));
        for (std::int64_t other = chip + kChipsPerTray; other < rack_end; other += kChipsPerTray)
            cables.push_back(cable(chip, other, wiring.rail_links, rail_timing));
        for (std::int64_t other = chip + kChipsPerRack; other < chip_count; other += kChipsPerRack) {
            const std::int64_t links =
                links_to_rack(wiring, rack_count, (other - chip) / kChipsPerRack, chip);
            if (links > 0)
                cables.push_back(cable(chip, other, links, rack_timing));
        }
    }
    return Topology("lpx-" + std::to_string(chip_count), chip_count, cables, link,
                    {.chips_per_node = static_cast<std::int32_t>(kChipsPerTray),
                     .symmetry_chips = static_cast<std::int32_t>(kChipsPerRack),
                     .axes = {static_cast<std::int32_t>(rack_count), static_cast<std::int32_t>(kTraysPerRack),
                              static_cast<std::int32_t>(kChipsPerTray)}});
}

} // namespace lpusim::net
