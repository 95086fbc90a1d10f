"""Generators against closed forms, and the closed forms against values worked out elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpusim.moe import (
    expected_distinct,
    expected_max_load,
    generate,
    inclusion_probabilities,
    statistics,
)

# (tokens, experts, k), mean distinct experts and mean largest load of long Monte-Carlo runs.
MONTE_CARLO = [
    ((25, 60, 4), 49.309, 5.123),
    ((64, 128, 4), 111.24, 6.401),
    ((32, 256, 8), 163.26, 4.652),
    ((128, 256, 8), 251.60, 10.548),
    ((512, 256, 8), 256.00, 28.18),
    ((4096, 256, 8), 256.00, 160.74),
    ((64, 8, 2), 8.00, 21.41),
]


@pytest.mark.parametrize(("sizes", "distinct", "largest"), MONTE_CARLO)
def test_closed_forms_match_monte_carlo(sizes, distinct, largest):
    tokens, experts, k = sizes
    assert expected_distinct(experts=experts, experts_per_token=k, tokens=tokens) == pytest.approx(
        distinct, rel=5e-4
    )
    formula = expected_max_load(experts=experts, experts_per_token=k, tokens=tokens)
    assert 0.98 * largest <= formula <= largest  # A lower bound: independence is assumed.


def test_uniform_draws_meet_the_closed_forms():
    steps = 400
    drawn = generate(experts=60, experts_per_token=4, tokens=25 * steps, seed=9)
    seen = [statistics(step, 60) for step in drawn.ids.reshape(steps, 25, 4)]
    distinct = np.array([s.distinct for s in seen])
    largest = np.array([s.max for s in seen])
    expected = expected_distinct(experts=60, experts_per_token=4, tokens=25)
    assert abs(distinct.mean() - expected) < 5 * distinct.std() / steps**0.5
    bound = expected_max_load(experts=60, experts_per_token=4, tokens=25)
    assert bound * 0.97 < largest.mean() < bound * 1.05


def test_one_uniform_load_is_binomial():
    steps, tokens = 500, 64
    ids = generate(experts=16, experts_per_token=4, tokens=steps * tokens, seed=2).ids.reshape(steps, -1)
    load = (ids == 3).sum(axis=1)
    mean, variance = tokens / 4, tokens / 4 * 3 / 4
    assert abs(load.mean() - mean) < 5 * (variance / steps) ** 0.5
    assert abs(load.var() / variance - 1) < 5 * (2 / steps) ** 0.5


@pytest.mark.parametrize(("exponent", "hottest"), [(0.5, 7.61), (1.0, 25.16)])
def test_zipf_popularity_reaches_the_ratio_of_the_exact_integral(exponent, hottest):
    popularity = np.arange(1, 257, dtype=np.float64) ** -exponent
    inclusion = inclusion_probabilities(popularity, experts_per_token=8)
    assert inclusion.sum() == pytest.approx(8, abs=1e-8)
    assert inclusion.max() * 256 / 8 == pytest.approx(hottest, rel=1e-3)


def test_zipf_draws_meet_the_inclusion_probabilities():
    tokens = 20_000
    ids = generate(
        experts=16, experts_per_token=4, tokens=tokens, zipf_exponent=1.0, shuffled=False, seed=7
    ).ids
    share = statistics(ids, 16).load / tokens
    expected = inclusion_probabilities(1 / np.arange(1, 17), experts_per_token=4)
    assert (abs(share - expected) < 5 * (expected * (1 - expected) / tokens) ** 0.5).all()
    assert expected[:3] == pytest.approx([0.8037, 0.5664, 0.4234], abs=1e-4)


def test_shuffled_layers_have_different_favourites():
    favourites = set()
    for layer in range(12):
        ids = generate(experts=64, experts_per_token=2, tokens=200, zipf_exponent=2.0, layer=layer).ids
        favourites.add(int(np.bincount(ids.ravel(), minlength=64).argmax()))
    assert len(favourites) > 6


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 2**53), st.integers(0, 2**23 - 1))
def test_splitting_tokens_into_calls_changes_nothing(first, second, seed, layer):
    sizes = {"experts": 10, "experts_per_token": 3, "zipf_exponent": 0.8, "seed": seed, "layer": layer}
    whole = generate(tokens=first + second, **sizes)
    head = generate(tokens=first, **sizes)
    tail = generate(tokens=second, first_token=first, **sizes)
    assert whole.ids.tobytes() == head.ids.tobytes() + tail.ids.tobytes()
    assert whole.weights.tobytes() == head.weights.tobytes() + tail.weights.tobytes()


def test_weights_are_sorted_and_sum_to_one():
    weights = generate(experts=32, experts_per_token=6, tokens=100).weights
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-6)
    assert (np.diff(weights, axis=1) <= 0).all()


def test_choosing_every_expert_is_a_permutation():
    ids = generate(experts=5, experts_per_token=5, tokens=20).ids
    assert (np.sort(ids, axis=1) == np.arange(5)).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"experts_per_token": 9}, "experts_per_token must be at most experts = 8, got 9"),
        ({"experts": 0}, "experts must be from 1"),
        ({"zipf_exponent": float("nan")}, "zipf_exponent must be a finite number, got nan"),
        ({"tokens": -1}, "tokens must be from 0 to 1099511627776, got -1"),
        ({"layer": 2**23}, "layer must be from 0"),
        ({"seed": -1}, "seed must be from 0"),
        ({"zipf_exponent": 17}, "zipf_exponent must be from 0 to 16, got 17"),
        ({"first_token": 2**40, "tokens": 1}, "tokens must stay within 0 to 2"),
    ],
)
def test_bad_sizes_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        generate(**{"experts": 8, "experts_per_token": 2, "tokens": 1, **change})


def test_gini_and_ratio_of_loads_worked_by_hand():
    seen = statistics([[0, 1], [0, 2], [0, 1], [0, 3]], experts=4)
    assert seen.load.tolist() == [4, 2, 1, 1]
    assert (seen.total, seen.max, seen.distinct, seen.max_over_mean) == (8, 4, 4, 2.0)
    assert seen.gini == pytest.approx((-3 * 1 - 1 * 1 + 1 * 2 + 3 * 4) / (4 * 8))
