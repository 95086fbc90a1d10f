"""Routers: which experts each token uses, and with which weights."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpusim import _core
from lpusim._arguments import finite_number, shown, whole_number
from lpusim._moe_config import router_fields_of
from lpusim._moe_types import EXPERTS_MAX, Routing, member, read_only


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSpec:
    """One router: `experts_per_token` of `experts` by score, ties to the lower expert id.

    Attributes:
        experts: Routed experts of the layer.
        experts_per_token: Experts chosen for each token.
        score: "softmax" over all experts of a token, or "sigmoid" of each (it alone may carry a bias).
        groups: Equal ranges of consecutive experts.
        groups_kept: Groups from which experts may be chosen.
        group_score: How groups rank: "top2_sum" (DeepSeek-V3) or "max" (DeepSeek-V2).
        renormalise: Whether weights are divided by their sum over the chosen experts, before scaling.
        scale: Factor on every weight.

    Raises:
        ValueError: A field is out of range, or two contradict each other.

    Source:
        `DeepseekV3TopkRouter` and `MixtralSparseMoeBlock` of huggingface/transformers.

    Examples:
        >>> from lpusim.moe import RouterSpec
        >>> RouterSpec(experts=8, experts_per_token=2).score
        'softmax'
    """

    experts: int
    experts_per_token: int
    score: str = "softmax"
    groups: int = 1
    groups_kept: int = 1
    group_score: str = "top2_sum"
    renormalise: bool = True
    scale: float = 1.0

    def __post_init__(self) -> None:
        # Not from the cache: 8.0 equals 8, and would be taken for it.
        _native_router.__wrapped__(self)

    @classmethod
    def for_model(cls, ref: Any) -> RouterSpec:
        """The router of a model.

        Args:
            ref: A `Model`, what `load_model` accepts (a preset name, a path), or a `config.json` as a dict.

        Returns:
            The model's `RouterSpec`. A selection bias (DeepSeek-V3 and its kin) is a weight, not part of it.

        Raises:
            ValueError: The model has no routed experts, its router is of a family not covered yet, or its
                configuration lacks a field.

        Examples:
            >>> from lpusim.moe import RouterSpec
            >>> RouterSpec.for_model(
            ...     {"model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2}
            ... )
            RouterSpec(experts=8, experts_per_token=2, score='softmax', groups=1, groups_kept=1, \
group_score='top2_sum', renormalise=True, scale=1.0)
        """
        return cls(**router_fields_of(ref))


@functools.lru_cache(maxsize=256)
def _native_router(spec: RouterSpec) -> _core.moe.RouterSpec:
    native = _core.moe.RouterSpec()
    for field in fields(spec):
        value = getattr(spec, field.name)
        if field.name == "score":
            value = member("router score", _core.moe.Score, value)
        elif field.name == "group_score":
            value = member("group score", _core.moe.GroupScore, value)
        elif field.name == "renormalise":
            if not isinstance(value, bool):
                raise TypeError(f"RouterSpec: renormalise must be True or False, got {shown(value)}")
        elif field.name == "scale":
            value = finite_number("RouterSpec: scale", value)
        else:
            value = whole_number(f"RouterSpec: {field.name}", value, 1, EXPERTS_MAX)
        setattr(native, field.name, value)
    native.validate()
    return native


def _float_array(name: str, array: Any, dimensions: int) -> NDArray[np.float32]:
    if not isinstance(array, np.ndarray) or array.dtype != np.float32:
        seen = f"an array of {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
        raise TypeError(
            f"{name} must be a NumPy array of float32, got {seen}; convert it with .astype('float32')"
        )
    if array.ndim != dimensions:
        raise ValueError(f"{name} must have {dimensions} dimensions, got shape {array.shape}")
    if not array.flags.c_contiguous:
        raise ValueError(f"{name} must be C-contiguous (rows in order); pass numpy.ascontiguousarray({name})")
    return array


_NO_BIAS = np.empty(0, dtype=np.float32)


def route(logits: NDArray[np.float32], spec: RouterSpec, bias: NDArray[np.float32] | None = None) -> Routing:
    """Choose experts and weights for each token.

    Scores are computed in float64 and a weight is rounded to float32 once. A row depends on no other row.

    Args:
        logits: Router logits, shape `(tokens, experts)`, float32, C-contiguous, finite. Read without a copy.
        spec: The router.
        bias: Shape `(experts,)`, float32, added to sigmoid scores for selection only; never part of a weight.

    Returns:
        `Routing` with `ids` and `weights` of shape `(tokens, experts_per_token)`, best expert first.

    Raises:
        TypeError: `logits` or `bias` is not an array of float32.
        ValueError: A shape is wrong, a value is NaN or infinite (the message names token and expert), or a
            bias is given for a softmax router.

    Examples:
        >>> import numpy as np
        >>> from lpusim.moe import RouterSpec, route
        >>> logits = np.log(np.array([[1, 3, 1, 1]], dtype=np.float32))
        >>> routing = route(logits, RouterSpec(experts=4, experts_per_token=2))
        >>> routing.ids.tolist(), routing.weights.tolist()
        ([[1, 0]], [[0.75, 0.25]])
    """
    logits = _float_array("logits", logits, 2)
    bias = _NO_BIAS if bias is None else _float_array("bias", bias, 1)
    ids, weights = _core.moe.route(_native_router(spec), logits, bias)
    return Routing(read_only(ids), read_only(weights))
