"""Public facts as the tests know them: few and round, so that an update of a preset breaks nothing."""

import pytest

from lpusim._audit.facts import ChipFacts, ListPrice, ModelFacts, Public
from lpusim._cost import Terms


def terms(watts, purchase, rental=None):
    """Energy and purchase only, over 5 years without interest, at $0.08/kWh and PUE 1.2."""
    return Terms(
        chip_count=1,
        idle_watts=watts,
        busy_watts=watts,
        it_watts_per_chip=0,
        pue=1.2,
        purchase_usd_per_chip=purchase,
        rental_usd_per_chip_hour=rental,
        life_years=5,
        interest_rate=0,
        maintenance_per_year=0,
        electricity_usd_per_kwh=0.08,
        colocation_usd_per_kw_month=0,
    )


def chip(name, kind, memory, bandwidth, operations, hop_s, watts, purchase, rental=(None, None, None)):
    cheap, middle, dear = purchase
    return ChipFacts(
        name=name,
        kind=kind,
        memory_bytes=memory,
        bytes_per_s=bandwidth,
        operations_per_s=operations,
        hop_s=hop_s,
        terms=terms(watts, middle, rental[1]),
        terms_cheapest=terms(watts, cheap, rental[0]),
        terms_dearest=terms(watts, dear, rental[2]),
    )


MODELS = [
    ModelFacts("deepseek-v3", 671.0e9, 37.6e9, 61, False, 61 * 576),
    ModelFacts("deepseek-v2", 235.7e9, 21.4e9, 60, False, 60 * 576),
    ModelFacts("llama-3.1-405b", 405.8e9, 405.8e9, 126, True, 258_048),
    ModelFacts("llama-3.1-70b", 70.6e9, 70.6e9, 80, True, 163_840),
    ModelFacts("llama-4-scout", 107.8e9, 17.2e9, 48, False, 98_304),
    ModelFacts("llama-4-maverick", 400.7e9, 17.2e9, 48, False, 98_304),
]
CHIPS = [
    chip("groq-lpu-v1", "lpu", 230e6, 18.4e12, 737e12, 300e-9, 240, (10_000, 20_000, 25_000)),
    chip("lp30", "lpu", 500e6, 150e12, 1200e12, 350e-9, 300, (5_000, 20_000, 40_000)),
    chip("h100", "gpu", 80e9, 3.35e12, 1979e12, None, 700, (41_000, 45_000, 50_000), (2.0, 2.5, 3.0)),
]


@pytest.fixture(scope="session")
def public():
    return Public(
        models={model.name: model for model in MODELS},
        chips={each.name: each for each in CHIPS},
        list_prices=(ListPrice("somebody", "llama-3.3-70b", 0.79), ListPrice("another", "deepseek-v3", 1.10)),
    )


@pytest.fixture(scope="session")
def check(public):
    """Audits a claim given as fields, or a list of them that must agree, against these facts."""
    from lpusim._audit import audit_case
    from lpusim._audit.case import make_case
    from lpusim._audit.claim import parse_claim

    def run(fields, *others):
        cases = [
            make_case(parse_claim({"name": "test", **f}, where="test"), public) for f in (fields, *others)
        ]
        return audit_case(cases[0], cases[1:])

    return run
