"""Pointwise chains and activation functions against NumPy, in both engines."""

from __future__ import annotations

import numpy as np
import pytest

import lpusim
from lpusim import chip

FULL = chip.ChipSpec()
SMALL = chip.ChipSpec(
    superlanes=2,
    lanes_per_superlane=4,
    positions=21,
    mem_slices_per_hemisphere=40,
    mem_words_per_slice=64,
)


def outputs(program: chip.Program, spec: chip.ChipSpec, **inputs: np.ndarray) -> np.ndarray:
    fold, tick = (chip.run(program, spec, inputs, engine=engine) for engine in ("fold", "tick"))
    assert fold.cycles == tick.cycles == chip.verify(program, spec).cycles
    assert fold.outputs["out"].tobytes() == tick.outputs["out"].tobytes()
    return fold.outputs["out"]


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 8), (3, 9), (50, 5), (2, 100)])
def test_a_residual_addition_in_fp16_is_numpys(rows, columns):
    random = np.random.default_rng(rows)
    a, b = random.normal(0, 100, (2, rows, columns)).astype(np.float16)
    program = chip.pointwise(SMALL, [("add", "b")], rows=rows, columns=columns, dtype="fp16")
    np.testing.assert_array_equal(outputs(program, SMALL, a=a, b=b), a + b)


def test_a_chain_may_change_types_and_use_numbers_and_inputs_again():
    random = np.random.default_rng(5)
    a = random.integers(-(2**20), 2**20, (7, 20), dtype=np.int32)
    scale = random.uniform(0, 1e-3, (7, 20)).astype(np.float32)
    steps = [("add", 5), ("scale", "scale", "fp32"), ("max", 0.0), ("convert", "fp16"), ("add", "late")]
    late = random.normal(0, 1, (7, 20)).astype(np.float16)
    program = chip.pointwise(SMALL, steps, rows=7, columns=20, dtype="int32")
    expected = np.maximum((a + 5).astype(np.float32) * scale, 0).astype(np.float16) + late
    np.testing.assert_array_equal(outputs(program, SMALL, a=a, scale=scale, late=late), expected)


@pytest.mark.parametrize(
    ("dtype", "ways"), [("int8", 16), ("fp16", 14), ("fp32", 7)], ids=["16 ALUs", "88 slices", "88 slices"]
)
def test_an_addition_is_bound_by_alus_or_slices(dtype, ways):
    cycles = [
        chip.verify(chip.pointwise(FULL, [("add", "b")], rows=r, columns=320, dtype=dtype), FULL).cycles
        for r in (100 * ways, 200 * ways)
    ]
    assert cycles[1] - cycles[0] == 100


def exact(name: str, x: np.ndarray, up: np.ndarray) -> np.ndarray:
    x, up = x.astype(np.float64), up.astype(np.float64)
    s = 2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3) if name == "gelu" else x
    with np.errstate(over="ignore"):
        value = x / (1 + np.exp(-s))
    return value * up if name == "swiglu" else value


def ordinal(x: np.ndarray) -> np.ndarray:
    """Neighbouring fp16 numbers are neighbouring integers; both zeros are 0."""
    bits = x.view(np.int16).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFF), bits)


@pytest.mark.parametrize("name", ["silu", "gelu", "swiglu"])
def test_activations_of_every_fp16_number_are_within_one_ulp(name):
    x = np.arange(2**16, dtype=np.uint16).view(np.float16)
    x = x[np.isfinite(x)].reshape(31, -1)
    up = np.full_like(x, 0.75)
    program = getattr(chip, name)(FULL, rows=x.shape[0], columns=x.shape[1])
    inputs = {"gate": x, "up": up} if name == "swiglu" else {"x": x}
    out = chip.run(program, FULL, inputs).outputs["out"]
    with np.errstate(over="ignore"):
        nearest = exact(name, x, up).astype(np.float16)
    steps = np.abs(ordinal(out) - ordinal(nearest))
    assert steps.max() <= 1
    assert (steps == 0).mean() > 0.99  # The rest are ties or next to them.


@pytest.mark.parametrize("name", ["silu", "gelu", "swiglu"])
def test_activations_agree_in_both_engines(name):
    x = np.linspace(-20, 20, 60, dtype=np.float16).reshape(3, 20)
    inputs = {"gate": x, "up": x} if name == "swiglu" else {"x": x}
    outputs(getattr(chip, name)(SMALL, rows=3, columns=20), SMALL, **inputs)


def test_bad_chains_are_refused():
    def build(steps, **more):
        return chip.pointwise(SMALL, steps, **{"rows": 2, "columns": 2, "dtype": "fp32", **more})

    with pytest.raises(ValueError, match="unknown VXM operation 'plus'"):
        build([("plus", "b")])
    with pytest.raises(ValueError, match="at least one"):
        build([])
    with pytest.raises(ValueError, match=r"steps\[0\]: operands beside the value so far must be 1, got 0"):
        build([("add",)])
    with pytest.raises(ValueError, match="used as fp32 and as fp16"):
        build([("add", "b"), ("convert", "fp16"), ("add", "b")])
    with pytest.raises(ValueError, match="dtype must be"):
        build([("neg",)], dtype="int7")
    with pytest.raises(TypeError):
        build([("add", object())])
    with pytest.raises(lpusim.CapacityError, match="SRAM slices"):
        build([("neg",)], rows=5000)


@pytest.mark.parametrize(("kernel", "operations"), [("silu", 8), ("swiglu", 10), ("gelu", 12)])
def test_an_activation_takes_as_many_operations_as_it_says(kernel: str, operations: int) -> None:
    spec = chip.ChipSpec()
    program = getattr(chip, kernel)(spec, rows=100, columns=320)
    assert chip.verify(program, spec).accounting.alu_vectors == 100 * operations
