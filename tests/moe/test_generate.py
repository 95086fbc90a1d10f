"""Generators against closed forms, and the closed forms against values worked out elsewhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpusim.moe import (
    expected_distinct,
    expected_max_load,
    expert_popularity,
    fit_dirichlet,
    generate,
    inclusion_probabilities,
    overlap,
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


# What these calls gave when they were written, on AVX-512, AVX2 and without.
GOLDEN_IDS = [[1, 8, 3], [8, 1, 3], [3, 8, 1], [1, 3, 6]]
GOLDEN_WEIGHTS = [
    [0.5795133709907532, 0.22268836200237274, 0.19779828190803528],
    [0.9225645065307617, 0.052033353596925735, 0.02540215477347374],
    [0.5592464208602905, 0.28768491744995117, 0.1530686616897583],
    [0.904039204120636, 0.054405953735113144, 0.04155482351779938],
]
GOLDEN_SHARES = [[0, 1], [0, 1], [0, 4]]


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


def test_dirichlet_draws_have_the_spread_of_their_concentration():
    # Shares of 512 experts: CV = sqrt(511 / (512 alpha + 1)); draws of one expert a token follow the shares.
    for alpha in (1.0, 8.0):
        ids = generate(
            experts=512, experts_per_token=1, tokens=100_000, popularity="dirichlet", dirichlet_alpha=alpha
        ).ids
        fit = fit_dirichlet(statistics(ids, 512).load, experts_per_token=1)
        assert fit.excess_cv == pytest.approx((511 / (512 * alpha + 1)) ** 0.5, rel=0.1)
        assert fit.alpha == pytest.approx(alpha, rel=0.2)


def test_given_popularities_are_drawn_from_expert_by_expert():
    popularity = np.array([8, 4, 2, 1, 1], np.int64)
    ids = generate(experts=5, experts_per_token=2, tokens=20_000, popularity=popularity, layer=3).ids
    share = statistics(ids, 5).load / 20_000
    expected = inclusion_probabilities(popularity, experts_per_token=2)
    assert (abs(share - expected) < 5 * (expected * (1 - expected) / 20_000) ** 0.5).all()


def test_a_domain_draws_from_its_own_row_of_popularities():
    rows = [[1, 1e-12, 1, 1e-12], [1e-12, 1, 1e-12, 1]]
    ids = generate(
        experts=4, experts_per_token=2, tokens=400, popularity=rows, domains=2, request_tokens=10
    ).ids
    sets = {frozenset(row) for row in ids.tolist()}
    assert sets == {frozenset({0, 2}), frozenset({1, 3})}
    by_request = np.sort(ids, axis=1).reshape(40, 10, 2)
    assert (by_request == by_request[:, :1]).all()


@pytest.mark.parametrize("rho", [0.0, 0.07, 0.38, 0.9])
def test_consecutive_tokens_of_a_sequence_overlap_as_the_closed_form_says(rho):
    # rho + (1 - rho) k / E, but for this: what is not kept is drawn from the experts that are not kept.
    ids = generate(experts=128, experts_per_token=8, tokens=16_000, stickiness=rho, sequences=4).ids
    by_step = ids.reshape(4000, 4, 8)
    seen = overlap(by_step[:-1].reshape(-1, 8), by_step[1:].reshape(-1, 8))
    assert seen == pytest.approx(rho + (1 - rho) ** 2 * 8 / (128 - 8 * rho), abs=0.005)
    assert seen == pytest.approx(rho + (1 - rho) * 8 / 128, abs=0.02)
    neighbours = overlap(ids[:-1], ids[1:])  # Of other sequences: chance.
    assert neighbours == pytest.approx(8 / 128, abs=0.01)


@given(
    st.integers(0, 30),
    st.integers(0, 30),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.integers(1, 4),
    st.sampled_from([0, 3]),
    st.integers(1, 3),
)
def test_splitting_sticky_sequences_of_several_domains_changes_nothing(
    first, second, stickiness, sequences, request, domains
):
    options = {
        "experts": 12,
        "experts_per_token": 3,
        "zipf_exponent": 1.0,
        "stickiness": stickiness,
        "sequences": sequences,
        "request_tokens": request,
        "domains": domains,
        "domain_share": 0.5,
        "seed": 3,
    }
    whole = generate(tokens=first + second, **options)
    head = generate(tokens=first, **options)
    tail = generate(tokens=second, first_token=first, **options)
    assert whole.ids.tobytes() == head.ids.tobytes() + tail.ids.tobytes()
    assert whole.weights.tobytes() == head.weights.tobytes() + tail.weights.tobytes()


def test_generated_bytes_never_change():
    drawn = generate(
        experts=10, experts_per_token=3, tokens=4, zipf_exponent=1.0, stickiness=0.5, layer=2, seed=7
    )
    assert drawn.ids.tolist() == GOLDEN_IDS
    assert drawn.weights.tolist() == GOLDEN_WEIGHTS
    shares = generate(experts=6, experts_per_token=2, tokens=3, popularity="dirichlet", dirichlet_alpha=0.5)
    assert shares.ids.tolist() == GOLDEN_SHARES


def test_popularities_are_those_that_are_drawn_from():
    options = {"experts": 16, "zipf_exponent": 0.8, "layer": 5, "seed": 3}
    popularity = expert_popularity(**options)
    assert popularity.sum() == pytest.approx(1)
    share = statistics(generate(experts_per_token=3, tokens=20_000, **options).ids, 16).load / 20_000
    expected = inclusion_probabilities(popularity, experts_per_token=3)
    assert (abs(share - expected) < 5 * (expected * (1 - expected) / 20_000) ** 0.5).all()
    domains = [expert_popularity(**options, domains=2, domain=domain) for domain in range(2)]
    assert not np.array_equal(*domains)
    with pytest.raises(ValueError, match="domain must be from 0 to 1, got 2"):
        expert_popularity(**options, domains=2, domain=2)


def test_experts_that_take_turns_are_in_exact_balance():
    ids = generate(experts=12, experts_per_token=5, tokens=120, popularity="round_robin").ids
    assert statistics(ids, 12).max_over_mean == 1.0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"popularity": "zipff"}, ValueError, "unknown popularity 'zipff'; did you mean 'zipf'"),
        ({"popularity": "given"}, ValueError, "unknown popularity 'given'"),
        ({"popularity": [1, 2]}, ValueError, r"popularity must have shape \(8,\), got \(2,\)"),
        ({"popularity": [[1] * 8] * 2}, ValueError, r"popularity must have shape \(8,\), got \(2, 8\)"),
        ({"popularity": [[1] * 8] * 2, "domains": 3}, ValueError, r"\(8,\) or \(3, 8\), got \(2, 8\)"),
        ({"popularity": [1] * 7 + [0]}, ValueError, r"weights\[domain 0, expert 7\] must be positive"),
        ({"popularity": [1] * 7 + [float("nan")]}, ValueError, "must be positive and finite, got nan"),
        ({"popularity": ["a"] * 8}, TypeError, "popularity must be a name or numbers"),
        ({"popularity": "round_robin", "stickiness": 0.5}, ValueError, "round_robin takes turns"),
        ({"stickiness": 1.5}, ValueError, "stickiness must be from 0 to 1, got 1.5"),
        ({"dirichlet_alpha": 0}, ValueError, "dirichlet_alpha must be from 0.001"),
        ({"sequences": 0}, ValueError, "sequences must be from 1"),
        ({"request_tokens": -1}, ValueError, "request_tokens must be from 0"),
        ({"domains": 5000}, ValueError, "domains must be from 1 to 4096, got 5000"),
        ({"domain_share": float("inf")}, ValueError, "domain_share must be a finite number"),
        ({"shuffled": "yes"}, TypeError, "shuffled must be True or False, got 'yes'"),
        ({"tokens": 2.0}, TypeError, "tokens must be a whole number"),
    ],
)
def test_sources_that_contradict_themselves_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        generate(**{"experts": 8, "experts_per_token": 2, "tokens": 1, **change})
