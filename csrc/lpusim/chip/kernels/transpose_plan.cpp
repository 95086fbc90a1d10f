#include <algorithm>
#include <bit>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/kernel_parts.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/kernels/transpose_parts.h"

namespace lpusim::chip {

namespace {

/// The first slice farther from the VXM than `slice`; if there is none, past the last one.
std::int64_t beyond(const ChipSpec& spec, std::int64_t slice) {
    std::int64_t next = slice + 1;
    while (next < spec.mem_slices_per_hemisphere && mem_distance(spec, next) == mem_distance(spec, slice)) {
        ++next;
    }
    return next;
}

void need(bool holds, const char* what, std::int64_t needed, std::int64_t there, const ChipSpec& spec) {
    if (!holds) {
        throw ValueError("a transpose of superlanes of " + std::to_string(spec.lanes_per_superlane) +
                         " lanes needs " + std::to_string(needed) + " " + what + ", the chip has " +
                         std::to_string(there));
    }
}

} // namespace

TransposeFloor transpose_floor(const ChipSpec& spec, std::int64_t sets) {
    const std::int64_t lanes = spec.lanes_per_superlane;
    TransposeFloor floor;
    floor.east_planes = div_ceil(lanes, 2);
    floor.west_planes = lanes - floor.east_planes;
    floor.alu_planes = floor.east_planes % 4 == 0 ? 4 : 1;
    floor.hops = vxm_position(spec) - sxm_position(spec, Hemisphere::West);
    floor.addresses_east = round_up(floor.east_planes, kMapBytes);
    floor.together = round_up(floor.addresses_east + kMapBytes, lanes);
    floor.addresses_out = floor.addresses_east;
    floor.transposed = round_up(floor.addresses_out + kMapBytes,
                                static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(lanes))));
    const std::int64_t streams = std::max(
        {floor.together + lanes, floor.transposed + lanes, TransposeFloor::kPlanesWest + floor.west_planes});
    need(streams <= spec.streams_per_direction, "streams a direction", streams, spec.streams_per_direction,
         spec);
    need(floor.east_planes + 1 <= spec.sxm_queues_per_hemisphere, "SXM queues a hemisphere",
         floor.east_planes + 1, spec.sxm_queues_per_hemisphere, spec);
    need(floor.east_planes / floor.alu_planes <= spec.vxm_alus, "ALUs", floor.east_planes / floor.alu_planes,
         spec.vxm_alus, spec);
    floor.input = beyond(spec, kMapBytes - 1);
    floor.far_addresses = beyond(spec, floor.input + sets * lanes - 1);
    floor.out_addresses = beyond(spec, sets * lanes - 1);
    return floor;
}

TransposePlan plan_transpose(const ChipSpec& spec, std::int64_t rows, std::int64_t columns, DType dtype) {
    check_sizes(spec, {{"rows", rows}, {"columns", columns}});
    if (dtype != DType::Int8 && dtype != DType::Fp8 && dtype != DType::Fp16) {
        throw ValueError("a matrix to transpose is int8, fp8 or fp16, not " + to_string(dtype));
    }
    const std::int64_t lanes = spec.lanes();
    const std::int64_t width = spec.lanes_per_superlane;
    if (tiles_per_bank(spec) == 0) {
        throw ValueError("a transpose needs banks of at least " + std::to_string(spec.superlanes) +
                         " words, one for each superlane; they have " +
                         std::to_string(spec.mem_words_per_slice / spec.mem_banks_per_slice));
    }
    TransposePlan plan;
    plan.dtype = dtype;
    plan.tiles_down = div_ceil(rows, lanes);
    plan.tiles_across = div_ceil(columns, lanes);
    plan.corner_diagonals =
        std::min(spec.superlanes, last_chunks(spec, rows) + last_chunks(spec, columns) - 1);
    plan.sets = dtype_bytes(dtype) * div_ceil(plan.tiles(), tiles_per_set(spec));
    // Input and output have half of the chip each; the input's half has addresses on both sides of it.
    const std::int64_t matrix_slices = checked_multiply(plan.sets, width);
    const std::int64_t slices = checked_add(matrix_slices, beyond(spec, kMapBytes - 1) + kMapBytes);
    const std::int64_t there = spec.mem_slices_per_hemisphere;
    const TransposeFloor floor = transpose_floor(spec, std::min(plan.sets, there));
    if (std::max(slices, floor.far_addresses + kMapBytes) > there) {
        throw CapacityError("a transpose of " + std::to_string(rows) + " x " + std::to_string(columns) + " " +
                                to_string(dtype) + " needs " + std::to_string(matrix_slices) +
                                " SRAM slices in each half of the chip for the matrix and some more for "
                                "addresses; there are " +
                                std::to_string(there),
                            checked_multiply(slices, spec.mem_words_per_slice * lanes), spec.mem_bytes() / 2);
    }
    plan.steps = dtype_bytes(dtype) * ((plan.tiles() - 1) * spec.superlanes + plan.corner_diagonals);
    plan.cycles = plan.steps + 4 * floor.hops + mem_distance(spec, floor.far_addresses + kMapBytes - 1) +
                  spec.superlanes + spec.sxm_permute_latency_cycles + spec.sxm_transpose_latency_cycles +
                  spec.vxm_alu_latency_cycles +
                  2 * (spec.mem_read_latency_cycles + spec.mem_map_latency_cycles) +
                  spec.mem_write_latency_cycles - 2;
    plan.sxm_cycles = div_ceil(plan.steps * (width + 1), 2 * spec.sxm_queues_per_hemisphere);
    return plan;
}

} // namespace lpusim::chip
