"""Who hands which vectors to whom in a timetable: over the hops of a route, and from transfer to transfer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
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
    """Pairs of `rows` of runs of which the first passes a vector on to the second.

    Along a route each run is paired with the run that brought its first vector; the first run of a transfer
    with those that brought the first vector which it shares with a transfer it depends on.
    """
    runs = timetable.runs
    table = {name: column[rows].tolist() for name, column in runs.items()}
    by_hop: dict[tuple[int, int], list[int]] = defaultdict(list)
    for i, key in enumerate(zip(table["transfer"], table["hop"], strict=True)):
        by_hop[key].append(i)
    last_hop: dict[int, int] = {}
    for transfer, hop in by_hop:
        last_hop[transfer] = max(hop, last_hop.get(transfer, 0))
    waits: dict[int, list[int]] = defaultdict(list)
    for transfer, on in zip(
        timetable.dependencies["transfer"].tolist(), timetable.dependencies["on"].tolist(), strict=True
    ):
        waits[transfer].append(on)
    begin = timetable.transfers["first_vector"].tolist()
    sources, targets = [], []
    for i, (transfer, hop) in enumerate(zip(table["transfer"], table["hop"], strict=True)):
        givers = [(transfer, hop - 1)] if hop else [(on, last_hop.get(on, 0)) for on in waits[transfer]]
        for giver in givers:
            vector = _first_from(table, i, begin[giver[0]])
            found = next((row for row in by_hop.get(giver, ()) if _carries(table, row, vector)), None)
            if found is not None:
                sources.append(found)
                targets.append(i)
    return np.array(sources, dtype=np.int64), np.array(targets, dtype=np.int64)


def _first_from(table: Mapping[str, list[int]], row: int, vector: int) -> int:
    """The first vector of a run that is `vector` or later; perhaps one after the run's last."""
    first, step = table["first_vector"][row], table["vector_step"][row]
    return first if vector <= first else first + -(-(vector - first) // step) * step


def _carries(table: Mapping[str, list[int]], row: int, vector: int) -> bool:
    at, rest = divmod(vector - table["first_vector"][row], table["vector_step"][row])
    return rest == 0 and 0 <= at < table["vector_count"][row]
