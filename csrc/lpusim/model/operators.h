#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "lpusim/model/spec.h"

/// An architecture as the operators that one token passes through, in order.
namespace lpusim::model {

enum class OperatorKind : std::uint8_t {
    embedding,     ///< Looks up one row of n = hidden.
    norm,          ///< RMS norm over n elements.
    matmul,        ///< [1 x k] times [k x n]; with copies > 1, one such product a head.
    rope,          ///< Rotates n elements.
    attention,     ///< Scores, softmax, weighted sum; its shape is in LayerGroup::attention.
    activation,    ///< silu(gate) x up over n elements; with copies > 1, for each expert.
    router,        ///< Scores of n experts and the choice among them.
    expert_matmul, ///< As matmul, for the chosen experts only.
    residual_add,  ///< Adds n elements to the residual stream (after experts: their weighted sum).
    head,          ///< [1 x hidden] times [hidden x vocab].
};

/// How a tensor-parallel group splits the weights of an operator.
enum class Shard : std::uint8_t {
    replicated, ///< Every chip holds and does all of it.
    column,     ///< n is cut; each chip makes its part of the output.
    row,        ///< k is cut; partial sums are reduced over the group.
    heads,      ///< Whole heads (copies) are dealt out.
    experts,    ///< Experts (copies) are dealt out, or each is cut like a dense FFN.
};

/// k and n are the widths of one copy. Weights exist `copies` times; a token uses `active_copies` of them.
struct Operator {
    std::string_view name;
    OperatorKind kind = OperatorKind::matmul;
    Shard shard = Shard::replicated;
    std::int64_t k = 0;
    std::int64_t n = 0;
    std::int64_t copies = 1;
    std::int64_t active_copies = 1;
    /// Of all copies, biases included; 0 where the tensor is stored elsewhere (tied head).
    std::int64_t parameters = 0;
    /// Stored in the weight format when that has fewer than 16 bits. Embedding, head, norms, router and
    /// biases are not: published 8-bit checkpoints keep them at 16.
    bool is_quantised = false;

    friend bool operator==(const Operator&, const Operator&) = default;
};

/// Multiply-accumulates of weights that one token needs: active_copies x k x n of products, else 0.
[[nodiscard]] std::int64_t macs_per_token(const Operator& op);

/// One layer's attention over its cache.
///
/// MLA is described in its absorbed form: all heads share one latent of kv_lora_rank + rope elements as key,
/// its first kv_lora_rank elements also as value.
struct AttentionShape {
    bool is_latent = false;
    std::int64_t heads = 0;
    std::int64_t kv_heads = 0;
    std::int64_t key_width = 0;
    std::int64_t value_width = 0;
    /// Elements one token adds to the cache of one layer.
    std::int64_t cache_elements = 0;
    /// 0: attends to everything.
    std::int64_t window_tokens = 0;

    friend bool operator==(const AttentionShape&, const AttentionShape&) = default;
};

enum class FfnKind : std::uint8_t { dense, moe };

/// Layers that are equal in everything but their weights' values.
struct LayerGroup {
    std::int64_t count = 0;
    AttentionShape attention;
    FfnKind ffn = FfnKind::dense;
    std::vector<Operator> operators;
};

struct Architecture {
    /// Before the first layer.
    std::vector<Operator> prologue;
    std::vector<LayerGroup> groups;
    /// `layer_group[i]` is the index in `groups` of layer i.
    std::vector<std::int64_t> layer_group;
    /// After the last layer: final norm and head.
    std::vector<Operator> epilogue;
};

/// The operators of `spec`. Throws ValueError for an invalid spec or counts beyond 64 bits.
/// Cost: one pass over the layers.
[[nodiscard]] Architecture operators(const ModelSpec& spec);

/// Every stored parameter once, norms and biases included; prediction heads (MTP) are not part of a spec.
[[nodiscard]] std::int64_t total_parameters(const Architecture& architecture);

/// Parameters of the model with only the chosen experts, the embedding table included whole.
[[nodiscard]] std::int64_t active_parameters(const Architecture& architecture);

} // namespace lpusim::model
