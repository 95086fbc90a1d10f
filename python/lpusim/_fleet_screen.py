"""Fleets on a screen: values side by side, then each fleet's values with their bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lpusim._format import number, quantity, table, usd, wrap

if TYPE_CHECKING:
    from lpusim._bounds import Bound
    from lpusim._recommend import Fleet, Recommendation

__all__ = ["FLEET_ROWS", "bounds_table", "fleets_screen", "recommendation_screen", "shown"]

#: What a screen shows of a fleet: title, name in `Fleet.values`, unit.
FLEET_ROWS = (
    ("chips", "chip_count", ""),
    ("TTFT p50", "ttft_p50_s", "s"),
    ("TTFT p99", "ttft_p99_s", "s"),
    ("TPOT p50", "tpot_p50_s", "s"),
    ("TPOT p99", "tpot_p99_s", "s"),
    ("tokens/s per user", "tokens_per_second_per_user", ""),
    ("tokens/s", "tokens_per_second", ""),
    ("goodput, requests/s", "goodput_requests_per_second", ""),
    ("$/M output tokens, used", "usd_per_million_output_tokens_used", "USD"),
    ("$/M output tokens, reserved", "usd_per_million_output_tokens_reserved", "USD"),
    ("$ per month", "usd_per_month", "USD"),
    ("J/token, at the meter", "joules_per_token", "J"),
    ("utilisation", "utilisation", "%"),
)


def shown(value: float | None, unit: str) -> str:
    """A value of `FLEET_ROWS`; "-" for what is not known (None, NaN), "inf" for what never happens.

    Examples:
        >>> shown(0.0123, "s"), shown(1040362.0, "USD"), shown(0.125, "%"), shown(float("nan"), "J")
        ('12.3 ms', '$1,040,362', '12.5 %', '-')
    """
    if value is None or math.isnan(value):
        return "-"
    if math.isinf(value):
        return "inf"
    if unit == "USD":
        return usd(value)
    return f"{number(100 * value)} %" if unit == "%" else quantity(value, unit)


def value_of(fleet: Fleet, name: str) -> float | None:
    """A value of the fleet; None for what an API does not have."""
    value = fleet.values.get(name)
    has_no_chips = fleet.pool is not None and fleet.pool.kind == "api"
    return None if has_no_chips and name in ("chip_count", "utilisation") else value


def fleets_screen(fleets: Sequence[Fleet]) -> str:
    """The candidates side by side, what is short, and below one table a fleet: value, low, high, why."""
    rows = [
        ["", *(fleet.candidate for fleet in fleets)],
        ["fits", *("no" if fleet.pool is None else "yes" for fleet in fleets)],
        ["meets the limits", *("yes" if fleet.meets_slo else "no" for fleet in fleets)],
    ]
    for title, name, unit in FLEET_ROWS:
        rows.append([title, *(shown(value_of(fleet, name), unit) for fleet in fleets)])
    header = ["", *(fleet.model.name for fleet in fleets)]
    lines = [table(rows, header=header, numeric="l" + "r" * len(fleets))]
    shorts = [
        wrap(f"{fleet.model.name} on {fleet.candidate}: {fleet.short}", indent="  ")
        for fleet in fleets
        if fleet.short
    ]
    if shorts:
        lines += ["", "What is short:", *shorts]
    for fleet in fleets:
        if fleet.bounds:
            known = {name: b for name, b in fleet.bounds.items() if shown(value_of(fleet, name), "") != "-"}
            lines += ["", wrap(_title(fleet)), bounds_table(fleet.values, known)]
    return "\n".join(lines)


def bounds_table(values: Mapping[str, float], bounds: Mapping[str, Bound]) -> str:
    """`ServeResult.values` with their bounds: value, low, high, what widened it most."""
    rows = []
    for title, name, unit in FLEET_ROWS:
        bound = bounds.get(name)
        if bound is not None:
            row = (values[name], bound.low, bound.high)
            rows.append([title, *(shown(value, unit) for value in row), bound.widened_by])
    return table(rows, header=["", "value", "low", "high", "widened most by"], numeric="lrrrl")


def _title(fleet: Fleet) -> str:
    replicas = fleet.pool.replicas if fleet.pool is not None else 1
    copies = f"{replicas} x " if replicas > 1 else ""
    plan = f": {copies}{fleet.plan}" if fleet.plan is not None else ""
    return f"{fleet.model.name} on {fleet.candidate}{plan}"


def recommendation_screen(answer: Recommendation) -> str:
    """The trace, the limits, the cheapest candidate, and all candidates side by side with their bounds."""
    limits = ", ".join(
        f"{name.removesuffix('_s').upper()} {quantity(value, 's')}"
        for name, value in answer.slo.to_dict().items()
        if value is not None and name != "percentile"
    )
    best = answer.best.candidate if answer.best else "none meets the limits"
    return "\n".join(
        [
            wrap(f"{answer.trace_name}: {answer.trace_description}"),
            f"limits {limits}, for {number(100 * answer.slo.percentile)} % of requests; cheapest: {best}",
            "",
            fleets_screen(answer.fleets),
        ]
    )
