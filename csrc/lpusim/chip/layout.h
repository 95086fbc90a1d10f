#pragma once

#include <cstdint>

#include "lpusim/chip/isa.h"
#include "lpusim/chip/spec.h"

/// Where each unit sits on the line x = 0 .. positions - 1, west to east: the VXM in the middle, one end of
/// the line for the MXM planes of each hemisphere, and the SRAM slices spread evenly between, number 0 next
/// to the VXM.
namespace lpusim::chip {

[[nodiscard]] constexpr std::int64_t vxm_position(const ChipSpec& spec) {
    return (spec.positions - 1) / 2;
}

[[nodiscard]] constexpr std::int64_t mxm_position(const ChipSpec& spec, Hemisphere hemisphere) {
    return hemisphere == Hemisphere::West ? 0 : spec.positions - 1;
}

/// Hops between the VXM and slice `index`: 1 .. half - 1, so that no slice shares x with the VXM or the MXM.
/// Derived: 45 files for 44 slices a side give about two slices a hop, which the published weight-load time
/// forces.
[[nodiscard]] constexpr std::int64_t mem_distance(const ChipSpec& spec, std::int64_t index) {
    return 1 + index * (vxm_position(spec) - 1) / spec.mem_slices_per_hemisphere;
}

[[nodiscard]] constexpr std::int64_t mem_position(const ChipSpec& spec, Hemisphere hemisphere,
                                                  std::int64_t index) {
    const std::int64_t distance = mem_distance(spec, index);
    return vxm_position(spec) + (hemisphere == Hemisphere::West ? -distance : distance);
}

[[nodiscard]] constexpr std::int64_t queue_position(const ChipSpec& spec, const QueueId& queue) {
    switch (queue.unit) {
    case Unit::Mem:
        return mem_position(spec, queue.hemisphere, queue.index);
    case Unit::MxmWeights:
    case Unit::MxmActivations:
    case Unit::MxmAccumulators:
        return mxm_position(spec, queue.hemisphere);
    case Unit::Vxm:
        break;
    }
    return vxm_position(spec);
}

/// 0 .. mem_slices - 1, west hemisphere first.
[[nodiscard]] constexpr std::int64_t slice_ordinal(const ChipSpec& spec, Hemisphere hemisphere,
                                                   std::int64_t index) {
    return (hemisphere == Hemisphere::West ? 0 : spec.mem_slices_per_hemisphere) + index;
}

/// 0 .. mxm_planes - 1, west hemisphere first.
[[nodiscard]] constexpr std::int64_t plane_ordinal(const ChipSpec& spec, Hemisphere hemisphere,
                                                   std::int64_t index) {
    return (hemisphere == Hemisphere::West ? 0 : spec.mxm_planes_per_hemisphere) + index;
}

[[nodiscard]] constexpr std::int64_t bank_of(const ChipSpec& spec, std::int64_t address) {
    return address / (spec.mem_words_per_slice / spec.mem_banks_per_slice);
}

/// The diagonal a value stays on while it moves: tau - x eastward, tau + x westward.
[[nodiscard]] constexpr std::int64_t stream_key(Direction direction, std::int64_t position,
                                                std::int64_t tau) {
    return direction == Direction::East ? tau - position : tau + position;
}

} // namespace lpusim::chip
