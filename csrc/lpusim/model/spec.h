#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/base/field.h"

namespace lpusim::model {

/// The dimensions of a decoder-only transformer with RMS norms, rotary positions and gated FFNs.
///
/// Attention is multi-head latent (MLA) where `kv_lora_rank` > 0, else grouped-query. Fields that are 0 or 1
/// are switches.
struct ModelSpec {
    std::int64_t layers = 0;
    std::int64_t hidden = 0;
    std::int64_t vocab = 0;
    std::int64_t heads = 0;
    std::int64_t kv_heads = 0;
    std::int64_t head_dim = 0;
    std::int64_t value_head_dim = 0;
    std::int64_t rope_head_dim = 0;
    std::int64_t q_lora_rank = 0;
    std::int64_t kv_lora_rank = 0;
    std::int64_t dense_intermediate = 0;
    std::int64_t experts = 0;
    std::int64_t experts_per_token = 0;
    std::int64_t expert_intermediate = 0;
    std::int64_t shared_intermediate = 0;
    std::int64_t window_tokens = 0;
    std::int64_t tied_embeddings = 0;
    std::int64_t query_key_norms = 0;
    std::int64_t attention_bias = 0;
    std::int64_t ffn_bias = 0;
    std::int64_t router_bias = 0;
    /// Indices of the layers whose FFN is a mixture of experts, increasing. The others are dense.
    std::vector<std::int64_t> moe_layers;
    /// Indices of the layers that attend to the last `window_tokens` tokens only, increasing.
    std::vector<std::int64_t> window_layers;
};

/// The numeric fields; the two lists above are not in the table.
[[nodiscard]] std::span<const Field<ModelSpec>> model_fields();

/// Throws ValueError for a field outside its range, and for fields that contradict each other.
void validate(const ModelSpec& spec);

} // namespace lpusim::model
