"""Published models: parameters and cache bytes against the owners' figures."""

import json

import pytest

import lpusim
from lpusim._presets import presets

# Figure, half a unit of its last digit, both in 1e9, and where it is published.
TOTALS = {
    "deepseek-v2": (236, 0.5, "DeepSeek-V2 paper (arXiv 2405.04434), abstract"),
    "deepseek-v3": (671, 0.5, "deepseek-ai/DeepSeek-V3 README_WEIGHTS.md, main model"),
    "kimi-k2": (1026, 0.5, "moonshotai/Kimi-K2-Instruct, sum of tensor sizes"),
    "llama-2-70b": (69, 0.5, "meta-llama/Llama-2-70b-hf, sum of tensor sizes"),
    "llama-3.1-8b": (8.03, 0.005, "meta-llama/Llama-3.1-8B, sum of tensor sizes"),
    "llama-3.1-70b": (70.6, 0.05, "meta-llama/Llama-3.1-70B, sum of tensor sizes"),
    "llama-3.1-405b": (406, 0.5, "meta-llama/Llama-3.1-405B, sum of tensor sizes"),
    "mistral-7b": (7.25, 0.005, "mistralai/Mistral-7B-v0.3, sum of tensor sizes"),
    "mixtral-8x7b": (46.7, 0.05, "Mixtral announcement, mistral.ai, 2023-12-11"),
    "qwen3-235b-a22b": (235, 0.5, "Qwen/Qwen3-235B-A22B model card"),
    "qwen3-30b-a3b": (30.5, 0.05, "Qwen/Qwen3-30B-A3B model card"),
    "qwen3-32b": (32.8, 0.05, "Qwen/Qwen3-32B model card"),
    "smollm2-135m": (0.135, 0.0005, "HuggingFaceTB/SmolLM2-135M, sum of tensor sizes"),
}
# Owners count active parameters with or without the embedding table, of which a token reads one row.
WITH_EMBEDDING = {
    "mixtral-8x7b": (12.9, 0.05, "Mixtral announcement, mistral.ai, 2023-12-11"),
    "qwen3-235b-a22b": (22, 0.5, "Qwen/Qwen3-235B-A22B model card"),
    "qwen3-30b-a3b": (3.3, 0.05, "Qwen/Qwen3-30B-A3B model card"),
}
WITHOUT_EMBEDDING = {
    "deepseek-v2": (21, 0.5, "DeepSeek-V2 paper (arXiv 2405.04434), abstract"),
    "deepseek-v3": (36.7, 0.05, "deepseek-ai/DeepSeek-V3 README_WEIGHTS.md"),
    "kimi-k2": (32, 0.5, "MoonshotAI/Kimi-K2 README"),
}
KV_BYTES_PER_TOKEN = {
    "llama-3.1-8b": 131_072,
    "llama-3.1-70b": 327_680,
    "llama-3.1-405b": 516_096,
    "mixtral-8x7b": 131_072,
    "qwen3-32b": 262_144,
    "qwen3-235b-a22b": 192_512,
    "deepseek-v3": 70_272,
}


def agrees(count, published):
    """Within 0.5 % of a published figure, whose own rounding is allowed for."""
    figure, half_digit, _ = published
    return abs(count / 1e9 - figure) <= 0.005 * figure + half_digit


def test_every_model_preset_has_a_published_total():
    assert set(TOTALS) == set(presets()["models"])


@pytest.mark.parametrize("name", TOTALS)
def test_total_parameters_agree_with_the_published_figure(name):
    assert agrees(lpusim.load_model(name).total_parameters, TOTALS[name])


@pytest.mark.parametrize("name", WITH_EMBEDDING)
def test_active_parameters_agree_with_figures_that_count_the_embedding(name):
    assert agrees(lpusim.load_model(name).active_parameters, WITH_EMBEDDING[name])


@pytest.mark.parametrize("name", WITHOUT_EMBEDDING)
def test_active_parameters_agree_with_figures_that_leave_the_embedding_out(name):
    assert agrees(lpusim.load_model(name).active_parameters_without_embedding, WITHOUT_EMBEDDING[name])


@pytest.mark.parametrize("name", KV_BYTES_PER_TOKEN)
def test_kv_bytes_per_token_are_exact(name):
    model = lpusim.load_model(name)
    assert model.kv_bytes_per_token() == KV_BYTES_PER_TOKEN[name]
    assert model.kv_bytes_per_token(kv="fp8") * 2 == KV_BYTES_PER_TOKEN[name]
    assert model.state_bytes(1000) == 1000 * KV_BYTES_PER_TOKEN[name]
    assert model.load(kv="bf16").kv_bytes_per_token == KV_BYTES_PER_TOKEN[name]


def test_a_dense_model_is_active_as_a_whole():
    model = lpusim.load_model("llama-3.1-8b")
    assert model.active_parameters == model.total_parameters
    # 128256 x 4096 leave with the embedding table.
    assert model.total_parameters - model.active_parameters_without_embedding == 525_336_576


def test_a_tied_table_is_the_head_too_and_stays_active():
    model = lpusim.load_model("smollm2-135m")
    assert model.active_parameters_without_embedding == model.total_parameters == 134_515_008


def test_a_checkpoint_says_in_which_format_it_is_stored():
    assert lpusim.load_model("deepseek-v3").weights_format == "fp8"
    assert lpusim.load_model("llama-2-70b").weights_format == "fp16"
    assert lpusim.load_model("qwen3-32b").weights_format == "bf16"


def test_sixteen_bit_weights_take_two_bytes_a_parameter():
    for name in presets()["models"]:
        model = lpusim.load_model(name)
        assert model.load(weights="bf16").weight_bytes == 2 * model.total_parameters, name


def test_reading_every_expert_and_the_rest_reads_all_but_the_embedding():
    for name in presets()["models"]:
        model = lpusim.load_model(name)
        load = model.load(weights="bf16")
        read = load.always_read_bytes + load.moe_layers * load.experts * load.expert_bytes
        table = 0 if model.core.tied_embeddings else 2 * model.core.vocab * model.core.hidden
        assert read + table == load.weight_bytes, name


def test_deepseek_v3_has_three_dense_layers_first():
    architecture = lpusim.load_model("deepseek-v3").architecture
    assert architecture.layer_group == [0] * 3 + [1] * 58
    assert [g.ffn.name for g in architecture.groups] == ["dense", "moe"]
    assert architecture.groups[1].attention.cache_elements == 576


def test_a_config_loads_alike_as_name_dict_file_and_folder(tmp_path):
    by_name = lpusim.load_model("qwen3-30b-a3b")
    folder = tmp_path / "my-qwen"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(dict(by_name.config)))
    loaded = [
        lpusim.load_model(dict(by_name.config)),
        lpusim.load_model(folder),
        lpusim.load_model(str(folder / "config.json")),
    ]
    assert {m.total_parameters for m in loaded} == {by_name.total_parameters}
    assert loaded[1].name == loaded[2].name == "my-qwen"


def qwen(**changes):
    return {**lpusim.load_model("qwen3-30b-a3b").config, **changes}


def test_qwen3_keeps_named_and_skipped_layers_dense():
    model = lpusim.load_model(qwen(mlp_only_layers=[1, 3]))
    assert list(model.core.moe_layers) == [i for i in range(48) if i not in (1, 3)]
    model = lpusim.load_model(qwen(decoder_sparse_step=2))
    assert list(model.core.moe_layers) == list(range(1, 48, 2))


def test_a_window_counts_only_where_it_is_in_use():
    assert list(lpusim.load_model(qwen(sliding_window=4096)).core.window_layers) == []
    model = lpusim.load_model(qwen(sliding_window=4096, use_sliding_window=True, max_window_layers=46))
    assert list(model.core.window_layers) == [46, 47]
    # 46 layers grow on, two stop at 4096 tokens: 2 x 4 x 128 elements of 2 bytes a layer and token.
    assert model.state_bytes(5000) == (46 * 5000 + 2 * 4096) * 2048
    with pytest.raises(ValueError, match="2 of 48 layers stop growing at 4096 tokens"):
        model.kv_bytes_per_token()


def test_a_mistral_window_holds_for_all_layers():
    config = dict(lpusim.load_model("mistral-7b").config)
    windowed = lpusim.load_model({**config, "sliding_window": 4096})
    assert len(windowed.core.window_layers) == 32
    assert windowed.load().kv_bytes_per_token == 0
    assert windowed.load().window_kv_bytes_per_token == 131_072


def test_model_type_stands_in_for_absent_architectures():
    config = dict(lpusim.load_model("kimi-k2").config)
    del config["architectures"]
    assert lpusim.load_model(config).total_parameters == lpusim.load_model("kimi-k2").total_parameters
