"""Readers of recorded routing: CSV, JSONL and NPZ files, read whole or not at all."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from lpusim._arguments import shown, whole_number
from lpusim._moe_recorded import RecordedRouting, RoutingRows
from lpusim._moe_types import EXPERTS_MAX

_LINE_CHARS_MAX = 1 << 26
_NPZ_BYTES_MAX = 1 << 30


def load_routing(
    path: str | Path, *, experts: int | None = None, format: str | None = None, drop_warmup: bool = False
) -> RecordedRouting:
    r"""Read recorded routing. The file is read whole or not at all.

    Formats:
        csv: A header, then a row a token and layer: `layer`, `e0`, `e1`, ... and optionally `phase`,
            `segment` (or `step`), `slot`, `w0`, `w1`, ...
        jsonl: An object a line: `layer`, `topk_experts` (or `topk_ids`): the experts of one token or a list
            of such lists, optionally `topk_weights` of the same shape and `batch_id` (the step). Lines of
            `"type": "meta"` are skipped. Without `batch_id`, a `token_idx` that does not increase within a
            layer starts a step.
        npz: `ids` of shape (tokens, layers, experts_per_token), optionally `weights` of that shape, `layers`
            (the number of each layer), `steps` (the step of each token).

    Args:
        path: The file.
        experts: Routed experts of the model, against which ids are checked. None: one past the largest id.
        format: "csv", "jsonl" or "npz"; None goes by the file's suffix.
        drop_warmup: Leave out the dummy batch with which a log may begin; see
            `RecordedRouting.without_warmup`. `RecordedRouting.dropped` says how many rows that were.

    Raises:
        ValueError: Anything wrong in the file: the message names file, row and column.
        FileNotFoundError: There is no such file.

    Examples:
        >>> import pathlib, tempfile
        >>> from lpusim.moe import load_routing
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "routing.csv")
        ...     _ = path.write_text("layer,e0,e1\n3,5,1\n3,0,5\n")
        ...     recorded = load_routing(path)
        >>> recorded.layers, recorded.experts, recorded.routing(3).ids.tolist()
        ((3,), 6, [[5, 1], [0, 5]])
    """
    path = Path(path)
    kind = path.suffix.lower().lstrip(".") if format is None else format
    kind = {"ndjson": "jsonl"}.get(kind, kind)
    if kind not in _READERS:
        seen = f"suffix {path.suffix!r}" if format is None else f"format {format!r}"
        raise ValueError(f"{path}: {seen} is not a routing format; formats are {', '.join(_READERS)}")
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not a file of recorded routing")
    if experts is not None:
        experts = whole_number("experts", experts, 1, EXPERTS_MAX)
    rows = RoutingRows(str(path), experts)
    _READERS[kind](path, rows)
    recorded = rows.finish()
    return recorded.without_warmup() if drop_warmup else recorded


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    """The lines of a text file, none longer than a sane one."""
    number = 0
    try:
        while line := file.readline(_LINE_CHARS_MAX):
            number += 1
            if len(line) == _LINE_CHARS_MAX:
                raise ValueError(f"{path}, line {number}: longer than {_LINE_CHARS_MAX} characters")
            yield line
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}, line {number + 1}: not UTF-8 text ({error.reason})") from None


def _whole_number(text: str, where: str, column: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{where}, column {column}: must be an integer, got {shown(text)}") from None


def _number(text: str, where: str, column: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{where}, column {column}: must be a number, got {shown(text)}") from None


def _columns(names: list[str], prefix: str) -> list[int]:
    """Positions of prefix0, prefix1, ... as far as they go."""
    places: list[int] = []
    while f"{prefix}{len(places)}" in names:
        places.append(names.index(f"{prefix}{len(places)}"))
    return places


def _read_csv(path: Path, rows: RoutingRows) -> None:
    def column(what: str, slot: int) -> str:
        return f"column {'e' if what == 'id' else 'w'}{slot}"

    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(_lines(path, file))
        try:
            header = next(reader, None)
            if header is None:
                raise ValueError(f"{path}: the file is empty")
            names = [name.strip() for name in header]
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{path}, line 1: the header names column {shown(name)} twice")
            id_places, weight_places = _columns(names, "e"), _columns(names, "w")
            if "layer" not in names or not id_places:
                raise ValueError(
                    f"{path}, line 1: the header must name layer and e0, e1, ..., got {shown(names)}"
                )
            if weight_places and len(weight_places) != len(id_places):
                raise ValueError(
                    f"{path}, line 1: {len(weight_places)} weight columns for {len(id_places)} expert columns"
                )
            step_name = next((name for name in ("segment", "step") if name in names), None)
            for row in reader:
                if not row:
                    continue
                where = f"{path}, line {reader.line_num}"
                if len(row) != len(names):
                    raise ValueError(f"{where}: {len(row)} columns, the header has {len(names)}")
                rows.add(
                    where,
                    layer=_whole_number(row[names.index("layer")], where, "layer"),
                    step=_whole_number(row[names.index(step_name)], where, step_name) if step_name else 0,
                    phase=row[names.index("phase")] if "phase" in names else "",
                    ids=[_whole_number(row[p], where, names[p]) for p in id_places],
                    weights=[_number(row[p], where, names[p]) for p in weight_places] or None,
                    column=column,
                )
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: {error}") from None


def _read_jsonl(path: Path, rows: RoutingRows) -> None:
    last_token: dict[int, int] = {}
    step_of_layer: dict[int, int] = {}
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(_lines(path, file), start=1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            record = _json_object(line, where)
            if record.get("type") == "meta":
                continue
            layer = _json_integer(record, "layer", where)
            if "batch_id" in record:
                step = _json_integer(record, "batch_id", where)
            else:
                token = _json_integer(record, "token_idx", where) if "token_idx" in record else number
                new_step = layer in last_token and token <= last_token[layer]
                step = step_of_layer.get(layer, 0) + new_step
                last_token[layer], step_of_layer[layer] = token, step
            _add_json_tokens(rows, record, where, layer=layer, step=step)


def _json_object(line: str, where: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except RecursionError:
        raise ValueError(f"{where}: is nested too deeply") from None
    except msgspec.DecodeError as error:
        raise ValueError(f"{where}: not a whole JSON object ({error})") from None


def _json_integer(record: dict[str, Any], name: str, where: str) -> int:
    value = record.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{where}, column {name}: must be an integer, got {shown(value)}")
    return value


def _add_json_tokens(rows: RoutingRows, record: dict[str, Any], where: str, *, layer: int, step: int) -> None:
    name = "topk_experts" if "topk_experts" in record else "topk_ids"
    ids = _json_rows(record, name, int, where)
    weights: list[Any] | None = None
    if record.get("topk_weights") is not None:
        weights = _json_rows(record, "topk_weights", float, where)
        if len(weights) != len(ids):
            raise ValueError(f"{where}: {len(weights)} rows of topk_weights for {len(ids)} rows of {name}")

    for token, token_ids in enumerate(ids):

        def column(what: str, slot: int, token: int = token) -> str:
            return f"{name if what == 'id' else 'topk_weights'}[{token}][{slot}]"

        rows.add(
            where,
            layer=layer,
            step=step,
            phase=str(record.get("phase", "")),
            ids=token_ids,
            weights=None if weights is None else weights[token],
            column=column,
        )


def _json_rows(record: dict[str, Any], name: str, kind: type, where: str) -> list[list[Any]]:
    """A list of lists of numbers; one bare list is one row."""
    value = record.get(name)
    if not isinstance(value, list) or not value:
        raise ValueError(
            f"{where}, column {name}: must be a list with at least one entry, got {shown(value)}"
        )
    value = value if isinstance(value[0], list) else [value]
    allowed = (int,) if kind is int else (int, float)
    for token, row in enumerate(value):
        if not isinstance(row, list):
            raise ValueError(f"{where}, {name}[{token}]: must be a list, got {shown(row)}")
        for slot, entry in enumerate(row):
            if not isinstance(entry, allowed) or isinstance(entry, bool):
                what = "an integer" if kind is int else "a number"
                raise ValueError(f"{where}, {name}[{token}][{slot}]: must be {what}, got {shown(entry)}")
    return value


def _read_npz(path: Path, rows: RoutingRows) -> None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it holds one bare array")
            size_bytes = sum(entry.file_size for entry in archive.zip.infolist()) if archive.zip else 0
            if size_bytes > _NPZ_BYTES_MAX:
                raise ValueError(f"it unpacks to {size_bytes} bytes, allowed are {_NPZ_BYTES_MAX}")
            arrays = {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, ValueError, EOFError, MemoryError) as error:
        raise ValueError(f"{path}: not a readable NPZ archive ({error})") from None
    ids, weights, layers, steps = _npz_arrays(path, arrays)
    for token in range(ids.shape[0]):
        for place in range(ids.shape[1]):

            def column(what: str, slot: int, token: int = token, place: int = place) -> str:
                return f"{'ids' if what == 'id' else 'weights'}[{token}, {place}, {slot}]"

            rows.add(
                str(path),
                layer=int(layers[place]),
                step=int(steps[token]),
                phase="",
                ids=ids[token, place].tolist(),
                weights=None if weights is None else weights[token, place].tolist(),
                column=column,
            )


def _npz_arrays(
    path: Path, arrays: dict[str, NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[Any] | None, NDArray[Any], NDArray[Any]]:
    """ids, weights, layers and steps, with shapes and kinds checked."""
    ids = arrays.get("ids")
    if ids is None:
        raise ValueError(f"{path}: no array named ids; arrays are {', '.join(arrays) or 'none'}")
    if ids.ndim != 3 or ids.dtype.kind not in "iu":
        raise ValueError(
            f"{path}, ids: must be integers of shape (tokens, layers, experts_per_token), "
            f"got {ids.dtype} of shape {ids.shape}"
        )
    layers = arrays.get("layers", np.arange(ids.shape[1]))
    steps = arrays.get("steps", np.zeros(ids.shape[0], dtype=np.int64))
    for name, array, count in (("layers", layers, ids.shape[1]), ("steps", steps, ids.shape[0])):
        if array.dtype.kind not in "iu" or array.shape != (count,):
            raise ValueError(
                f"{path}, {name}: must be {count} integers, got {array.dtype} of shape {array.shape}"
            )
    weights = arrays.get("weights")
    if weights is not None and (weights.dtype.kind != "f" or weights.shape != ids.shape):
        raise ValueError(
            f"{path}, weights: must be floats of shape {ids.shape}, "
            f"got {weights.dtype} of shape {weights.shape}"
        )
    return ids, weights, layers, steps


_READERS: dict[str, Callable[[Path, RoutingRows], None]] = {
    "csv": _read_csv,
    "jsonl": _read_jsonl,
    "npz": _read_npz,
}
