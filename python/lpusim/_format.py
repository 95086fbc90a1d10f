"""How values look on a screen and reach a file."""

from __future__ import annotations

import json
import math
import os
import tempfile
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lpusim._estimate import Estimate
    from lpusim._serve import ServeResult

__all__ = [
    "estimate_screen",
    "number",
    "quantity",
    "serve_screen",
    "table",
    "to_json",
    "usd",
    "wrap",
    "write_atomic",
]

_PREFIXES = {-12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}


def number(value: float | None, digits: int = 3) -> str:
    """A number for people: whole numbers whole, others with `digits` significant digits; "-" for None.

    Examples:
        >>> number(8), number(1234.56), number(0.012345), number(671e9), number(float("inf")), number(None)
        ('8', '1,235', '0.0123', '671e9', 'inf', '-')
    """
    if value is None:
        return "-"
    if not math.isfinite(value):
        return str(value)
    if abs(value) >= 1e9:
        power = 3 * (int(f"{value:e}".partition("e")[2]) // 3)
        return f"{value / 10.0**power:.{digits + 1}g}e{power}"
    return f"{value:,.0f}" if value == int(value) else _significant(value, digits)


def _significant(value: float, digits: int) -> str:
    """`digits` significant digits, trailing zeros kept; more where whole digits need them."""
    if value == 0:
        return "0"
    # Of the rounded value: 0.9996 is 1.00, not 1.000.
    exponent = int(f"{value:.{digits - 1}e}".partition("e")[2])
    if exponent >= -4:
        return f"{value:,.{max(0, digits - 1 - exponent)}f}"
    return f"{value:.{digits}g}"


def usd(value: float) -> str:
    """Money: cents where cents matter, more digits below ten cents.

    Examples:
        >>> usd(1000), usd(0.8), usd(0.08), usd(0.0123), usd(593.4)
        ('$1,000', '$0.80', '$0.08', '$0.0123', '$593')
    """
    if not math.isfinite(value):
        return f"${value}"
    digits = 0 if abs(value) >= 100 else 2
    cents = abs(value) >= 0.1 or math.isclose(value, round(value, 2))
    return f"${value:,.{digits}f}" if cents else f"${_significant(value, 3)}"


def quantity(value: float | None, unit: str, digits: int = 3) -> str:
    """A number with an SI prefix and its unit; "-" where it is not known (None, NaN).

    Only prefixes that a power of 1000 needs are used; dollars and ratios take none.

    Examples:
        >>> quantity(31.9e12, "B/s"), quantity(19.3e-6, "s"), quantity(1234.5, "USD"), quantity(0, "s")
        ('31.9 TB/s', '19.3 us', '1,234 USD', '0 s')
    """
    if value is None or math.isnan(value):
        return "-"
    if value == 0 or not math.isfinite(value) or unit[:1] not in ("B", "s", "W", "J", "F", "H"):
        return f"{number(value, digits)} {unit}".rstrip()
    # A size, a rate or a time: the prefix keeps one to three digits before the point.
    power = 3 * math.floor(math.log10(abs(value)) / 3 + 1e-12)
    if float(f"{abs(value) / 10.0**power:.{digits - 1}e}") >= 1000:
        power += 3
    power = min(max(power, min(_PREFIXES)), max(_PREFIXES))
    if unit.startswith("s") and power > 0:
        power = 0
    return f"{_significant(value / 10.0**power, digits)} {_PREFIXES[power]}{unit}"


def table(rows: Sequence[Sequence[str]], *, header: Sequence[str] | None = None, numeric: str = "") -> str:
    """Aligned plain text, two spaces between columns, no trailing blanks.

    Args:
        rows: Cells as text, all rows of one length.
        header: Titles; a rule is drawn below them.
        numeric: One letter a column, "r" to align right, anything else left. Default: all left.

    Examples:
        >>> print(table([["chips", "8"], ["nodes", "16"]], header=["what", "n"], numeric="lr"))
        what    n
        -----  --
        chips   8
        nodes  16
    """
    lines = [list(header), *map(list, rows)] if header else [list(row) for row in rows]
    if not lines:
        return ""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    align = numeric.ljust(len(widths), "l")
    if header:
        rules = list(widths)
        if align[-1] == "l":  # A last column of long text needs no rule as long.
            rules[-1] = len(header[-1])
        lines.insert(1, ["-" * width for width in rules])
    return "\n".join(
        "  ".join(
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(line, widths, align, strict=True)
        ).rstrip()
        for line in lines
    )


def wrap(text: str, *, indent: str = "", width: int = 110) -> str:
    """Text in lines of at most `width`, all but the first indented."""
    return textwrap.fill(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


#: What a screen shows of an estimate: title, name of the value, unit.
_ESTIMATE_ROWS = (
    ("step time", "step_time_s", "s"),
    ("time to first token", "time_to_first_token_s", "s"),
    ("time per output token", "time_per_output_token_s", "s"),
    ("tokens/s per user", "tokens_per_second_per_user", ""),
    ("tokens/s", "tokens_per_second", ""),
    ("energy per token, at the meter", "joules_per_token", "J"),
    ("USD per M output tokens, reserved", "usd_per_million_output_tokens", ""),
    ("USD per M input tokens, reserved", "usd_per_million_input_tokens", ""),
    ("USD per request, reserved", "usd_per_request", ""),
    ("USD per month, reserved", "usd_per_month", ""),
)


def estimate_screen(point: Estimate) -> str:
    """One screen for one operating point: values with bounds, where the time goes, what it rests on."""
    cycles = "" if point.step_cycles is None else f": {point.step_cycles:,} cycles"
    chips = f"{point.system.chip_count:,} chip{'s' * (point.system.chip_count != 1)}, "
    head = (
        f"{point.model.name} on {point.system.name}: {chips if point.system.chip_count else ''}"
        f"{point.weights} weights, {point.kv} cache, batch {point.batch},"
        f" {point.input_tokens:,} tokens in, {point.output_tokens:,} out,"
        f" step at {point.context:,} tokens of context, utilisation {point.utilisation:g}"
    )
    rows = []
    for title, name, unit in _ESTIMATE_ROWS:
        home = point if hasattr(point, name) else point.cost
        value = getattr(home, name)
        bound = point.bounds[name]
        shown = (getattr(value, "reserved", value), bound.low, bound.high)
        rows.append([title, *(quantity(v, unit) for v in shown), bound.widened_by])
    used = point.cost.usd_per_million_output_tokens.used
    rows.append(["USD per M output tokens, used", quantity(used, ""), "", "", ""])
    total = sum(point.breakdown.values())
    parts = [
        [name, quantity(seconds, "s"), f"{100 * seconds / total:.1f} %" if total > 0 else "-"]
        for name, seconds in sorted(point.breakdown.items(), key=lambda item: -item[1])
    ]
    lines = [
        wrap(head),
        "",
        table(rows, header=["", "value", "low", "high", "widened most by"], numeric="lrrrl"),
        "",
        f"One decode step{cycles}",
        table(parts, numeric="lrr"),
    ]
    if point.assumptions:
        held = [
            f"{a.name} {number(a.value)} {a.unit} ({number(a.low)} to {number(a.high)})"
            for a in point.assumptions
        ]
        lines += ["", wrap(f"Assumed: {'; '.join(held)}", indent="  ")]
    lines += [wrap(f"Note: {note}", indent="  ") for note in point.notes]
    return "\n".join(lines)


#: What a screen shows of a run: title, vLLM's key, unit, and what a shown unit is of the key's.
_SERVE_ROWS = (
    ("requests finished", "completed", "", 1.0),
    ("requests rejected", "failed", "", 1.0),
    ("duration", "duration", "s", 1.0),
    ("requests/s", "request_throughput", "", 1.0),
    ("requests/s within the limits", "request_goodput", "", 1.0),
    ("share within the limits", "slo_attainment", "", 1.0),
    ("output tokens/s", "output_throughput", "", 1.0),
    ("time to first token, median", "median_ttft_ms", "s", 1e-3),
    ("time to first token, p99", "p99_ttft_ms", "s", 1e-3),
    ("time per output token, median", "median_tpot_ms", "s", 1e-3),
    ("time per output token, p99", "p99_tpot_ms", "s", 1e-3),
    ("end to end, p99", "p99_e2el_ms", "s", 1e-3),
)


def serve_screen(result: ServeResult) -> str:
    """One screen for one run: the trace, what the requests saw, what each pool did; bounds if known."""
    from lpusim._fleet_screen import bounds_table

    summary = result.summary()
    rows = [
        [title, "-" if summary[key] is None else quantity(summary[key] * scale, unit)]
        for title, key, unit, scale in _SERVE_ROWS
    ]
    names = ("name", "kind", "chip_count", "requests", "output_tokens", "busy_share", "kv_share_peak")
    columns = [result.pools[name].tolist() for name in names]
    pools = [
        [cell if isinstance(cell, str) else number(cell) for cell in row]
        for row in zip(*columns, strict=True)
    ]
    header = ["pool", "kind", "chips", "requests", "output tokens", "busy share", "KV share, peak"]
    return "\n".join(
        [
            wrap(f"{result.trace_name}: {result.trace_description}"),
            f"policy {result.policy}",
            "",
            table(rows, numeric="lr"),
            "",
            table(pools, header=header, numeric="llrrrrr"),
            *(["", bounds_table(result.values, result.bounds)] if result.has_bounds else []),
        ]
    )


def to_json(value: Any) -> str:
    """JSON text that any reader accepts: NaN and infinity become null; keys keep their order."""
    return json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if hasattr(value, "tolist"):  # NumPy arrays and scalars.
        return _finite(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form")


def write_atomic(path: str | os.PathLike[str], data: str | bytes) -> Path:
    """Writes a file whole or not at all: to a temporary one beside it, then renamed over it.

    Parent folders are made. Returns the path.

    Raises:
        OSError: The folder cannot be made or written; what was there before stays.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # mkstemp makes it private; a result is an ordinary file.
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    return target
