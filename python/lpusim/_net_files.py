"""Topologies as plain values and files: JSON for everything, CSV for a list of cables."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lpusim._arguments import shown, some_text, whole_number
from lpusim._names import unknown_name
from lpusim._net_common import integer
from lpusim._net_edges import CABLE_COLUMNS, Cable, Edge, cable_columns
from lpusim._net_link import LinkSpec

if TYPE_CHECKING:
    from lpusim._net_topology import Topology

    AnyTopology = TypeVar("AnyTopology", bound=Topology)

Made = TypeVar("Made")

_SCHEMA = "lpusim.topology/1"
_KEYS = ("schema", "name", "chips", "chips_per_node", "axes", "link", "cables")
_CHIP_LISTS = ("down_chips", "relay_chips", "physical_chips")
_FILE_BYTES_MAX = 1 << 28
_LINE_BYTES_MAX = 1 << 16
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


def topology_document(topology: Topology) -> dict[str, Any]:
    """Everything that makes a topology, as plain values; what its other parts imply is left out."""
    document: dict[str, Any] = {
        "schema": _SCHEMA,
        "name": topology.name,
        "chips": topology.chip_count,
        "chips_per_node": topology.chips_per_node,
        "axes": list(topology._core.axes),
        "link": asdict(topology.link),
    }
    for name in ("down_chips", "relay_chips"):
        document[name] = getattr(topology, name).tolist()
    physical = topology.physical_chips.tolist()
    document["physical_chips"] = [] if physical == list(range(len(physical))) else physical
    document["cables"] = [_plain(cable) for cable in topology.cables]
    return document


def topology_parts(spec: Mapping[str, Any]) -> tuple[list[Edge], dict[str, Any]]:
    """The edges of such a document, and the other arguments that make a topology of it."""
    if not isinstance(spec, Mapping):
        raise TypeError(f"a topology must be an object with 'chips' and 'cables', got {shown(spec)}")
    for key in spec:
        if key not in _KEYS + _CHIP_LISTS:
            raise unknown_name("key of a topology", key, _KEYS + _CHIP_LISTS)
    for key in ("chips", "cables"):
        if key not in spec:
            raise ValueError(f"a topology needs {key!r}; it has {', '.join(map(str, spec)) or 'nothing'}")
    if spec.get("schema", _SCHEMA) != _SCHEMA:
        raise ValueError(f"schema must be {_SCHEMA!r}, got {shown(spec['schema'])}")
    parts = {
        "chips": whole_number("chips", spec["chips"], 1, 2**31 - 1),
        "link": _link(spec.get("link", {})),
        "name": some_text("name", spec.get("name", "edges")),
        "chips_per_node": spec.get("chips_per_node", 1),
    }
    for key in ("axes", *_CHIP_LISTS):
        parts[key] = _list(key, spec.get(key, []))
    return [_edge(i, row) for i, row in enumerate(_list("cables", spec["cables"]))], parts


def read_topology(
    cls: type[AnyTopology], path: str | os.PathLike[str], chips: int | None, link: LinkSpec | None
) -> AnyTopology:
    """`Topology.load`."""
    file = Path(path)
    size_bytes = file.stat().st_size
    if size_bytes > _FILE_BYTES_MAX:
        raise ValueError(f"{file}: a topology's file has at most {_FILE_BYTES_MAX} bytes, got {size_bytes}")
    if file.suffix == ".json":
        if chips is not None or link is not None:
            raise ValueError(f"{file}: chips and link are in the file; give them with .csv only")
        document = _read_json(file)
        return _named(file, lambda: cls.from_dict(document))
    if file.suffix == ".csv":
        columns, named_chips = cable_columns(_read_csv(file))
        count = named_chips if chips is None else integer("chips", chips)
        return _named(file, lambda: cls._build(columns, count, link or LinkSpec(), name=file.stem))
    raise ValueError(f"{file}: a topology's file ends in .json or .csv")


def write_topology(topology: Topology, path: str | os.PathLike[str]) -> None:
    """`Topology.save`."""
    file = Path(path)
    document = topology.to_dict()
    if file.suffix == ".json":
        lines: Iterable[str] = _json_lines(document)
    elif file.suffix == ".csv":
        for key in _CHIP_LISTS:
            if document[key]:
                raise ValueError(f"{file}: {topology.name} has {key}, of which CSV says nothing; use .json")
        lines = _csv_lines(topology.cables)
    else:
        raise ValueError(f"{file}: a topology's file ends in .json or .csv")
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8", newline="") as out:
            out.writelines(lines)
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def _plain(cable: Cable) -> list[int] | dict[str, int]:
    row = {name: value for name, value in asdict(cable).items() if value is not None}
    return list(row.values()) if len(row) == 3 else row


def _edge(index: int, row: Any) -> Edge:
    if isinstance(row, Mapping):
        for key in row:
            if key not in CABLE_COLUMNS:
                raise unknown_name(f"key of cables[{index}]", key, CABLE_COLUMNS)
        for key in ("a", "b"):
            if key not in row:
                raise ValueError(f"cables[{index}] needs {key!r}")
        try:
            return Cable(**row)
        except (TypeError, ValueError) as error:
            raise type(error)(f"cables[{index}]: {error}") from error
    if not isinstance(row, list | tuple):
        raise ValueError(f"cables[{index}] must be a list or an object, got {shown(row)}")
    return tuple(row)


def _link(values: Any) -> LinkSpec:
    known = [field.name for field in fields(LinkSpec)]
    if not isinstance(values, Mapping):
        raise TypeError(f"link must be an object, got {shown(values)}")
    for key in values:
        if key not in known:
            raise unknown_name("key of link", key, known)
    return LinkSpec(**values)


def _list(key: str, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{key} must be a list, got {shown(value)}")
    return list(value)


def _named(file: Path, make: Callable[[], Made]) -> Made:
    """What `make` returns; its errors name the file."""
    try:
        return make()
    except (TypeError, ValueError) as error:
        raise type(error)(f"{file}: {error}") from error


def _read_json(file: Path) -> Any:
    def refuse(constant: str) -> Any:
        raise ValueError(f"{file}: {constant} is no number")

    try:
        return json.loads(file.read_bytes(), parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise ValueError(f"{file}:{error.lineno}: is not JSON: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{file}: is not UTF-8 text") from error
    except RecursionError as error:
        raise ValueError(f"{file}: is nested too deep for a topology") from error


def _read_csv(file: Path) -> Iterator[Cable]:
    columns: list[str] = []
    count = 0
    with file.open(encoding="utf-8", newline="") as text:
        lines = csv.reader(_bounded_lines(file, text))
        while True:
            try:
                cells = next(lines, None)
            except csv.Error as error:
                raise ValueError(f"{file}:{lines.line_num}: is not CSV: {error}") from error
            except UnicodeDecodeError as error:
                raise ValueError(f"{file}:{lines.line_num + 1}: is not UTF-8 text") from error
            if cells is None:
                break
            where = f"{file}:{lines.line_num}"
            cells = [cell.strip() for cell in cells]
            if not any(cells):
                continue
            if columns:
                count += 1
                yield _cable(where, columns, cells)
            else:
                columns = _header(where, cells)
    if not columns:
        raise ValueError(f"{file}: is empty; it needs a header with the columns a and b")
    if not count:
        raise ValueError(f"{file}: has a header and no cables")


def _bounded_lines(file: Path, text: Iterable[str]) -> Iterable[str]:
    for number, line in enumerate(text, 1):
        if len(line) > _LINE_BYTES_MAX:
            raise ValueError(f"{file}:{number}: a line over {_LINE_BYTES_MAX} characters")
        yield line


def _header(where: str, cells: list[str]) -> list[str]:
    for name in cells:
        if name not in CABLE_COLUMNS:
            raise ValueError(f"{where}: {unknown_name('column', name, CABLE_COLUMNS)}")
        if cells.count(name) > 1:
            raise ValueError(f"{where}: the column {name!r} is there twice")
    for name in ("a", "b"):
        if name not in cells:
            raise ValueError(f"{where}: needs the column {name!r}; it has {', '.join(cells)}")
    return cells


def _cable(where: str, columns: list[str], cells: list[str]) -> Cable:
    if len(cells) != len(columns):
        raise ValueError(f"{where}: has {len(cells)} cells, but the header {len(columns)}")
    values = {}
    for name, cell in zip(columns, cells, strict=True):
        if not cell and name not in ("a", "b"):
            continue
        if not _WHOLE.fullmatch(cell):
            raise ValueError(f"{where}: {name} must be a whole number, got {shown(cell)}")
        values[name] = int(cell)
    try:
        cable = Cable(**values)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    if cable.a == cable.b:
        raise ValueError(f"{where}: the link from chip {cable.a} to itself is a self loop")
    return cable


def _json_lines(document: dict[str, Any]) -> Iterable[str]:
    """One line a key, and one a cable."""
    head = {key: value for key, value in document.items() if key != "cables"}
    for key, value in head.items():
        yield f"{'{' if key == 'schema' else ' '}{json.dumps(key)}: {json.dumps(value)},\n"
    cables = document["cables"]
    yield ' "cables": [\n'
    for i, cable in enumerate(cables):
        yield f"  {json.dumps(cable)}{',' if i + 1 < len(cables) else ''}\n"
    yield " ]}\n"


def _csv_lines(cables: Iterable[Cable]) -> Iterable[str]:
    yield ",".join(CABLE_COLUMNS) + "\n"
    for cable in cables:
        row = (getattr(cable, name) for name in CABLE_COLUMNS)
        yield ",".join("" if value is None else str(value) for value in row) + "\n"
