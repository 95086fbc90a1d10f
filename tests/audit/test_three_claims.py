"""The three public claims, in numbers worked out by hand for them, and each field that turns a finding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

NODE = {
    "model": {"name": "deepseek-v3", "total_parameters": 1.45e12, "active_parameters": 236e9, "kind": "moe"},
    "chip": "LPU v3",
    "chip_readings": ["groq-lpu-v1", "lp30"],
    "nodes": 1,
    "chips_per_node_readings": [8, 256],
    "tokens_per_second_per_user": 850,
}
CLUSTER = {
    "model": {"name": "llama-4-405b", "total_parameters": 405e9, "kind": "dense"},
    "chip": "LPU",
    "chip_readings": ["groq-lpu-v1", "lp30"],
    "nodes": 512,
    "chips_per_node_readings": [1, 8],
    "tokens_per_second_per_user": 500,
    "input_tokens": 1024,
    "output_tokens": 4096,
    "usd_per_thousand_tokens": 0.0008,
    "price_ratios": [{"to": "an H100 cluster", "chip": "h100", "factor": 0.4}],
}
PRICE = {
    "name": "price",
    "model": {"total_parameters": 70e9, "kind": "dense"},
    "chip": "LPU v4",
    "chip_readings": ["groq-lpu-v1", "lp30"],
    "tokens_per_usd": 1000,
    "utilisation": 0.5,
    "price_ratios": [{"to": "LPU v3", "factor": 1 / 3}],
}


def reading(audit, chip, weights, numbers, chips=None):
    return next(
        r
        for r in audit.readings
        if (r.chip.name, r.weights, r.numbers) == (chip, weights, numbers) and chips in (None, r.chips)
    )


def without(fields, *names):
    return {key: value for key, value in fields.items() if key not in names}


def test_a_single_node_cannot_hold_deepseek_v3_under_any_reading(check):
    audit = check(NODE)
    assert audit.verdict == "impossible"
    assert audit.finding("capacity").status == "fails"
    # The roomiest reading: 356 GB at 4.25 bits over a rack of 128 GB.
    assert audit.finding("capacity").bound == pytest.approx(356.5e9, rel=1e-3)
    assert audit.finding("capacity").claimed == pytest.approx(128e9)
    assert audit.required["chips"] == 713
    assert audit.required["nodes"] == 3


@pytest.mark.parametrize(
    ("chip", "weights", "numbers", "chips"),
    [
        ("lp30", "fp8", "public", 1342),
        ("lp30", "fp4", "public", 713),
        ("lp30", "fp8", "claimed", 2900),
        ("groq-lpu-v1", "fp8", "public", 2918),
        ("groq-lpu-v1", "fp4", "public", 1550),
        ("groq-lpu-v1", "fp8", "claimed", 6305),
    ],
)
def test_chips_for_the_weights_alone(check, chip, weights, numbers, chips):
    assert reading(check(NODE), chip, weights, numbers).chips_for_weights == chips


def test_deepseek_v3_is_not_what_the_claim_says_it_is(check):
    audit = check(NODE)
    total, active = audit.finding("total parameters"), audit.finding("active parameters")
    assert (total.status, total.claimed, total.bound) == ("contradicts", 1.45e12, 671.0e9)
    assert "no model known here" in total.reason
    assert active.status == "contradicts"
    assert "total of deepseek-v2" in active.reason


def test_the_right_parameters_turn_the_model_findings_and_the_right_nodes_turn_capacity(check):
    model = {"name": "deepseek-v3", "total_parameters": 671e9, "active_parameters": 37.6e9, "kind": "moe"}
    assert check({**NODE, "model": model}).finding("total parameters").status == "holds"
    assert check({**NODE, "model": model}).verdict == "impossible"
    # 2 racks of 256 are 199 chips short of 713, 3 racks are enough at 4.25 bits.
    assert check({**NODE, "model": model, "nodes": 2}).finding("capacity").status == "fails"
    enough = check({**NODE, "model": model, "nodes": 3})
    assert enough.finding("capacity").status == "depends"
    assert enough.verdict == "unverifiable"  # What "LPU v3" is, nobody has published.
    named = check({**without(NODE, "chip_readings"), "model": model, "chip": "lp30", "chips": 1536})
    assert named.verdict == "possible"


def test_850_tokens_a_second_leave_19_microseconds_a_layer(check):
    latency = check({**NODE, "chip": "lp30", "chips": 1536}).finding("latency")
    assert latency.claimed == pytest.approx(19.3e-6, rel=2e-3)
    assert latency.status == "holds"
    assert "pays for 55 hops of 350 ns" in latency.reason
    assert check({**NODE, "tokens_per_step": 1.8}).finding("latency").claimed == pytest.approx(
        34.7e-6, rel=2e-3
    )


def test_a_speed_beyond_the_hops_is_impossible_and_speculation_relaxes_it(check):
    # 61 layers, a hop each at least: 61 x 350 ns = 21.35 us a token, so 46,838/s before any byte is read.
    fast = {**NODE, "chip": "lp30", "chips": 1536, "model": "deepseek-v3", "weights": ["fp8"]}
    del fast["nodes"]
    assert check({**fast, "tokens_per_second_per_user": 46_000}).finding("latency").status == "holds"
    slow = check({**fast, "tokens_per_second_per_user": 47_000})
    assert slow.finding("latency").status == "fails"
    assert slow.verdict == "impossible"
    assert slow.required["tokens_per_second_per_user_at_most"] == pytest.approx(46_500, rel=0.01)
    sped_up = check({**fast, "tokens_per_second_per_user": 47_000, "tokens_per_step": 1.8})
    assert sped_up.finding("latency").status == "holds"


def test_bandwidth_at_850_tokens_a_second(check):
    finding = check({**NODE, "weights": ["fp8"], "model": "deepseek-v3"}).finding("bandwidth")
    assert finding.claimed == pytest.approx(31.96e12, rel=1e-3)
    claimed_only = check({**NODE, "weights": ["fp8"]})
    most = reading(claimed_only, "lp30", "fp8", "claimed").active_bytes * 850
    assert most == pytest.approx(200.6e12)


def test_there_is_no_dense_llama_4_of_405b(check):
    finding = check(CLUSTER).finding("model")
    assert finding.status == "contradicts"
    assert "llama-4-scout (moe, 108B/17B)" in finding.reason
    assert "none is dense" in finding.reason
    assert "checked as llama-3.1-405b" in finding.reason
    assert check(CLUSTER).verdict == "contradictory"


def test_512_nodes_hold_405b_if_a_node_is_a_chassis_of_8(check):
    audit = check(CLUSTER)
    assert audit.finding("capacity").status == "depends"
    fits = {(r.chip.name, r.chips, r.weights): r.fits for r in audit.readings if r.numbers == "public"}
    assert fits == {
        ("groq-lpu-v1", 512, "fp8"): False,
        ("groq-lpu-v1", 512, "fp4"): False,
        ("groq-lpu-v1", 4096, "fp8"): True,
        ("groq-lpu-v1", 4096, "fp4"): True,
        ("lp30", 512, "fp8"): False,
        ("lp30", 512, "fp4"): True,
        ("lp30", 4096, "fp8"): True,
        ("lp30", 4096, "fp4"): True,
    }
    assert check({**CLUSTER, "chips_per_node": 1, "weights": ["fp8"]}).finding("capacity").status == "fails"
    assert check({**CLUSTER, "chips_per_node": 8}).finding("capacity").status == "holds"


@pytest.mark.parametrize(
    ("chip", "streams", "revenue", "electricity", "budget"),
    [("groq-lpu-v1", 405, 583.2, 94.4, 6236), ("lp30", 1242, 1788.5, 118.0, 19_125)],
)
def test_what_4096_chips_can_earn_at_80_cents_a_million(
    check, public, chip, streams, revenue, electricity, budget
):
    from lpusim._audit.case import make_case
    from lpusim._audit.claim import parse_claim
    from lpusim._audit.ledger import ledgers

    fields = {**CLUSTER, "name": "c", "chip": chip, "chips_per_node": 8, "weights": ["fp8"]}
    (row,) = ledgers(make_case(parse_claim(fields, where="c"), public))
    assert row.streams == streams
    assert row.revenue_usd_per_hour == pytest.approx(revenue, rel=1e-3)
    assert row.electricity_usd_per_hour == pytest.approx(electricity, rel=1e-3)
    assert row.budget_usd_per_chip == pytest.approx(budget, rel=1e-3)


def test_first_generation_chips_at_list_price_cost_3_2_times_what_they_can_earn(check):
    finding = check({**CLUSTER, "chip": "groq-lpu-v1", "chips_per_node": 8, "weights": ["fp8"]}).finding(
        "price covers cost"
    )
    assert finding.status == "doubtful"
    # 4,096 x $20,000 over 5 years are $1,870 an hour; electricity comes on top.
    assert (finding.bound - 94.4) / finding.claimed == pytest.approx(3.2, abs=0.02)


def test_a_price_below_the_electricity_is_impossible(check):
    fields = {
        **CLUSTER,
        "model": "llama-3.1-405b",
        "chip": "groq-lpu-v1",
        "chips_per_node": 8,
        "weights": ["fp8"],
    }
    cheap = without(fields, "usd_per_thousand_tokens")
    # Break-even of electricity alone: $94.4 an hour over 202,500 tokens a second are 12.9 cents a million.
    assert check({**cheap, "usd_per_million_tokens": 0.128}).verdict == "impossible"
    assert check({**cheap, "usd_per_million_tokens": 0.131}).finding("price covers cost").status == "doubtful"
    assert check({**cheap, "usd_per_million_tokens": 4.0}).finding("price covers cost").status == "holds"


def test_60_percent_below_h100_implies_2_dollars_and_a_plausible_node(check):
    finding = check(CLUSTER).finding("price against an H100 cluster")
    assert finding.status == "holds"
    assert "implies $2.00 per million" in finding.reason
    assert 8 * finding.claimed == pytest.approx(2222, rel=1e-3)  # 8 x $2.00/h over $2.00 per million.
    hopeless = {**CLUSTER, "price_ratios": [{"to": "an H100 cluster", "chip": "h100", "factor": 4.0}]}
    # $0.20 per million would take 2,778 tokens/s of each H100; 1,979 TFLOP/s allow 2,438.
    assert check(hopeless).finding("price against an H100 cluster").status == "fails"


def test_1000_tokens_per_dollar_are_1000_dollars_a_million_and_buy_45_kilojoules_a_token(check):
    audit = check(PRICE)
    prices = audit.finding("list prices")
    assert (prices.status, prices.claimed) == ("doubtful", 1000.0)
    assert "would make it $1.00" in prices.reason
    energy = audit.finding("energy")
    assert energy.claimed == pytest.approx(45_000)
    assert energy.status == "doubtful"
    assert audit.verdict == "unverifiable"


def test_three_times_cheaper_implies_a_predecessor_at_3000_dollars_a_million(check):
    finding = check(PRICE).finding("price against LPU v3")
    assert finding.status == "unknown"
    assert finding.claimed == pytest.approx(3000)


def test_a_predecessor_that_states_its_own_price_is_held_against_it(check):
    before = {"name": "v3", "chip": "LPU v3", "chip_readings": ["lp30"], "usd_per_million_tokens": 3000}
    assert check(PRICE, before).finding("price against LPU v3").status == "holds"
    before["usd_per_million_tokens"] = 2000
    assert check(PRICE, before).finding("price against LPU v3").status == "contradicts"


def test_utilisation_of_what_has_to_be_said(check):
    assert check(PRICE).finding("utilisation").status == "unknown"
    said = check({**PRICE, "utilisation_of": "wall-time"})
    assert all(finding.name != "utilisation" for finding in said.findings)


def test_a_70b_model_is_not_1250_times_dearer_than_a_405b_model(check):
    audit = check(PRICE, {**CLUSTER, "name": "cluster"})
    finding = audit.finding("price beside cluster")
    assert finding.status == "contradicts"
    assert "1,250 times the price, 7,185 times per parameter" in finding.reason
    assert audit.verdict == "contradictory"
    million = {**PRICE, "tokens_per_usd": 1_000_000}
    assert (
        check(million, {**CLUSTER, "name": "cluster"}).finding("price beside cluster").status == "contradicts"
    )
    cheap = {**PRICE, "tokens_per_usd": 7_000_000}  # $0.14 a million: 0.8 / 5.75.
    assert check(cheap, {**CLUSTER, "name": "cluster"}).finding("price beside cluster").status == "holds"


def test_two_speeds_from_one_formula_are_noticed(check):
    finding = check(NODE, {**CLUSTER, "name": "cluster"}).finding("speed beside cluster")
    assert finding.status == "doubtful"
    assert finding.claimed == pytest.approx(200.6e12)
    assert finding.bound == pytest.approx(202.5e12)
    other = {**CLUSTER, "name": "cluster", "tokens_per_second_per_user": 400}
    assert all(f.name != "speed beside cluster" for f in check(NODE, other).findings)


def test_prices_stated_twice_must_agree(check):
    both = {**CLUSTER, "usd_per_million_tokens": 0.8}
    assert all(finding.name != "stated prices" for finding in check(both).findings)
    assert check({**both, "tokens_per_usd": 1000}).finding("stated prices").status == "contradicts"


def test_a_claim_that_says_nothing_cannot_be_checked(check):
    audit = check({})
    assert audit.verdict == "unverifiable"
    assert [finding.status for finding in audit.findings] == ["unknown"]


def test_one_chip_too_few_is_too_few(check):
    # 671 GB x 4.25 / 8 = 356.5 GB: 712.9 chips of 500 MB.
    fits = {"chip": "lp30", "chips": 713, "model": "deepseek-v3", "weights": ["fp4"]}
    assert check(fits).verdict == "possible"
    assert check({**fits, "chips": 712}).verdict == "impossible"


def test_bounds_that_are_met_only_by_different_machines_are_not_met(check):
    """Ten H100 hold 671 GB but read 33.5 TB/s; ten LP30 read 1,500 TB/s but hold 5 GB. It needs both."""
    either = {
        "chip": "X",
        "chip_readings": ["h100", "lp30"],
        "chips": 10,
        "model": "deepseek-v3",
        "weights": ["fp8"],
    }
    fast = check({**either, "tokens_per_second_per_user": 900})
    assert {fast.finding(name).status for name in ("capacity", "bandwidth")} == {"depends"}
    assert fast.finding("together").status == "fails"
    assert fast.verdict == "impossible"
    slow = check({**either, "tokens_per_second_per_user": 890})  # 890 x 37.6 GB = 33.46 TB/s.
    assert all(finding.name != "together" for finding in slow.findings)


RANK = ["fails", "doubtful", "depends", "holds"]


@given(st.integers(1, 5000), st.integers(0, 5000))
def test_more_nodes_never_make_a_model_fit_worse(check, nodes, more):
    few = check({**NODE, "nodes": nodes}).finding("capacity").status
    many = check({**NODE, "nodes": nodes + more}).finding("capacity").status
    assert RANK.index(many) >= RANK.index(few)


@given(st.floats(1e-3, 1e3), st.floats(1, 1e3))
def test_a_higher_price_never_covers_its_cost_worse(check, price, factor):
    fields = without(CLUSTER, "usd_per_thousand_tokens")
    low = check({**fields, "usd_per_million_tokens": price}).finding("price covers cost").status
    high = check({**fields, "usd_per_million_tokens": price * factor}).finding("price covers cost").status
    assert RANK.index(high) >= RANK.index(low)


@given(st.floats(1, 1e6), st.floats(1, 100))
def test_a_faster_claim_is_never_easier(check, rate, factor):
    fields = {"chip": "lp30", "chips": 1536, "model": "deepseek-v3"}
    slow = check({**fields, "tokens_per_second_per_user": rate})
    fast = check({**fields, "tokens_per_second_per_user": rate * factor})
    for name in ("bandwidth", "compute", "latency"):
        assert RANK.index(fast.finding(name).status) <= RANK.index(slow.finding(name).status)
