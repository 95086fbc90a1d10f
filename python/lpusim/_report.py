"""A self-contained HTML page: one file, inline SVG, no script, no network, to be mailed and archived.

Takes plain rows; knows nothing of how they were computed. Plots need the optional extra `plot` (matplotlib).
"""

from __future__ import annotations

import html
import os
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lpusim._format import quantity, usd, write_atomic
from lpusim._report_plots import Breakdown, CostBar, Series, draw_breakdowns, draw_costs, draw_tradeoffs

__all__ = ["Breakdown", "CostBar", "Fleet", "Page", "Series", "Value", "Verdict", "render", "write_report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One number of a table, with its bounds and the parameter whose range widens them most."""

    name: str
    value: float | None
    unit: str = ""
    low: float | None = None
    high: float | None = None
    widened_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """One column of the comparison: a model on a machine, and what came of it."""

    name: str
    values: Sequence[Value]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one claim."""

    claim: str
    statement: str
    verdict: str
    reasons: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Everything one page shows. An empty section is left out."""

    title: str
    summary: str
    fleets: Sequence[Fleet] = ()
    tradeoffs: Sequence[Series] = ()
    costs: Sequence[CostBar] = ()
    breakdowns: Sequence[Breakdown] = ()
    verdicts: Sequence[Verdict] = ()
    notes: Sequence[str] = ()
    footer: str = ""


def write_report(path: str | os.PathLike[str], page: Page) -> Path:
    """Render the page and write it whole or not at all. Returns the path.

    Raises:
        ImportError: The page has plots and matplotlib is not installed.
        OSError: The file cannot be written.
    """
    return write_atomic(path, render(page))


def render(page: Page) -> str:
    """The page as HTML text. The same page gives the same text."""
    sections = [
        _section("Fleets side by side", _fleet_table(page.fleets)) if page.fleets else "",
        _plot_section(
            "Speed of a user against yield of a chip",
            "Each point is a batch size. Up and to the right is better.",
            page.tradeoffs,
            draw_tradeoffs,
        ),
        _plot_section(
            "Cost of a million output tokens",
            "Bars: the whole reserved fleet, idle time included, with the range of the assumptions."
            " Diamonds: busy time alone.",
            page.costs,
            draw_costs,
        ),
        _plot_section("Where a decode step's time goes", "", page.breakdowns, draw_breakdowns),
        _section("Claims", "".join(map(_verdict, page.verdicts))) if page.verdicts else "",
        _section("Notes", _list(page.notes)) if page.notes else "",
    ]
    page_html = (Path(__file__).parent / "_report.html").read_text(encoding="utf-8")
    return string.Template(page_html).substitute(
        title=html.escape(page.title),
        summary=html.escape(page.summary),
        body="\n".join(filter(None, sections)),
        footer=html.escape(page.footer),
    )


def _section(title: str, body: str) -> str:
    return f"<section>\n<h2>{html.escape(title)}</h2>\n{body}\n</section>"


def _list(items: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{html.escape(item)}</li>" for item in items) + "</ul>"


def _fleet_table(fleets: Sequence[Fleet]) -> str:
    names = list(dict.fromkeys(value.name for fleet in fleets for value in fleet.values))
    head = "".join(f'<th scope="col">{html.escape(fleet.name)}</th>' for fleet in fleets)
    rows = []
    for name in names:
        cells = "".join(_cell(next((v for v in fleet.values if v.name == name), None)) for fleet in fleets)
        rows.append(f'<tr><th scope="row">{html.escape(name)}</th>{cells}</tr>')
    notes = [f"{fleet.name}: {fleet.note}" for fleet in fleets if fleet.note]
    return (
        f'<div class="scroll"><table><thead><tr><td></td>{head}</tr></thead><tbody>'
        + "\n".join(rows)
        + "</tbody></table></div>"
        + (_list(notes) if notes else "")
    )


def _cell(value: Value | None) -> str:
    if value is None or value.value is None:
        return '<td class="none">–</td>'
    text = html.escape(_shown(value.value, value.unit))
    if value.low is not None and value.high is not None:
        span = f"{_shown(value.low, value.unit)} to {_shown(value.high, value.unit)}"
        widened = f" · {_breakable(value.widened_by)}" if value.widened_by else ""
        text += f'<span class="range">{html.escape(span)}{widened}</span>'
    return f"<td>{text}</td>"


def _shown(value: float, unit: str) -> str:
    return usd(value) if unit == "USD" else quantity(value, unit)


def _breakable(name: str) -> str:
    """A dotted name that a narrow column may break after each word."""
    return re.sub(r"([._-])", r"\1<wbr>", html.escape(name))


def _verdict(verdict: Verdict) -> str:
    kind = re.sub(r"[^a-z]", "", verdict.verdict.lower())
    return (
        f"<article><h3>{html.escape(verdict.claim)}"
        f' <span class="verdict {kind}">{html.escape(verdict.verdict)}</span></h3>'
        f"<blockquote>{html.escape(verdict.statement)}</blockquote>{_list(verdict.reasons)}</article>"
    )


def _plot_section(title: str, caption: str, rows: Sequence[Any], draw: Any) -> str:
    if not rows:
        return ""
    svg = draw(rows, title)
    note = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return _section(title, f"<figure>{svg}{note}</figure>")
