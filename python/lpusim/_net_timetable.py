"""Timetables as columns, and the proof that one is legal."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpusim import _core
from lpusim._arguments import shown
from lpusim._net_common import Columns, read_only
from lpusim._net_topology import Topology


@dataclass(frozen=True, eq=False)
class Timetable:
    """Which vector holds which link when. Plain int64 columns, one row an entry, read-only.

    Attributes:
        topology: The links that are booked.
        transfers: `source`, `target`, `first_vector`, `vector_count`, `release_cycle`,
            `release_period_cycles` (vector first_vector + i exists at release_cycle + i *
            release_period_cycles) and `adds` (1: what arrives is added to what is there, 0: it replaces it).
            Row i is transfer i.
        runs: `transfer`, `hop` (from 0 along the route), `link` (a row of `topology.links`), `first_vector`,
            `vector_step`, `vector_count`, `start_cycle`, `period_cycles`: vector first_vector +
            i * vector_step starts at start_cycle + i * period_cycles.
        dependencies: `transfer`, `on`, `delay_cycles`: a vector of `transfer` leaves no earlier than
            `delay_cycles` after the same vector of `on` has arrived.
    """

    topology: Topology
    transfers: Columns = field(repr=False)
    runs: Columns = field(repr=False)
    dependencies: Columns = field(repr=False)

    def with_runs(self, **columns: Any) -> Timetable:
        """The same timetable with some columns of `runs` replaced: to try what is still legal."""
        unknown = sorted(set(columns) - set(self.runs))
        if unknown:
            raise ValueError(f"runs have no column {unknown[0]!r}; they have {', '.join(self.runs)}")
        runs = dict(self.runs)
        for name, values in columns.items():
            column = np.array(values)
            if column.dtype.kind != "i" and column.size:
                raise TypeError(f"runs.{name} must hold integers, got {column.dtype}")
            runs[name] = column.astype(np.int64)
        return Timetable(self.topology, self.transfers, read_only(runs), self.dependencies)

    @property
    def link_busy_cycles(self) -> NDArray[np.int64]:
        """Cycles each directed link is held."""
        vectors = np.zeros(self.topology.directed_link_count, dtype=np.int64)
        np.add.at(vectors, self.runs["link"], self.runs["vector_count"])
        return vectors * self.topology.links["vector_cycles"]


@dataclass(frozen=True, slots=True)
class Verification:
    """What a legal timetable amounts to.

    Attributes:
        cycles: When the last vector is in its target's memory.
        slot_count: Slots booked, one a vector and hop.
        bytes_sent: Payload that left its source.
        bytes_received: Payload that reached its target; equal to `bytes_sent`.
    """

    cycles: int
    slot_count: int
    bytes_sent: int
    bytes_received: int


def verify(timetable: Timetable) -> Verification:
    """Proves a timetable legal, without knowledge of how it was made.

    No slot is booked twice; no vector leaves a chip before it has arrived there, been released and what it
    depends on is there; every transfer's vectors reach its target exactly once.

    Raises:
        lpusim.ScheduleError: The first violation, with transfers, link, chips and cycles.
        ValueError: A row that means nothing.

    Examples:
        >>> from lpusim import net
        >>> legal = net.send(Topology.ring(4), 0, 2, size_bytes=640).timetable
        >>> verify(legal).cycles
        567
        >>> verify(legal.with_runs(start_cycle=[0, 269]))
        Traceback (most recent call last):
        ...
        lpusim.errors.ScheduleError: vector 0 of transfer 0 (chip 0 to chip 2) leaves chip 1 at cycle 269 \
on link 3 (chip 1 to chip 2), but arrives there only at cycle 270
    """
    if not isinstance(timetable, Timetable):
        raise TypeError(f"verify takes a lpusim.net.Timetable, got {shown(timetable)}")
    core = _core.net.Timetable(dict(timetable.transfers), dict(timetable.runs), dict(timetable.dependencies))
    done = _core.net.verify(timetable.topology._core, core)
    return Verification(done.cycles, done.slot_count, done.bytes_sent, done.bytes_received)
