#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/kv_append.h"
#include "lpusim/chip/kernels/layout.h"

/// What the planner and the builder of kv_append both need to know.
namespace lpusim::chip {

/// Slices of a hemisphere, from the VXM outward.
inline constexpr SliceGroup kNewValues{8, 2};
inline constexpr SliceGroup kOneHot{10, 1};
inline constexpr SliceGroup kNewKeys{12, 2};

/// New tokens that share a tile.
struct KvSegment {
    std::int64_t tile = 0;
    std::int64_t column = 0; ///< of the first one in the tile
    std::int64_t first = 0;  ///< of the new tokens
    std::int64_t tokens = 0;
};

[[nodiscard]] std::vector<KvSegment> segments_of(const KvAppendPlan& plan);

/// Cycles between events.
struct KvAppendTiming {
    const ChipSpec& spec;
    const KvAppendPlan& plan;

    [[nodiscard]] std::int64_t hops(std::int64_t slice) const { return mem_distance(spec, slice); }
    [[nodiscard]] std::int64_t far() const { return hops(plan.layout.first + 2 * plan.layout.width - 1); }
    [[nodiscard]] std::int64_t mxm_hops() const { return vxm_position(spec); }
    /// From the read of a stored vector to the write of the merged one, both as issued.
    [[nodiscard]] std::int64_t turnaround(std::int64_t slice) const {
        return spec.mem_read_latency_cycles + 2 * hops(slice) + spec.vxm_alu_latency_cycles;
    }
    [[nodiscard]] std::int64_t sums_latency() const {
        return spec.mxm_activate_latency_cycles + spec.mxm_accumulate_latency_cycles + mxm_hops();
    }
    [[nodiscard]] std::int64_t load_lead(std::int64_t loads) const {
        return loads - 1 + std::max<std::int64_t>(spec.mxm_load_latency_cycles, 1) +
               spec.mxm_install_latency_cycles;
    }
    /// Between the first activations of two unit parts: whole blocks, so that slices keep their turns.
    [[nodiscard]] std::int64_t part_cycles(std::int64_t tokens) const {
        const std::int64_t loading = load_lead(tokens) - spec.mxm_install_latency_cycles +
                                     std::max<std::int64_t>(spec.mxm_install_latency_cycles, 1);
        return round_up(std::max(plan.blocks * plan.block_cycles, loading), plan.block_cycles);
    }
    [[nodiscard]] std::int64_t parts() const {
        return plan.layout.units_of(Hemisphere::West) * plan.layout.v_parts;
    }
    [[nodiscard]] std::int64_t key_vectors() const {
        return plan.layout.units_of(Hemisphere::West) * plan.layout.k_steps;
    }

    /// The first new key leaves the VXM: it is read in cycle 0 and passes there, because slices that share a
    /// position cannot hand vectors to each other.
    [[nodiscard]] std::int64_t keys_cycle() const {
        return spec.mem_read_latency_cycles + hops(kNewKeys.first + kNewKeys.count - 1) +
               spec.vxm_alu_latency_cycles;
    }
    /// First activation: keys are stored by then, and the first weights loaded.
    [[nodiscard]] std::int64_t values_cycle(std::int64_t tokens) const {
        const std::int64_t stored =
            keys_cycle() + plan.shape.tokens * key_vectors() + far() + spec.mem_write_latency_cycles;
        const std::int64_t first_read = sums_latency() - far() - spec.mem_read_latency_cycles;
        const std::int64_t loaded =
            load_lead(tokens) + mxm_hops() - hops(kNewValues.first) + spec.mem_read_latency_cycles;
        return std::max(stored - first_read + 1, loaded);
    }
    /// From the first activation of one segment to that of the next: all is written by then.
    [[nodiscard]] std::int64_t segment_cycles(std::int64_t tokens, std::int64_t next_tokens) const {
        return parts() * part_cycles(tokens) + 2 * far() + spec.vxm_alu_latency_cycles +
               spec.mem_read_latency_cycles + spec.mem_write_latency_cycles + load_lead(next_tokens);
    }
    /// From the first activation of a segment to the last write.
    [[nodiscard]] std::int64_t last_write(std::int64_t tokens) const {
        const std::int64_t words = plan.layout.v_loads - (plan.blocks - 1) * plan.block_words;
        const std::int64_t last = (parts() - 1) * part_cycles(tokens) +
                                  (plan.blocks - 1) * plan.block_cycles +
                                  (plan.layout.width - 1) * plan.block_words + words - 1;
        return last + sums_latency() + spec.vxm_alu_latency_cycles + far() + spec.mem_write_latency_cycles;
    }
};

} // namespace lpusim::chip
