#include <string>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/net/wiring.h"
#include "lpusim/net/wiring_parts.h"

/// Rings, grids and trees, as in any textbook.
namespace lpusim::net {

Topology make_ring(std::int64_t chip_count, const LinkSpec& link) {
    require_count("chip_count", chip_count, 1, Topology::kChipMax);
    std::vector<Cable> cables;
    for (std::int64_t chip = 0; chip + 1 < chip_count; ++chip)
        cables.push_back(cable(chip, chip + 1, 1));
    if (chip_count > 2)
        cables.push_back(cable(chip_count - 1, 0, 1));
    return Topology("ring-" + std::to_string(chip_count), chip_count, cables, link, {.symmetry_chips = 1});
}

Topology make_grid(std::span<const std::int64_t> sizes, bool wraps, std::int64_t links,
                   const LinkSpec& link) {
    require_count("the number of dimensions", std::ssize(sizes), 1, 16);
    require_count("links", links, 1, 1 << 16);
    std::int64_t chip_count = 1;
    std::string name;
    std::vector<std::int32_t> axes;
    for (const std::int64_t size : sizes) {
        require_count("the size of a dimension", size, 1, Topology::kChipMax);
        chip_count *= size;
        require_count("the product of the sizes", chip_count, 1, Topology::kChipMax);
        name += (name.empty() ? "" : "x") + std::to_string(size);
        axes.push_back(static_cast<std::int32_t>(size));
    }
    std::vector<Cable> cables;
    std::int64_t stride = chip_count;
    for (const std::int64_t size : sizes) {
        stride /= size;
        for (std::int64_t chip = 0; chip < chip_count; ++chip) {
            const std::int64_t place = chip / stride % size;
            if (place + 1 < size)
                cables.push_back(cable(chip, chip + stride, links));
            else if (wraps && size > 2)
                cables.push_back(cable(chip, chip - place * stride, links));
        }
    }
    const std::int64_t row_chips = chip_count / sizes.front();
    return Topology(
        (wraps ? "torus-" : "mesh-") + name, chip_count, cables, link,
        {.symmetry_chips = wraps ? static_cast<std::int32_t>(row_chips) : 0, .axes = std::move(axes)});
}

Topology make_switch(std::int64_t chip_count, std::int64_t links, const LinkSpec& link) {
    require_count("chip_count", chip_count, 1, Topology::kChipMax - 1);
    require_count("links", links, 1, 1 << 16);
    std::vector<Cable> cables;
    cables.reserve(static_cast<std::size_t>(chip_count));
    for (std::int64_t chip = 0; chip < chip_count; ++chip)
        cables.push_back(cable(chip, chip_count, links));
    return Topology("switch-" + std::to_string(chip_count), chip_count + 1, cables, link,
                    {.axes = {static_cast<std::int32_t>(chip_count)},
                     .relay_chips = {static_cast<std::int32_t>(chip_count)}});
}

Topology make_fat_tree(std::int64_t ports, std::int64_t levels, const LinkSpec& link) {
    require_count("ports", ports, 2, 4096);
    require_count("levels", levels, 1, 8);
    if (ports % 2 != 0) {
        throw ValueError("ports must be even, half of them up and half down, got " + std::to_string(ports));
    }
    const std::int64_t half = ports / 2;
    // Switches of the top level; each level below has twice as many.
    std::int64_t top_count = 1;
    for (std::int64_t level = 1; level < levels; ++level) {
        top_count *= half;
        require_count("2 (ports / 2)^levels", 2 * top_count * half, 1, Topology::kChipMax / 2);
    }
    const std::int64_t chip_count = 2 * top_count * half;
    const std::int64_t total = chip_count + (2 * levels - 1) * top_count;
    require_count("chips and switches", total, 1, Topology::kChipMax);
    const auto first_switch = [&](std::int64_t level) { return chip_count + 2 * top_count * level; };

    std::vector<Cable> cables;
    const std::int64_t down_ports = levels == 1 ? ports : half;
    cables.reserve(static_cast<std::size_t>(levels * chip_count));
    for (std::int64_t chip = 0; chip < chip_count; ++chip)
        cables.push_back(cable(chip, first_switch(0) + chip / down_ports, 1));
    // A switch of level l stands above a subtree, counted in `low` switches that reach the same chips. One
    // level up, `half` subtrees (all of them at the top) meet on half as many times more switches.
    std::int64_t low = 1;
    for (std::int64_t level = 0; level + 1 < levels; ++level, low *= half) {
        const bool is_last = level + 2 == levels;
        for (std::int64_t index = 0; index < 2 * top_count; ++index) {
            const std::int64_t subtree = index / low, place = index % low;
            const std::int64_t above = is_last ? 0 : subtree / half;
            for (std::int64_t up = 0; up < half; ++up) {
                cables.push_back(cable(first_switch(level) + index,
                                       first_switch(level + 1) + (above * low + place) * half + up, 1));
            }
        }
    }
    std::vector<std::int32_t> switches;
    for (std::int64_t id = chip_count; id < total; ++id)
        switches.push_back(static_cast<std::int32_t>(id));
    return Topology("fat-tree-" + std::to_string(chip_count), total, cables, link,
                    {.axes = {static_cast<std::int32_t>(div_ceil(chip_count, down_ports)),
                              static_cast<std::int32_t>(down_ports)},
                     .relay_chips = std::move(switches)});
}

} // namespace lpusim::net
