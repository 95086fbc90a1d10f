"""Edge lists: rows of a caller checked and turned into the core's columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpusim._arguments import shown, whole_number

LINKS_MAX = 2**24
_CHIP_MAX = 2**31 - 1
_VECTOR_CYCLES_MAX = 2**16
_HOP_CYCLES_MAX = 2**30
_COLUMNS = ("a", "b", "links", "vector_cycles", "hop_cycles", "back_vector_cycles", "back_hop_cycles")


@dataclass(frozen=True, slots=True)
class Cable:
    """Parallel links between two chips, each carrying both directions at once.

    Attributes:
        a: One chip.
        b: The other.
        links: How many.
        vector_cycles: Cycles between two vectors on one of them; None: as the topology's link.
        hop_cycles: Cycles from a vector's start to the far memory; None: as the topology's link.
        back_vector_cycles: The same from b to a; None: as from a to b.
        back_hop_cycles: The same from b to a; None: as from a to b.

    Examples:
        >>> Cable(0, 1, links=4, hop_cycles=300).back_hop_cycles is None
        True
        >>> Cable(0, 1, vector_cycles=0)
        Traceback (most recent call last):
        ...
        ValueError: Cable.vector_cycles must be from 1 to 65536, got 0
    """

    a: int
    b: int
    links: int = 1
    vector_cycles: int | None = None
    hop_cycles: int | None = None
    back_vector_cycles: int | None = None
    back_hop_cycles: int | None = None

    def __post_init__(self) -> None:
        self.row("Cable.")

    def row(self, where: str) -> tuple[int, ...]:
        """The values in the order of the columns, checked; 0 where the topology's own holds."""
        chips = [whole_number(where + name, getattr(self, name), 0, _CHIP_MAX) for name in ("a", "b")]
        links = whole_number(where + "links", self.links, 1, LINKS_MAX)
        timings = []
        for name in _COLUMNS[3:]:
            cycles = getattr(self, name)
            if cycles is None:
                cycles = getattr(self, name.removeprefix("back_")) or 0
            else:
                most = _VECTOR_CYCLES_MAX if "vector" in name else _HOP_CYCLES_MAX
                cycles = whole_number(where + name, cycles, 1, most)
            timings.append(cycles)
        return (*chips, links, *timings)


Edge = Cable | Sequence[int]


def cable_columns(edges: Iterable[Edge]) -> tuple[dict[str, NDArray[np.int64]], int]:
    """The core's cable columns, and one more than the largest chip named."""
    rows: list[tuple[int, ...]] = []
    for i, edge in enumerate(edges):
        if i >= LINKS_MAX:
            raise ValueError(f"a topology has at most {LINKS_MAX} links")
        rows.append(_row(f"edges[{i}]", edge))
    table = np.array(rows, dtype=np.int64).reshape(-1, len(_COLUMNS))
    chips = int(table[:, :2].max(initial=-1)) + 1
    return {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(_COLUMNS)}, max(chips, 1)


def _row(where: str, edge: Edge) -> tuple[int, ...]:
    if isinstance(edge, Cable):
        return edge.row(f"{where}.")
    try:
        values = tuple(edge)
    except TypeError:
        values = ()
    if len(values) not in (2, 3):
        raise ValueError(f"{where} must be (a, b), (a, b, links) or a Cable, got {shown(edge)}")
    chips = [
        whole_number(f"{where}.{name}", chip, 0, _CHIP_MAX)
        for name, chip in zip("ab", values[:2], strict=True)
    ]
    links = whole_number(f"{where}.links", values[2], 1, LINKS_MAX) if len(values) == 3 else 1
    return (*chips, links, 0, 0, 0, 0)
