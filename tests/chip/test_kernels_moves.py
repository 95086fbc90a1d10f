"""Transposes: what NumPy does, bit for bit, in both engines, and the cycles of the formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lpusim
from lpusim import chip

FULL = chip.ChipSpec()
SMALL = FULL.replace(superlanes=4, lanes_per_superlane=8)  # 32 lanes
BYTES = {"int8": 1, "fp16": 2}


def formula(spec: chip.ChipSpec, rows: int, columns: int, dtype: str, address_hops: int) -> int:
    """Of a program with the input in one group of slices a byte, as the docstring has it."""
    lanes, width = spec.lanes, spec.lanes_per_superlane
    chunks = [-(-((side - 1) % lanes + 1) // width) for side in (rows, columns)]
    tiles = math.ceil(rows / lanes) * math.ceil(columns / lanes)
    steps = BYTES[dtype] * ((tiles - 1) * spec.superlanes + min(spec.superlanes, sum(chunks) - 1))
    hops = (spec.positions - 1) // 2 - 1
    latencies = (
        spec.sxm_permute_latency_cycles
        + spec.sxm_transpose_latency_cycles
        + spec.vxm_alu_latency_cycles
        + 2 * spec.mem_read_latency_cycles
        + 2 * spec.mem_map_latency_cycles
        + spec.mem_write_latency_cycles
    )
    return steps + 4 * hops + address_hops + spec.superlanes + latencies - 2


def any_bits(rows: int, columns: int, dtype: str) -> np.ndarray:
    """Every bit pattern in turn: -128, infinities, NaN with all payloads, both zeros, subnormals."""
    if dtype == "int8":
        return np.arange(rows * columns).astype(np.uint8).view(np.int8).reshape(rows, columns)
    return (
        np.arange(0x7B00, 0x7B00 + rows * columns).astype(np.uint16).view(np.float16).reshape(rows, columns)
    )


@pytest.mark.parametrize("dtype", ["int8", "fp16"])
@pytest.mark.parametrize(
    ("spec", "rows", "columns"),
    [
        (SMALL, 1, 1),
        (SMALL, 32, 32),
        (SMALL, 1, 300),
        (SMALL, 300, 1),
        (SMALL, 33, 65),
        (SMALL, 100, 70),
        (FULL, 320, 320),
        (FULL, 33, 641),
        (FULL, 1000, 700),
    ],
)
def test_a_transpose_equals_numpy_bit_for_bit(spec, rows, columns, dtype):
    x = any_bits(rows, columns, dtype)
    program = chip.transpose(spec, rows, columns, dtype=dtype)
    fold, tick = (chip.run(program, spec, {"x": x}, engine=engine) for engine in ("fold", "tick"))
    assert fold.outputs["out"].tobytes() == np.ascontiguousarray(x.T).tobytes()
    assert tick.outputs["out"].tobytes() == fold.outputs["out"].tobytes()
    cost = chip.transpose_cost(spec, rows, columns, dtype=dtype)
    assert fold.cycles == tick.cycles == chip.verify(program, spec).cycles == cost.cycles


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 60),
    columns=st.integers(1, 60),
    dtype=st.sampled_from(["int8", "fp16"]),
    superlanes=st.integers(1, 5),
    width=st.sampled_from([1, 2, 3, 4, 6, 8, 16]),
    words=st.sampled_from([24, 64, 102]),
    latencies=st.tuples(st.integers(1, 2), st.integers(0, 5), st.integers(0, 5), st.integers(1, 3)),
)
def test_a_transpose_works_on_any_chip(rows, columns, dtype, superlanes, width, words, latencies):
    read, mapped, write, alu = latencies
    spec = chip.ChipSpec(
        superlanes=superlanes,
        lanes_per_superlane=width,
        mem_words_per_slice=words,
        mem_read_latency_cycles=read,
        mem_map_latency_cycles=mapped,
        mem_write_latency_cycles=write,
        vxm_alu_latency_cycles=alu,
    )
    x = any_bits(rows, columns, dtype)
    try:
        cost = chip.transpose_cost(spec, rows, columns, dtype=dtype)
    except lpusim.CapacityError:
        with pytest.raises(lpusim.CapacityError):
            chip.transpose(spec, rows, columns, dtype=dtype)
        return
    program = chip.transpose(spec, rows, columns, dtype=dtype)
    fold, tick = (chip.run(program, spec, {"x": x}, engine=engine) for engine in ("fold", "tick"))
    assert fold.outputs["out"].tobytes() == tick.outputs["out"].tobytes() == x.T.tobytes()
    assert fold.cycles == tick.cycles == cost.cycles
    assert not chip.lint(program, spec)


def test_two_transposes_give_the_matrix_back():
    x = any_bits(77, 50, "int8")
    first = chip.run(chip.transpose(SMALL, 77, 50), SMALL, {"x": x}).outputs["out"]
    second = chip.run(chip.transpose(SMALL, 50, 77), SMALL, {"x": first}).outputs["out"]
    np.testing.assert_array_equal(second, x)


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 319, 320, 321, 3201])
@pytest.mark.parametrize("columns", [1, 17, 320, 1000])
def test_cycles_of_a_transpose_follow_the_formula(rows, columns):
    assert chip.transpose_cost(FULL, rows, columns).cycles == formula(FULL, rows, columns, "int8", 10)
    assert chip.transpose_cost(FULL, rows, columns, dtype="fp16").cycles == formula(
        FULL, rows, columns, "fp16", 17
    )


def test_a_transpose_moves_sixteen_vectors_a_cycle():
    cost = chip.transpose_cost(FULL, 6400, 6400)
    assert cost.steps == 6400 * 6400 // (16 * 320)
    assert 0.59 < cost.utilisation < 17 / 28


def test_what_cannot_be_transposed_is_refused():
    with pytest.raises(ValueError, match="rows must be"):
        chip.transpose(FULL, 0, 5)
    with pytest.raises(ValueError, match="int8, fp8 or fp16, not fp32"):
        chip.transpose(FULL, 5, 5, dtype="fp32")
    with pytest.raises(ValueError, match="got 'int9'"):
        chip.transpose(FULL, 5, 5, dtype="int9")
    with pytest.raises(TypeError, match="dtype must be a str"):
        chip.transpose(FULL, 5, 5, dtype=8)
    with pytest.raises(TypeError):
        chip.transpose(FULL, 5.5, 5)
    with pytest.raises(lpusim.CapacityError, match="48 SRAM slices in each half of the chip") as caught:
        chip.transpose(FULL, 320 * 817, 320)
    assert caught.value.required_bytes > caught.value.available_bytes
    with pytest.raises(lpusim.CapacityError):
        chip.transpose(FULL, 2**31, 2**31)
