"""The largest, the smallest and the strangest that a caller can ask of the chip room."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest

import lpusim
from lpusim import _core, chip

SPEC = chip.ChipSpec()
SMALL = chip.ChipSpec(
    superlanes=2,
    lanes_per_superlane=4,
    positions=21,
    mem_slices_per_hemisphere=40,
    mem_words_per_slice=64,
)
COPY = "@0 mem.w.0 read 0 -> e.0{0}@4 mem.e.0 write 0 <- e.0{0}"


def copies(count: int) -> chip.Program:
    return chip.Program.parse(COPY.format(f" repeat {count} every 1\n"))


def seconds_of(call) -> float:
    started = time.monotonic()
    call()
    return time.monotonic() - started


def test_a_run_of_1e8_instructions_takes_no_longer_than_one():
    # The last write is taken at 4 + 1e8 - 1 and reaches SRAM a cycle later; 20 superlanes.
    assert chip.verify(copies(10**8), SPEC).cycles == 4 + 10**8 + 20
    assert seconds_of(lambda: chip.verify(copies(10**8), SPEC)) < 1


def test_a_text_of_many_lines_costs_a_bounded_number_of_bytes_a_line():
    lines = 200_000
    text = "".join(f"@{2 * i} mem.w.0 read {i % 8192} -> e.0\n" for i in range(lines))
    tracemalloc.start()
    program = chip.Program.parse(text)
    verdict = chip.verify(program, SPEC)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert program.run_count == lines
    assert verdict.cycles == 2 * (lines - 1) + 2 + 1 + 19  # The last one drives 2 cycles after its issue.
    assert peak < 100 * lines  # Of Python's own; the core's lines are small structs.


@pytest.mark.parametrize("engine", ["fold", "tick"])
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("@0 mem.w.0 read 8192 -> e.0", r"cycle 0: run 0 \(line 1\) on mem\.w\.0 .*8192"),
        ("@0 mem.w.0 read 8190 -> e.0 repeat 5 every 3 address 1", r"cycle 6: run 0 .*8192"),
        ("@0 mem.w.0 read 1 -> e.0 repeat 5 every 3 address -1", r"cycle 6: run 0 .*-1"),
        (
            COPY.format("\n") + "\n@9 mem.w.0 read 1099511627776 -> e.0",
            r"cycle 9: run 2 .*1099511627776",
        ),
    ],
)
def test_an_address_past_sram_is_the_first_error_of_both_engines(engine, text, complaint):
    with pytest.raises(lpusim.ScheduleError, match=complaint):
        chip.run(chip.Program.parse(text), SPEC, engine=engine)


@pytest.mark.parametrize("count", [2**30 + 1, 10**11, 2**50])
def test_more_values_than_can_be_computed_are_refused_at_once_and_their_time_is_told(count):
    with pytest.raises(
        lpusim.CapacityError,
        match=rf"move {2 * count} vectors .*at most 2147483648, about a minute: run it with",
    ):
        chip.run(copies(count), SPEC)
    assert chip.run(copies(count), SPEC, values=False).cycles == 4 + count + 20


def test_the_most_values_that_are_computed_are_begun():
    def stop(done: int, total: int) -> None:
        if done > 10**6:
            raise KeyboardInterrupt(total)

    with pytest.raises(KeyboardInterrupt, match=str(2**31 + 2)):  # Two runs to match, and 2^31 moves.
        chip.run(copies(2**30), SPEC, progress=stop)


def test_a_multiplication_counts_as_what_it_takes():
    # An int8 activation of 320 lanes takes as long as 41 vectors moved, an fp16 one 161.
    for dtype, moves in (("int8", 41), ("fp16", 161)):
        text = (
            "@0 mem.w.0 read 0 -> w.0\n"
            "@23 mxm.w.0.weights load 0 <- w.0 streams 1\n@24 mxm.w.0.weights install\n"
            "@23 mxm.w.1.weights load 0 <- w.0 streams 1\n@24 mxm.w.1.weights install\n"
            "@2 mem.w.0 read 0 -> w.0 repeat 500000000 every 4\n"
            "@2 mem.w.1 read 0 -> w.1 repeat 500000000 every 4\n"
            f"@25 mxm.w.0.activations activate {dtype} <- w.0 repeat 500000000 every 4\n"
        )
        with pytest.raises(lpusim.CapacityError, match=f"move {5 + (2 + moves) * 500_000_000} vectors"):
            chip.run(chip.Program.parse(text), SPEC)


@pytest.mark.parametrize("engine", ["fold", "tick"])
@pytest.mark.parametrize("values", [True, False])
def test_an_empty_program_does_nothing(engine, values):
    run = chip.run(chip.Program.parse(""), SPEC, engine=engine, values=values)
    assert run.cycles == chip.verify(chip.Program.parse("# nothing\n\n"), SPEC).cycles == 0
    assert run.outputs == {}
    assert chip.Program.parse("").text() == ""


@pytest.mark.parametrize(
    "name", [field for field in SPEC.to_dict() if isinstance(SPEC.to_dict()[field], int)]
)
def test_a_spec_refuses_what_is_below_the_range_of_each_field(name):
    with pytest.raises(ValueError, match=f"{name} must be"):
        chip.ChipSpec(**{name: -1})


@pytest.mark.parametrize("name", ["superlanes", "lanes_per_superlane", "streams_per_direction", "vxm_alus"])
def test_a_chip_without_lanes_streams_or_alus_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be from 1"):
        chip.ChipSpec(**{name: 0})


def special(dtype: type, rolled: int) -> np.ndarray:
    """All pairs of eight strange numbers, if combined with the same at another `rolled`."""
    info = np.finfo(dtype)
    strange = [np.nan, -np.nan, np.inf, -np.inf, -0.0, info.max, -info.smallest_subnormal, 1.5]
    row = np.array(strange, dtype)
    return np.stack([np.roll(row, rolled * shift) for shift in range(8)])


def strange(random: np.random.Generator, dtype: str, *shape: int) -> np.ndarray:
    """Small whole numbers with a few NaN and infinities among them; fp8 has no infinities."""
    x = random.integers(-8, 9, shape).astype(np.float32)
    odd = random.choice(np.array([np.nan, np.inf, -np.inf, -0.0], np.float32), shape)
    if dtype == "fp8":
        odd[np.isinf(odd)] = np.nan
    return np.where(random.random(shape) < 0.06, odd, x)


def by_the_rules(a: np.ndarray, w: np.ndarray) -> np.ndarray:
    """NaN from a NaN, infinity times zero, and opposite infinities; infinity from one; else the sum."""
    with np.errstate(invalid="ignore"):
        products = a.astype(np.float64)[:, :, None] * w.astype(np.float64)[None, :, :]
        return products.sum(axis=1).astype(np.float32)


@pytest.mark.parametrize("wide", [0, 1])
@pytest.mark.parametrize("dtype", ["fp8", "fp16"])
@pytest.mark.parametrize("build", [chip.gemm, chip.gemm_resident])
def test_nan_and_infinities_go_through_every_product_alike_in_both_engines(build, dtype, wide):
    spec = SMALL.replace(mxm_wide_accumulate=wide, mem_words_per_slice=256, mxm_activate_latency_cycles=3)
    random = np.random.default_rng(wide)
    m, n, k = 30, 14, 8 if build is chip.gemm_resident else 20  # Of gemm three passes: sums meet, too.
    a, w = strange(random, dtype, m, k), strange(random, dtype, k, n)
    expected = by_the_rules(a, w)
    assert np.isnan(expected).any()
    assert np.isfinite(expected).any()
    assert dtype == "fp8" or np.isinf(expected).any()
    if dtype == "fp8":
        inputs = {"a": _core.chip.fp8_from_fp32(a), "w": _core.chip.fp8_from_fp32(w)}
    else:
        inputs = {"a": a.astype(np.float16), "w": w.astype(np.float16)}
    program = build(spec, m, n, k, dtype=dtype)
    fold, tick = (chip.run(program, spec, inputs, engine=engine).outputs["c"] for engine in ("fold", "tick"))
    assert fold.tobytes() == tick.tobytes()
    assert np.all(fold.view(np.uint32)[np.isnan(fold)] == 0x7FC00000)
    np.testing.assert_array_equal(fold, expected)


NUMPY = {
    "pass": lambda a: a,
    "abs": np.abs,
    "neg": np.negative,
    "exp": np.exp,
    "rsqrt": lambda a: 1 / np.sqrt(a),
    "tanh": np.tanh,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "equal": np.equal,
    "less": np.less,
    "less_equal": np.less_equal,
}


@pytest.mark.parametrize("dtype", ["fp16", "fp32"])
@pytest.mark.parametrize("operation", [*NUMPY, "max", "min", "relu", "mask", "select"])
def test_nan_and_infinities_go_through_every_operation_alike_in_both_engines(operation, dtype):
    kind = np.dtype({"fp16": "float16", "fp32": "float32"}[dtype]).type
    a, b = special(kind, 0), special(kind, 1)
    names = {"select": ["b", "c"], "max": ["b"], "min": ["b"], "mask": ["b"]}.get(operation)
    if names is None:
        names = ["b"] if operation in ("add", "sub", "mul", "equal", "less", "less_equal") else []
    program = chip.pointwise(SMALL, [(operation, *names)], rows=8, columns=8, dtype=dtype)
    inputs = {"a": a} | dict(zip(names, (b, special(kind, 3)), strict=False))
    runs = [chip.run(program, SMALL, inputs, engine=engine) for engine in ("fold", "tick")]
    out, ticked = (run.outputs["out"] for run in runs)
    assert out.tobytes() == ticked.tobytes()
    nan = np.array([0x7E00 if dtype == "fp16" else 0x7FC00000], f"u{out.itemsize}")
    assert np.all(out.view(nan.dtype)[np.isnan(out)] == nan)  # One NaN only, whatever came in.
    if operation in NUMPY:
        with np.errstate(all="ignore"):
            expected = NUMPY[operation](*[inputs[name] for name in ["a", *names]]).astype(kind)
        same = np.isnan(out) == np.isnan(expected)
        if operation == "rsqrt":  # Of -0 IEEE 754 says -inf, of a subnormal below zero NaN.
            same |= a <= 0
        assert np.all(same)
        whole = np.isinf(expected) & same
        assert np.array_equal(out[whole], expected[whole])
