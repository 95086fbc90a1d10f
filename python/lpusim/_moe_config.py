"""Which router a model has, read from its configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lpusim._arguments import finite_number, shown

_Config = Mapping[str, Any]


def _get(config: _Config, *names: str) -> Any:
    for name in names:
        if config.get(name) is not None:
            return config[name]
    raise ValueError(f"config of model_type {shown(config.get('model_type'))} lacks {' or '.join(names)}")


def _count(config: _Config, *names: str) -> int:
    value = _get(config, *names)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"config: {' or '.join(names)} must be an integer of at least 1, got {shown(value)}")
    return value


def _scale(config: _Config) -> float:
    value = config.get("routed_scaling_factor")
    return 1.0 if value is None else finite_number("config: routed_scaling_factor", value)


def _softmax(config: _Config, *, renormalise: bool) -> dict[str, Any]:
    return {
        "experts": _count(config, "num_local_experts", "num_experts"),
        "experts_per_token": _count(config, "num_experts_per_tok"),
        "renormalise": renormalise,
    }


def _qwen(config: _Config) -> dict[str, Any]:
    return _softmax(config, renormalise=bool(config.get("norm_topk_prob", False)))


def _renormalised(config: _Config) -> dict[str, Any]:
    """Softmax over all then renormalised equals softmax over the chosen logits."""
    return _softmax(config, renormalise=True)


def _dbrx(config: _Config) -> dict[str, Any]:
    ffn = _get(config, "ffn_config")
    if not isinstance(ffn, Mapping):
        raise ValueError(f"config: ffn_config must be an object, got {type(ffn).__name__}")
    power = ffn.get("moe_normalize_expert_weights", 1)
    if power not in (1, None):
        raise ValueError(f"config: moe_normalize_expert_weights must be 1 or null, got {power!r}")
    return {
        "experts": _count(ffn, "moe_num_experts"),
        "experts_per_token": _count(ffn, "moe_top_k"),
        "renormalise": power == 1,
    }


def _deepseek_v2(config: _Config) -> dict[str, Any]:
    limited = config.get("topk_method") == "group_limited_greedy"
    renormalise = bool(config.get("norm_topk_prob", False))
    return {
        "experts": _count(config, "n_routed_experts"),
        "experts_per_token": _count(config, "num_experts_per_tok"),
        "groups": _count(config, "n_group") if limited else 1,
        "groups_kept": _count(config, "topk_group") if limited else 1,
        "group_score": "max",
        "renormalise": renormalise,
        # DeepseekV2's gate scales only weights that it does not renormalise.
        "scale": 1.0 if renormalise else _scale(config),
    }


def _deepseek_v3(config: _Config) -> dict[str, Any]:
    return {
        "experts": _count(config, "n_routed_experts"),
        "experts_per_token": _count(config, "num_experts_per_tok"),
        "score": "sigmoid",
        "groups": _count(config, "n_group") if config.get("n_group") else 1,
        "groups_kept": _count(config, "topk_group") if config.get("n_group") else 1,
        "group_score": "top2_sum",
        "renormalise": bool(config.get("norm_topk_prob", True)),
        "scale": _scale(config),
    }


_FAMILIES: dict[str, Callable[[_Config], dict[str, Any]]] = {
    "mixtral": _renormalised,
    "gpt_oss": _renormalised,
    "granitemoe": _renormalised,
    "qwen2_moe": _qwen,
    "qwen3_moe": _qwen,
    "olmoe": _qwen,
    "dbrx": _dbrx,
    "deepseek_v2": _deepseek_v2,
    "deepseek_v3": _deepseek_v3,
    "kimi_k2": _deepseek_v3,
    "glm4_moe": _deepseek_v3,
}


def router_fields_of(ref: Any) -> dict[str, Any]:
    """The fields of `RouterSpec` for a model, its configuration, or a reference to either.

    Raises:
        ValueError: No routed experts, a router family that is not covered, or a missing field.
    """
    config = ref if isinstance(ref, Mapping) else _config_of(ref)
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in _FAMILIES:
        raise ValueError(
            f"model_type {shown(kind)} has no router that is covered here; covered are {', '.join(_FAMILIES)}"
        )
    return _FAMILIES[kind](config)


def _config_of(ref: Any) -> _Config:
    if not hasattr(ref, "config"):
        from lpusim._model import load_model

        ref = load_model(ref)
    config = ref.config
    if not isinstance(config, Mapping):
        raise TypeError(f"a model's config must be a mapping, got {type(config).__name__}")
    return config
