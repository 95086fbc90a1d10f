"""The fabric: how chips are wired, when each vector crosses each link, what a collective costs.

Links carry whole vectors in slots given out ahead of time; nothing arbitrates or waits at run time. All times
are whole cycles of the chip clock.

Examples:
    >>> from lpusim import net
    >>> node = net.Topology.node(8)
    >>> net.send(node, 0, 1, size_bytes=320).cycles
    270
    >>> sum_ = net.all_reduce(node, 65_536)
    >>> sum_.cycles, sum_.algorithm
    (1647, 'tree')
    >>> net.verify(sum_.timetable).cycles
    1647
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpusim import _core
from lpusim._arguments import shown, whole_number

__all__ = [
    "Collective",
    "LinkSpec",
    "LpxWiring",
    "ReduceCost",
    "Timetable",
    "Topology",
    "Verification",
    "all_gather",
    "all_reduce",
    "broadcast",
    "reduce_scatter",
    "schedule",
    "send",
    "verify",
]

Columns = Mapping[str, NDArray[np.int64]]


def _core_spec(spec: Any, core_type: Any) -> Any:
    """The core's struct with the fields of the frozen `spec`."""
    core = core_type()
    for row in core_type.fields():
        name = f"{type(spec).__name__}.{row['name']}"
        value = whole_number(name, getattr(spec, row["name"]), int(row["min"]), int(row["max"]))
        setattr(core, row["name"], value)
    return core


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSpec:
    """One link in one direction; all links of a topology are alike.

    A vector that starts at cycle t holds the link for `vector_cycles` and is in the far chip's memory at
    t + `hop_cycles`. The hop is memory to memory and contains the wire, both link ends and the vector itself.

    Attributes:
        vector_bytes: Payload of one vector. Sizes round up to whole vectors.
        vector_cycles: Cycles between two vectors on one link in one direction.
        hop_cycles: Cycles from the start of a vector's slot to the vector in the far memory.
        clock_hz: The chip clock whose cycles are counted.

    Source:
        The defaults are the first-generation LPU's: 320-byte vectors (ISCA'20), 300 ns a hop and, from
        235 GB/s a chip and 853 GB/s bisection, 27 cycles a vector (SHIP, MLSys 2026), at 900 MHz.
    """

    vector_bytes: int = 320
    vector_cycles: int = 27
    hop_cycles: int = 270
    clock_hz: int = 900_000_000

    def __post_init__(self) -> None:
        _core_spec(self, _core.net.LinkSpec)

    @classmethod
    def for_chip(cls, chip: str) -> LinkSpec:
        """The link of a chip preset, its times rounded up to whole cycles of the preset's clock.

        Raises:
            ValueError: Unknown preset, or one without links.

        Examples:
            >>> LinkSpec.for_chip("groq-lpu-v1") == LinkSpec()
            True
        """
        from lpusim._presets import load_chip

        preset = load_chip(chip)
        if "link" not in preset.sections:
            raise ValueError(f"the preset {preset.name!r} has no links of its own")
        core = _core.net.link_from_ps(
            preset.value("link.vector_bytes"),
            preset.value("link.vector_ps"),
            preset.value("link.hop_ps"),
            preset.value("chip.clock_hz"),
        )
        return cls(**{row["name"]: getattr(core, row["name"]) for row in _core.net.LinkSpec.fields()})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReduceCost:
    """What a chip needs to add received vectors to its own. Zero means that adding is free.

    Attributes:
        first_cycles: Cycles from a sum's last operand to the sum ready to leave.
        cycles_per_vector: Cycles between two received vectors the chip can add, whichever link they came by.
    """

    first_cycles: int = 0
    cycles_per_vector: int = 0

    def __post_init__(self) -> None:
        _core_spec(self, _core.net.ReduceCost)


@dataclass(frozen=True, slots=True, kw_only=True)
class LpxWiring:
    """How the 96 links of a chip are spread in an LPX system. Assumed: only their number is published.

    Attributes:
        links_per_chip: Ports of one chip (published: 96).
        tray_links: Links to each of the 7 other chips of the tray.
        rail_links: Links to the chip in the same position of each other tray of the rack.
        rack_links: Links of a chip that leave its rack, shared among the other racks.

    Source:
        Our assumption: with 8 to 1 an all-reduce over a rack, first in trays, then along rails, loads both
        kinds of link alike.
    """

    links_per_chip: int = 96
    tray_links: int = 8
    rail_links: int = 1
    rack_links: int = 9

    def __post_init__(self) -> None:
        _core_spec(self, _core.net.LpxWiring)


class Topology:
    """Chips and the links between them. Made by one of the class methods; immutable.

    The last node or tray may be partly filled: any number of chips from 1 up is a machine.

    Examples:
        >>> ring = Topology.quadfour(9)
        >>> ring.chip_count, ring.diameter, ring.link_count
        (72, 3, 396)
        >>> round(ring.bisection_bytes_per_s / 1e9, 1)
        853.3
    """

    def __init__(self, core: Any) -> None:
        """Wraps the core's topology; use a class method instead."""
        self._core = core

    @classmethod
    def _make(cls, kind: str, chip_count: int, link: LinkSpec) -> Topology:
        chip_count = _integer("chips", chip_count)
        return cls(_core.net.Topology.make(kind, chip_count, _core_spec(link, _core.net.LinkSpec)))

    @classmethod
    def node(cls, chips: int = 8, *, link: LinkSpec | None = None) -> Topology:
        """All chips directly connected, one link a pair (ISCA'22: 8 chips, 28 links)."""
        return cls._make("node", chips, link or LinkSpec())

    @classmethod
    def ring(cls, chips: int, *, link: LinkSpec | None = None) -> Topology:
        """Chips in a cycle, one link to each neighbour."""
        return cls._make("ring", chips, link or LinkSpec())

    @classmethod
    def quadfour(
        cls, nodes: int | None = None, *, chips: int | None = None, link: LinkSpec | None = None
    ) -> Topology:
        """A ring of 8-chip nodes, each linked to the 4 nodes before and after it, 4 links each.

        Below 9 nodes a node's 32 outer links are shared evenly among all others.

        Args:
            nodes: Whole nodes; or else
            chips: Chips, with the last node partly filled where they are not a multiple of 8.
            link: Default: the first-generation LPU's.

        Source:
            SHIP (MLSys 2026). Which chip of a node holds which outer link is assumed.
        """
        return cls._make("quadfour", _chips_of("nodes", nodes, 8, chips), link or LinkSpec())

    @classmethod
    def lpx(
        cls,
        racks: int | None = None,
        *,
        chips: int | None = None,
        link: LinkSpec | None = None,
        wiring: LpxWiring | None = None,
    ) -> Topology:
        """LPX trays of 8 chips, racks of 32 trays, several racks; the wiring is assumed (`LpxWiring`).

        Args:
            racks: Whole racks of 256 chips; or else
            chips: Chips: 8 for a tray, 256 for a rack, any number.
            link: Default: that of the `lp30` preset.
            wiring: How each chip's 96 links are spread.
        """
        link = link or LinkSpec.for_chip("lp30")
        return cls(
            _core.net.Topology.lpx(
                _chips_of("racks", racks, 256, chips),
                _core_spec(link, _core.net.LinkSpec),
                _core_spec(wiring or LpxWiring(), _core.net.LpxWiring),
            )
        )

    @classmethod
    def from_edges(
        cls,
        edges: Iterable[Sequence[int]],
        *,
        chips: int | None = None,
        link: LinkSpec | None = None,
        name: str = "edges",
    ) -> Topology:
        """Any connected graph.

        Args:
            edges: `(a, b)` or `(a, b, parallel links)`; every link carries both directions.
            chips: Default: one more than the largest chip named.
            link: Default: the first-generation LPU's.
            name: What errors call it.

        Raises:
            ValueError: A self loop, an unknown chip, a count below 1, or a graph that is not connected.

        Examples:
            >>> Topology.from_edges([(0, 1), (1, 2, 4)]).link_count
            5
        """
        rows = []
        for i, edge in enumerate(edges):
            row = tuple(edge)
            if len(row) not in (2, 3) or not all(isinstance(v, int | np.integer) for v in row):
                raise ValueError(f"edges[{i}] must be (a, b) or (a, b, links) of integers, got {edge!r}")
            if not all(-(2**31) <= v < 2**31 for v in row):
                raise ValueError(f"edges[{i}] must hold 32-bit integers, got {edge!r}")
            rows.append((int(row[0]), int(row[1]), int(row[2]) if len(row) == 3 else 1))
        if chips is None:
            chips = max((max(a, b) for a, b, _ in rows), default=0) + 1
        return cls(_core.net.Topology(name, chips, rows, _core_spec(link or LinkSpec(), _core.net.LinkSpec)))

    @classmethod
    def named(cls, kind: str, chips: int, *, link: LinkSpec | None = None) -> Topology:
        """The topology that a chip preset names: "node", "ring", "quadfour" or "lpx"."""
        return (
            cls.lpx(chips=chips, link=link) if kind == "lpx" else cls._make(kind, chips, link or LinkSpec())
        )

    @property
    def name(self) -> str:
        """Kind and number of chips."""
        return str(self._core.name)

    @property
    def link(self) -> LinkSpec:
        """What every link is."""
        core = self._core.link
        return LinkSpec(**{row["name"]: getattr(core, row["name"]) for row in _core.net.LinkSpec.fields()})

    @property
    def chip_count(self) -> int:
        """Chips; their ids are 0 to `chip_count` - 1."""
        return int(self._core.chip_count)

    @property
    def link_count(self) -> int:
        """Links, each counted once although it carries both directions."""
        return int(self._core.link_count)

    @property
    def directed_link_count(self) -> int:
        """Links with each direction counted: twice `link_count`."""
        return int(self._core.directed_link_count)

    @property
    def links_per_chip_max(self) -> int:
        """The most links that end at one chip."""
        return int(self._core.links_per_chip_max)

    @cached_property
    def diameter(self) -> int:
        """The longest of all shortest paths, in hops (breadth-first search from every chip)."""
        return int(self._core.diameter())

    @cached_property
    def bisection_bytes_per_s(self) -> float:
        """Bytes a second in one direction across the narrowest cut into two halves of whole nodes.

        The cuts tried are all arcs of consecutive nodes, and the halves of every node. On symmetric machines
        the true minimum is among them; elsewhere this is an upper bound of it.
        """
        return float(self._core.bisection_bytes_per_s())

    @cached_property
    def links(self) -> Columns:
        """Columns `source` and `target`: the two chips of each directed link."""
        source, target = self._core.link_ends()
        return _read_only({"source": source, "target": target})

    def distances(self, source: int) -> NDArray[np.int64]:
        """Fewest hops from chip `source` to every chip."""
        return np.asarray(self._core.distances(source))

    def __repr__(self) -> str:
        return f"<Topology {self.name}: {self.chip_count} chips, {self.link_count} links>"


def _chips_of(what: str, count: int | None, chips_each: int, chips: int | None) -> int:
    if (count is None) == (chips is None):
        raise ValueError(f"give either {what} or chips")
    if count is None:
        assert chips is not None
        return _integer("chips", chips)
    return _integer(what, count) * chips_each


def _integer(name: str, value: Any) -> int:
    return whole_number(name, value, -(2**40), 2**40)


def _read_only(columns: dict[str, NDArray[np.int64]]) -> Columns:
    for column in columns.values():
        column.flags.writeable = False
    return columns


@dataclass(frozen=True, eq=False)
class Timetable:
    """Which vector holds which link when. Plain int64 columns, one row an entry, read-only.

    Attributes:
        topology: The links that are booked.
        transfers: `source`, `target`, `first_vector`, `vector_count`, `release_cycle` and `adds` (1: what
            arrives is added to what is there, 0: it replaces it). Row i is transfer i.
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
        return Timetable(self.topology, self.transfers, _read_only(runs), self.dependencies)

    @property
    def link_busy_cycles(self) -> NDArray[np.int64]:
        """Cycles each directed link is held."""
        busy = np.zeros(self.topology.directed_link_count, dtype=np.int64)
        np.add.at(busy, self.runs["link"], self.runs["vector_count"] * self.topology.link.vector_cycles)
        return busy


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


@dataclass(frozen=True, eq=False)
class Collective:
    """An operation, what it takes, and how.

    Attributes:
        operation: "all_reduce", "send", ...
        algorithm: "tree", "exchange" or "ring".
        topology: Where it runs.
        chip_count: Chips that take part.
        size_bytes: As asked.
        vector_count: That size in whole vectors.
        cycles: From the first slot to the last vector in memory, summed where the operation sums.
    """

    operation: str
    algorithm: str
    topology: Topology
    chip_count: int
    size_bytes: int
    vector_count: int
    cycles: int
    _record: Callable[[], Any] = field(repr=False)

    @property
    def time_s(self) -> float:
        """`cycles` in seconds of the link's clock."""
        return self.cycles / self.topology.link.clock_hz

    @property
    def bytes_per_s(self) -> float:
        """`size_bytes` over `time_s`; infinite where nothing has to move."""
        return self.size_bytes / self.time_s if self.cycles else math.inf

    @cached_property
    def timetable(self) -> Timetable:
        """Every slot of every link, worked out when first asked for."""
        core = self._record().timetable
        return Timetable(
            self.topology,
            _read_only(core.transfers()),
            _read_only(core.runs()),
            _read_only(core.dependencies()),
        )


def _collective(
    operation: str, topology: Topology, chip_count: int, size_bytes: int, call: Callable[[bool], Any]
) -> Collective:
    core = call(False)
    return Collective(
        operation=operation,
        algorithm=core.algorithm,
        topology=topology,
        chip_count=chip_count,
        size_bytes=size_bytes,
        vector_count=core.vector_count,
        cycles=core.cycles,
        _record=lambda: call(True),
    )


def _group(topology: Topology, chips: Iterable[int] | None) -> list[int]:
    _require_topology(topology)
    if chips is None:
        return list(range(topology.chip_count))
    group = [_integer("a chip of the group", chip) for chip in chips]
    if not group:
        raise ValueError("chips must name at least one chip, or be None for all")
    for chip in group:
        _require_chip("a chip of the group", chip, topology)
    return group


def _require_topology(topology: Any) -> None:
    if not isinstance(topology, Topology):
        raise TypeError(f"topology must be a lpusim.net.Topology, got {shown(topology)}")


def _require_chip(what: str, chip: int, topology: Topology) -> None:
    _require_topology(topology)
    if not 0 <= chip < topology.chip_count:
        raise ValueError(
            f"{what} must be a chip of {topology.name}, 0 to {topology.chip_count - 1}, got {chip}"
        )


def _size(size_bytes: Any) -> int:
    return whole_number("size_bytes", size_bytes, 1, 2**62 - 1)


def all_reduce(
    topology: Topology,
    size_bytes: int,
    *,
    chips: Iterable[int] | None = None,
    reduce: ReduceCost | None = None,
    algorithm: str = "automatic",
) -> Collective:
    """Every chip ends with the sum of all chips' buffers.

    Args:
        topology: Where. Nothing else runs on its links meanwhile.
        size_bytes: Of one buffer.
        chips: The group; default: all. Groups that are connected among themselves use no other links.
        reduce: What adding costs; default: nothing.
        algorithm: "tree" (sum along shortest-path trees to each shard's owner, and back; in a full mesh:
            reduce-scatter and all-gather over direct links), "exchange" (everybody sends everything), "ring",
            or "automatic", the one with the fewest cycles.

    Raises:
        ValueError: A size below 1, an unknown chip, one named twice, an unknown algorithm.

    Examples:
        >>> all_reduce(Topology.quadfour(9), 16_384).cycles
        1809
        >>> all_reduce(Topology.node(8), 16_384, chips=[3]).cycles
        0
    """
    size, group = _size(size_bytes), _group(topology, chips)
    cost = _core_spec(reduce or ReduceCost(), _core.net.ReduceCost)
    chosen = algorithm

    def call(record: bool) -> Any:
        return _core.net.all_reduce(topology._core, group, size, cost, chosen, record)

    result = _collective("all_reduce", topology, len(group), size, call)
    # The timetable need not search again.
    chosen = result.algorithm
    return result


def reduce_scatter(
    topology: Topology,
    size_bytes: int,
    *,
    chips: Iterable[int] | None = None,
    reduce: ReduceCost | None = None,
) -> Collective:
    """Each chip ends with the sum of its own shard of all chips' buffers of `size_bytes`."""
    size, group = _size(size_bytes), _group(topology, chips)
    cost = _core_spec(reduce or ReduceCost(), _core.net.ReduceCost)
    return _collective(
        "reduce_scatter",
        topology,
        len(group),
        size,
        lambda record: _core.net.reduce_scatter(topology._core, group, size, cost, record),
    )


def all_gather(topology: Topology, size_bytes: int, *, chips: Iterable[int] | None = None) -> Collective:
    """Each chip has one shard of a buffer of `size_bytes` and ends with all of it."""
    size, group = _size(size_bytes), _group(topology, chips)
    return _collective(
        "all_gather",
        topology,
        len(group),
        size,
        lambda record: _core.net.all_gather(topology._core, group, size, record),
    )


def broadcast(
    topology: Topology, source: int, size_bytes: int, *, chips: Iterable[int] | None = None
) -> Collective:
    """Chip `source` sends a buffer of `size_bytes` to all other chips of the group."""
    size, group = _size(size_bytes), _group(topology, chips)
    _require_chip("source", _integer("source", source), topology)
    return _collective(
        "broadcast",
        topology,
        len(set(group) | {source}),
        size,
        lambda record: _core.net.broadcast(topology._core, source, group, size, record),
    )


def send(topology: Topology, source: int, target: int, *, size_bytes: int) -> Collective:
    """One chip to another over a route of fewest hops, on all its parallel links.

    Examples:
        >>> ring = Topology.ring(6)
        >>> send(ring, 0, 3, size_bytes=3_200).cycles  # Three hops, and nine more slots.
        1053
    """
    size = _size(size_bytes)
    _require_chip("source", _integer("source", source), topology)
    _require_chip("target", _integer("target", target), topology)
    return _collective(
        "send",
        topology,
        2,
        size,
        lambda record: _core.net.send(topology._core, source, target, size, record),
    )


def schedule(topology: Topology, requests: Iterable[Sequence[int]]) -> Collective:
    """Any messages in one timetable, booked in the order given over routes of fewest hops.

    Args:
        topology: Where.
        requests: `(source, target, size_bytes)` or `(source, target, size_bytes, release_cycle)`.

    Returns:
        A `Collective` whose timetable's transfer i is request i.
    """
    _require_topology(topology)
    rows = []
    for i, request in enumerate(requests):
        row = [_integer(f"requests[{i}]", value) for value in request]
        if len(row) not in (3, 4):
            raise ValueError(
                f"requests[{i}] must be (source, target, size_bytes[, release_cycle]), got {request!r}"
            )
        _require_chip(f"requests[{i}].source", row[0], topology)
        _require_chip(f"requests[{i}].target", row[1], topology)
        rows.append((row[0], row[1], row[2], row[3] if len(row) == 4 else 0))
    return _collective(
        "schedule",
        topology,
        len({chip for row in rows for chip in row[:2]}),
        sum(row[2] for row in rows),
        lambda record: _core.net.schedule(topology._core, rows, record),
    )


def verify(timetable: Timetable) -> Verification:
    """Proves a timetable legal, without knowledge of how it was made.

    No slot is booked twice; no vector leaves a chip before it has arrived there, been released and what it
    depends on is there; every transfer's vectors reach its target exactly once.

    Raises:
        lpusim.ScheduleError: The first violation, with transfers, link, chips and cycles.
        ValueError: A row that means nothing.

    Examples:
        >>> legal = send(Topology.ring(4), 0, 2, size_bytes=640).timetable
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
