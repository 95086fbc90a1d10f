"""What a run of the event clock costs: dollars and joules of every pool, and of all together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lpusim._cost import HOURS_PER_MONTH, Cost, Energy, Hourly, Pair, Price, Terms, hourly_cost

if TYPE_CHECKING:
    from lpusim._serve import Pool

__all__ = ["Bill", "bill_of_pool", "cost_of", "energy_of"]

_SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Bill:
    """One pool over a run. An API pool is billed by tokens, draws nothing we know of, and is never idle.

    Attributes:
        used_usd: Busy time only.
        reserved_usd: The whole run, idle time included.
        joules: Of the whole run, at three boundaries; NaN for an API.
        hourly: The reserved pool's cost an hour.
    """

    used_usd: float
    reserved_usd: float
    joules: Energy
    hourly: Hourly


def bill_of_pool(pool: Pool, row: Mapping[str, Any], *, price: Price = "owner") -> Bill:
    """What `pool` costs over a run that `row` of `ServeResult.pools` describes."""
    duration_s = float(row["duration_s"])
    if pool.kind == "api":
        prices = pool.system.prices(pool.model.name)
        usd = (
            row["input_tokens"] * prices["usd_per_million_input_tokens"].value
            + row["output_tokens"] * prices["usd_per_million_output_tokens"].value
        ) / 1e6
        per_hour = usd / duration_s * _SECONDS_PER_HOUR if duration_s > 0 else 0.0
        return Bill(usd, usd, Energy(math.nan, math.nan, math.nan), Hourly({"api": per_hour}))
    terms = Terms.from_parameters(pool.chip_count, pool.system.parameters())
    utilisation = min(1.0, float(row["busy_share"]))
    hourly = hourly_cost(terms, utilisation=utilisation, price=price)
    hours = duration_s / _SECONDS_PER_HOUR
    busy = hourly_cost(terms, utilisation=1.0, price=price)
    return Bill(
        used_usd=busy.total * hours * utilisation,
        reserved_usd=hourly.total * hours,
        joules=Energy(
            terms.chip_watts(utilisation) * duration_s,
            terms.it_watts(utilisation) * duration_s,
            terms.facility_watts(utilisation) * duration_s,
        ),
        hourly=hourly,
    )


def cost_of(
    bills: Sequence[Bill],
    *,
    duration_s: float,
    input_tokens: int,
    output_tokens: int,
    requests: int,
    price: Price = "owner",
) -> Cost:
    """All pools together. Each price per token carries the whole bill alone."""
    used = math.fsum(bill.used_usd for bill in bills)
    reserved = math.fsum(bill.reserved_usd for bill in bills)
    months = duration_s / _SECONDS_PER_HOUR / HOURS_PER_MONTH

    def per(count: float) -> Pair:
        if count <= 0:
            return Pair(math.inf, math.inf)
        return Pair(used / count, reserved / count)

    components: dict[str, float] = {}
    for bill in bills:
        for name, usd in bill.hourly.components.items():
            components[name] = components.get(name, 0.0) + usd
    return Cost(
        usd_per_million_output_tokens=per(output_tokens / 1e6),
        usd_per_million_input_tokens=per(input_tokens / 1e6),
        usd_per_million_total_tokens=per((input_tokens + output_tokens) / 1e6),
        usd_per_request=per(requests),
        usd_per_month=per(months),
        hourly=Hourly(components),
        utilisation=used / reserved if reserved > 0 else 1.0,
        price=price,
        split="whole",
    )


def energy_of(bills: Sequence[Bill], *, output_tokens: int) -> Energy:
    """Joules per output token, at three boundaries; NaN where a pool's draw is not known."""
    if output_tokens <= 0:
        return Energy(math.inf, math.inf, math.inf)
    return Energy(
        *(
            math.fsum(getattr(bill.joules, boundary) for bill in bills) / output_tokens
            for boundary in ("chip", "it", "facility")
        )
    )
