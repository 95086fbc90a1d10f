"""Money and energy: from what a machine costs an hour and serves a second to dollars and joules a token.

Pure arithmetic on a spec's `cost` and `power` parameters. Two costs stand side by side (reservation- and
usage-based): `used` charges busy time only, `reserved` the whole fleet with its idle time. Only `reserved`
compares with an API price.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol, TypeAlias

__all__ = [
    "HOURS_PER_MONTH",
    "HOURS_PER_YEAR",
    "ApiPrice",
    "Cost",
    "Energy",
    "Hourly",
    "Pair",
    "Terms",
    "api_cost",
    "capital_recovery_factor",
    "energy_per_token",
    "fleet_cost",
    "hourly_cost",
]

HOURS_PER_YEAR = 8760
HOURS_PER_MONTH = HOURS_PER_YEAR / 12
_SECONDS_PER_HOUR = 3600

Split: TypeAlias = Literal["whole", "busy", "list"]
Price: TypeAlias = Literal["owner", "rental"] | float

#: Below it interest changes no digit, and the formula would divide numbers too small to be exact.
_INTEREST_MIN = 1e-300


class _HasValue(Protocol):
    @property
    def value(self) -> Any: ...


def capital_recovery_factor(interest_rate: float, years: float) -> float:
    """The share of a purchase that a constant yearly payment over `years` comes to.

    Args:
        interest_rate: Per year, at least 0; 0.08 is 8 %.
        years: More than 0.

    Source:
        CRF = r (1 + r)^n / ((1 + r)^n - 1), the annuity formula of owners' cost models; 1/n without interest.

    Examples:
        >>> round(capital_recovery_factor(0.08, 5) * 35_000 / HOURS_PER_YEAR, 2)  # USD an hour
        1.0
    """
    _require("interest_rate", interest_rate, at_least=0)
    _require("years", years, above=0)
    if interest_rate < _INTEREST_MIN:
        return 1 / years
    return interest_rate / -math.expm1(-years * math.log1p(interest_rate))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a fleet of equal chips costs and draws. Every figure is for one chip; `chip_count` multiplies.

    Attributes:
        chip_count: Chips that are paid for.
        idle_watts, busy_watts: Of the chip alone. Average draw is idle + (busy - idle) x utilisation.
        it_watts_per_chip: The chip's share of hosts, NICs and switches, drawn all the time.
        pue: Facility power over IT power, at least 1.
        purchase_usd_per_chip: All-in, with the chip's share of node, network and racks.
        rental_usd_per_chip_hour: All-in, or None where nobody rents it out.
        life_years, interest_rate: Of the annuity that pays for the purchase.
        maintenance_per_year: Share of the purchase.
        electricity_usd_per_kwh: At the meter, so it is charged on facility power.
        colocation_usd_per_kw_month: Space and cooling, without electricity, on the IT power provisioned.
        margin: What a seller adds, as a share of the cost.
    """

    chip_count: int
    idle_watts: float
    busy_watts: float
    it_watts_per_chip: float
    pue: float
    purchase_usd_per_chip: float
    rental_usd_per_chip_hour: float | None = None
    life_years: float
    interest_rate: float
    maintenance_per_year: float
    electricity_usd_per_kwh: float
    colocation_usd_per_kw_month: float
    margin: float = 0.0

    def __post_init__(self) -> None:
        _require("chip_count", self.chip_count, at_least=1)
        _require("pue", self.pue, at_least=1)
        _require("life_years", self.life_years, above=0)
        for name in (
            "idle_watts",
            "it_watts_per_chip",
            "purchase_usd_per_chip",
            "interest_rate",
            "maintenance_per_year",
            "electricity_usd_per_kwh",
            "colocation_usd_per_kw_month",
            "margin",
        ):
            _require(name, getattr(self, name), at_least=0)
        _require("busy_watts", self.busy_watts, at_least=self.idle_watts)
        if self.rental_usd_per_chip_hour is not None:
            _require("rental_usd_per_chip_hour", self.rental_usd_per_chip_hour, at_least=0)

    @classmethod
    def from_parameters(cls, chip_count: int, parameters: Mapping[str, _HasValue]) -> Terms:
        """Reads the `power` and `cost` sections of a spec, by dotted name.

        Raises:
            ValueError: A parameter is missing or outside its range.
        """
        values: dict[str, Any] = {"chip_count": chip_count}
        for section, names in _SECTIONS.items():
            for name in names:
                dotted = f"{section}.{name}"
                if dotted in parameters:
                    values[name] = parameters[dotted].value
                elif name not in _OPTIONAL:
                    raise ValueError(f"the spec has no parameter {dotted!r}, which a cost needs")
        return cls(**values)

    def chip_watts(self, utilisation: float) -> float:
        """Average draw of all chips, without hosts."""
        return self.chip_count * (self.idle_watts + (self.busy_watts - self.idle_watts) * utilisation)

    def it_watts(self, utilisation: float) -> float:
        """Average draw of all chips with their hosts."""
        return self.chip_watts(utilisation) + self.chip_count * self.it_watts_per_chip

    def facility_watts(self, utilisation: float) -> float:
        """Average draw at the meter."""
        return self.it_watts(utilisation) * self.pue


_SECTIONS = {
    "power": ("idle_watts", "busy_watts", "it_watts_per_chip", "pue"),
    "cost": (
        "purchase_usd_per_chip",
        "rental_usd_per_chip_hour",
        "life_years",
        "interest_rate",
        "maintenance_per_year",
        "electricity_usd_per_kwh",
        "colocation_usd_per_kw_month",
        "margin",
    ),
}
_OPTIONAL = ("rental_usd_per_chip_hour", "margin")


@dataclass(frozen=True, slots=True)
class Hourly:
    """What a fleet costs an hour, by component, in USD."""

    components: Mapping[str, float]

    @property
    def total(self) -> float:
        return math.fsum(self.components.values())

    def to_dict(self) -> dict[str, Any]:
        return {"components_usd_per_hour": dict(self.components), "total_usd_per_hour": self.total}


def hourly_cost(terms: Terms, *, utilisation: float = 1.0, price: Price = "owner") -> Hourly:
    """What the whole fleet costs an hour.

    Args:
        terms: The fleet.
        utilisation: Share of wall time in which it works, 0 to 1; it changes the electricity alone.
        price: "owner" builds the cost up from purchase and power; "rental" takes the list rent; a number is
            an all-in price in USD per chip and hour.

    Raises:
        ValueError: A rent was asked for and the spec has none.

    Source:
        Owner: capex x CRF / 8760 + maintenance + facility kW x USD/kWh + colocation, in owners' cost models.
    """
    _require("utilisation", utilisation, at_least=0, at_most=1)
    if price != "owner":
        return Hourly({"rental": terms.chip_count * _rent(terms, price)})
    purchase = terms.chip_count * terms.purchase_usd_per_chip
    cost = {
        "capital": purchase * capital_recovery_factor(terms.interest_rate, terms.life_years) / HOURS_PER_YEAR,
        "maintenance": purchase * terms.maintenance_per_year / HOURS_PER_YEAR,
        "electricity": terms.facility_watts(utilisation) / 1000 * terms.electricity_usd_per_kwh,
        "colocation": terms.it_watts(1.0) / 1000 * terms.colocation_usd_per_kw_month / HOURS_PER_MONTH,
    }
    return Hourly(cost | {"margin": math.fsum(cost.values()) * terms.margin})


def _rent(terms: Terms, price: Price) -> float:
    if isinstance(price, str):
        if price != "rental":
            raise ValueError(f"price must be 'owner', 'rental' or USD per chip and hour, got {price!r}")
        if terms.rental_usd_per_chip_hour is None:
            raise ValueError(
                "the spec has no cost.rental_usd_per_chip_hour; take price='owner' or give a number"
            )
        return terms.rental_usd_per_chip_hour
    _require("price", price, at_least=0)
    return float(price)


@dataclass(frozen=True, slots=True)
class Pair:
    """One cost twice: of busy time only, and of the whole fleet with its idle time."""

    used: float
    reserved: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What serving costs, in USD. A price per token that is never made is infinite.

    Attributes:
        usd_per_million_output_tokens, usd_per_million_input_tokens, usd_per_million_total_tokens: By `split`.
        usd_per_request: At the mean request.
        usd_per_month: Of 730 hours at this utilisation.
        hourly: The reserved fleet's cost an hour, by component; empty for an API.
        utilisation: Share of wall time in which the fleet works.
        price: "owner", "rental", "api", or USD per chip and hour.
        split: "whole": each of the three carries the whole bill alone (they must not be added). "busy": the
            bill is shared by busy time of prefill and decode, so that input and output prices add up to the
            request's. "list": a provider's list prices.
    """

    usd_per_million_output_tokens: Pair
    usd_per_million_input_tokens: Pair
    usd_per_million_total_tokens: Pair
    usd_per_request: Pair
    usd_per_month: Pair
    hourly: Hourly
    utilisation: float
    price: str | float
    split: Split

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an infinite price is None."""
        pairs = {
            name: {key: value if math.isfinite(value) else None for key, value in asdict(pair).items()}
            for name in self.__slots__
            if isinstance(pair := getattr(self, name), Pair)
        }
        return pairs | {
            "hourly": self.hourly.to_dict(),
            "utilisation": self.utilisation,
            "price": self.price,
            "split": self.split,
        }


def fleet_cost(
    terms: Terms,
    *,
    output_tokens_per_second: float,
    input_tokens_per_second: float = 0.0,
    requests_per_second: float = 0.0,
    utilisation: float = 1.0,
    price: Price = "owner",
    prefill_busy_share: float | None = None,
) -> Cost:
    """What a fleet's tokens cost.

    Args:
        terms: The fleet.
        output_tokens_per_second: What it makes while it works (not averaged over its idle time).
        input_tokens_per_second: What it reads while it works.
        requests_per_second: What it finishes while it works.
        utilisation: Share of wall time in which it works, more than 0.
        price: As in `hourly_cost`.
        prefill_busy_share: Share of busy time that goes to prompts, 0 to 1. None charges the whole bill to
            each kind of token alone.

    Source:
        $/M tokens = ($/h) / (tok/s x 3600) x 1e6, as in NVIDIA's TCO guide and InferenceX.

    Examples:
        A $3.60/h machine that makes 1,000 tokens a second, half of the time idle:

        >>> terms = Terms(chip_count=1, idle_watts=0, busy_watts=0, it_watts_per_chip=0, pue=1,
        ...               purchase_usd_per_chip=0, life_years=1, interest_rate=0, maintenance_per_year=0,
        ...               electricity_usd_per_kwh=0, colocation_usd_per_kw_month=0)
        >>> cost = fleet_cost(terms, output_tokens_per_second=1000, utilisation=0.5, price=3.6)
        >>> cost.usd_per_million_output_tokens
        Pair(used=1.0, reserved=2.0)
    """
    _require("utilisation", utilisation, above=0, at_most=1)
    _require("output_tokens_per_second", output_tokens_per_second, at_least=0)
    _require("input_tokens_per_second", input_tokens_per_second, at_least=0)
    _require("requests_per_second", requests_per_second, at_least=0)
    prefill_share = decode_share = 1.0
    if prefill_busy_share is not None:
        _require("prefill_busy_share", prefill_busy_share, at_least=0, at_most=1)
        prefill_share, decode_share = prefill_busy_share, 1 - prefill_busy_share

    busy_usd_per_hour = hourly_cost(terms, utilisation=1.0, price=price).total
    hourly = hourly_cost(terms, utilisation=utilisation, price=price)
    # The fleet's bill per hour of work: its idle hours are spread over its busy ones.
    bill = Pair(busy_usd_per_hour, hourly.total / utilisation)
    return Cost(
        usd_per_million_output_tokens=_each(
            bill, lambda usd: _per_million(usd * decode_share, output_tokens_per_second)
        ),
        usd_per_million_input_tokens=_each(
            bill, lambda usd: _per_million(usd * prefill_share, input_tokens_per_second)
        ),
        usd_per_million_total_tokens=_each(
            bill, lambda usd: _per_million(usd, input_tokens_per_second + output_tokens_per_second)
        ),
        usd_per_request=_each(bill, lambda usd: _per_million(usd, requests_per_second) / 1e6),
        usd_per_month=_each(bill, lambda usd: usd * utilisation * HOURS_PER_MONTH),
        hourly=hourly,
        utilisation=utilisation,
        price=price,
        split="whole" if prefill_busy_share is None else "busy",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPrice:
    """A provider's list price, in USD per million tokens. `cached` is for input that hits its cache."""

    input: float
    output: float
    cached: float | None = None

    def __post_init__(self) -> None:
        for name in ("input", "output", "cached"):
            if getattr(self, name) is not None:
                _require(name, getattr(self, name), at_least=0)


def api_cost(
    price: ApiPrice,
    *,
    output_tokens_per_second: float,
    input_tokens_per_second: float = 0.0,
    requests_per_second: float = 0.0,
    cached_share: float = 0.0,
) -> Cost:
    """What the same traffic costs at a list price. Nothing is reserved, so both costs are equal.

    Args:
        price: The list price.
        output_tokens_per_second: Average over wall time, as the next two.
        input_tokens_per_second: Cached input included.
        requests_per_second: 0 where cost per request does not matter.
        cached_share: Share of input that hits the provider's cache, 0 to 1.

    Examples:
        >>> cost = api_cost(ApiPrice(input=0.5, output=2), output_tokens_per_second=1,
        ...                 input_tokens_per_second=3, requests_per_second=0.01)
        >>> cost.usd_per_request.reserved  # 100 tokens out and 300 in
        0.00035
    """
    _require("cached_share", cached_share, at_least=0, at_most=1)
    cached = price.input if price.cached is None else price.cached
    input_price = price.input * (1 - cached_share) + cached * cached_share
    usd_per_second = (input_price * input_tokens_per_second + price.output * output_tokens_per_second) / 1e6
    usd_per_hour = usd_per_second * _SECONDS_PER_HOUR

    def both(usd: float) -> Pair:
        return Pair(usd, usd)

    return Cost(
        usd_per_million_output_tokens=both(price.output),
        usd_per_million_input_tokens=both(input_price),
        usd_per_million_total_tokens=both(
            _per_million(usd_per_hour, input_tokens_per_second + output_tokens_per_second)
        ),
        usd_per_request=both(_per_million(usd_per_hour, requests_per_second) / 1e6),
        usd_per_month=both(usd_per_hour * HOURS_PER_MONTH),
        hourly=Hourly({"api": usd_per_hour}),
        utilisation=1.0,
        price="api",
        split="list",
    )


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy at three boundaries, each inside the next: the chips, all IT equipment, the meter."""

    chip: float
    it: float
    facility: float


def energy_per_token(terms: Terms, *, tokens_per_second: float, utilisation: float = 1.0) -> Energy:
    """Joules a token, idle power included.

    Args:
        terms: The fleet.
        tokens_per_second: Tokens a second while it works; infinite energy a token if it makes none.
        utilisation: Share of wall time in which it works, more than 0.

    Source:
        Average watts are idle + (busy - idle) x utilisation, linear in utilisation as in the event clock.
    """
    _require("utilisation", utilisation, above=0, at_most=1)
    _require("tokens_per_second", tokens_per_second, at_least=0)
    tokens_per_wall_second = tokens_per_second * utilisation
    if tokens_per_wall_second == 0:
        return Energy(math.inf, math.inf, math.inf)
    return Energy(
        terms.chip_watts(utilisation) / tokens_per_wall_second,
        terms.it_watts(utilisation) / tokens_per_wall_second,
        terms.facility_watts(utilisation) / tokens_per_wall_second,
    )


def _each(pair: Pair, of: Callable[[float], float]) -> Pair:
    return Pair(of(pair.used), of(pair.reserved))


def _per_million(usd_per_hour: float, per_second: float) -> float:
    return usd_per_hour * 1e6 / (per_second * _SECONDS_PER_HOUR) if per_second > 0 else math.inf


def _require(
    name: str,
    value: float,
    *,
    at_least: float = -math.inf,
    above: float = -math.inf,
    at_most: float = math.inf,
) -> None:
    """Refuses a number outside its range, and NaN and infinity always."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    if math.isfinite(value) and at_least <= value <= at_most and value > above:
        return
    allowed = f"more than {above:g}" if above > -math.inf else f"at least {at_least:g}"
    limit = f" and at most {at_most:g}" if at_most < math.inf else ""
    raise ValueError(f"{name} must be {allowed}{limit}, got {value!r}")
