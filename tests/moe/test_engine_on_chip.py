"""The engine on arrays gives the bits of the chip's expert kernel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpusim import chip
from lpusim.moe import expert_gemm, plan, simd_levels

SMALL = chip.ChipSpec(
    superlanes=2,
    lanes_per_superlane=4,
    streams_per_direction=16,
    positions=13,
    mem_slices_per_hemisphere=60,
    mem_words_per_slice=256,
    mxm_load_streams=4,
    mxm_accumulator_vectors=6,
    mxm_activate_latency_cycles=3,
)


def numbers(seed, dtype, *shape):
    """Any numbers of a type, but no NaN and nothing infinite among floats."""
    bits = np.random.default_rng(seed).integers(0, 256, (*shape, 2), dtype=np.uint8)
    if dtype == "int8":
        return np.ascontiguousarray(bits[..., 0]).view(np.int8)
    if dtype == "fp8":
        return np.where(bits[..., 0] & 127 == 127, np.uint8(0), bits[..., 0])
    halves = np.ascontiguousarray(bits).view(np.float16)[..., 0]
    return np.where(np.isfinite(halves), halves, np.float16(0)).astype(np.float16)


def on_chip(spec, engine, rows, w, owners, dtype):
    """One slot a row, as decode has it."""
    experts, k, n = w.shape
    program = chip.expert_gemm(spec, experts=experts, slots=len(rows), rows=1, n=n, k=k, dtype=dtype)
    inputs = {"a": rows, "expert": chip.expert_numbers(spec, owners)}
    inputs |= {f"w{e}": w[e] for e in range(experts)}
    return chip.run(program, spec, inputs, engine=engine).outputs["c"]


def same_bits(a, b):
    assert a.dtype == b.dtype
    np.testing.assert_array_equal(a.view(np.uint32), b.view(np.uint32))


@pytest.mark.parametrize("dtype", ["int8", "fp16", "fp8"])
@settings(deadline=None, max_examples=12)
@given(
    experts=st.integers(1, 3),
    tokens=st.integers(1, 4),
    n=st.integers(1, 20),
    k=st.integers(1, 20),
    seed=st.integers(0, 10**6),
)
def test_products_on_arrays_equal_those_of_both_chip_engines(dtype, experts, tokens, n, k, seed):
    ids = np.random.default_rng(seed).integers(0, experts, (tokens, 1))
    done = plan(ids, experts)
    owners = np.repeat(np.arange(experts), done.load).tolist()
    rows, w = numbers(seed, dtype, tokens, k), numbers(seed + 1, dtype, experts, k, n)
    with np.errstate(invalid="ignore"):
        ticked = on_chip(SMALL, "tick", rows, w, owners, dtype)
    same_bits(on_chip(SMALL, "fold", rows, w, owners, dtype), ticked)
    for simd in simd_levels():
        same_bits(expert_gemm(rows, done, w, sum_length=SMALL.lanes, simd=simd, threads=2), ticked)


@pytest.mark.parametrize("dtype", ["int8", "fp16", "fp8"])
def test_products_on_320_lanes_equal_the_chips(dtype):
    spec = chip.ChipSpec()
    done = plan([[1], [0], [1], [2], [1]], 3)
    rows, w = numbers(3, dtype, 5, 700), numbers(4, dtype, 3, 700, 330)
    expected = on_chip(spec, "fold", rows, w, [0, 1, 1, 1, 2], dtype)
    for simd in simd_levels():
        same_bits(expert_gemm(rows, done, w, sum_length=320, simd=simd), expected)
