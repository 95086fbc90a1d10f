"""Counts against a slow reference: the list of tensors a checkpoint of the model holds."""

import math

from hypothesis import given
from hypothesis import strategies as st

import lpusim

small = st.integers(1, 6)


@st.composite
def grouped_query_configs(draw):
    kv_heads, groups = draw(small), draw(small)
    layers = draw(st.integers(1, 5))
    config = {
        "num_hidden_layers": layers,
        "hidden_size": draw(st.integers(1, 40)),
        "vocab_size": draw(st.integers(1, 50)),
        "num_attention_heads": kv_heads * groups,
        "num_key_value_heads": kv_heads,
        "head_dim": draw(st.integers(1, 9)),
        "intermediate_size": draw(st.integers(1, 30)),
        "tie_word_embeddings": draw(st.booleans()),
        "attention_bias": draw(st.booleans()),
        "architectures": ["Qwen3ForCausalLM"],
    }
    if draw(st.booleans()):
        experts = draw(st.integers(1, 8))
        config |= {
            "architectures": ["Qwen3MoeForCausalLM"],
            "num_experts": experts,
            "num_experts_per_tok": draw(st.integers(1, experts)),
            "moe_intermediate_size": draw(st.integers(1, 20)),
            "decoder_sparse_step": draw(st.integers(1, 3)),
            "mlp_only_layers": draw(st.lists(st.integers(0, layers - 1), max_size=2)),
        }
    return config


@st.composite
def latent_configs(draw):
    experts, layers = draw(st.integers(1, 8)), draw(st.integers(1, 5))
    return {
        "architectures": ["DeepseekV3ForCausalLM"],
        "num_hidden_layers": layers,
        "hidden_size": draw(st.integers(1, 40)),
        "vocab_size": draw(st.integers(1, 50)),
        "num_attention_heads": draw(small),
        "q_lora_rank": draw(st.none() | st.integers(1, 20)),
        "kv_lora_rank": draw(st.integers(1, 20)),
        "qk_nope_head_dim": draw(small),
        "qk_rope_head_dim": draw(small),
        "v_head_dim": draw(small),
        "intermediate_size": draw(st.integers(1, 30)),
        "n_routed_experts": experts,
        "num_experts_per_tok": draw(st.integers(1, experts)),
        "n_shared_experts": draw(st.integers(0, 2)),
        "moe_intermediate_size": draw(st.integers(1, 20)),
        "first_k_dense_replace": draw(st.integers(0, layers)),
    }


def ffn(prefix, hidden, width):
    return {
        f"{prefix}.gate_proj": (width, hidden),
        f"{prefix}.up_proj": (width, hidden),
        f"{prefix}.down_proj": (hidden, width),
    }


def grouped_query_tensors(c, layer):
    h, d = c["hidden_size"], c["head_dim"]
    q, kv = c["num_attention_heads"] * d, c["num_key_value_heads"] * d
    tensors = {"q_proj": (q, h), "k_proj": (kv, h), "v_proj": (kv, h), "o_proj": (h, q)}
    if c["attention_bias"]:
        tensors |= {f"{name}.bias": (shape[0],) for name, shape in list(tensors.items())}
    tensors |= {"q_norm": (d,), "k_norm": (d,), "input_layernorm": (h,), "post_attention_layernorm": (h,)}
    sparse = (layer + 1) % c.get("decoder_sparse_step", 1) == 0 and layer not in c.get("mlp_only_layers", [])
    if "num_experts" not in c or not sparse:
        return tensors | ffn("mlp", h, c["intermediate_size"])
    tensors["mlp.gate"] = (c["num_experts"], h)
    for i in range(c["num_experts"]):
        tensors |= ffn(f"mlp.experts.{i}", h, c["moe_intermediate_size"])
    return tensors


def latent_tensors(c, layer):
    h, heads = c["hidden_size"], c["num_attention_heads"]
    query = heads * (c["qk_nope_head_dim"] + c["qk_rope_head_dim"])
    rank, q_rank = c["kv_lora_rank"], c["q_lora_rank"]
    tensors = {
        "kv_a_proj_with_mqa": (rank + c["qk_rope_head_dim"], h),
        "kv_a_layernorm": (rank,),
        "kv_b_proj": (heads * (c["qk_nope_head_dim"] + c["v_head_dim"]), rank),
        "o_proj": (h, heads * c["v_head_dim"]),
        "input_layernorm": (h,),
        "post_attention_layernorm": (h,),
    }
    if q_rank is None:
        tensors["q_proj"] = (query, h)
    else:
        tensors |= {"q_a_proj": (q_rank, h), "q_a_layernorm": (q_rank,), "q_b_proj": (query, q_rank)}
    if layer < c["first_k_dense_replace"]:
        return tensors | ffn("mlp", h, c["intermediate_size"])
    tensors |= {"mlp.gate": (c["n_routed_experts"], h), "bias": (c["n_routed_experts"],)}
    if c["n_shared_experts"]:
        tensors |= ffn("mlp.shared_experts", h, c["n_shared_experts"] * c["moe_intermediate_size"])
    for i in range(c["n_routed_experts"]):
        tensors |= ffn(f"mlp.experts.{i}", h, c["moe_intermediate_size"])
    return tensors


def all_tensors(c):
    h, vocab = c["hidden_size"], c["vocab_size"]
    one_layer = latent_tensors if "kv_lora_rank" in c else grouped_query_tensors
    tensors = {"embed_tokens": (vocab, h), "norm": (h,)}
    if not c.get("tie_word_embeddings", False):
        tensors["lm_head"] = (vocab, h)
    for layer in range(c["num_hidden_layers"]):
        tensors |= {f"{layer}.{name}": shape for name, shape in one_layer(c, layer).items()}
    return tensors


def is_chosen(name, chosen):
    return ".experts." not in name or int(name.split(".experts.")[1].split(".")[0]) < chosen


@given(grouped_query_configs() | latent_configs())
def test_parameters_are_the_sizes_of_all_tensors(config):
    model = lpusim.load_model(config)
    tensors = all_tensors(config)
    assert model.total_parameters == sum(math.prod(shape) for shape in tensors.values())
    chosen = config.get("num_experts_per_tok", 0)
    assert model.active_parameters == sum(
        math.prod(shape) for name, shape in tensors.items() if is_chosen(name, chosen)
    )


@given(grouped_query_configs() | latent_configs())
def test_flops_are_two_for_each_matrix_element_a_token_meets(config):
    chosen = config.get("num_experts_per_tok", 0)
    matrices = {name: shape for name, shape in all_tensors(config).items() if len(shape) == 2}
    met = sum(math.prod(s) for n, s in matrices.items() if n != "lm_head" and is_chosen(n, chosen))
    # The embedding table is looked up, the head (which may be the same tensor) is multiplied with.
    assert lpusim.load_model(config).load(weights="bf16").flops_per_token == 2 * met


@given(grouped_query_configs() | latent_configs(), st.integers(0, 10**6), st.integers(0, 10**6))
def test_state_adds_up_over_context(config, first, second):
    model = lpusim.load_model(config)
    assert model.state_bytes(first + second) == model.state_bytes(first) + model.state_bytes(second)


@given(grouped_query_configs() | latent_configs())
def test_narrower_weights_never_take_more_room(config):
    model = lpusim.load_model(config)
    sizes = [model.load(weights=w).weight_bytes for w in ("fp32", "bf16", "fp8", "fp4")]
    assert sizes == sorted(sizes, reverse=True)
    assert model.load(weights="fp16").weight_bytes == model.load(weights="bf16").weight_bytes
