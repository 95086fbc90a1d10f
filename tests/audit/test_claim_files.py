"""What may stand in a claim's file, and what is said when something else does."""

import pytest

from lpusim._audit.claim import Claim, load_claim, parse_claim
from lpusim._presets import presets


@pytest.mark.parametrize("name", presets()["claims"])
def test_every_claim_preset_is_read_and_quotes_its_statement(name):
    claim = load_claim(name)
    assert claim.name == name
    assert claim.statement
    assert "claimed" in claim.source


def test_five_lines_are_a_claim(tmp_path):
    path = tmp_path / "claim.toml"
    path.write_text(
        """name = "mine"
model = "llama-3.1-70b"
chip = "lp30"
chips = 256
tokens_per_second_per_user = 500
"""
    )
    claim = load_claim(path)
    assert (claim.name, claim.chips, claim.claimed_model.name) == ("mine", 256, "llama-3.1-70b")
    assert load_claim(claim) == claim


def test_the_three_ways_to_state_a_price_are_one_price():
    for fields in (
        {"usd_per_million_tokens": 0.8},
        {"usd_per_thousand_tokens": 0.0008},
        {"tokens_per_usd": 1_250_000},
    ):
        assert parse_claim({"name": "c", **fields}, where="c").price == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"chps": 8}, "unknown field 'chps'; did you mean 'chips'"),
        ({"chips": 0}, "chips must be more than 0"),
        ({"chips": 1.5}, r"Expected `int \| null`, got `float` - at `\$.chips`"),
        ({"tokens_per_second_per_user": float("nan")}, "tokens_per_second_per_user must be more than 0"),
        ({"utilisation": 50}, "utilisation is a share, at most 1, got 50"),
        ({"utilisation_of": "time"}, r"Invalid enum value 'time' - at `\$.utilisation_of`"),
        ({"weights": ["fp9"]}, "unknown number format 'fp9'; did you mean"),
        ({"weights": []}, "weights must not be empty"),
        ({"model": {"total": 1}}, r"unknown field `total` - at `\$.model`"),
        ({"model": {"total_parameters": -1}}, "model.total_parameters must be more than 0"),
        ({"price_ratios": [{"to": "x", "factor": 0}]}, r"price_ratios\[0\].factor must be more than 0"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(fields, message):
    with pytest.raises(ValueError, match=message):
        parse_claim({"name": "c", **fields}, where="c")


def test_a_claim_without_a_name_and_a_name_without_a_claim():
    with pytest.raises(ValueError, match="name"):
        parse_claim({"chips": 1}, where="c")
    with pytest.raises(ValueError, match="did you mean 'lpu-v3-node'"):
        load_claim("lpu-v3-nod")


def test_a_claim_made_in_code_is_checked_like_a_file():
    with pytest.raises(ValueError, match="chips must be more than 0"):
        load_claim(Claim(name="c", chips=-1))
