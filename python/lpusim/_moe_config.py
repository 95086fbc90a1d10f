"""Which router a model has, read from its configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lpusim._arguments import finite_number, shown, whole_number

_Config = Mapping[str, Any]
_Fields = dict[str, Any]


def _get(config: _Config, *names: str) -> Any:
    for name in names:
        if config.get(name) is not None:
            return config[name]
    raise ValueError(f"config of model_type {shown(config.get('model_type'))} lacks {' or '.join(names)}")


def _count(config: _Config, *names: str, at_least: int = 1) -> int:
    value = _get(config, *names)
    if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
        raise ValueError(
            f"config: {' or '.join(names)} must be an integer of at least {at_least}, got {shown(value)}"
        )
    return value


def _optional_count(config: _Config, *names: str) -> int:
    known = [name for name in names if config.get(name) is not None]
    return _count(config, *known, at_least=0) if known else 0


def _number(config: _Config, name: str, default: float) -> float:
    value = config.get(name)
    return default if value is None else finite_number(f"config: {name}", value)


def _choice(config: _Config, experts: str = "", chosen: str = "") -> _Fields:
    """Fields that every family has, under the names most families use."""
    return {
        "experts": _count(
            config, *([experts] if experts else ["num_local_experts", "num_experts", "n_routed_experts"])
        ),
        "experts_per_token": _count(config, chosen or "num_experts_per_tok"),
        "shared_experts": _optional_count(
            config, "n_shared_experts", "num_shared_experts", "num_shared_expert"
        ),
    }


def _renormalised(config: _Config, layer: int | None) -> _Fields:
    """Softmax over all, then over the chosen."""
    return _choice(config)


def _qwen(config: _Config, layer: int | None) -> _Fields:
    fields = _choice(config) | {"renormalise": bool(config.get("norm_topk_prob", False))}
    if _optional_count(config, "shared_expert_intermediate_size"):
        fields["shared_experts"] = 1
    return fields


def _not_renormalised(config: _Config, layer: int | None) -> _Fields:
    return _choice(config) | {"renormalise": False}


def _after_topk(config: _Config, layer: int | None) -> _Fields:
    return _choice(config) | {"score": "softmax_after_topk"}


def _dbrx(config: _Config, layer: int | None) -> _Fields:
    ffn = _get(config, "ffn_config")
    if not isinstance(ffn, Mapping):
        raise ValueError(f"config: ffn_config must be an object, got {type(ffn).__name__}")
    power = ffn.get("moe_normalize_expert_weights", 1.0)
    fields: _Fields = _choice(ffn, experts="moe_num_experts", chosen="moe_top_k")
    if power is None:
        return fields | {"renormalise": False}
    return fields | {"norm_power": finite_number("config: moe_normalize_expert_weights", power)}


def _hunyuan(config: _Config, layer: int | None) -> _Fields:
    """Softmax, then over the chosen; the counts may be lists with an entry a layer."""
    plain = dict(config)
    for name in ("num_experts", "moe_topk", "num_shared_expert"):
        if isinstance(config.get(name), list):
            plain[name] = _of_layer(config[name], layer, name)
    return _choice(plain, chosen="moe_topk")


def _of_layer(values: list[Any], layer: int | None, name: str) -> Any:
    if layer is None:
        if any(value != values[0] for value in values[1:]) or not values:
            raise ValueError(f"config: {name} differs between layers; say which with layer=")
        return values[0]
    return values[whole_number("layer", layer, 0, len(values) - 1)]


def _llama4(config: _Config, layer: int | None) -> _Fields:
    return _choice(config) | {
        "score": "sigmoid_after_topk",
        "renormalise": False,
        "scales_input": True,
        "shared_experts": 1,
    }


def _sparsemixer(config: _Config, layer: int | None) -> _Fields:
    return _choice(config) | {
        "score": "sparsemixer",
        "renormalise": False,
        "mixer_epsilon": _number(config, "router_jitter_noise", 0.01),
    }


def _deepseek_v2(config: _Config, layer: int | None) -> _Fields:
    limited = config.get("topk_method") == "group_limited_greedy"
    renormalise = bool(config.get("norm_topk_prob", False))
    return _choice(config) | {
        "groups": _count(config, "n_group") if limited else 1,
        "groups_kept": _count(config, "topk_group") if limited else 1,
        "group_score": "max",
        "renormalise": renormalise,
        # DeepSeek-V2's gate scales only weights that it does not renormalise.
        "scale": 1.0 if renormalise else _number(config, "routed_scaling_factor", 1.0),
    }


def _sigmoid(config: _Config, layer: int | None) -> _Fields:
    """DeepSeek-V3 and its kin: a bias, which is a weight and no part of this, decides who is chosen."""
    return _choice(config) | {
        "score": "sigmoid",
        "groups": _count(config, "n_group") if config.get("n_group") else 1,
        "groups_kept": _count(config, "topk_group") if config.get("n_group") else 1,
        "group_score": "top2_sum",
        "renormalise": bool(config.get("norm_topk_prob", True)),
        "scale": _number(config, "routed_scaling_factor", 1.0),
        "latent_width": _optional_count(config, "moe_latent_size"),
    }


def _step(config: _Config, layer: int | None) -> _Fields:
    return _choice(config, *_step_names(config)) | {
        "score": "sigmoid",
        "scale": _number(config, "moe_router_scaling_factor", 1.0),
        "shared_experts": 1 if _optional_count(config, "share_expert_dim", "share_expert_dims") else 0,
    }


def _step_names(config: _Config) -> tuple[str, str]:
    """Its published names, or those of transformers."""
    return (
        "moe_num_experts" if "moe_num_experts" in config else "n_routed_experts",
        "moe_top_k" if "moe_top_k" in config else "num_experts_per_tok",
    )


def _deepseek_v4(config: _Config, layer: int | None) -> _Fields:
    fields = _choice(config, experts="n_routed_experts") | {
        "score": "sqrt_softplus",
        "renormalise": bool(config.get("norm_topk_prob", True)),
        "scale": _number(config, "routed_scaling_factor", 1.0),
    }
    if layer is None:
        return fields
    layers = _count(config, "num_hidden_layers")
    layer = whole_number("layer", layer, 0, layers - 1)
    kinds = config.get("mlp_layer_types")
    if isinstance(kinds, list) and layer < len(kinds):
        hashed = kinds[layer] == "hash_moe"
    else:
        hashed = layer < _optional_count(config, "num_hash_layers")
    return fields | ({"selection": "token_table"} if hashed else {})


_FAMILIES: dict[str, Callable[[_Config, int | None], _Fields]] = {
    "mixtral": _renormalised,
    "minimax": _renormalised,
    "qwen2_moe": _qwen,
    "qwen3_moe": _qwen,
    "qwen3_next": _qwen,
    "olmoe": _qwen,
    "grok-1": _not_renormalised,
    "dbrx": _dbrx,
    "hunyuan_v1_moe": _hunyuan,
    "hunyuan": _hunyuan,
    "granitemoe": _after_topk,
    "jetmoe": _after_topk,
    "gpt_oss": _after_topk,
    "llama4": _llama4,
    "llama4_text": _llama4,
    "phimoe": _sparsemixer,
    "deepseek_v2": _deepseek_v2,
    "deepseek_v3": _sigmoid,
    "deepseek_v32": _sigmoid,
    "deepseek_v4": _deepseek_v4,
    "kimi_k2": _sigmoid,
    "glm4_moe": _sigmoid,
    "glm_moe_dsa": _sigmoid,
    "minimax_m2": _sigmoid,
    "mimo_v2_flash": _sigmoid,
    "nemotron_h": _sigmoid,
    "step3p5": _step,
    "step3p7": _step,
}


def router_fields_of(ref: Any, layer: int | None = None) -> _Fields:
    """The fields of `RouterSpec` for a layer of a model, its configuration, or a reference to either.

    Raises:
        TypeError: `layer` is no whole number.
        ValueError: No routed experts, a router family that is not covered, a missing or a wrong field, or a
            layer that the model does not have.
    """
    config = ref if isinstance(ref, Mapping) else _config_of(ref)
    if isinstance(config.get("text_config"), Mapping):
        inner = config["text_config"]
        config = dict(inner) | {"model_type": inner.get("model_type", config.get("model_type"))}
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in _FAMILIES:
        raise ValueError(
            f"model_type {shown(kind)} has no router that is covered here; covered are {', '.join(_FAMILIES)}"
        )
    return _FAMILIES[kind](config, layer)


def _config_of(ref: Any) -> _Config:
    if not hasattr(ref, "config"):
        from lpusim._model import load_model

        ref = load_model(ref)
    config = ref.config
    if not isinstance(config, Mapping):
        raise TypeError(f"a model's config must be a mapping, got {type(config).__name__}")
    return config
