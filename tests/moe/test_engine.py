"""Dispatch, expert FFN and combine equal a slow reference bit for bit, whatever runs them beside what."""

from decimal import Decimal, getcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpusim.moe import (
    ExpertWeights,
    combine,
    dispatch,
    expert_ffn,
    expert_gemm,
    plan,
    quantise,
    simd_levels,
    traffic,
)

getcontext().prec = 50
LEVELS = simd_levels()
F32 = np.float32


# The reference: exact rational numbers, one rounding where one is promised.


def nearest_fp32(value):
    """The fp32 nearest to a rational number, ties to even."""
    guess = F32(float(value))  # Rounded twice, so perhaps a neighbour of the right one.
    around = [np.nextafter(guess, F32(-np.inf)), guess, np.nextafter(guess, F32(np.inf))]
    return min(around, key=lambda x: (abs(Fraction(float(x)) - value), x.view(np.uint32) & 1))


def e4m3(bits):
    sign, exponent, fraction = bits >> 7, bits >> 3 & 15, bits & 7
    size = (
        Fraction(fraction, 512)
        if exponent == 0
        else Fraction(8 + fraction, 8) * Fraction(2) ** (exponent - 7)
    )
    return -size if sign else size


def exact(array):
    """Numbers as rationals."""
    if array.dtype == np.uint8:
        return [e4m3(int(x)) for x in array.tolist()]
    return [Fraction(x) for x in array.tolist()]


def slow_product(a, w, sum_length):
    """One row with one column."""
    if a.dtype == np.int8:
        return np.int32(a.astype(np.int64) @ w.astype(np.int64))
    pairs = list(zip(exact(a), exact(w), strict=True))
    total = F32(0)
    if a.dtype == np.float32:
        for x, y in pairs:
            total = nearest_fp32(x * y + Fraction(float(total)))
        return total
    for first in range(0, len(pairs), sum_length):
        total = F32(total + nearest_fp32(sum(x * y for x, y in pairs[first : first + sum_length])))
    return total


def slow_gemm(rows, owners, w, sum_length):
    """`owners` are the experts of the rows."""
    return np.array(
        [
            [slow_product(row, w[e, :, n], sum_length) for n in range(w.shape[2])]
            for row, e in zip(rows, owners, strict=True)
        ]
    ).reshape(len(rows), w.shape[2])


def slow_activation(name, gate, up):
    g, u = Decimal(float(gate)), Decimal(float(up))
    if name == "swiglu":
        return nearest_fp32(Fraction(g / (1 + (-g).exp()) * u))
    g, u = min(g, Decimal(7)), min(max(u, Decimal(-7)), Decimal(7))
    return nearest_fp32(Fraction(g / (1 + (-Decimal("1.702") * g).exp()) * (u + 1)))


def slow_narrow(row, dtype, scale):
    """A hidden row in the format of the weights, and what it counts for."""
    if dtype == np.float32:
        return row, F32(1)
    if dtype == np.float16:
        return row.astype(np.float16), F32(1)
    largest = np.abs(row).max()
    if scale is None:
        scale = F32(0) if largest < F32(2.0**-100) else F32(largest / F32(127 if dtype == np.int8 else 448))
    if scale == 0:
        return np.zeros(row.shape, dtype), scale
    scaled = row * F32(1 / scale)
    if dtype == np.int8:
        return np.clip(np.rint(scaled), -128, 127).astype(np.int8), scale
    finite = [bits for bits in range(256) if bits & 127 != 127]
    values = np.array([float(e4m3(bits)) for bits in finite])
    nearest = [
        min(range(254), key=lambda i: (abs(values[i] - float(x)), finite[i] & 1, values[i] < 0))
        for x in scaled
    ]
    bits = np.array([finite[i] for i in nearest], np.uint8)
    return np.where(np.signbit(scaled), bits | 128, bits).astype(np.uint8), scale


def slow_ffn(rows, owners, weights, activation, row_scale, sum_length):
    def project(row, name, e, row_counts):
        sums = slow_gemm([row], [e], getattr(weights, name), sum_length)[0].astype(F32)
        scale, bias = getattr(weights, f"{name}_scale"), getattr(weights, f"{name}_bias")
        scaled = sums if scale is None else sums * scale[e]
        scaled = scaled * row_counts
        return scaled if bias is None else scaled + bias[e]

    result = []
    for r, (row, e) in enumerate(zip(rows, owners, strict=True)):
        counts = F32(1) if row_scale is None else row_scale[r]
        gate, up = project(row, "gate", e, counts), project(row, "up", e, counts)
        hidden = np.array([slow_activation(activation, g, u) for g, u in zip(gate, up, strict=True)], F32)
        static = None if weights.hidden_scale is None else weights.hidden_scale[e]
        narrow, counts = slow_narrow(hidden, weights.gate.dtype, static)
        result.append(project(narrow, "down", e, counts))
    return np.array(result, F32).reshape(len(rows), weights.width)


def slow_combine(rows, done, weights, shared, order, dtype):
    result = []
    for t in range(done.tokens):
        slots = [
            (int(done.inverse[t * done.experts_per_token + s]), s) for s in range(done.experts_per_token)
        ]
        if order == "expert":
            slots.sort()  # Rows stand by expert.
        terms = [rows[r].astype(F32) * (F32(1) if weights is None else weights[t, s]) for r, s in slots]
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        result.append(total if shared is None else total + shared[t])
    return np.array(result, F32).reshape(done.tokens, rows.shape[1]).astype(dtype)


# What is drawn.


@st.composite
def routings(draw, most_tokens=7):
    experts = draw(st.integers(1, 6))
    k = draw(st.integers(1, experts))
    tokens = draw(st.integers(0, most_tokens))
    rows = [draw(st.permutations(range(experts)))[:k] for _ in range(tokens)]
    return np.array(rows, np.int32).reshape(tokens, k), experts


def numbers(seed, dtype, *shape):
    random = np.random.default_rng(seed)
    if dtype == "int8":
        return random.integers(-128, 128, shape, dtype=np.int8)
    if dtype == "fp8":
        return random.choice([b for b in range(256) if b & 127 < 0x60], shape).astype(np.uint8)
    return random.uniform(-1, 1, shape).astype({"fp16": np.float16, "fp32": np.float32}[dtype])


def layer(seed, dtype, experts, width, hidden, *, biases=False, scales=False, hidden_scale=False):
    def columns(i, n, wanted):
        return (
            np.random.default_rng(seed + i).uniform(0.001, 0.1, (experts, n)).astype(F32) if wanted else None
        )

    return ExpertWeights(
        gate=numbers(seed, dtype, experts, width, hidden),
        up=numbers(seed + 1, dtype, experts, width, hidden),
        down=numbers(seed + 2, dtype, experts, hidden, width),
        gate_scale=columns(3, hidden, scales),
        up_scale=columns(4, hidden, scales),
        down_scale=columns(5, width, scales),
        gate_bias=columns(6, hidden, biases),
        up_bias=columns(7, hidden, biases),
        down_bias=columns(8, width, biases),
        hidden_scale=columns(9, 1, True).ravel() if hidden_scale else None,
    )


dtypes = st.sampled_from(["int8", "fp8", "fp16", "fp32"])
levels = st.sampled_from(LEVELS)
threads = st.integers(1, 4)
seeds = st.integers(0, 10**6)


def owners_of(done):
    return np.repeat(np.arange(done.experts), done.load)


def same_bits(a, b):
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a.view(f"u{a.itemsize}"), b.view(f"u{b.itemsize}"))


# Against the reference.


@given(
    routings(),
    st.integers(0, 5),
    st.sampled_from([np.int8, np.uint8, np.float16, np.float32, np.int64]),
    threads,
    levels,
)
def test_dispatch_copies_each_token_to_its_rows(case, width, dtype, threads, simd):
    done = plan(*case)
    x = np.random.default_rng(1).integers(0, 100, (done.tokens, width)).astype(dtype)
    rows = dispatch(x, done, threads=threads, simd=simd)
    np.testing.assert_array_equal(rows, x[done.permutation // done.experts_per_token])
    out = np.zeros_like(rows)
    assert dispatch(x, done, out=out) is out
    np.testing.assert_array_equal(out, rows)


@given(routings(), st.sampled_from([np.float16, np.float32]), threads, levels)
def test_a_scaled_dispatch_rounds_each_product_once(case, dtype, threads, simd):
    done = plan(*case)
    random = np.random.default_rng(2)
    x = random.uniform(-9, 9, (done.tokens, 37)).astype(dtype)
    scale = random.uniform(0, 1, (done.tokens, done.experts_per_token)).astype(F32)
    products = x[:, None, :].astype(np.float64) * scale[:, :, None]  # Exact.
    expected = products.reshape(-1, 37)[done.permutation].astype(dtype)
    same_bits(dispatch(x, done, scale=scale, threads=threads, simd=simd), expected)


@settings(deadline=None, max_examples=40)
@given(
    routings(5), st.integers(1, 40), st.integers(1, 40), dtypes, st.sampled_from([1, 7, 320]), seeds, threads
)
def test_products_equal_the_reference_at_every_level(case, k, n, dtype, sum_length, seed, threads):
    done = plan(*case)
    rows = numbers(seed, dtype, len(done.permutation), k)
    w = numbers(seed + 1, dtype, done.experts, k, n)
    expected = slow_gemm(rows, owners_of(done), w, sum_length)
    for simd in LEVELS:
        seen = expert_gemm(rows, done, w, sum_length=sum_length, threads=threads, simd=simd)
        same_bits(seen, expected.astype(seen.dtype))


@settings(deadline=None, max_examples=30, derandomize=True)
@given(
    routings(4),
    st.integers(1, 12),
    st.integers(1, 12),
    dtypes,
    st.sampled_from(["swiglu", "gpt_oss"]),
    st.booleans(),
    st.booleans(),
    seeds,
)
def test_the_ffn_equals_the_reference_at_every_level(
    case, width, hidden, dtype, activation, biases, static, seed
):
    done = plan(*case)
    narrow = dtype in ("int8", "fp8")
    weights = layer(
        seed, dtype, done.experts, width, hidden, biases=biases, scales=narrow, hidden_scale=narrow and static
    )
    rows = numbers(seed + 20, dtype, len(done.permutation), width)
    row_scale = np.random.default_rng(seed).uniform(0.01, 0.1, len(rows)).astype(F32) if narrow else None
    expected = slow_ffn(
        rows, owners_of(done), weights, activation, row_scale, 131072 if dtype == "fp8" else 320
    )
    for simd in LEVELS:
        how = {"activation": activation, "row_scale": row_scale, "simd": simd, "threads": 2}
        seen = expert_ffn(rows, done, weights, **how)
        np.testing.assert_array_equal(seen, expected)  # Zeros may differ in sign: 0 * -1 + 0.


@given(
    routings(),
    st.integers(1, 70),
    st.sampled_from(["slot", "expert"]),
    st.sampled_from(["float32", "float16"]),
    st.sampled_from([np.float32, np.float16]),
    st.booleans(),
    st.booleans(),
    threads,
    levels,
)
def test_combine_equals_the_reference(
    case, width, order, dtype, row_dtype, weighted, with_shared, threads, simd
):
    done = plan(*case)
    random = np.random.default_rng(3)
    rows = random.normal(0, 1, (len(done.permutation), width)).astype(row_dtype)
    weights = random.uniform(0, 1, (done.tokens, done.experts_per_token)).astype(F32) if weighted else None
    shared = random.normal(0, 1, (done.tokens, width)).astype(F32) if with_shared else None
    expected = slow_combine(rows, done, weights, shared, order, dtype)
    how = {"shared": shared, "order": order, "dtype": dtype, "threads": threads, "simd": simd}
    same_bits(combine(rows, done, weights, **how), expected)
    out = np.empty_like(expected)
    assert combine(rows, done, weights, out=out, **how) is out
    same_bits(out, expected)


@given(st.sampled_from(["int8", "fp8"]), st.integers(0, 5), st.integers(1, 30), seeds)
def test_quantised_rows_equal_the_reference(dtype, count, width, seed):
    x = np.random.default_rng(seed).normal(0, 1, (count, width)).astype(F32)
    numbers, scale = quantise(x, dtype)
    for row, seen, seen_scale in zip(x, numbers, scale, strict=True):
        expected, expected_scale = slow_narrow(row, np.dtype(np.int8 if dtype == "int8" else np.uint8), None)
        np.testing.assert_array_equal(seen, expected)
        assert seen_scale == expected_scale


# Laws.


def through(x, ids, experts, weights, gates, threads=1, simd=None, **placement):
    done = plan(ids, experts)
    rows = dispatch(x, done, threads=threads, simd=simd)
    return combine(
        expert_ffn(rows, done, weights, threads=threads, simd=simd), done, gates, threads=threads, simd=simd
    )


@st.composite
def layers(draw):
    """x, ids, experts, weights, gates of one layer, wide enough for every kind of loop."""
    ids, experts = draw(routings(12))
    dtype, seed = draw(dtypes), draw(seeds)
    width, hidden = draw(st.sampled_from([(33, 70), (64, 128), (5, 3)]))
    x = numbers(seed + 30, dtype, len(ids), width)
    gates = np.random.default_rng(seed).uniform(0, 1, ids.shape).astype(F32)
    return x, ids, experts, layer(seed, dtype, experts, width, hidden, biases=True), gates


@settings(deadline=None, max_examples=40)
@given(layers(), threads, levels)
def test_threads_and_instruction_sets_change_no_bit(case, threads, simd):
    same_bits(through(*case, threads=threads, simd=simd), through(*case, simd="portable"))


@settings(deadline=None, max_examples=40)
@given(layers(), st.data())
def test_permuting_tokens_permutes_results_and_batch_mates_change_no_bit(case, data):
    x, ids, experts, weights, gates = case
    chosen = (
        data.draw(st.lists(st.integers(0, max(0, len(ids) - 1)), max_size=len(ids) * 2)) if len(ids) else []
    )
    some = np.array(chosen, np.int64)
    everyone = through(*case)
    same_bits(through(x[some], ids[some], experts, weights, gates[some]), everyone[some])


@settings(deadline=None, max_examples=40)
@given(layers(), st.randoms(use_true_random=False))
def test_renumbering_experts_with_their_weights_changes_no_bit_in_slot_order(case, random):
    x, ids, experts, weights, gates = case
    new = list(range(experts))
    random.shuffle(new)  # Expert e becomes new[e].
    old = np.argsort(new)
    moved = {
        name: None if array is None else array[old]
        for name, array in ((field, getattr(weights, field)) for field in ExpertWeights.__slots__)
    }
    renumbered = np.array(new, np.int32)[ids]
    same_bits(through(x, renumbered, experts, ExpertWeights(**moved), gates), through(*case))


@settings(deadline=None, max_examples=40)
@given(layers(), st.integers(1, 4), st.data())
def test_placement_and_replicas_change_no_bit(case, chips, data):
    x, ids, experts, weights, gates = case
    done = plan(ids, experts)
    rows = dispatch(x, done)
    homes = [data.draw(st.permutations([*range(chips), *[-1] * (chips - 1)]))[:chips] for _ in range(experts)]
    homes = [home if max(home) >= 0 else [0, *home[1:]] for home in homes]
    token_chip = data.draw(st.lists(st.integers(0, chips - 1), min_size=len(ids), max_size=len(ids)))
    rule = data.draw(st.sampled_from(["token_mod", "source_local"]))
    placed = traffic(
        done,
        token_chip=token_chip,
        expert_chip=homes,
        chips=chips,
        row_bytes=1,
        result_bytes=1,
        replica_rule=rule,
    )
    results = np.empty((len(rows), weights.width), F32)
    owners = owners_of(done)
    for chip in range(chips):  # Each chip computes its own rows, as a plan of its own.
        mine = np.flatnonzero(placed.row_chip == chip)
        np.testing.assert_array_equal(placed.row_slot[mine], np.arange(len(mine)))
        results[mine] = expert_ffn(rows[mine], plan(owners[mine].reshape(-1, 1), experts), weights)
    same_bits(combine(results, done, gates), through(*case))


@given(routings(), threads)
def test_identity_experts_return_the_tokens(case, threads):
    done = plan(*case)
    x = np.random.default_rng(5).normal(0, 1, (done.tokens, 40)).astype(F32)
    k = done.experts_per_token
    halves = [0.5**s for s in range(1, k)] + [0.5 ** (k - 1)]  # They sum to 1 exactly.
    gates = np.tile(np.array(halves, F32), (done.tokens, 1))
    rows = dispatch(x, done, threads=threads)
    np.testing.assert_allclose(combine(rows, done, gates), x, rtol=2**-23 * k)
    if k <= 2:
        same_bits(combine(rows, done, gates), x)


# Degenerate sizes.


@pytest.mark.parametrize("dtype", ["int8", "fp8", "fp16", "fp32"])
@pytest.mark.parametrize("simd", LEVELS)
def test_no_tokens_one_token_all_experts_one_expert(dtype, simd):
    weights = layer(1, dtype, 3, 16, 32)
    for ids in (np.empty((0, 2)), [[2, 0, 1]], [[1]], np.full((9, 1), 2)):
        done = plan(ids, 3)
        x = numbers(4, dtype, done.tokens, 16)
        rows = expert_ffn(dispatch(x, done, simd=simd), done, weights, simd=simd)
        y = combine(rows, done, simd=simd)
        assert y.shape == (done.tokens, 16)
        if done.experts_per_token == 1:
            same_bits(y, rows)
    alone = layer(1, dtype, 1, 16, 32)
    x = numbers(4, dtype, 3, 16)
    done = plan([[0]] * 3, 1)
    same_bits(combine(expert_ffn(x, done, alone, simd=simd), done), expert_ffn(x, done, alone))


def test_top_1_routers_scale_the_input_of_experts():
    # FFN(s x) is not s FFN(x).
    weights = layer(1, "fp32", 2, 8, 8)
    x = numbers(2, "fp32", 4, 8)
    done = plan([[0], [1], [1], [0]], 2)
    gates = np.full((4, 1), 0.3, F32)
    inside = combine(expert_ffn(dispatch(x, done, scale=gates), done, weights), done)
    same_bits(inside, combine(expert_ffn(dispatch(x * F32(0.3), done), done, weights), done))
    outside = combine(expert_ffn(dispatch(x, done), done, weights), done, gates)
    assert not np.allclose(inside, outside)


def test_the_order_of_addition_is_the_callers_choice():
    done = plan([[2, 0, 1]], 3)
    rows = np.array([[1], [-(2**24)], [2**24]], F32)
    assert combine(rows, done).tolist() == [[0.0]]  # (2**24 + 1) - 2**24
    assert combine(rows, done, order="expert").tolist() == [[1.0]]


def test_an_expert_that_gives_nan_gives_the_canonical_one_at_every_level():
    weights = layer(1, "fp32", 1, 4, 4)
    x = np.array([[np.inf, -np.inf, 1, 1]], F32)
    done = plan([[0]], 1)
    for simd in LEVELS:
        y = combine(expert_ffn(x, done, weights, simd=simd), done, simd=simd)
        assert (y.view(np.uint32) == 0x7FC00000).all()


def test_rows_far_beyond_a_cache_arrive_whole():
    ids = np.stack([np.arange(3000) % 4, (np.arange(3000) + 1) % 4], axis=1)
    done = plan(ids, 4)
    x = np.arange(3000 * 1024, dtype=F32).reshape(3000, 1024)
    for simd in LEVELS:
        np.testing.assert_array_equal(dispatch(x, done, simd=simd, threads=2), x[done.permutation // 2])
