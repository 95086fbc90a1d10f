"""Builders of `lpusim.chip` that move values and compute none, and what their programs cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lpusim import _core
from lpusim._arguments import shown, whole_number
from lpusim._chip_build import SIZE_MAX, program_of, spec_core

if TYPE_CHECKING:
    from lpusim.chip import ChipSpec, Program


@dataclass(frozen=True)
class TransposeCost:
    """What a transpose takes, beside what the SXMs need at least.

    Attributes:
        cycles: Of the program, exactly; as `verify(program, spec).cycles`.
        steps: Transposes, one a cycle, each of as many vectors as a superlane has lanes.
        sxm_cycles: The least in which the queues of both SXMs can make the moves of all steps.
    """

    cycles: int
    steps: int
    sxm_cycles: int

    @property
    def utilisation(self) -> float:
        """Share of the program's cycles that the SXMs, which bound it, need at least."""
        return self.sxm_cycles / self.cycles


def _call(builder: Any, spec: object, rows: object, columns: object, dtype: object) -> Any:
    core = spec_core(spec)
    if not isinstance(dtype, str):
        raise TypeError(f"dtype must be a str, got {shown(dtype)}")
    return builder(
        core,
        rows=whole_number("rows", rows, 1, SIZE_MAX),
        columns=whole_number("columns", columns, 1, SIZE_MAX),
        dtype=dtype,
    )


def transpose(spec: ChipSpec, rows: int, columns: int, *, dtype: str = "int8") -> Program:
    """`out = x.T` as a legal schedule: `x` is `(rows, columns)`, `out` is `(columns, rows)`, bit for bit.

    A tile of `lanes` x `lanes` bytes moves along its diagonals: each superlane gathers from an address of its
    own, a permute turns the vectors by superlanes, a transpose turns the squares inside superlanes, and each
    superlane scatters to an address of its own. A step does that for as many vectors as a superlane has lanes
    (16 on the default chip), one step a cycle, so a program takes

        steps + 4 h + m + superlanes + permute + transpose + alu + 2 read + 2 map + write - 2 cycles
        steps = bytes of an element x ((tiles - 1) x superlanes + d)
        tiles = ceil(rows / lanes) x ceil(columns / lanes)
        d = min(superlanes, a + b - 1)

    with a and b superlane-wide chunks of rows and columns in the last tile, h hops from the VXM to an SXM
    (21), m hops to the slices of the addresses (10 for one group of 16 slices, 17 for two), and the latencies
    of the spec. `transpose_cost` says it for any shape.

    What bounds it: the SXMs. A step takes 17 of their 28 queues, so a second one never fits in the same
    cycle: in steady state queues work 61 % of the time and 5,120 bytes move a cycle.

    Args:
        spec: The chip.
        rows: Of `x`, at least 1.
        columns: Of `x`, at least 1.
        dtype: "int8", "fp8" (as bits in uint8) or "fp16". Any bits are kept, of NaN and -0 too.

    Raises:
        ValueError: A size below 1, another type, or a chip with too few streams, SXM queues or ALUs.
        lpusim.CapacityError: Input and output do not fit in half of the SRAM each.

    Examples:
        >>> import numpy as np
        >>> from lpusim import chip
        >>> spec = chip.ChipSpec()
        >>> program = chip.transpose(spec, rows=2, columns=3)
        >>> x = np.array([[1, 2, 3], [4, 5, 6]], np.int8)
        >>> chip.run(program, spec, {"x": x}).outputs["out"].tolist()
        [[1, 4], [2, 5], [3, 6]]
    """
    return program_of(_call(_core.chip.transpose, spec, rows, columns, dtype))


def transpose_cost(spec: ChipSpec, rows: int, columns: int, *, dtype: str = "int8") -> TransposeCost:
    """Cycles and utilisation of `transpose`, without building its program. Arguments and errors as there.

    Examples:
        >>> from lpusim.chip import ChipSpec, transpose_cost
        >>> cost = transpose_cost(ChipSpec(), 6400, 3200)
        >>> cost.steps, cost.cycles, round(cost.utilisation, 3)
        (4000, 4146, 0.586)
    """
    return TransposeCost(*_call(_core.chip.transpose_cost, spec, rows, columns, dtype))
