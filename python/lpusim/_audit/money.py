"""Checks of what a claim says about prices: against costs, energy, list prices, ratios and other claims."""

from __future__ import annotations

import math
from collections.abc import Sequence

from lpusim._audit.case import SAME_WITHIN, Case, Finding, Status
from lpusim._audit.claim import PriceRatio
from lpusim._audit.ledger import Ledger, ledgers
from lpusim._cost import Terms, hourly_cost
from lpusim._format import number, quantity, usd

__all__ = [
    "check_consistency",
    "check_energy",
    "check_list_prices",
    "check_money",
    "check_price_ratios",
    "check_stated_prices",
    "check_utilisation",
]

#: A price this many times above what it is held against is more likely a slip of units than a price.
_SLIP_FACTOR = 10
_JOULES_PER_KWH = 3.6e6


def check_stated_prices(case: Case) -> list[Finding]:
    """Whether several ways of stating the price agree."""
    prices = case.claim.prices()
    if len(prices) < 2 or max(prices) <= min(prices) * (1 + SAME_WITHIN):
        return []
    return [
        Finding(
            name="stated prices",
            status="contradicts",
            claimed=min(prices),
            bound=max(prices),
            unit="USD/Mtoken",
            reason=f"the claim states both {usd(min(prices))} and {usd(max(prices))} per million tokens",
        )
    ]


def check_money(case: Case) -> list[Finding]:
    """Whether the machine, full at every moment, can earn what it costs."""
    rows = ledgers(case)
    if not rows:
        return []
    order: list[Status] = ["holds", "depends", "doubtful", "fails"]
    best = min(
        rows, key=lambda row: (order.index(row.status), row.cost_usd_per_hour[1] / row.revenue_usd_per_hour)
    )
    cheapest, middle, dearest = best.cost_usd_per_hour
    reasons = [
        f"{row.reading.label}: {row.streams} streams at once earn {usd(row.revenue_usd_per_hour)}/h"
        f" against {usd(row.cost_usd_per_hour[1])}/h; all of it is"
        f" {usd(row.budget_usd_per_chip)} a chip over {number(row.reading.chip.terms.life_years)} years"
        for row in sorted({r.reading.chip.name: r for r in sorted(rows, key=_budget)}.values(), key=_budget)
    ]
    return [
        Finding(
            name="price covers cost",
            status=best.status,
            claimed=best.revenue_usd_per_hour,
            bound=middle,
            unit="USD/h",
            reason="; ".join(reversed(reasons))
            + f"; cost range of the best {usd(cheapest)} to {usd(dearest)}/h",
        )
    ]


def _budget(row: Ledger) -> float:
    return row.budget_usd_per_chip


def check_energy(case: Case) -> list[Finding]:
    """How much electricity the price of a token would buy, and how much a token takes."""
    price = case.claim.price
    if price is None or case.model is None or not case.chips:
        return []
    usd_per_kwh = min(chip.terms.electricity_usd_per_kwh for chip in case.chips)
    if usd_per_kwh == 0:
        return []
    bought = price / 1e6 / usd_per_kwh * _JOULES_PER_KWH
    rows = ledgers(case)
    active = case.model.active_parameters
    needed = (
        min(row.joules_per_token for row in rows)
        if rows
        else min(
            2 * active / chip.operations_per_s * chip.terms.facility_watts(1.0)
            for chip in case.chips
            if chip.operations_per_s > 0
        )
    )
    how = "with every place taken" if rows else "at the full published rate of operations"
    status: Status = "fails" if bought < needed else "doubtful" if bought > 1000 * needed else "holds"
    return [
        Finding(
            name="energy",
            status=status,
            claimed=bought,
            bound=needed,
            unit="J/token",
            reason=f"$1 buys {quantity(_JOULES_PER_KWH / usd_per_kwh, 'J')} at {usd(usd_per_kwh)}/kWh, so the"
            f" price of a token buys {quantity(bought, 'J')}; it takes {quantity(needed, 'J')} {how}",
        )
    ]


def check_list_prices(case: Case) -> list[Finding]:
    """Whether the price is anywhere near what anybody charges."""
    price, listed = case.claim.price, case.public.list_prices
    if price is None or not listed:
        return []
    highest = max(listed, key=lambda row: row.usd_per_million_output_tokens)
    lowest = min(listed, key=lambda row: row.usd_per_million_output_tokens)
    top, bottom = highest.usd_per_million_output_tokens, lowest.usd_per_million_output_tokens
    above, below = price > _SLIP_FACTOR * top, price * _SLIP_FACTOR < bottom
    reason = (
        f"{usd(price)} per million tokens; list prices go from {usd(bottom)} to {usd(top)}"
        f" ({highest.provider}, {highest.model})"
    )
    name = case.model.name if case.model is not None else ""
    same = [row.usd_per_million_output_tokens for row in listed if row.model == name]
    if same:
        reason += f"; for {name} from {usd(min(same))} to {usd(max(same))}"
    if above:
        reason += f"; a thousand read as a million would make it {usd(price / 1000)}"
    return [
        Finding(
            name="list prices",
            status="doubtful" if above or below else "holds",
            claimed=price,
            bound=bottom if below else top,
            unit="USD/Mtoken",
            reason=reason,
        )
    ]


def check_price_ratios(case: Case, others: Sequence[Case] = ()) -> list[Finding]:
    """What the other machine's price would be, and whether it could be."""
    return [_price_ratio(case, ratio, others) for ratio in case.claim.price_ratios]


def _price_ratio(case: Case, ratio: PriceRatio, others: Sequence[Case]) -> Finding:
    name, price = f"price against {ratio.to}", case.claim.price
    if price is None:
        return Finding(name=name, status="unknown", reason="the claim states no price of its own")
    other_price = price / ratio.factor
    for other in others:
        if other.claim.chip == ratio.to and other.claim.price is not None:
            agrees = math.isclose(other.claim.price, other_price, rel_tol=0.1)
            return Finding(
                name=name,
                status="holds" if agrees else "contradicts",
                claimed=other_price,
                bound=other.claim.price,
                unit="USD/Mtoken",
                reason=f"it implies {usd(other_price)} per million tokens; claim {other.claim.name!r} says"
                f" {usd(other.claim.price)}",
            )
    chip = case.public.chips.get(ratio.chip or "")
    if chip is None or case.model is None:
        return Finding(
            name=name,
            status="unknown",
            claimed=other_price,
            unit="USD/Mtoken",
            reason=f"it implies {usd(other_price)} per million tokens there; nothing public to hold it"
            " against",
        )
    low, high = _hour_range(chip.terms_cheapest), _hour_range(chip.terms_dearest)
    least, most = (usd * 1e6 / (other_price * 3600) for usd in (low, high))
    peak = chip.operations_per_s / (2 * case.model.active_parameters)
    return Finding(
        name=name,
        status="fails" if least > peak else "holds",
        claimed=least,
        bound=peak,
        unit="token/s/chip",
        reason=f"it implies {usd(other_price)} per million tokens there:"
        f" {number(least)} to {number(most)} tokens/s of each {chip.name} at {usd(low)} to {usd(high)}/h;"
        f" its published rate of operations allows {number(peak)}",
    )


def _hour_range(terms: Terms) -> float:
    if terms.rental_usd_per_chip_hour is not None:
        return terms.rental_usd_per_chip_hour
    return hourly_cost(terms).total


def check_utilisation(case: Case) -> list[Finding]:
    """Whether the claim says what its utilisation is a share of."""
    claim = case.claim
    if claim.utilisation is None or claim.utilisation_of is not None:
        return []
    return [
        Finding(
            name="utilisation",
            status="unknown",
            claimed=claim.utilisation,
            reason="the claim does not say of what: wall time, reserved slots, peak operations or bandwidth"
            " differ by orders of magnitude",
        )
    ]


def check_consistency(case: Case, others: Sequence[Case]) -> list[Finding]:
    """Whether this claim and the others can be true together."""
    findings = []
    for other in others:
        findings += _price_order(case, other)
        findings += _one_formula(case, other)
    return findings


def _price_order(case: Case, other: Case) -> list[Finding]:
    """On one kind of machine a smaller model is not dearer."""
    if case.model is None or other.model is None or case.claim.price is None or other.claim.price is None:
        return []
    if {chip.kind for chip in case.chips} != {chip.kind for chip in other.chips}:
        return []
    small, large = sorted((case, other), key=lambda c: c.model.active_parameters if c.model else 0.0)
    assert small.model is not None
    assert large.model is not None
    size_ratio = large.model.active_parameters / small.model.active_parameters
    small_price, large_price = small.claim.price or 0.0, large.claim.price or 0.0
    if size_ratio <= 1 + SAME_WITHIN:
        return []
    ratio = small_price / large_price
    return [
        Finding(
            name=f"price beside {other.claim.name}",
            status="contradicts" if ratio > 1 + SAME_WITHIN else "holds",
            claimed=case.claim.price,
            bound=other.claim.price,
            unit="USD/Mtoken",
            reason=f"{small.claim.name!r} asks {usd(small_price)} a million tokens,"
            f" {large.claim.name!r} {usd(large_price)} for a model {number(size_ratio)} times larger:"
            f" {number(ratio)} times the price, {number(ratio * size_ratio)} times per parameter",
        )
    ]


def _one_formula(case: Case, other: Case) -> list[Finding]:
    """Two speeds that follow from model size alone, whatever the machine, were not measured."""
    mine, its = _stream_bytes_per_s(case), _stream_bytes_per_s(other)
    my_nodes, its_nodes = case.claim.nodes or case.claim.chips, other.claim.nodes or other.claim.chips
    if not (mine and its and my_nodes and its_nodes):
        return []
    if not math.isclose(mine, its, rel_tol=SAME_WITHIN) or max(my_nodes, its_nodes) < 8 * min(
        my_nodes, its_nodes
    ):
        return []
    return [
        Finding(
            name=f"speed beside {other.claim.name}",
            status="doubtful",
            claimed=mine,
            bound=its,
            unit="B/s",
            reason=f"both speeds are {quantity(mine, 'B/s')} over the claimed active bytes at 8 bits, though"
            f" one machine has {my_nodes} nodes and the other {its_nodes}: speed without the machine",
        )
    ]


def _stream_bytes_per_s(case: Case) -> float | None:
    claimed, rate = case.claim.claimed_model, case.claim.tokens_per_second_per_user
    if claimed is None or rate is None:
        return None
    active = claimed.active_parameters or (claimed.total_parameters if claimed.kind == "dense" else None)
    if active is None and case.model is not None:
        active = case.model.active_parameters
    return None if active is None else active * rate
