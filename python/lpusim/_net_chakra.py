"""Timetables as Chakra execution traces: a file a chip, for simulators that replay messages."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lpusim import _core
from lpusim._arguments import some_text, whole_number
from lpusim._format import write_atomic
from lpusim._net_handovers import last_cycle
from lpusim._net_timetable import Timetable
from lpusim.errors import CapacityError

_COMPUTE, _SEND, _RECEIVE = 4, 5, 6  # Chakra's numbers.
_NODES_MAX = 10**7
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class _Times:
    """Of every transfer, in cycles: first slot, end of the last, first and last arrival at the target."""

    leaves: Rows
    left: Rows
    arrives: Rows
    arrived: Rows


@dataclass(frozen=True)
class _Graph:
    """The nodes of all chips as columns, and what each waits for, be it on its own chip or elsewhere.

    Transfer i's sending is row 2 i and its reception row 2 i + 1; computations follow.
    """

    transfer: Rows
    chip: Rows
    kind: Rows
    start_cycle: Rows
    end_cycle: Rows
    waits: list[list[int]]


def write_chakra(
    timetable: Timetable, folder: str | PathLike[str], *, name: str, element_bytes: int, nodes_max: int
) -> list[Path]:
    """Writes FOLDER/NAME.CHIP.et for every chip of the topology."""
    some_text("name", name)
    whole_number("element_bytes", element_bytes, 1, 2**20)
    whole_number("nodes_max", nodes_max, 1, _NODES_MAX)
    if 3 * len(timetable.transfers["source"]) > nodes_max:
        raise CapacityError(
            f"{len(timetable.transfers['source']):,} transfers may need three nodes each, more than "
            f"nodes_max = {nodes_max:,}"
        )
    graph = _graph(timetable)
    order = _order(graph, timetable)
    row_of = np.empty(len(order), dtype=np.int64)
    by_chip = np.argsort(graph.chip[order], kind="stable")
    ends = np.searchsorted(graph.chip[order][by_chip], np.arange(timetable.topology.chip_count + 1))
    paths = []
    for chip in range(timetable.topology.chip_count):
        nodes = order[by_chip[ends[chip] : ends[chip + 1]]]
        row_of[nodes] = np.arange(len(nodes))
        trace = _trace(timetable, graph, nodes, row_of, element_bytes)
        paths.append(write_atomic(Path(folder) / f"{name}.{chip}.et", trace))
    return paths


def _times(timetable: Timetable) -> _Times:
    transfers, runs = timetable.transfers, timetable.runs
    count = len(transfers["source"])
    leaves, arrives = np.full((2, count), 2**62, dtype=np.int64)
    left, arrived = np.zeros((2, count), dtype=np.int64)
    last_hop = np.zeros(count, dtype=np.int64)
    np.maximum.at(last_hop, runs["transfer"], runs["hop"])
    first, last = runs["start_cycle"], last_cycle(runs)
    hold, hop = (timetable.topology.links[name][runs["link"]] for name in ("vector_cycles", "hop_cycles"))
    out, home = runs["hop"] == 0, runs["hop"] == last_hop[runs["transfer"]]
    np.minimum.at(leaves, runs["transfer"][out], first[out])
    np.maximum.at(left, runs["transfer"][out], (last + hold)[out])
    np.minimum.at(arrives, runs["transfer"][home], (first + hop)[home])
    np.maximum.at(arrived, runs["transfer"][home], (last + hop)[home])
    return _Times(leaves, left, arrives, arrived)


def _graph(timetable: Timetable) -> _Graph:
    transfers, waits_for = timetable.transfers, timetable.dependencies
    times = _times(timetable)
    count = len(transfers["source"])
    delay = np.zeros(count, dtype=np.int64)
    np.maximum.at(delay, waits_for["on"], waits_for["delay_cycles"])
    computed = np.flatnonzero((transfers["adds"] != 0) | (delay > 0))
    done = np.arange(count) * 2 + 1  # The node after which a transfer's vectors can be used.
    done[computed] = 2 * count + np.arange(len(computed))
    waits: list[list[int]] = [[] for _ in range(2 * count + len(computed))]
    for transfer in range(count):
        waits[2 * transfer + 1].append(2 * transfer)
    for node, transfer in enumerate(computed.tolist(), 2 * count):
        waits[node].append(2 * transfer + 1)
    for transfer, on in zip(waits_for["transfer"].tolist(), waits_for["on"].tolist(), strict=True):
        waits[2 * transfer].append(int(done[on]))

    def woven(of_send: Rows, of_receive: Rows, of_compute: Rows) -> Rows:
        pairs = np.stack([of_send, of_receive], axis=1).ravel()
        return np.concatenate([pairs, of_compute[computed]]).astype(np.int64)

    every = np.arange(count)
    one = np.ones(count, dtype=np.int64)
    return _Graph(
        transfer=woven(every, every, every),
        chip=woven(transfers["source"], transfers["target"], transfers["target"]),
        kind=woven(_SEND * one, _RECEIVE * one, _COMPUTE * one),
        start_cycle=woven(times.leaves, times.arrives, times.arrived),
        end_cycle=woven(times.left, times.arrived, times.arrived + delay),
        waits=waits,
    )


def _order(graph: _Graph, timetable: Timetable) -> Rows:
    """All nodes, none before what it waits for, by start where that leaves a choice."""
    missing = [len(set(waits)) for waits in graph.waits]
    waiting: list[list[int]] = [[] for _ in missing]
    for node, waits in enumerate(graph.waits):
        for on in set(waits):
            waiting[on].append(node)
    start = graph.start_cycle.tolist()
    ready = [(start[node], node) for node, count in enumerate(missing) if count == 0]
    heapq.heapify(ready)
    order = []
    while ready:
        node = heapq.heappop(ready)[1]
        order.append(node)
        for later in waiting[node]:
            missing[later] -= 1
            if missing[later] == 0:
                heapq.heappush(ready, (start[later], later))
    if len(order) < len(missing):
        stuck = next(node for node, count in enumerate(missing) if count)
        raise ValueError(
            f"transfers wait for each other in a circle (transfer {graph.transfer[stuck]} among them), so "
            f"that none of them can be sent as one message"
        )
    return np.array(order, dtype=np.int64)


def _trace(timetable: Timetable, graph: _Graph, nodes: Rows, row_of: Rows, element_bytes: int) -> bytes:
    """The file of one chip, whose nodes these are."""
    transfer, kind = graph.transfer[nodes], graph.kind[nodes]
    size_bytes = timetable.transfers["vector_count"][transfer] * timetable.topology.link.vector_bytes
    source, target = (timetable.transfers[end][transfer] for end in ("source", "target"))
    adds = timetable.transfers["adds"][transfer]
    message = kind != _COMPUTE
    clock_hz = timetable.topology.link.clock_hz
    start_ps, end_ps = (
        _core.base.cycles_to_ps(column[nodes], clock_hz) for column in (graph.start_cycle, graph.end_cycle)
    )
    chip = graph.chip[nodes[0]] if len(nodes) else -1
    waits = [
        (row, on)
        for row, node in enumerate(nodes.tolist())
        for on in sorted({int(row_of[on]) for on in graph.waits[node] if graph.chip[on] == chip})
    ]
    wait_columns = np.array(waits, dtype=np.int64).reshape(-1, 2).T
    verbs = {_SEND: "send", _RECEIVE: "receive"}
    trace: bytes = _core.timeline.chakra(
        names=[
            f"{verbs.get(k, 'add' if a else 'wait')} transfer {t}"
            for t, k, a in zip(transfer.tolist(), kind.tolist(), adds.tolist(), strict=True)
        ],
        kind=kind,
        name=np.arange(len(nodes), dtype=np.int64),
        start_ps=start_ps,
        duration_ps=end_ps - start_ps,
        size_bytes=size_bytes,
        source=np.where(message, source, 0),
        target=np.where(message, target, 0),
        tag=np.where(message, transfer, 0),
        operation_count=np.where(~message & (adds != 0), size_bytes // element_bytes, 0),
        node=np.ascontiguousarray(wait_columns[0]),
        on=np.ascontiguousarray(wait_columns[1]),
    )
    return trace
