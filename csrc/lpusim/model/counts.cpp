#include "lpusim/model/counts.h"

#include <algorithm>
#include <cassert>

#include "lpusim/base/integers.h"

namespace lpusim::model {

namespace {

/// Adds what `count` equal operators contribute.
void add(const Operator& op, std::int64_t count, const NumberFormat& weights, Load& load) {
    const std::int64_t stored = checked_multiply(count, weight_bytes(op, weights));
    load.weight_bytes = checked_add(load.weight_bytes, stored);
    const std::int64_t flops = checked_multiply(2, checked_multiply(count, macs_per_token(op)));
    load.flops_per_token = checked_add(load.flops_per_token, flops);
    switch (op.kind) {
    case OperatorKind::embedding:     // One row a token.
    case OperatorKind::expert_matmul: // Those that are chosen.
        break;
    case OperatorKind::head: {
        // A tied head is stored with the embedding, and read all the same.
        Operator read = op;
        read.parameters = checked_multiply(op.k, op.n);
        load.always_read_bytes = checked_add(load.always_read_bytes, weight_bytes(read, weights));
        break;
    }
    default:
        load.always_read_bytes = checked_add(load.always_read_bytes, stored);
    }
}

} // namespace

std::int64_t weight_bytes(const Operator& op, const NumberFormat& weights) {
    if (!op.is_quantised) {
        return size_bytes(unquantised(weights), op.parameters);
    }
    const std::int64_t products = checked_multiply(op.k, op.n);
    const std::int64_t biases = op.parameters / op.copies - products;
    assert(biases >= 0);
    return checked_multiply(op.copies,
                            size_bytes(weights, products) + size_bytes(unquantised(weights), biases));
}

std::int64_t state_bytes(const Architecture& architecture, std::int64_t context_tokens,
                         const NumberFormat& kv) {
    if (context_tokens < 0) {
        throw ValueError("context must be at least 0 tokens, got " + std::to_string(context_tokens));
    }
    std::int64_t elements = 0;
    for (const LayerGroup& group : architecture.groups) {
        const std::int64_t window = group.attention.window_tokens;
        const std::int64_t tokens = window > 0 ? std::min(context_tokens, window) : context_tokens;
        const std::int64_t a_layer = checked_multiply(tokens, group.attention.cache_elements);
        elements = checked_add(elements, checked_multiply(group.count, a_layer));
    }
    return size_bytes(kv, elements);
}

Load load(const ModelSpec& spec, const NumberFormat& weights, const NumberFormat& kv) {
    const Architecture architecture = operators(spec);
    Load result;
    result.layers = spec.layers;
    result.hidden = spec.hidden;
    result.moe_layers = static_cast<std::int64_t>(spec.moe_layers.size());
    if (result.moe_layers > 0) {
        result.experts = spec.experts;
        result.experts_per_token = spec.experts_per_token;
    }
    for (const auto* part : {&architecture.prologue, &architecture.epilogue}) {
        for (const Operator& op : *part) {
            add(op, 1, weights, result);
        }
    }
    std::int64_t growing_elements = 0;
    std::int64_t window_elements = 0;
    for (const LayerGroup& group : architecture.groups) {
        std::int64_t expert_bytes = 0;
        for (const Operator& op : group.operators) {
            add(op, group.count, weights, result);
            if (op.kind == OperatorKind::expert_matmul) {
                expert_bytes += weight_bytes(op, weights) / op.copies;
            }
        }
        result.expert_bytes = std::max(result.expert_bytes, expert_bytes);
        const AttentionShape& attention = group.attention;
        if (attention.window_tokens > 0) {
            result.window_tokens = attention.window_tokens;
            window_elements += group.count * attention.cache_elements;
        } else {
            growing_elements += group.count * attention.cache_elements;
            result.attention_flops_per_context_token +=
                group.count * 2 * attention.heads * (attention.key_width + attention.value_width);
        }
    }
    result.kv_bytes_per_token = size_bytes(kv, growing_elements);
    result.window_kv_bytes_per_token = size_bytes(kv, window_elements);
    return result;
}

} // namespace lpusim::model
