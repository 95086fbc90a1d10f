"""The engine of sparse dispatch: rows to experts, what experts compute, and back, on NumPy arrays.

Every result is a function of the numbers alone: the same bits for any number of threads, instruction set,
placement and batch mates, and those of the chip's expert kernel.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpusim import _core
from lpusim._arguments import finite_number, whole_number
from lpusim._moe_plan import DispatchPlan
from lpusim._moe_types import member

Rows = NDArray[Any]

THREADS_MAX = 1024
SUM_LENGTH_MAX = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ExpertWeights:
    """The weights of a layer's experts, read where they lie. An expert computes down(activation(gate, up)).

    Attributes:
        gate: Shape `(experts, width, hidden)`, C-contiguous. float32, float16, int8, or uint8 for the bits of
            fp8 (e4m3); the other two matrices alike.
        up: Shape `(experts, width, hidden)`.
        down: Shape `(experts, hidden, width)`.
        gate_scale: float32, shape `(experts, hidden)`: what the numbers of a column count for. int8 and fp8
            only. None: 1.
        up_scale: Likewise.
        down_scale: float32, shape `(experts, width)`.
        gate_bias: float32, shape `(experts, hidden)`, added to the scaled sums. None: nothing.
        up_bias: Likewise.
        down_bias: float32, shape `(experts, width)`.
        hidden_scale: float32, shape `(experts,)`: with which hidden rows become int8 or fp8. None: each row's
            own, as `quantise` has it.

    Raises:
        TypeError: An array is none, or of another type.
        ValueError: A shape or order that does not fit the others (the message names the array), or a scale
            where weights have none.

    Examples:
        >>> import numpy as np
        >>> from lpusim.moe import ExpertWeights
        >>> up = np.ones((4, 16, 32), np.float16)
        >>> ExpertWeights(gate=up, up=up, down=np.ones((4, 32, 16), np.float16))
        ExpertWeights(fp16, experts=4, width=16, hidden=32)
    """

    gate: Rows
    up: Rows
    down: Rows
    gate_scale: Rows | None = None
    up_scale: Rows | None = None
    down_scale: Rows | None = None
    gate_bias: Rows | None = None
    up_bias: Rows | None = None
    down_bias: Rows | None = None
    hidden_scale: Rows | None = None

    def __post_init__(self) -> None:
        _core.moe.check_expert_weights(self._arrays())

    def __repr__(self) -> str:
        sizes = f"experts={self.experts}, width={self.width}, hidden={self.hidden}"
        return f"ExpertWeights({self.dtype}, {sizes})"

    @property
    def dtype(self) -> str:
        """The format of the numbers: "fp32", "fp16", "fp8" or "int8"."""
        return {"float32": "fp32", "float16": "fp16", "uint8": "fp8", "int8": "int8"}[str(self.gate.dtype)]

    @property
    def experts(self) -> int:
        """Number of experts."""
        return int(self.gate.shape[0])

    @property
    def width(self) -> int:
        """Numbers of a row, in and out."""
        return int(self.gate.shape[1])

    @property
    def hidden(self) -> int:
        """Numbers of a row between the products."""
        return int(self.gate.shape[2])

    def _arrays(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _array(name: str, value: object) -> Rows:
    if not isinstance(value, np.ndarray):
        raise TypeError(f"{name} must be a NumPy array, got {type(value).__name__}")
    return value


def _optional(name: str, value: object) -> Rows | None:
    return None if value is None else _array(name, value)


def _plan(plan: object) -> DispatchPlan:
    if not isinstance(plan, DispatchPlan):
        raise TypeError(f"plan must be a DispatchPlan, got {type(plan).__name__}")
    return plan


def _order(plan: object) -> tuple[Rows, Rows, int]:
    checked = _plan(plan)
    return checked.permutation, checked.inverse, checked.experts_per_token


def _how(out: object, threads: object, simd: object) -> dict[str, Any]:
    if simd is not None and not isinstance(simd, str):
        raise TypeError(f"simd must be a str or None, got {type(simd).__name__}")
    return {
        "out": _optional("out", out),
        "threads": whole_number("threads", threads, 1, THREADS_MAX),
        "simd": simd,
    }


def _length(sum_length: int | None) -> int | None:
    return None if sum_length is None else whole_number("sum_length", sum_length, 1, SUM_LENGTH_MAX)


def dispatch(
    x: Rows,
    plan: DispatchPlan,
    *,
    scale: Rows | None = None,
    out: Rows | None = None,
    threads: int = 1,
    simd: str | None = None,
) -> Rows:
    """Copy every token's row to the rows of its assignments: rows of one expert stand together.

    Args:
        x: Shape `(tokens, width)`, C-contiguous, any numbers.
        plan: The order, from `plan(ids, ...)`.
        scale: float32, shape `(tokens, experts_per_token)`: multiplies the copies, each product rounded once.
            For routers that weigh the input of an expert instead of its output (Llama-4); `x` is float32 or
            float16 then.
        out: Where to write, shape `(tokens * experts_per_token, width)`, of the type of `x`. None: a new
            array.
        threads: Threads that share the work. Results do not depend on it.
        simd: "portable", "avx2" or "avx512"; None: the best of this machine. Results do not depend on it.

    Returns:
        `out`: row r is `x[plan.permutation[r] // experts_per_token]`.

    Raises:
        TypeError: An argument is no array, or one of a type that cannot be.
        ValueError: A shape is not the plan's, an array is not C-contiguous, `out` is read-only or overlaps
            `x`, a scale is not finite (the message names token and slot), or the plan's permutation and
            inverse do not undo each other.

    Examples:
        >>> import numpy as np
        >>> from lpusim.moe import dispatch, plan
        >>> x = np.array([[1.0], [2.0], [3.0]], np.float32)
        >>> dispatch(x, plan([[2, 0], [0, 2], [2, 1]], experts=4)).ravel().tolist()
        [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]
    """
    return _core.moe.dispatch(
        _array("x", x), *_order(plan), scale=_optional("scale", scale), **_how(out, threads, simd)
    )


def expert_ffn(
    rows: Rows,
    plan: DispatchPlan,
    weights: ExpertWeights,
    *,
    activation: str = "swiglu",
    limit: float = 7.0,
    row_scale: Rows | None = None,
    sum_length: int | None = None,
    out: Rows | None = None,
    threads: int = 1,
    simd: str | None = None,
) -> NDArray[np.float32]:
    """Send every row through the FFN of its expert.

    A row goes through gate and up, the activation, and down; all experts at once, each with its rows. What a
    product of a row with a column is: fp32: one chain of fused multiply-adds over k in increasing order, from
    +0. int8: exact in int32. fp16 and fp8: products are summed exactly over `sum_length` of k at a time and
    rounded once to fp32, then these sums are added in increasing k, as an MXM plane and its accumulator do.
    A sum becomes ((sum * column scale) * row scale) + bias, each step rounded to fp32. The activation is
    computed in double and rounded once to fp32; the hidden row is then rounded to the type of the weights.

    Args:
        rows: Shape `(plan rows, width)`, C-contiguous, of the type of the weights; from `dispatch`.
        plan: The order of the rows.
        weights: Of as many experts as the plan has.
        activation: "swiglu": silu(gate) * up. "gpt_oss": gate * sigmoid(1.702 * gate) * (up + 1), with gate
            clamped to at most `limit` and up to [-limit, limit].
        limit: Of "gpt_oss".
        row_scale: float32, shape `(plan rows,)`: what the numbers of an int8 or fp8 row count for; send it
            with `dispatch`, as the rows. None: 1.
        sum_length: See above; default 320 for fp16 (the lanes of a plane) and all of k for fp8.
        out: float32, shape of `rows`. None: a new array.
        threads: Threads that share the work. Results do not depend on it.
        simd: "portable", "avx2" or "avx512"; None: the best of this machine. Results do not depend on it.

    Returns:
        `out`. A row depends on no other row.

    Raises:
        TypeError: An argument is no array, or one of another type.
        ValueError: A shape or order that does not fit (the message names the array), a sum longer than
            131,071 for int8, an unknown activation, or a plan with another number of experts.

    Source:
        Activations: `swiglu` in gpt_oss/torch/model.py of openai/gpt-oss; `MixtralBlockSparseTop2MLP` of
        huggingface/transformers.

    Examples:
        >>> import numpy as np
        >>> from lpusim.moe import ExpertWeights, expert_ffn, plan
        >>> ones = np.ones((2, 1, 1), np.float32)
        >>> weights = ExpertWeights(gate=ones, up=np.array([[[1]], [[10]]], np.float32), down=ones)
        >>> rows = np.array([[1], [1]], np.float32)
        >>> expert_ffn(rows, plan([[0], [1]], experts=2), weights).ravel().tolist()
        [0.7310585975646973, 7.310585975646973]
    """
    if not isinstance(weights, ExpertWeights):
        raise TypeError(f"weights must be ExpertWeights, got {type(weights).__name__}")
    return _core.moe.expert_ffn(
        _array("rows", rows),
        _plan(plan).offsets,
        weights._arrays(),
        activation=member("activation", _core.moe.Activation, activation),
        limit=finite_number("limit", limit),
        row_scale=_optional("row_scale", row_scale),
        sum_length=_length(sum_length),
        **_how(out, threads, simd),
    )


def expert_gemm(
    rows: Rows,
    plan: DispatchPlan,
    w: Rows,
    *,
    sum_length: int | None = None,
    out: Rows | None = None,
    threads: int = 1,
    simd: str | None = None,
) -> Rows:
    """Multiply every row with the matrix of its expert: the bits of `lpusim.chip.expert_gemm`.

    Args:
        rows: Shape `(plan rows, k)`; types as `expert_ffn`.
        plan: The order of the rows.
        w: Shape `(experts, k, n)`, C-contiguous, of the type of `rows`.
        sum_length: As `expert_ffn`. The lanes of a chip for that chip's bits.
        out: Shape `(plan rows, n)`, int32 for int8, else float32. None: a new array.
        threads: As `expert_ffn`.
        simd: As `expert_ffn`.

    Raises:
        TypeError: As `expert_ffn`.
        ValueError: As `expert_ffn`.

    Examples:
        >>> import numpy as np
        >>> from lpusim.moe import expert_gemm, plan
        >>> w = np.array([[[1, 2], [3, 4]], [[10, 20], [30, 40]]], np.int8)
        >>> rows = np.array([[1, 1], [1, -1]], np.int8)
        >>> expert_gemm(rows, plan([[0], [1]], experts=2), w).tolist()
        [[4, 6], [-20, -20]]
    """
    return _core.moe.expert_gemm(
        _array("rows", rows),
        _plan(plan).offsets,
        _array("w", w),
        sum_length=_length(sum_length),
        **_how(out, threads, simd),
    )


def combine(
    rows: Rows,
    plan: DispatchPlan,
    weights: Rows | None = None,
    *,
    shared: Rows | None = None,
    order: str = "slot",
    dtype: str = "float32",
    out: Rows | None = None,
    threads: int = 1,
    simd: str | None = None,
) -> Rows:
    """Add up the rows of each token, weighted: `y[t] = (w0 * r0 + w1 * r1) + w2 * r2 ... + shared[t]`.

    Every product and every sum is rounded to fp32, one after another from the left; the result is rounded
    once to `dtype`. The order decides about last bits, so it is an argument.

    Args:
        rows: Shape `(plan rows, width)`, float32 or float16, C-contiguous; from `expert_ffn`.
        plan: The order of the rows.
        weights: The router's, float32, shape `(tokens, experts_per_token)`. None: 1.
        shared: float32, shape `(tokens, width)`, added last as it is: what shared experts gave.
        order: "slot": the router's order, best expert first. "expert": by expert id.
        dtype: "float32" or "float16".
        out: Shape `(tokens, width)`, of type `dtype`. None: a new array.
        threads: Threads that share the work. Results do not depend on it.
        simd: "portable", "avx2" or "avx512"; None: the best of this machine. Results do not depend on it.

    Returns:
        `out`.

    Raises:
        TypeError: An argument is no array, or one of another type.
        ValueError: A shape is not the plan's, a weight is NaN or infinite (the message names token and slot),
            an unknown order or type, `out` is read-only or overlaps an input.

    Examples:
        >>> import numpy as np
        >>> from lpusim.moe import combine, plan
        >>> done = plan([[1, 0]], experts=2)  # rows: expert 0, expert 1
        >>> rows = np.array([[1.0], [2.0]], np.float32)
        >>> combine(rows, done, np.array([[0.75, 0.25]], np.float32)).tolist()
        [[1.75]]
    """
    if not isinstance(dtype, str):
        raise TypeError(f"dtype must be a str, got {type(dtype).__name__}")
    return _core.moe.combine(
        _array("rows", rows),
        *_order(plan),
        weights=_optional("weights", weights),
        shared=_optional("shared", shared),
        order=member("order", _core.moe.CombineOrder, order),
        dtype=dtype,
        **_how(out, threads, simd),
    )


def quantise(x: NDArray[np.float32], dtype: str = "int8") -> tuple[Rows, NDArray[np.float32]]:
    """Round rows to int8 or fp8, each with a scale of its own.

    The scale is the row's largest magnitude / 127 (fp8: / 448), rounded to fp32; a number becomes
    number * (1 / scale), factor and product rounded to fp32, then to the type, nearest even and saturating,
    as the chip's VXM does. A row whose magnitudes are all below 2**-100 has scale 0.

    Args:
        x: float32, shape `(rows, width)`, C-contiguous.
        dtype: "int8", or "fp8" (e4m3, as bits in uint8).

    Returns:
        The numbers, shape of `x`, and the scales, float32, shape `(rows,)`.

    Raises:
        TypeError: `x` is not an array of float32.
        ValueError: A wrong shape or order, or an unknown type.

    Examples:
        >>> import numpy as np
        >>> from lpusim.moe import quantise
        >>> numbers, scale = quantise(np.array([[0.5, -1.27, 0.01]], np.float32))
        >>> numbers.tolist(), scale.round(4).tolist()
        ([[50, -127, 1]], [0.009999999776482582])
    """
    if not isinstance(dtype, str):
        raise TypeError(f"dtype must be a str, got {type(dtype).__name__}")
    return _core.moe.quantise(_array("x", x), dtype)


def simd_levels() -> list[str]:
    """The instruction sets of this machine that the engine knows, slowest first.

    Examples:
        >>> from lpusim.moe import simd_levels
        >>> simd_levels()[0]
        'portable'
    """
    return list(_core.moe.simd_levels())
