"""Builders of `lpusim.chip` for matrix products, and what their programs cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lpusim import _core, chip
from lpusim._arguments import finite_number, shown, whole_number

if TYPE_CHECKING:
    from lpusim.chip import ChipSpec, Program

_SIZE_MAX = 2**31


@dataclass(frozen=True)
class ProductCost:
    """What a product's program takes, beside what the chip needs at least.

    Attributes:
        cycles: Of the program, exactly; as `verify(program, spec).cycles`.
        plane_cycles: The least that the MXM planes need: rows x ceil(n / lanes) x ceil(k / lanes) over the
            planes (for fp16: pairs of planes, mxm_fp16_cycles a row).
        stream_cycles: The least that the streams need to carry every byte of weights once.
    """

    cycles: int
    plane_cycles: int
    stream_cycles: int

    @property
    def bound(self) -> str:
        """The unit that bounds the product: "planes" or "streams"."""
        return "planes" if self.plane_cycles >= self.stream_cycles else "streams"

    @property
    def utilisation(self) -> float:
        """Share of the program's cycles that the unit which bounds it needs at least."""
        return max(self.plane_cycles, self.stream_cycles) / self.cycles


def _spec(spec: object) -> Any:
    if not isinstance(spec, chip.ChipSpec):
        raise TypeError(f"spec must be a chip.ChipSpec, got {type(spec).__name__}")
    return spec._core


def _arguments(dtype: object, **sizes: object) -> dict[str, Any]:
    if not isinstance(dtype, str):
        raise TypeError(f"dtype must be a str, got {shown(dtype)}")
    whole = {name: whole_number(name, size, 1, _SIZE_MAX) for name, size in sizes.items()}
    return {**whole, "dtype": dtype}


def gemm(spec: ChipSpec, m: int, n: int, k: int, *, dtype: str = "int8") -> Program:
    """A matrix product `c = a @ w` as a legal schedule: `a` is `(m, k)`, `w` is `(k, n)`, `c` is `(m, n)`.

    Weights and activations stream from SRAM to all planes of both hemispheres; the next weight tile loads
    while the current one is in use. With many rows the planes of a hemisphere share its weights and split the
    rows; with few rows every plane holds columns of its own and the streams are the bottleneck.

    The program takes fill + passes x pass + drain cycles. A pass (one tile of weights against one chunk of
    rows) is the longer of the rows of a chunk (for fp16 times mxm_fp16_cycles) and the loads of a tile
    (columns over load streams, plus one cycle to install). Fill brings the first tile from SRAM into its
    plane, drain the last row from a plane to SRAM: on the default chip 23 and 41 cycles, plus hops. So 1000
    rows or more run at 97 % of the planes' peak or better once there are 3,000 cycles of work, and one row at
    20/21 of the streams' 20,480 bytes a cycle. `gemm_cost` says both for any shape.

    Args:
        spec: The chip.
        m: Rows of activations, at least 1.
        n: Columns of weights, at least 1.
        k: Length of the sums, at least 1.
        dtype: Of `a` and `w`. "int8": `c` is int32, exact modulo 2**32. "fp8" (e4m3, as bits in uint8) and
            "fp16": `c` is fp32; the products of `lanes` rows of `w` are summed exactly and rounded once, then
            these sums are added in order.

    Raises:
        ValueError: A size below 1, an unknown type, or a chip with too few streams or planes.
        lpusim.CapacityError: Weights, activations and results do not fit in SRAM.

    Examples:
        >>> from lpusim.chip import ChipSpec, gemm, verify
        >>> program = gemm(ChipSpec(), m=1, n=8960, k=8320)
        >>> bound = 8960 * 8320 // ChipSpec().stream_bytes_per_cycle  # every weight once over the streams
        >>> bound, verify(program, ChipSpec()).cycles
        (3640, 3911)
    """
    return chip.Program(_core.chip.gemm(_spec(spec), **_arguments(dtype, m=m, n=n, k=k)))


def gemm_cost(spec: ChipSpec, m: int, n: int, k: int, *, dtype: str = "int8") -> ProductCost:
    """Cycles and utilisation of `gemm`, without building its program. Arguments and errors as there.

    Examples:
        >>> from lpusim.chip import ChipSpec, gemm_cost
        >>> cube = gemm_cost(ChipSpec(), 1920, 1920, 1920)
        >>> cube.cycles, cube.bound, round(cube.utilisation, 3)
        (17361, 'planes', 0.995)
        >>> row = gemm_cost(ChipSpec(), 1, 12_800, 12_800)
        >>> row.cycles, row.bound, round(row.utilisation, 3)
        (8489, 'streams', 0.942)
    """
    return ProductCost(*_core.chip.gemm_cost(_spec(spec), **_arguments(dtype, m=m, n=n, k=k)))


def gemv(spec: ChipSpec, n: int, k: int, *, dtype: str = "int8") -> Program:
    """A vector-matrix product: `gemm` with one row. `a` is `(1, k)`, `w` is `(k, n)`, `c` is `(1, n)`."""
    return gemm(spec, 1, n, k, dtype=dtype)


def gemm_resident(spec: ChipSpec, m: int, n: int, k: int, *, dtype: str = "int8") -> Program:
    """A matrix product whose weights are installed once and stay in the planes while `a` streams past.

    Each plane (for fp16: pair of planes) holds one `lanes` x `lanes` tile of `w`. Where there are more planes
    than tiles, copies of all tiles share the rows. Sums over several tiles are added in order by the VXM. The
    program takes fill + ceil(m / copies) (for fp16 times mxm_fp16_cycles) + drain cycles. Shapes and types as
    `gemm`.

    Raises:
        ValueError: More tiles than planes, a size below 1, or an unknown type.
        lpusim.CapacityError: Activations and results do not fit in SRAM.

    Examples:
        >>> from lpusim.chip import ChipSpec, gemm_resident, gemm_resident_cost
        >>> program = gemm_resident(ChipSpec(), m=5000, n=640, k=640)
        >>> round(gemm_resident_cost(ChipSpec(), 5000, 640, 640).utilisation, 2)
        0.98
    """
    return chip.Program(_core.chip.gemm_resident(_spec(spec), **_arguments(dtype, m=m, n=n, k=k)))


def gemm_resident_cost(spec: ChipSpec, m: int, n: int, k: int, *, dtype: str = "int8") -> ProductCost:
    """Cycles and utilisation of `gemm_resident`. Arguments and errors as there."""
    return ProductCost(*_core.chip.gemm_resident_cost(_spec(spec), **_arguments(dtype, m=m, n=n, k=k)))


def _widths(widths: object) -> list[int]:
    if isinstance(widths, (str, bytes)) or not isinstance(widths, Sequence):
        raise TypeError(f"widths must be a sequence of whole numbers, got {shown(widths)}")
    return [whole_number(f"widths[{i}]", width, 1, _SIZE_MAX) for i, width in enumerate(widths)]


def gemv_chain(spec: ChipSpec, widths: Sequence[int], scales: Sequence[float]) -> Program:
    """A chain of vector-matrix products in int8: `y = q_L(... q_1(x @ w1) ... @ wL)`.

    `x` is `(1, widths[0])`, `w1` is `(widths[0], widths[1])` and so on, `y` is `(1, widths[-1])`. `q_i`
    multiplies the int32 sums by `scales[i - 1]` in fp32, rounds to nearest even and saturates to int8. The
    weights of the next layer load while the sums of the last ones are scaled and written back, so that in
    steady state 20 of 21 cycles of every stream carry weights (widths that are multiples of 1280 on the
    default chip). A layer takes passes x pass cycles, and waits where a step's operand is not there yet.

    Args:
        spec: The chip.
        widths: Lengths of the input and of every result, two or more.
        scales: One finite number a layer.

    Raises:
        ValueError: Fewer than two widths, a width below 1, or another number of scales.
        lpusim.CapacityError: The weights of all layers do not fit in SRAM.

    Examples:
        >>> from lpusim.chip import ChipSpec, gemv_chain, gemv_chain_cost
        >>> program = gemv_chain(ChipSpec(), [3840] * 5, scales=[2**-8] * 4)
        >>> four, six = (gemv_chain_cost(ChipSpec(), [3840] * (layers + 1)).cycles for layers in (4, 6))
        >>> (six - four) // 2, 3840 * 3840 // ChipSpec().stream_bytes_per_cycle  # a layer, and its floor
        (756, 720)
    """
    if isinstance(scales, (str, bytes)) or not isinstance(scales, Sequence):
        raise TypeError(f"scales must be a sequence of numbers, got {shown(scales)}")
    numbers = [finite_number(f"scales[{i}]", scale) for i, scale in enumerate(scales)]
    return chip.Program(_core.chip.gemv_chain(_spec(spec), widths=_widths(widths), scales=numbers))


def gemv_chain_cost(spec: ChipSpec, widths: Sequence[int]) -> ProductCost:
    """Cycles and utilisation of `gemv_chain`. Arguments and errors as there."""
    return ProductCost(*_core.chip.gemv_chain_cost(_spec(spec), widths=_widths(widths)))


def expert_gemm(
    spec: ChipSpec, *, experts: int, slots: int, rows: int, n: int, k: int, dtype: str = "int8"
) -> Program:
    """Products of experts: rows of slot s of `c` = rows of slot s of `a` @ weights of expert[s].

    Only addresses depend on the routing, never time: the cycles are the same for every `expert`. The weights
    of all experts lie side by side in a window of each SRAM bank; the VXM turns expert numbers into addresses
    that travel outward beside the weights, where every slice gathers what they name. An idle slot names
    expert number `experts`, whose weights are zero.

    Inputs: `a` `(slots * rows, k)`, `w0`, `w1`, ... `(k, n)` each, and `expert`, which `expert_numbers` makes
    from one number a slot. Output: `c` `(slots * rows, n)`. Cycles as `gemm`, with two streams fewer for
    weights: with few rows a tile takes 23 cycles on the default chip where the streams need 20 (87 %).

    Args:
        spec: The chip.
        experts: Experts whose weights lie in SRAM.
        slots: Blocks of rows.
        rows: Rows of a slot, at most the accumulators of a plane.
        n: Columns of an expert's weights.
        k: Length of the sums.
        dtype: As `gemm`.

    Raises:
        ValueError: A size below 1 or too many rows, an unknown type, or a chip with too few streams or ALUs.
        lpusim.CapacityError: Experts, activations and results do not fit in SRAM, or a tile of all experts
            not in a bank.

    Examples:
        >>> import numpy as np
        >>> from lpusim.chip import ChipSpec, expert_gemm, expert_numbers, run
        >>> spec = ChipSpec()
        >>> program = expert_gemm(spec, experts=2, slots=3, rows=1, n=320, k=320)
        >>> inputs = {"a": np.ones((3, 320), np.int8)}
        >>> inputs |= {f"w{e}": np.full((320, 320), e + 1, np.int8) for e in range(2)}
        >>> inputs["expert"] = expert_numbers(spec, [1, 0, 2])  # the third slot is idle
        >>> run(program, spec, inputs).outputs["c"][:, 0].tolist()
        [640, 320, 0]
    """
    sizes = _arguments(dtype, experts=experts, slots=slots, rows=rows, n=n, k=k)
    return chip.Program(_core.chip.expert_gemm(_spec(spec), **sizes))


def expert_gemm_cost(
    spec: ChipSpec, *, experts: int, slots: int, rows: int, n: int, k: int, dtype: str = "int8"
) -> ProductCost:
    """Cycles and utilisation of `expert_gemm`, where every slot is in use. Arguments and errors as there."""
    sizes = _arguments(dtype, experts=experts, slots=slots, rows=rows, n=n, k=k)
    return ProductCost(*_core.chip.expert_gemm_cost(_spec(spec), **sizes))


def expert_numbers(spec: ChipSpec, numbers: ArrayLike) -> NDArray[np.int32]:
    """The input `expert` of `expert_gemm`: one expert number a slot, the same in every lane.

    Raises:
        TypeError: Something other than whole numbers.
        ValueError: Not one dimension, or a number below 0.
    """
    column = np.asarray(numbers)
    if not np.issubdtype(column.dtype, np.integer):
        raise TypeError(f"expert numbers must be whole numbers, got {column.dtype}")
    if column.ndim != 1 or (column < 0).any() or (column >= _SIZE_MAX).any():
        raise ValueError("expert numbers must be one for each slot, from 0 to the number of experts")
    return np.repeat(column.astype(np.int32)[:, None], _spec(spec).lanes, axis=1)
