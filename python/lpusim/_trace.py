"""Request traces: when requests arrive, how long they are in and out.

Readers name file, line, what was seen and what is allowed; units are part of the format and never guessed.
"""

from __future__ import annotations

import itertools
import os
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lpusim import _core
from lpusim._arguments import finite_number, some_text, whole_number
from lpusim._names import unknown_name
from lpusim._trace_formats import FORMATS, BadRow, RowParser, detect_format

__all__ = ["AZURE_CONV_2023", "Lengths", "Trace", "generate_trace", "load_trace"]

Lengths: TypeAlias = int | Mapping[float, float]
"""A fixed number of tokens, or share of requests -> tokens: an inverse distribution, linear in between."""

_LINE_BYTES_MAX = 1 << 20
_ROWS_PER_PROGRESS = 1 << 14
# A file whose first rows are all bad is not a trace, however the caller treats bad rows.
_FIRST_ROWS = 1000
_BAD_ROWS_SHOWN = 10
_SCHEMA = "lpusim.trace/1"
_ROWS_MAX = 10**12
_GENERATED_MAX = 10**9
_SEED_MAX = (1 << 64) - 1
_PS_PER_S = 10**12


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Trace:
    """Requests in order of arrival. Columns are int64 and read-only, one row a request.

    Attributes:
        name: Short, for tables.
        description: What it is and where it came from.
        arrival_ps: Picoseconds since the start of the trace, not decreasing, at most 26 days.
        input_tokens, output_tokens: At least 1.
        bad_row_count: Rows that were left out (only with `bad_rows="count"`).
        bad_rows: The first of their messages.
        block_tokens: Tokens one prefix block stands for; None without prefix blocks.
        hash_ids, hash_offsets: Request i has the prefix blocks hash_ids[hash_offsets[i]:hash_offsets[i + 1]];
            equal ids at the head of two requests are the same prefix.

    Raises:
        ValueError: Columns differ in length, arrivals decrease, or a value is outside its range.

    Examples:
        >>> import lpusim
        >>> trace = lpusim.Trace(name="a", arrival_ps=[0, 10**12], input_tokens=[5, 6], output_tokens=[1, 2])
        >>> trace.statistics()["requests_per_s"]
        1.0
        >>> lpusim.Trace.from_json(trace.to_json()).arrival_ps
        array([            0, 1000000000000])
    """

    name: str
    description: str = ""
    arrival_ps: NDArray[np.int64]
    input_tokens: NDArray[np.int64]
    output_tokens: NDArray[np.int64]
    bad_row_count: int = 0
    bad_rows: tuple[str, ...] = ()
    block_tokens: int | None = None
    hash_ids: NDArray[np.int64] | None = None
    hash_offsets: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not isinstance(self.description, str):
            raise TypeError("name and description of a trace must be text")
        whole_number("bad_row_count", self.bad_row_count, 0, _ROWS_MAX)
        if not all(isinstance(row, str) for row in self.bad_rows):
            raise TypeError("bad_rows of a trace must be messages")
        tokens_max, arrival_max = _core.serve.TOKENS_MAX, _core.serve.ARRIVAL_PS_MAX
        for name, low, high in (
            ("arrival_ps", 0, arrival_max),
            ("input_tokens", 1, tokens_max),
            ("output_tokens", 1, tokens_max),
        ):
            column = _column(name, getattr(self, name))
            if len(column) != len(self.arrival_ps):
                raise ValueError(f"{name} has {len(column)} rows, but arrival_ps has {len(self.arrival_ps)}")
            outside = np.flatnonzero((column < low) | (column > high))
            if len(outside):
                raise ValueError(f"{name}[{outside[0]}] = {column[outside[0]]} must be from {low} to {high}")
            object.__setattr__(self, name, column)
        drops = np.flatnonzero(np.diff(self.arrival_ps) < 0)
        if len(drops):
            i = int(drops[0]) + 1
            raise ValueError(
                f"arrival_ps must not decrease, but arrival_ps[{i}] = {self.arrival_ps[i]} comes after "
                f"{self.arrival_ps[i - 1]}; sort the requests by arrival"
            )
        if (self.hash_ids is None) != (self.hash_offsets is None):
            raise ValueError("hash_ids and hash_offsets come together or not at all")
        if self.hash_ids is not None and self.hash_offsets is not None:
            ids, offsets = _column("hash_ids", self.hash_ids), _column("hash_offsets", self.hash_offsets)
            bounded = len(offsets) == len(self) + 1 and offsets[0] == 0 and offsets[-1] == len(ids)
            if not bounded or np.any(np.diff(offsets) < 0):
                raise ValueError(
                    "hash_offsets must rise from 0 to len(hash_ids) with one more row than requests"
                )
            object.__setattr__(self, "hash_ids", ids)
            object.__setattr__(self, "hash_offsets", offsets)

    def __len__(self) -> int:
        return len(self.arrival_ps)

    def __str__(self) -> str:
        s = self.statistics()
        bad = f", {self.bad_row_count} bad rows left out" if self.bad_row_count else ""
        return (
            f"{self.name}: {s['requests']:,} requests in {s['span_s']:,.1f} s ({s['requests_per_s']:.2f}/s, "
            f"CV of gaps {s['gap_cv']:.2f}), input mean {s['input_mean']:.0f} p50 {s['input_p50']:.0f} "
            f"p99 {s['input_p99']:.0f}, output mean {s['output_mean']:.0f} p50 {s['output_p50']:.0f} "
            f"p99 {s['output_p99']:.0f} tokens{bad}"
        )

    def statistics(self) -> dict[str, float]:
        """Requests, span, rate, CV of gaps; mean, p50, p90, p99 and max of both lengths.

        The rate is gaps over span, the CV the population deviation of gaps over their mean; both are 0 with
        fewer than two requests or no span. Percentiles are NumPy's, linear.
        """
        gaps = np.diff(self.arrival_ps) / _PS_PER_S
        span = float(gaps.sum())
        result: dict[str, float] = {
            "requests": len(self),
            "span_s": span,
            "requests_per_s": len(gaps) / span if span > 0 else 0.0,
            "gap_cv": float(gaps.std() / gaps.mean()) if span > 0 else 0.0,
        }
        for name, column in (("input", self.input_tokens), ("output", self.output_tokens)):
            if len(column):
                result[f"{name}_mean"] = float(column.mean())
                result |= {f"{name}_p{p}": float(np.percentile(column, p)) for p in (50, 90, 99)}
                result[f"{name}_max"] = float(column.max())
            else:
                result |= {f"{name}_{key}": 0.0 for key in ("mean", "p50", "p90", "p99", "max")}
        return result

    def to_columns(self) -> dict[str, NDArray[np.int64]]:
        """Plain int64 columns, ready for `pandas.DataFrame` or `pyarrow.table`."""
        return {
            "arrival_ps": self.arrival_ps,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        result: dict[str, Any] = {"schema": _SCHEMA}
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            result[name] = value.tolist() if isinstance(value, np.ndarray) else value
        result["bad_rows"] = list(self.bad_rows)
        return result

    def to_json(self) -> str:
        """JSON that `from_json` turns back into an equal trace."""
        return msgspec.json.encode(self.to_dict()).decode()

    @classmethod
    def from_json(cls, text: str | bytes) -> Trace:
        """The trace that `to_json` wrote.

        Raises:
            ValueError: Not such a text, or its columns are no trace.
        """
        try:
            values = msgspec.json.decode(text, type=dict[str, Any])
        except RecursionError:
            raise ValueError("a trace in JSON: is nested too deeply") from None
        except msgspec.DecodeError as error:
            raise ValueError(f"a trace in JSON: {error}") from None
        if values.pop("schema", None) != _SCHEMA:
            raise ValueError(f"a trace in JSON has schema {_SCHEMA!r}; write it with Trace.to_json")
        missing = {"name", "arrival_ps", "input_tokens", "output_tokens"} - values.keys()
        if missing:
            raise ValueError(f"a trace in JSON: missing {', '.join(sorted(missing))}")
        for name in values:
            if name not in cls.__dataclass_fields__:
                raise unknown_name("field of a trace in JSON:", name, cls.__dataclass_fields__)
        try:
            return cls(**{**values, "bad_rows": tuple(values.get("bad_rows", ()))})
        except TypeError as error:
            raise ValueError(f"a trace in JSON: {error}") from None


def load_trace(
    path: str | os.PathLike[str],
    format: Literal["azure", "mooncake", "csv"] | None = None,
    *,
    bad_rows: Literal["stop", "count"] = "stop",
    sort: bool = False,
    rate_scale: float = 1.0,
    limit: int | None = None,
    keep_hash_ids: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Trace:
    r"""Read a request trace.

    Args:
        path: The file. Read as a stream: memory grows with requests, not with bytes.
        format: "azure" (CSV `TIMESTAMP,ContextTokens,GeneratedTokens`; wall-clock times, the first is 0),
            "mooncake" (JSON lines `timestamp` in ms, `input_length`, `output_length`, `hash_ids` of 512
            tokens) or "csv" (`arrival_s,input_tokens,output_tokens`). None goes by the first line.
        bad_rows: "stop" at the first row that is no request, or leave such rows out and "count" them.
        sort: Accept rows out of order and sort them (stable). Otherwise they are an error.
        rate_scale: Arrival rate times this: 2 halves every arrival time.
        limit: Read at most this many requests.
        keep_hash_ids: Keep Mooncake's prefix blocks.
        progress: Called now and then with bytes read and bytes in the file.

    Raises:
        OSError: The file is missing, a directory, or cannot be read.
        ValueError: It is empty, of no known format, out of order, or a row is bad. The message names file and
            line. A file that is no trace fails within its first thousand lines, whatever its size.

    Examples:
        >>> import lpusim, pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "trace.csv"
        >>> _ = path.write_text("arrival_s,input_tokens,output_tokens\n0.5,100,20\n")
        >>> lpusim.load_trace(path).arrival_ps
        array([500000000000])
    """
    if format is not None and format not in FORMATS:
        raise unknown_name("trace format", format, FORMATS)
    if bad_rows not in ("stop", "count"):
        raise ValueError(f'bad_rows must be "stop" or "count", got {bad_rows!r}')
    if limit is not None:
        limit = whole_number("limit", limit, 1, _ROWS_MAX)
    scale = _rate_scale(rate_scale)
    path = Path(path)
    with path.open("rb") as file:
        lines = _lines(file, path)
        first = next(lines, None)
        if first is None:
            raise ValueError(f"{path}: the file is empty; a trace has at least one request")
        parser = detect_format(first[1], format, where=f"{path}:{first[0]}")
        rows = lines if parser.has_header else itertools.chain([first], lines)
        read = _Reader(path, parser, sort, stop_at_bad=bad_rows == "stop", keep_hash_ids=keep_hash_ids)
        read.all(rows, limit, _byte_progress(file, progress))
    return read.trace(scale)


class _Reader:
    """Collects the rows of one file."""

    def __init__(
        self, path: Path, parser: RowParser, sort: bool, *, stop_at_bad: bool, keep_hash_ids: bool
    ) -> None:
        self.path = path
        self.parser = parser
        self.sort = sort
        self.stop_at_bad = stop_at_bad
        self.keep_hash_ids = keep_hash_ids and parser.block_tokens is not None
        self.arrivals, self.inputs, self.outputs = array("q"), array("q"), array("q")
        self.hash_ids, self.hash_offsets = array("q"), array("q", [0])
        self.origin_ps: int | None = None
        self.last_line = 0
        self.bad_row_count = 0
        self.bad_rows: list[str] = []

    def all(self, lines: Iterator[tuple[int, str]], limit: int | None, report: Callable[[], None]) -> None:
        for line, text in lines:
            try:
                self.row(line, text)
            except BadRow as error:
                message = f"{self.path}:{line}: {error}"
                if self.stop_at_bad:
                    raise ValueError(message) from None
                self.bad_row_count += 1
                if len(self.bad_rows) < _BAD_ROWS_SHOWN:
                    self.bad_rows.append(message)
                if not self.arrivals and self.bad_row_count >= _FIRST_ROWS:
                    raise ValueError(
                        f"{message}; and so are all of the first {_FIRST_ROWS} rows: this is no trace"
                    ) from None
            if line % _ROWS_PER_PROGRESS == 0:
                report()
            if limit is not None and len(self.arrivals) >= limit:
                break

    def row(self, line: int, text: str) -> None:
        absolute_ps, inputs, outputs, ids = self.parser.parse(text)
        for name, tokens in ((self.parser.input_name, inputs), (self.parser.output_name, outputs)):
            if not 1 <= tokens <= _core.serve.TOKENS_MAX:
                raise BadRow(f"{name} is {tokens}; allowed: 1 to {_core.serve.TOKENS_MAX} tokens")
        # Wall-clock formats count from their first request; the others say themselves where 0 is.
        origin_ps = self.origin_ps if self.origin_ps is not None else absolute_ps
        arrival_ps = absolute_ps - origin_ps if self.parser.is_wall_clock else absolute_ps
        if abs(arrival_ps) > _core.serve.ARRIVAL_PS_MAX:
            raise BadRow(
                f"arrives {arrival_ps / _PS_PER_S:.6g} s after the start; allowed: up to "
                f"{_core.serve.ARRIVAL_PS_MAX / _PS_PER_S:.0f} s (26 days); shift or split the trace"
            )
        if arrival_ps < 0 and not self.parser.is_wall_clock:
            raise BadRow(f"arrives at {arrival_ps / _PS_PER_S} s; allowed: 0 or more")
        if not self.sort and self.arrivals and arrival_ps < self.arrivals[-1]:
            raise ValueError(
                f"{self.path}:{line}: arrives {(self.arrivals[-1] - arrival_ps) / _PS_PER_S:g} s before line "
                f"{self.last_line}; sort the file by arrival, or pass sort=True"
            )
        if self.keep_hash_ids:
            try:
                self.hash_ids.extend(array("q", ids))
            except OverflowError:
                raise BadRow("a hash id is beyond 64 bits") from None
            self.hash_offsets.append(len(self.hash_ids))
        self.origin_ps = origin_ps
        self.last_line = line
        self.arrivals.append(arrival_ps)
        self.inputs.append(inputs)
        self.outputs.append(outputs)

    def trace(self, scale: Fraction) -> Trace:
        if not self.arrivals:
            bad = f" ({self.bad_row_count} bad rows; the first: {self.bad_rows[0]})" if self.bad_rows else ""
            raise ValueError(f"{self.path}: has no requests{bad}; a trace has at least one")
        arrival = np.frombuffer(self.arrivals, dtype=np.int64)
        order = np.argsort(arrival, kind="stable")
        arrival = arrival[order]
        if self.parser.is_wall_clock:
            arrival = arrival - arrival[0]
        if scale != 1:
            numerator, denominator = scale.as_integer_ratio()
            arrival = np.array([int(a) * denominator // numerator for a in arrival], dtype=object)
            if int(arrival[-1]) > _core.serve.ARRIVAL_PS_MAX:
                raise ValueError(
                    f"{self.path}: rate_scale {float(scale):g} stretches the trace beyond 26 days; take more"
                )
            arrival = arrival.astype(np.int64)
        ids: dict[str, Any] = {"block_tokens": self.parser.block_tokens}
        if self.keep_hash_ids:
            flat = np.frombuffer(self.hash_ids, dtype=np.int64)
            offsets = np.frombuffer(self.hash_offsets, dtype=np.int64)
            counts = np.diff(offsets)[order]
            ids["hash_offsets"] = np.concatenate(([0], np.cumsum(counts)))
            ids["hash_ids"] = np.concatenate([flat[offsets[i] : offsets[i + 1]] for i in order])
        scaled = f", arrival rate x {float(scale):g}" if scale != 1 else ""
        return Trace(
            name=self.path.stem,
            description=f"{self.path.name}, {self.parser.what}{scaled}",
            arrival_ps=arrival,
            input_tokens=np.frombuffer(self.inputs, dtype=np.int64)[order],
            output_tokens=np.frombuffer(self.outputs, dtype=np.int64)[order],
            bad_row_count=self.bad_row_count,
            bad_rows=tuple(self.bad_rows),
            **ids,
        )


class PublishedTrace(msgspec.Struct, frozen=True, kw_only=True):
    """Arrival and length statistics of a published trace."""

    source: str
    requests_per_s: float
    gap_cv: float
    input_tokens: dict[float, float]
    output_tokens: dict[float, float]


AZURE_CONV_2023 = PublishedTrace(
    source=(
        "Azure LLM inference trace 2023, conversation (AzurePublicDataset, CC-BY-4.0; Patel et al., "
        "Splitwise, ISCA'24): rate, CV of gaps and percentiles computed over its 19,366 requests"
    ),
    requests_per_s=5.53,
    gap_cv=1.09,
    input_tokens={
        0: 2, 0.01: 29, 0.05: 181, 0.1: 207, 0.2: 387, 0.3: 403, 0.4: 703, 0.5: 1020, 0.6: 1071, 0.7: 1130,
        0.8: 1315, 0.9: 2734, 0.95: 4083, 0.99: 4142, 0.999: 6212, 1: 14050,
    },
    output_tokens={
        0: 7, 0.01: 16, 0.05: 41, 0.1: 54, 0.2: 77, 0.3: 91, 0.4: 103, 0.5: 129, 0.6: 177, 0.7: 384,
        0.8: 400, 0.9: 424, 0.95: 451, 0.99: 601, 0.999: 954, 1: 1000,
    },
)  # fmt: skip
"""What `generate_trace` draws from unless told otherwise."""


def generate_trace(
    requests: int = 1000,
    *,
    seed: int = 0,
    arrivals: Literal["gamma", "poisson", "constant"] = "gamma",
    requests_per_s: float = AZURE_CONV_2023.requests_per_s,
    gap_cv: float = AZURE_CONV_2023.gap_cv,
    input_tokens: Lengths = AZURE_CONV_2023.input_tokens,
    output_tokens: Lengths = AZURE_CONV_2023.output_tokens,
    name: str = "generated",
) -> Trace:
    """Draw a trace from stated statistics; by default those of a real chat service, `AZURE_CONV_2023`.

    Gaps and lengths are independent of each other and from request to request, which real services are not
    quite. The same arguments give the same trace on every machine; a longer trace begins with the shorter.

    Args:
        requests: How many.
        seed: Of the counter-based generator, 0 or more.
        arrivals: How gaps are distributed. "gamma" has the given `gap_cv`; "poisson" has CV 1, "constant" 0.
        requests_per_s: Mean rate.
        gap_cv: Standard deviation of the gaps over their mean.
        input_tokens: A number of tokens, or a map from share of requests (0 to 1, both ends included) to
            tokens, linear in between.
        output_tokens: Likewise.
        name: Of the trace.

    Raises:
        ValueError: A number is outside its range, named with what is allowed.

    Source:
        Philox4x32-10 (Salmon et al., SC'11); Gamma variates by Marsaglia and Tsang (ACM TOMS 26(3), 2000).

    Examples:
        >>> import lpusim
        >>> trace = lpusim.generate_trace(3, arrivals="constant", requests_per_s=2, input_tokens=7)
        >>> trace.arrival_ps.tolist(), trace.input_tokens.tolist()
        ([500000000000, 1000000000000, 1500000000000], [7, 7, 7])
    """
    requests = whole_number("requests", requests, 1, _GENERATED_MAX)
    seed = whole_number("seed", seed, 0, _SEED_MAX)
    input_shares, input_points = _quantiles("input_tokens", input_tokens)
    output_shares, output_points = _quantiles("output_tokens", output_tokens)
    columns: dict[str, Any] = _core.serve.generate(
        requests=requests,
        seed=seed,
        arrivals=some_text("arrivals", arrivals),
        requests_per_s=finite_number("requests_per_s", requests_per_s),
        gap_cv=finite_number("gap_cv", gap_cv),
        input_shares=input_shares,
        input_tokens=input_points,
        output_shares=output_shares,
        output_tokens=output_points,
    )
    published = (
        input_tokens == AZURE_CONV_2023.input_tokens and output_tokens == AZURE_CONV_2023.output_tokens
    )
    cv = f", CV {gap_cv:g}" if arrivals == "gamma" else ""
    return Trace(
        name=name,
        description=(
            f"generated, not recorded: {requests} requests, {arrivals} arrivals at {requests_per_s:g}/s{cv}, "
            f"seed {seed}; lengths "
            + (f"as in {AZURE_CONV_2023.source}" if published else "as the caller set")
        ),
        **columns,
    )


def _quantiles(name: str, lengths: Lengths) -> tuple[list[float], list[float]]:
    if isinstance(lengths, Mapping):
        points = sorted(
            (finite_number(f"a share of {name}", share), finite_number(name, tokens))
            for share, tokens in lengths.items()
        )
        return [share for share, _ in points], [tokens for _, tokens in points]
    if isinstance(lengths, bool) or not isinstance(lengths, int):
        raise TypeError(f"{name} must be a number of tokens or a map share -> tokens, got {lengths!r}")
    return [0.0, 1.0], [float(lengths), float(lengths)]


def _column(name: str, values: ArrayLike) -> NDArray[np.int64]:
    column = np.asarray(values)
    if column.ndim != 1:
        raise ValueError(f"{name} must have one dimension, got {column.ndim}")
    if column.size and column.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, got {column.dtype}")
    if column.dtype.kind == "u" and column.size and column.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} must hold signed 64-bit integers, got {column.max()}")
    column = np.array(column, dtype=np.int64)
    column.flags.writeable = False
    return column


def _rate_scale(value: float) -> Fraction:
    if not 1e-9 <= finite_number("rate_scale", value) <= 1e9:
        raise ValueError(f"rate_scale must be from 1e-9 to 1e9, got {value}")
    return Fraction(str(value))


def _lines(file: IO[bytes], path: Path) -> Iterator[tuple[int, str]]:
    """Non-blank lines with their numbers, from 1. Never holds more than one line of bounded length."""
    blank_count = 0
    for number in itertools.count(1):
        raw = file.readline(_LINE_BYTES_MAX + 1)
        if not raw:
            return
        if number == 1 and raw.startswith(b"\x1f\x8b"):
            raise ValueError(f"{path}: is compressed (gzip); unpack it first")
        if len(raw) > _LINE_BYTES_MAX:
            raise ValueError(
                f"{path}:{number}: a line over {_LINE_BYTES_MAX} bytes, starting {raw[:16]!r}; a trace "
                "has one request a line"
            )
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError:
            raise ValueError(
                f"{path}:{number}: is not text (UTF-8): {raw[:16]!r}; a trace is CSV or JSON lines"
            ) from None
        if text:
            blank_count = 0
            yield number, text
            continue
        blank_count += 1
        if blank_count > _FIRST_ROWS:
            raise ValueError(
                f"{path}:{number}: more than {_FIRST_ROWS} blank lines in a row: this is no trace"
            )


def _byte_progress(file: IO[bytes], progress: Callable[[int, int], None] | None) -> Callable[[], None]:
    if progress is None:
        return lambda: None
    size = os.fstat(file.fileno()).st_size
    return lambda: progress(file.tell(), size)
