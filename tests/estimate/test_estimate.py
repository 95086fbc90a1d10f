"""`estimate`: what the whole path from config.json to tokens per second promises."""

import copy
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lpusim
from lpusim._machine import lpu_plan

MODEL = "llama-3.1-8b"
LPU = "groq-lpu-v1-72"


@pytest.fixture(scope="module")
def point():
    return lpusim.estimate(MODEL, LPU, batch=4, input_tokens=500, output_tokens=300)


def test_a_step_is_the_sum_of_its_parts(point):
    assert math.isclose(sum(point.breakdown.values()), point.step_time_s, rel_tol=1e-12)
    assert point.step_cycles == round(point.step_time_s * 900_000_000)


def test_speed_per_user_and_of_all_users_agree(point):
    assert math.isclose(point.tokens_per_second, 4 * point.tokens_per_second_per_user)
    assert math.isclose(point.tokens_per_second_per_user * point.time_per_output_token_s, 1.0)


@pytest.mark.parametrize("system", [LPU, "h100-2", "api:groq"])
def test_bounds_contain_the_point_and_name_what_widens_them(system):
    point = lpusim.estimate(MODEL, system, batch=2)
    for name, bound in point.bounds.items():
        home = point if hasattr(point, name) else point.cost
        value = getattr(home, name)
        value = getattr(value, "reserved", value)
        if math.isnan(value):
            assert system.startswith("api:")
            continue
        low, high = bound
        assert low <= value <= high, name
        assert (low < high) == bool(bound.widened_by)
        assert not bound.widened_by or bound.widened_by in {a.name for a in point.assumptions}


def test_an_assumption_without_a_range_moves_nothing():
    fixed = {a.name: a.value for a in lpusim.estimate(MODEL, LPU).assumptions}
    integers = {n: int(v) for n, v in fixed.items() if isinstance(lpusim.load_system(LPU).chip.value(n), int)}
    system = lpusim.load_system(LPU).with_values(fixed | integers)
    for bound in lpusim.estimate(MODEL, system).bounds.values():
        assert bound.low == bound.high


def test_cycles_are_not_told_where_the_clock_is_an_assumption():
    assert lpusim.estimate("llama-3.1-8b", "lp30-64").step_cycles is None


def test_shifting_the_clock_scales_what_runs_on_it_and_not_the_wire():
    system = lpusim.load_system(LPU)
    fast = system.with_values({"chip.clock_hz": 1_800_000_000})
    partition = (8, 6)
    arguments = {"weights": "int8", "kv": "fp16", "partition": partition, "context": 1024}
    slow_step = lpu_plan(lpusim.load_model(MODEL), system, **arguments).core.step_cycles(1, 1024)[2]
    fast_step = lpu_plan(lpusim.load_model(MODEL), fast, **arguments).core.step_cycles(1, 1024)[2]
    for name in ("matmul", "attention", "vector"):
        assert fast_step[name] == slow_step[name]
    # Hops are picoseconds: twice the cycles at twice the clock.
    assert fast_step["hop"] == pytest.approx(2 * slow_step["hop"], rel=0.01)


def test_a_table_agrees_with_single_points():
    plan = lpusim.estimate(MODEL, LPU, input_tokens=64, output_tokens=1).plan
    table = plan.table(batch=[1, 3, 64], context=[0, 100, 5000])
    assert table["batch"].tolist() == [1, 1, 1, 3, 3, 3, 64, 64, 64]
    for row in range(9):
        batch, context = int(table["batch"][row]), int(table["context_tokens"][row])
        latency, occupancy = (int(c[0]) for c in plan.core.decode_table(np.array([context])))
        token_ps = max(latency, batch * occupancy)
        assert table["tokens_per_second"][row] == pytest.approx(batch / (token_ps * 1e-12), rel=1e-12)


def test_a_table_says_where_the_cache_of_all_users_still_fits():
    for system in (LPU, "h100-1"):
        plan = lpusim.estimate(MODEL, system, input_tokens=64, output_tokens=1).plan
        half = plan.kv_token_capacity // 256 * 128
        table = plan.table(batch=[1, 2], context=[half, half + 256])
        assert table["fits"].tolist() == [1, 1, 1, 0]


def test_idle_slots_and_chips_left_over_are_said():
    alone = lpusim.estimate(MODEL, LPU)
    assert any("pipeline slots are in use" in note for note in alone.notes)
    assert any("24 of 72 chips are left over" in note for note in alone.notes)
    crowd = lpusim.estimate(MODEL, "groq-lpu-v1-48", batch=12, input_tokens=64, output_tokens=64)
    assert not any("slots" in note or "left over" in note for note in crowd.notes)


@settings(max_examples=25, deadline=None)
@given(batch=st.integers(1, 6), context=st.integers(0, 1500), more=st.integers(0, 500))
def test_more_context_or_more_users_never_make_a_user_faster(batch, context, more):
    plan = lpu_plan(
        lpusim.load_model(MODEL),
        lpusim.load_system(LPU),
        weights="int8",
        kv="fp16",
        partition=(8, 6),
        context=64,
    )
    table = plan.table(batch=[batch, batch + 1], context=[context, context + more])
    near, far, near_crowded, far_crowded = table["time_per_output_token_s"]
    assert near <= far <= far_crowded
    assert near <= near_crowded <= far_crowded


def test_more_chips_never_make_the_best_partition_slower():
    times = [
        lpusim.estimate(MODEL, f"groq-lpu-v1-{chips}").time_per_output_token_s for chips in (48, 72, 144, 288)
    ]
    # Not exactly: a longer ring has fewer links between two nodes, so equal groups reduce more slowly.
    for fewer, more in itertools.pairwise(times):
        assert more <= fewer * 1.05


def test_a_model_that_does_not_fit_says_what_is_short_and_what_would_do():
    # 9,097 MB over chips with 230.7 MB less 5 % workspace: 41.5.
    with pytest.raises(lpusim.CapacityError, match="smallest system that would do has 42 chips") as caught:
        lpusim.estimate(MODEL, "groq-lpu-v1-8", weights="int8", input_tokens=100, output_tokens=28)
    assert caught.value.required_bytes > caught.value.available_bytes
    enough = caught.value.smallest_chip_count
    lpusim.estimate(MODEL, f"groq-lpu-v1-{enough}", weights="int8", input_tokens=100, output_tokens=28)
    with pytest.raises(lpusim.CapacityError, match="need room for 4000000"):
        lpusim.estimate(MODEL, "h100-1", batch=500, input_tokens=4000, output_tokens=4000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch": 0}, "batch must be from 1"),
        ({"batch": 1.5}, "batch must be an integer, got float"),
        ({"batch": True}, "batch must be an integer, got bool"),
        ({"input_tokens": 0}, "input_tokens must be from 1"),
        ({"output_tokens": 10**18}, "output_tokens must be from 1"),
        ({"context": -1}, "context must be from 0"),
        ({"utilisation": 0}, "utilisation must be more than 0"),
        ({"utilisation": float("nan")}, "utilisation must be more than 0"),
        ({"weights": "fp7"}, "fp7"),
        ({"kv": "what"}, "what"),
        ({"price": "free"}, "price must be"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        lpusim.estimate(MODEL, LPU, **arguments)


def test_the_result_is_plain_data_and_one_screen(point):
    data = point.to_dict()
    assert data["bounds"]["step_time_s"]["low"] <= data["step_time_s"]
    assert copy.copy(data["plan"])["chips_used"] <= 72
    columns = point.to_columns()
    assert columns["step_time_s"][0] == point.step_time_s
    assert len(str(point).splitlines()) < 60


def test_a_decode_step_becomes_a_timeline(point, tmp_path):
    path = point.plan.to_perfetto(tmp_path / "step.pftrace", context=1000)
    assert path.stat().st_size > 1000
    rows = point.plan.core.timeline(1, 1000)
    ends = rows["start_cycle"] + rows["cycles"]
    assert rows["start_cycle"][1:].tolist() == ends[:-1].tolist()
    assert ends[-1] == point.plan.core.step_cycles(1, 1000)[0]


def test_experts_in_whole_or_in_slices_are_both_priced():
    model, system = lpusim.load_model("qwen3-30b-a3b"), lpusim.load_system("lp30-128")
    cost = {
        strategy: lpu_plan(
            model, system, weights="fp8", kv="fp16", partition=(8, 16), context=1024, strategy=strategy
        ).core.step_cycles(4, 1024)[2]["experts"]
        for strategy in ("sliced", "worst_case")
    }
    assert 0 < cost["sliced"] < cost["worst_case"]
