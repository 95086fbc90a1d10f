"""RMSNorm, LayerNorm and softmax: bit for bit what NumPy computes in the same order, in both engines."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import lpusim
from lpusim import chip

SMALL = chip.ChipSpec(
    superlanes=3,
    lanes_per_superlane=4,
    positions=21,
    mem_slices_per_hemisphere=40,
    mem_words_per_slice=64,
    sxm_shift_latency_cycles=2,
    sxm_permute_latency_cycles=2,
)  # 12 lanes: a factor 4 and a factor 3
FULL = chip.ChipSpec()
SHAPES = [
    (SMALL, rows, columns, dtype)
    for rows in (1, 2, 9)
    for columns in (1, 11, 12, 13, 40)
    for dtype in ("fp16", "fp32")
] + [(FULL, 3, 700, "fp16"), (FULL, 2, 320, "fp32")]
Fp32 = NDArray[np.float32]


def factors(lanes: int) -> list[int]:
    """Fours first, then primes."""
    found = []
    for factor in [4, *range(2, lanes + 1)]:
        while lanes % factor == 0:
            found.append(factor)
            lanes //= factor
    return found


def reduce_row(row: Fp32, lanes: int, combine: np.ufunc) -> Fp32:
    """The vectors of a row in order, then the lanes, rotated by equal steps: the value each column meets."""
    parts = -(-row.size // lanes)
    padded = np.zeros(parts * lanes, np.float32)
    padded[: row.size] = row
    value = padded[:lanes]
    for part in range(1, parts):
        value = combine(value, padded[part * lanes : (part + 1) * lanes])
    stride = lanes
    for factor in factors(lanes):
        stride //= factor
        copies = [np.roll(value, -k * stride) for k in range(factor)]
        while len(copies) > 1:
            half = len(copies) // 2
            copies = [combine(copies[i], copies[i + half]) for i in range(half)] + copies[2 * half :]
        value = copies[0]
    return np.tile(value, parts)[: row.size]


def rsqrt(x: Fp32) -> Fp32:
    return (1 / np.sqrt(x.astype(np.float64))).astype(np.float32)


def check(program: chip.Program, spec: chip.ChipSpec, inputs: dict, expected: Fp32, dtype: str) -> None:
    kind = np.float16 if dtype == "fp16" else np.float32
    for engine in ("fold", "tick"):
        result = chip.run(program, spec, inputs, engine=engine)
        np.testing.assert_array_equal(result.outputs["out"], expected.astype(kind))
        assert result.cycles == chip.verify(program, spec).cycles


def random_rows(rows: int, columns: int, dtype: str) -> tuple[NDArray, NDArray, NDArray]:
    random = np.random.default_rng(rows * 1000 + columns)
    kind = np.float16 if dtype == "fp16" else np.float32
    x = random.normal(1, 3, (rows, columns)).astype(kind)
    gamma, beta = random.normal(0, 1, (2, 1, columns)).astype(kind)
    return x, gamma, beta


@pytest.mark.parametrize(("spec", "rows", "columns", "dtype"), SHAPES)
def test_rmsnorm_equals_numpy_in_the_stated_order(spec, rows, columns, dtype):
    x, gamma, _ = random_rows(rows, columns, dtype)
    expected = np.empty((rows, columns), np.float32)
    for row, wide in enumerate(x.astype(np.float32)):
        mean = reduce_row(wide * wide, spec.lanes, np.add) * (np.float32(1) / np.float32(columns))
        expected[row] = rsqrt(mean + np.float32(1e-5)) * wide * gamma[0].astype(np.float32)
    program = chip.rmsnorm(spec, rows=rows, columns=columns, dtype=dtype)
    check(program, spec, {"x": x, "gamma": gamma}, expected, dtype)


@pytest.mark.parametrize(("spec", "rows", "columns", "dtype"), SHAPES)
def test_layernorm_equals_numpy_in_the_stated_order(spec, rows, columns, dtype):
    x, gamma, beta = random_rows(rows, columns, dtype)
    share = np.float32(1) / np.float32(columns)
    expected = np.empty((rows, columns), np.float32)
    for row, wide in enumerate(x.astype(np.float32)):
        distance = wide - reduce_row(wide, spec.lanes, np.add) * share
        variance = reduce_row(distance * distance, spec.lanes, np.add) * share
        unit = rsqrt(variance + np.float32(1e-5)) * distance
        expected[row] = unit * gamma[0].astype(np.float32) + beta[0].astype(np.float32)
    program = chip.layernorm(spec, rows=rows, columns=columns, dtype=dtype)
    check(program, spec, {"x": x, "gamma": gamma, "beta": beta}, expected, dtype)


@pytest.mark.parametrize(("spec", "rows", "columns", "dtype"), SHAPES)
def test_softmax_equals_numpy_in_the_stated_order(spec, rows, columns, dtype):
    x, _, _ = random_rows(rows, columns, dtype)
    expected = np.empty((rows, columns), np.float32)
    for row, wide in enumerate(x.astype(np.float32)):
        power = np.exp((wide - wide.max()).astype(np.float64)).astype(np.float32)
        root = rsqrt(reduce_row(power, spec.lanes, np.add))
        expected[row] = root * root * power
    program = chip.softmax(spec, rows=rows, columns=columns, dtype=dtype)
    check(program, spec, {"x": x}, expected, dtype)
    sums = chip.run(program, spec, {"x": x}).outputs["out"].astype(np.float64).sum(axis=1)
    np.testing.assert_allclose(sums, 1, atol=1e-5 if dtype == "fp32" else columns * 2.0**-12)


@pytest.mark.parametrize(("spec", "rows", "columns", "dtype"), SHAPES)
def test_a_row_sum_equals_numpy_in_the_stated_order(spec, rows, columns, dtype):
    x, _, _ = random_rows(rows, columns, dtype)
    sums = [reduce_row(wide, spec.lanes, np.add)[0] for wide in x.astype(np.float32)]
    program = chip.row_sum(spec, rows=rows, columns=columns, dtype=dtype)
    check(program, spec, {"x": x}, np.array(sums, np.float32).reshape(rows, 1), "fp32")


@pytest.mark.parametrize(("spec", "rows", "columns", "dtype"), SHAPES)
@pytest.mark.parametrize(("kernel", "expected"), [(chip.row_max, np.max), (chip.row_min, np.min)])
def test_the_greatest_and_least_of_a_row_are_numpys(spec, rows, columns, dtype, kernel, expected):
    """All of one sign, so that padding taken for a number would win."""
    x, _, _ = random_rows(rows, columns, dtype)
    x = -np.abs(x) - 1 if kernel is chip.row_max else np.abs(x) + 1
    program = kernel(spec, rows=rows, columns=columns, dtype=dtype)
    check(program, spec, {"x": x}, expected(x, axis=1, keepdims=True), "fp32")


@pytest.mark.parametrize(("spec", "columns"), [(SMALL, 1), (SMALL, 12), (SMALL, 29), (FULL, 700)])
def test_integer_rows_are_reduced_exactly(spec, columns):
    x = np.random.default_rng(columns).integers(-(2**31), 2**31, (5, columns), np.int32)
    x[0] = -(2**31)
    for kernel, expected in (
        (chip.row_sum, x.sum(axis=1, dtype=np.int32)),
        (chip.row_max, x.max(axis=1)),
        (chip.row_min, x.min(axis=1)),
    ):
        program = kernel(spec, rows=5, columns=columns, dtype="int32")
        for engine in ("fold", "tick"):
            out = chip.run(program, spec, {"x": x}, engine=engine).outputs["out"]
            np.testing.assert_array_equal(out[:, 0], expected)


def test_one_nan_makes_the_greatest_of_its_row_nan():
    x = np.zeros((2, 13), np.float16)
    x[1, 12] = np.nan
    program = chip.row_max(SMALL, rows=2, columns=13)
    out = chip.run(program, SMALL, {"x": x}).outputs["out"]
    assert out[0, 0] == 0
    assert np.isnan(out[1, 0])


@pytest.mark.parametrize("kernel", [chip.rmsnorm, chip.layernorm, chip.softmax, chip.row_sum])
def test_rows_beyond_the_first_cost_one_period_each(kernel):
    """(ceil(rows / ways) - 1) x period + depth: equal steps while rows are many."""
    cycles = [chip.verify(kernel(FULL, rows=r, columns=1000), FULL).cycles for r in (600, 800, 1000)]
    assert cycles[2] - cycles[1] == cycles[1] - cycles[0]
    assert (cycles[2] - cycles[1]) % 100 == 0  # 200 rows: 100 turns of two ways, or 200 of one


def test_rmsnorm_of_many_rows_costs_at_most_one_cycle_a_vector():
    few, many = (chip.verify(chip.rmsnorm(FULL, rows=r, columns=4096), FULL).cycles for r in (64, 128))
    assert many - few <= 64 * 13


def test_bad_sizes_types_and_chips_are_refused():
    with pytest.raises(ValueError, match="rows must be"):
        chip.softmax(FULL, rows=0, columns=1)
    with pytest.raises(ValueError, match="softmax is for fp16 and fp32, not int8"):
        chip.softmax(FULL, rows=1, columns=1, dtype="int8")
    with pytest.raises(ValueError, match="int32, fp16 and fp32, not in int8"):
        chip.row_sum(FULL, rows=1, columns=1, dtype="int8")
    with pytest.raises(ValueError, match="needs 8 SXM queues a hemisphere; there are 4"):
        chip.rmsnorm(SMALL.replace(sxm_queues_per_hemisphere=4), rows=1, columns=1)
    with pytest.raises(lpusim.CapacityError, match="SRAM"):
        chip.rmsnorm(SMALL, rows=5000, columns=40)
    with pytest.raises(TypeError, match="spec"):
        chip.rmsnorm(None, rows=1, columns=1)


@pytest.mark.parametrize(
    "fields",
    [
        {"superlanes": 1, "lanes_per_superlane": 1},
        {"superlanes": 1, "positions": 7, "sxm_permute_latency_cycles": 1, "mem_write_latency_cycles": 16},
        {"mem_write_latency_cycles": 64},
    ],
)
def test_values_kept_in_sram_are_read_only_once_they_are_written(fields: dict[str, int]) -> None:
    spec = chip.ChipSpec(**fields)
    x = np.random.default_rng(3).normal(size=(2, 3)).astype(np.float32)
    program = chip.softmax(spec, rows=2, columns=3, dtype="fp32")
    got = chip.run(program, spec, {"x": x}).outputs["out"]
    raised = np.exp(x - x.max(axis=1, keepdims=True))
    np.testing.assert_allclose(got, raised / raised.sum(axis=1, keepdims=True), rtol=1e-5)
