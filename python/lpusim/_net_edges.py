"""Edge lists: rows of a caller checked and turned into the core's columns."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lpusim._arguments import shown, whole_number
from lpusim._net_link import HOP_CYCLES_MAX, VECTOR_CYCLES_MAX, LinkSpec

LINKS_MAX = 2**24
CABLES_MAX = 2**22
_CHIP_MAX = 2**31 - 1
CABLE_COLUMNS = ("a", "b", "links", "vector_cycles", "hop_cycles", "back_vector_cycles", "back_hop_cycles")


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
        for name in CABLE_COLUMNS[3:]:
            cycles = getattr(self, name)
            if cycles is None:
                cycles = getattr(self, name.removeprefix("back_")) or 0
            else:
                most = VECTOR_CYCLES_MAX if "vector" in name else HOP_CYCLES_MAX
                cycles = whole_number(where + name, cycles, 1, most)
            timings.append(cycles)
        return (*chips, links, *timings)


Edge = Cable | Sequence[int]


def cable_columns(edges: Iterable[Edge]) -> tuple[dict[str, NDArray[np.int64]], int]:
    """The core's cable columns, and one more than the largest chip named."""
    values = array("q")
    for i, edge in enumerate(edges):
        if i == CABLES_MAX:
            raise ValueError(f"an edge list has at most {CABLES_MAX} edges")
        values.extend(_row(f"edges[{i}]", edge))
    table = np.array(values, dtype=np.int64).reshape(-1, len(CABLE_COLUMNS))
    chips = int(table[:, :2].max(initial=0)) + 1
    return {name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(CABLE_COLUMNS)}, chips


def cables_of(columns: dict[str, NDArray[np.int64]], link: LinkSpec) -> list[Cable]:
    """What `cable_columns` makes of these cables, undone. `link` is the topology's."""
    cables = []
    for row in zip(*(columns[name].tolist() for name in CABLE_COLUMNS), strict=True):
        forward, back = row[3:5], row[5:7]
        if forward == back:
            back = (None, None)
        elif back == (0, 0):
            back = (link.vector_cycles, link.hop_cycles)
        cables.append(Cable(*row[:3], *(cycles or None for cycles in (*forward, *back))))
    return cables


def _row(where: str, edge: Edge) -> tuple[int, ...]:
    if isinstance(edge, Cable):
        row = edge.row(f"{where}.")
    else:
        try:
            values = tuple(edge)
        except TypeError:
            values = ()
        if len(values) not in (2, 3):
            raise ValueError(f"{where} must be (a, b), (a, b, links) or a Cable, got {shown(edge)}")
        chips = (
            whole_number(f"{where}.{name}", chip, 0, _CHIP_MAX)
            for name, chip in zip("ab", values[:2], strict=True)
        )
        links = whole_number(f"{where}.links", values[2], 1, LINKS_MAX) if len(values) == 3 else 1
        row = (*chips, links, 0, 0, 0, 0)
    if row[0] == row[1]:
        raise ValueError(
            f"{where}: the link from chip {row[0]} to chip {row[1]} is a self loop; a link joins two "
            "different chips"
        )
    return row
