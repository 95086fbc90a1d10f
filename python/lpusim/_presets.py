"""Spec files: every number with its unit, status and source.

A spec file is TOML (or JSON of the same shape): `name`, `kind` and `summary`, then sections of parameters.

    name = "my-lpu"
    kind = "lpu"
    summary = "What it is, in one line."

    [chip]
    clock_hz = {value = 900_000_000, unit = "Hz", status = "published", source = "ISCA'20, abstract"}

Statuses: published (the owner's own document), derived (arithmetic on such), assumed (not public; needs low
and high) and claimed (somebody says so).
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from lpusim._arguments import clipped, shown
from lpusim._names import unknown_name
from lpusim._spec_fields import OPTIONAL_SECTIONS, REQUIRED_SECTIONS, SpecField, section_fields

Value: TypeAlias = int | float | str
Reference: TypeAlias = str | os.PathLike[str] | Mapping[str, Any]

STATUSES = ("published", "derived", "assumed", "claimed")
PRESET_FOLDER = Path(__file__).parent / "presets"

_KEYS = ("value", "unit", "status", "source", "low", "high", "note")
_FILE_BYTES_MAX = 1_000_000
_MAGNITUDE_MAX = 1e30
_SUFFIXES = {"models": ".json", "chips": ".toml", "systems": ".toml", "prices": ".toml", "claims": ".toml"}


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One number (or name) of a spec, and where it came from."""

    value: Value
    unit: str
    status: str
    source: str
    low: float | None = None
    high: float | None = None
    note: str = ""


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A spec as loaded: sections of parameters. Parameters are named `section.field`."""

    name: str
    kind: str
    sections: dict[str, dict[str, Parameter]]
    source_path: str = ""
    summary: str = ""

    def get(self, name: str) -> Parameter:
        """The parameter `name`, such as "chip.clock_hz". Raises ValueError for an unknown name."""
        section, _, field = name.rpartition(".")
        try:
            return self.sections[section][field]
        except KeyError:
            raise unknown_name(f"parameter of {self.name!r}:", name, self.parameters()) from None

    def value(self, name: str) -> Any:
        """The bare value of the parameter `name`, in its unit."""
        return self.get(name).value

    def parameters(self) -> dict[str, Parameter]:
        """All parameters by dotted name, in file order."""
        return {
            f"{section}.{field}": parameter
            for section, fields in self.sections.items()
            for field, parameter in fields.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """The spec in the shape of its file: what `load_chip` reads back to an equal preset.

        Examples:
            >>> load_chip("h200").to_dict()["power"]["pue"]["unit"]
            'ratio'
        """
        sections = {
            section: {
                field: {
                    key: entry
                    for key, entry in msgspec.structs.asdict(parameter).items()
                    if entry not in (None, "")
                }
                for field, parameter in fields.items()
            }
            for section, fields in self.sections.items()
        }
        return {"name": self.name, "kind": self.kind, "summary": self.summary, **sections}

    def with_values(self, values: Mapping[str, Value]) -> Preset:
        """A copy with other values. What the caller sets counts as assumed, without a range.

        Raises:
            ValueError: A name is unknown, or a value is outside what its field allows.
        """
        sections = {section: dict(fields) for section, fields in self.sections.items()}
        for name, value in values.items():
            old = self.get(name)
            section, _, field = name.rpartition(".")
            where = f"{self.name}: {name}"
            if not _is_value(value):
                raise TypeError(f"{where}: must be a number or a name, got {shown(value)}")
            number = None if isinstance(value, str) or not abs(value) <= _MAGNITUDE_MAX else float(value)
            new = Parameter(
                value=value,
                unit=old.unit,
                status="assumed",
                source=f"set by the caller (was {old.value}, {old.status}: {old.source})",
                low=number,
                high=number,
            )
            _check_number(where, new, _field_of(self.kind, section, field))
            sections[section][field] = new
        return msgspec.structs.replace(self, sections=sections)


def presets() -> dict[str, list[str]]:
    """All preset names by kind: models, chips, systems, prices (to be loaded as "api:NAME"), claims.

    Examples:
        >>> import lpusim
        >>> "h200" in lpusim.presets()["chips"]
        True
    """
    return {
        kind: sorted(path.stem for path in (PRESET_FOLDER / kind).glob(f"*{suffix}"))
        for kind, suffix in _SUFFIXES.items()
    }


def load_chip(ref: Reference) -> Preset:
    """Load one chip's spec.

    Args:
        ref: A preset name ("h200"), a path to a TOML or JSON file, or a dict of the same shape.

    Raises:
        ValueError: Unknown name; a missing, unknown, or wrong entry, named with its place in the file.

    Examples:
        >>> load_chip("h200").get("gpu.memory_bytes").unit
        'B'
    """
    return load_preset(ref, folder="chips", what="chip preset")


def load_prices(ref: Reference) -> Preset:
    """Load one provider's dated list prices: a section a model. `ref` as in `load_chip`."""
    return load_preset(ref, folder="prices", what="API")


def load_preset(ref: Reference, *, folder: str, what: str) -> Preset:
    """Load and check a spec file of the preset folder `folder`, a file elsewhere, or a dict."""
    if isinstance(ref, Mapping):
        return parse_preset(ref, where=f"{what} given as a dict")
    path = find_file(ref, folder=folder, what=what)
    return parse_preset(read_mapping(path), where=str(path), source_path=str(path))


def find_file(ref: str | os.PathLike[str], *, folder: str, what: str) -> Path:
    """The file that a preset name or a path means. A preset name wins over a file of that name."""
    if isinstance(ref, str):
        preset = PRESET_FOLDER / folder / f"{ref}{_SUFFIXES[folder]}"
        if preset.name.count("/") == 0 and ref in presets()[folder]:
            return preset
    elif not isinstance(ref, os.PathLike):
        raise TypeError(f"{what}: expected a name, a path or a dict, got {type(ref).__name__}")
    if "\0" in os.fspath(ref):
        raise ValueError(f"{what}: the name {os.fspath(ref)!r} holds a NUL character")
    path = Path(ref)
    is_path = not isinstance(ref, str) or path.suffix in (".toml", ".json") or len(path.parts) > 1
    if ref == "" or (not is_path and not file_exists(path)):
        raise unknown_name(what, str(ref), presets()[folder])
    if not file_exists(path):
        raise ValueError(
            f"there is no file {clipped(str(path))}; {unknown_name(what, path.name, presets()[folder])}"
        )
    return path


def file_exists(path: Path) -> bool:
    """Whether there is such a file or folder; there is none with a name that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def read_mapping(path: Path) -> dict[str, Any]:
    """Read a TOML or JSON file that holds one table. Raises ValueError naming the file (and line)."""
    if path.is_dir():
        raise ValueError(f"{path}: is a directory, expected a TOML or JSON file")
    try:
        size_bytes = path.stat().st_size
        text = path.read_text(encoding="utf-8") if size_bytes <= _FILE_BYTES_MAX else ""
    except OSError as error:
        raise ValueError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not UTF-8 text (byte {error.start})") from error
    if size_bytes > _FILE_BYTES_MAX:
        raise ValueError(f"{path}: has {size_bytes} bytes; a spec file has at most {_FILE_BYTES_MAX}")
    try:
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: is not JSON: {error.msg} in line {error.lineno}") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path}: is not TOML: {error}") from error
    except RecursionError as error:
        raise ValueError(f"{path}: is nested too deeply") from error
    except ValueError as error:
        raise ValueError(f"{path}: holds a number of too many digits") from error
    if not isinstance(data, dict):
        raise ValueError(f"{path}: expected a table of named entries, got {type(data).__name__}")
    return data


def parse_preset(data: Mapping[str, Any], *, where: str, source_path: str = "") -> Preset:
    """Check a spec's table, entry by entry, and build the `Preset`."""
    name, kind = data.get("name"), data.get("kind")
    if not isinstance(name, str) or not name:
        raise ValueError(f"{where}: 'name' must be a non-empty text, got {name!r}")
    if not isinstance(kind, str) or kind not in REQUIRED_SECTIONS:
        raise ValueError(f"{where}: 'kind' must be one of {', '.join(REQUIRED_SECTIONS)}, got {kind!r}")
    summary = data.get("summary", "")
    if not isinstance(summary, str):
        raise ValueError(f"{where}: 'summary' must be text, got {summary!r}")

    sections: dict[str, dict[str, Parameter]] = {}
    known = REQUIRED_SECTIONS[kind] + OPTIONAL_SECTIONS[kind]
    for section, entries in data.items():
        if section in ("name", "kind", "summary"):
            continue
        if kind != "api" and section not in known:
            raise ValueError(f"{where}: {unknown_name(f'section of kind {kind!r}:', str(section), known)}")
        sections[section] = _parse_section(entries, kind, section, where)
    missing = [section for section in REQUIRED_SECTIONS[kind] if section not in sections]
    if missing:
        raise ValueError(
            f"{where}: section [{missing[0]}] is missing; kind {kind!r} needs {', '.join(known)}"
        )
    if not sections:
        raise ValueError(f"{where}: holds no section; an API needs one section of prices a model")
    return Preset(name=name, kind=kind, sections=sections, source_path=source_path, summary=summary)


def _parse_section(entries: Any, kind: str, section: str, where: str) -> dict[str, Parameter]:
    if not isinstance(entries, Mapping):
        raise ValueError(f"{where}: [{section}] must be a section of parameters, got {entries!r}")
    table = section_fields(kind, section)
    if table is not None:
        names = [field.name for field in table]
        for name in entries:
            if name not in names:
                raise ValueError(
                    f"{where}: {unknown_name(f'field of section [{section}]:', str(name), names)}"
                )
        for field in table:
            if field.name not in entries and not field.optional:
                raise ValueError(
                    f"{where}: [{section}] {field.name} is missing ({field.meaning}, in {field.unit})"
                )
    return {
        str(name): _parse_parameter(
            entry, f"{where}: [{section}] {name}", _field_of(kind, section, str(name))
        )
        for name, entry in entries.items()
    }


def _field_of(kind: str, section: str, name: str) -> SpecField | None:
    table = section_fields(kind, section)
    return next((field for field in table or () if field.name == name), None)


def _parse_parameter(entry: Any, where: str, field: SpecField | None) -> Parameter:
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: expected {{value, unit, status, source}}, got {entry!r}")
    for key in entry:
        if key not in _KEYS:
            raise ValueError(f"{where}: {unknown_name('key', str(key), _KEYS)}")
    for key in ("value", "unit", "status", "source"):
        if key not in entry:
            raise ValueError(f"{where}: '{key}' is missing; a parameter has value, unit, status and source")
    for key in ("unit", "status", "source", "note"):
        text = entry.get(key, "-")
        if not isinstance(text, str) or (key != "note" and not text.strip()):
            raise ValueError(f"{where}: '{key}' must be a non-empty text, got {text!r}")
    if entry["status"] not in STATUSES:
        raise ValueError(f"{where}: {unknown_name('status', entry['status'], STATUSES)}")
    for key in ("value", "low", "high"):
        number = entry.get(key, 0)
        if not _is_value(number) or (isinstance(number, str) and key != "value"):
            raise ValueError(f"{where}: '{key}' must be a number, got {shown(number)}")
    parameter = Parameter(**entry)
    _check_number(where, parameter, field)
    if field is not None and field.integer:
        return msgspec.structs.replace(parameter, value=int(parameter.value))
    return parameter


def _is_value(value: Any) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def _check_number(where: str, parameter: Parameter, field: SpecField | None) -> None:
    value = parameter.value
    if field is not None and parameter.unit != field.unit:
        raise ValueError(f"{where}: unit must be {field.unit!r}, got {parameter.unit!r}")
    if isinstance(value, str):
        if parameter.unit != "name" or not value:
            raise ValueError(f"{where}: must be a number in {parameter.unit}, got {shown(value)}")
        if field is not None and field.names and value not in field.names:
            raise ValueError(f"{where}: {unknown_name('name', value, field.names)}")
        return
    if parameter.unit == "name":
        raise ValueError(f"{where}: must be a name, got {value!r}")
    for key, number in (("value", value), ("low", parameter.low), ("high", parameter.high)):
        if number is None:
            continue
        # Written so that NaN fails too.
        if not -_MAGNITUDE_MAX <= number <= _MAGNITUDE_MAX:
            raise ValueError(f"{where}: '{key}' must be a finite number, got {shown(number)}")
        if field is not None and not field.min <= number <= field.max:
            raise ValueError(
                f"{where}: '{key}' must be from {field.min:g} to {field.max:g} {field.unit}, got {number!r}"
            )
    if field is not None and field.integer and isinstance(value, float) and not value.is_integer():
        raise ValueError(f"{where}: must be a whole number of {field.unit}, got {value!r}")
    low, high = parameter.low, parameter.high
    if parameter.status == "assumed" and (low is None or high is None):
        raise ValueError(f"{where}: status 'assumed' needs 'low' and 'high'")
    if (low is not None and low > value) or (high is not None and high < value):
        raise ValueError(f"{where}: value {value!r} is outside its own range {low!r} to {high!r}")
