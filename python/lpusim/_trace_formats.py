"""The line formats of request traces: how one line becomes arrival, input and output."""

from __future__ import annotations

import csv
import datetime
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

import msgspec

__all__ = ["FORMATS", "BadRow", "RowParser", "detect_format"]

Row: TypeAlias = tuple[int, int, int, Sequence[int]]
"""Arrival in ps (absolute for wall-clock formats), input tokens, output tokens, prefix block ids."""

_SHOWN = 80
_PS_PER_S = 10**12
_PS_PER_MS = 10**9
_WHOLE_TIMESTAMP_MAX = 1 << 63
_MOONCAKE_BLOCK_TOKENS = 512
_EPOCH = datetime.datetime(1970, 1, 1)
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d)(?:\.(\d{1,12}))?(Z|[+-]\d\d:\d\d)?")
_INTEGER = re.compile(r"[+-]?\d{1,18}")


class BadRow(Exception):  # noqa: N818 - not an error until the reader says so
    """One line is no request; says what was seen and what is allowed."""


@dataclass(frozen=True, slots=True)
class RowParser:
    """How to read the rows of one file."""

    what: str
    parse: Callable[[str], Row]
    input_name: str
    output_name: str
    has_header: bool
    is_wall_clock: bool = False
    block_tokens: int | None = None


def detect_format(first_line: str, format: str | None, *, where: str) -> RowParser:
    """The parser for a file that begins with `first_line`.

    Raises:
        ValueError: The line belongs to no known format, or not to the named one.
    """
    for name in FORMATS if format is None else (format,):
        parser = FORMATS[name](first_line)
        if parser is not None:
            return parser
    if '"chat_id"' in first_line:
        raise ValueError(
            f"{where}: looks like a Bailian trace, whose `timestamp` is in seconds and whose blocks have 16 "
            "tokens; not read yet: convert it to arrival_s,input_tokens,output_tokens"
        )
    wanted = {name: _FIRST_LINES[name] for name in (FORMATS if format is None else (format,))}
    raise ValueError(
        f"{where}: starts with {first_line[:_SHOWN]!r}; expected "
        + " or ".join(f"{line} ({name})" for name, line in wanted.items())
    )


def _azure(first_line: str) -> RowParser | None:
    names = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")
    return _csv("Azure CSV", first_line, names, _stamp_ps, is_wall_clock=True)


def _plain(first_line: str) -> RowParser | None:
    names = ("arrival_s", "input_tokens", "output_tokens")
    return _csv("CSV in seconds", first_line, names, _seconds_ps, is_wall_clock=False)


def _csv(
    what: str,
    header: str,
    names: tuple[str, str, str],
    arrival_ps: Callable[[str], int],
    *,
    is_wall_clock: bool,
) -> RowParser | None:
    """A parser of CSV rows under `header`; None where it lacks one of the columns `names`."""
    columns = _find_columns(header, names)
    if columns is None:
        return None
    arrival, inputs, outputs, count = columns
    _, input_name, output_name = names

    def parse(line: str) -> Row:
        cells = _cells(line, count)
        return (
            arrival_ps(cells[arrival]),
            _integer(input_name, cells[inputs]),
            _integer(output_name, cells[outputs]),
            (),
        )

    return RowParser(what, parse, input_name, output_name, True, is_wall_clock=is_wall_clock)


class _MooncakeRow(msgspec.Struct):
    timestamp: int | float
    input_length: int
    output_length: int
    hash_ids: list[int] = []


_MOONCAKE_DECODER = msgspec.json.Decoder(_MooncakeRow)


def _mooncake(first_line: str) -> RowParser | None:
    if not first_line.startswith("{") or '"chat_id"' in first_line:
        return None
    if not all(f'"{key}"' in first_line for key in ("timestamp", "input_length", "output_length")):
        return None

    def parse(line: str) -> Row:
        try:
            row = _MOONCAKE_DECODER.decode(line)
        except RecursionError:
            raise BadRow(f"is nested too deeply; seen {line[:_SHOWN]!r}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRow(f"{error}; seen {line[:_SHOWN]!r}") from None
        if isinstance(row.timestamp, int) and abs(row.timestamp) < _WHOLE_TIMESTAMP_MAX:
            arrival_ps = row.timestamp * _PS_PER_MS
        else:
            arrival_ps = _scaled("timestamp", repr(row.timestamp), _PS_PER_MS)
        return arrival_ps, row.input_length, row.output_length, row.hash_ids

    return RowParser(
        "Mooncake JSON lines (timestamp in ms)",
        parse,
        "input_length",
        "output_length",
        False,
        block_tokens=_MOONCAKE_BLOCK_TOKENS,
    )


FORMATS: dict[str, Callable[[str], RowParser | None]] = {
    "azure": _azure,
    "mooncake": _mooncake,
    "csv": _plain,
}
_FIRST_LINES = {
    "azure": "a line TIMESTAMP,ContextTokens,GeneratedTokens",
    "mooncake": 'a JSON line {"timestamp": ms, "input_length": ..., "output_length": ...}',
    "csv": "a line arrival_s,input_tokens,output_tokens",
}


def _find_columns(header: str, names: tuple[str, str, str]) -> tuple[int, int, int, int] | None:
    """Where the three columns are, and how many there are; None if one is missing or named twice."""
    cells = [cell.strip() for cell in header.split(",")]
    if any(cells.count(name) != 1 for name in names):
        return None
    first, second, third = (cells.index(name) for name in names)
    return first, second, third, len(cells)


def _cells(line: str, count: int) -> list[str]:
    cells = next(csv.reader([line])) if '"' in line else line.split(",")
    if len(cells) != count:
        raise BadRow(f"{len(cells)} columns where the header has {count}; seen {line[:_SHOWN]!r}")
    return cells


def _integer(name: str, cell: str) -> int:
    cell = cell.strip()
    if not _INTEGER.fullmatch(cell):
        raise BadRow(f"{name} is {cell[:_SHOWN]!r}; allowed: a whole number of tokens")
    return int(cell)


def _seconds_ps(cell: str) -> int:
    return _scaled("arrival_s", cell.strip(), _PS_PER_S)


def _scaled(name: str, text: str, ps_per_unit: int) -> int:
    """A decimal number of units as picoseconds, exact up to the last one (half to even)."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise BadRow(f"{name} is {text[:_SHOWN]!r}; allowed: a decimal number") from None
    if not value.is_finite() or abs(value.adjusted()) > 30:
        raise BadRow(f"{name} is {text[:_SHOWN]!r}; allowed: a finite number of ordinary size")
    return round(value * ps_per_unit)


def _stamp_ps(cell: str) -> int:
    """A date and time with up to 12 decimals as picoseconds since 1970; without a zone, as if UTC."""
    match = _STAMP.fullmatch(cell.strip())
    if match is None:
        raise BadRow(f"TIMESTAMP is {cell[:_SHOWN]!r}; allowed: YYYY-MM-DD HH:MM:SS.fffffff")
    whole, fraction, zone = match.groups()
    try:
        moment = datetime.datetime.fromisoformat(whole)
        if zone not in (None, "Z"):
            offset = datetime.datetime.fromisoformat(whole + zone).utcoffset()
            moment -= offset or datetime.timedelta()
    except (ValueError, OverflowError) as error:
        raise BadRow(f"TIMESTAMP is {cell[:_SHOWN]!r}: {error}") from None
    seconds = (moment - _EPOCH) // datetime.timedelta(seconds=1)
    return seconds * _PS_PER_S + int((fraction or "").ljust(12, "0") or 0)
