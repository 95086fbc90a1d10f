#include "lpusim/model/spec.h"

#include <array>
#include <string>

namespace lpusim::model {

namespace {

constexpr std::array<Field<ModelSpec>, 21> kFields{{
    {"layers", "layers", 1, 4096, "transformer layers, without prediction heads (MTP)", &ModelSpec::layers},
    {"hidden", "elements", 1, 1 << 20, "width of the residual stream", &ModelSpec::hidden},
    {"vocab", "tokens", 1, 1 << 26, "rows of the embedding table", &ModelSpec::vocab},
    {"heads", "heads", 1, 1 << 16, "query heads", &ModelSpec::heads},
    {"kv_heads", "heads", 1, 1 << 16, "key and value heads; 1 for MLA", &ModelSpec::kv_heads},
    {"head_dim", "elements", 1, 1 << 16, "width of a query and key head; MLA: its part without rotation",
     &ModelSpec::head_dim},
    {"value_head_dim", "elements", 1, 1 << 16, "width of a value head", &ModelSpec::value_head_dim},
    {"rope_head_dim", "elements", 0, 1 << 16, "MLA: rotated part of a query and key head, else 0",
     &ModelSpec::rope_head_dim},
    {"q_lora_rank", "elements", 0, 1 << 20, "MLA: rank of the query, 0 = full", &ModelSpec::q_lora_rank},
    {"kv_lora_rank", "elements", 0, 1 << 20, "MLA: rank of the cached latent, 0 = no MLA",
     &ModelSpec::kv_lora_rank},
    {"dense_intermediate", "elements", 0, 1 << 22, "FFN width of dense layers",
     &ModelSpec::dense_intermediate},
    {"experts", "experts", 0, 1 << 16, "routed experts of a layer", &ModelSpec::experts},
    {"experts_per_token", "experts", 0, 1 << 16, "routed experts a token passes through",
     &ModelSpec::experts_per_token},
    {"expert_intermediate", "elements", 0, 1 << 22, "FFN width of one expert",
     &ModelSpec::expert_intermediate},
    {"shared_intermediate", "elements", 0, 1 << 22, "FFN width of all shared experts together",
     &ModelSpec::shared_intermediate},
    {"window_tokens", "tokens", 0, 1 << 30, "tokens a window layer attends to", &ModelSpec::window_tokens},
    {"tied_embeddings", "switch", 0, 1, "the output head is the embedding table",
     &ModelSpec::tied_embeddings},
    {"query_key_norms", "switch", 0, 1, "a norm over each query and key head", &ModelSpec::query_key_norms},
    {"attention_bias", "switch", 0, 1, "biases in attention", &ModelSpec::attention_bias},
    {"ffn_bias", "switch", 0, 1, "biases in dense FFNs", &ModelSpec::ffn_bias},
    {"router_bias", "switch", 0, 1, "a selection bias for each expert", &ModelSpec::router_bias},
}};

void require(bool holds, const std::string& message) {
    if (!holds) {
        throw ValueError("ModelSpec: " + message);
    }
}

void require_layer_list(const char* name, const std::vector<std::int64_t>& list, std::int64_t layers) {
    std::int64_t previous = -1;
    for (const std::int64_t layer : list) {
        require(layer > previous && layer < layers,
                std::string(name) + " must increase and stay below " + std::to_string(layers) + ", got " +
                    std::to_string(layer) + " after " + std::to_string(previous));
        previous = layer;
    }
}

} // namespace

std::span<const Field<ModelSpec>> model_fields() {
    return kFields;
}

void validate(const ModelSpec& spec) {
    validate_fields("ModelSpec", spec, model_fields());
    require_layer_list("moe_layers", spec.moe_layers, spec.layers);
    require_layer_list("window_layers", spec.window_layers, spec.layers);

    const bool is_mla = spec.kv_lora_rank > 0;
    require(is_mla || (spec.rope_head_dim == 0 && spec.q_lora_rank == 0),
            "rope_head_dim and q_lora_rank need kv_lora_rank");
    require(!is_mla || spec.rope_head_dim > 0, "kv_lora_rank needs rope_head_dim");
    require(!is_mla || spec.kv_heads == 1,
            "MLA caches one latent a token: kv_heads must be 1, got " + std::to_string(spec.kv_heads));
    require(spec.heads % spec.kv_heads == 0, "heads must be a multiple of kv_heads, got " +
                                                 std::to_string(spec.heads) + " and " +
                                                 std::to_string(spec.kv_heads));
    require(spec.window_layers.empty() || spec.window_tokens > 0, "window_layers need window_tokens");

    const auto moe_count = static_cast<std::int64_t>(spec.moe_layers.size());
    if (moe_count > 0) {
        require(spec.experts > 0 && spec.expert_intermediate > 0,
                "moe_layers need experts and expert_intermediate");
        require(spec.experts_per_token >= 1 && spec.experts_per_token <= spec.experts,
                "experts_per_token must be from 1 to experts = " + std::to_string(spec.experts) + ", got " +
                    std::to_string(spec.experts_per_token));
    }
    require(moe_count == spec.layers || spec.dense_intermediate > 0, "dense layers need dense_intermediate");
}

} // namespace lpusim::model
