"""What each section of a spec file may hold: field names, units and ranges.

The C++ core declares the fields of its own specs (chip, gpu); they are read from its tables. Sections that
only Python uses (link, memory, compute, power, cost, price) are declared here, once.
"""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

_LARGE = 1e30


class SpecField(NamedTuple):
    """One field of a section. `unit` "name" marks a field that holds text: one of `names`."""

    name: str
    unit: str
    min: float = 0.0
    max: float = _LARGE
    integer: bool = False
    optional: bool = False
    meaning: str = ""
    names: tuple[str, ...] = ()


_LINK = (
    SpecField(
        "topology",
        "name",
        meaning="how chips are wired: a topology of lpusim.net",
        names=("lpx", "node", "quadfour", "ring"),
    ),
    SpecField("links_per_chip", "links", 1, 1e6, integer=True, meaning="links a chip has"),
    SpecField("vector_bytes", "bytes", 1, 1e6, integer=True, meaning="payload of one link vector"),
    SpecField("vector_ps", "ps", 1, 1e12, integer=True, meaning="time between two vectors of a link"),
    SpecField("hop_ps", "ps", 1, 1e12, integer=True, meaning="SRAM to SRAM, one hop"),
)
_MEMORY = (
    SpecField("capacity_bytes", "bytes", 1, 1e15, integer=True, optional=True, meaning="memory of one chip"),
    SpecField(
        "bandwidth_bytes_per_s", "bytes/s", 1, 1e18, meaning="sustained read rate of one chip's memory"
    ),
)
_COMPUTE = (
    SpecField("int8_ops_per_s", "ops/s", 1, 1e20, optional=True, meaning="peak rate of one chip"),
    SpecField("fp8_flops_per_s", "FLOP/s", 1, 1e20, optional=True, meaning="peak rate of one chip"),
    SpecField("fp16_flops_per_s", "FLOP/s", 1, 1e20, optional=True, meaning="peak rate of one chip"),
)
_POWER = (
    SpecField("idle_watts", "W", 0, 1e6, meaning="one chip, doing nothing"),
    SpecField("busy_watts", "W", 0, 1e6, meaning="one chip, busy"),
    SpecField(
        "it_watts_per_chip", "W", 0, 1e6, meaning="share of hosts, switches and NICs, added to the chip"
    ),
    SpecField("pue", "ratio", 1, 10, meaning="facility power over IT power"),
)
_COST = (
    SpecField("purchase_usd_per_chip", "USD", 0, 1e9, meaning="one chip with its share of node and network"),
    SpecField("rental_usd_per_chip_hour", "USD/h", 0, 1e6, optional=True, meaning="one chip, on demand"),
    SpecField("life_years", "years", 0.1, 100, meaning="time over which the purchase is paid back"),
    SpecField("interest_rate", "1/year", 0, 1, meaning="cost of capital"),
    SpecField("maintenance_per_year", "1/year", 0, 1, meaning="yearly upkeep, as a share of the purchase"),
    SpecField("electricity_usd_per_kwh", "USD/kWh", 0, 100, meaning="energy price"),
    SpecField("colocation_usd_per_kw_month", "USD/kW/month", 0, 1e5, meaning="space and cooling"),
    SpecField("margin", "ratio", 0, 100, meaning="added to the owner's cost"),
)
_PRICE = (
    SpecField("usd_per_million_input_tokens", "USD/Mtoken", 0, 1e6, meaning="list price, input"),
    SpecField("usd_per_million_cached_tokens", "USD/Mtoken", 0, 1e6, optional=True, meaning="cached input"),
    SpecField("usd_per_million_output_tokens", "USD/Mtoken", 0, 1e6, meaning="list price, output"),
    SpecField("tokens_per_second_per_user", "token/s", 1e-3, 1e7, meaning="output speed of one request"),
    SpecField("time_to_first_token_s", "s", 0, 1e4, meaning="from request to first token"),
)

REQUIRED_SECTIONS: dict[str, tuple[str, ...]] = {
    "lpu": ("chip", "link", "power", "cost"),
    "gpu": ("gpu", "power", "cost"),
    "cpu": ("gpu", "power", "cost"),
    "api": (),
}
OPTIONAL_SECTIONS: dict[str, tuple[str, ...]] = {
    "lpu": ("memory", "compute", "lower"),
    "gpu": (),
    "cpu": (),
    "api": (),
}


def _core_fields(module: str, spec: str, *, optional: bool) -> tuple[SpecField, ...] | None:
    from lpusim import _core

    cls: Any = getattr(getattr(_core, module, None), spec, None)
    if cls is None:
        return None
    return tuple(
        SpecField(
            row["name"],
            row["unit"],
            -math.inf if row["min"] is None else float(row["min"]),
            math.inf if row["max"] is None else float(row["max"]),
            integer=bool(row["integer"]),
            optional=optional,
            meaning=row["meaning"],
        )
        for row in cls.fields()
    )


@functools.cache
def section_fields(kind: str, section: str) -> tuple[SpecField, ...] | None:
    """The fields of a section, or None where any named number is allowed."""
    if kind == "api":
        return _PRICE
    if section == "chip":
        # What a chip does not say is as in the core's default, the published first generation.
        return _core_fields("chip", "ChipSpec", optional=True)
    if section == "gpu":
        return _core_fields("device", "GpuSpec", optional=False)
    if section == "lower":
        return _core_fields("lower", "LowerSpec", optional=True)
    return {"link": _LINK, "memory": _MEMORY, "compute": _COMPUTE, "power": _POWER, "cost": _COST}.get(
        section
    )
