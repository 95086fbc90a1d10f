"""Builders of `lpusim.chip` for vectors and rows: what the VXM computes, with lanes moved by the SXM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lpusim import _core
from lpusim._arguments import finite_number, shown, whole_number
from lpusim._chip_build import SIZE_MAX, program_of, spec_core
from lpusim._names import unknown_name

if TYPE_CHECKING:
    from lpusim.chip import ChipSpec, Program

_RESULT_IS_LAST = ("convert", "scale", "shift_right")  # Operations whose tuple ends with the result's type.
_BITS = {"int8": np.int8, "int32": np.int32, "fp16": np.float16, "fp32": np.float32}


def _build(builder: Any, spec: ChipSpec, rows: Any, columns: Any, dtype: Any, **more: Any) -> Program:
    core = spec_core(spec)
    if not isinstance(dtype, str):
        raise TypeError(f"dtype must be a str, got {shown(dtype)}")
    return program_of(
        builder(
            core,
            rows=whole_number("rows", rows, 1, SIZE_MAX),
            columns=whole_number("columns", columns, 1, SIZE_MAX),
            dtype=dtype,
            **more,
        )
    )


def _bits(place: str, number: Any, dtype: str) -> int:
    """The bits of a number in a type, as the signed 32-bit integer an immediate is; messages name `place`."""
    kind = _BITS.get(dtype)
    if kind is None:
        raise ValueError(f"{place}: there are no numbers of type {shown(dtype)}; convert first")
    value = finite_number(f"{place}: an operand that is no input's name", number)
    if np.issubdtype(kind, np.integer):
        limits = np.iinfo(np.int8 if kind is np.int8 else np.int32)
        return whole_number(f"{place}: an {dtype} number", number, limits.min, limits.max)
    bits = np.array([value], kind).view(np.uint16 if kind is np.float16 else np.int32)
    return int(bits[0])


def pointwise(
    spec: ChipSpec, steps: Sequence[tuple[Any, ...]], *, rows: int, columns: int, dtype: str
) -> Program:
    """A chain of VXM operations on every element: `out = op(... op(a, b) ...)`, as a legal schedule.

    As many equal ways as ALUs, streams and SRAM slices allow share the rows (or the vectors of a row). With
    v = ceil(columns / lanes) vectors a row, the program takes min(ceil(rows / ways) v, rows ceil(v / ways))
    - 1 cycles plus the depth of one vector. An int8 addition keeps all 16 ALUs of the default chip busy, an
    fp32 one is bound by SRAM slices at 7 ways.

    Args:
        spec: The chip.
        steps: One tuple an operation: its name in the text form of programs ("add", "mul_sat", "relu",
            "exp", ...), then the operands beside the value so far, each the name of an input or a number;
            for "convert", "scale" and "shift_right" last the type of the result. The value so far starts as
            the input "a". Other inputs appear as they are named, with the type of their operand.
        rows: Rows of all matrices.
        columns: Columns of all matrices.
        dtype: Type of "a".

    Raises:
        ValueError: A size below 1, an unknown operation, or one that does not take these operands.
        TypeError: An operand that is neither a name nor a number.
        lpusim.CapacityError: The matrices do not fit in SRAM.

    Examples:
        >>> import numpy as np
        >>> from lpusim import chip
        >>> spec = chip.ChipSpec()
        >>> steps = [("mul", "b"), ("add", "a"), ("max", 0.0)]
        >>> program = chip.pointwise(spec, steps, rows=2, columns=3, dtype="fp32")
        >>> a = np.array([[1, 2, 3], [-1, -2, -3]], np.float32)
        >>> chip.run(program, spec, {"a": a, "b": a}).outputs["out"].tolist()
        [[2.0, 6.0, 12.0], [0.0, 2.0, 6.0]]
    """
    chain = []
    value = dtype
    if isinstance(steps, str) or not isinstance(steps, Sequence):
        raise TypeError(f"steps must be a list of tuples such as ('mul', 'b'), got {shown(steps)}")
    known = _core.chip.vxm_operations()
    for number, step in enumerate(steps):
        if isinstance(step, str):
            raise TypeError(f"steps[{number}] must be a tuple: write ({step!r},), not {step!r}")
        if not isinstance(step, tuple | list) or not step or not isinstance(step[0], str):
            raise TypeError(
                f"steps[{number}] must be a tuple of an operation's name and its operands, such as "
                f"('mul', 'b'), got {shown(step)}"
            )
        name, *operands = step
        if name not in known:
            raise unknown_name("VXM operation", name, known)
        result = value
        if name in _RESULT_IS_LAST:
            if not operands:
                raise ValueError(
                    f"steps[{number}]: {name!r} ends with the type of its result, such as 'int8'"
                )
            result = operands.pop()
            if not isinstance(result, str):
                raise TypeError(
                    f"steps[{number}]: {name!r} ends with the type of its result, got {shown(result)}"
                )
        types = {"scale": "fp32", "shift_right": "int32"}
        if "out" in operands:
            raise ValueError(f"steps[{number}]: 'out' is the name of the result, not of an input")
        operands = [
            operand
            if isinstance(operand, str)
            else _bits(f"steps[{number}]", operand, types.get(name, value))
            for operand in operands
        ]
        chain.append((name, operands, result))
        value = result
    return _build(_core.chip.pointwise, spec, rows, columns, dtype, steps=chain)


def silu(spec: ChipSpec, *, rows: int, columns: int, dtype: str = "fp16") -> Program:
    """`out = x / (1 + exp(-x))` of every element, computed in fp32; ways and cycles as `pointwise`.

    Eight operations an element (fp16), so the 16 ALUs of the default chip take two vectors a cycle. Before
    the last rounding the error is at most 4 ulp of fp32; below x = -88.7 the result is 0.

    Raises:
        ValueError: A size below 1, or a type other than "fp16" and "fp32".
        lpusim.CapacityError: The matrices do not fit in SRAM.

    Examples:
        >>> import numpy as np
        >>> from lpusim import chip
        >>> program = chip.silu(chip.ChipSpec(), rows=1, columns=2)
        >>> x = np.array([[0, 1]], np.float16)
        >>> chip.run(program, chip.ChipSpec(), {"x": x}).outputs["out"].tolist()
        [[0.0, 0.73095703125]]
    """
    return _build(_core.chip.silu, spec, rows, columns, dtype)


def swiglu(spec: ChipSpec, *, rows: int, columns: int, dtype: str = "fp16") -> Program:
    """`out = silu(gate) * up` of every element, computed in fp32; see `silu`. Ten operations (fp16).

    Raises:
        ValueError: A size below 1, or a type other than "fp16" and "fp32".
        lpusim.CapacityError: The matrices do not fit in SRAM.

    Examples:
        >>> from lpusim import chip
        >>> spec = chip.ChipSpec()
        >>> one, many = (chip.swiglu(spec, rows=r, columns=320) for r in (1, 1001))
        >>> chip.verify(many, spec).cycles - chip.verify(one, spec).cycles
        1000
    """
    return _build(_core.chip.swiglu, spec, rows, columns, dtype)


def gelu(spec: ChipSpec, *, rows: int, columns: int, dtype: str = "fp16") -> Program:
    """`out = x / (1 + exp(-2 z))`, z = sqrt(2 / pi) (x + 0.044715 x^3): GELU's tanh form, in fp32.

    Twelve operations an element (fp16); ways and cycles as `pointwise`.

    Raises:
        ValueError: A size below 1, or a type other than "fp16" and "fp32".
        lpusim.CapacityError: The matrices do not fit in SRAM.

    Examples:
        >>> import numpy as np
        >>> from lpusim import chip
        >>> program = chip.gelu(chip.ChipSpec(), rows=1, columns=2)
        >>> x = np.array([[0, 1]], np.float16)
        >>> chip.run(program, chip.ChipSpec(), {"x": x}).outputs["out"].tolist()
        [[0.0, 0.84130859375]]
    """
    return _build(_core.chip.gelu, spec, rows, columns, dtype)


def rmsnorm(
    spec: ChipSpec, *, rows: int, columns: int, dtype: str = "fp16", epsilon: float = 1e-5
) -> Program:
    """`out = x * rsqrt(mean(x^2) + epsilon) * gamma` for each row, in fp32, rounded once.

    `x` and `out` are `(rows, columns)`, `gamma` is `(1, columns)`. Squares of a row are added vector by
    vector on one ALU, then over the lanes in four trips through the SXM: rotations by equal steps, so that
    lanes may differ in the last bits of the sum where the lane count has an odd factor.

    A program takes (ceil(rows / ways) - 1) x period + depth cycles with 1 or 2 ways; on the default chip
    depth is 295 plus about two cycles for each vector of a row, and a row of v vectors costs v cycles or
    fewer once there are enough rows: the ALUs are the bound.

    Raises:
        ValueError: A size below 1, a type other than "fp16" and "fp32", or a chip with too few SXM queues.
        lpusim.CapacityError: The rows do not fit in SRAM.

    Examples:
        >>> import numpy as np
        >>> from lpusim import chip
        >>> spec = chip.ChipSpec()
        >>> program = chip.rmsnorm(spec, rows=2, columns=500)
        >>> inputs = {"x": np.full((2, 500), 3, np.float16), "gamma": np.full((1, 500), 2, np.float16)}
        >>> float(chip.run(program, spec, inputs).outputs["out"][1, 499])
        2.0
    """
    return _build(_core.chip.rmsnorm, spec, rows, columns, dtype, epsilon=finite_number("epsilon", epsilon))


def layernorm(
    spec: ChipSpec, *, rows: int, columns: int, dtype: str = "fp16", epsilon: float = 1e-5
) -> Program:
    """`out = (x - mean) * rsqrt(mean((x - mean)^2) + epsilon) * gamma + beta` for each row, in fp32.

    `x` and `out` are `(rows, columns)`, `gamma` and `beta` are `(1, columns)`. Two reductions, one after the
    other, so nothing cancels; the differences wait in SRAM. Cycles as `rmsnorm`, with a depth of 559.

    Raises:
        ValueError: A size below 1, a type other than "fp16" and "fp32", or a chip with too few SXM queues.
        lpusim.CapacityError: The rows do not fit in SRAM.

    Examples:
        >>> import numpy as np
        >>> from lpusim import chip
        >>> spec = chip.ChipSpec()
        >>> program = chip.layernorm(spec, rows=1, columns=4)
        >>> x = np.array([[1, 3, 1, 3]], np.float16)
        >>> ones = np.ones((1, 4), np.float16)
        >>> chip.run(program, spec, {"x": x, "gamma": ones, "beta": ones}).outputs["out"].round(3).tolist()
        [[0.0, 2.0, 0.0, 2.0]]
    """
    return _build(_core.chip.layernorm, spec, rows, columns, dtype, epsilon=finite_number("epsilon", epsilon))


def softmax(spec: ChipSpec, *, rows: int, columns: int, dtype: str = "fp16") -> Program:
    """`out = exp(x - max(x)) / sum(exp(x - max(x)))` for each row, in fp32, rounded once.

    `x` and `out` are `(rows, columns)`. Two reductions, as `layernorm`; cycles as `rmsnorm`, with a depth of
    556 on the default chip. The division is a multiplication by rsqrt(sum)^2.

    Raises:
        ValueError: A size below 1, a type other than "fp16" and "fp32", or a chip with too few SXM queues.
        lpusim.CapacityError: The rows do not fit in SRAM.

    Examples:
        >>> import numpy as np
        >>> from lpusim import chip
        >>> spec = chip.ChipSpec()
        >>> program = chip.softmax(spec, rows=1, columns=4)
        >>> chip.run(program, spec, {"x": np.zeros((1, 4), np.float16)}).outputs["out"].tolist()
        [[0.25, 0.25, 0.25, 0.25]]
    """
    return _build(_core.chip.softmax, spec, rows, columns, dtype)


def row_sum(spec: ChipSpec, *, rows: int, columns: int, dtype: str = "fp16") -> Program:
    """The sum of each row: `x` is `(rows, columns)`, `out` is `(rows, 1)`.

    "int32" adds modulo 2**32; "fp16" and "fp32" add in fp32, which `out` is: the vectors of a row in order,
    lane by lane, on one ALU, then the lanes in one trip through the SXM for each factor of the lane count
    (fours first, then primes): `lanes / f` lanes apart, then `lanes / f / g` and so on, by pairs.

    A program takes (ceil(rows / ways) - 1) x period + depth cycles with 1 or 2 ways. On the default chip
    depth is 285 for rows of one vector and 285 + v for v of them, most of it four trips from the VXM to an
    SXM and back; a row costs 4 cycles, bound by the SXM queues, or v / 2 where that is more.

    Raises:
        ValueError: A size below 1, another type, or a chip with too few SXM queues.
        lpusim.CapacityError: The rows do not fit in SRAM.

    Examples:
        >>> import numpy as np
        >>> from lpusim import chip
        >>> spec = chip.ChipSpec()
        >>> program = chip.row_sum(spec, rows=2, columns=500, dtype="int32")
        >>> x = np.arange(1000, dtype=np.int32).reshape(2, 500)
        >>> chip.run(program, spec, {"x": x}).outputs["out"].tolist()
        [[124750], [374750]]
    """
    return _build(_core.chip.row_sum, spec, rows, columns, dtype)


def row_max(spec: ChipSpec, *, rows: int, columns: int, dtype: str = "fp16") -> Program:
    """The greatest element of each row, NaN if there is one. Shapes, types, cycles and errors as `row_sum`.

    Examples:
        >>> import numpy as np
        >>> from lpusim import chip
        >>> spec = chip.ChipSpec()
        >>> x = -np.arange(1, 5, dtype=np.float16).reshape(2, 2)
        >>> chip.run(chip.row_max(spec, rows=2, columns=2), spec, {"x": x}).outputs["out"].tolist()
        [[-1.0], [-3.0]]
    """
    return _build(_core.chip.row_max, spec, rows, columns, dtype)


def row_min(spec: ChipSpec, *, rows: int, columns: int, dtype: str = "fp16") -> Program:
    """The least element of each row, NaN if there is one. Shapes, types, cycles and errors as `row_sum`."""
    return _build(_core.chip.row_min, spec, rows, columns, dtype)
