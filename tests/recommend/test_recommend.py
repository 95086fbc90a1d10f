"""`recommend`: the smallest fleet of each kind, its bill, and what it says when there is none."""

import math
import re

import numpy as np
import pytest

import lpusim
from lpusim._recommend import _Search

SLO = lpusim.Slo(ttft_s=1.0, tpot_s=0.03)


@pytest.fixture(scope="module")
def trace():
    return lpusim.generate_trace(60, requests_per_s=4.0, seed=3)


@pytest.fixture(scope="module")
def answer(trace):
    return lpusim.recommend("llama-3.1-8b", ["groq-lpu-v1", "h100", "api:groq"], trace, slo=SLO)


def test_every_candidate_has_a_fleet_that_meets_the_limits(answer):
    assert [fleet.candidate for fleet in answer.fleets] == ["groq-lpu-v1", "h100", "api:groq"]
    for fleet in answer.fleets:
        assert fleet.meets_slo, fleet.short
        assert fleet.result.meets_slo(SLO)
        assert fleet.values["ttft_p99_s"] <= 1.0
    assert answer.best is min(answer.fleets, key=lambda f: f.values["usd_per_month"])


def test_one_stage_less_would_not_do(answer, trace):
    fleet = answer.fleets[0]
    assert fleet.pool.replicas == 1
    search = _Search(
        lpusim.load_model("llama-3.1-8b"),
        "groq-lpu-v1",
        lpusim.load_system("groq-lpu-v1-1"),
        trace,
        SLO,
        None,
        None,
        "owner",
    )
    tensor_chips, stages = fleet.plan.tensor_chips, fleet.plan.stage_count
    shorter = search._lpu_pool(tensor_chips, stages - 1, 1)
    try:
        met = lpusim.serve([shorter], trace, slo=SLO).meets_slo()
    except lpusim.CapacityError:
        met = False
    assert not met


def test_bounds_contain_the_values_and_the_chips_grow_where_memory_shrinks(answer):
    for fleet in answer.fleets[:2]:
        for name, value in fleet.values.items():
            low, high = fleet.bounds[name]
            assert low <= value <= high, name
        assert math.isfinite(fleet.bounds["usd_per_month"].high)


def test_the_bill_of_the_fleet_is_the_bill_of_its_run(answer):
    fleet = answer.fleets[1]
    months = fleet.result.duration_s / 3600 / 730
    assert fleet.cost.usd_per_month.reserved * months == pytest.approx(fleet.result.bills[0].reserved_usd)
    done = int(fleet.result.requests.output_tokens.sum())
    assert fleet.values["usd_per_million_output_tokens_reserved"] * done / 1e6 == pytest.approx(
        fleet.result.bills[0].reserved_usd
    )
    assert fleet.cost.usd_per_month.used <= fleet.cost.usd_per_month.reserved


def test_a_run_has_a_cost_and_joules_over_pools_of_different_kinds(trace):
    model = lpusim.load_model("llama-3.1-8b")
    pools = [
        lpusim.Pool(model, lpusim.load_system("h100-1"), name="gpu"),
        lpusim.Pool(model, lpusim.load_system("groq-lpu-v1-72"), name="lpu"),
    ]
    result = lpusim.serve(pools, trace, slo=SLO)
    assert set(result.requests.pool.tolist()) == {"gpu", "lpu"}
    parts = sum(bill.reserved_usd for bill in result.bills)
    months = result.duration_s / 3600 / 730
    assert result.cost.usd_per_month.reserved == pytest.approx(parts / months)
    assert result.joules_per_token == result.energy.facility > result.energy.it > result.energy.chip > 0
    api = lpusim.Pool(model, lpusim.load_system("api:groq"), name="api")
    assert math.isnan(lpusim.serve([api], trace).joules_per_token)


def test_a_run_over_several_pools_has_bounds_that_name_the_pool(trace):
    model = lpusim.load_model("llama-3.1-8b")
    pools = [
        lpusim.Pool(model, lpusim.load_system("h100-1"), name="gpu"),
        lpusim.Pool(model, lpusim.load_system("groq-lpu-v1-72"), name="lpu"),
    ]
    result = lpusim.serve(pools, trace, slo=SLO)
    for name, value in result.values.items():
        low, high = result.bounds[name]
        assert low <= value <= high, name
    assert result.bounds["usd_per_month"].widened_by.startswith(("gpu: cost.", "lpu: cost."))
    assert {a.name.partition(": ")[0] for a in result.assumptions} == {"gpu", "lpu"}


def test_limits_nobody_can_meet_come_back_with_the_reason(trace):
    impossible = lpusim.Slo(ttft_s=1e-6)
    answer = lpusim.recommend("llama-3.1-8b", ["h100"], trace, slo=impossible)
    (fleet,) = answer.fleets
    assert not fleet.meets_slo
    assert "p99 TTFT" in fleet.short
    assert answer.best is None


def test_where_more_groups_do_not_help_the_reason_says_how_many_were_tried(trace):
    slo = lpusim.Slo(ttft_s=1e-6)
    fleet = lpusim.recommend("llama-3.1-8b", ["h100"], trace, slo=slo).fleets[0]
    assert fleet.chip_count == 32  # One of the largest groups, as far as values go.
    assert re.fullmatch(
        r"SLO missed: p99 TTFT .* against 1e-06 s; with 512 such groups: SLO missed: p99 TTFT .*", fleet.short
    )


def test_a_model_no_machine_of_that_kind_holds_says_what_is_short(trace):
    # 1,026 B parameters at four bytes in 32 GPUs of 96 GB, the largest group that is tried.
    (fleet,) = lpusim.recommend("kimi-k2", ["rtx-pro-6000"], trace, slo=SLO, weights="fp32").fleets
    assert fleet.pool is None
    assert fleet.chip_count == 0
    assert fleet.short


def test_wrong_candidates_and_empty_traces_are_refused(trace):
    with pytest.raises(ValueError, match="h100"):
        lpusim.recommend("llama-3.1-8b", ["h10"], trace, slo=SLO)
    with pytest.raises(TypeError, match="must be a list"):
        lpusim.recommend("llama-3.1-8b", "h100", trace, slo=SLO)


def test_an_api_that_does_not_list_the_model_is_no_fleet(trace):
    (fleet,) = lpusim.recommend("smollm2-135m", ["api:groq"], trace, slo=SLO).fleets
    assert fleet.pool is None
    assert "smollm2-135m" in fleet.short


def test_the_answer_is_the_same_bytes_twice(answer, trace):
    again = lpusim.recommend("llama-3.1-8b", ["groq-lpu-v1", "h100", "api:groq"], trace, slo=SLO)
    assert again.to_dict() == answer.to_dict()
    for mine, theirs in zip(answer.fleets, again.fleets, strict=True):
        assert np.array_equal(mine.result.requests.finish_ps, theirs.result.requests.finish_ps)
