"""The claims that come with the package, against the presets that come with it."""

import tomllib
from pathlib import Path

import pytest

import lpusim
from lpusim._audit import facts
from lpusim._audit.claim import FORMAT_BITS
from lpusim._cost import hourly_cost


@pytest.mark.parametrize(
    ("name", "verdict"),
    [("lpu-v3-node", "impossible"), ("lpu-512-cluster", "contradictory"), ("lpu-v4-price", "contradictory")],
)
def test_what_becomes_of_the_three_public_claims(name, verdict):
    audit = lpusim.audit(name)
    assert audit.verdict == verdict
    assert str(audit).startswith(f"{name}: {verdict}")
    assert audit.to_dict()["verdict"] == verdict


def test_a_plausible_claim_on_public_hardware_is_possible():
    claim = {
        "name": "mine",
        "model": "llama-3.1-70b",
        "chip": "groq-lpu-v1",
        "chips": 576,
        "tokens_per_second_per_user": 300,
    }
    assert lpusim.audit(claim).verdict == "possible"
    # 70.55 GB at 4.25 bits are 163 chips of 230.7 MB.
    assert lpusim.audit({**claim, "chips": 163}).finding("capacity").status == "depends"
    assert lpusim.audit({**claim, "chips": 162}).verdict == "impossible"


def test_sizes_without_a_preset_carry_their_sources():
    rows = tomllib.loads((Path(facts.__file__).parent / "models.toml").read_text())
    for name, row in rows.items():
        assert row["kind"] in ("dense", "moe"), name
        assert row["active_parameters"]["value"] <= row["total_parameters"]["value"], name
        for field in ("total_parameters", "active_parameters", "layers"):
            assert row[field].keys() == {"value", "unit", "status", "source"}, name
            assert row[field]["status"] in ("published", "derived"), name


@pytest.mark.parametrize("weights", FORMAT_BITS)
def test_bits_of_a_format_are_those_of_the_core(weights):
    model = lpusim.load_model("llama-2-70b")
    bits = 8 * model.load(weights=weights).weight_bytes / model.total_parameters
    # Embedding, head and norms, 0.8 % of this model, stay at 16 bits when matrices go below.
    assert FORMAT_BITS[weights] <= bits <= FORMAT_BITS[weights] + 0.01 * 16


def test_every_chip_has_a_price_range_that_holds_its_price():
    for chip in facts.public_facts().chips.values():
        low, middle, high = (
            hourly_cost(terms).total for terms in (chip.terms_cheapest, chip.terms, chip.terms_dearest)
        )
        assert low <= middle <= high, chip.name


def test_a_chip_or_claim_that_is_not_there_is_answered_with_its_nearest_name():
    with pytest.raises(ValueError, match="did you mean 'lp30'"):
        lpusim.audit({"name": "c", "chip": "LPU", "chip_readings": ["lp3"]})
    with pytest.raises(ValueError, match="did you mean 'lpu-v3-node'"):
        lpusim.audit({"name": "c", "consistent_with": ["lpu-v3-nod"]})
