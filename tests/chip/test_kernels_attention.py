"""Attention and its cache from Python: the promised bits, near to exact softmax, in both engines."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import lpusim
from lpusim import _core, chip

SMALL = chip.ChipSpec(
    superlanes=2,
    lanes_per_superlane=4,
    streams_per_direction=8,
    positions=13,
    mem_slices_per_hemisphere=20,
    mem_words_per_slice=256,
    mxm_load_streams=4,
    mxm_accumulator_vectors=12,
    mxm_activate_latency_cycles=3,
)
FULL = chip.ChipSpec()


def operands(seed, queries, context, heads, kv_heads, qk_dim, v_dim):
    random = np.random.default_rng(seed)
    shapes = {
        "q": (queries * heads, qk_dim),
        "k": (context, kv_heads * qk_dim),
        "v": (context, kv_heads * v_dim),
    }
    return {name: random.normal(size=shape).astype(np.float16) for name, shape in shapes.items()}


def product(a, w, lanes):
    """Sums of `lanes` products, exact and rounded once, then added in order."""
    return _core.chip.exact_matmul(
        np.ascontiguousarray(a).view(np.uint16), np.ascontiguousarray(w).view(np.uint16), lanes=lanes
    )


def promised(plan, q, k, v, *, queries, context, heads, kv_heads, qk_dim, v_dim, causal=True):
    """The arithmetic that `attention` documents, one row at a time."""
    out = np.empty((queries * heads, v_dim), np.float32)
    scale = np.float32(qk_dim**-0.5)
    for row in range(queries * heads):
        query, head = divmod(row, heads)
        group = head // (heads // kv_heads)
        seen = context - queries + query + 1 if causal else context
        keys = k[:seen, group * qk_dim : (group + 1) * qk_dim]
        values = v[:seen, group * v_dim : (group + 1) * v_dim]
        score = product(q[row : row + 1], keys.T, plan.k_step_lanes)[0]
        p = _core.chip.vector_function("exp", (score - score.max()) * scale).astype(np.float16)
        lanes = np.zeros(plan.tile_keys, np.float32)
        for first in range(0, seen, plan.tile_keys):
            tile = p[first : first + plan.tile_keys]
            lanes[: len(tile)] += tile.astype(np.float32)
        total = product(
            lanes.astype(np.float16)[None], np.ones((plan.tile_keys, 1), np.float16), plan.tile_keys
        )
        root = _core.chip.vector_function("rsqrt", total)[0, 0]
        out[row] = product(p[None], values, plan.tile_keys)[0] * (root * root)
    return out


def exact(q, k, v, *, queries, context, heads, kv_heads, qk_dim, v_dim, causal=True):
    """Softmax attention in double precision."""
    q = q.astype(float).reshape(queries, heads, qk_dim)
    k = np.repeat(k.astype(float).reshape(context, kv_heads, qk_dim), heads // kv_heads, axis=1)
    v = np.repeat(v.astype(float).reshape(context, kv_heads, v_dim), heads // kv_heads, axis=1)
    scores = np.einsum("qhd,khd->hqk", q, k) * qk_dim**-0.5
    if causal:
        scores[:, np.arange(context)[None, :] > np.arange(queries)[:, None] + context - queries] = -np.inf
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.einsum("hqk,khd->qhd", p / p.sum(axis=-1, keepdims=True), v).reshape(queries * heads, v_dim)


def shape(queries, context, heads, kv_heads, qk_dim, v_dim):
    return {
        "queries": queries,
        "context": context,
        "heads": heads,
        "kv_heads": kv_heads,
        "qk_dim": qk_dim,
        "v_dim": v_dim,
    }


@pytest.mark.parametrize("output", ["fp16", "fp32"])
@pytest.mark.parametrize(
    ("spec", "sizes"),
    [
        (SMALL, shape(1, 13, 4, 2, 4, 3)),
        (SMALL, shape(9, 13, 2, 1, 11, 9)),
        (SMALL, shape(13, 13, 3, 3, 8, 6)),
        (FULL, shape(1, 640, 4, 2, 64, 64)),
        (FULL, shape(1, 320, 3, 1, 576, 512)),
        (FULL, shape(7, 321, 2, 2, 80, 80)),
    ],
)
@pytest.mark.parametrize("causal", [True, False])
def test_attention_gives_the_promised_bits_and_is_near_to_exact_softmax(spec, sizes, causal, output):
    inputs = operands(3, **sizes)
    program = chip.attention(spec, **sizes, causal=causal, output=output)
    plan = chip.plan_attention(spec, **sizes, causal=causal, output=output)
    done = chip.run(program, spec, inputs)
    assert done.cycles == plan.cycles == chip.verify(program, spec).cycles
    out = done.outputs["out"]
    want = promised(plan, **inputs, **sizes, causal=causal)
    np.testing.assert_array_equal(out, want.astype(out.dtype))
    largest = np.abs(inputs["v"].astype(float)).max()
    np.testing.assert_allclose(out, exact(**inputs, **sizes, causal=causal), rtol=0, atol=2**-9 * largest)


@settings(deadline=None, max_examples=50)
@given(
    seen=st.tuples(st.integers(1, 20), st.integers(1, 20)).map(sorted),
    kv_heads=st.integers(1, 4),
    shared=st.integers(1, 3),
    qk_dim=st.integers(1, 20),
    v_dim=st.integers(1, 14),
    causal=st.booleans(),
)
def test_any_small_shape_gives_the_promised_bits(seen, kv_heads, shared, qk_dim, v_dim, causal):
    sizes = shape(*seen, kv_heads * shared, kv_heads, qk_dim, v_dim)
    inputs = operands(8, **sizes)
    spec = SMALL.replace(mem_words_per_slice=4096)
    plan = chip.plan_attention(spec, **sizes, causal=causal)
    done = chip.run(chip.attention(spec, **sizes, causal=causal), spec, inputs)
    want = promised(plan, **inputs, **sizes, causal=causal)
    np.testing.assert_array_equal(done.outputs["out"], want.astype(np.float16))
    assert done.cycles == plan.cycles


def test_both_engines_agree():
    sizes = shape(5, 13, 4, 2, 4, 3)
    program = chip.attention(SMALL, **sizes)
    fold, tick = (
        chip.run(program, SMALL, operands(5, **sizes), engine=engine) for engine in ("fold", "tick")
    )
    assert fold.cycles == tick.cycles
    assert fold.units == tick.units
    np.testing.assert_array_equal(fold.outputs["out"], tick.outputs["out"])


def test_rows_behind_the_context_change_nothing():
    sizes = shape(1, 10, 2, 2, 4, 4)
    inputs = operands(6, **sizes)
    short = chip.run(chip.attention(SMALL, **sizes, capacity=20), SMALL, _padded(inputs, 20, 0))
    full = chip.run(chip.attention(SMALL, **sizes, capacity=20), SMALL, _padded(inputs, 20, 100))
    np.testing.assert_array_equal(short.outputs["out"], full.outputs["out"])


def _padded(inputs, rows, value):
    def pad(matrix):
        return np.pad(matrix, ((0, rows - len(matrix)), (0, 0)), constant_values=value)

    return {"q": inputs["q"], "k": pad(inputs["k"]), "v": pad(inputs["v"])}


def test_appending_then_attending_step_by_step_is_attention_over_the_whole():
    sizes = shape(8, 8, 4, 2, 4, 3)
    inputs = operands(7, **sizes)
    whole = chip.run(chip.attention(SMALL, **sizes), SMALL, inputs).outputs["out"]
    cache = {"k": np.zeros_like(inputs["k"]), "v": np.zeros_like(inputs["v"])}
    for position in range(8):
        append = chip.kv_append(SMALL, capacity=8, kv_heads=2, qk_dim=4, v_dim=3, position=position)
        new = {f"{name}_new": inputs[name][position : position + 1] for name in ("k", "v")}
        after = chip.run(append, SMALL, {**cache, **new}).outputs
        cache = {name: after[f"{name}_after"] for name in ("k", "v")}
        decode = chip.attention(SMALL, **{**sizes, "queries": 1, "context": position + 1}, capacity=8)
        rows = slice(position * 4, position * 4 + 4)
        out = chip.run(decode, SMALL, {"q": inputs["q"][rows], **cache}).outputs["out"]
        np.testing.assert_array_equal(out, whole[rows])
    np.testing.assert_array_equal(cache["v"], inputs["v"])


def test_decode_takes_as_many_runs_for_a_long_context_as_for_a_short_one():
    runs = {
        chip.attention(FULL, **shape(1, context, 8, 8, 128, 128)).run_count for context in (700, 7000, 30_000)
    }
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": 3}, "heads must be a multiple of the 2 KV heads, got 3"),
        ({"queries": 14}, "causal queries are the last tokens of the context of 13, got 14 queries"),
        ({"capacity": 12}, "context must be at most the capacity of 12 tokens, got 13"),
        ({"output": "int8"}, "output must be 'fp16' or 'fp32', got 'int8'"),
        ({"v_dim": 0}, "v_dim must be"),
    ],
)
def test_a_shape_that_means_nothing_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        chip.attention(SMALL, **{**shape(1, 13, 4, 2, 4, 3), **changes})


def test_a_cache_that_does_not_fit_says_what_is_short():
    with pytest.raises(lpusim.CapacityError, match="words in each of their 60 SRAM slices") as caught:
        chip.attention(FULL, **shape(1, 40_000, 8, 8, 128, 128))
    assert caught.value.required_bytes > caught.value.available_bytes
    with pytest.raises(
        lpusim.CapacityError, match="at least 4096000000 bytes of SRAM; the chip has 230686720"
    ):
        chip.attention(FULL, **shape(1, 10**6, 8, 8, 128, 128))
    with pytest.raises(ValueError, match="position must be from 0 to 12 for 1 tokens, got 13"):
        chip.kv_append(SMALL, capacity=13, kv_heads=2, qk_dim=4, position=13)
