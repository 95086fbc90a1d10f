"""The plots of the HTML page, as inline SVG. Needs the optional extra `plot` (matplotlib)."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lpusim._format import quantity, usd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Breakdown", "CostBar", "Series", "draw_breakdowns", "draw_costs", "draw_tradeoffs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One machine's trade-off, a point for each batch size: speed of one user against yield of one chip."""

    name: str
    tokens_per_second_per_user: Sequence[float]
    tokens_per_second_per_chip: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostBar:
    """USD per million output tokens of the reserved fleet with its bounds, and of its busy time alone."""

    name: str
    reserved: float
    used: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakdown:
    """Where the time of one step goes, in seconds by part."""

    name: str
    parts_s: dict[str, float]


# Okabe and Ito's colours, told apart by readers who do not see red and green alike.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#666666", "#b8a800")
_MARKERS = "osD^vPX*"
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Helvetica", "Arial"],
    "font.size": 10,
    "svg.fonttype": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": "#333333",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "xtick.color": "#444444",
    "ytick.color": "#444444",
}


def _draw(title: str, height: float, paint: Callable[[Axes], None]) -> str:
    """An inline SVG named `title`, of `height` inches at a width of 8.6."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("plots need matplotlib: pip install 'lpusim[plot]'") from None
    buffer = io.StringIO()
    # The salt names clip paths: fixed, so that equal pages are equal bytes, and of this figure alone.
    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": title}):
        figure = Figure(figsize=(8.6, height), layout="constrained")
        paint(figure.subplots())
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # Without a size of its own the picture takes the width of the page.
    svg = re.sub(r' (width|height)="[^"]*pt"', "", svg, count=2)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(title)}" ', 1)


def draw_tradeoffs(series: Sequence[Series], title: str) -> str:
    """Lines of yield against speed, both logarithmic."""

    def paint(axes: Axes) -> None:
        for i, each in enumerate(series):
            axes.plot(
                each.tokens_per_second_per_user,
                each.tokens_per_second_per_chip,
                color=_COLOURS[i % len(_COLOURS)],
                marker=_MARKERS[i % len(_MARKERS)],
                markersize=6,
                linewidth=1.8,
                label=each.name,
            )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("tokens/s of one user")
        axes.set_ylabel("tokens/s of one chip")
        _plain_ticks(axes.xaxis)
        _plain_ticks(axes.yaxis)
        axes.legend(frameon=False)

    return _draw(title, 4.6, paint)


def draw_costs(bars: Sequence[CostBar], title: str) -> str:
    """Bars of reserved cost with their range; diamonds for used cost."""

    def paint(axes: Axes) -> None:
        places = list(range(len(bars)))
        axes.barh(places, [bar.reserved for bar in bars], height=0.55, color=_COLOURS[0], alpha=0.85)
        for place, bar in enumerate(bars):
            right = bar.reserved
            if bar.low is not None and bar.high is not None:
                axes.plot([bar.low, bar.high], [place, place], color="#222222", linewidth=1.4, marker="|")
                right = max(right, bar.high)
            if bar.used is not None:
                axes.plot(
                    bar.used, place, marker="D", color="#ffffff", markeredgecolor="#222222", markersize=6
                )
            axes.annotate(
                f"{usd(bar.reserved)}",
                (right, place),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                color="#222222",
            )
        values = [
            v for bar in bars for v in (bar.reserved, bar.used, bar.low, bar.high) if v is not None and v > 0
        ]
        if values and max(values) > 50 * min(values):
            axes.set_xscale("log")
            axes.set_xlim(min(values) / 2, max(values) * 2.5)
            _plain_ticks(axes.xaxis)
        else:
            axes.set_xlim(0, max(values, default=1) * 1.15)
        axes.set_yticks(places, [bar.name for bar in bars])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("USD per million output tokens")

    return _draw(title, 0.9 + 0.5 * len(bars), paint)


def draw_breakdowns(rows: Sequence[Breakdown], title: str) -> str:
    """Stacked bars of shares, longest list of parts first seen first."""
    parts = list(dict.fromkeys(part for row in rows for part in row.parts_s))

    def paint(axes: Axes) -> None:
        places = list(range(len(rows)))
        totals = [sum(row.parts_s.values()) or 1.0 for row in rows]
        left = [0.0] * len(rows)
        for i, part in enumerate(parts):
            shares = [100 * row.parts_s.get(part, 0.0) / t for row, t in zip(rows, totals, strict=True)]
            hatch = "//" if i >= len(_COLOURS) else None
            axes.barh(
                places,
                shares,
                left=left,
                height=0.55,
                color=_COLOURS[i % len(_COLOURS)],
                edgecolor="white",
                hatch=hatch,
                label=part,
            )
            left = [at + share for at, share in zip(left, shares, strict=True)]
        for place, row in enumerate(rows):
            axes.annotate(
                quantity(sum(row.parts_s.values()), "s"),
                (100, place),
                xytext=(6, 0),
                textcoords="offset points",
                va="center",
                color="#222222",
            )
        axes.set_xlim(0, 112)
        axes.set_xticks(range(0, 101, 20))
        axes.set_yticks(places, [row.name for row in rows])
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("share of one decode step, %; its time at the right")
        axes.legend(frameon=False, ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0), fontsize=9)

    return _draw(title, 1.3 + 0.25 * -(-len(parts) // 4) + 0.5 * len(rows), paint)


def _plain_ticks(axis: Any) -> None:
    """1,000 rather than 10^3, and with steps between decades where there are two at most."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    low, high = axis.get_view_interval()
    if low > 0 and high < 100 * low:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_minor_formatter(NullFormatter())
