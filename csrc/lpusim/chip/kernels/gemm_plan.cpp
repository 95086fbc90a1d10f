#include <algorithm>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/kernel_parts.h"
#include "lpusim/chip/kernels/matmul_parts.h"

namespace lpusim::chip {

namespace {

/// One or several equal products.
struct ProductShape {
    std::int64_t m = 0;
    std::int64_t n = 0;
    std::int64_t k = 0;
    DType dtype = DType::Int8;
    std::int64_t slots = 1;
    std::int64_t experts = 0;
};

/// Can the addresses of a gather be computed and carried?
bool routing_fits(const GemmPlan& plan, const WeightSets& weights, std::int64_t loads, const ChipSpec& spec) {
    constexpr std::int64_t kAddresses = 1 << 16;
    return plan.slots <= spec.mem_words_per_slice &&
           checked_multiply(weights.tiles, loads) <= spec.mem_words_per_slice &&
           spec.mem_words_per_slice <= kAddresses;
}

/// Fills in what follows from the cut and the streams; false if no slice holds one step of a tile.
bool complete(GemmPlan& plan, const ChipSpec& spec) {
    const MatmulType type = matmul_type(plan.dtype, spec);
    std::int64_t slowest = 0;
    for (std::size_t source = 0; source < plan.load_streams.size(); ++source)
        slowest = std::max(slowest, load_cycles(plan, source));
    const WeightSets weights = weight_sets(plan, spec, slowest);
    if (weights.tiles_a_set == 0 || (plan.experts > 0 && !routing_fits(plan, weights, slowest, spec)))
        return false;
    const std::int64_t queue_cycles = slowest + install_gap_cycles(spec);
    // With an install latency of 0 the swap and the next load cannot share a cycle of the queue.
    const std::int64_t in_turn_cycles =
        slowest + activation_cycles(plan, type) + (spec.mxm_install_latency_cycles == 0 ? 1 : 0);
    plan.pass_cycles =
        std::max(plan.chunk_rows * type.row_cycles,
                 plan.streams_exclusive ? queue_cycles : std::max(queue_cycles, in_turn_cycles));
    const Segment last = segments_of(plan, Hemisphere::West, 0).back();
    plan.items = last.items_before + last.items();
    plan.weight_sets = weights.slices();
    plan.activation_sets = activation_cells(plan, spec).sets;
    plan.output_sets = result_cells(plan, spec).sets;
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
/// the last one less where that leaves just enough for activations (not where sources must keep step: the
/// bytes of an element, or weights gathered at common addresses).
std::vector<GemmPlan> stream_shares(const GemmPlan& cut, const ChipSpec& spec) {
    std::vector<GemmPlan> shares;
    const std::int64_t bytes = matmul_type(cut.dtype, spec).bytes;
    const std::int64_t streams =
        spec.streams_per_direction / bytes * bytes - (cut.experts > 0 ? kMapStreams : 0);
    const std::int64_t sources = cut.split_rows ? 1 : cut.takers;
    const std::int64_t activation_streams = bytes * (cut.split_rows ? cut.takers : 1);
    const std::int64_t width_max = std::min(spec.mxm_load_streams, streams / (sources * bytes));
    for (std::int64_t width = 1; width <= width_max; ++width) {
        GemmPlan plan = cut;
        plan.load_streams.assign(static_cast<std::size_t>(sources), width);
        const std::int64_t missing = width * bytes * sources + activation_streams - streams;
        plan.streams_exclusive = missing <= 0;
        shares.push_back(plan);
        if (bytes == 1 && cut.experts == 0 && missing > 0 && missing < width) {
            plan.load_streams.back() -= missing;
            plan.streams_exclusive = true;
            shares.push_back(plan);
        }
    }
    return shares;
}

/// Cuts the product for a number of takers.
GemmPlan cut_of(const ChipSpec& spec, const ProductShape& shape, std::int64_t takers, bool split_rows) {
    const std::int64_t lanes = spec.lanes();
    GemmPlan cut;
    cut.dtype = shape.dtype;
    cut.slots = shape.slots;
    cut.experts = shape.experts;
    cut.takers = takers;
    cut.split_rows = split_rows;
    cut.steps = div_ceil(shape.k, lanes);
    const std::int64_t rows_max = std::min(spec.mxm_accumulator_vectors, spec.mem_words_per_slice);
    if (split_rows) {
        cut.tiles = div_ceil(shape.n, lanes);
        cut.tile_columns = div_ceil(shape.n, cut.tiles);
        const std::int64_t rows = div_ceil(shape.m, takers);
        // The last of an odd number of tiles is shared by chunks.
        cut.chunks = cut.tiles % 2 == 0 ? div_ceil(rows, rows_max) : 2 * div_ceil(rows, 2 * rows_max);
        cut.chunk_rows = div_ceil(rows, cut.chunks);
    } else {
        const std::int64_t rounds = div_ceil(shape.n, 2 * takers * lanes);
        cut.tile_columns = div_ceil(shape.n, 2 * takers * rounds);
        cut.tiles = div_ceil(shape.n, cut.tile_columns);
        cut.chunks = div_ceil(shape.m, rows_max);
        cut.chunk_rows = div_ceil(shape.m, cut.chunks);
    }
    return cut;
}

/// Padding rows of a slot would be rows of the next one.
bool slots_are_whole(const GemmPlan& cut, const ProductShape& shape) {
    return shape.slots == 1 || (cut.split_rows ? cut.takers : 1) * cut.chunks * cut.chunk_rows == shape.m;
}

std::string name_of(const ProductShape& shape) {
    return "a product of " + std::to_string(shape.m) + " x " + std::to_string(shape.k) + " by " +
           std::to_string(shape.k) + " x " + std::to_string(shape.n) +
           (shape.experts > 0 ? ", " + std::to_string(shape.slots) + " times with " +
                                    std::to_string(shape.experts) + " experts,"
                              : "");
}

GemmPlan plan_product(const ChipSpec& spec, const ProductShape& shape) {
    const MatmulType type = matmul_type(shape.dtype, spec);
    check_fits(spec, name_of(shape),
               {{shape.m, shape.k, type.bytes, shape.slots},
                {shape.k, shape.n, type.bytes, std::max<std::int64_t>(shape.experts, 1)},
                {shape.m, shape.n, kSumBytes, shape.slots}});
    // Results, and expert numbers on their way to the VXM, flow inward.
    const std::int64_t streams = spec.streams_per_direction - (shape.experts > 0 ? kSumBytes : 0);
    if (streams < kSumBytes) {
        throw ValueError("a product needs at least four streams per direction for its 32-bit results (and "
                         "four for expert numbers), got " +
                         std::to_string(spec.streams_per_direction));
    }
    if (spec.mxm_planes_per_hemisphere < type.bytes) {
        throw ValueError("an fp16 product needs two MXM planes in a hemisphere, got " +
                         std::to_string(spec.mxm_planes_per_hemisphere));
    }
    const std::int64_t takers_max =
        std::min(spec.mxm_planes_per_hemisphere / type.bytes, streams / kSumBytes);
    GemmPlan best;
    std::int64_t slices_best = 0, slices_least = 0;
    for (std::int64_t takers = takers_max; takers >= 1 && best.takers == 0; --takers) {
        for (const bool split_rows : {false, true}) {
            const GemmPlan cut = cut_of(spec, shape, takers, split_rows);
            if (!slots_are_whole(cut, shape))
                continue;
            for (GemmPlan& plan : stream_shares(cut, spec)) {
                if (!complete(plan, spec))
                    continue;
                const GemmLayout layout = layout_of(plan, spec);
                if (layout.slices > spec.mem_slices_per_hemisphere) {
                    slices_least = slices_least == 0 ? layout.slices : std::min(slices_least, layout.slices);
                    continue;
                }
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
        slices_least = std::max(slices_least, spec.mem_slices_per_hemisphere + 1);
        throw CapacityError(
            name_of(shape) + " needs " + std::to_string(slices_least) +
                " SRAM slices in each hemisphere for weights, activations and results; there are " +
                std::to_string(spec.mem_slices_per_hemisphere),
            checked_multiply(2 * slices_least, spec.mem_words_per_slice * spec.lanes()), spec.mem_bytes());
    }
    best.bound = product_bound(spec, type, shape.m, shape.n, shape.k, shape.slots);
    return best;
}

} // namespace

GemmPlan plan_gemm(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k, DType dtype) {
    check_sizes(spec, {{"m", m}, {"n", n}, {"k", k}});
    return plan_product(spec, {m, n, k, dtype});
}

GemmPlan plan_expert_gemm(const ChipSpec& spec, const ExpertShape& shape) {
    check_sizes(spec, {{"experts", shape.experts},
                       {"slots", shape.slots},
                       {"rows", shape.rows},
                       {"n", shape.n},
                       {"k", shape.k}});
    check_sizes(spec, {{"slots x rows", checked_multiply(shape.slots, shape.rows)}});
    const std::int64_t rows_max = std::min(spec.mxm_accumulator_vectors, spec.mem_words_per_slice);
    if (shape.rows > rows_max) {
        throw ValueError("the rows of a slot must be at most " + std::to_string(rows_max) +
                         ", the accumulators of a plane, got " + std::to_string(shape.rows));
    }
    if (spec.vxm_alus < 3) {
        throw ValueError("an expert product needs three ALUs for its addresses, got " +
                         std::to_string(spec.vxm_alus));
    }
    return plan_product(spec, {shape.rows, shape.n, shape.k, shape.dtype, shape.slots, shape.experts});
}

} // namespace lpusim::chip
