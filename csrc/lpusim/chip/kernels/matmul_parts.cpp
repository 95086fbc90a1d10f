#include "lpusim/chip/kernels/matmul_parts.h"

#include <algorithm>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

namespace lpusim::chip {

MatmulType matmul_type(DType dtype, const ChipSpec& spec) {
    switch (dtype) {
    case DType::Int8:
        return {dtype, DType::Int32, 1, 1};
    case DType::Fp8:
        return {dtype, DType::Fp32, 1, 1};
    case DType::Fp16:
        return {dtype, DType::Fp32, 2, spec.mxm_fp16_cycles};
    default:
        break;
    }
    throw ValueError("the MXM multiplies int8, fp8 and fp16, not " + to_string(dtype));
}

ProductBound product_bound(const ChipSpec& spec, const MatmulType& type, std::int64_t m, std::int64_t n,
                           std::int64_t k, std::int64_t slots) {
    const std::int64_t takers = 2 * (spec.mxm_planes_per_hemisphere / type.bytes);
    const std::int64_t passes = checked_multiply(div_ceil(n, spec.lanes()), div_ceil(k, spec.lanes()));
    const std::int64_t rows = checked_multiply(slots, m);
    const std::int64_t weights = checked_multiply(checked_multiply(n, k), type.bytes);
    return {div_ceil(checked_multiply(checked_multiply(rows, type.row_cycles), passes), takers),
            div_ceil(checked_multiply(slots, weights), spec.stream_bytes_per_cycle())};
}

std::int64_t mxm_hops(const ChipSpec& spec, std::int64_t index) {
    return mem_position(spec, Hemisphere::West, index) - mxm_position(spec, Hemisphere::West);
}

std::int64_t vxm_hops(const ChipSpec& spec) {
    return vxm_position(spec) - mxm_position(spec, Hemisphere::West);
}

std::int64_t activation_cycles(const GemmPlan& plan, const MatmulType& type) {
    return (plan.chunk_rows - 1) * type.row_cycles + 1;
}

std::int64_t load_cycles(const GemmPlan& plan, std::size_t source) {
    return div_ceil(plan.tile_columns, plan.load_streams[source]);
}

std::int64_t install_gap_cycles(const ChipSpec& spec) {
    return std::max<std::int64_t>(spec.mxm_load_latency_cycles, 1) +
           std::max<std::int64_t>(spec.mxm_install_latency_cycles, 1) - 1;
}

std::vector<Segment> segments_of(const GemmPlan& plan, Hemisphere hemisphere, std::int64_t taker) {
    const std::int64_t side = hemisphere == Hemisphere::West ? 0 : 1;
    const std::int64_t turn = plan.split_rows ? side : 2 * taker + side;
    const std::int64_t turns = plan.split_rows ? 2 : 2 * plan.takers;
    const bool last_is_shared = plan.split_rows && plan.tiles % 2 != 0;
    const std::int64_t dealt = plan.tiles - (last_is_shared ? 1 : 0);
    std::vector<Segment> segments;
    if (turn < dealt)
        segments.push_back({turn, turns, div_ceil(dealt - turn, turns), 0, plan.chunks, 0, 0});
    if (last_is_shared) {
        const std::int64_t whole = dealt / 2, half = plan.chunks / 2;
        segments.push_back({plan.tiles - 1, 1, 1, side * half, half, whole * plan.chunks, whole});
    }
    return segments;
}

std::vector<Rectangle> rectangles(std::int64_t begin, std::int64_t end, std::int64_t inner_size) {
    std::vector<Rectangle> parts;
    while (begin < end) {
        const std::int64_t outer = begin / inner_size;
        const std::int64_t inner = begin % inner_size;
        const std::int64_t whole_rows = inner == 0 ? (end - begin) / inner_size : 0;
        Rectangle part{outer, std::max<std::int64_t>(whole_rows, 1), inner, inner_size, begin};
        if (whole_rows == 0)
            part.inner_count = std::min(end - begin, inner_size - inner);
        parts.push_back(part);
        begin += part.outer_count * part.inner_count;
    }
    return parts;
}

CellSets cell_sets(std::int64_t slots, std::int64_t cells_a_slot, std::int64_t cells_a_set) {
    CellSets sets;
    sets.cells_a_slot = cells_a_slot;
    sets.cells_a_set = cells_a_set;
    sets.slots_a_set = std::clamp<std::int64_t>(cells_a_set / cells_a_slot, 1, slots);
    sets.sets_a_slot = div_ceil(cells_a_slot, cells_a_set);
    sets.sets = checked_multiply(div_ceil(slots, sets.slots_a_set), sets.sets_a_slot);
    return sets;
}

CellSets activation_cells(const GemmPlan& plan, const ChipSpec& spec) {
    const std::int64_t chunks_kept = segments_of(plan, Hemisphere::West, 0).front().chunks;
    return cell_sets(plan.slots, checked_multiply(chunks_kept, plan.steps),
                     spec.mem_words_per_slice / plan.chunk_rows);
}

CellSets result_cells(const GemmPlan& plan, const ChipSpec& spec) {
    return cell_sets(plan.slots, plan.items, spec.mem_words_per_slice / plan.chunk_rows);
}

WeightSets weight_sets(const GemmPlan& plan, const ChipSpec& spec, std::int64_t loads) {
    WeightSets sets;
    const Segment last = segments_of(plan, Hemisphere::West, 0).back();
    sets.tiles = checked_multiply(last.tiles_before + last.tiles, plan.steps);
    const bool gathered = plan.experts > 0;
    sets.sets_a_slice = gathered ? spec.mem_banks_per_slice : 1;
    const std::int64_t regions = plan.experts + 1;
    const std::int64_t words = spec.mem_words_per_slice / sets.sets_a_slice;
    sets.tiles_a_set = words / checked_multiply(regions, loads);
    if (sets.tiles_a_set == 0)
        return sets;
    sets.sets = div_ceil(sets.tiles, sets.tiles_a_set);
    if (gathered)
        sets.tiles_a_set = div_ceil(sets.tiles, sets.sets);
    sets.expert_words = sets.tiles_a_set * loads;
    sets.window_words = regions * sets.expert_words;
    return sets;
}

GemmLayout layout_of(const GemmPlan& plan, const ChipSpec& spec) {
    GemmLayout layout;
    const std::int64_t bytes = matmul_type(plan.dtype, spec).bytes;
    const std::int64_t sources = plan.split_rows ? plan.takers : 1;
    const std::int64_t routing = plan.experts > 0 ? kSumBytes : 0;
    const std::int64_t activations = checked_multiply(sources * bytes, plan.activation_sets);
    std::int64_t weights = 0;
    for (const std::int64_t width : plan.load_streams)
        weights = checked_add(weights, checked_multiply(plan.weight_sets, bytes * width));
    const std::int64_t results = checked_multiply(kSumBytes * plan.takers, plan.output_sets);
    layout.slices = checked_add(checked_add(results, weights), checked_add(activations, routing));
    layout.results = spec.mem_slices_per_hemisphere - results;
    std::int64_t next = layout.results - weights;
    layout.activations = next - activations;
    layout.routing = layout.activations - routing;
    for (const std::int64_t width : plan.load_streams) {
        layout.weights.push_back(next);
        next += plan.weight_sets * bytes * width;
    }
    return layout;
}

GemmTiming timing_of(const GemmPlan& plan, const GemmLayout& layout, const ChipSpec& spec) {
    GemmTiming timing;
    const MatmulType type = matmul_type(plan.dtype, spec);
    timing.first_install = -spec.mxm_install_latency_cycles;
    timing.first_activation = plan.streams_exclusive ? 0 : plan.pass_cycles - activation_cycles(plan, type);
    timing.first_sums = timing.first_activation + spec.mxm_activate_latency_cycles + type.row_cycles - 1;
    timing.first_result = timing.first_sums + spec.mxm_accumulate_latency_cycles;
    timing.start = timing.first_activation - mxm_hops(spec, layout.activations);
    for (std::size_t source = 0; source < plan.load_streams.size(); ++source) {
        // As late as possible, or, where activations follow on the same streams, as early.
        const std::int64_t latest = timing.first_install -
                                    std::max<std::int64_t>(spec.mxm_load_latency_cycles, 1) -
                                    (load_cycles(plan, source) - 1);
        const std::int64_t earliest = timing.first_install - plan.pass_cycles +
                                      std::max<std::int64_t>(spec.mxm_install_latency_cycles, 1);
        timing.first_load.push_back(plan.streams_exclusive ? latest : earliest);
        timing.start =
            std::min(timing.start, timing.first_load.back() - mxm_hops(spec, layout.weights[source]));
    }
    if (plan.experts > 0) {
        // Two ALUs one after the other, then the address passes the slices outward ahead of the weights.
        timing.first_routing = timing.first_load.front() - vxm_hops(spec) - spec.mem_read_latency_cycles -
                               spec.mem_map_latency_cycles - 2 * spec.vxm_alu_latency_cycles;
        timing.start =
            std::min(timing.start, timing.first_routing - mem_distance(spec, layout.routing + kSumBytes - 1));
    }
    timing.start -= spec.mem_read_latency_cycles;
    return timing;
}

} // namespace lpusim::chip
