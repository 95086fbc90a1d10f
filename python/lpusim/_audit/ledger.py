"""What the machine of a reading could earn at the claimed price, beside what it costs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from lpusim._audit.case import Case, Reading, Status
from lpusim._cost import HOURS_PER_YEAR, Terms, hourly_cost

__all__ = ["DEFAULT_TOKENS", "Ledger", "ledgers"]

#: What a claim that says nothing of its requests is read as, as `estimate` does.
DEFAULT_TOKENS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The most a reading's machine can earn in an hour at the claimed price, beside what it costs."""

    reading: Reading
    streams: int
    tokens_per_s: float
    revenue_usd_per_hour: float
    electricity_usd_per_hour: float
    cost_usd_per_hour: tuple[float, float, float]
    joules_per_token: float
    budget_usd_per_chip: float

    @property
    def status(self) -> Status:
        cheapest, _, dearest = self.cost_usd_per_hour
        if self.revenue_usd_per_hour < self.electricity_usd_per_hour:
            return "fails"
        if self.revenue_usd_per_hour >= dearest:
            return "holds"
        return "depends" if self.revenue_usd_per_hour >= cheapest else "doubtful"


def ledgers(case: Case) -> list[Ledger]:
    """One for every reading that fits, where the claim states a price and a speed."""
    claim, model = case.claim, case.model
    if claim.price is None or claim.tokens_per_second_per_user is None or model is None:
        return []
    if model.kv_bytes_per_token == 0:
        return []
    input_tokens = DEFAULT_TOKENS if claim.input_tokens is None else claim.input_tokens
    output_tokens = DEFAULT_TOKENS if claim.output_tokens is None else claim.output_tokens
    stream_bytes = (input_tokens + output_tokens) * model.kv_bytes_per_token
    return [
        _ledger(case, reading, stream_bytes)
        for reading in case.sized_readings
        if reading.fits
        and reading.active_parameters
        and reading.memory_bytes - reading.weight_bytes >= stream_bytes
    ]


def _ledger(case: Case, reading: Reading, stream_bytes: float) -> Ledger:
    claim, chip, chips = case.claim, reading.chip, reading.chips or 0
    assert claim.price is not None
    assert reading.active_parameters is not None
    streams = math.floor((reading.memory_bytes - reading.weight_bytes) / stream_bytes)
    tokens_per_s = min(
        streams * (claim.tokens_per_second_per_user or 0.0),
        chip.operations_per_s * chips / (2 * reading.active_parameters),
    )
    busy = claim.utilisation if claim.utilisation and claim.utilisation_of in ("wall-time", "slots") else 1.0
    revenue = tokens_per_s * busy * 3600 * claim.price / 1e6

    def cost(terms: Terms) -> dict[str, float]:
        return dict(hourly_cost(replace(terms, chip_count=chips), utilisation=busy).components)

    cheapest, middle, dearest = cost(chip.terms_cheapest), cost(chip.terms), cost(chip.terms_dearest)
    facility_watts = replace(chip.terms, chip_count=chips).facility_watts(busy)
    return Ledger(
        reading=reading,
        streams=streams,
        tokens_per_s=tokens_per_s,
        revenue_usd_per_hour=revenue,
        electricity_usd_per_hour=cheapest["electricity"],
        cost_usd_per_hour=(sum(cheapest.values()), sum(middle.values()), sum(dearest.values())),
        joules_per_token=facility_watts / (tokens_per_s * busy),
        budget_usd_per_chip=revenue * HOURS_PER_YEAR * chip.terms.life_years / chips,
    )
