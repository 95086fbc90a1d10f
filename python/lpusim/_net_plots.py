"""The fabric in pictures: cost against size, and who holds which link when. Needs the extra `plot`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lpusim._arguments import shown, whole_number
from lpusim._net_collectives import Collective, all_reduce
from lpusim._net_handovers import last_cycle
from lpusim._net_perfetto import selected_runs
from lpusim._net_timetable import Timetable
from lpusim._net_topology import Topology

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Curves", "curves", "plot_curves", "plot_links"]

_SLOTS_DRAWN_MAX = 20_000
_LINK_NAMES_MAX = 64
_DASHES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
_KINDS = ("copied", "added")  # By Transfer.adds.


@dataclass(frozen=True, eq=False)
class Curves:
    """What an operation takes on each topology, for each size and algorithm. One row a point, read-only.

    Attributes:
        operation: "all_reduce", ...
        label: What the row's curve is called: the topology's name, and the algorithm that was asked for.
        topology: The topology's name.
        chip_count: Its chips that take part.
        algorithm: The algorithm that was taken; the fastest, where "automatic" was asked for.
        size_bytes: As asked, int64.
        cycles: int64.
        time_s: float64.
        bytes_per_s: Size over time, float64.
    """

    operation: str
    label: tuple[str, ...]
    topology: tuple[str, ...]
    algorithm: tuple[str, ...]
    chip_count: NDArray[np.int64]
    size_bytes: NDArray[np.int64]
    cycles: NDArray[np.int64]
    time_s: NDArray[np.float64]
    bytes_per_s: NDArray[np.float64]

    def to_columns(self) -> dict[str, Any]:
        """Plain columns, ready for `pandas.DataFrame`, `polars.DataFrame` or `pyarrow.table`."""
        names = ("label", "topology", "algorithm", "chip_count", "size_bytes", "cycles", "time_s")
        return {name: getattr(self, name) for name in (*names, "bytes_per_s")}


def curves(
    topologies: Iterable[Topology],
    sizes_bytes: Iterable[int],
    *,
    operation: Callable[..., Collective] = all_reduce,
    algorithms: Sequence[str] = ("automatic",),
) -> Curves:
    """Exact cycles of an operation on each topology, for all sizes and algorithms.

    Args:
        topologies: Where.
        sizes_bytes: Of one buffer.
        operation: Called as `operation(topology, size_bytes)`, and with `algorithm=` where one other than
            "automatic" is asked for: `net.all_reduce`, `net.all_gather`, or anything that returns a
            `Collective`, such as `functools.partial(net.all_reduce, reduce=cost)`.
        algorithms: A curve each.

    Raises:
        ValueError: No topology, size or algorithm; and what the operation raises.

    Examples:
        >>> from lpusim import net
        >>> found = net.curves([net.Topology.ring(4)], [1_280, 64_000], algorithms=["ring"])
        >>> list(zip(found.label, found.size_bytes.tolist(), found.cycles.tolist()))
        [('ring-4, ring', 1280, 1620), ('ring-4, ring', 64000, 8343)]
    """
    places = list(topologies)
    sizes = [whole_number("a size of sizes_bytes", size, 1, 2**62 - 1) for size in sizes_bytes]
    if not places or not sizes or not algorithms:
        raise ValueError("topologies, sizes_bytes and algorithms must each have at least one entry")
    points = []
    for topology in places:
        for algorithm in algorithms:
            asked = {} if algorithm == "automatic" else {"algorithm": algorithm}
            label = ", ".join([topology.name, *asked.values()])
            points += [(label, operation(topology, size, **asked)) for size in sizes]
    done = [collective for _, collective in points]
    return Curves(
        operation=done[0].operation,
        label=tuple(label for label, _ in points),
        topology=tuple(collective.topology.name for collective in done),
        algorithm=tuple(collective.algorithm for collective in done),
        chip_count=_column([collective.chip_count for collective in done], np.int64),
        size_bytes=_column([collective.size_bytes for collective in done], np.int64),
        cycles=_column([collective.cycles for collective in done], np.int64),
        time_s=_column([collective.time_s for collective in done], np.float64),
        bytes_per_s=_column([collective.bytes_per_s for collective in done], np.float64),
    )


def _column(values: Sequence[float], dtype: Any) -> NDArray[Any]:
    column = np.array(values, dtype=dtype)
    column.flags.writeable = False
    return column


def plot_curves(found: Curves, axes: Sequence[Axes] | None = None) -> tuple[Axes, Axes]:
    """Draws time and bandwidth against size, a line a topology and algorithm.

    Args:
        found: From `curves`.
        axes: Two axes; a new figure without them.

    Returns:
        The axes of time and of bandwidth, for titles, limits and `axes[0].figure.savefig(...)`.

    Raises:
        ImportError: matplotlib is not installed.

    Examples:
        >>> from lpusim import net
        >>> found = net.curves([net.Topology.ring(4), net.Topology.node(4)], [1 << k for k in range(10, 20)])
        >>> time_axes, rate_axes = plot_curves(found)  # doctest: +SKIP
    """
    if not isinstance(found, Curves):
        raise TypeError(f"plot_curves takes what lpusim.net.curves returns, got {shown(found)}")
    from matplotlib import colormaps
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    figure = Figure(figsize=(11, 5.2), layout="constrained")
    time_axes, rate_axes = axes if axes is not None else figure.subplots(1, 2)
    labels = list(dict.fromkeys(found.label))
    names = list(dict.fromkeys(found.topology))
    styles = {
        label: label.removeprefix(name) for label, name in zip(found.label, found.topology, strict=True)
    }
    dashes = dict(zip(dict.fromkeys(styles.values()), _DASHES, strict=False))
    for label in labels:
        rows = np.array([i for i, name in enumerate(found.label) if name == label])
        rows = rows[np.argsort(found.size_bytes[rows], kind="stable")]
        place = names.index(found.topology[rows[0]])
        look: dict[str, Any] = {
            "color": colormaps["tab10"](place % 10),
            "linestyle": dashes.get(styles[label], "-"),
            "marker": "o",
            "markersize": 3.5,
            "label": f"{label} ({found.chip_count[rows[0]]} chips)",
        }
        time_axes.plot(found.size_bytes[rows], found.time_s[rows] * 1e6, **look)
        rate_axes.plot(found.size_bytes[rows], found.bytes_per_s[rows] / 1e9, **look)
    sizes = np.unique(found.size_bytes)
    shown_sizes = sizes[:: -(-len(sizes) // 6)].tolist()
    for panel, what in ((time_axes, "time, us"), (rate_axes, "size over time, GB/s")):
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.xaxis.set_major_locator(FixedLocator(shown_sizes))
        panel.xaxis.set_minor_locator(NullLocator())
        panel.xaxis.set_major_formatter(FuncFormatter(lambda size, _: _bytes_text(size)))
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        panel.set_xlabel("size of one buffer")
        panel.set_ylabel(f"{found.operation.replace('_', '-')}: {what}")
        panel.grid(visible=True, which="major", color="0.85", linewidth=0.7)
    if axes is None:
        lines = time_axes.get_lines()
        figure.legend(
            handles=lines,
            loc="outside lower center",
            ncols=min(4, len(lines)),
            fontsize="small",
            frameon=False,
        )
    else:
        time_axes.legend(fontsize="small", frameon=False)
    return time_axes, rate_axes


def _bytes_text(size: float) -> str:
    """Binary units where they are whole, plain bytes elsewhere."""
    for power, unit in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >= 2**power:
            return f"{size / 2**power:.3g} {unit}"
    return f"{size:g} B"


def plot_links(
    timetable: Timetable,
    ax: Axes | None = None,
    *,
    links: Iterable[int] | None = None,
    colour: str = "kind",
    runs_max: int = 100_000,
) -> Axes:
    """Draws who holds which link when: a row a directed link, a bar a run, a bar a vector where they rest.

    Args:
        timetable: What to draw. It need not be legal: two bars at one place are two owners.
        ax: Where to draw; a new figure without it.
        links: Directed links, rows of `topology.links`, from the top down; default: all that are used.
        colour: What a colour stands for: "kind" (vectors that are added where they arrive, or copied),
            "transfer", "source" or "target" (the chip where the transfer starts or ends), or "hop".
        runs_max: Runs drawn at most.

    Returns:
        The axes, for titles, limits and `ax.figure.savefig(...)`.

    Raises:
        ValueError: A link that is not there, an unknown colour.
        lpusim.CapacityError: More runs than `runs_max` on these links.
        ImportError: matplotlib is not installed.

    Examples:
        >>> from lpusim import net
        >>> total = net.all_reduce(net.Topology.node(8), 65_536)
        >>> plot_links(total.timetable, links=range(7)).figure.savefig("chip0.png")  # doctest: +SKIP
    """
    if not isinstance(timetable, Timetable):
        raise TypeError(f"plot_links takes a lpusim.net.Timetable, got {shown(timetable)}")
    chosen = None if links is None else list(dict.fromkeys(links))
    rows = selected_runs(timetable, chosen, runs_max)
    groups = _groups(timetable, rows, colour)
    from matplotlib import colormaps
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    order = chosen if chosen is not None else np.unique(timetable.runs["link"][rows]).tolist()
    if ax is None:
        height = min(11.0, 1.8 + (0.24 if len(order) <= 30 else 0.16) * max(4, len(order)))
        ax = Figure(figsize=(10, height), layout="constrained").subplots()
    names = sorted(set(groups.tolist()))
    palette = colormaps["tab10" if len(names) <= 10 else "tab20"]
    shade = {name: palette(i % palette.N) for i, name in enumerate(names)}
    bars, colours = _bars(timetable, rows, {link: i for i, link in enumerate(order)}, groups, shade)
    few = len(bars) <= 500
    ax.add_collection(
        PolyCollection(bars, facecolors=colours, edgecolors="white" if few else "none", linewidths=0.4)
    )
    _name_links(ax, timetable, order)
    end = max((float(bar[1][0]) for bar in bars), default=1.0)
    ax.set_xlim(0, end * 1.01)
    ax.set_xlabel("cycle")
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_title(
        f"{timetable.topology.name}: {len(order):,} links, {len(rows):,} runs", loc="left", fontsize="medium"
    )
    if len(names) <= 20:
        ax.legend(
            handles=[
                Patch(color=shade[name], label=_KINDS[name] if colour == "kind" else str(name))
                for name in names
            ],
            title={"source": "from chip", "target": "to chip", "kind": None}.get(colour, colour),
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            frameon=False,
            fontsize="small",
        )
    return ax


def _groups(timetable: Timetable, rows: NDArray[np.int64], colour: str) -> NDArray[np.int64]:
    """What the colour of each run stands for."""
    if colour == "kind":
        return timetable.transfers["adds"][timetable.runs["transfer"][rows]]
    if colour in ("transfer", "hop"):
        return timetable.runs[colour][rows]
    if colour in ("source", "target"):
        return timetable.transfers[colour][timetable.runs["transfer"][rows]]
    raise ValueError(f"colour must be 'kind', 'transfer', 'source', 'target' or 'hop', got {shown(colour)}")


def _bars(
    timetable: Timetable,
    rows: NDArray[np.int64],
    place: Mapping[int, int],
    groups: NDArray[np.int64],
    shade: Mapping[int, Any],
) -> tuple[list[list[tuple[float, float]]], list[Any]]:
    """Corners and colours: a bar a run, or a bar a vector where a run leaves gaps and there is room."""
    runs = timetable.runs
    hold = timetable.topology.links["vector_cycles"]
    gaps = (runs["period_cycles"][rows] > hold[runs["link"][rows]]) & (runs["vector_count"][rows] > 1)
    apart = bool(runs["vector_count"][rows][gaps].sum(dtype=np.float64) <= _SLOTS_DRAWN_MAX)
    half = (
        0.4 if len(place) <= _LINK_NAMES_MAX else 0.5
    )  # Gaps between rows thinner than a pixel only flicker.
    bars: list[list[tuple[float, float]]] = []
    colours = []
    for row, group, gap in zip(rows.tolist(), groups.tolist(), gaps.tolist(), strict=True):
        link, start = int(runs["link"][row]), int(runs["start_cycle"][row])
        y, width = place[link], int(hold[link])
        if gap and apart:
            starts = [
                start + i * int(runs["period_cycles"][row]) for i in range(int(runs["vector_count"][row]))
            ]
        else:
            starts, width = [start], int(last_cycle(runs)[row]) - start + width
        for left in starts:
            right = left + width
            bars.append([(left, y - half), (right, y - half), (right, y + half), (left, y + half)])
            colours.append(shade[group])
    return bars, colours


def _name_links(ax: Axes, timetable: Timetable, order: Sequence[int]) -> None:
    """Every link by its chips where there is room, else the chips at which the links of one begin."""
    table = timetable.topology.links
    ends = [(int(table["source"][link]), int(table["target"][link])) for link in order]
    if len(order) <= _LINK_NAMES_MAX:
        size = "small" if len(order) <= 30 else "x-small"
        alike = {pair for pair, count in Counter(ends).items() if count > 1}
        names = [
            f"{a} to {b}" + (f", link {link}" if (a, b) in alike else "")
            for (a, b), link in zip(ends, order, strict=True)
        ]
        ax.set_yticks(range(len(order)), names, fontsize=size)
        ax.set_ylabel("link, chip to chip")
    else:
        first = [i for i, (a, _) in enumerate(ends) if i == 0 or a != ends[i - 1][0]]
        first = first[:: -(-len(first) // _LINK_NAMES_MAX)]
        ax.set_yticks(first, [str(ends[i][0]) for i in first], fontsize="small")
        ax.set_ylabel("links, by the chip they leave")
    ax.set_ylim(len(order) - 0.4, -0.6)
