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


def sigmoid(z):
    decay = np.exp(-np.abs(z))
    return np.where(z < 0, decay, 1.0) / (1.0 + decay)


def softmax(z):
    exponentials = np.exp(z - z.max())
    return exponentials / exponentials.sum()


SCORES = {
    "softmax": softmax,
    "softmax_after_topk": softmax,
    "sigmoid": sigmoid,
    "sigmoid_after_topk": sigmoid,
    "sqrt_softplus": lambda z: np.sqrt(np.logaddexp(0.0, z)),
}


def kept_experts(ranks, spec):
    """The experts of the best groups, one whole sort after the other."""
    size = spec.experts // spec.groups
    by_group = -np.sort(-ranks.reshape(spec.groups, size), axis=1)
    group_ranks = by_group[:, 0] if spec.group_score == "max" else by_group[:, :2].sum(axis=1)
    kept = sorted(range(spec.groups), key=lambda g: (-group_ranks[g], g))[: spec.groups_kept]
    return [e for e in range(spec.experts) if e // size in kept]


def sparsemixer(row, epsilon):
    """Two rounds, each a softmax over what is near its maximum."""
    ids, weights = [], []
    for _ in range(2):
        others = [e for e in range(len(row)) if e not in ids]
        best = min(others, key=lambda e: (-row[e], e))
        m = row[best]
        near = [e for e in others if m == row[e] or not (m - row[e]) / max(abs(row[e]), m) > 2 * epsilon]
        ids.append(best)
        weights.append(1 / np.exp(row[near] - m).sum())
    return ids, np.array(weights)


def reference(logits, spec, bias=None, token_ids=None, table=None):
    """One token at a time, whole sorts, float64: the formula and nothing else."""
    all_ids, all_weights = [], []
    for token, row in enumerate(logits.astype(np.float64)):
        if spec.score == "sparsemixer":
            ids, weights = sparsemixer(row, spec.mixer_epsilon)
            all_ids.append(ids)
            all_weights.append(weights * spec.scale)
            continue
        scores = SCORES[spec.score](row)
        # Scores rise with their logits; where nothing is added to them, logits say what float64 cannot hold.
        ranks = row if bias is None else scores + bias.astype(np.float64)
        dropped = spec.groups_kept < spec.groups
        if dropped and bias is None and (spec.group_score == "top2_sum" or spec.dropped_groups == "zero"):
            ranks = scores
        if spec.selection == "token_table":
            ids = table[token_ids[token]].tolist()
        else:
            allowed = kept_experts(ranks, spec) if dropped else range(spec.experts)
            if spec.dropped_groups == "zero" and dropped:
                ranks = np.where(np.isin(range(spec.experts), allowed), ranks, 0.0)
                allowed = range(spec.experts)
            ids = sorted(allowed, key=lambda e: (-ranks[e], e))[: spec.experts_per_token]
        weights = softmax(row[ids]) if spec.score == "softmax_after_topk" else scores[ids]
        if spec.renormalise:
            largest = weights.max()
            weights = weights / (
                largest * ((weights / largest) ** spec.norm_power).sum() ** (1 / spec.norm_power)
            )
        all_ids.append(ids)
        all_weights.append(weights * spec.scale)
    shape = (len(logits), spec.experts_per_token)
    return np.reshape(all_ids, shape).astype(int), np.reshape(all_weights, shape)


def agree(logits, spec, bias=None, **table):
    routing = route(logits, spec, bias, **table)
    ids, weights = reference(logits, spec, bias, **table)
    assert routing.ids.dtype == np.int32
    assert routing.weights.dtype == np.float32
    assert routing.ids.tolist() == ids.tolist()
    np.testing.assert_allclose(routing.weights, weights, rtol=1e-7, atol=1e-38)
    return routing


BIASED = ["softmax", "sigmoid", "sqrt_softplus"]


@st.composite
def routers(draw):
    """Any router that fits: groups of any number, kept groups that hold enough experts."""
    score = draw(st.sampled_from([*SCORES, "sparsemixer"]))
    groups = draw(st.integers(1, 5)) if score in BIASED else 1
    size = draw(st.integers(2, 9))
    kept = draw(st.integers(1, groups))
    free = score not in ("softmax_after_topk", "sparsemixer")
    return RouterSpec(
        experts=groups * size,
        experts_per_token=2 if score == "sparsemixer" else draw(st.integers(1, min(kept * size, 12))),
        score=score,
        groups=groups,
        groups_kept=kept,
        group_score=draw(st.sampled_from(["max", "top2_sum"])),
        dropped_groups=draw(st.sampled_from(["minus_infinity", "zero"])),
        renormalise=draw(st.booleans()) if free else score != "sparsemixer",
        norm_power=draw(st.sampled_from([1.0, 2.0, 3.5])) if free else 1.0,
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
    if spec.score in BIASED and draw(st.booleans()):
        bias = draw(hnp.arrays(np.float32, (spec.experts,), elements=eighths))
    return logits, spec, bias


@given(cases())
def test_agrees_with_the_reference_on_tied_logits(case):
    agree(*case)


@pytest.mark.parametrize(("experts", "k"), [(8, 2), (64, 8), (128, 8), (256, 8), (896, 16), (17, 17), (1, 1)])
@pytest.mark.parametrize("score", list(SCORES))
@pytest.mark.parametrize("renormalise", [True, False])
def test_agrees_with_the_reference_on_random_logits(experts, k, score, renormalise):
    rng = np.random.default_rng(experts)
    logits = (3 * rng.standard_normal((50, experts))).astype(np.float32)
    renormalise = renormalise or score == "softmax_after_topk"
    spec = RouterSpec(experts=experts, experts_per_token=k, score=score, renormalise=renormalise)
    agree(logits, spec)
    if score in BIASED:
        agree(logits, spec, (0.1 * rng.standard_normal(experts)).astype(np.float32))


def test_sparsemixer_agrees_with_the_reference_where_logits_lie_close():
    spec = RouterSpec(experts=16, experts_per_token=2, score="sparsemixer", renormalise=False)
    for shift in (-3.0, 0.0, 3.0):
        logits = (shift + 0.1 * np.random.default_rng(1).standard_normal((200, 16))).astype(np.float32)
        routing = agree(logits, spec)
    assert (routing.weights < 0.9).mean() > 0.3


def test_a_token_table_names_the_experts_and_scores_weigh_them():
    rng = np.random.default_rng(4)
    spec = RouterSpec(
        experts=16, experts_per_token=3, score="sqrt_softplus", selection="token_table", scale=1.5
    )
    table = np.array([rng.permutation(16)[:3] for _ in range(50)], np.int32)
    token_ids = rng.integers(0, 50, 20).astype(np.int32)
    routing = agree(rng.standard_normal((20, 16)).astype(np.float32), spec, token_ids=token_ids, table=table)
    assert routing.ids.tolist() == table[token_ids].tolist()
    np.testing.assert_allclose(routing.weights.sum(axis=1), 1.5, rtol=1e-6)


def test_a_token_table_that_does_not_fit_is_refused():
    spec = RouterSpec(experts=4, experts_per_token=2, selection="token_table")
    logits, ids = np.zeros((2, 4), np.float32), np.array([0, 1], np.int32)
    table = np.array([[0, 1], [3, 3]], np.int32)
    with pytest.raises(ValueError, match=r"table\[token id 1, slot 1\] repeats expert 3"):
        route(logits, spec, token_ids=ids, table=table)
    with pytest.raises(ValueError, match=r"token_ids\[token 1\] must be from 0 to 1, got 2"):
        route(logits, spec, token_ids=ids * 2, table=table)
    with pytest.raises(ValueError, match="one id for each of 2 tokens, got 0"):
        route(logits, spec, table=table)
    with pytest.raises(ValueError, match=r"table must have shape \(token ids, 2\), got \(2, 3\)"):
        route(logits, spec, token_ids=ids, table=np.zeros((2, 3), np.int32))
    with pytest.raises(TypeError, match="token_ids must be a NumPy array of int32, got an array of int64"):
        route(logits, spec, token_ids=ids.astype(np.int64), table=table)
    with pytest.raises(ValueError, match="for selection token_table only"):
        route(logits, RouterSpec(experts=4, experts_per_token=2), token_ids=ids, table=table)
    with pytest.raises(ValueError, match=r"logits\[token 1, expert 2\] is nan"):
        route(np.array([[0] * 4, [0, 0, np.nan, 0]], np.float32), spec, token_ids=ids, table=table)


def bf16(values):
    """Nearest, ties to even."""
    bits = np.asarray(values, np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32)


@pytest.mark.parametrize("kind", ["fp32", "bf16"])
def test_rounded_scores_are_those_of_the_reference_code_step_by_step(kind):
    round_to = bf16 if kind == "bf16" else np.float32
    spec = RouterSpec.for_model(DEEPSEEK_V3)
    spec = dataclasses.replace(spec, score_type=kind)
    rng = np.random.default_rng(8)
    logits = bf16(rng.standard_normal((300, 256)))
    bias = (rng.integers(-20, 20, 256) / 1000).astype(np.float32)
    routing = route(logits, spec, bias)
    for row, ids, weights in zip(logits, routing.ids, routing.weights, strict=True):
        scores = round_to(sigmoid(row.astype(np.float64)))
        ranks = (scores + bias).astype(np.float64)
        by_group = -np.sort(-ranks.reshape(8, 32), axis=1)
        sums = (by_group[:, 0] + by_group[:, 1]).astype(np.float32)
        kept = sorted(range(8), key=lambda g: (-sums[g], g))[:4]
        allowed = [e for e in range(256) if e // 32 in kept]
        expected = sorted(allowed, key=lambda e: (-ranks[e], e))[:8]
        assert ids.tolist() == expected
        chosen = scores[expected].astype(np.float64)
        total = np.float64(round_to(chosen.sum()))
        expected_weights = round_to(round_to(chosen / total).astype(np.float64) * 2.5)
        assert weights.tolist() == expected_weights.tolist()


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
        if spec.dropped_groups == "minus_infinity":
            assert len({expert // size for expert in row}) <= spec.groups_kept


@given(cases())
def test_row_sums_follow_the_family_rule(case):
    logits, spec, bias = case
    weights = route(logits, spec, bias).weights.astype(np.float64)
    sums = (weights**spec.norm_power).sum(axis=1) ** (1 / spec.norm_power)
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
    logits, spec, bias = case
    if spec.score in ("softmax", "softmax_after_topk") and spec.group_score == "max" and bias is None:
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
    with pytest.raises(
        ValueError, match="bias steers selection with score softmax, sigmoid or sqrt_softplus"
    ):
        route(
            good,
            RouterSpec(experts=4, experts_per_token=2, score="softmax_after_topk"),
            np.zeros(4, np.float32),
        )


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
    with pytest.raises(ValueError, match="score sparsemixer needs renormalise = false"):
        RouterSpec(experts=8, experts_per_token=2, score="sparsemixer")
    with pytest.raises(ValueError, match="groups are dropped only where score is softmax"):
        RouterSpec(experts=8, experts_per_token=2, score="sigmoid_after_topk", groups=2)
    with pytest.raises(ValueError, match="latent_width must be from 0"):
        RouterSpec(experts=8, experts_per_token=2, latent_width=-1)
    with pytest.raises(TypeError, match="renormalise must be True or False, got 'yes'"):
        RouterSpec(experts=8, experts_per_token=2, renormalise="yes")


def test_the_python_spec_has_the_fields_and_defaults_of_the_core():
    native = _core.moe.RouterSpec()
    names = {field.name for field in dataclasses.fields(RouterSpec)}
    assert names == {name for name in dir(native) if name not in ("fields", "validate") and name[0] != "_"}
    spec = RouterSpec(experts=native.experts, experts_per_token=native.experts_per_token)
    for name in names:
        value = getattr(native, name)
        assert getattr(spec, name) == getattr(value, "name", value)


def test_a_spec_survives_pickling():
    spec = RouterSpec.for_model(DEEPSEEK_V3)
    assert pickle.loads(pickle.dumps(spec)) == spec


CONFIGS = [
    (
        DEEPSEEK_V3,
        {
            "experts": 256,
            "experts_per_token": 8,
            "score": "sigmoid",
            "groups": 8,
            "groups_kept": 4,
            "scale": 2.5,
        },
    ),
    (
        {"model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2},
        {"experts": 8, "experts_per_token": 2},
    ),
    (
        {"model_type": "qwen3_moe", "num_experts": 128, "num_experts_per_tok": 8, "norm_topk_prob": True},
        {"experts": 128, "experts_per_token": 8},
    ),
    (
        {
            "model_type": "qwen2_moe",
            "num_experts": 60,
            "num_experts_per_tok": 4,
            "shared_expert_intermediate_size": 5632,
        },
        {"experts": 60, "experts_per_token": 4, "renormalise": False, "shared_experts": 1},
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
            "n_shared_experts": 2,
        },
        {
            "experts": 160,
            "experts_per_token": 6,
            "groups": 8,
            "groups_kept": 3,
            "group_score": "max",
            "renormalise": False,
            "scale": 16.0,
            "shared_experts": 2,
        },
    ),
    (
        {
            "model_type": "dbrx",
            "ffn_config": {"moe_num_experts": 16, "moe_top_k": 4, "moe_normalize_expert_weights": 2},
        },
        {"experts": 16, "experts_per_token": 4, "norm_power": 2.0},
    ),
    (
        {
            "model_type": "dbrx",
            "ffn_config": {"moe_num_experts": 16, "moe_top_k": 4, "moe_normalize_expert_weights": None},
        },
        {"experts": 16, "experts_per_token": 4, "renormalise": False},
    ),
    (
        {"model_type": "gpt_oss", "num_local_experts": 128, "num_experts_per_tok": 4},
        {"experts": 128, "experts_per_token": 4, "score": "softmax_after_topk"},
    ),
    (
        {"model_type": "granitemoe", "num_local_experts": 40, "num_experts_per_tok": 8},
        {"experts": 40, "experts_per_token": 8, "score": "softmax_after_topk"},
    ),
    (
        {
            "model_type": "llama4",
            "text_config": {"model_type": "llama4_text", "num_local_experts": 128, "num_experts_per_tok": 1},
        },
        {
            "experts": 128,
            "experts_per_token": 1,
            "score": "sigmoid_after_topk",
            "renormalise": False,
            "scales_input": True,
            "shared_experts": 1,
        },
    ),
    (
        {
            "model_type": "phimoe",
            "num_local_experts": 16,
            "num_experts_per_tok": 2,
            "router_jitter_noise": 0.01,
        },
        {"experts": 16, "experts_per_token": 2, "score": "sparsemixer", "renormalise": False},
    ),
    (
        {"model_type": "grok-1", "num_local_experts": 8, "num_experts_per_tok": 2},
        {"experts": 8, "experts_per_token": 2, "renormalise": False},
    ),
    (
        {"model_type": "hunyuan_v1_moe", "num_experts": 16, "moe_topk": [1, 1], "num_shared_expert": [1, 1]},
        {"experts": 16, "experts_per_token": 1, "shared_experts": 1},
    ),
    (
        {
            "model_type": "nemotron_h",
            "n_routed_experts": 512,
            "num_experts_per_tok": 22,
            "n_shared_experts": 1,
            "moe_latent_size": 1024,
            "routed_scaling_factor": 5.0,
        },
        {
            "experts": 512,
            "experts_per_token": 22,
            "score": "sigmoid",
            "scale": 5.0,
            "shared_experts": 1,
            "latent_width": 1024,
        },
    ),
    (
        {
            "model_type": "step3p5",
            "moe_num_experts": 288,
            "moe_top_k": 8,
            "moe_router_scaling_factor": 3.0,
            "share_expert_dim": 1280,
        },
        {"experts": 288, "experts_per_token": 8, "score": "sigmoid", "scale": 3.0, "shared_experts": 1},
    ),
    (
        {
            "model_type": "mimo_v2_flash",
            "n_routed_experts": 256,
            "num_experts_per_tok": 8,
            "routed_scaling_factor": None,
        },
        {"experts": 256, "experts_per_token": 8, "score": "sigmoid"},
    ),
    (
        {"model_type": "minimax_m2", "num_local_experts": 256, "num_experts_per_tok": 8},
        {"experts": 256, "experts_per_token": 8, "score": "sigmoid"},
    ),
]


@pytest.mark.parametrize(("config", "expected"), CONFIGS)
def test_a_model_configuration_names_its_router(config, expected):
    assert RouterSpec.for_model(config) == RouterSpec(**expected)


PRESETS = {
    "deepseek-v3": {
        "experts": 256,
        "experts_per_token": 8,
        "score": "sigmoid",
        "groups": 8,
        "groups_kept": 4,
        "scale": 2.5,
        "shared_experts": 1,
    },
    "kimi-k2": {
        "experts": 384,
        "experts_per_token": 8,
        "score": "sigmoid",
        "scale": 2.827,
        "shared_experts": 1,
    },
    "deepseek-v2": {
        "experts": 160,
        "experts_per_token": 6,
        "groups": 8,
        "groups_kept": 3,
        "group_score": "max",
        "renormalise": False,
        "scale": 16.0,
        "shared_experts": 2,
    },
    "mixtral-8x7b": {"experts": 8, "experts_per_token": 2},
    "qwen3-235b-a22b": {"experts": 128, "experts_per_token": 8},
    "qwen3-30b-a3b": {"experts": 128, "experts_per_token": 8},
}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_with_experts_has_its_published_router(name):
    assert RouterSpec.for_model(name) == RouterSpec(**PRESETS[name])


DEEPSEEK_V4 = {
    "model_type": "deepseek_v4",
    "n_routed_experts": 256,
    "num_experts_per_tok": 6,
    "n_shared_experts": 1,
    "routed_scaling_factor": 1.5,
    "num_hidden_layers": 43,
    "num_hash_layers": 3,
}


def test_the_first_layers_of_deepseek_v4_route_by_token_id():
    scored = RouterSpec.for_model(DEEPSEEK_V4)
    assert scored == RouterSpec(
        experts=256, experts_per_token=6, score="sqrt_softplus", scale=1.5, shared_experts=1
    )
    hashed = dataclasses.replace(scored, selection="token_table")
    assert [RouterSpec.for_model(DEEPSEEK_V4, layer=layer) for layer in (2, 3)] == [hashed, scored]
    kinds = {"mlp_layer_types": ["moe", "hash_moe"] + ["moe"] * 41}
    assert RouterSpec.for_model(DEEPSEEK_V4 | kinds, layer=1) == hashed
    with pytest.raises(ValueError, match="layer must be from 0 to 42, got 43"):
        RouterSpec.for_model(DEEPSEEK_V4, layer=43)


def test_counts_that_differ_between_layers_need_a_layer():
    config = {"model_type": "hunyuan_v1_moe", "num_experts": 16, "moe_topk": [1, 2]}
    with pytest.raises(ValueError, match="moe_topk differs between layers; say which with layer="):
        RouterSpec.for_model(config)
    assert RouterSpec.for_model(config, layer=1).experts_per_token == 2


def test_a_configuration_without_a_known_router_is_refused():
    with pytest.raises(ValueError, match="'llama' has no router that is covered here; covered are mixtral"):
        RouterSpec.for_model({"model_type": "llama"})
    with pytest.raises(ValueError, match="'mixtral' lacks num_experts_per_tok"):
        RouterSpec.for_model({"model_type": "mixtral", "num_local_experts": 8})
    with pytest.raises(ValueError, match="num_experts_per_tok must be an integer of at least 1, got '2'"):
        RouterSpec.for_model({"model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": "2"})
    with pytest.raises(ValueError, match="routed_scaling_factor must be a finite number, got inf"):
        RouterSpec.for_model(DEEPSEEK_V3 | {"routed_scaling_factor": float("inf")})


def test_a_spec_shows_what_differs_from_the_defaults():
    spec = RouterSpec(experts=8, experts_per_token=2, scale=2.0, renormalise=False)
    assert repr(spec) == "RouterSpec(experts=8, experts_per_token=2, renormalise=False, scale=2.0)"
    assert eval(repr(spec)) == spec
