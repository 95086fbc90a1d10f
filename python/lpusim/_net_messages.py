"""Messages of their own for each pair of chips, from one send to the all-to-all of a whole machine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lpusim import _core
from lpusim._arguments import shown, whole_number
from lpusim._net_collectives import (
    Collective,
    Production,
    ReduceCost,
    collective,
    group_of,
    how,
    require_chip,
    require_topology,
    rooted,
    size_of,
    timetable_of,
)
from lpusim._net_common import core_spec, integer
from lpusim._net_timetable import Timetable
from lpusim._net_topology import Topology


def all_to_all(
    topology: Topology,
    size_bytes: int,
    *,
    chips: Iterable[int] | None = None,
    routing: str = "automatic",
    made: Production | None = None,
    symmetry: str = "automatic",
) -> Collective:
    """Each chip's buffer has a part for every chip of the group; every other chip gets its part.

    Args:
        topology: Where. Nothing else runs on its links meanwhile.
        size_bytes: Of one chip's buffer, its own part included. Parts are equal and whole vectors.
        chips: The group; default: all that are up.
        routing: "minimal" (shortest routes that spread the messages over the links), "spread" (some go over
            a third chip where that keeps them off busy links; at most 2^17 messages), or "automatic", the
            sooner of both, and "minimal" where there are more.
        made: When vector i of every message exists; default: at cycle 0.
        symmetry: As for `all_reduce`. A machine of 10,440 chips takes a second by symmetry.

    Raises:
        ValueError: A size below 1, an unknown chip, one named twice.

    Examples:
        >>> all_to_all(Topology.node(8), 8 * 320).cycles
        270
    """
    size, group = size_of(size_bytes), group_of(topology, chips)
    return collective(
        "all_to_all",
        topology,
        group,
        size,
        lambda again: _core.net.all_to_all(topology._core, group, size, how(routing, made, symmetry, again)),
    )


def all_to_all_v(
    topology: Topology,
    sizes_bytes: ArrayLike,
    *,
    chips: Iterable[int] | None = None,
    routing: str = "automatic",
    made: Production | None = None,
) -> Collective:
    """Every pair of chips sends its own number of bytes.

    Args:
        topology: Where. Nothing else runs on its links meanwhile.
        sizes_bytes: Integers, shape `(n, n)`: what the i-th chip sends the j-th, rounded up to whole vectors.
            The diagonal stays where it is and costs nothing.
        chips: Which n chips rows and columns mean; default: all that are up, in order.
        routing: As for `all_to_all`.
        made: When vector i of every message exists; default: at cycle 0.

    Raises:
        ValueError: Another shape, a negative size.
        TypeError: Something other than integers.

    Examples:
        >>> all_to_all_v(Topology.ring(3), [[0, 640, 0], [0, 0, 0], [320, 0, 0]]).cycles
        297
    """
    group = group_of(topology, chips)
    sizes = _matrix("sizes_bytes", sizes_bytes, len(group))
    vectors = -(-sizes // topology.link.vector_bytes)
    return _pairs("all_to_all_v", topology, group, vectors, int(sizes.sum()), None, routing, made)


def dispatch(
    topology: Topology,
    vectors: ArrayLike,
    *,
    chips: Iterable[int] | None = None,
    routing: str = "automatic",
    made: Production | None = None,
) -> Collective:
    """Tokens go to the chips of their experts.

    Args:
        topology: Where. Nothing else runs on its links meanwhile.
        vectors: Integers, shape `(n, n)`: vectors that the i-th chip sends the j-th, as a dispatch plan has
            them (token rows for that chip times vectors a row). The diagonal costs nothing.
        chips: Which n chips rows and columns mean; default: all that are up, in order.
        routing: As for `all_to_all`.
        made: When vector i of every message exists; default: at cycle 0.

    Examples:
        >>> counts = [[0, 4, 1], [2, 0, 0], [0, 3, 0]]
        >>> dispatch(Topology.node(3), counts).cycles
        351
    """
    group = group_of(topology, chips)
    counts = _matrix("vectors", vectors, len(group))
    size = int(counts.sum()) * topology.link.vector_bytes
    return _pairs("dispatch", topology, group, counts, size, None, routing, made)


def combine(
    topology: Topology,
    vectors: ArrayLike,
    *,
    chips: Iterable[int] | None = None,
    reduce: ReduceCost | None = None,
    routing: str = "automatic",
    made: Production | None = None,
) -> Collective:
    """What `dispatch` brought goes back, and every chip adds up what it gets.

    Args:
        topology: Where. Nothing else runs on its links meanwhile.
        vectors: The same matrix as for `dispatch`: the j-th chip sends the i-th as much as it got.
        chips: Which n chips rows and columns mean; default: all that are up, in order.
        reduce: What adding costs; default: nothing.
        routing: As for `all_to_all`.
        made: When vector i of every message exists; default: at cycle 0.

    Examples:
        >>> combine(Topology.node(3), [[0, 4, 1], [2, 0, 0], [0, 3, 0]]).cycles
        351
    """
    group = group_of(topology, chips)
    counts = _matrix("vectors", vectors, len(group))
    size = int(counts.sum()) * topology.link.vector_bytes
    cost = core_spec(reduce or ReduceCost(), _core.net.ReduceCost)
    return _pairs("combine", topology, group, counts, size, cost, routing, made)


def _matrix(name: str, values: ArrayLike, side: int) -> NDArray[np.int64]:
    matrix = np.asarray(values)
    if matrix.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, got {matrix.dtype}")
    if matrix.shape != (side, side):
        raise ValueError(f"{name} must have shape ({side}, {side}), one row a chip, got {matrix.shape}")
    if matrix.size and matrix.min() < 0:
        raise ValueError(f"{name} must not be negative, got {matrix.min()}")
    if matrix.size and matrix.max() >= 2**62 // matrix.size:
        raise ValueError(f"{name} must add up to less than 2^62, but one entry is {matrix.max()}")
    return np.ascontiguousarray(matrix, dtype=np.int64)


def _pairs(
    operation: str,
    topology: Topology,
    group: list[int],
    vectors: NDArray[np.int64],
    size_bytes: int,
    adds: Any,
    routing: str,
    made: Production | None,
) -> Collective:
    def call(again: str | None) -> Any:
        chosen = how(routing, made, "ignored", again)
        if adds is None:
            return _core.net.all_to_all_v(topology._core, group, vectors, chosen)
        return _core.net.combine(topology._core, group, vectors, adds, chosen)

    return collective(operation, topology, group, size_bytes, call)


def scatter(
    topology: Topology,
    source: int,
    size_bytes: int,
    *,
    chips: Iterable[int] | None = None,
    routing: str = "automatic",
    made: Production | None = None,
) -> Collective:
    """Chip `source` has a buffer in shards, one a chip of the group, and sends each chip its own.

    Examples:
        >>> scatter(Topology.ring(5), 0, 50 * 320).cycles  # 20 vectors a side.
        783
    """
    size, group = size_of(size_bytes), group_of(topology, chips)
    require_chip("source", integer("source", source), topology)
    return collective(
        "scatter",
        topology,
        rooted(source, group),
        size,
        lambda again: _core.net.scatter(
            topology._core, source, group, size, how(routing, made, "ignored", again)
        ),
    )


def gather(
    topology: Topology,
    target: int,
    size_bytes: int,
    *,
    chips: Iterable[int] | None = None,
    routing: str = "automatic",
    made: Production | None = None,
) -> Collective:
    """Each chip of the group has its shard of a buffer and sends it to chip `target`.

    Examples:
        >>> gather(Topology.ring(5), 0, 50 * 320).cycles
        783
    """
    size, group = size_of(size_bytes), group_of(topology, chips)
    require_chip("target", integer("target", target), topology)
    return collective(
        "gather",
        topology,
        rooted(target, group),
        size,
        lambda again: _core.net.gather(
            topology._core, target, group, size, how(routing, made, "ignored", again)
        ),
    )


def pipeline(
    topology: Topology,
    stages: Iterable[Iterable[int]],
    size_bytes: int,
    *,
    routing: str = "automatic",
    made: Production | None = None,
) -> Collective:
    """Stages hand on: the i-th chip of each stage sends `size_bytes` to the i-th of the next, all at once.

    Examples:
        >>> stages = [range(0, 8), range(8, 16), range(16, 24)]
        >>> pipeline(Topology.quadfour(3), stages, 320).chip_count
        24
    """
    require_topology(topology)
    size = size_of(size_bytes)
    rows = [[integer("a chip of a stage", chip) for chip in stage] for stage in stages]
    for row in rows:
        for chip in row:
            require_chip("a chip of a stage", chip, topology)
    return collective(
        "pipeline",
        topology,
        (chip for row in rows for chip in row),
        size,
        lambda again: _core.net.pipeline(topology._core, rows, size, how(routing, made, "ignored", again)),
    )


@dataclass(frozen=True, slots=True)
class Request:
    """One message of a traffic pattern.

    Attributes:
        source: The chip that sends,
        target: and the one that gets it, another one.
        size_bytes: At least 1; rounded up to whole vectors.
        release_cycle: No vector leaves earlier.
        release_period_cycles: Vector i leaves no earlier than i times this after the release and `after`.
        after: Requests, by index, that must have arrived whole before this one leaves.
    """

    source: int
    target: int
    size_bytes: int
    release_cycle: int = 0
    release_period_cycles: int = 0
    after: Sequence[int] = ()


@dataclass(frozen=True, eq=False)
class Traffic(Collective):
    """Messages in one timetable.

    Attributes:
        arrival_cycle: When all of each request is there, in the order of the requests.
    """

    arrival_cycle: NDArray[np.int64] = field(repr=False)

    @cached_property
    def timetable(self) -> Timetable:
        """Every slot of every link, worked out when first asked for. `request_of` says whose a row is."""
        return timetable_of(self.topology, self._recorded.timetable)

    @cached_property
    def request_of(self) -> NDArray[np.int64]:
        """By row of `timetable.transfers`, the request that it is a part of."""
        return np.asarray(self._recorded.request_of())


def schedule(
    topology: Topology, requests: Iterable[Request | Sequence[int]], *, routing: str = "minimal"
) -> Traffic:
    """Any messages in one timetable, booked in the order given, those that wait for others behind them.

    Args:
        topology: Where.
        requests: `Request`s, or `(source, target, size_bytes)` or `(source, target, size_bytes,
            release_cycle)`.
        routing: "minimal" (one route of fewest hops each, at every chip the least loaded), "spread" (up to 16
            routes that share no link, shorter and longer, as long as one more helps), or "automatic",
            whichever of the two ends sooner.

    Raises:
        ValueError: A request from a chip to itself, an unknown chip, a size below 1, requests that wait for
            each other in a circle.

    Examples:
        >>> node = Topology.node(8)
        >>> hand_on = [Request(0, 1, 640), Request(1, 2, 320, after=[0])]
        >>> schedule(node, hand_on).arrival_cycle.tolist()
        [297, 567]
        >>> schedule(node, [Request(0, 1, 320, after=[1]), Request(1, 0, 320, after=[0])])
        Traceback (most recent call last):
        ...
        ValueError: requests wait for each other in a circle, so none of them can leave: request 0 waits for \
1, 1 for 0
    """
    require_topology(topology)
    rows = [_request(i, request, topology) for i, request in enumerate(requests)]
    cores = [
        _core.net.Request(
            row.source,
            row.target,
            row.size_bytes,
            row.release_cycle,
            row.release_period_cycles,
            list(row.after),
        )
        for row in rows
    ]
    return _traffic(
        "schedule",
        topology,
        sorted({chip for row in rows for chip in (row.source, row.target)}),
        sum(row.size_bytes for row in rows),
        lambda chosen, record: _core.net.schedule(topology._core, cores, chosen, record),
        routing,
    )


def _request(index: int, given: Request | Sequence[int], topology: Topology) -> Request:
    where = f"requests[{index}]"
    if not isinstance(given, Request):
        row = [integer(where, value) for value in given]
        if len(row) not in (3, 4):
            raise ValueError(f"{where} must be (source, target, size_bytes[, release_cycle]), got {given!r}")
        given = Request(row[0], row[1], row[2], row[3] if len(row) == 4 else 0)
    request = Request(
        integer(f"{where}.source", given.source),
        integer(f"{where}.target", given.target),
        whole_number(f"{where}.size_bytes", given.size_bytes, -(2**62), 2**62),
        integer(f"{where}.release_cycle", given.release_cycle),
        integer(f"{where}.release_period_cycles", given.release_period_cycles),
        tuple(integer(f"{where}.after", other) for other in given.after),
    )
    require_chip(f"{where}.source", request.source, topology)
    require_chip(f"{where}.target", request.target, topology)
    return request


def send(
    topology: Topology, source: int, target: int, *, size_bytes: int, routing: str = "minimal"
) -> Traffic:
    """One chip to another. `routing` as for `schedule`.

    Examples:
        >>> ring = Topology.ring(6)
        >>> send(ring, 0, 3, size_bytes=3_200).cycles  # Three hops, and nine more slots.
        1053
        >>> send(ring, 0, 3, size_bytes=3_200, routing="spread").cycles  # Half of it each way round.
        918
    """
    size = size_of(size_bytes)
    require_chip("source", integer("source", source), topology)
    require_chip("target", integer("target", target), topology)
    return _traffic(
        "send",
        topology,
        (source, target),
        size,
        lambda chosen, record: _core.net.send(topology._core, source, target, size, chosen, record),
        routing,
    )


def _traffic(
    operation: str, topology: Topology, chips: Iterable[int], size_bytes: int, call: Any, routing: Any
) -> Traffic:
    if not isinstance(routing, str):
        raise TypeError(f"routing must be a name, got {shown(routing)}")
    core = call(routing, False)
    chosen = core.routing
    return Traffic(
        operation=operation,
        algorithm=chosen,
        topology=topology,
        chips=tuple(chips),
        size_bytes=size_bytes,
        vector_count=core.vector_count,
        cycles=core.cycles,
        turn_count=1,
        _record=lambda: call(chosen, True),
        arrival_cycle=np.asarray(core.arrival_cycle()),
    )
