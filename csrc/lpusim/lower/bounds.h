#pragma once

#include <cstdint>

#include "lpusim/chip/spec.h"

/// Closed forms for operators that have no verified program yet. Each is an upper bound on a schedule one
/// could write with the published units; docs/model-status.md lists them all. None depends on data.
namespace lpusim::lower {

/// One pass of vectors SRAM -> vector unit -> SRAM.
///
/// `vector_count` vectors of one lane-width each enter one a cycle; the last one crosses at most one half of
/// the line to the VXM and one half back, staggered over the superlanes:
///   vector_count + (positions - 1) + (superlanes - 1) + SRAM read and write latency + overhead_cycles.
[[nodiscard]] std::int64_t vector_pass_cycles(const chip::ChipSpec& spec, std::int64_t vector_count,
                                              std::int64_t overhead_cycles);

/// `pass_count` dependent passes over `element_count` elements, each element on one lane.
[[nodiscard]] std::int64_t vector_op_cycles(const chip::ChipSpec& spec, std::int64_t element_count,
                                            std::int64_t pass_count, std::int64_t overhead_cycles);

/// Attention of one chip over its share of the context, for one layer and one item.
struct AttentionShare {
    std::int64_t query_tokens = 1;
    /// Query heads that this chip evaluates for each of its KV heads.
    std::int64_t query_heads_per_kv_head = 1;
    std::int64_t kv_heads = 1;
    std::int64_t key_width = 0;
    std::int64_t value_width = 0;
    /// Tokens of context whose K and V lie on this chip.
    std::int64_t context_tokens = 0;
    std::int64_t bytes_per_element = 2;
};

/// Scores, softmax and weighted sum with K and V streamed through the matrix unit as its weights:
///   load     = bytes_per_element x kv_heads x (context x ceil(key/lanes) + ceil(context/lanes) x value) /
///   streams multiply = query rows x (ceil(context/lanes) x ceil(key/lanes) + ceil(context/lanes) x
///   ceil(value/lanes))
///              x kv_heads x bytes_per_element^2 / planes
///   softmax  = three dependent vector passes over query rows x context
///   fixed    = two trips SRAM -> MXM -> SRAM.
/// Load and multiply of the two products are each taken as the larger of the two (double buffered).
[[nodiscard]] std::int64_t attention_cycles(const chip::ChipSpec& spec, const AttentionShare& share,
                                            std::int64_t overhead_cycles);

/// Top-k of `score_count` scores for `token_count` tokens by compare and count: every score meets every other
/// once (score_count vectors a token), then one pass that selects.
[[nodiscard]] std::int64_t router_select_cycles(const chip::ChipSpec& spec, std::int64_t token_count,
                                                std::int64_t score_count, std::int64_t overhead_cycles);

/// Appending one item's keys and values: one write pass for K and one read-modify-write (two passes) for V,
/// which is kept transposed.
[[nodiscard]] std::int64_t kv_append_cycles(const chip::ChipSpec& spec, std::int64_t element_count,
                                            std::int64_t overhead_cycles);

/// SRAM -> MXM -> SRAM for the first vector: half a line to the plane and a whole line back at most, the
/// column sum over the superlanes, and the unit's own latencies.
[[nodiscard]] std::int64_t matrix_trip_cycles(const chip::ChipSpec& spec);

} // namespace lpusim::lower
