#pragma once

#include <cstdint>
#include <optional>

#include "lpusim/chip/memory.h"
#include "lpusim/chip/spec.h"

/// Gather and Scatter: one vector between SRAM and a stream, each superlane at an address of its own.
namespace lpusim::chip {

/// The two byte planes of a map, one vector each: the address of a superlane is the unsigned element of its
/// first lane.
struct MapPlanes {
    const std::uint8_t* low = nullptr;
    const std::uint8_t* high = nullptr;
};

/// Words first .. first + words - 1 of a slice, which an address must lie in. Precondition: they exist.
struct Window {
    std::int64_t slice = 0; ///< slice_ordinal
    std::int64_t first = 0;
    std::int64_t words = 1;
};

/// Fills `vector`; superlanes whose address lies outside the window become 0. Returns the first such address.
[[nodiscard]] std::optional<std::int64_t> gather_vector(const Memory& memory, const Window& window,
                                                        const MapPlanes& map, const ChipSpec& spec,
                                                        std::uint8_t* vector);

/// Writes `vector`, but for superlanes whose address lies outside the window. Returns the first such address.
[[nodiscard]] std::optional<std::int64_t> scatter_vector(Memory& memory, const Window& window,
                                                         const MapPlanes& map, const ChipSpec& spec,
                                                         const std::uint8_t* vector);

} // namespace lpusim::chip
