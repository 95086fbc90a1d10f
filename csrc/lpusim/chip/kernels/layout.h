#pragma once

#include <cstdint>

#include "lpusim/chip/isa.h"
#include "lpusim/chip/spec.h"

/// Where each unit sits on the line x = 0 .. positions - 1, west to east: the VXM in the middle, one end of
/// the line for the MXM planes and the links of each hemisphere, its SXM one hop inward, and the SRAM slices
/// spread evenly between, number 0 next to the VXM.
namespace lpusim::chip {

[[nodiscard]] constexpr std::int64_t vxm_position(const ChipSpec& spec) {
    return (spec.positions - 1) / 2;
}

[[nodiscard]] constexpr std::int64_t mxm_position(const ChipSpec& spec, Hemisphere hemisphere) {
    return hemisphere == Hemisphere::West ? 0 : spec.positions - 1;
}

[[nodiscard]] constexpr std::int64_t sxm_position(const ChipSpec& spec, Hemisphere hemisphere) {
    return hemisphere == Hemisphere::West ? 1 : spec.positions - 2;
}

/// Hops between the VXM and slice `index`: 1 .. half - 2, so that no slice shares x with another unit.
/// Derived: 45 files for 44 slices a side give about two slices a hop, which the published weight-load time
/// forces.
[[nodiscard]] constexpr std::int64_t mem_distance(const ChipSpec& spec, std::int64_t index) {
    return 1 + index * (vxm_position(spec) - 2) / spec.mem_slices_per_hemisphere;
}

[[nodiscard]] constexpr std::int64_t mem_position(const ChipSpec& spec, Hemisphere hemisphere,
                                                  std::int64_t index) {
    const std::int64_t distance = mem_distance(spec, index);
    return vxm_position(spec) + (hemisphere == Hemisphere::West ? -distance : distance);
}

/// Queues of a unit in a hemisphere (of the VXM: all its ALUs).
[[nodiscard]] constexpr std::int64_t queues_side_by_side(const ChipSpec& spec, Unit unit) {
    switch (unit) {
    case Unit::Mem:
        return spec.mem_slices_per_hemisphere;
    case Unit::MxmWeights:
    case Unit::MxmActivations:
    case Unit::MxmAccumulators:
        return spec.mxm_planes_per_hemisphere;
    case Unit::Sxm:
        return spec.sxm_queues_per_hemisphere;
    case Unit::C2c:
        return spec.c2c_links_per_hemisphere;
    case Unit::Vxm:
        break;
    }
    return spec.vxm_alus;
}

[[nodiscard]] constexpr std::int64_t queue_position(const ChipSpec& spec, const QueueId& queue) {
    switch (queue.unit) {
    case Unit::Mem:
        return mem_position(spec, queue.hemisphere, queue.index);
    case Unit::MxmWeights:
    case Unit::MxmActivations:
    case Unit::MxmAccumulators:
    case Unit::C2c:
        return mxm_position(spec, queue.hemisphere);
    case Unit::Sxm:
        return sxm_position(spec, queue.hemisphere);
    case Unit::Vxm:
        break;
    }
    return vxm_position(spec);
}

/// 0 .. chips * mem_slices - 1: chip by chip, west hemisphere first.
[[nodiscard]] constexpr std::int64_t slice_ordinal(const ChipSpec& spec, Hemisphere hemisphere,
                                                   std::int64_t index, std::int64_t chip = 0) {
    return (2 * chip + (hemisphere == Hemisphere::West ? 0 : 1)) * spec.mem_slices_per_hemisphere + index;
}

/// 0 .. chips * mxm_planes - 1: chip by chip, west hemisphere first.
[[nodiscard]] constexpr std::int64_t plane_ordinal(const ChipSpec& spec, Hemisphere hemisphere,
                                                   std::int64_t index, std::int64_t chip = 0) {
    return (2 * chip + (hemisphere == Hemisphere::West ? 0 : 1)) * spec.mxm_planes_per_hemisphere + index;
}

/// 0 .. chips * vxm_alus - 1.
[[nodiscard]] constexpr std::int64_t alu_ordinal(const ChipSpec& spec, std::int64_t index,
                                                 std::int64_t chip = 0) {
    return chip * spec.vxm_alus + index;
}

/// 0 .. chips * 2 * c2c_links_per_hemisphere - 1: chip by chip, west hemisphere first.
[[nodiscard]] constexpr std::int64_t link_ordinal(const ChipSpec& spec, const QueueId& queue) {
    return (2 * queue.chip + (queue.hemisphere == Hemisphere::West ? 0 : 1)) * spec.c2c_links_per_hemisphere +
           queue.index;
}

[[nodiscard]] constexpr std::int64_t bank_of(const ChipSpec& spec, std::int64_t address) {
    return address / (spec.mem_words_per_slice / spec.mem_banks_per_slice);
}

/// Hops downstream from where x = 0 lies: it grows by one a cycle with a value that moves.
[[nodiscard]] constexpr std::int64_t hops_along(Direction direction, std::int64_t position) {
    return direction == Direction::East ? position : -position;
}

/// Do `words` words from `address` on lie in one bank of a slice?
[[nodiscard]] constexpr bool window_fits(const ChipSpec& spec, std::int64_t address, std::int64_t words) {
    return address >= 0 && address <= spec.mem_words_per_slice - words &&
           bank_of(spec, address) == bank_of(spec, address + words - 1);
}

/// The diagonal a value stays on while it moves: tau - x eastward, tau + x westward.
[[nodiscard]] constexpr std::int64_t stream_key(Direction direction, std::int64_t position,
                                                std::int64_t tau) {
    return tau - hops_along(direction, position);
}

} // namespace lpusim::chip
