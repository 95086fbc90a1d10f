"""Builders of `lpusim.chip` for what a model needs beside products and norms: rotary embedding, gating."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lpusim import _core
from lpusim._arguments import finite_number, shown, whole_number
from lpusim._chip_build import SIZE_MAX, program_of, spec_core

if TYPE_CHECKING:
    from lpusim.chip import ChipSpec, Program


def embedding(spec: ChipSpec, *, tokens: int, entries: int, columns: int, dtype: str = "fp16") -> Program:
    """`out[t] = table[ids[t]]`: input "ids" is int32 `(tokens, 1)`, "table" is `(entries, columns)`.

    "ids" are whole numbers from 0 to entries - 1; any other ends a run with an error. Bits are kept, of NaN
    too. A program takes (tokens - 1) x period + depth cycles, whatever the ids.

    An id goes to every lane by a sum over lanes and is the address that slices of the table take as it
    passes, so all vectors of an entry are read at the same time. Where a table fits a bank (4096 entries on
    the default chip) that is all: period 4 and depth 299, bound by the SXM. A larger one is spread over banks
    and slices, as many entries each as the greatest power of two that fits a bank; all of them are read, and
    the VXM picks the right one by selects. The ALUs are then the bound: period 5 and depth 354 for 49,152 x
    576 in fp16 (SmolLM2's table), period 10 for 128,256 x 640.

    Raises:
        ValueError: A size below 1, or a type other than "int8" and "fp16".
        lpusim.CapacityError: Table and rows need more SRAM slices than there are.

    Examples:
        >>> import numpy as np
        >>> from lpusim import chip
        >>> spec = chip.ChipSpec()
        >>> program = chip.embedding(spec, tokens=2, entries=4, columns=3)
        >>> table = np.arange(12, dtype=np.float16).reshape(4, 3)
        >>> ids = np.array([[3], [1]], np.int32)
        >>> chip.run(program, spec, {"ids": ids, "table": table}).outputs["out"].tolist()
        [[9.0, 10.0, 11.0], [3.0, 4.0, 5.0]]
    """
    if not isinstance(dtype, str):
        raise TypeError(f"dtype must be a str, got {shown(dtype)}")
    return program_of(
        _core.chip.embedding(
            spec_core(spec),
            tokens=whole_number("tokens", tokens, 1, SIZE_MAX),
            entries=whole_number("entries", entries, 1, SIZE_MAX),
            columns=whole_number("columns", columns, 1, SIZE_MAX),
            dtype=dtype,
        )
    )


def rope_tables(
    spec: ChipSpec,
    positions: ArrayLike,
    *,
    head_columns: int,
    base: float = 10000.0,
    interleaved: bool = False,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The inputs "cos" and "sin" of `rope`, one row a position: a head's factors for each head of a vector.

    Pair i of a head turns by position / base^(2 i / head_columns); "sin" is negative for the first of a pair.

    Args:
        spec: The chip, whose lanes say how many heads a vector carries.
        positions: Shape `(rows,)`, whole numbers.
        head_columns: Columns of a head, even.
        base: Of the wavelengths.
        interleaved: Whether pairs are neighbours (0, 1), (2, 3) ... or half a head apart.

    Raises:
        ValueError: An odd head, or one longer than a vector.

    Examples:
        >>> from lpusim import chip
        >>> cos, sin = chip.rope_tables(chip.ChipSpec(), [0, 1], head_columns=64)
        >>> cos.shape, round(float(sin[1, 0]), 4), round(float(sin[1, 32]), 4)
        ((2, 320), -0.8415, 0.8415)
    """
    columns: int = _core.chip.rope_vector_columns(
        spec_core(spec), whole_number("head_columns", head_columns, 1, SIZE_MAX)
    )
    pair = np.arange(head_columns // 2)
    turn = np.outer(
        np.asarray(positions, np.float64), finite_number("base", base) ** (-2 * pair / head_columns)
    )
    order = np.repeat(pair, 2) if interleaved else np.tile(pair, 2)
    sign = np.where(
        np.arange(head_columns) % 2 if interleaved else np.arange(head_columns) >= pair.size, 1, -1
    )
    heads = columns // head_columns
    cos, sin = np.cos(turn)[:, order], np.sin(turn)[:, order] * sign
    return np.tile(cos, heads).astype(np.float32), np.tile(sin, heads).astype(np.float32)


def rope(spec: ChipSpec, *, rows: int, heads: int, head_columns: int, interleaved: bool = False) -> Program:
    """Rotary embedding: `out = x * cos + swapped(x) * sin`, where swapped exchanges the two of each pair.

    `x` and `out` are fp16 `(rows, heads * head_columns)`; `cos` and `sin` come from `rope_tables`.
    Computed in fp32 and rounded once. The swap is a permute on the way from SRAM to the VXM. With w = heads
    that fit in a vector and two ways (16 ALUs, six operations each) a program takes
    ceil(rows / 2) ceil(heads / w) - 1 cycles plus the depth of one vector.

    Raises:
        ValueError: A size below 1, an odd head, or one longer than a vector.
        lpusim.CapacityError: The rows do not fit in SRAM.

    Examples:
        >>> import numpy as np
        >>> from lpusim import chip
        >>> spec = chip.ChipSpec()
        >>> program = chip.rope(spec, rows=1, heads=2, head_columns=4)
        >>> cos, sin = chip.rope_tables(spec, [0], head_columns=4)
        >>> x = np.arange(8, dtype=np.float16).reshape(1, 8)
        >>> chip.run(program, spec, {"x": x, "cos": cos, "sin": sin}).outputs["out"].tolist()
        [[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]]
    """
    return program_of(
        _core.chip.rope(
            spec_core(spec),
            rows=whole_number("rows", rows, 1, SIZE_MAX),
            heads=whole_number("heads", heads, 1, SIZE_MAX),
            head_columns=whole_number("head_columns", head_columns, 1, SIZE_MAX),
            interleaved=bool(interleaved),
        )
    )


def top_k_gate(spec: ChipSpec, *, tokens: int, experts: int, chosen: int, score: str = "softmax") -> Program:
    """The `chosen` experts of each token with the greatest logits, and their weights.

    Input "logits", fp32 `(tokens, experts)`. Outputs "ids", int32 `(tokens, chosen)`, best first,
    equal logits by lower id, and "weights", fp32 of the same shape: softmax over the chosen, or their
    sigmoids divided by the sum, to 8 ulp. That is `lpusim.moe.route` with `renormalise=True`.

    The ids of a token differ whatever the logits: minus infinity comes after all that is finite and NaN after
    minus infinity, both by lower id. A token that had to choose a NaN has NaN for weights.

    A token is a lane, so up to 320 tokens are gated at the same time on the default chip, in about
    2 chosen (experts + 14) cycles, whatever the logits; more tokens follow in groups that overlap where they
    fit. Bound by the chain of looks at the logits, one vector a cycle.

    Raises:
        ValueError: A size below 1, more chosen than experts, or an unknown score.
        lpusim.CapacityError: The logits do not fit in SRAM three times.

    Examples:
        >>> import numpy as np
        >>> from lpusim import chip
        >>> spec = chip.ChipSpec()
        >>> program = chip.top_k_gate(spec, tokens=1, experts=4, chosen=2)
        >>> result = chip.run(program, spec, {"logits": np.array([[1, 3, 3, 0]], np.float32)})
        >>> result.outputs["ids"].tolist(), result.outputs["weights"].round(6).tolist()
        ([[1, 2]], [[0.5, 0.5]])
    """
    if score not in ("softmax", "sigmoid"):
        raise ValueError(f"score must be 'softmax' or 'sigmoid', got {shown(score)}")
    return program_of(
        _core.chip.top_k_gate(
            spec_core(spec),
            tokens=whole_number("tokens", tokens, 1, SIZE_MAX),
            experts=whole_number("experts", experts, 1, SIZE_MAX),
            chosen=whole_number("chosen", chosen, 1, SIZE_MAX),
            sigmoid=score == "sigmoid",
        )
    )
