"""Routers against a slow float64 reference, their laws, and what they refuse."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lpusim import _core
from lpusim.moe import RouterSpec, Routing, route

DEEPSEEK_V3 = {
    "model_type": "deepseek_v3",
    "n_routed_experts": 256,
    "num_experts_per_tok": 8,
    "n_group": 8,
    "topk_group": 4,
    "norm_topk_prob": True,
    "routed_scaling_factor": 2.5,
    "scoring_func": "sigmoid",
    "topk_method": "noaux_tc",
}


def reference(logits, spec, bias=None):
    """One token at a time, whole sorts, float64: the formula and nothing else."""
    all_ids, all_weights = [], []
    for row in logits.astype(np.float64):
        if spec.score == "softmax":
            scores = np.exp(row - row.max())
            scores = scores / scores.sum()
            ranks = row
            group_ranks = scores if spec.group_score == "top2_sum" else row
        else:
            magnitude = np.exp(-np.abs(row))
            scores = np.where(row < 0, magnitude, 1.0) / (1.0 + magnitude)
            ranks = group_ranks = scores if bias is None else scores + bias.astype(np.float64)
        size = spec.experts // spec.groups
        by_group = -np.sort(-group_ranks.reshape(spec.groups, size), axis=1)
        group_scores = by_group[:, 0] if spec.group_score == "max" else by_group[:, :2].sum(axis=1)
        kept = sorted(range(spec.groups), key=lambda g: (-group_scores[g], g))[: spec.groups_kept]
        allowed = [e for e in range(spec.experts) if e // size in kept]
        ids = sorted(allowed, key=lambda e: (-ranks[e], e))[: spec.experts_per_token]
        weights = scores[ids]
        if spec.renormalise:
            weights = weights / weights.sum()
        all_ids.append(ids)
        all_weights.append(weights * spec.scale)
    shape = (len(logits), spec.experts_per_token)
    return np.reshape(all_ids, shape).astype(int), np.reshape(all_weights, shape)


def agree(logits, spec, bias=None):
    routing = route(logits, spec, bias)
    ids, weights = reference(logits, spec, bias)
    assert routing.ids.dtype == np.int32
    assert routing.weights.dtype == np.float32
    assert routing.ids.tolist() == ids.tolist()
    np.testing.assert_allclose(routing.weights, weights, rtol=1e-7, atol=1e-38)
    return routing


@st.composite
def routers(draw):
    """Any router that fits: groups of any number, kept groups that hold enough experts."""
    groups = draw(st.integers(1, 5))
    size = draw(st.integers(2, 9))
    kept = draw(st.integers(1, groups))
    return RouterSpec(
        experts=groups * size,
        experts_per_token=draw(st.integers(1, min(kept * size, 12))),
        score=draw(st.sampled_from(["softmax", "sigmoid"])),
        groups=groups,
        groups_kept=kept,
        group_score=draw(st.sampled_from(["max", "top2_sum"])),
        renormalise=draw(st.booleans()),
        scale=draw(st.sampled_from([1.0, 2.5, 16.0])),
    )


# Eighths between -4 and 4: sums and comparisons are exact, and ties are frequent.
eighths = st.integers(-32, 32).map(lambda i: np.float32(i / 8))


@st.composite
def cases(draw):
    spec = draw(routers())
    tokens = draw(st.integers(0, 4))
    logits = draw(hnp.arrays(np.float32, (tokens, spec.experts), elements=eighths))
    bias = None
    if spec.score == "sigmoid" and draw(st.booleans()):
        bias = draw(hnp.arrays(np.float32, (spec.experts,), elements=eighths))
    return logits, spec, bias


@given(cases())
def test_agrees_with_the_reference_on_tied_logits(case):
    agree(*case)


@pytest.mark.parametrize(("experts", "k"), [(8, 2), (64, 8), (128, 8), (256, 8), (896, 16), (17, 17), (1, 1)])
@pytest.mark.parametrize("score", ["softmax", "sigmoid"])
@pytest.mark.parametrize("renormalise", [True, False])
def test_agrees_with_the_reference_on_random_logits(experts, k, score, renormalise):
    rng = np.random.default_rng(experts)
    logits = (3 * rng.standard_normal((50, experts))).astype(np.float32)
    agree(logits, RouterSpec(experts=experts, experts_per_token=k, score=score, renormalise=renormalise))


def test_deepseek_v3_agrees_with_the_reference_on_random_and_on_bf16_logits():
    spec = RouterSpec.for_model(DEEPSEEK_V3)
    rng = np.random.default_rng(3)
    bias = (0.02 * rng.standard_normal(256)).astype(np.float32)
    logits = rng.standard_normal((200, 256)).astype(np.float32)
    agree(logits, spec, bias)
    bf16 = (logits.view(np.uint32) & 0xFFFF0000).view(np.float32)
    routing = agree(bf16, spec, (bias * 1000).round().astype(np.float32) / 1000)
    assert all(len({expert // 32 for expert in row}) <= 4 for row in routing.ids.tolist())
    np.testing.assert_allclose(routing.weights.sum(axis=1), 2.5, rtol=1e-6)


@given(cases())
def test_each_token_chooses_different_experts_of_at_most_the_kept_groups(case):
    logits, spec, bias = case
    size = spec.experts // spec.groups
    for row in route(logits, spec, bias).ids.tolist():
        assert len(set(row)) == spec.experts_per_token
        assert len({expert // size for expert in row}) <= spec.groups_kept


@given(cases())
def test_row_sums_follow_the_family_rule(case):
    logits, spec, bias = case
    sums = route(logits, spec, bias).weights.sum(axis=1, dtype=np.float64)
    if spec.renormalise:
        np.testing.assert_allclose(sums, spec.scale, rtol=1e-6)
    elif spec.score == "softmax":
        assert (sums <= spec.scale * (1 + 1e-6)).all()


@given(cases(), st.randoms(use_true_random=False))
def test_a_row_never_depends_on_its_batch_mates(case, random):
    logits, spec, bias = case
    whole = route(logits, spec, bias)
    order = list(range(len(logits)))
    random.shuffle(order)
    shuffled = route(np.ascontiguousarray(logits[order]), spec, bias)
    assert shuffled.ids.tobytes() == whole.ids[order].tobytes()
    assert shuffled.weights.tobytes() == whole.weights[order].tobytes()
    for token in range(len(logits)):
        alone = route(logits[token : token + 1], spec, bias)
        assert alone.weights.tobytes() == whole.weights[token : token + 1].tobytes()


@given(st.permutations(range(12)), st.integers(0, 1000))
def test_renaming_experts_renames_the_choice_when_no_scores_tie(names, seed):
    spec = RouterSpec(experts=12, experts_per_token=5, score="sigmoid", scale=2.5)
    logits = np.random.default_rng(seed).permutation(np.arange(12, dtype=np.float32) / 4)[None, :]
    renamed = np.empty_like(logits)
    renamed[:, names] = logits
    first, second = route(logits, spec), route(renamed, spec)
    assert [names[e] for e in first.ids[0]] == second.ids[0].tolist()
    assert first.weights.tobytes() == second.weights.tobytes()


@given(st.integers(0, 1000), st.sampled_from([-0.5, 0.25, 2.0]))
def test_a_constant_added_to_every_bias_changes_nothing(seed, constant):
    spec = RouterSpec(experts=32, experts_per_token=4, score="sigmoid", groups=4, groups_kept=2)
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal((3, 32)).astype(np.float32)
    bias = (rng.integers(-8, 8, 32) / 64).astype(np.float32)
    first, second = route(logits, spec, bias), route(logits, spec, bias + np.float32(constant))
    assert first.ids.tolist() == second.ids.tolist()
    assert first.weights.tobytes() == second.weights.tobytes()


@given(cases(), st.integers(-64, 64))
@example((np.zeros((1, 4), np.float32), RouterSpec(experts=4, experts_per_token=2), None), 3)
def test_softmax_selection_does_not_see_a_shift_of_all_logits(case, shift):
    logits, spec, _ = case
    if spec.score == "softmax" and spec.group_score == "max":
        assert (route(logits + np.float32(shift), spec).ids == route(logits, spec).ids).all()


def test_scores_too_small_for_float32_still_rank_and_weigh():
    spec = RouterSpec(experts=3, experts_per_token=2, score="softmax")
    routing = route(np.array([[-2000.0, 0.0, -1000.0]], np.float32), spec)
    assert routing.ids.tolist() == [[1, 2]]
    assert routing.weights.tolist() == [[1.0, 0.0]]


def test_no_tokens_are_no_rows():
    routing = route(np.empty((0, 4), np.float32), RouterSpec(experts=4, experts_per_token=2))
    assert routing.ids.shape == routing.weights.shape == (0, 2)


def test_results_are_read_only_and_logits_stay_untouched():
    logits = np.zeros((2, 4), np.float32)
    routing = route(logits, RouterSpec(experts=4, experts_per_token=2))
    assert isinstance(routing, Routing)
    assert (routing.tokens, routing.experts_per_token) == (2, 2)
    assert not routing.ids.flags.writeable
    assert logits.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        routing.weights[0, 0] = 1


@pytest.mark.parametrize(("value", "name"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")])
@pytest.mark.parametrize("score", ["softmax", "sigmoid"])
def test_a_logit_that_is_not_finite_is_named_by_token_and_expert(value, name, score):
    logits = np.zeros((3, 40), np.float32)
    logits[2, 37] = value
    with pytest.raises(ValueError, match=rf"logits\[token 2, expert 37\] is {name}; .*finite"):
        route(logits, RouterSpec(experts=40, experts_per_token=2, score=score))


def test_wrong_arrays_are_refused_with_what_was_seen():
    spec = RouterSpec(experts=4, experts_per_token=2, score="sigmoid")
    good = np.zeros((2, 4), np.float32)
    with pytest.raises(TypeError, match=r"logits must be .* float32, got an array of float64"):
        route(good.astype(np.float64), spec)
    with pytest.raises(TypeError, match=r"logits must be .* got list"):
        route([[0.0] * 4], spec)
    with pytest.raises(ValueError, match=r"logits must have shape \(tokens, 4\), got \(2, 5\)"):
        route(np.zeros((2, 5), np.float32), spec)
    with pytest.raises(ValueError, match="logits must have 2 dimensions"):
        route(good[0], spec)
    with pytest.raises(ValueError, match="C-contiguous"):
        route(np.zeros((4, 2), np.float32).T, spec)
    with pytest.raises(ValueError, match="each of 4 experts, got 3"):
        route(good, spec, np.zeros(3, np.float32))
    with pytest.raises(ValueError, match=r"bias\[expert 1\] is nan"):
        route(good, spec, np.array([0, np.nan, 0, 0], np.float32))
    with pytest.raises(ValueError, match="score sigmoid only"):
        route(good, RouterSpec(experts=4, experts_per_token=2), np.zeros(4, np.float32))


def test_specs_that_contradict_themselves_are_refused():
    with pytest.raises(ValueError, match="at most the 4 experts of the kept groups, got 5"):
        RouterSpec(experts=8, experts_per_token=5, groups=2)
    with pytest.raises(ValueError, match="groups must divide experts"):
        RouterSpec(experts=8, experts_per_token=2, groups=3)
    with pytest.raises(ValueError, match="unknown router score 'sigmoyd'; did you mean 'sigmoid'"):
        RouterSpec(experts=8, experts_per_token=2, score="sigmoyd")
    with pytest.raises(ValueError, match="experts must be from 1"):
        RouterSpec(experts=0, experts_per_token=2)
    with pytest.raises(ValueError, match="RouterSpec: scale must be a finite number, got nan"):
        RouterSpec(experts=8, experts_per_token=2, scale=float("nan"))
    with pytest.raises(ValueError, match=r"scale must be from 1e-30 to 1e\+30, got 1e\+300"):
        RouterSpec(experts=8, experts_per_token=2, scale=1e300)
    with pytest.raises(TypeError, match=r"experts must be a whole number, got 8\.0"):
        RouterSpec(experts=8.0, experts_per_token=2)  # although equal to a spec made before
    with pytest.raises(TypeError, match="renormalise must be True or False, got 'yes'"):
        RouterSpec(experts=8, experts_per_token=2, renormalise="yes")


def test_the_python_spec_has_the_fields_and_defaults_of_the_core():
    native = _core.moe.RouterSpec()
    names = {row["name"] for row in _core.moe.RouterSpec.fields()} | {"score", "group_score", "renormalise"}
    spec = RouterSpec(experts=native.experts, experts_per_token=native.experts_per_token)
    assert set(RouterSpec.__slots__) == names
    for name in names:
        value = getattr(native, name)
        assert getattr(spec, name) == getattr(value, "name", value)


def test_a_spec_survives_pickling():
    spec = RouterSpec.for_model(DEEPSEEK_V3)
    assert pickle.loads(pickle.dumps(spec)) == spec


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (DEEPSEEK_V3, (256, 8, "sigmoid", 8, 4, "top2_sum", True, 2.5)),
        (
            {"model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2},
            (8, 2, "softmax", 1, 1, "top2_sum", True, 1.0),
        ),
        (
            {
                "model_type": "qwen3_moe",
                "num_experts": 128,
                "num_experts_per_tok": 8,
                "norm_topk_prob": True,
            },
            (128, 8, "softmax", 1, 1, "top2_sum", True, 1.0),
        ),
        (
            {"model_type": "qwen2_moe", "num_experts": 60, "num_experts_per_tok": 4},
            (60, 4, "softmax", 1, 1, "top2_sum", False, 1.0),
        ),
        (
            {
                "model_type": "deepseek_v2",
                "n_routed_experts": 160,
                "num_experts_per_tok": 6,
                "topk_method": "group_limited_greedy",
                "n_group": 8,
                "topk_group": 3,
                "norm_topk_prob": False,
                "routed_scaling_factor": 16.0,
            },
            (160, 6, "softmax", 8, 3, "max", False, 16.0),
        ),
        (
            {"model_type": "dbrx", "ffn_config": {"moe_num_experts": 16, "moe_top_k": 4}},
            (16, 4, "softmax", 1, 1, "top2_sum", True, 1.0),
        ),
    ],
)
def test_a_model_configuration_names_its_router(config, expected):
    spec = RouterSpec.for_model(config)
    names = [field.name for field in dataclasses.fields(RouterSpec)]
    assert tuple(getattr(spec, name) for name in names) == expected


def test_a_configuration_without_a_known_router_is_refused():
    with pytest.raises(ValueError, match="'llama' has no router that is covered here; covered are mixtral"):
        RouterSpec.for_model({"model_type": "llama"})
    with pytest.raises(ValueError, match="'mixtral' lacks num_experts_per_tok"):
        RouterSpec.for_model({"model_type": "mixtral", "num_local_experts": 8})
    with pytest.raises(ValueError, match="num_experts_per_tok must be an integer of at least 1, got '2'"):
        RouterSpec.for_model({"model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": "2"})
