"""The Perfetto trace of a timetable."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpusim import _core
from lpusim._arguments import whole_number
from lpusim._format import write_atomic
from lpusim._net_handovers import last_cycle, require_rows, run_handovers
from lpusim._net_timetable import Timetable
from lpusim.errors import CapacityError

RUNS_MAX = 10**7


def selected_runs(timetable: Timetable, links: Iterable[int] | None, runs_max: int) -> NDArray[np.int64]:
    """Rows of the runs on `links` (None: on all), no more than `runs_max`.

    Raises:
        ValueError: A link that is not there, a row that means nothing.
        CapacityError: More runs than that.
    """
    require_rows(timetable)
    whole_number("runs_max", runs_max, 1, RUNS_MAX)
    rows = np.arange(len(timetable.runs["link"]), dtype=np.int64)
    if links is not None:
        last = timetable.topology.directed_link_count - 1
        chosen = [whole_number(f"links[{i}]", link, 0, last) for i, link in enumerate(links)]
        rows = rows[np.isin(timetable.runs["link"], chosen)]
    if len(rows) > runs_max:
        raise CapacityError(
            f"{len(rows):,} runs are more than runs_max = {runs_max:,}; choose some of the "
            f"{timetable.topology.directed_link_count:,} links with links=, or raise runs_max"
        )
    return rows


def write_perfetto(
    timetable: Timetable, path: str | PathLike[str], *, links: Iterable[int] | None, runs_max: int
) -> Path:
    """Writes a track a link under its chip, a slice a run, arrows where vectors are handed on."""
    rows = selected_runs(timetable, links, runs_max)
    runs = timetable.runs
    hold_cycles = timetable.topology.links["vector_cycles"][runs["link"][rows]]
    start = runs["start_cycle"][rows]
    end = last_cycle(runs)[rows] + hold_cycles
    lane = _lanes(runs["link"][rows], start, end)
    tracks, track_of = _tracks(timetable, sorted(set(zip(runs["link"][rows].tolist(), lane, strict=True))))
    counter_cycle, counter_value = _links_held(start, end)
    clock_hz = timetable.topology.link.clock_hz
    start_ps = _core.base.cycles_to_ps(start, clock_hz)
    sources, targets = run_handovers(timetable, rows)
    forward = start_ps[sources] < start_ps[targets]  # All of them, unless the timetable is illegal.
    trace: bytes = _core.timeline.perfetto(
        tracks=[*tracks, ("links held", -1, "links")],
        names=[_label(timetable, row) for row in rows.tolist()],
        track=np.array(
            [track_of[key] for key in zip(runs["link"][rows].tolist(), lane, strict=True)], dtype=np.int64
        ),
        start_ps=start_ps,
        duration_ps=_core.base.cycles_to_ps(end, clock_hz) - start_ps,
        name=np.arange(len(rows), dtype=np.int64),
        source_slice=sources[forward],
        target_slice=targets[forward],
        counter_track=np.full(len(counter_cycle), len(tracks), dtype=np.int64),
        counter_time_ps=_core.base.cycles_to_ps(counter_cycle, clock_hz),
        counter_value=counter_value,
    )
    return write_atomic(path, trace)


def _label(timetable: Timetable, row: int) -> str:
    run = {name: int(column[row]) for name, column in timetable.runs.items()}
    transfer = run["transfer"]
    source, target, adds = (int(timetable.transfers[name][transfer]) for name in ("source", "target", "adds"))
    first, last = run["first_vector"], run["first_vector"] + (run["vector_count"] - 1) * run["vector_step"]
    vectors = f"vector {first}" if run["vector_count"] == 1 else f"vectors {first} to {last}"
    if run["vector_count"] > 1 and run["vector_step"] > 1:
        vectors += f" by {run['vector_step']}"
    return f"{'sum' if adds else 'copy'} {transfer}, {source} to {target}: {vectors}"


def _lanes(link: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]) -> list[int]:
    """For each run the first lane of its link that is free: runs whose slots take turns overlap as spans."""
    lane = [0] * len(link)
    busy: list[tuple[int, int]] = []  # Lanes in use: until when, which.
    free: list[int] = []
    used = 0
    current = -1
    for i in np.lexsort((end, start, link)).tolist():
        if link[i] != current:
            current, busy, free, used = int(link[i]), [], [], 0
        while busy and busy[0][0] <= start[i]:
            heapq.heappush(free, heapq.heappop(busy)[1])
        if free:
            lane[i] = heapq.heappop(free)
        else:
            lane[i], used = used, used + 1
        heapq.heappush(busy, (int(end[i]), lane[i]))
    return lane


def _tracks(
    timetable: Timetable, keys: list[tuple[int, int]]
) -> tuple[list[tuple[str, int, str]], dict[tuple[int, int], int]]:
    """A track for each chip that sends, and under it one for each (link, lane) of `keys`."""
    links = timetable.topology.links
    tracks: list[tuple[str, int, str]] = []
    chip_track: dict[int, int] = {}
    track_of: dict[tuple[int, int], int] = {}
    for link, lane in keys:
        source, target = int(links["source"][link]), int(links["target"][link])
        if source not in chip_track:
            chip_track[source] = len(tracks)
            tracks.append((f"chip {source}", -1, ""))
        track_of[link, lane] = len(tracks)
        name = f"link {link} to chip {target}" + (f", taking turns {lane}" if lane else "")
        tracks.append((name, chip_track[source], ""))
    return tracks, track_of


def _links_held(start: Any, end: Any) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """How many runs are under way, at every change."""
    edges = np.concatenate([start, end])
    cycle, where = np.unique(edges, return_inverse=True)
    steps = np.repeat([1.0, -1.0], len(start))
    return cycle.astype(np.int64), np.cumsum(np.bincount(where, weights=steps, minlength=len(cycle)))
