"""Dispatch plans and strategies: their laws, against sorting in NumPy, and the sizes they price."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpusim.moe import compare_strategies, generate, plan, reserved, statistics


@st.composite
def routings(draw):
    experts = draw(st.integers(1, 12))
    k = draw(st.integers(1, experts))
    tokens = draw(st.integers(0, 8))
    rows = [draw(st.permutations(range(experts)))[:k] for _ in range(tokens)]
    return np.array(rows, np.int32).reshape(tokens, k), experts


chips = st.integers(1, 14)
heights = st.integers(1, 9)
strategies = st.sampled_from(["sliced", "worst_case"])


@given(routings())
def test_rows_stand_as_a_stable_sort_by_expert_puts_them(case):
    ids, experts = case
    done = plan(ids, experts)
    assert done.permutation.tolist() == np.argsort(ids.ravel(), kind="stable").tolist()
    assert done.offsets.tolist() == [0, *np.cumsum(np.bincount(ids.ravel(), minlength=experts)).tolist()]


@given(routings())
def test_permutation_and_inverse_undo_each_other(case):
    ids, experts = case
    done = plan(ids, experts)
    everyone = np.arange(ids.size)
    assert (done.permutation[done.inverse] == everyone).all()
    assert (done.inverse[done.permutation] == everyone).all()


@given(routings())
def test_every_assignment_is_counted_once(case):
    ids, experts = case
    seen = statistics(ids, experts)
    assert seen.total == seen.load.sum() == ids.size
    assert seen.distinct == len(np.unique(ids))


@given(routings(), st.integers(1, 4))
def test_dispatch_through_identity_experts_and_back_returns_the_tokens(case, width):
    ids, experts = case
    done = plan(ids, experts)
    x = np.arange(len(ids) * width, dtype=np.float64).reshape(-1, width)
    sent = x[done.permutation // ids.shape[1]]
    back = sent[done.inverse].reshape(*ids.shape, width)
    assert (back == x[:, None, :]).all()


@given(routings(), heights)
def test_tiles_lie_between_perfect_packing_and_the_bound(case, tile_rows):
    ids, experts = case
    done = plan(ids, experts, tile_rows=tile_rows)
    rows, hit = ids.size, len(np.unique(ids))
    visited = {(e, row // tile_rows) for row, e in enumerate(np.sort(ids.ravel()).tolist())}
    assert done.tile_count == len(visited)
    if rows:
        assert -(-rows // tile_rows) <= done.tile_count <= min(rows, -(-rows // tile_rows) + hit - 1)
    assert done.tile_count <= done.tile_bound
    if tile_rows == 1:
        assert done.tile_count == rows == done.tile_bound


@given(routings(), chips, strategies, heights)
def test_no_routing_uses_more_than_is_reserved_on_any_chip(case, chip_count, strategy, tile_rows):
    ids, experts = case
    done = plan(ids, experts, chips=chip_count, strategy=strategy, tile_rows=tile_rows)
    assert (done.rows_used <= done.rows_reserved).all()
    assert (done.tiles_used <= done.tiles_reserved).all()
    assert done.exact
    expected = ids.size * (chip_count if strategy == "sliced" else 1)
    assert done.slots_used == expected <= done.slots_reserved


@given(routings(), routings(), chips, strategies)
def test_what_is_reserved_depends_on_sizes_alone(first, second, chip_count, strategy):
    (ids, experts), (other, other_experts) = first, second
    if ids.shape != other.shape or experts != other_experts:
        other = np.sort(ids, axis=1)[::-1].copy()
    mine = plan(ids, experts, chips=chip_count, strategy=strategy, tile_rows=4)
    theirs = plan(other, experts, chips=chip_count, strategy=strategy, tile_rows=4)
    assert mine.rows_reserved.tolist() == theirs.rows_reserved.tolist()
    assert mine.tiles_reserved.tolist() == theirs.tiles_reserved.tolist()


def test_the_worst_routing_fills_the_worst_case_to_the_last_row():
    # Every token names experts 0..3, which all live on the first of two chips.
    ids = np.tile(np.arange(4, dtype=np.int32), (10, 1))
    done = plan(ids, experts=8, chips=2, strategy="worst_case")
    assert done.rows_reserved.tolist() == [40, 40]
    assert done.rows_used.tolist() == [40, 0]


def test_all_tokens_on_one_expert_make_one_group():
    done = plan(np.zeros((9, 1), np.int32), experts=4, tile_rows=4)
    assert done.load.tolist() == [9, 0, 0, 0]
    assert done.tile_count == 3


def test_columns_are_one_row_a_chip():
    done = plan([[0, 1], [2, 3]], experts=4, chips=2, strategy="worst_case")
    assert {name: column.tolist() for name, column in done.to_columns().items()} == {
        "chip": [0, 1],
        "rows_used": [2, 2],
        "rows_reserved": [4, 4],
        "tiles_used": [2, 2],
        "tiles_reserved": [4, 4],
    }


def test_int64_ids_are_taken_when_they_fit_and_other_kinds_are_not():
    assert plan(np.array([[3, 1]]), experts=4).permutation.tolist() == [1, 0]
    assert plan(np.empty((0, 2)), experts=4).offsets.tolist() == [0, 0, 0, 0, 0]
    with pytest.raises(TypeError, match="ids must be integers, got float64"):
        plan(np.array([[0.0, 1.0]]), experts=4)
    with pytest.raises(ValueError, match="ids must fit int32"):
        plan(np.array([[2**40, 1]]), experts=4)


def test_bad_ids_are_named_by_token_and_slot():
    with pytest.raises(ValueError, match=r"ids\[token 1, slot 0\] must be from 0 to 3, got 4"):
        plan([[0, 1], [4, 1]], experts=4)
    with pytest.raises(ValueError, match=r"ids\[token 0, slot 1\] must be from 0 to 3, got -1"):
        plan([[0, -1]], experts=4)
    with pytest.raises(ValueError, match=r"ids\[token 0, slot 1\] repeats expert 2"):
        plan([[2, 2]], experts=4)
    with pytest.raises(ValueError, match="must have shape"):
        plan([0, 1], experts=4)
    with pytest.raises(ValueError, match="experts_per_token must be from 1 to experts"):
        plan([[0, 1, 2]], experts=2)


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match="chips must be from 1"):
        plan([[0]], experts=1, chips=0)
    with pytest.raises(ValueError, match="tile_rows must be from 1 to 2147483648, got 0"):
        plan([[0]], experts=1, tile_rows=0)
    with pytest.raises(ValueError, match="unknown strategy 'slicd'; did you mean 'sliced'"):
        plan([[0]], experts=1, strategy="slicd")
    with pytest.raises(ValueError, match="experts must be from 1 to 65536, got 1000000000000"):
        plan([[0]], experts=10**12)
    with pytest.raises(TypeError, match="experts must be a whole number, got '4'"):
        plan([[0]], experts="4")


@pytest.mark.parametrize(
    ("tokens", "experts", "k", "chip_count", "rows"),
    [(32, 256, 8, 32, 256), (128, 256, 8, 32, 1024), (512, 256, 8, 32, 4096), (128, 256, 8, 64, 512)],
)
def test_worst_case_rows_of_the_deepseek_sizes(tokens, experts, k, chip_count, rows):
    sizes = {"tokens": tokens, "experts": experts, "experts_per_token": k, "chips": chip_count}
    cost = reserved("worst_case", **sizes)
    assert (cost.rows_per_chip, cost.column_split, cost.exact) == (rows, 1, True)
    sliced = reserved("sliced", **sizes)
    assert (sliced.rows_per_chip, sliced.column_split) == (tokens * k, chip_count)


def test_the_comparison_prices_determinism_on_one_routing():
    step = generate(experts=256, experts_per_token=8, tokens=32, seed=4)
    sliced, worst = compare_strategies(step.ids, 256, chips=32, tile_rows=16)
    assert (sliced.strategy, worst.strategy) == ("sliced", "worst_case")
    assert sliced.determinism_factor == 1.0
    assert worst.determinism_factor == 32.0  # 256 rows reserved, 8 needed if balanced.
    assert worst.work_balanced == sliced.work_balanced == 8.0
    assert worst.rows_used == plan(step.ids, 256, chips=32, strategy="worst_case").rows_used.max()
    # 256 rows in tiles of 16 over 8 experts: 16 + 7; sliced touches up to all 256 experts.
    assert (worst.tiles_reserved, sliced.tiles_reserved) == (23, 256)


def test_an_empty_step_costs_nothing():
    for row in compare_strategies(np.empty((0, 2), np.int32), 8, chips=4):
        assert (row.rows_reserved, row.determinism_factor) == (0, 0.0)
