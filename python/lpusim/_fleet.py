"""Pools of machines: how models lie on them, what becomes of them when assumptions move, and their bills."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lpusim._cost import HOURS_PER_MONTH, Cost, Energy, Hourly, Pair, Price, Terms, hourly_cost
from lpusim._machine import BatchPlan, LpuPlan, batch_plan, lpu_plan, native_format, stages_needed
from lpusim._presets import Parameter, Value
from lpusim.errors import CapacityError

if TYPE_CHECKING:
    from lpusim._serve import Pool

__all__ = [
    "Bill",
    "batch_plan_of",
    "bill_of_pool",
    "cost_of",
    "decided",
    "energy_of",
    "lpu_plan_of",
    "moved_pools",
    "parameters_of",
    "touches_time",
]

#: Sections of a spec that change what something costs, but not how long it takes.
_MONEY_SECTIONS = ("power", "cost")

_SECONDS_PER_HOUR = 3600


def lpu_plan_of(pool: Pool) -> LpuPlan:
    """How the model lies on one machine of an LPU pool whose `max_context` is decided."""
    return lpu_plan(
        pool.model,
        pool.system,
        weights=pool.weights or native_format(pool.model, pool.system),
        kv=pool.kv or "fp16",
        context=pool.max_context or 1,
        partition=pool.partition,
    )


def batch_plan_of(pool: Pool) -> BatchPlan:
    """How the model runs on one machine of a GPU pool."""
    return batch_plan(
        pool.model,
        pool.system,
        weights=pool.weights or native_format(pool.model, pool.system),
        kv=pool.kv or "fp16",
    )


def decided(pool: Pool, context: int) -> Pool:
    """The pool with what the caller left open filled in: how far its tables reach, and an LPU's partition.

    Raises:
        CapacityError: The model does not fit.
    """
    if pool.kind != "lpu" or pool.timing is not None:
        return pool
    pool = replace(pool, max_context=pool.max_context or context)
    if pool.partition is not None:
        return pool
    plan = lpu_plan_of(pool)
    return replace(pool, partition=(plan.tensor_chips, plan.stage_count))


def parameters_of(pools: Sequence[Pool]) -> dict[str, Parameter]:
    """Parameters of all pools' machines: by dotted name, behind the pool's label where there are several.

    Of an API, those of the pool's model.
    """
    return {
        _prefix(pools, pool) + name: parameter
        for pool in pools
        if pool.system is not None
        for name, parameter in pool.system.parameters().items()
        if pool.kind != "api" or name.startswith(f"{pool.model.name}.")
    }


def touches_time(name: str) -> bool:
    """Whether a parameter, named as in `parameters_of`, changes how long something takes."""
    return name.rpartition(": ")[2].partition(".")[0] not in _MONEY_SECTIONS


def moved_pools(pools: Sequence[Pool], moved: Mapping[str, Value]) -> tuple[Pool, ...]:
    """The pools with other parameters, named as in `parameters_of`.

    An LPU machine that would hold less cache than before gets more stages, of the same size.

    Raises:
        CapacityError: No number of stages holds the model.
    """
    result = []
    for pool in pools:
        prefix = _prefix(pools, pool)
        own = {name.removeprefix(prefix): value for name, value in moved.items() if name.startswith(prefix)}
        result.append(_moved(pool, own) if own and pool.system is not None else pool)
    return tuple(result)


def _prefix(pools: Sequence[Pool], pool: Pool) -> str:
    return f"{pool.label}: " if len(pools) > 1 else ""


def _moved(pool: Pool, values: Mapping[str, Value]) -> Pool:
    system = pool.system.with_values(values)
    if pool.partition is None or not any(touches_time(name) for name in values):
        return replace(pool, system=system)
    tensor_chips, stages = pool.partition
    needs = functools.partial(
        stages_needed,
        pool.model,
        system,
        tensor_chips=tensor_chips,
        weights=pool.weights or native_format(pool.model, system),
        kv=pool.kv or "fp16",
    )
    # As much cache as before where a stage can hold that, one request of the longest context at least.
    needed = needs(context=lpu_plan_of(pool).kv_token_capacity) or needs(context=pool.max_context or 1)
    if needed == 0:
        raise CapacityError(f"a stage of {tensor_chips} chips of the moved machine cannot hold one layer")
    if needed > stages:
        idle_chips = system.chip_count - tensor_chips * stages
        system = system.with_chips(tensor_chips * needed + idle_chips)
    return replace(pool, system=system, partition=(tensor_chips, max(stages, needed)))


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
