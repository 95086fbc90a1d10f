"""Builders of `lpusim.chip` for attention and the keys and values it reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lpusim import _core
from lpusim._arguments import whole_number
from lpusim._chip_build import SIZE_MAX, program_of, spec_core

if TYPE_CHECKING:
    from lpusim.chip import ChipSpec, Program


@dataclass(frozen=True)
class AttentionPlan:
    """How long `attention` takes, and what no schedule can beat.

    Attributes:
        cycles: Of the whole program, exactly.
        stream_bound_cycles: Keys and values seen, over what all streams carry in a cycle.
        mxm_bound_cycles: Activations over what the MXM takes: one a query head, tile of keys and part of a
            head that fits the lanes, each for `mxm_fp16_cycles` in one of two pairs of planes.
        tile_keys: Keys of a tile; sums over keys are rounded once a tile.
        k_step_lanes: Dims of a score that are summed before it is rounded.
    """

    cycles: int
    stream_bound_cycles: int
    mxm_bound_cycles: int
    tile_keys: int
    k_step_lanes: int

    @property
    def bound(self) -> str:
        """What takes longer: "streams" or "mxm"."""
        return "streams" if self.stream_bound_cycles > self.mxm_bound_cycles else "mxm"

    @property
    def utilisation(self) -> float:
        """Of what bounds it."""
        return max(self.stream_bound_cycles, self.mxm_bound_cycles) / self.cycles


def _attention_arguments(
    spec: ChipSpec,
    queries: int,
    context: int,
    heads: int,
    kv_heads: int | None,
    qk_dim: int,
    v_dim: int | None,
    causal: bool,
    scale: float | None,
    output: str,
    capacity: int | None,
) -> dict[str, Any]:
    sizes = {
        "queries": queries,
        "context": context,
        "heads": heads,
        "kv_heads": heads if kv_heads is None else kv_heads,
        "qk_dim": qk_dim,
        "v_dim": qk_dim if v_dim is None else v_dim,
        "capacity": context if capacity is None else capacity,
    }
    return {
        "spec": spec_core(spec),
        **{name: whole_number(name, size, 1, SIZE_MAX) for name, size in sizes.items()},
        "causal": bool(causal),
        "scale": None if scale is None else float(scale),
        "output": output,
    }


def attention(
    spec: ChipSpec,
    *,
    queries: int,
    context: int,
    heads: int,
    kv_heads: int | None = None,
    qk_dim: int,
    v_dim: int | None = None,
    causal: bool = True,
    scale: float | None = None,
    output: str = "fp16",
    capacity: int | None = None,
) -> Program:
    """Softmax attention over keys and values in SRAM as a legal schedule, fp16 in.

    The queries are the last tokens of the context: decode is `queries=1`, prefill `queries=context`. Tensors
    are "q" of shape `(queries * heads, qk_dim)`, query by query, the cache "k"
    `(capacity, kv_heads * qk_dim)` and "v" `(capacity, kv_heads * v_dim)`, and "out"
    `(queries * heads, v_dim)`. Absorbed multi-head latent attention is `kv_heads=1, qk_dim=576, v_dim=512`.

    Scores are summed exactly and rounded once to fp32 (once for each `k_step_lanes` dims), probabilities are
    rounded to fp16, outputs are summed exactly and rounded to fp32 once a tile of keys. A row depends on
    nothing but its query and the keys it sees: prefill gives the bits that decode gives token by token. The
    result is within `(2**-9 + context * 2**-24) * abs(v).max()` of exact softmax of the scores.

    Keys and values are weights of the MXM, the heads dealt to both hemispheres; while one tile is in use the
    next one loads. `plan_attention` says how many cycles that takes and what bounds them.

    Args:
        spec: The chip.
        queries: Query tokens.
        context: Tokens to attend to, the queries' own included.
        heads: Query heads.
        kv_heads: Heads of keys and values, a divisor of `heads`; by default as many.
        qk_dim: Length of a head's query and key.
        v_dim: Length of a head's value; by default `qk_dim`.
        causal: Whether a query sees only itself and what is before it.
        scale: Of the scores; by default `qk_dim**-0.5`.
        output: "fp16" or "fp32".
        capacity: Tokens the cache has room for; by default `context`. Rows from `context` on are not looked
            at but must be finite.

    Raises:
        ValueError: Heads that are no multiple of `kv_heads`, more causal queries than context, a context
            beyond the capacity, or a chip without what it takes.
        lpusim.CapacityError: The cache, or queries with their scores, do not fit in SRAM.

    Examples:
        >>> import numpy as np
        >>> from lpusim.chip import ChipSpec, run
        >>> spec = ChipSpec()
        >>> program = attention(spec, queries=1, context=3, heads=2, qk_dim=4)
        >>> q = np.zeros((2, 4), np.float16)  # equal scores
        >>> k = np.ones((3, 8), np.float16)
        >>> v = np.arange(24, dtype=np.float16).reshape(3, 8)
        >>> run(program, spec, {"q": q, "k": k, "v": v}).outputs["out"]
        array([[ 8.,  9., 10., 11.],
               [12., 13., 14., 15.]], dtype=float16)
    """
    return program_of(
        _core.chip.attention(
            **_attention_arguments(
                spec, queries, context, heads, kv_heads, qk_dim, v_dim, causal, scale, output, capacity
            )
        )
    )


def plan_attention(
    spec: ChipSpec,
    *,
    queries: int,
    context: int,
    heads: int,
    kv_heads: int | None = None,
    qk_dim: int,
    v_dim: int | None = None,
    causal: bool = True,
    scale: float | None = None,
    output: str = "fp16",
    capacity: int | None = None,
) -> AttentionPlan:
    """Cycles of `attention` and its bounds, without making the program. Arguments and errors as there.

    Examples:
        >>> from lpusim.chip import ChipSpec, verify
        >>> plan = plan_attention(ChipSpec(), queries=1, context=4096, heads=32, qk_dim=128)
        >>> plan.bound, plan.cycles == verify(
        ...     attention(ChipSpec(), queries=1, context=4096, heads=32, qk_dim=128), ChipSpec()
        ... ).cycles
        ('streams', True)
    """
    return AttentionPlan(
        **_core.chip.plan_attention(
            **_attention_arguments(
                spec, queries, context, heads, kv_heads, qk_dim, v_dim, causal, scale, output, capacity
            )
        )
    )


def kv_append(
    spec: ChipSpec,
    *,
    capacity: int,
    kv_heads: int,
    qk_dim: int,
    v_dim: int | None = None,
    position: int,
    tokens: int = 1,
) -> Program:
    """New keys and values added to the cache that `attention` reads, as a legal schedule.

    Tensors are "k_new" `(tokens, kv_heads * qk_dim)` and "v_new" `(tokens, kv_heads * v_dim)`, the cache "k"
    and "v" as in `attention` of the same capacity, and the cache afterwards, "k_after" and "v_after", all
    fp16. A key goes to its place as it is. A value, stored transposed, changes one lane of `v_dim` vectors:
    the MXM turns it, and each stored vector is read, joined and written back, a vector a cycle in each
    hemisphere, so about `kv_heads * v_dim / 2` cycles whatever the context. All bits are kept.

    Args:
        spec: The chip.
        capacity: Tokens the cache has room for.
        kv_heads: Heads of keys and values.
        qk_dim: Length of a head's key.
        v_dim: Length of a head's value; by default `qk_dim`.
        position: Of the first new token. The new places must never have been written.
        tokens: How many, side by side.

    Raises:
        ValueError: Tokens outside the capacity.
        lpusim.CapacityError: The cache, or the new tokens, do not fit in SRAM.

    Examples:
        >>> import numpy as np
        >>> from lpusim.chip import ChipSpec, run
        >>> spec = ChipSpec()
        >>> program = kv_append(spec, capacity=4, kv_heads=1, qk_dim=2, position=1)
        >>> empty = np.zeros((4, 2), np.float16)
        >>> new = np.array([[3, 5]], np.float16)
        >>> run(program, spec, {"k_new": new, "v_new": new, "k": empty, "v": empty}).outputs["v_after"]
        array([[0., 0.],
               [3., 5.],
               [0., 0.],
               [0., 0.]], dtype=float16)
    """
    return program_of(
        _core.chip.kv_append(
            spec_core(spec),
            capacity=whole_number("capacity", capacity, 1, SIZE_MAX),
            kv_heads=whole_number("kv_heads", kv_heads, 1, SIZE_MAX),
            qk_dim=whole_number("qk_dim", qk_dim, 1, SIZE_MAX),
            v_dim=whole_number("v_dim", qk_dim if v_dim is None else v_dim, 1, SIZE_MAX),
            position=whole_number("position", position, 0, SIZE_MAX),
            tokens=whole_number("tokens", tokens, 1, SIZE_MAX),
        )
    )
