"""How routing spreads: worked by hand, against closed forms, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpusim import _core
from lpusim.moe import (
    expected_distinct,
    fit_dirichlet,
    fit_zipf,
    generate,
    load_routing,
    overlap,
    statistics,
    step_statistics,
)


def test_statistics_of_loads_worked_by_hand():
    seen = statistics([[0, 1], [0, 2], [0, 1], [0, 3]], experts=4)
    assert seen.load.tolist() == [4, 2, 1, 1]
    assert (seen.total, seen.max, seen.distinct, seen.max_over_mean) == (8, 4, 4, 2.0)
    assert seen.gini == pytest.approx((-3 * 1 - 1 * 1 + 1 * 2 + 3 * 4) / (4 * 8))
    assert seen.cv == pytest.approx(math.sqrt(6 / 4) / 2)
    assert seen.entropy_ratio == pytest.approx(1.75 / 2)  # In bits: 1/2 at 1, 1/4 at 2, twice 1/8 at 3.


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_statistics_agree_with_their_definitions(load):
    seen = _core.moe.load_statistics(np.array(load, np.int64))
    total = sum(load)
    if total == 0:
        assert (seen.max_over_mean, seen.gini, seen.cv) == (0, 0, 0)
        return
    values = np.array(load, float)
    differences = np.abs(values[:, None] - values[None, :]).sum()
    assert seen.gini == pytest.approx(differences / (2 * len(load) * total), abs=1e-12)
    assert seen.cv == pytest.approx(values.std() / values.mean(), abs=1e-12)
    shares = values[values > 0] / total
    entropy = -(shares * np.log(shares)).sum()
    assert seen.entropy_ratio == pytest.approx(
        entropy / math.log(len(load)) if len(load) > 1 else 1, abs=1e-12
    )
    ranked = np.sort(values[values > 0])[::-1]
    if len(ranked) > 1:
        slope = np.polyfit(np.log(np.arange(1, len(ranked) + 1)), np.log(ranked), 1)[0]
        assert seen.rank_slope == pytest.approx(slope, abs=1e-9)


def test_chips_bear_the_load_of_the_experts_they_hold():
    seen = statistics([[0, 1], [0, 2], [0, 1], [0, 3]], experts=4)
    assert seen.by_chip(2).load.tolist() == [6, 2]
    assert seen.by_chip(2).max_over_mean == 1.5
    assert seen.by_chip(3).load.tolist() == [4, 2, 2]  # Ranges 0, 1, 2 to 3, as placement deals them.
    assert seen.by_chip(8).load.tolist() == [0, 4, 0, 2, 0, 1, 0, 1]
    assert seen.by_chip(np.array([1, 0, 0, 0])).load.tolist() == [4, 4]
    with pytest.raises(ValueError, match="chips must be from 1"):
        seen.by_chip(0)
    with pytest.raises(ValueError, match="a chip of at least 0 for each of 4 experts"):
        seen.by_chip([0, 1])
    with pytest.raises(ValueError, match="a chip of at least 0 for each of 4 experts"):
        seen.by_chip([0, 1, 2, -1])
    with pytest.raises(TypeError, match="chips must be whole numbers, got float64"):
        seen.by_chip([0.0, 1.0, 0.0, 1.0])


@given(st.integers(1, 40), st.integers(1, 50))
def test_chips_hold_the_ranges_that_plans_give_them(experts, chips):
    load = statistics(np.arange(experts)[:, None], experts).by_chip(chips).load
    ranges = [_core.moe.contiguous_experts(experts=experts, chips=chips, chip=chip) for chip in range(chips)]
    assert load.tolist() == [last - first for first, last in ranges]


def test_overlap_counts_what_two_tokens_share():
    assert overlap([[0, 1], [2, 3]], [[1, 0], [4, 2]]) == 0.75
    assert overlap([[5, 6]], [[7, 8]]) == 0.0
    assert math.isnan(overlap(np.empty((0, 2), np.int32), np.empty((0, 2), np.int32)))
    with pytest.raises(ValueError, match="must both have shape"):
        overlap([[0, 1]], [[0, 1], [1, 2]])
    with pytest.raises(TypeError, match="ids must be integers"):
        overlap([[0.5]], [[1]])


def test_overlap_of_independent_tokens_is_chance():
    ids = generate(experts=60, experts_per_token=4, tokens=20_000).ids
    assert overlap(ids[:-1], ids[1:]) == pytest.approx(4 / 60, rel=0.05)


STEPS = """layer,phase,step,e0,e1,w0,w1
5,prefill,0,0,1,0.5,0.25
5,prefill,0,0,2,0.5,0.25
5,decode,1,0,1,0.5,0.5
5,decode,1,2,3,0.25,0.25
5,decode,2,1,0,0.5,0.25
5,decode,2,2,0,0.5,0.25
5,decode,3,3,1,1,0
"""


@pytest.fixture
def steps(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text(STEPS)
    return load_routing(path, experts=4)


def test_steps_are_measured_one_by_one(steps):
    seen = step_statistics(steps, 5)
    assert {name: column.tolist() for name, column in seen.to_columns().items() if name != "overlap"} == {
        "step": [0, 1, 2, 3],
        "tokens": [2, 2, 2, 1],
        "max_over_mean": [2.0, 1.0, 2.0, 2.0],
        "distinct": [3, 4, 3, 2],
        "weight_sum": [0.75, 0.75, 0.75, 1.0],
    }
    # Slot by slot: {0,1} {0,2} to {0,1} {2,3}; {0,1} {2,3} to {0,1} {0,2}; then another size; then the end.
    np.testing.assert_array_equal(seen.overlap, [0.75, 0.75, np.nan, np.nan])
    decode = step_statistics(steps, 5, phase="decode", tokens_min=2)
    assert decode.step.tolist() == [1, 2]
    assert step_statistics(steps, 5, tokens_min=3).step.tolist() == []
    with pytest.raises(ValueError, match="no phase 'train'"):
        step_statistics(steps, 5, phase="train")


def test_steps_of_a_uniform_router_reach_the_closed_form(tmp_path):
    path = tmp_path / "r.npz"
    ids = generate(experts=60, experts_per_token=4, tokens=25 * 300).ids
    np.savez(path, ids=ids[:, None], steps=np.repeat(np.arange(300), 25))
    seen = step_statistics(load_routing(path, experts=60), 0)
    expected = expected_distinct(experts=60, experts_per_token=4, tokens=25)
    assert abs(seen.distinct.mean() - expected) < 5 * seen.distinct.std() / 300**0.5
    assert seen.max_over_mean.mean() == pytest.approx(5.123 * 60 / 100, rel=0.03)  # Monte Carlo: 3.07.


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.2])
def test_a_zipf_fit_gives_back_the_exponent_that_was_drawn_from(exponent):
    ids = generate(experts=32, experts_per_token=4, tokens=40_000, zipf_exponent=exponent).ids
    load = statistics(ids, 32).load
    assert fit_zipf(load, experts_per_token=4, top=8) == pytest.approx(exponent, abs=0.03)
    assert fit_zipf(load, experts_per_token=4) == pytest.approx(exponent, abs=0.05)


def test_fits_refuse_what_they_cannot_fit():
    with pytest.raises(ValueError, match=r"can take from 0\.2\d+ to 0\.[45]\d* of the assignments, got 1"):
        fit_zipf([5, 0, 0, 0], experts_per_token=2)
    with pytest.raises(ValueError, match="top must be from 1 to 4, got 5"):
        fit_zipf([1, 1, 1, 1], experts_per_token=2, top=5)
    for fit in (fit_zipf, fit_dirichlet):
        with pytest.raises(ValueError, match="loads must be at least 0 and not all 0"):
            fit([0, 0], experts_per_token=1)
        with pytest.raises(ValueError, match="loads must be at least 0"):
            fit([3, -1], experts_per_token=1)
        with pytest.raises(ValueError, match="a number for each expert"):
            fit([[1, 2]], experts_per_token=1)
        with pytest.raises(TypeError, match="load must be integers, got float64"):
            fit([0.5, 0.5], experts_per_token=1)
        with pytest.raises(ValueError, match="experts_per_token must be from 1 to 2, got 3"):
            fit([1, 2], experts_per_token=3)


def test_loads_that_differ_no_more_than_chance_have_no_concentration():
    assert fit_dirichlet([10, 10, 10], experts_per_token=1).alpha == math.inf
    assert fit_dirichlet([10, 10, 10], experts_per_token=1).excess_cv == 0
