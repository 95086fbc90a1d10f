"""Machines: a chip's spec times a number of chips, or a provider's API."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from lpusim._arguments import clipped, shown
from lpusim._names import unknown_name
from lpusim._presets import (
    Parameter,
    Preset,
    Value,
    file_exists,
    find_file,
    load_chip,
    load_prices,
    presets,
    read_mapping,
)

CHIP_COUNT_MAX = 10_000_000

_CHIP_AND_COUNT = re.compile(r"(?P<chip>.+?)-(?P<count>-?[0-9]+)")
_KEYS = ("name", "summary", "chip", "chips", "topology", "values")


class System(msgspec.Struct, frozen=True, kw_only=True):
    """A machine of equal chips in their own topology, or an API.

    Attributes:
        name: "CHIP-N", the file's own name, or "api:NAME".
        kind: "lpu", "gpu", "cpu" or "api".
        chip_count: Chips; 0 for an API.
        chip: The chip's spec, or the API's prices.
        topology: How the chips are wired.
        memory_bytes: Of all chips together: SRAM of an LPU, HBM of a GPU; 0 for an API.
        memory_bytes_per_s: Peak read rate of that memory, all chips together.
    """

    name: str
    kind: str
    chip_count: int
    chip: Preset
    topology: str
    memory_bytes: int
    memory_bytes_per_s: float

    def parameters(self) -> dict[str, Parameter]:
        """The parameters of the chip (or API) by dotted name."""
        return self.chip.parameters()

    def with_values(self, values: Mapping[str, Value]) -> System:
        """The same machine with other parameter values. What the caller sets counts as assumed.

        Examples:
            >>> load_system("lp30-8").with_values({"power.busy_watts": 400}).chip.value("power.busy_watts")
            400
        """
        return _build(self.chip.with_values(values), self.chip_count, self.name)

    def with_chips(self, chip_count: int) -> System:
        """The same kind of machine with another number of chips.

        Examples:
            >>> load_system("lp30-8").with_chips(256).name
            'lp30-256'
        """
        if self.kind == "api":
            raise ValueError(f"{self.name}: an API has no chips to count")
        return _build(self.chip, _check_count(chip_count, self.name), f"{self.chip.name}-{chip_count}")

    def prices(self, model: str) -> dict[str, Parameter]:
        """What an API charges for a model and how fast it answers, by field name.

        Raises:
            ValueError: Not an API, or one that does not list the model.

        Examples:
            >>> load_system("api:groq").prices("llama-3.1-8b")["usd_per_million_output_tokens"].value
            0.08
        """
        if self.kind != "api":
            raise ValueError(
                f"{self.name}: only an API has list prices; this is a machine of kind {self.kind!r}"
            )
        if model not in self.chip.sections:
            raise unknown_name(f"model of {self.name}:", model, self.chip.sections)
        return self.chip.sections[model]

    def __repr__(self) -> str:
        if self.kind == "api":
            return f"System({self.name!r}, {len(self.chip.sections)} models)"
        memory = f"{self.memory_bytes / 1e9:,.1f} GB at {self.memory_bytes_per_s / 1e12:,.1f} TB/s"
        return f"System({self.name!r}, {self.kind}, {self.chip_count} chips, {memory}, {self.topology})"


def load_system(ref: str | os.PathLike[str] | Mapping[str, Any]) -> System:
    """Load a machine.

    Args:
        ref: "CHIP-N", a chip preset and a number of chips ("lp30-1536"); "api:NAME"; the name of a system
            preset; a path to a TOML or JSON file; or a dict of the same shape: `chip` (a preset, a path or a
            chip's spec), `chips`, and optionally `name`, `summary`, `topology` and `values`, a table of
            parameters to change.

    Raises:
        ValueError: Unknown name, a number of chips outside 1 to 10,000,000, or a wrong entry in the file.

    Examples:
        >>> import lpusim
        >>> lpusim.load_system("groq-lpu-v1-576").memory_bytes_per_s / 1e12  # SHIP (MLSys 2026): 10,616
        10616.832
    """
    if isinstance(ref, Mapping):
        return _from_mapping(ref, "system given as a dict", folder=Path())
    if isinstance(ref, str):
        if ref.startswith("api:"):
            return _build(load_prices(ref.removeprefix("api:")), 0, ref)
        if ref in presets()["chips"]:
            raise ValueError(f"{ref!r} is a chip; a system also has a number of chips, such as '{ref}-8'")
        match = _CHIP_AND_COUNT.fullmatch(ref)
        if match and ref not in presets()["systems"]:
            return _from_name(match["chip"], match["count"], ref)
        is_path = Path(ref).suffix in (".toml", ".json") or (ref != "" and file_exists(Path(ref)))
        if ref not in presets()["systems"] and not is_path:
            known = [*presets()["systems"], *(f"api:{name}" for name in presets()["prices"])]
            error = unknown_name("system", ref, known)
            raise ValueError(f"{error}; or CHIP-N with a chip of {', '.join(presets()['chips'])}")
    path = find_file(ref, folder="systems", what="system")
    return _from_mapping(read_mapping(path), str(path), folder=path.parent)


def _from_name(chip: str, count: str, ref: str) -> System:
    if chip not in presets()["chips"]:
        raise ValueError(f"system {shown(ref)}: {unknown_name('chip preset', chip, presets()['chips'])}")
    chip_count = _check_count(int(count) if len(count) < 30 else CHIP_COUNT_MAX + 1, clipped(ref))
    return _build(load_chip(chip), chip_count, f"{chip}-{chip_count}")


def _from_mapping(data: Mapping[str, Any], where: str, *, folder: Path) -> System:
    for key in data:
        if key not in _KEYS:
            raise ValueError(f"{where}: {unknown_name('entry', str(key), _KEYS)}")
    for key in ("chip", "chips"):
        if key not in data:
            raise ValueError(f"{where}: {key!r} is missing; a system has 'chip' and 'chips'")
    chip = _load_chip(data["chip"], where, folder)
    chip_count = _check_count(data["chips"], where)
    name = data.get("name", f"{chip.name}-{chip_count}")
    if not isinstance(name, str) or not name:
        raise ValueError(f"{where}: 'name' must be a non-empty text, got {name!r}")
    values = data.get("values", {})
    if not isinstance(values, Mapping):
        raise ValueError(f"{where}: 'values' must be a table of parameters, got {values!r}")
    changes = {str(key): value for key, value in values.items()}
    if "topology" in data:
        if chip.kind != "lpu":
            raise ValueError(f"{where}: 'topology' is for LPUs; a {chip.kind} has gpu.scale_up_chips")
        changes["link.topology"] = data["topology"]
    try:
        return _build(chip.with_values(changes), chip_count, name)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from error


def _load_chip(ref: Any, where: str, folder: Path) -> Preset:
    if not isinstance(ref, str | Mapping):
        raise ValueError(f"{where}: 'chip' must be a preset name, a path or a spec, got {ref!r}")
    if isinstance(ref, str) and ref not in presets()["chips"] and (folder / ref).is_file():
        ref = str(folder / ref)
    try:
        chip = load_chip(ref)
    except ValueError as error:
        raise ValueError(f"{where}: 'chip': {error}") from error
    if chip.kind == "api":
        raise ValueError(f"{where}: 'chip' must be a chip, got the API {chip.name!r}")
    return chip


def _check_count(chip_count: Any, where: str) -> int:
    if isinstance(chip_count, bool) or not isinstance(chip_count, int):
        raise ValueError(f"{where}: the number of chips must be a whole number, got {shown(chip_count)}")
    if not 1 <= chip_count <= CHIP_COUNT_MAX:
        raise ValueError(
            f"{where}: the number of chips must be from 1 to {CHIP_COUNT_MAX}, got {shown(chip_count)}"
        )
    return chip_count


def _build(chip: Preset, chip_count: int, name: str) -> System:
    if chip.kind == "api":
        capacity, rate, topology = 0, 0.0, "api"
    elif chip.kind == "lpu":
        capacity, rate = _sram_bytes(chip), _sram_bytes_per_s(chip)
        topology = str(chip.value("link.topology"))
    else:
        capacity, rate = int(chip.value("gpu.memory_bytes")), float(chip.value("gpu.memory_bytes_per_s"))
        topology = f"scale-up groups of {chip.value('gpu.scale_up_chips')}"
    return System(
        name=name,
        kind=chip.kind,
        chip_count=chip_count,
        chip=chip,
        topology=topology,
        memory_bytes=chip_count * capacity,
        memory_bytes_per_s=chip_count * rate,
    )


def _sram_bytes(chip: Preset) -> int:
    if "capacity_bytes" in chip.sections.get("memory", {}):
        return int(chip.value("memory.capacity_bytes"))
    slices = 2 * chip.value("chip.mem_slices_per_hemisphere")
    return int(slices * chip.value("chip.mem_words_per_slice") * _vector_bytes(chip))


def _sram_bytes_per_s(chip: Preset) -> float:
    if "bandwidth_bytes_per_s" in chip.sections.get("memory", {}):
        return float(chip.value("memory.bandwidth_bytes_per_s"))
    # All streams of both directions, every cycle: as the published 18.4 TB/s of the first generation.
    streams = 2 * chip.value("chip.streams_per_direction")
    return float(streams * _vector_bytes(chip) * chip.value("chip.clock_hz"))


def _vector_bytes(chip: Preset) -> int:
    return int(chip.value("chip.superlanes") * chip.value("chip.lanes_per_superlane"))
