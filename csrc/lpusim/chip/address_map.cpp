#include "lpusim/chip/address_map.h"

#include <algorithm>

namespace lpusim::chip {
namespace {

/// Calls visit(first lane, address, is inside) for each superlane; returns the first address outside.
template <class Visit>
std::optional<std::int64_t> for_superlanes(const Window& window, const MapPlanes& map, const ChipSpec& spec,
                                           const Visit& visit) {
    std::optional<std::int64_t> outside;
    for (std::int64_t superlane = 0; superlane < spec.superlanes; ++superlane) {
        const std::int64_t lane = superlane * spec.lanes_per_superlane;
        const std::int64_t address = map.low[lane] + 256 * std::int64_t{map.high[lane]};
        const bool inside = address >= window.first && address < window.first + window.words;
        if (!inside && !outside)
            outside = address;
        visit(lane, address, inside);
    }
    return outside;
}

} // namespace

std::optional<std::int64_t> gather_vector(const Memory& memory, const Window& window, const MapPlanes& map,
                                          const ChipSpec& spec, std::uint8_t* vector) {
    return for_superlanes(window, map, spec, [&](std::int64_t lane, std::int64_t address, bool inside) {
        if (inside) {
            std::copy_n(memory.read(window.slice, address) + lane, spec.lanes_per_superlane, vector + lane);
        } else {
            std::fill_n(vector + lane, spec.lanes_per_superlane, std::uint8_t{0});
        }
    });
}

std::optional<std::int64_t> scatter_vector(Memory& memory, const Window& window, const MapPlanes& map,
                                           const ChipSpec& spec, const std::uint8_t* vector) {
    return for_superlanes(window, map, spec, [&](std::int64_t lane, std::int64_t address, bool inside) {
        if (inside) {
            std::copy_n(vector + lane, spec.lanes_per_superlane, memory.write(window.slice, address) + lane);
        }
    });
}

} // namespace lpusim::chip
