#include <algorithm>
#include <limits>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/gemm_plan.h"
#include "lpusim/chip/kernel_parts.h"

namespace lpusim::chip {

std::int64_t load_cycles(const GemmPlan& plan, std::size_t plane) {
    return div_ceil(plan.tile_columns, plan.load_streams[plane]);
}

std::int64_t install_gap_cycles(const ChipSpec& spec) {
    return std::max<std::int64_t>(spec.mxm_load_latency_cycles, 1) +
           std::max<std::int64_t>(spec.mxm_install_latency_cycles, 1) - 1;
}

std::int64_t early_swap_cycles(const ChipSpec& spec) {
    return spec.mxm_install_latency_cycles == 0 ? 1 : 0;
}

namespace {

/// Slices of one hemisphere that a plan takes, and the shortest pass it allows.
struct Demand {
    std::int64_t slices = 0;
    bool weights_fit = true;
};

Demand complete_plan(GemmPlan& plan, const ChipSpec& spec) {
    Demand demand;
    std::int64_t slowest = 0;
    for (std::size_t plane = 0; plane < plan.load_streams.size(); ++plane) {
        const std::int64_t loads = load_cycles(plan, plane);
        const std::int64_t words = checked_multiply(checked_multiply(plan.groups, plan.steps), loads);
        const std::int64_t slices_deep = div_ceil(words, spec.mem_words_per_slice);
        demand.weights_fit = demand.weights_fit && slices_deep == 1;
        demand.slices = checked_add(demand.slices, checked_multiply(plan.load_streams[plane], slices_deep));
        slowest = std::max(slowest, loads);
    }
    const std::int64_t activations = plan.chunk_rows + early_swap_cycles(spec);
    plan.pass_cycles = std::max(slowest + install_gap_cycles(spec),
                                plan.streams_exclusive ? activations : slowest + activations);
    const std::int64_t blocks_per_slice = spec.mem_words_per_slice / plan.chunk_rows;
    plan.activation_slices = div_ceil(checked_multiply(plan.chunks, plan.steps), blocks_per_slice);
    plan.output_sets = div_ceil(checked_multiply(plan.groups, plan.chunks), blocks_per_slice);
    demand.slices = checked_add(demand.slices, plan.activation_slices);
    demand.slices = checked_add(demand.slices, checked_multiply(kSumBytes * plan.planes, plan.output_sets));
    return demand;
}

/// Ways to share the outward streams between the loads of the planes: `width` streams each, the last plane
/// one less where that leaves a stream free for activations.
std::vector<GemmPlan> stream_shares(const GemmPlan& shape, const ChipSpec& spec) {
    std::vector<GemmPlan> shares;
    const std::int64_t streams = spec.streams_per_direction;
    const std::int64_t width_max = std::min(spec.mxm_load_streams, streams / shape.planes);
    for (std::int64_t width = 1; width <= width_max; ++width) {
        GemmPlan plan = shape;
        plan.load_streams.assign(static_cast<std::size_t>(shape.planes), width);
        plan.streams_exclusive = width * shape.planes < streams;
        shares.push_back(plan);
        if (!plan.streams_exclusive && width > 1) {
            --plan.load_streams.back();
            plan.streams_exclusive = true;
            shares.push_back(plan);
        }
    }
    return shares;
}

} // namespace

GemmPlan plan_gemm(const ChipSpec& spec, std::int64_t m, std::int64_t n, std::int64_t k) {
    check_sizes(spec, {{"m", m}, {"n", n}, {"k", k}});
    const std::int64_t lanes = spec.lanes();
    GemmPlan shape;
    shape.chunks = div_ceil(m, std::min(spec.mxm_accumulator_vectors, spec.mem_words_per_slice));
    shape.chunk_rows = div_ceil(m, shape.chunks);
    shape.steps = div_ceil(k, lanes);

    GemmPlan best;
    std::int64_t slices_best = std::numeric_limits<std::int64_t>::max();
    std::int64_t slices_least = slices_best;
    bool streams_suffice = false;
    for (shape.planes = spec.mxm_planes_per_hemisphere; shape.planes >= 1 && best.planes == 0;
         --shape.planes) {
        if (kSumBytes * shape.planes > spec.streams_per_direction ||
            shape.planes > spec.streams_per_direction) {
            continue;
        }
        streams_suffice = true;
        shape.groups = div_ceil(n, 2 * shape.planes * lanes);
        shape.tile_columns = div_ceil(n, 2 * shape.planes * shape.groups);
        shape.tiles = div_ceil(n, shape.tile_columns);
        for (GemmPlan& plan : stream_shares(shape, spec)) {
            const Demand demand = complete_plan(plan, spec);
            slices_least = std::min(slices_least, demand.slices);
            const bool fits = demand.weights_fit && demand.slices <= spec.mem_slices_per_hemisphere;
            if (fits && (best.planes == 0 || plan.pass_cycles < best.pass_cycles ||
                         (plan.pass_cycles == best.pass_cycles && demand.slices < slices_best))) {
                best = plan;
                slices_best = demand.slices;
            }
        }
    }
    if (!streams_suffice) {
        throw ValueError("a product needs at least four streams per direction for its int32 results, got " +
                         std::to_string(spec.streams_per_direction));
    }
    if (best.planes == 0) {
        const std::int64_t slice_bytes = spec.mem_words_per_slice * lanes;
        const std::int64_t slices = std::max(slices_least, spec.mem_slices_per_hemisphere + 1);
        throw CapacityError(
            "a product of " + std::to_string(m) + " x " + std::to_string(k) + " by " + std::to_string(k) +
                " x " + std::to_string(n) + " needs " + std::to_string(slices) +
                " SRAM slices in each hemisphere for weights, activations and results; there are " +
                std::to_string(spec.mem_slices_per_hemisphere),
            checked_multiply(2 * slices, slice_bytes), spec.mem_bytes());
    }
    return best;
}

} // namespace lpusim::chip
