"""Routers: which experts each token uses, and with which weights."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpusim import _core
from lpusim._arguments import finite_number, shown, whole_number
from lpusim._moe_config import router_fields_of
from lpusim._moe_types import EXPERTS_MAX, Routing, member, read_only

_CHOICES = {
    "score": ("router score", _core.moe.Score),
    "selection": ("selection", _core.moe.Selection),
    "group_score": ("group score", _core.moe.GroupScore),
    "dropped_groups": ("treatment of dropped groups", _core.moe.DroppedGroups),
    "score_type": ("score type", _core.moe.ScoreType),
}
_SWITCHES = ("renormalise", "scales_input")
_NUMBERS = ("scale", "norm_power", "mixer_epsilon")
_WIDTH_MAX = 1 << 24


class _WithNative:
    """Room for the core's form of a spec, which is no field: it follows from the fields."""

    __slots__ = ("_native",)
    _native: _core.moe.RouterSpec


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RouterSpec(_WithNative):
    """One router: `experts_per_token` of `experts` by score, ties to the lower expert id.

    Attributes:
        experts: Routed experts of the layer.
        experts_per_token: Experts chosen for each token.
        score: How logits become scores: "softmax" over all experts of a token (Mixtral, Qwen-MoE, DBRX,
            DeepSeek-V2); "softmax_after_topk" over the largest logits (Granite-MoE, gpt-oss); "sigmoid"
            (DeepSeek-V3 and its kin); "sigmoid_after_topk" of the largest logits (Llama-4); "sqrt_softplus"
            (DeepSeek-V4); "sparsemixer" (Phi-3.5-MoE).
        selection: "scores" choose, or a "token_table" names the experts of a token id and scores only weigh
            (the hash layers of DeepSeek-V4).
        groups: Equal ranges of consecutive experts.
        groups_kept: Groups from which experts may be chosen.
        group_score: How groups rank: "top2_sum" (DeepSeek-V3) or "max" (DeepSeek-V2).
        dropped_groups: The score of an expert in a dropped group: "minus_infinity", or "zero", which is more
            than a negative biased score.
        renormalise: Whether weights are divided by their norm over the chosen experts, before scaling.
        norm_power: q of that norm, `(sum of w^q)^(1/q)`; 1 is the sum.
        scale: Factor on every weight.
        scales_input: Whether the weight multiplies an expert's input, not its output (Llama-4): experts are
            not linear, so that is another model.
        mixer_epsilon: "sparsemixer" masks logits further from the maximum, relatively, than twice this.
        score_type: "fp64" is the formula itself; "fp32" and "bf16" round scores, sums and weights as engines
            do: more ties, and weights that differ in their last bits. "bf16" adds biases in fp32, as
            DeepSeek's reference code.
        shared_experts: Experts that every token uses besides; they are not routed.
        latent_width: Width of the vector that is dispatched, where experts do not act on the hidden width
            (Nemotron-3-Super: 1024 of 4096); 0 is the hidden width.

    Raises:
        ValueError: A field is out of range, or two contradict each other.
        TypeError: A field is of another kind.

    Source:
        The router classes of huggingface/transformers 5.23 (tests/reference compares with each), and for bf16
        `Gate` of deepseek-ai/DeepSeek-V3 `inference/model.py`.

    Examples:
        >>> from lpusim.moe import RouterSpec
        >>> RouterSpec(experts=8, experts_per_token=2)
        RouterSpec(experts=8, experts_per_token=2)
        >>> RouterSpec(experts=8, experts_per_token=2).score
        'softmax'
    """

    experts: int
    experts_per_token: int
    score: str = "softmax"
    selection: str = "scores"
    groups: int = 1
    groups_kept: int = 1
    group_score: str = "top2_sum"
    dropped_groups: str = "minus_infinity"
    renormalise: bool = True
    norm_power: float = 1.0
    scale: float = 1.0
    scales_input: bool = False
    mixer_epsilon: float = 0.01
    score_type: str = "fp64"
    shared_experts: int = 0
    latent_width: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "_native", _native_of(self))

    def __repr__(self) -> str:
        shown_fields = (
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)
            if field.default is MISSING or getattr(self, field.name) != field.default
        )
        return f"RouterSpec({', '.join(shown_fields)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _router_spec, ({field.name: getattr(self, field.name) for field in fields(self)},)

    @classmethod
    def for_model(cls, ref: Any, *, layer: int | None = None) -> RouterSpec:
        """The router of a model.

        Args:
            ref: A `Model`, what `load_model` accepts (a preset name, a path), or a `config.json` as a dict.
            layer: Which layer, where routers differ between layers (DeepSeek-V4 routes its first layers by
                token id). None: the layers that route by score.

        Returns:
            The model's `RouterSpec`. A selection bias (DeepSeek-V3 and its kin) and the table of hash layers
            are weights, not part of it.

        Raises:
            ValueError: The model has no routed experts, its router is of a family not covered, its
                configuration lacks a field, or it has no such layer.

        Examples:
            >>> from lpusim.moe import RouterSpec
            >>> RouterSpec.for_model("kimi-k2")
            RouterSpec(experts=384, experts_per_token=8, score='sigmoid', scale=2.827, shared_experts=1)
            >>> RouterSpec.for_model(
            ...     {"model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2}
            ... )
            RouterSpec(experts=8, experts_per_token=2)
        """
        return cls(**router_fields_of(ref, layer))


def _router_spec(values: dict[str, Any]) -> RouterSpec:
    return RouterSpec(**values)


def _native_of(spec: RouterSpec) -> _core.moe.RouterSpec:
    """The core's form, validated."""
    native = _core.moe.RouterSpec()
    for field in fields(spec):
        name, value = field.name, getattr(spec, field.name)
        if name in _CHOICES:
            what, kind = _CHOICES[name]
            value = member(what, kind, value)
        elif name in _SWITCHES:
            if not isinstance(value, bool):
                raise TypeError(f"RouterSpec: {name} must be True or False, got {shown(value)}")
        elif name in _NUMBERS:
            value = finite_number(f"RouterSpec: {name}", value)
        else:
            least = 0 if field.default == 0 else 1
            value = whole_number(f"RouterSpec: {name}", value, least, max(EXPERTS_MAX, _WIDTH_MAX))
        setattr(native, name, value)
    native.validate()
    return native


def _array(name: str, array: Any, kind: type, dimensions: int) -> NDArray[Any]:
    """The array itself; nothing is converted in silence, nothing copied."""
    if not isinstance(array, np.ndarray) or array.dtype != kind:
        seen = f"an array of {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
        wanted = np.dtype(kind).name
        raise TypeError(
            f"{name} must be a NumPy array of {wanted}, got {seen}; convert it with .astype('{wanted}')"
        )
    if array.ndim != dimensions:
        raise ValueError(f"{name} must have {dimensions} dimensions, got shape {array.shape}")
    if not array.flags.c_contiguous:
        raise ValueError(f"{name} must be C-contiguous (rows in order); pass numpy.ascontiguousarray({name})")
    return array


_NO_BIAS = np.empty(0, dtype=np.float32)
_NO_IDS = np.empty(0, dtype=np.int32)


def route(
    logits: NDArray[np.float32],
    spec: RouterSpec,
    bias: NDArray[np.float32] | None = None,
    *,
    token_ids: NDArray[np.int32] | None = None,
    table: NDArray[np.int32] | None = None,
) -> Routing:
    """Choose experts and weights for each token.

    Scores are computed in float64 and a weight is rounded to float32 once, unless `score_type` says
    otherwise. Where neither a bias nor rounding enters, logits rank for their scores: the same order, and
    none is lost to rounding. A row depends on no other row; bits are equal on every machine.

    Args:
        logits: Router logits, shape `(tokens, experts)`, float32, C-contiguous, finite. Read without a copy.
        spec: The router.
        bias: Shape `(experts,)`, float32, added to scores for selection only; never part of a weight.
        token_ids: Shape `(tokens,)`, int32: which row of `table` names a token's experts. Only, and always,
            with `selection="token_table"`, as is `table`.
        table: Shape `(token ids, experts_per_token)`, int32: different experts in each row that is used.

    Returns:
        `Routing` with `ids` and `weights` of shape `(tokens, experts_per_token)`, best expert first; by a
        table, in its order.

    Raises:
        TypeError: An array is no array of its type.
        ValueError: A shape is wrong, a value is NaN or infinite (the message names token and expert), a bias
            is given for a router that cannot be steered, or a table row names no expert or one twice.

    Examples:
        >>> import numpy as np
        >>> from lpusim.moe import RouterSpec, route
        >>> logits = np.log(np.array([[1, 3, 1, 1]], dtype=np.float32))
        >>> routing = route(logits, RouterSpec(experts=4, experts_per_token=2))
        >>> routing.ids.tolist(), routing.weights.tolist()
        ([[1, 0]], [[0.75, 0.25]])
    """
    logits = _array("logits", logits, np.float32, 2)
    bias = _NO_BIAS if bias is None else _array("bias", bias, np.float32, 1)
    token_ids = _NO_IDS if token_ids is None else _array("token_ids", token_ids, np.int32, 1)
    table = _NO_IDS if table is None else _array("table", table, np.int32, 2)
    ids, weights = _core.moe.route(spec._native, logits, bias, token_ids, table)
    return Routing(read_only(ids), read_only(weights))
