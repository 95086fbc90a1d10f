"""Who hands which vectors to whom in a timetable: over the hops of a route, and from transfer to transfer."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpusim._net_common import Columns
from lpusim._net_timetable import Timetable

Rows = NDArray[np.int64]
_CYCLE_MAX = 2**52


def last_cycle(runs: Columns) -> Rows:
    """When the last vector of each run starts."""
    return runs["start_cycle"] + (runs["vector_count"] - 1) * runs["period_cycles"]


def require_rows(timetable: Timetable) -> None:
    """Checks that every row of `timetable` means something, legal or not.

    Raises:
        ValueError: The first row that does not.
    """
    transfers, runs, waits = timetable.transfers, timetable.runs, timetable.dependencies
    last_transfer = len(transfers["source"]) - 1
    last_chip = timetable.topology.chip_count - 1
    _require("transfers", "source", transfers["source"], 0, last_chip)
    _require("transfers", "target", transfers["target"], 0, last_chip)
    _require("transfers", "adds", transfers["adds"], 0, 1)
    _require("runs", "transfer", runs["transfer"], 0, last_transfer)
    _require("runs", "link", runs["link"], 0, timetable.topology.directed_link_count - 1)
    _require("runs", "hop", runs["hop"], 0, last_chip)
    for name in ("vector_step", "vector_count", "period_cycles"):
        _require("runs", name, runs[name], 1, _CYCLE_MAX)
    _require("runs", "start_cycle", runs["start_cycle"], 0, _CYCLE_MAX)
    length = runs["vector_count"].astype(np.float64) * runs["period_cycles"]
    _require("runs", "vector_count * period_cycles", length, 1, _CYCLE_MAX)
    for name in ("transfer", "on"):
        _require("dependencies", name, waits[name], 0, last_transfer)


def _require(table: str, name: str, column: NDArray[Any], at_least: int, at_most: int) -> None:
    wrong = np.flatnonzero((column < at_least) | (column > at_most))
    if len(wrong):
        raise ValueError(
            f"{table}.{name}[{wrong[0]}] must be from {at_least} to {at_most}, got {column[wrong[0]]:.0f}"
        )


def run_handovers(timetable: Timetable, rows: Rows) -> tuple[Rows, Rows]:
    """Pairs of `rows` of runs (places in `rows`) of which the first passes a vector on to the second.

    Along a route each run is paired with the run that brought its first vector; the first run of a transfer
    with those that brought the first vector which it shares with a transfer it depends on.
    """
    carriers = _Carriers(timetable, rows)
    last_hop = np.zeros(len(timetable.transfers["source"]), dtype=np.int64)
    np.maximum.at(last_hop, timetable.runs["transfer"], timetable.runs["hop"])
    waits: dict[int, list[int]] = defaultdict(list)
    for transfer, on in zip(
        timetable.dependencies["transfer"].tolist(), timetable.dependencies["on"].tolist(), strict=True
    ):
        waits[transfer].append(on)
    begin = timetable.transfers["first_vector"].tolist()
    sources, targets = [], []
    for i, (transfer, hop) in enumerate(carriers.keys):
        givers = [(transfer, hop - 1)] if hop else [(on, int(last_hop[on])) for on in waits[transfer]]
        for giver in givers:
            vector = carriers.first_from(i, begin[giver[0]])
            found = carriers.of(giver, vector) if carriers.carries(i, vector) else None
            if found is not None:
                sources.append(found)
                targets.append(i)
    return np.array(sources, dtype=np.int64), np.array(targets, dtype=np.int64)


class _Carriers:
    """Some runs of a timetable, by transfer and hop, to find which of them carries a vector."""

    def __init__(self, timetable: Timetable, rows: Rows) -> None:
        table = {name: column[rows].tolist() for name, column in timetable.runs.items()}
        self.keys: list[tuple[int, int]] = list(zip(table["transfer"], table["hop"], strict=True))
        self._first: list[int] = table["first_vector"]
        self._step: list[int] = table["vector_step"]
        self._count: list[int] = table["vector_count"]
        self._by_hop: dict[tuple[int, int], list[int]] = defaultdict(list)
        for row in sorted(range(len(rows)), key=self._first.__getitem__):
            self._by_hop[self.keys[row]].append(row)
        # Of each run the last vector of all runs up to it, in order of their first.
        self._reach = {
            key: list(accumulate((self._last(row) for row in mine), max))
            for key, mine in self._by_hop.items()
        }

    def _last(self, row: int) -> int:
        return self._first[row] + (self._count[row] - 1) * self._step[row]

    def first_from(self, row: int, vector: int) -> int:
        """The first vector of a run that is `vector` or later; perhaps one after the run's last."""
        first, step = self._first[row], self._step[row]
        return first if vector <= first else first + -(-(vector - first) // step) * step

    def carries(self, row: int, vector: int) -> bool:
        """Whether a run carries a vector."""
        at, rest = divmod(vector - self._first[row], self._step[row])
        return rest == 0 and 0 <= at < self._count[row]

    def of(self, key: tuple[int, int], vector: int) -> int | None:
        """The run of a transfer and hop that carries a vector. Cost: the runs that lie across it."""
        mine, reach = self._by_hop.get(key, []), self._reach.get(key, [])
        place = bisect_right(mine, vector, key=self._first.__getitem__) - 1
        while place >= 0 and reach[place] >= vector:
            if self.carries(mine[place], vector):
                return mine[place]
            place -= 1
        return None
