"""What moves between chips: sums, copies, messages; each as a timetable with exact cycles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lpusim import _core
from lpusim._arguments import shown, whole_number
from lpusim._net_common import core_spec, integer, read_only
from lpusim._net_timetable import Timetable
from lpusim._net_topology import Topology


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
        core_spec(self, _core.net.ReduceCost)


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
            read_only(core.transfers()),
            read_only(core.runs()),
            read_only(core.dependencies()),
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
        return [int(chip) for chip in topology.up_chips]
    group = [integer("a chip of the group", chip) for chip in chips]
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
        chips: The group; default: all that are up. Groups that are connected among themselves use no other
            links.
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
    cost = core_spec(reduce or ReduceCost(), _core.net.ReduceCost)
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
    cost = core_spec(reduce or ReduceCost(), _core.net.ReduceCost)
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
    _require_chip("source", integer("source", source), topology)
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
    _require_chip("source", integer("source", source), topology)
    _require_chip("target", integer("target", target), topology)
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
        row = [integer(f"requests[{i}]", value) for value in request]
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
