#include "lpusim/model/operators.h"

#include <algorithm>
#include <cassert>

#include "lpusim/base/integers.h"

namespace lpusim::model {

namespace {

std::int64_t product(std::int64_t a, std::int64_t b) {
    return checked_multiply(a, b);
}

Operator norm(std::string_view name, std::int64_t width) {
    return {.name = name, .kind = OperatorKind::norm, .n = width, .parameters = width};
}

Operator weightless(std::string_view name, OperatorKind kind, Shard shard, std::int64_t width) {
    return {.name = name, .kind = kind, .shard = shard, .n = width};
}

Operator matmul(std::string_view name, Shard shard, std::int64_t k, std::int64_t n, bool has_bias = false) {
    return {.name = name,
            .kind = OperatorKind::matmul,
            .shard = shard,
            .k = k,
            .n = n,
            .parameters = product(k, n) + (has_bias ? n : 0),
            .is_quantised = true};
}

Operator head_matmul(std::string_view name, std::int64_t heads, std::int64_t k, std::int64_t n) {
    Operator op = matmul(name, Shard::heads, k, n);
    op.copies = op.active_copies = heads;
    op.parameters = product(heads, op.parameters);
    return op;
}

Operator expert_matmul(std::string_view name, const ModelSpec& spec, std::int64_t k, std::int64_t n) {
    Operator op = matmul(name, Shard::experts, k, n);
    op.kind = OperatorKind::expert_matmul;
    op.copies = spec.experts;
    op.active_copies = spec.experts_per_token;
    op.parameters = product(spec.experts, op.parameters);
    return op;
}

void append_grouped_query(const ModelSpec& spec, std::vector<Operator>& out) {
    const std::int64_t query_width = spec.heads * spec.head_dim;
    const std::int64_t key_width = spec.kv_heads * spec.head_dim;
    const std::int64_t value_width = spec.kv_heads * spec.value_head_dim;
    const bool bias = spec.attention_bias != 0;
    out.push_back(matmul("query", Shard::column, spec.hidden, query_width, bias));
    out.push_back(matmul("key", Shard::column, spec.hidden, key_width, bias));
    out.push_back(matmul("value", Shard::column, spec.hidden, value_width, bias));
    if (spec.query_key_norms != 0) {
        out.push_back(norm("query_norm", spec.head_dim));
        out.push_back(norm("key_norm", spec.head_dim));
    }
    out.push_back(weightless("rope", OperatorKind::rope, Shard::heads, query_width + key_width));
    out.push_back(
        weightless("attention", OperatorKind::attention, Shard::heads, spec.heads * spec.value_head_dim));
    out.push_back(
        matmul("attention_output", Shard::row, spec.heads * spec.value_head_dim, spec.hidden, bias));
}

void append_latent(const ModelSpec& spec, std::vector<Operator>& out) {
    const std::int64_t query_width = spec.heads * (spec.head_dim + spec.rope_head_dim);
    const bool bias = spec.attention_bias != 0;
    if (spec.q_lora_rank > 0) {
        out.push_back(matmul("query_down", Shard::replicated, spec.hidden, spec.q_lora_rank, bias));
        out.push_back(norm("query_norm", spec.q_lora_rank));
        out.push_back(matmul("query_up", Shard::column, spec.q_lora_rank, query_width));
    } else {
        out.push_back(matmul("query", Shard::column, spec.hidden, query_width));
    }
    out.push_back(
        matmul("latent", Shard::replicated, spec.hidden, spec.kv_lora_rank + spec.rope_head_dim, bias));
    out.push_back(norm("latent_norm", spec.kv_lora_rank));
    out.push_back(
        weightless("rope", OperatorKind::rope, Shard::heads, (spec.heads + 1) * spec.rope_head_dim));
    out.push_back(head_matmul("absorb_key", spec.heads, spec.head_dim, spec.kv_lora_rank));
    out.push_back(
        weightless("attention", OperatorKind::attention, Shard::heads, spec.heads * spec.kv_lora_rank));
    out.push_back(head_matmul("absorb_value", spec.heads, spec.kv_lora_rank, spec.value_head_dim));
    out.push_back(
        matmul("attention_output", Shard::row, spec.heads * spec.value_head_dim, spec.hidden, bias));
}

void append_ffn(std::string_view gate, std::string_view up, std::string_view activation,
                std::string_view down, std::int64_t hidden, std::int64_t width, bool bias,
                std::vector<Operator>& out) {
    out.push_back(matmul(gate, Shard::column, hidden, width, bias));
    out.push_back(matmul(up, Shard::column, hidden, width, bias));
    out.push_back(weightless(activation, OperatorKind::activation, Shard::column, width));
    out.push_back(matmul(down, Shard::row, width, hidden, bias));
}

void append_experts(const ModelSpec& spec, std::vector<Operator>& out) {
    Operator router{.name = "router",
                    .kind = OperatorKind::router,
                    .k = spec.hidden,
                    .n = spec.experts,
                    .parameters = product(spec.hidden, spec.experts)};
    if (spec.router_bias != 0) {
        router.parameters += spec.experts;
    }
    out.push_back(router);
    if (spec.shared_intermediate > 0) {
        append_ffn("shared_gate", "shared_up", "shared_activation", "shared_down", spec.hidden,
                   spec.shared_intermediate, false, out);
    }
    out.push_back(expert_matmul("expert_gate", spec, spec.hidden, spec.expert_intermediate));
    out.push_back(expert_matmul("expert_up", spec, spec.hidden, spec.expert_intermediate));
    Operator activation =
        weightless("expert_activation", OperatorKind::activation, Shard::experts, spec.expert_intermediate);
    activation.copies = spec.experts;
    activation.active_copies = spec.experts_per_token;
    out.push_back(activation);
    out.push_back(expert_matmul("expert_down", spec, spec.expert_intermediate, spec.hidden));
}

AttentionShape attention_shape(const ModelSpec& spec, bool has_window) {
    AttentionShape shape{.is_latent = spec.kv_lora_rank > 0,
                         .heads = spec.heads,
                         .kv_heads = spec.kv_heads,
                         .key_width = spec.head_dim,
                         .value_width = spec.value_head_dim,
                         .cache_elements = spec.kv_heads * (spec.head_dim + spec.value_head_dim),
                         .window_tokens = has_window ? spec.window_tokens : 0};
    if (shape.is_latent) {
        shape.key_width = shape.cache_elements = spec.kv_lora_rank + spec.rope_head_dim;
        shape.value_width = spec.kv_lora_rank;
    }
    return shape;
}

LayerGroup make_layer(const ModelSpec& spec, bool is_moe, bool has_window) {
    LayerGroup layer{.count = 0,
                     .attention = attention_shape(spec, has_window),
                     .ffn = is_moe ? FfnKind::moe : FfnKind::dense,
                     .operators = {}};
    std::vector<Operator>& out = layer.operators;
    out.push_back(norm("attention_norm", spec.hidden));
    if (layer.attention.is_latent) {
        append_latent(spec, out);
    } else {
        append_grouped_query(spec, out);
    }
    out.push_back(weightless("attention_add", OperatorKind::residual_add, Shard::replicated, spec.hidden));
    out.push_back(norm("ffn_norm", spec.hidden));
    if (is_moe) {
        append_experts(spec, out);
    } else {
        append_ffn("gate", "up", "activation", "down", spec.hidden, spec.dense_intermediate,
                   spec.ffn_bias != 0, out);
    }
    out.push_back(weightless("ffn_add", OperatorKind::residual_add, Shard::replicated, spec.hidden));
    return layer;
}

std::int64_t active_parameters(const Operator& op) {
    return op.copies == op.active_copies ? op.parameters : op.parameters / op.copies * op.active_copies;
}

template <class Count>
std::int64_t sum_over(const Architecture& architecture, Count count) {
    std::int64_t total = 0;
    for (const auto* part : {&architecture.prologue, &architecture.epilogue}) {
        for (const Operator& op : *part) {
            total = checked_add(total, count(op));
        }
    }
    for (const LayerGroup& group : architecture.groups) {
        for (const Operator& op : group.operators) {
            total = checked_add(total, product(group.count, count(op)));
        }
    }
    return total;
}

} // namespace

std::int64_t macs_per_token(const Operator& op) {
    switch (op.kind) {
    case OperatorKind::matmul:
    case OperatorKind::expert_matmul:
    case OperatorKind::router:
    case OperatorKind::head:
        return product(op.active_copies, product(op.k, op.n));
    default:
        return 0;
    }
}

Architecture operators(const ModelSpec& spec) {
    validate(spec);
    Architecture result;
    const std::int64_t table = product(spec.vocab, spec.hidden);
    result.prologue.push_back({.name = "embedding",
                               .kind = OperatorKind::embedding,
                               .shard = Shard::row,
                               .k = spec.vocab,
                               .n = spec.hidden,
                               .parameters = table});

    // At most four kinds of layer: dense or moe, with or without a window.
    constexpr std::int64_t kNone = -1;
    std::int64_t group_of[2][2] = {{kNone, kNone}, {kNone, kNone}};
    for (std::int64_t i = 0; i < spec.layers; ++i) {
        const bool is_moe = std::ranges::binary_search(spec.moe_layers, i);
        const bool has_window = std::ranges::binary_search(spec.window_layers, i);
        std::int64_t& group = group_of[is_moe ? 1 : 0][has_window ? 1 : 0];
        if (group == kNone) {
            group = static_cast<std::int64_t>(result.groups.size());
            result.groups.push_back(make_layer(spec, is_moe, has_window));
        }
        ++result.groups[static_cast<std::size_t>(group)].count;
        result.layer_group.push_back(group);
    }

    result.epilogue.push_back(norm("final_norm", spec.hidden));
    result.epilogue.push_back({.name = "head",
                               .kind = OperatorKind::head,
                               .shard = Shard::column,
                               .k = spec.hidden,
                               .n = spec.vocab,
                               .parameters = spec.tied_embeddings != 0 ? 0 : table});
    return result;
}

std::int64_t total_parameters(const Architecture& architecture) {
    return sum_over(architecture, [](const Operator& op) { return op.parameters; });
}

std::int64_t active_parameters(const Architecture& architecture) {
    return sum_over(architecture, [](const Operator& op) { return active_parameters(op); });
}

} // namespace lpusim::model
