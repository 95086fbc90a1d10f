#pragma once

#include <cstdint>

namespace lpusim::model {

/// What a device needs to know of a model at a given number format: bytes to hold, bytes to read, work to do.
/// All counts are of the whole model; a device divides them over its chips.
struct Load {
    /// Everything that must be resident: all parameters at their stored width.
    std::int64_t weight_bytes = 0;
    /// The part of `weight_bytes` that every step reads whatever the routing: attention, dense and shared
    /// FFN, norms, router, output head. The embedding table is not in it (one row per token is read).
    std::int64_t always_read_bytes = 0;
    /// One routed expert of one layer; 0 for a dense model.
    std::int64_t expert_bytes = 0;
    std::int64_t moe_layers = 0;
    std::int64_t experts = 0;
    std::int64_t experts_per_token = 0;
    /// 2 x the matmul parameters one token passes through (active, without embedding look-up).
    std::int64_t flops_per_token = 0;
    /// Attention score and value FLOPs of one token per token of context, summed over layers without a
    /// window.
    std::int64_t attention_flops_per_context_token = 0;
    /// KV (or latent) bytes one token of context adds, over layers without a window.
    std::int64_t kv_bytes_per_token = 0;
    /// Layers that attend to a window only: their cache stops growing at `window_tokens`.
    std::int64_t window_tokens = 0;
    std::int64_t window_kv_bytes_per_token = 0;
    std::int64_t layers = 0;
    std::int64_t hidden = 0;
};

} // namespace lpusim::model
