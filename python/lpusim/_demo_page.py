"""What the demo found, as the rows of an HTML page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lpusim import __version__
from lpusim import _report as report
from lpusim._audit import Audit
from lpusim._fleet_screen import FLEET_ROWS, value_of
from lpusim._recommend import Fleet
from lpusim._trace import Trace

__all__ = ["mean_context", "page_of"]

_BATCH_MAX = 1024


def mean_context(trace: Trace) -> int:
    """Tokens in the cache in the middle of the mean request's answer."""
    return max(1, round(float((trace.input_tokens + trace.output_tokens / 2).mean())))


def page_of(slo: str, trace: Trace, fleets: Sequence[Fleet], audits: Sequence[Audit]) -> report.Page:
    """Tables, plots and verdicts of one run."""
    context = mean_context(trace)
    standing = [fleet for fleet in fleets if fleet.pool is not None]
    machines = [fleet for fleet in standing if fleet.plan is not None]
    return report.Page(
        title="The smallest fleets for one trace within one service level",
        summary=f"{trace}. Service level: {slo}.",
        fleets=[_column(fleet) for fleet in fleets],
        tradeoffs=[_tradeoff(fleet, context) for fleet in machines],
        costs=[_cost_bar(fleet) for fleet in standing if _finite(_reserved(fleet)) is not None],
        breakdowns=[_breakdown(fleet, context) for fleet in machines],
        verdicts=[
            report.Verdict(
                claim=audited.claim.name,
                statement=audited.claim.statement,
                verdict=audited.verdict,
                reasons=[f"{finding.name}: {finding.reason}" for finding in audited.findings],
            )
            for audited in audits
        ],
        notes=[
            trace.description,
            "Low and high: every assumed parameter of the machine at the ends of its range, alone and all "
            "together; the fleet grows where it would hold less cache than before.",
            f"Trade-off and time of a step at {context:,} tokens of context.",
            "Cost is the owner's: purchase, interest, maintenance, electricity, colocation. An API has its "
            "list price.",
        ],
        footer=f"lpusim {__version__}",
    )


def _name(fleet: Fleet) -> str:
    return f"{fleet.model.name} on {fleet.candidate}"


def _column(fleet: Fleet) -> report.Fleet:
    values = []
    for title, name, unit in FLEET_ROWS:
        value, bound, scale = value_of(fleet, name), fleet.bounds.get(name), 100 if unit == "%" else 1
        values.append(
            report.Value(
                name=title,
                value=_scaled(value, scale),
                unit=unit,
                low=_scaled(bound.low, scale) if bound else None,
                high=_scaled(bound.high, scale) if bound else None,
                widened_by=bound.widened_by if bound else "",
            )
        )
    return report.Fleet(name=_name(fleet), values=values, note=fleet.short)


def _tradeoff(fleet: Fleet, context: int) -> report.Series:
    """Batches of powers of two, up to what the cache of one replica holds."""
    assert fleet.pool is not None
    most = min(_BATCH_MAX, max(1, fleet.plan.kv_token_capacity // context))
    batches = [1 << power for power in range(most.bit_length())]
    table = fleet.plan.table(batch=batches, context=[context])
    return report.Series(
        name=_name(fleet),
        tokens_per_second_per_user=(1 / table["time_per_output_token_s"]).tolist(),
        tokens_per_second_per_chip=(table["tokens_per_second"] / fleet.pool.system.chip_count).tolist(),
    )


def _cost_bar(fleet: Fleet) -> report.CostBar:
    bound = fleet.bounds.get("usd_per_million_output_tokens_reserved")
    return report.CostBar(
        name=_name(fleet),
        reserved=_reserved(fleet),
        used=fleet.values["usd_per_million_output_tokens_used"],
        low=_finite(bound.low) if bound else None,
        high=_finite(bound.high) if bound else None,
    )


def _reserved(fleet: Fleet) -> float:
    return fleet.values["usd_per_million_output_tokens_reserved"]


def _breakdown(fleet: Fleet, context: int) -> report.Breakdown:
    """One token on a pipeline; one step of the mean batch of the run on a batching machine."""
    assert fleet.pool is not None
    assert fleet.result is not None
    if fleet.pool.kind == "lpu":
        cycles = fleet.plan.core.step_cycles(1, context)[2]
        return report.Breakdown(
            name=_name(fleet), parts_s={name: fleet.plan.seconds(count) for name, count in cycles.items()}
        )
    row = fleet.result.pools
    batch = max(1, round(int(row.decode_items[0]) / max(1, int(row.steps[0]))))
    return report.Breakdown(
        name=f"{_name(fleet)}, batch {batch}", parts_s=fleet.plan.breakdown_s(batch, context)
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _scaled(value: float | None, scale: float) -> float | None:
    value = _finite(value)
    return None if value is None else value * scale
