#include "lpusim/lower/bounds.h"

#include <algorithm>
#include <cassert>

#include "lpusim/base/integers.h"

namespace lpusim::lower {
namespace {

std::int64_t lanes(const chip::ChipSpec& spec) {
    return spec.superlanes * spec.lanes_per_superlane;
}

std::int64_t planes(const chip::ChipSpec& spec) {
    return 2 * spec.mxm_planes_per_hemisphere;
}

} // namespace

std::int64_t vector_pass_cycles(const chip::ChipSpec& spec, std::int64_t vector_count,
                                std::int64_t overhead_cycles) {
    return vector_count + (spec.positions - 1) + (spec.superlanes - 1) + spec.mem_read_latency_cycles +
           spec.mem_write_latency_cycles + overhead_cycles;
}

std::int64_t vector_op_cycles(const chip::ChipSpec& spec, std::int64_t element_count, std::int64_t pass_count,
                              std::int64_t overhead_cycles) {
    return pass_count * vector_pass_cycles(spec, div_ceil(element_count, lanes(spec)), overhead_cycles);
}

std::int64_t matrix_trip_cycles(const chip::ChipSpec& spec) {
    const std::int64_t half_line = (spec.positions - 1) / 2;
    return spec.mem_read_latency_cycles + half_line + spec.mxm_activate_latency_cycles +
           (spec.superlanes - 1) + (spec.positions - 1) + spec.mem_write_latency_cycles;
}

std::int64_t attention_cycles(const chip::ChipSpec& spec, const AttentionShare& share,
                              std::int64_t overhead_cycles) {
    assert(share.kv_heads > 0 && share.key_width > 0 && share.value_width > 0);
    if (share.context_tokens == 0) {
        return 0;
    }
    const std::int64_t streams = 2 * spec.streams_per_direction;
    const std::int64_t key_tiles = div_ceil(share.key_width, lanes(spec));
    const std::int64_t value_tiles = div_ceil(share.value_width, lanes(spec));
    const std::int64_t context_tiles = div_ceil(share.context_tokens, lanes(spec));
    const std::int64_t query_rows = share.query_tokens * share.query_heads_per_kv_head;
    const auto product_cycles = [&](std::int64_t columns_loaded, std::int64_t tiles) {
        const std::int64_t load =
            div_ceil(share.bytes_per_element * share.kv_heads * columns_loaded, streams);
        const std::int64_t multiply =
            div_ceil(query_rows * tiles * share.kv_heads * share.bytes_per_element * share.bytes_per_element,
                     planes(spec));
        return std::max(load, multiply) + spec.mxm_load_latency_cycles + spec.mxm_install_latency_cycles +
               matrix_trip_cycles(spec);
    };
    const std::int64_t scores = product_cycles(share.context_tokens * key_tiles, context_tiles * key_tiles);
    const std::int64_t values =
        product_cycles(context_tiles * share.value_width, context_tiles * value_tiles);
    const std::int64_t softmax =
        vector_op_cycles(spec, query_rows * share.kv_heads * share.context_tokens, 3, overhead_cycles);
    return scores + softmax + values;
}

std::int64_t router_select_cycles(const chip::ChipSpec& spec, std::int64_t token_count,
                                  std::int64_t score_count, std::int64_t overhead_cycles) {
    const std::int64_t score_vectors = div_ceil(score_count, lanes(spec));
    return vector_pass_cycles(spec, token_count * score_count * score_vectors, overhead_cycles) +
           vector_pass_cycles(spec, token_count * score_vectors, overhead_cycles);
}

std::int64_t kv_append_cycles(const chip::ChipSpec& spec, std::int64_t element_count,
                              std::int64_t overhead_cycles) {
    return vector_op_cycles(spec, element_count, 3, overhead_cycles);
}

} // namespace lpusim::lower
