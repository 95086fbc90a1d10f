"""Reads a Hugging Face `config.json` into the core's `ModelSpec`, family by family."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from typing import Any

from lpusim import _core
from lpusim._arguments import shown
from lpusim._names import unknown_name

ModelSpec = _core.model.ModelSpec


class ConfigReader:
    """Typed, checked access to one config. Every error names the file, the field and what was seen."""

    def __init__(self, config: Mapping[str, Any], where: str) -> None:
        self._config = config
        self._where = where
        self._ranges = {row["name"]: (int(row["min"]), int(row["max"])) for row in ModelSpec.fields()}

    def error(self, message: str) -> ValueError:
        """An error about this config."""
        return ValueError(f"{self._where}: {message}")

    def integer(self, name: str, spec_field: str, *, default: int | None = None) -> int:
        """The whole number `name`; absent or null means `default`, and without one is an error.

        It must be at least 1 and at most what the core's `spec_field` allows.
        """
        value = self._config.get(name)
        if value is None:
            if default is not None:
                return default
            close = difflib.get_close_matches(name, [str(key) for key in self._config], n=1, cutoff=0.8)
            hint = f"; found {close[0]!r}, which is close" if close and close[0] != name else ""
            raise self.error(f"{name!r} is missing{hint}")
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(f"{name!r} must be a whole number, got {shown(value)}")
        low, high = self._ranges[spec_field]
        low = max(low, 1)
        if not low <= value <= high:
            raise self.error(f"{name!r} must be from {low} to {high}, got {shown(value)}")
        return value

    def optional_integer(self, name: str, spec_field: str) -> int:
        """As `integer`, with 0 for absent, null, or 0."""
        return 0 if self._config.get(name) == 0 else self.integer(name, spec_field, default=0)

    def switch(self, name: str, *, default: bool) -> int:
        """The truth value `name` as 0 or 1."""
        value = self._config.get(name, default)
        if value is None:
            value = default
        if not isinstance(value, bool):
            raise self.error(f"{name!r} must be true or false, got {shown(value)}")
        return int(value)

    def layer_list(self, name: str, layers: int) -> list[int]:
        """A list of layer indices, sorted; absent or null means none."""
        value = self._config.get(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(type(i) is int and 0 <= i < layers for i in value):
            raise self.error(f"{name!r} must be a list of layers from 0 to {layers - 1}, got {shown(value)}")
        return sorted(set(value))

    def require_silu(self) -> None:
        """Gated FFNs with SiLU are what the operators describe; refuse anything else."""
        activation = self._config.get("hidden_act", "silu")
        if activation != "silu":
            raise self.error(f"'hidden_act' must be 'silu', got {shown(activation)}")


def read_spec(config: Mapping[str, Any], where: str) -> Any:
    """The `ModelSpec` of a config.

    Raises:
        ValueError: The config is no language model, of a family that is not supported, or has a field that is
            missing or out of range.
    """
    reader = ConfigReader(config, where)
    for name, value in config.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise reader.error(f"{name!r} must be a finite number, got {value!r}")
    build = _FAMILIES[_family(config, reader)]
    reader.require_silu()
    spec = ModelSpec()
    _read_common(reader, spec)
    build(reader, spec)
    try:
        spec.validate()
        _core.model.total_parameters(spec)
    except ValueError as error:
        raise reader.error(str(error)) from error
    return spec


def _family(config: Mapping[str, Any], reader: ConfigReader) -> str:
    architectures, model_type = config.get("architectures"), config.get("model_type")
    if architectures is None and model_type is None:
        raise reader.error("is no language model's config: it has neither 'architectures' nor 'model_type'")
    if isinstance(architectures, list) and architectures and isinstance(architectures[0], str):
        if architectures[0] not in _FAMILIES:
            raise reader.error(str(unknown_name("architecture", architectures[0], _FAMILIES)))
        return architectures[0]
    if architectures is not None:
        raise reader.error(f"'architectures' must be a list of names, got {shown(architectures)}")
    if not isinstance(model_type, str) or model_type not in _MODEL_TYPES:
        raise reader.error(str(unknown_name("model_type", model_type, _MODEL_TYPES)))
    return _MODEL_TYPES[model_type]


def _read_common(reader: ConfigReader, spec: Any) -> None:
    spec.layers = reader.integer("num_hidden_layers", "layers")
    spec.hidden = reader.integer("hidden_size", "hidden")
    spec.vocab = reader.integer("vocab_size", "vocab")
    spec.heads = reader.integer("num_attention_heads", "heads")
    spec.attention_bias = reader.switch("attention_bias", default=False)


def _read_grouped_query(reader: ConfigReader, spec: Any) -> None:
    spec.kv_heads = reader.integer("num_key_value_heads", "kv_heads", default=spec.heads)
    if spec.heads % spec.kv_heads != 0:
        raise reader.error(
            f"'num_attention_heads' must be a multiple of 'num_key_value_heads', "
            f"got {spec.heads} and {spec.kv_heads}"
        )
    head_dim = reader.integer("head_dim", "head_dim", default=0)
    if head_dim == 0:
        if spec.hidden % spec.heads != 0:
            raise reader.error(
                f"'hidden_size' must be a multiple of 'num_attention_heads' where 'head_dim' is absent, "
                f"got {spec.hidden} and {spec.heads}"
            )
        head_dim = spec.hidden // spec.heads
    spec.head_dim = spec.value_head_dim = head_dim


def _read_window(reader: ConfigReader, spec: Any, first_layer: int = 0) -> None:
    spec.window_tokens = reader.optional_integer("sliding_window", "window_tokens")
    if spec.window_tokens > 0:
        spec.window_layers = list(range(first_layer, spec.layers))


def _read_experts(reader: ConfigReader, spec: Any, *, count: str, width: str) -> None:
    spec.experts = reader.integer(count, "experts")
    spec.experts_per_token = reader.integer("num_experts_per_tok", "experts_per_token")
    if spec.experts_per_token > spec.experts:
        raise reader.error(
            f"'num_experts_per_tok' must be at most {count!r} = {spec.experts}, got {spec.experts_per_token}"
        )
    spec.expert_intermediate = reader.integer(width, "expert_intermediate")


def _read_llama(reader: ConfigReader, spec: Any) -> None:
    _read_grouped_query(reader, spec)
    spec.dense_intermediate = reader.integer("intermediate_size", "dense_intermediate")
    spec.tied_embeddings = reader.switch("tie_word_embeddings", default=False)
    spec.ffn_bias = reader.switch("mlp_bias", default=False)


def _read_mistral(reader: ConfigReader, spec: Any) -> None:
    _read_llama(reader, spec)
    _read_window(reader, spec)


def _read_mixtral(reader: ConfigReader, spec: Any) -> None:
    _read_grouped_query(reader, spec)
    _read_window(reader, spec)
    _read_experts(reader, spec, count="num_local_experts", width="intermediate_size")
    spec.tied_embeddings = reader.switch("tie_word_embeddings", default=False)
    spec.moe_layers = list(range(spec.layers))


def _read_qwen3(reader: ConfigReader, spec: Any) -> None:
    _read_grouped_query(reader, spec)
    spec.query_key_norms = 1
    spec.dense_intermediate = reader.integer("intermediate_size", "dense_intermediate")
    spec.tied_embeddings = reader.switch("tie_word_embeddings", default=False)
    # A bare `sliding_window` is not proof: these configs carry one together with use_sliding_window false.
    if reader.switch("use_sliding_window", default=False):
        _read_window(reader, spec, reader.optional_integer("max_window_layers", "layers"))


def _read_qwen3_moe(reader: ConfigReader, spec: Any) -> None:
    _read_qwen3(reader, spec)
    _read_experts(reader, spec, count="num_experts", width="moe_intermediate_size")
    step = reader.integer("decoder_sparse_step", "layers", default=1)
    dense = set(reader.layer_list("mlp_only_layers", spec.layers))
    spec.moe_layers = [i for i in range(spec.layers) if i not in dense and (i + 1) % step == 0]


def _read_deepseek(reader: ConfigReader, spec: Any) -> None:
    spec.kv_heads = 1
    spec.head_dim = reader.integer("qk_nope_head_dim", "head_dim")
    spec.rope_head_dim = reader.integer("qk_rope_head_dim", "rope_head_dim")
    spec.value_head_dim = reader.integer("v_head_dim", "value_head_dim")
    spec.q_lora_rank = reader.optional_integer("q_lora_rank", "q_lora_rank")
    spec.kv_lora_rank = reader.integer("kv_lora_rank", "kv_lora_rank")
    spec.dense_intermediate = reader.integer("intermediate_size", "dense_intermediate")
    spec.tied_embeddings = reader.switch("tie_word_embeddings", default=False)
    _read_experts(reader, spec, count="n_routed_experts", width="moe_intermediate_size")
    shared = reader.optional_integer("n_shared_experts", "experts")
    spec.shared_intermediate = shared * spec.expert_intermediate
    first = reader.optional_integer("first_k_dense_replace", "layers")
    step = reader.integer("moe_layer_freq", "layers", default=1)
    spec.moe_layers = [i for i in range(spec.layers) if i >= first and i % step == 0]


def _read_deepseek_v3(reader: ConfigReader, spec: Any) -> None:
    _read_deepseek(reader, spec)
    spec.router_bias = 1


_FAMILIES: dict[str, Callable[[ConfigReader, Any], None]] = {
    "LlamaForCausalLM": _read_llama,
    "MistralForCausalLM": _read_mistral,
    "MixtralForCausalLM": _read_mixtral,
    "Qwen3ForCausalLM": _read_qwen3,
    "Qwen3MoeForCausalLM": _read_qwen3_moe,
    "DeepseekV2ForCausalLM": _read_deepseek,
    "DeepseekV3ForCausalLM": _read_deepseek_v3,
}
_MODEL_TYPES = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "mixtral": "MixtralForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "qwen3_moe": "Qwen3MoeForCausalLM",
    "deepseek_v2": "DeepseekV2ForCausalLM",
    "deepseek_v3": "DeepseekV3ForCausalLM",
    "kimi_k2": "DeepseekV3ForCausalLM",
}
_QUANTISED = {"fp8": "fp8", "mxfp4": "fp4", "int8": "int8"}
_DTYPES = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}


def weights_format(config: Mapping[str, Any], where: str) -> str:
    """The format the checkpoint is stored in: its quantisation, else its dtype, else bf16.

    The declared dtype stays bfloat16 in quantised checkpoints, so quantisation is looked at first.
    """
    quantisation = config.get("quantization_config")
    if quantisation is not None:
        if not isinstance(quantisation, Mapping):
            raise ValueError(f"{where}: 'quantization_config' must be an object, got {shown(quantisation)}")
        method = quantisation.get("quant_method")
        if not isinstance(method, str) or method not in _QUANTISED:
            raise ValueError(
                f"{where}: {unknown_name('quantization_config.quant_method', method, _QUANTISED)}; "
                "remove 'quantization_config' and name the weight format where you use the model"
            )
        return _QUANTISED[method]
    dtype = config.get("torch_dtype", config.get("dtype")) or "bfloat16"
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise ValueError(f"{where}: {unknown_name('torch_dtype', dtype, _DTYPES)}")
    return _DTYPES[dtype]
