import math
from dataclasses import dataclass, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpusim._cost import (
    ApiPrice,
    Terms,
    api_cost,
    capital_recovery_factor,
    energy_per_token,
    fleet_cost,
    hourly_cost,
)

TERMS = Terms(
    chip_count=8,
    idle_watts=100,
    busy_watts=300,
    it_watts_per_chip=200,
    pue=1.25,
    purchase_usd_per_chip=35_000,
    rental_usd_per_chip_hour=2.5,
    life_years=5,
    interest_rate=0.08,
    maintenance_per_year=0.0876,
    electricity_usd_per_kwh=0.1,
    colocation_usd_per_kw_month=73,
    margin=0.0,
)

amounts = st.floats(0, 1e6)
rates = st.floats(1e-3, 1e9)
shares = st.floats(1e-3, 1)
terms = st.builds(
    lambda idle, more, **other: Terms(idle_watts=idle, busy_watts=idle + more, **other),
    idle=st.floats(0, 1000),
    more=st.floats(0, 1000),
    chip_count=st.integers(1, 10_000),
    it_watts_per_chip=st.floats(0, 1000),
    pue=st.floats(1, 3),
    purchase_usd_per_chip=amounts,
    rental_usd_per_chip_hour=st.floats(0, 100),
    life_years=st.floats(0.5, 20),
    interest_rate=st.floats(0, 1),
    maintenance_per_year=st.floats(0, 1),
    electricity_usd_per_kwh=st.floats(0, 1),
    colocation_usd_per_kw_month=st.floats(0, 1000),
    margin=st.floats(0, 2),
)


def test_capital_of_35_000_dollars_at_8_percent_over_5_years_is_one_dollar_an_hour():
    # r (1+r)^n / ((1+r)^n - 1) = 0.08 x 1.46933 / 0.46933 = 0.250456; x 35,000 / 8,760 h.
    assert capital_recovery_factor(0.08, 5) == pytest.approx(0.250456, rel=1e-5)
    assert hourly_cost(replace(TERMS, chip_count=1)).components["capital"] == pytest.approx(1.0007, rel=1e-4)


def test_without_interest_capital_is_the_price_over_its_life_and_tiny_interest_does_not_jump():
    assert capital_recovery_factor(0, 4) == 0.25
    assert capital_recovery_factor(1e-12, 4) == pytest.approx(0.25, rel=1e-9)
    assert capital_recovery_factor(5e-324, 0.5) == 2.0


def test_every_component_of_the_owners_cost_by_hand():
    busy = hourly_cost(TERMS, utilisation=1.0).components
    assert busy["maintenance"] == pytest.approx(2.8)  # 280,000 x 0.0876 / 8,760.
    assert busy["electricity"] == pytest.approx(0.5)  # 8 x 500 W x 1.25 = 5 kW, at 0.1.
    assert busy["colocation"] == pytest.approx(0.4)  # 4 kW x 73 / 730 h.
    half = hourly_cost(TERMS, utilisation=0.5).components
    assert half["electricity"] == pytest.approx(0.4)  # 8 x (200 + 200) W x 1.25 = 4 kW.
    assert {**half, "electricity": 0} == {**busy, "electricity": 0}


def test_the_margin_is_a_share_of_all_the_rest():
    plain, sold = hourly_cost(TERMS), hourly_cost(replace(TERMS, margin=0.25))
    assert sold.total == pytest.approx(1.25 * plain.total)


def test_rent_replaces_every_other_component():
    assert hourly_cost(TERMS, price="rental").components == {"rental": 20.0}
    assert hourly_cost(TERMS, price=4.0, utilisation=0.1).components == {"rental": 32.0}


def test_a_rent_that_nobody_published_is_an_error():
    with pytest.raises(ValueError, match=r"no cost\.rental_usd_per_chip_hour"):
        hourly_cost(replace(TERMS, rental_usd_per_chip_hour=None), price="rental")
    with pytest.raises(ValueError, match="'owner', 'rental' or"):
        hourly_cost(TERMS, price="lease")


def test_costs_of_a_half_idle_fleet_by_hand():
    cost = fleet_cost(
        TERMS,
        output_tokens_per_second=1000,
        input_tokens_per_second=3000,
        requests_per_second=2,
        utilisation=0.5,
        price=2.25,  # 8 chips: $18 an hour.
    )
    assert cost.usd_per_million_output_tokens.used == pytest.approx(5.0)  # 18 / 3.6 M tokens.
    assert cost.usd_per_million_output_tokens.reserved == pytest.approx(10.0)
    assert cost.usd_per_million_input_tokens.used == pytest.approx(18 / 10.8)
    assert cost.usd_per_million_total_tokens.used == pytest.approx(1.25)
    assert cost.usd_per_request.used == pytest.approx(0.0025)  # 18 / 7,200 requests.
    assert cost.usd_per_month.reserved == pytest.approx(18 * 730)
    assert cost.usd_per_month.used == pytest.approx(9 * 730)


def test_deepseeks_published_day_comes_out_at_its_published_cost():
    """226.75 nodes of 8 H800 at $2: $87,072 a day for 168 B output and 608 B input tokens."""
    day = 86_400
    cost = fleet_cost(
        replace(TERMS, chip_count=1814),
        output_tokens_per_second=168e9 / day,
        input_tokens_per_second=608e9 / day,
        price=2.0,
    )
    assert cost.hourly.total * 24 == pytest.approx(87_072)
    assert cost.usd_per_million_output_tokens.reserved == pytest.approx(0.52, abs=0.005)
    assert cost.usd_per_million_total_tokens.reserved == pytest.approx(0.112, abs=0.0005)


def test_a_token_that_is_never_made_has_no_finite_price_and_json_says_null():
    cost = fleet_cost(TERMS, output_tokens_per_second=0, input_tokens_per_second=1000)
    assert cost.usd_per_million_output_tokens.used == math.inf
    assert cost.to_dict()["usd_per_million_output_tokens"] == {"used": None, "reserved": None}
    assert cost.to_dict()["usd_per_million_input_tokens"]["used"] is not None


def test_an_api_charges_by_list_price_and_less_for_cached_input():
    price = ApiPrice(input=1.0, output=4.0, cached=0.5)
    traffic = {"output_tokens_per_second": 100, "input_tokens_per_second": 400, "requests_per_second": 1}
    assert api_cost(price, **traffic).usd_per_request.used == pytest.approx(0.0008)
    half_cached = api_cost(price, **traffic, cached_share=0.5)
    assert half_cached.usd_per_request.used == pytest.approx(0.0007)
    assert half_cached.usd_per_million_total_tokens.reserved == pytest.approx(1.4)
    assert half_cached.usd_per_month.reserved == pytest.approx(0.0007 * 3600 * 730)


def test_energy_at_three_boundaries_by_hand():
    busy = energy_per_token(TERMS, tokens_per_second=1000)
    assert (busy.chip, busy.it, busy.facility) == pytest.approx((2.4, 4.0, 5.0))  # 8 x 300, 500, 625 W.
    half = energy_per_token(TERMS, tokens_per_second=1000, utilisation=0.5)
    assert (half.chip, half.it, half.facility) == pytest.approx((3.2, 6.4, 8.0))  # 8 x 200, 400, 500 W.
    assert energy_per_token(TERMS, tokens_per_second=0).chip == math.inf


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("chip_count", 0),
        ("pue", 0.99),
        ("life_years", 0),
        ("purchase_usd_per_chip", -1),
        ("busy_watts", 99),
        ("electricity_usd_per_kwh", math.nan),
        ("interest_rate", math.inf),
    ],
)
def test_terms_outside_their_range_are_refused_by_name(field, value):
    with pytest.raises(ValueError, match=field):
        replace(TERMS, **{field: value})


@pytest.mark.parametrize("utilisation", [0, -0.1, 1.01, math.nan])
def test_a_utilisation_outside_0_to_1_is_refused(utilisation):
    with pytest.raises(ValueError, match="utilisation"):
        fleet_cost(TERMS, output_tokens_per_second=1, utilisation=utilisation)


@dataclass
class Parameter:
    value: float


def test_terms_come_from_a_specs_parameters_by_dotted_name():
    power = ("idle_watts", "busy_watts", "it_watts_per_chip", "pue")
    spec = {
        f"{'power' if field.name in power else 'cost'}.{field.name}": Parameter(getattr(TERMS, field.name))
        for field in fields(Terms)
        if field.name != "chip_count"
    }
    assert Terms.from_parameters(8, spec) == TERMS
    del spec["power.pue"]
    with pytest.raises(ValueError, match=r"power\.pue"):
        Terms.from_parameters(8, spec)


@given(terms, rates, shares)
def test_reserved_is_never_less_than_used_and_equal_when_always_busy(fleet, rate, utilisation):
    idle = fleet_cost(fleet, output_tokens_per_second=rate, utilisation=utilisation)
    price = idle.usd_per_million_output_tokens
    assert price.reserved >= price.used * (1 - 1e-12)
    busy = fleet_cost(fleet, output_tokens_per_second=rate).usd_per_million_output_tokens
    assert busy.reserved == busy.used == price.used


@given(terms, rates, shares, shares)
def test_a_busier_fleet_makes_no_token_dearer(fleet, rate, one, other):
    low, high = sorted((one, other))
    dear = fleet_cost(fleet, output_tokens_per_second=rate, utilisation=low)
    cheap = fleet_cost(fleet, output_tokens_per_second=rate, utilisation=high)
    assert cheap.usd_per_million_output_tokens.reserved <= dear.usd_per_million_output_tokens.reserved * (
        1 + 1e-12
    )
    assert cheap.usd_per_month.reserved >= dear.usd_per_month.reserved * (1 - 1e-12)


@given(
    terms,
    rates,
    st.sampled_from(
        [
            "purchase_usd_per_chip",
            "interest_rate",
            "maintenance_per_year",
            "electricity_usd_per_kwh",
            "colocation_usd_per_kw_month",
            "margin",
            "pue",
        ]
    ),
    st.floats(0, 10),
)
def test_nothing_that_costs_more_makes_a_token_cheaper(fleet, rate, field, more):
    dearer = replace(fleet, **{field: getattr(fleet, field) + more})
    before = fleet_cost(fleet, output_tokens_per_second=rate).usd_per_million_output_tokens.reserved
    after = fleet_cost(dearer, output_tokens_per_second=rate).usd_per_million_output_tokens.reserved
    assert after >= before * (1 - 1e-9)


@given(terms, rates, rates, rates, st.floats(0, 1), shares)
def test_busy_split_prices_add_up_to_the_bill(fleet, output, prompt, requests, prefill, utilisation):
    cost = fleet_cost(
        fleet,
        output_tokens_per_second=output,
        input_tokens_per_second=prompt,
        requests_per_second=requests,
        utilisation=utilisation,
        prefill_busy_share=prefill,
    )
    for kind in ("used", "reserved"):
        usd_per_second = (
            getattr(cost.usd_per_million_input_tokens, kind) * prompt
            + getattr(cost.usd_per_million_output_tokens, kind) * output
        ) / 1e6
        assert usd_per_second == pytest.approx(getattr(cost.usd_per_request, kind) * requests, rel=1e-9)


@given(terms, rates, shares)
def test_each_energy_boundary_holds_the_one_inside_it(fleet, rate, utilisation):
    energy = energy_per_token(fleet, tokens_per_second=rate, utilisation=utilisation)
    assert energy.chip <= energy.it <= energy.facility


@given(terms, rates, shares, st.integers(2, 9))
def test_twice_the_chips_at_twice_the_rate_cost_the_same_a_token(fleet, rate, utilisation, factor):
    bigger = replace(fleet, chip_count=fleet.chip_count * factor)
    one = fleet_cost(fleet, output_tokens_per_second=rate, utilisation=utilisation)
    many = fleet_cost(bigger, output_tokens_per_second=rate * factor, utilisation=utilisation)
    assert many.usd_per_million_output_tokens.reserved == pytest.approx(
        one.usd_per_million_output_tokens.reserved, rel=1e-9
    )
