"""How values look on a screen and reach a file. No knowledge of what they mean."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["number", "quantity", "table", "to_json", "write_atomic"]

_PREFIXES = {-12: "p", -9: "n", -6: "u", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P", 18: "E"}


def number(value: float | None, digits: int = 3) -> str:
    """A number with `digits` significant digits, thousands separated; "-" for None.

    Examples:
        >>> number(1234.56), number(0.012345), number(1e9), number(float("inf")), number(None)
        ('1,235', '0.0123', '1e+09', 'inf', '-')
    """
    if value is None:
        return "-"
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if -4 <= exponent < 9:
        return f"{value:,.{max(0, digits - 1 - exponent)}f}"
    return f"{value:.{digits}g}"


def quantity(value: float | None, unit: str, digits: int = 3) -> str:
    """A number with an SI prefix and its unit.

    Only prefixes that a power of 1000 needs are used; dollars and ratios take none.

    Examples:
        >>> quantity(31.9e12, "B/s"), quantity(19.3e-6, "s"), quantity(1234.5, "USD"), quantity(0, "s")
        ('31.9 TB/s', '19.3 us', '1,234 USD', '0 s')
    """
    if value is None:
        return "-"
    if value == 0 or not math.isfinite(value) or unit[:1] not in ("B", "s", "W", "J", "F", "H"):
        return f"{number(value, digits)} {unit}".rstrip()
    # A size, a rate or a time: the prefix keeps one to three digits before the point.
    power = 3 * math.floor(math.log10(abs(value)) / 3 + 1e-12)
    if round(abs(value) / 10**power, digits - 1) >= 1000:
        power += 3
    power = min(max(power, min(_PREFIXES)), max(_PREFIXES))
    if unit.startswith("s") and power > 0:
        power = 0
    return f"{number(value / 10.0**power, digits)} {_PREFIXES[power]}{unit}"


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
    if header:
        lines.insert(1, ["-" * width for width in widths])
    align = numeric.ljust(len(widths), "l")
    return "\n".join(
        "  ".join(
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(line, widths, align, strict=True)
        ).rstrip()
        for line in lines
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
