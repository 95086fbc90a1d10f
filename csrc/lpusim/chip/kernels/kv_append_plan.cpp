#include <algorithm>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/chip/kernels/kernel_parts.h"
#include "lpusim/chip/kernels/kv_append_parts.h"

namespace lpusim::chip {

std::vector<KvSegment> segments_of(const KvAppendPlan& plan) {
    std::vector<KvSegment> segments;
    const std::int64_t tile_keys = plan.layout.tile_keys;
    for (std::int64_t token = 0; token < plan.shape.tokens;) {
        const std::int64_t position = plan.shape.position + token, column = position % tile_keys;
        const std::int64_t same = std::min(plan.shape.tokens - token, tile_keys - column);
        segments.push_back({position / tile_keys, column, token, same});
        token += same;
    }
    return segments;
}

namespace {

/// Blocks that no slice is still writing when it reads again: neither its queue nor its words may be wanted
/// twice in a cycle.
void choose_blocks(KvAppendPlan& plan, const ChipSpec& spec) {
    const KvAppendTiming timing{spec, plan};
    const std::int64_t width = plan.layout.width;
    plan.blocks = div_ceil(plan.layout.v_loads, timing.turnaround(plan.layout.first));
    plan.block_words = div_ceil(plan.layout.v_loads, plan.blocks);
    plan.blocks = div_ceil(plan.layout.v_loads, plan.block_words);
    const auto apart = [&](std::int64_t delay) {
        const std::int64_t late = delay % plan.block_cycles;
        return delay >= plan.block_words && std::min(late, plan.block_cycles - late) >= plan.block_words;
    };
    plan.block_cycles = width * plan.block_words;
    for (std::int64_t slice = plan.layout.first; slice < plan.layout.first + 2 * width;) {
        const std::int64_t issue = timing.turnaround(slice);
        if (apart(issue) && apart(issue + spec.mem_write_latency_cycles)) {
            ++slice;
        } else {
            ++plan.block_cycles;
            slice = plan.layout.first;
        }
    }
}

} // namespace

KvAppendPlan plan_kv_append(const ChipSpec& spec, const KvAppendShape& shape) {
    KvAppendPlan plan;
    plan.shape = shape;
    plan.layout = kv_layout(spec, shape.kv);
    check_sizes(spec, {{"tokens", shape.tokens}});
    constexpr std::int64_t kAlus = 4; // two a hemisphere
    if (spec.vxm_alus < kAlus) {
        throw ValueError("kv_append needs " + std::to_string(kAlus) + " vector ALUs, got " +
                         std::to_string(spec.vxm_alus));
    }
    if (shape.position < 0 || shape.position > shape.kv.capacity - shape.tokens) {
        throw ValueError("kv_append: position must be from 0 to " +
                         std::to_string(shape.kv.capacity - shape.tokens) + " for " +
                         std::to_string(shape.tokens) + " tokens, got " + std::to_string(shape.position));
    }
    choose_blocks(plan, spec);
    const KvAppendTiming timing{spec, plan};
    const std::int64_t words =
        std::max({shape.tokens * timing.key_vectors(), shape.tokens * timing.parts(), spec.lanes()});
    if (words > spec.mem_words_per_slice) {
        const std::int64_t slice_bytes = 10 * spec.lanes(); // five slices a hemisphere
        throw CapacityError("kv_append of " + std::to_string(shape.tokens) + " tokens needs " +
                                std::to_string(words) + " words in a slice; a slice has " +
                                std::to_string(spec.mem_words_per_slice) + "; ask for fewer tokens at a time",
                            words * slice_bytes, spec.mem_words_per_slice * slice_bytes);
    }
    const auto segments = segments_of(plan);
    std::int64_t cycle = timing.values_cycle(segments.front().tokens);
    for (std::size_t i = 0; i + 1 < segments.size(); ++i) {
        cycle += timing.segment_cycles(segments[i].tokens, segments[i + 1].tokens);
    }
    plan.cycles = cycle + timing.last_write(segments.back().tokens) + spec.superlanes;
    return plan;
}

} // namespace lpusim::chip
