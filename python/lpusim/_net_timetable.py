"""Timetables as columns, and the proof that one is legal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpusim import _core
from lpusim._arguments import shown
from lpusim._net_common import Columns, core_spec, read_only
from lpusim._net_ports import ChipPorts
from lpusim._net_topology import Topology
from lpusim.errors import ScheduleError


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

    def to_perfetto(
        self, path: str | PathLike[str], *, links: Iterable[int] | None = None, runs_max: int = 100_000
    ) -> Path:
        """Writes a trace for ui.perfetto.dev: a track a link under the chip it leaves, a slice a run.

        Arrows follow vectors: from hop to hop, and from a transfer to those that wait for it. A counter has
        the number of links held. Runs whose slots take turns on one link get tracks of their own.

        Args:
            path: The file, by custom ending in .pftrace; written whole or not at all.
            links: Directed links, rows of `topology.links`; default: all.
            runs_max: Runs written at most, about 150 bytes each.

        Raises:
            lpusim.CapacityError: More runs than that; choose links.
            ValueError: A link that is not there, a row that means nothing. What is not legal is drawn.

        Examples:
            >>> import tempfile
            >>> from lpusim import net
            >>> sent = net.send(Topology.ring(4), 0, 2, size_bytes=640).timetable
            >>> sent.to_perfetto(f"{tempfile.mkdtemp()}/sent.pftrace").name
            'sent.pftrace'
        """
        from lpusim._net_perfetto import write_perfetto

        return write_perfetto(self, path, links=links, runs_max=runs_max)

    def to_chakra(
        self,
        folder: str | PathLike[str],
        *,
        name: str = "lpusim",
        element_bytes: int = 2,
        nodes_max: int = 1_000_000,
    ) -> list[Path]:
        """Writes Chakra execution traces (MLCommons), one file a chip, for simulators that replay messages.

        Each transfer is a send on its source and a receive on its target, paired by `comm_tag`, the
        transfer's number. Where it adds, a computation follows the receive. Sends wait for what the transfer
        depends on. Our own times stand beside as `start_ps` and `duration_ps`: a simulator that replays the
        files finds its own. Two things are lost: routes, which the other simulator chooses, and that a vector
        moves on before the rest of its transfer has arrived, since messages move whole. ASTRA-sim takes
        `FOLDER/NAME` as its workload, and replays computations in the whole microseconds that Chakra has.

        Args:
            folder: Where `NAME.CHIP.et` is written for every chip, those without work included.
            name: What the files are called.
            element_bytes: Bytes of one summed number: `num_ops` counts additions.
            nodes_max: Nodes written at most, in all files.

        Returns:
            The files, by chip.

        Raises:
            lpusim.ScheduleError: The timetable is not legal.
            lpusim.CapacityError: More nodes than that.
            ValueError: Transfers wait for each other in a circle, so that none can move whole.

        Examples:
            >>> import tempfile
            >>> from lpusim import net
            >>> total = net.all_reduce(Topology.ring(4), 1280)
            >>> [path.name for path in total.timetable.to_chakra(tempfile.mkdtemp(), name="sum")]
            ['sum.0.et', 'sum.1.et', 'sum.2.et', 'sum.3.et']

        Source:
            MLCommons Chakra, schema/protobuf/et_def.proto, version 0.0.4.
        """
        from lpusim._net_chakra import write_chakra

        verify(self)
        return write_chakra(self, folder, name=name, element_bytes=element_bytes, nodes_max=nodes_max)

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


@dataclass(frozen=True, slots=True)
class Violation:
    """The first rule that a timetable breaks: least cycle, then rule in the order of `RULES`, then place.

    Everything in earlier cycles is legal. What a rule does not have is None.

    Attributes:
        rule: One of `RULES`.
        cycle: When; None for "never_arrives", which shows only when nothing moves any more.
        link: The directed link, a row of `topology.links`, of the slot that breaks the rule.
        chip: The chip, where a limit of `ChipPorts` is exceeded.
        transfer: Whose vector the slot carries,
        hop: over which hop of its route,
        vector: and which vector it is.
        other_transfer: "link_busy": whose vector holds the link. "before_dependency": what is waited for.
        other_vector: "link_busy": which vector holds the link.
        message: All of it as one sentence.
    """

    rule: str
    cycle: int | None
    link: int | None
    chip: int | None
    transfer: int
    hop: int
    vector: int
    other_transfer: int | None
    other_vector: int | None
    message: str


#: The rules of a timetable, in the order in which violations of one cycle are reported.
RULES = (
    "wrong_target",
    "no_such_vector",
    "sent_twice",
    "wrong_chip",
    "not_arrived",
    "before_release",
    "before_dependency",
    "link_busy",
    "streams_out",
    "streams_in",
    "links_fed",
    "transit_memory",
    "never_arrives",
)
_CHIP_RULES = ("streams_out", "streams_in", "links_fed", "transit_memory")


@dataclass(frozen=True, slots=True)
class Replay:
    """What a timetable came to when it was run cycle by cycle.

    Attributes:
        cycles: When the last vector was in its target's memory.
        slot_count: Slots that started.
        bytes_sent: Payload that left its source.
        bytes_received: Payload that reached its target.
        tick_count: Cycles that were run.
        vectors_out_max: The most vectors that left one chip in one cycle.
        vectors_in_max: The most that came into one chip's memory in one cycle.
        links_fed_max: The most links that one chip's vectors held in one cycle.
        transit_bytes_max: The most that one chip kept of vectors on their way.
    """

    cycles: int
    slot_count: int
    bytes_sent: int
    bytes_received: int
    tick_count: int
    vectors_out_max: int
    vectors_in_max: int
    links_fed_max: int
    transit_bytes_max: int


def verify(timetable: Timetable, *, ports: ChipPorts | None = None) -> Verification:
    """Proves a timetable legal, without knowledge of how it was made.

    No slot is booked twice; no vector leaves a chip before it has arrived there, been released and what it
    depends on is there; every transfer's vectors reach its target exactly once; and no chip's streams, link
    ends or SRAM are exceeded.

    Args:
        timetable: What to prove. Times of any size: runs are met with runs, not vector by vector.
        ports: What each chip can do; default: the first-generation LPU's, with room for every link of a chip
            at once.

    Raises:
        lpusim.ScheduleError: The first violation, in a sentence and as its attribute `violation`.
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
    core, core_ports = _core_arguments("verify", timetable, ports)
    proof = _core.net.prove(timetable.topology._core, core, core_ports)
    _raise_violation(timetable, core, core_ports, proof)
    done = proof.totals
    return Verification(done.cycles, done.slot_count, done.bytes_sent, done.bytes_received)


def replay(timetable: Timetable, *, ports: ChipPorts | None = None) -> Replay:
    """Runs a timetable on the reference network, which ticks every cycle and moves every vector.

    Slow, obvious, and without a line in common with the scheduler and the proof: it agrees with `verify` to
    the cycle, and on the first violation of what is not legal.

    Args:
        timetable: At most 2^24 slots and 2^26 cycles.
        ports: As for `verify`.

    Raises:
        lpusim.ScheduleError: As `verify`, the same violation.
        ValueError: A row that means nothing, or more slots or cycles than that.

    Examples:
        >>> from lpusim import net
        >>> seen = replay(net.send(Topology.ring(4), 0, 2, size_bytes=640).timetable)
        >>> seen.cycles, seen.slot_count, seen.links_fed_max
        (567, 4, 1)
    """
    core, core_ports = _core_arguments("replay", timetable, ports)
    seen = _core.net.replay(timetable.topology._core, core, core_ports)
    _raise_violation(timetable, core, core_ports, seen.proof)
    done = seen.proof.totals
    return Replay(
        cycles=done.cycles,
        slot_count=done.slot_count,
        bytes_sent=done.bytes_sent,
        bytes_received=done.bytes_received,
        tick_count=seen.tick_count,
        vectors_out_max=seen.vectors_out_max,
        vectors_in_max=seen.vectors_in_max,
        links_fed_max=seen.links_fed_max,
        transit_bytes_max=seen.transit_bytes_max,
    )


def core_timetable(timetable: Timetable) -> Any:
    """The core's copy of the columns."""
    return _core.net.Timetable(dict(timetable.transfers), dict(timetable.runs), dict(timetable.dependencies))


def require_timetable(what: str, timetable: Any) -> None:
    """Throws TypeError where `what` was given something else."""
    if not isinstance(timetable, Timetable):
        raise TypeError(f"{what} takes a lpusim.net.Timetable, got {shown(timetable)}")


def _core_arguments(what: str, timetable: Any, ports: ChipPorts | None) -> tuple[Any, Any]:
    require_timetable(what, timetable)
    if ports is None:
        return core_timetable(timetable), _core.net.ports_for(timetable.topology._core)
    if not isinstance(ports, ChipPorts):
        raise TypeError(f"ports must be a lpusim.net.ChipPorts, got {shown(ports)}")
    return core_timetable(timetable), core_spec(ports, _core.net.ChipPorts)


def _raise_violation(timetable: Timetable, core: Any, ports: Any, proof: Any) -> None:
    seen = proof.violation
    if seen is None:
        return
    message = _core.net.violation_text(timetable.topology._core, core, ports, seen)
    error = ScheduleError(message)
    error.violation = Violation(
        rule=seen.rule,
        cycle=None if seen.is_at_end else seen.cycle,
        link=_or_none(seen.link),
        chip=seen.place if seen.rule in _CHIP_RULES else None,
        transfer=seen.transfer,
        hop=seen.hop,
        vector=seen.vector,
        other_transfer=_or_none(seen.other_transfer),
        other_vector=_or_none(seen.other_vector),
        message=message,
    )
    raise error


def _or_none(index: int) -> int | None:
    return None if index < 0 else index
