#pragma once

#include <cstdint>
#include <span>

#include "lpusim/base/field.h"

namespace lpusim::chip {

/// Geometry, clock and latencies of one statically scheduled chip. The defaults are the first-generation LPU
/// (ISCA'20, Abts et al.); latencies that nobody published are assumptions, chosen so that loading and
/// installing all four weight planes from SRAM takes the published "less than 40 cycles".
///
/// Times are cycles at superlane 0; superlane j does the same j cycles later.
struct ChipSpec {
    std::int64_t clock_hz = 900'000'000;
    std::int64_t superlanes = 20;
    std::int64_t lanes_per_superlane = 16;
    std::int64_t streams_per_direction = 32;
    std::int64_t positions = 45;
    std::int64_t mem_slices_per_hemisphere = 44;
    std::int64_t mem_words_per_slice = 8192;
    std::int64_t mem_banks_per_slice = 2;
    std::int64_t mxm_planes_per_hemisphere = 2;
    std::int64_t mxm_load_streams = 16;
    std::int64_t mxm_accumulator_vectors = 640;
    std::int64_t vxm_alus = 16;
    std::int64_t sxm_queues_per_hemisphere = 14;
    std::int64_t c2c_links_per_hemisphere = 8;
    std::int64_t mem_read_latency_cycles = 2;
    std::int64_t mem_write_latency_cycles = 1;
    std::int64_t mem_map_latency_cycles = 2;
    std::int64_t mxm_load_latency_cycles = 1;
    std::int64_t mxm_install_latency_cycles = 1;
    std::int64_t mxm_activate_latency_cycles = 20;
    std::int64_t mxm_accumulate_latency_cycles = 1;
    std::int64_t mxm_fp16_cycles = 2;
    std::int64_t mxm_wide_accumulate = 0;
    std::int64_t vxm_alu_latency_cycles = 1;
    std::int64_t vxm_function_latency_cycles = 4;
    std::int64_t sxm_shift_latency_cycles = 20;
    std::int64_t sxm_select_latency_cycles = 1;
    std::int64_t sxm_permute_latency_cycles = 20;
    std::int64_t sxm_distribute_latency_cycles = 2;
    std::int64_t sxm_rotate_latency_cycles = 2;
    std::int64_t sxm_transpose_latency_cycles = 4;
    std::int64_t c2c_link_latency_cycles = 216;
    std::int64_t c2c_receive_latency_cycles = 1;
    std::int64_t c2c_vector_cycles = 27;
    std::int64_t c2c_hold_cycles = 256;
    std::int64_t c2c_epoch_cycles = 256;
    std::int64_t sync_latency_cycles = 35;
    std::int64_t instruction_bytes = 16;
    std::int64_t nested_repeat = 1;

    /// Bytes of one stream vector, and rows and columns of one MXM plane.
    [[nodiscard]] std::int64_t lanes() const { return superlanes * lanes_per_superlane; }
    [[nodiscard]] std::int64_t mem_slices() const { return 2 * mem_slices_per_hemisphere; }
    [[nodiscard]] std::int64_t mxm_planes() const { return 2 * mxm_planes_per_hemisphere; }
    [[nodiscard]] std::int64_t mem_bytes() const { return mem_slices() * mem_words_per_slice * lanes(); }
    [[nodiscard]] std::int64_t stream_bytes_per_cycle() const { return 2 * streams_per_direction * lanes(); }
    /// One read and one write a slice and cycle.
    [[nodiscard]] std::int64_t mem_bytes_per_cycle() const { return 2 * mem_slices() * lanes(); }
    [[nodiscard]] std::int64_t int8_macs_per_cycle() const { return mxm_planes() * lanes() * lanes(); }
    /// Two planes take one fp16 vector every mxm_fp16_cycles.
    [[nodiscard]] double fp16_macs_per_cycle() const {
        const std::int64_t pairs = 2 * (mxm_planes_per_hemisphere / 2);
        return static_cast<double>(pairs * lanes() * lanes()) / static_cast<double>(mxm_fp16_cycles);
    }
    /// One instruction a queue and cycle.
    [[nodiscard]] std::int64_t queues() const {
        return mem_slices() + 3 * mxm_planes() + vxm_alus +
               2 * (sxm_queues_per_hemisphere + c2c_links_per_hemisphere);
    }

    /// The memory that simulating a chip takes, in vectors: SRAM, stream registers, accumulators and weight
    /// columns are one each; what has lists of its own (queues, banks and streams) counts for 16.
    [[nodiscard]] std::int64_t places() const {
        return mem_slices() * mem_words_per_slice + 2 * streams_per_direction * positions +
               mxm_planes() * (mxm_accumulator_vectors + 2 * lanes()) +
               16 * (queues() + mem_slices() * mem_banks_per_slice + 2 * streams_per_direction);
    }

    friend bool operator==(const ChipSpec&, const ChipSpec&) = default;
};

/// Places of all chips of a program together: a simulation fits in memory.
inline constexpr std::int64_t kPlacesMax = std::int64_t{1} << 28;

/// Name, unit, range and meaning of every field, in declaration order.
[[nodiscard]] std::span<const Field<ChipSpec>> chip_fields();

/// Throws ValueError naming the field, the value seen and what is allowed. Beside the ranges: at most
/// 16,384 lanes and kPlacesMax places, an odd number of positions (the VXM sits in the middle), whole
/// banks, and no result that would leave superlane 0 before the last superlane's operands entered (activate,
/// shift and permute latency at least superlanes - 1).
void validate(const ChipSpec& spec);

} // namespace lpusim::chip
