#include <algorithm>
#include <limits>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/kernel_parts.h"
#include "lpusim/chip/matmul_parts.h"

namespace lpusim::chip {

std::int64_t mxm_hops(const ChipSpec& spec, std::int64_t index) {
    return mem_position(spec, Hemisphere::West, index) - mxm_position(spec, Hemisphere::West);
}

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
    if (turn < dealt) {
        segments.push_back({turn, turns, div_ceil(dealt - turn, turns), 0, plan.chunks, 0, 0});
    }
    if (last_is_shared) {
        const std::int64_t whole = dealt / 2, half = plan.chunks / 2;
        segments.push_back({plan.tiles - 1, 1, 1, side * half, half, whole * plan.chunks, whole});
    }
    return segments;
}

GemmLayout layout_of(const GemmPlan& plan, const ChipSpec& spec) {
    GemmLayout layout;
    const std::int64_t bytes = matmul_type(plan.dtype, spec).bytes;
    const std::int64_t sources = plan.split_rows ? plan.takers : 1;
    const std::int64_t activations = checked_multiply(sources * bytes, plan.activation_sets);
    std::int64_t weights = 0;
    for (const std::int64_t width : plan.load_streams)
        weights = checked_add(weights, checked_multiply(plan.weight_sets, bytes * width));
    const std::int64_t results = checked_multiply(kSumBytes * plan.takers, plan.output_sets);
    layout.slices = checked_add(checked_add(results, weights), activations);
    layout.results = spec.mem_slices_per_hemisphere - results;
    std::int64_t next = layout.results - weights;
    layout.activations = next - activations;
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
    timing.start -= spec.mem_read_latency_cycles;
    return timing;
}

namespace {

/// Fills in what follows from the cut and the streams; false if no slice holds one step of a tile.
bool complete(GemmPlan& plan, const ChipSpec& spec) {
    const MatmulType type = matmul_type(plan.dtype, spec);
    std::int64_t slowest = 0;
    for (std::size_t source = 0; source < plan.load_streams.size(); ++source)
        slowest = std::max(slowest, load_cycles(plan, source));
    if (slowest > spec.mem_words_per_slice)
        return false;
    const std::int64_t queue_cycles = slowest + install_gap_cycles(spec);
    // With an install latency of 0 the swap and the next load cannot share a cycle of the queue.
    const std::int64_t in_turn_cycles =
        slowest + activation_cycles(plan, type) + (spec.mxm_install_latency_cycles == 0 ? 1 : 0);
    plan.pass_cycles =
        std::max(plan.chunk_rows * type.row_cycles,
                 plan.streams_exclusive ? queue_cycles : std::max(queue_cycles, in_turn_cycles));

    const auto segments = segments_of(plan, Hemisphere::West, 0);
    plan.items = segments.back().items_before + segments.back().items();
    const std::int64_t tiles = segments.back().tiles_before + segments.back().tiles;
    const std::int64_t tiles_a_slice = spec.mem_words_per_slice / slowest;
    plan.weight_sets = div_ceil(checked_multiply(tiles, plan.steps), tiles_a_slice);
    const std::int64_t chunks_a_slice = spec.mem_words_per_slice / plan.chunk_rows;
    const std::int64_t chunks_kept = segments.front().chunks;
    plan.activation_sets = div_ceil(checked_multiply(chunks_kept, plan.steps), chunks_a_slice);
    plan.output_sets = div_ceil(plan.items, chunks_a_slice);
    return true;
}

std::int64_t program_cycles(const GemmPlan& plan, const GemmLayout& layout, const ChipSpec& spec) {
    const GemmTiming timing = timing_of(plan, layout, spec);
    const std::int64_t last_result = timing.first_result +
                                     checked_multiply(plan.passes() - 1, plan.pass_cycles) +
                                     activation_cycles(plan, matmul_type(plan.dtype, spec)) - 1;
    return last_result - timing.start + mxm_hops(spec, layout.result_slice(plan, plan.output_sets - 1, 0)) +
           spec.mem_write_latency_cycles + spec.superlanes;
}

/// Ways to share the outward streams between weights and activations: `width` streams for each weight source,
/// the last one less where that leaves just enough for activations (not where the bytes of an element lie in
/// step in slices of their own).
std::vector<GemmPlan> stream_shares(const GemmPlan& cut, const ChipSpec& spec) {
    std::vector<GemmPlan> shares;
    const std::int64_t bytes = matmul_type(cut.dtype, spec).bytes;
    const std::int64_t streams = spec.streams_per_direction - spec.streams_per_direction % bytes;
    const std::int64_t sources = cut.split_rows ? 1 : cut.takers;
    const std::int64_t activation_streams = bytes * (cut.split_rows ? cut.takers : 1);
    const std::int64_t width_max = std::min(spec.mxm_load_streams, streams / (sources * bytes));
    for (std::int64_t width = 1; width <= width_max; ++width) {
        GemmPlan plan = cut;
        plan.load_streams.assign(static_cast<std::size_t>(sources), width);
        const std::int64_t missing = width * bytes * sources + activation_streams - streams;
        plan.streams_exclusive = missing <= 0;
        shares.push_back(plan);
        if (bytes == 1 && missing > 0 && missing < width) {
            plan.load_streams.back() -= missing;
            plan.streams_exclusive = true;
            shares.push_back(plan);
        }
    }
    return shares;
}

/// Cuts the product for a number of takers.
GemmPlan cut_of(const ChipSpec& spec, DType dtype, std::int64_t takers, bool split_rows, std::int64_t m,
                std::int64_t n, std::int64_t k) {
    const std::int64_t lanes = spec.lanes();
    GemmPlan cut;
    cut.dtype = dtype;
    cut.takers = takers;
    cut.split_rows = split_rows;
    cut.steps = div_ceil(k, lanes);
    const std::int64_t rows_max = std::min(spec.mxm_accumulator_vectors, spec.mem_words_per_slice);
    if (split_rows) {
        cut.tiles = div_ceil(n, lanes);
        cut.tile_columns = div_ceil(n, cut.tiles);
        const std::int64_t rows = div_ceil(m, takers);
        // The last of an odd number of tiles is shared by chunks.
        cut.chunks = cut.tiles % 2 == 0 ? div_ceil(rows, rows_max) : 2 * div_ceil(rows, 2 * rows_max);
        cut.chunk_rows = div_ceil(rows, cut.chunks);
    } else {
        const std::int64_t rounds = div_ceil(n, 2 * takers * lanes);
        cut.tile_columns = div_ceil(n, 2 * takers * rounds);
        cut.tiles = div_ceil(n, cut.tile_columns);
        cut.chunks = div_ceil(m, rows_max);
        cut.chunk_rows = div_ceil(m, cut.chunks);
    }
    return cut;
}

} // namespace

GemmPlan plan_gemm(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k, DType dtype) {
    check_sizes(spec, {{"m", m}, {"n", n}, {"k", k}});
    const MatmulType type = matmul_type(dtype, spec);
    if (spec.streams_per_direction < kSumBytes) {
        throw ValueError("a product needs at least four streams per direction for its 32-bit results, got " +
                         std::to_string(spec.streams_per_direction));
    }
    if (spec.mxm_planes_per_hemisphere < type.bytes) {
        throw ValueError("an fp16 product needs two MXM planes in a hemisphere, got " +
                         std::to_string(spec.mxm_planes_per_hemisphere));
    }
    const std::int64_t takers_max =
        std::min(spec.mxm_planes_per_hemisphere / type.bytes, spec.streams_per_direction / kSumBytes);
    GemmPlan best;
    std::int64_t slices_best = 0, slices_least = std::numeric_limits<std::int64_t>::max();
    for (std::int64_t takers = takers_max; takers >= 1 && best.takers == 0; --takers) {
        for (const bool split_rows : {false, true}) {
            for (GemmPlan& plan : stream_shares(cut_of(spec, dtype, takers, split_rows, m, n, k), spec)) {
                if (!complete(plan, spec))
                    continue;
                const GemmLayout layout = layout_of(plan, spec);
                slices_least = std::min(slices_least, layout.slices);
                if (layout.slices > spec.mem_slices_per_hemisphere)
                    continue;
                plan.cycles = program_cycles(plan, layout, spec);
                if (best.takers == 0 || plan.cycles < best.cycles ||
                    (plan.cycles == best.cycles && layout.slices < slices_best)) {
                    best = plan;
                    slices_best = layout.slices;
                }
            }
        }
    }
    if (best.takers == 0) {
        const std::int64_t slices =
            std::max(slices_least == std::numeric_limits<std::int64_t>::max() ? 0 : slices_least,
                     spec.mem_slices_per_hemisphere + 1);
        throw CapacityError(
            "a product of " + std::to_string(m) + " x " + std::to_string(k) + " by " + std::to_string(k) +
                " x " + std::to_string(n) + " needs " + std::to_string(slices) +
                " SRAM slices in each hemisphere for weights, activations and results; there are " +
                std::to_string(spec.mem_slices_per_hemisphere),
            checked_multiply(2 * slices, spec.mem_words_per_slice * spec.lanes()), spec.mem_bytes());
    }
    return best;
}

} // namespace lpusim::chip
