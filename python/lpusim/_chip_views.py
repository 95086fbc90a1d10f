"""What can be seen of a chip program without its values: proof, counts, lints, timeline, plot."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lpusim import _core
from lpusim._arguments import whole_number
from lpusim._format import write_atomic

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Accounting", "Lint", "QueueCount", "ResourceUse", "VectorCount", "Verification"]

_UNITS = ("mem", "mxm weights", "mxm activations", "mxm accumulators", "vxm", "sxm", "c2c")  # As in the core.
_ROWS_MAX = 10**7


@dataclass(frozen=True)
class ResourceUse:
    """How much of one kind of resource a program uses.

    Attributes:
        kind: Queues of a unit ("mem", "mxm.weights", "mxm.activations", "mxm.accumulators", "vxm", "sxm",
            "c2c"), streams of a direction ("streams.east", "streams.west") or ports ("bank.reads",
            "bank.writes").
        count: How many there are, on all chips of the program.
        occupied_peak: Most of them occupied in one cycle, gaps inside a repeat included.
        busy_mean: How many are in use in a cycle, averaged over the program.
    """

    kind: str
    count: int
    occupied_peak: int
    busy_mean: float


@dataclass(frozen=True)
class QueueCount:
    """Cycles of one queue: issuing, parked by sync or deskew, and superlanes powered while issuing."""

    busy_cycles: int
    parked_cycles: int
    powered_superlane_cycles: int


@dataclass(frozen=True)
class VectorCount:
    """Vectors that went in and out of one stream (driven, read) or one SRAM bank (written, read)."""

    written: int
    read: int


@dataclass(frozen=True)
class Accounting:
    """What a legal program did to every part of the chip, whatever the data.

    Attributes:
        queues: By queue, such as "mem.w.3".
        streams: By stream, such as "e.0" (of other chips than the first: "chip1.e.0").
        banks: By slice and bank, such as "mem.w.3.0".
        int8_activations, fp8_activations, fp16_activations: Vectors the planes multiplied, lanes x lanes
            multiply-adds each, padding included.
        alu_vectors: Vectors the VXM computed.
        sxm_vectors: Vectors the lane switches drove.
        link_vectors: Vectors sent to other chips.
        fetched_vectors: Vectors of instruction text taken by ifetch.
    """

    queues: dict[str, QueueCount]
    streams: dict[str, VectorCount]
    banks: dict[str, VectorCount]
    int8_activations: int
    fp8_activations: int
    fp16_activations: int
    alu_vectors: int
    sxm_vectors: int
    link_vectors: int
    fetched_vectors: int


@dataclass(frozen=True)
class Lint:
    """Something legal that is hardly meant.

    Attributes:
        kind: "unread stream", "unused result" or "unreceived vector".
        queue: Who made the values; "mem.w.4..9" where the same is true of neighbouring slices of a run.
        run: Number of its run in the program.
        repeat: The first instance concerned.
        count: Instances concerned, of each slice.
        message: All of that on one line.
    """

    kind: str
    queue: str
    run: int
    repeat: int
    count: int
    message: str


@dataclass(frozen=True)
class Verification:
    """What a legal program amounts to.

    Attributes:
        cycles: From cycle 0 to the end of the last access on the last superlane.
        pieces: Run pieces the proof took.
        fetch_bytes: Instruction text fetched, in bytes.
        resources: One row for each kind of resource.
        accounting: Counts by queue, stream and bank.
    """

    cycles: int
    pieces: int
    fetch_bytes: int
    resources: tuple[ResourceUse, ...]
    accounting: Accounting

    def __str__(self) -> str:
        rows = [f"{self.cycles:,} cycles, {self.pieces:,} pieces, {self.fetch_bytes:,} bytes of instructions"]
        rows.append(f"{'resource':18}{'there':>7}{'peak':>7}{'mean':>10}{'mean share':>12}")
        for use in self.resources:
            share = use.busy_mean / use.count if use.count else 0.0
            rows.append(
                f"{use.kind:18}{use.count:7,}{use.occupied_peak:7,}{use.busy_mean:10.2f}{share:12.1%}"
            )
        return "\n".join(rows)


def accounting_of(rows: dict[str, Any]) -> Accounting:
    """From the core's rows."""
    return Accounting(
        queues={name: QueueCount(*row) for name, row in rows["queues"].items()},
        streams={name: VectorCount(*row) for name, row in rows["streams"].items()},
        banks={name: VectorCount(written, read) for name, (read, written) in rows["banks"].items()},
        **{name: rows[name] for name in Accounting.__dataclass_fields__ if name not in _TABLES},
    )


_TABLES = ("queues", "streams", "banks")


def verified(program: Any, spec: Any) -> Verification:
    """The proof of a program (core objects)."""
    proof = _core.chip.verify(program, spec)
    return Verification(
        cycles=proof["cycles"],
        pieces=proof["pieces"],
        fetch_bytes=proof["fetch_bytes"],
        resources=tuple(ResourceUse(*row) for row in proof["resources"]),
        accounting=accounting_of(proof["accounting"]),
    )


def write_perfetto(program: Any, spec: Any, path: str | PathLike[str], spans_max: int) -> Path:
    """Writes the timeline of a legal program (core objects)."""
    spans_max = whole_number("spans_max", spans_max, 1, _ROWS_MAX)
    cycles = program.cycles(spec)
    cycles_max = (2**63 - 1) * spec.clock_hz // 10**12
    if cycles > cycles_max:
        raise ValueError(
            f"a timeline shows at most {cycles_max:,} cycles of {spec.clock_hz:,} Hz (2^63 ps), "
            f"and this program takes {cycles:,}"
        )
    columns = _core.chip.timeline(program, spec, spans_max)
    start_ps = _core.base.cycles_to_ps(columns["first_cycle"], spec.clock_hz)
    end_ps = _core.base.cycles_to_ps(columns["first_cycle"] + columns["duration_cycles"], spec.clock_hz)
    labels = list(columns["labels"])
    name = columns["run"].copy()
    for row in np.flatnonzero(columns["rest"]):
        labels.append(f"{labels[columns['run'][row]]} ({columns['instances'][row]:,} more)")
        name[row] = len(labels) - 1
    tracks = [(queue, -1, "") for queue in columns["queues"]]
    counter_track, counter_cycle, counter_value = _counters(columns, len(tracks))
    tracks += [(f"{unit} queues issuing", -1, "queues") for unit in _UNITS]
    trace: bytes = _core.timeline.perfetto(
        tracks=tracks,
        names=labels,
        track=columns["queue"],
        start_ps=start_ps,
        duration_ps=end_ps - start_ps,
        name=name,
        source_slice=columns["source"],
        target_slice=columns["target"],
        counter_track=counter_track,
        counter_time_ps=_core.base.cycles_to_ps(counter_cycle, spec.clock_hz),
        counter_value=counter_value,
    )
    return write_atomic(path, trace)


def _counters(
    columns: dict[str, Any], first_track: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Queues of each unit that issue, at every change; up to where the first span is not shown."""
    shown = columns["rest"] == 0
    end = columns["first_cycle"][~shown].min() if not shown.all() else np.iinfo(np.int64).max
    tracks, cycles, values = [], [], []
    for unit in range(len(_UNITS)):
        mine = shown & (columns["unit"] == unit)
        begins = columns["first_cycle"][mine]
        edges = np.concatenate([begins, begins + columns["duration_cycles"][mine]])
        steps = np.repeat([1, -1], len(begins))
        at, where = np.unique(edges, return_inverse=True)
        level = np.cumsum(np.bincount(where, weights=steps, minlength=len(at)))
        keep = at <= end
        tracks.append(np.full(keep.sum(), first_track + unit, np.int64))
        cycles.append(at[keep])
        values.append(level[keep].astype(np.float64))
    return (
        np.concatenate(tracks).astype(np.int64),
        np.concatenate(cycles).astype(np.int64),
        np.concatenate(values),
    )


def draw_occupancy(program: Any, spec: Any, ax: Axes, *, chip: int, rows_max: int) -> None:
    """Draws position against cycle (core objects): a line a value, from drive to read."""
    from matplotlib.collections import LineCollection

    columns = _core.chip.stream_paths(program, spec, whole_number("rows_max", rows_max, 1, _ROWS_MAX))
    mine = columns["chip"] == chip
    points = {name: column[mine] for name, column in columns.items()}
    for east, colour, name in ((1, "tab:blue", "eastward"), (0, "tab:orange", "westward")):
        rows = points["east"] == east
        ends = [points[f"{end}_{axis}"][rows] for end in ("from", "to") for axis in ("cycle", "position")]
        segments = np.stack(ends, axis=-1).reshape(-1, 2, 2)
        ax.add_collection(
            LineCollection(list(segments), colors=colour, linewidths=0.7, alpha=0.6, label=name)
        )
    for kind, marker, colour in (("from", ".", "black"), ("to", "x", "tab:red")):
        ax.scatter(
            points[f"{kind}_cycle"],
            points[f"{kind}_position"],
            s=8,
            marker=marker,
            c=colour,
            linewidths=0.7,
            label="driven" if kind == "from" else "read",
        )
    _label_positions(ax, spec)
    ax.autoscale_view()
    ax.set_xlabel("cycle (superlane 0)")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, fontsize="small")


def _label_positions(ax: Axes, spec: Any) -> None:
    """Names the units along the line; neighbours at an end share a label of two lines."""
    end = spec.positions - 1
    middle = end // 2
    labels = {
        0.5: "SXM west\nMXM, C2C west",
        (1 + middle) / 2: "SRAM west",
        middle: "VXM",
        (middle + end - 1) / 2: "SRAM east",
        end - 0.5: "MXM, C2C east\nSXM east",
    }
    ax.set_yticks(list(labels), list(labels.values()), fontsize="small")
    ax.tick_params(axis="y", which="major", length=0)
    ax.set_yticks([0, 1, middle, end - 1, end], minor=True)
    ax.set_ylim(-1, end + 1)
    ax.set_ylabel("position, west to east")
    ax.axhspan(1.5, middle - 0.5, color="0.95", zorder=0)
    ax.axhspan(middle + 0.5, end - 1.5, color="0.95", zorder=0)
