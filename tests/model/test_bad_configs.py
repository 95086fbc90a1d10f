"""Configs that cannot be right are refused with file and field."""

import json
import math

import pytest

import lpusim


def llama(**changes):
    return {**lpusim.load_model("llama-3.1-8b").config, **changes}


def without(*names):
    return {k: v for k, v in llama().items() if k not in names}


def deepseek(**changes):
    return {**lpusim.load_model("deepseek-v3").config, **changes}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (llama(hidden_size=0), "'hidden_size' must be from 1 to 1048576, got 0"),
        (llama(hidden_size=-4096), "'hidden_size' must be from 1 to 1048576, got -4096"),
        (llama(hidden_size=10**12), "'hidden_size' must be from 1 to 1048576, got 1000000000000"),
        (llama(hidden_size=10**400), "got a number of more than 30 digits"),
        (llama(hidden_size=math.nan), "'hidden_size' must be a finite number, got nan"),
        (llama(hidden_size=4096.0), "'hidden_size' must be a whole number, got 4096.0"),
        (llama(hidden_size="4096"), "'hidden_size' must be a whole number, got '4096'"),
        (llama(hidden_size=True), "'hidden_size' must be a whole number, got True"),
        (llama(hidden_size=4097), "'hidden_size' must be a multiple of 'num_attention_heads'"),
        (llama(num_key_value_heads=5), "must be a multiple of 'num_key_value_heads', got 32 and 5"),
        (llama(num_hidden_layers=5000), "'num_hidden_layers' must be from 1 to 4096, got 5000"),
        (llama(tie_word_embeddings="no"), "'tie_word_embeddings' must be true or false, got 'no'"),
        (llama(hidden_act="gelu"), "'hidden_act' must be 'silu', got 'gelu'"),
        (llama(rope_theta=math.inf), "'rope_theta' must be a finite number, got inf"),
        (llama(torch_dtype="float17"), "unknown torch_dtype 'float17'; did you mean 'float16'"),
        (
            llama(quantization_config={"quant_method": "awq"}),
            "unknown quantization_config.quant_method 'awq'",
        ),
        (without("hidden_size"), "'hidden_size' is missing"),
        ({**without("hidden_size"), "hiden_size": 4096}, "'hidden_size' is missing; found 'hiden_size'"),
        (llama(quantization_config=5), "'quantization_config' must be an object, got 5"),
        (llama(quantization_config={"quant_method": ["fp8"]}), "unknown quantization_config.quant_method"),
        (llama(architectures=["A" * 10_000]), r"unknown architecture 'A{79}\.\.\.\. Known"),
        ({**without("architectures"), "model_type": ["llama"]}, r"unknown model_type \['llama'\]"),
        (without("architectures", "model_type"), "is no language model's config"),
        ({}, "is no language model's config"),
        (llama(architectures=["LLamaForCausalLM"]), "did you mean 'LlamaForCausalLM'"),
        (llama(architectures=["MambaForCausalLM"]), "unknown architecture 'MambaForCausalLM'.*Known: Deep"),
        (llama(architectures="LlamaForCausalLM"), "'architectures' must be a list of names"),
        ({**without("architectures"), "model_type": "resnet"}, "unknown model_type 'resnet'"),
        (deepseek(num_experts_per_tok=257), "must be at most 'n_routed_experts' = 256, got 257"),
        (deepseek(kv_lora_rank=0), "'kv_lora_rank' must be from 1"),
        (deepseek(moe_intermediate_size=None), "'moe_intermediate_size' is missing"),
        (deepseek(n_routed_experts=65536, moe_intermediate_size=4194304, hidden_size=1048576), "overflows"),
    ],
)
def test_a_wrong_field_is_refused_by_name(config, message):
    with pytest.raises(ValueError, match=message) as caught:
        lpusim.load_model(config)
    assert str(caught.value).startswith("config given as a dict: ")


def test_the_file_is_named(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(llama(vocab_size=-1)))
    with pytest.raises(ValueError, match="'vocab_size' must be from 1 to 67108864, got -1") as caught:
        lpusim.load_model(tmp_path)
    assert str(path) in str(caught.value)


def test_a_folder_without_a_config_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"the folder holds no config\.json"):
        lpusim.load_model(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b"\x00\xff", "is not UTF-8"),
        (b"3", "expected a table"),
        (b"{" * 9, "is not JSON"),
    ],
)
def test_a_file_that_is_no_config_is_refused(tmp_path, content, message):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        lpusim.load_model(tmp_path / "config.json")


def test_an_unknown_preset_names_the_nearest():
    with pytest.raises(ValueError, match=r"unknown model preset 'deepsek-v3'; did you mean 'deepseek-v3'"):
        lpusim.load_model("deepsek-v3")
    with pytest.raises(ValueError, match=r"'llama-3.1-8b'"):
        lpusim.load_model("meta-llama/Llama-3.1-8B")


def test_something_that_is_no_reference_is_a_type_error():
    with pytest.raises(TypeError, match="expected a name, a path or a dict, got int"):
        lpusim.load_model(3)


@pytest.mark.parametrize(("context", "error"), [(-1, ValueError), (1 << 41, ValueError), (1.5, TypeError)])
def test_an_impossible_context_is_refused(context, error):
    with pytest.raises(error, match="context must be"):
        lpusim.load_model("llama-3.1-8b").state_bytes(context)


def test_an_unknown_number_format_names_the_known_ones():
    with pytest.raises(
        ValueError, match="unknown number format 'fp6'; known: fp32, fp16, bf16, fp8, int8, fp4"
    ):
        lpusim.load_model("llama-3.1-8b").load(weights="fp6")
