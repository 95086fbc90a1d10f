"""Sums and copies over a group of chips; each as a timetable with exact cycles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from numpy.typing import ArrayLike, NDArray

from lpusim import _core
from lpusim._arguments import shown, whole_number
from lpusim._net_collective_values import run_collective
from lpusim._net_common import core_spec, integer, read_only
from lpusim._net_timetable import Timetable, Verification
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """How every chip makes what it contributes: vector i exists at `first_cycle` + i * `period_cycles`.

    A transfer starts when its first vector exists, so communication overlaps the computation that makes the
    rest.

    Attributes:
        first_cycle: When the first vector exists.
        period_cycles: Cycles from one vector to the next; 0: all exist at once.
    """

    first_cycle: int = 0
    period_cycles: int = 0

    def __post_init__(self) -> None:
        core_spec(self, _core.net.Production)


@dataclass(frozen=True, eq=False)
class Collective:
    """An operation, what it takes, and how.

    Attributes:
        operation: "all_reduce", "send", ...
        algorithm: The one used: "two_phase", "exchange", "tree", "hierarchical" or "ring"; of messages,
            "minimal" or "spread".
        topology: Where it runs.
        chips: Those that take part, in the order of the group; where one sends to all others or gets
            from them, it comes first.
        size_bytes: As asked.
        vector_count: That size in whole vectors.
        cycles: From cycle 0 to the last vector in memory, summed where the operation sums.
        turn_count: More than 1: the machine's symmetry was used, and one turn of so many was scheduled.
    """

    operation: str
    algorithm: str
    topology: Topology
    chips: tuple[int, ...]
    size_bytes: int
    vector_count: int
    cycles: int
    turn_count: int
    _record: Callable[[], Any] = field(repr=False)

    @property
    def chip_count(self) -> int:
        """How many take part."""
        return len(self.chips)

    @property
    def time_s(self) -> float:
        """`cycles` in seconds of the link's clock."""
        return self.cycles / self.topology.link.clock_hz

    @property
    def bytes_per_s(self) -> float:
        """`size_bytes` over `time_s`; infinite where nothing has to move."""
        return self.size_bytes / self.time_s if self.cycles else math.inf

    @cached_property
    def _recorded(self) -> Any:
        return self._record()

    @cached_property
    def timetable(self) -> Timetable:
        """Every slot of every link, worked out when first asked for.

        Raises:
            lpusim.CapacityError: More than 2^25 rows; `one_turn` has those of one turn.
        """
        core = self._recorded
        return timetable_of(
            self.topology, core.timetable if self.turn_count == 1 else core.expand(self.topology._core)
        )

    @cached_property
    def one_turn(self) -> Timetable:
        """The rows that stand for all turns: adding a step of chips to every chip gives those of the next.

        The whole timetable where no symmetry was used. Where pieces of one class differ by a vector, rows
        are those of the largest.
        """
        return timetable_of(self.topology, self._recorded.timetable)

    def run(
        self, values: Mapping[int, ArrayLike] | ArrayLike, *, carried: str | None = None, threads: int = 1
    ) -> dict[int, NDArray[Any]]:
        """Runs the operation with data: what every chip of it has in the end, to the bit.

        Args:
            values: Of "all_reduce" and "reduce_scatter", by chip its buffer, or an array with a row a chip of
                the group. Of "all_gather", by chip its shard. Of "broadcast" and "multicast", the buffer.
            carried: As for `net.run`; `size_bytes` is that of a buffer as it is carried.
            threads: How many work.

        Returns:
            By chip its sum, its shard of the sum, or the buffer. Sums are in the order of the plan: see
            `net.run`. Where everybody sends everything, each chip adds in the order of the group.

        Raises:
            ValueError: Another operation, or arrays that are not what it was made for.

        Examples:
            >>> import numpy as np
            >>> sum_ = all_reduce(Topology.node(4), 4000)
            >>> sums = sum_.run(np.arange(4000, dtype=np.float32).reshape(4, 1000))
            >>> sum_.algorithm, sums[2][:3]
            ('exchange', array([6000., 6004., 6008.], dtype=float32))
        """
        return run_collective(self, values, carried, threads)

    def verify(self) -> Verification:
        """Proves all turns legal without expanding them; the same as `net.verify(self.timetable)`.

        Raises:
            lpusim.ScheduleError: The first violation.

        Examples:
            >>> machine = Topology.quadfour(72)
            >>> sum_ = all_reduce(machine, 1 << 20)
            >>> sum_.turn_count, sum_.verify().cycles == sum_.cycles
            (72, True)
        """
        done = self._recorded.verify(self.topology._core)
        return Verification(done.cycles, done.slot_count, done.bytes_sent, done.bytes_received)


def timetable_of(topology: Topology, core: Any) -> Timetable:
    """The core's timetable as columns."""
    return Timetable(
        topology,
        read_only(core.transfers()),
        read_only(core.runs()),
        read_only(core.dependencies()),
    )


def collective(
    operation: str,
    topology: Topology,
    chips: Iterable[int],
    size_bytes: int,
    call: Callable[[str | None], Any],
) -> Collective:
    """The result of `call(None)`; `call(algorithm)` does that algorithm again and writes it down."""
    core = call(None)
    algorithm = core.algorithm
    return Collective(
        operation=operation,
        algorithm=algorithm,
        topology=topology,
        chips=tuple(chips),
        size_bytes=size_bytes,
        vector_count=core.vector_count,
        cycles=core.cycles,
        turn_count=core.turn_count,
        _record=lambda: call(algorithm),
    )


def how(chosen: str, made: Production | None, symmetry: str, recorded: str | None) -> tuple[Any, ...]:
    """What every call of the core takes: the algorithm, when it is made, symmetry, write down or not."""
    if made is not None and not isinstance(made, Production):
        raise TypeError(f"made must be a lpusim.net.Production, got {shown(made)}")
    production = core_spec(made or Production(), _core.net.Production)
    return chosen if recorded is None else recorded, production, symmetry, recorded is not None


def group_of(topology: Topology, chips: Iterable[int] | None) -> list[int]:
    """The chips asked for; all that are up for None."""
    require_topology(topology)
    if chips is None:
        return [int(chip) for chip in topology.endpoints]
    group = [integer("a chip of the group", chip) for chip in chips]
    if not group:
        raise ValueError("chips must name at least one chip, or be None for all")
    for chip in group:
        require_chip("a chip of the group", chip, topology)
    return group


def rooted(root: int, group: Iterable[int]) -> list[int]:
    """The chip that sends to all or gets from all, and then the others."""
    return [root, *(chip for chip in group if chip != root)]


def require_topology(topology: Any) -> None:
    """Raises TypeError unless it is one."""
    if not isinstance(topology, Topology):
        raise TypeError(f"topology must be a lpusim.net.Topology, got {shown(topology)}")


def require_chip(what: str, chip: int, topology: Topology) -> None:
    """Raises ValueError naming `what` unless it is a chip there."""
    require_topology(topology)
    if not 0 <= chip < topology.chip_count:
        raise ValueError(
            f"{what} must be a chip of {topology.name}, 0 to {topology.chip_count - 1}, got {chip}"
        )


def size_of(size_bytes: Any) -> int:
    """A size of at least one byte."""
    return whole_number("size_bytes", size_bytes, 1, 2**62 - 1)


def all_reduce(
    topology: Topology,
    size_bytes: int,
    *,
    chips: Iterable[int] | None = None,
    reduce: ReduceCost | None = None,
    algorithm: str = "automatic",
    made: Production | None = None,
    symmetry: str = "automatic",
) -> Collective:
    """Every chip ends with the sum of all chips' buffers.

    Args:
        topology: Where. Nothing else runs on its links meanwhile.
        size_bytes: Of one buffer.
        chips: The group; default: all that are up. Groups that are connected among themselves use no other
            links.
        reduce: What adding costs; default: nothing.
        algorithm: "two_phase" (each shard is summed along a shortest-path tree to its owner and spread back;
            in a full mesh: reduce-scatter and all-gather over direct links), "exchange" (everybody sends
            everything), "tree" (one tree to a chip in the middle, and back), "hierarchical" (shards in the
            node, their shards among nodes, theirs among racks), "ring", or "automatic", the one with the
            fewest cycles.
        made: When each chip's buffer exists, vector by vector; default: all at cycle 0.
        symmetry: "automatic" (what is the same all round the machine is scheduled once, where that saves
            much: beyond 512 chips), "used" wherever there is a symmetry, "ignored".

    Raises:
        ValueError: A size below 1, an unknown chip, one named twice, an unknown algorithm, "hierarchical"
            for a group without two levels of equal parts.

    Examples:
        >>> all_reduce(Topology.quadfour(9), 16_384).cycles
        1809
        >>> all_reduce(Topology.node(8), 16_384, chips=[3]).cycles
        0
        >>> all_reduce(Topology.node(8), 320, made=Production(first_cycle=1000)).cycles
        1270
    """
    size, group = size_of(size_bytes), group_of(topology, chips)
    cost = core_spec(reduce or ReduceCost(), _core.net.ReduceCost)
    return collective(
        "all_reduce",
        topology,
        group,
        size,
        lambda again: _core.net.all_reduce(
            topology._core, group, size, cost, how(algorithm, made, symmetry, again)
        ),
    )


def reduce_scatter(
    topology: Topology,
    size_bytes: int,
    *,
    chips: Iterable[int] | None = None,
    reduce: ReduceCost | None = None,
    algorithm: str = "automatic",
    made: Production | None = None,
    symmetry: str = "automatic",
) -> Collective:
    """Each chip ends with the sum of its own shard of all chips' buffers of `size_bytes`.

    The i-th chip of the group owns the i-th shard. Algorithms: "two_phase" (a tree a shard), "ring",
    "automatic". Other arguments as for `all_reduce`.

    Examples:
        >>> reduce_scatter(Topology.node(8), 8 * 320).cycles
        270
    """
    size, group = size_of(size_bytes), group_of(topology, chips)
    cost = core_spec(reduce or ReduceCost(), _core.net.ReduceCost)
    return collective(
        "reduce_scatter",
        topology,
        group,
        size,
        lambda again: _core.net.reduce_scatter(
            topology._core, group, size, cost, how(algorithm, made, symmetry, again)
        ),
    )


def all_gather(
    topology: Topology,
    size_bytes: int,
    *,
    chips: Iterable[int] | None = None,
    algorithm: str = "automatic",
    made: Production | None = None,
    symmetry: str = "automatic",
) -> Collective:
    """Each chip has one shard of a buffer of `size_bytes` and ends with all of it.

    Algorithms: "two_phase" (a tree a shard), "ring", "automatic". `made` says when vector i of each chip's
    own shard exists. Other arguments as for `all_reduce`.

    Examples:
        >>> all_gather(Topology.ring(5), 5 * 320, algorithm="ring").cycles
        1080
    """
    size, group = size_of(size_bytes), group_of(topology, chips)
    return collective(
        "all_gather",
        topology,
        group,
        size,
        lambda again: _core.net.all_gather(
            topology._core, group, size, how(algorithm, made, symmetry, again)
        ),
    )


def broadcast(
    topology: Topology,
    source: int,
    size_bytes: int,
    *,
    chips: Iterable[int] | None = None,
    algorithm: str = "automatic",
    made: Production | None = None,
) -> Collective:
    """Chip `source` sends a buffer of `size_bytes` to all other chips of the group.

    Args:
        topology: Where. Nothing else runs on its links meanwhile.
        source: Need not be of the group.
        size_bytes: Of the buffer.
        chips: The group; default: all that are up.
        algorithm: "tree" (one shortest-path tree), "two_phase" (a shard to each chip, then an all-gather),
            or "automatic", the one with fewer cycles.
        made: When the source's buffer exists, vector by vector; default: all at cycle 0.

    Examples:
        >>> broadcast(Topology.node(8), 0, 320).cycles
        270
        >>> broadcast(Topology.node(8), 0, 800 * 320).algorithm
        'two_phase'
    """
    return _spread("broadcast", topology, source, size_bytes, chips, algorithm, made)


def multicast(
    topology: Topology,
    source: int,
    targets: Iterable[int],
    size_bytes: int,
    *,
    algorithm: str = "automatic",
    made: Production | None = None,
) -> Collective:
    """Chip `source` sends a buffer of `size_bytes` to each of `targets`; as `broadcast` to a part.

    Examples:
        >>> multicast(Topology.ring(8), 0, [2, 3], 320).cycles  # Over chips 1 and 2 to 3.
        810
    """
    return _spread("multicast", topology, source, size_bytes, targets, algorithm, made)


def _spread(
    operation: str,
    topology: Topology,
    source: int,
    size_bytes: int,
    chips: Iterable[int] | None,
    algorithm: str,
    made: Production | None,
) -> Collective:
    size, group = size_of(size_bytes), group_of(topology, chips)
    require_chip("source", integer("source", source), topology)
    return collective(
        operation,
        topology,
        rooted(source, group),
        size,
        lambda again: _core.net.broadcast(
            topology._core, source, group, size, how(algorithm, made, "ignored", again)
        ),
    )
