"""Matrix products equal NumPy's in both engines, take the cycles they say, and refuse what makes no sense."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import lpusim
from lpusim import chip

SPEC = chip.ChipSpec()
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

specs = st.builds(
    lambda **fields: SMALL.replace(**fields),
    streams_per_direction=st.integers(8, 20),
    positions=st.sampled_from([9, 13, 21]),
    mem_slices_per_hemisphere=st.integers(40, 90),
    mem_words_per_slice=st.sampled_from([64, 256]),
    mem_banks_per_slice=st.sampled_from([1, 2, 4]),
    mxm_planes_per_hemisphere=st.integers(1, 4),
    mxm_load_streams=st.integers(1, 8),
    mxm_accumulator_vectors=st.integers(2, 20),
    mem_read_latency_cycles=st.integers(1, 4),
    mem_write_latency_cycles=st.integers(0, 3),
    mem_map_latency_cycles=st.integers(0, 4),
    mxm_load_latency_cycles=st.integers(0, 3),
    mxm_install_latency_cycles=st.integers(0, 3),
    mxm_activate_latency_cycles=st.integers(1, 6),
    mxm_accumulate_latency_cycles=st.integers(1, 3),
    mxm_fp16_cycles=st.integers(1, 3),
    vxm_alu_latency_cycles=st.integers(1, 4),
)


def int8(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-128, 128, shape, dtype=np.int8)


def matrices(seed: int, m: int, n: int, k: int, dtype: str) -> dict[str, np.ndarray]:
    """Numbers so short that the sums of 320 products are exact in a double."""
    random = np.random.default_rng(seed)
    if dtype == "int8":
        return {"a": int8(seed, m, k), "w": int8(seed + 1, k, n)}
    if dtype == "fp16":
        return {
            "a": (random.integers(-1023, 1024, (m, k)) / 256).astype(np.float16),
            "w": (random.integers(-1023, 1024, (k, n)) / 256).astype(np.float16),
        }
    return {
        "a": random.choice(list(E4M3), (m, k)).astype(np.uint8),
        "w": random.choice(list(E4M3), (k, n)).astype(np.uint8),
    }


# Every finite e4m3 number by its bits: bias 7, three bits of fraction.
E4M3 = {
    sign | bits: (-1.0 if sign else 1.0)
    * ((bits & 7) / 8 * 2.0**-6 if bits < 8 else (1 + (bits & 7) / 8) * 2.0 ** ((bits >> 3) - 7))
    for sign in (0, 128)
    for bits in range(127)
}


def product(inputs: dict[str, np.ndarray], dtype: str, lanes: int) -> np.ndarray:
    """Each step's sum is rounded once to fp32; steps are added in fp32 in order."""
    a, w = inputs["a"], inputs["w"]
    if dtype == "int8":
        return (a.astype(np.int64) @ w.astype(np.int64)).astype(np.int32)
    table = np.zeros(256)
    table[list(E4M3)] = list(E4M3.values())
    a, w = (table[a], table[w]) if dtype == "fp8" else (a.astype(float), w.astype(float))
    total = np.float32(a[:, :lanes] @ w[:lanes])
    for first in range(lanes, a.shape[1], lanes):
        total = total + np.float32(a[:, first : first + lanes] @ w[first : first + lanes])
    return total


def both(
    program: chip.Program, spec: chip.ChipSpec, inputs: dict[str, np.ndarray], output: str
) -> np.ndarray:
    fold = chip.run(program, spec, inputs)
    tick = chip.run(program, spec, inputs, engine="tick")
    np.testing.assert_array_equal(fold.outputs[output], tick.outputs[output])
    assert fold.cycles == tick.cycles == chip.verify(program, spec).cycles
    return fold.outputs[output]


@settings(deadline=None, max_examples=80)
@given(
    spec=specs,
    m=st.integers(1, 40),
    n=st.integers(1, 70),
    k=st.integers(1, 40),
    dtype=st.sampled_from(["int8", "fp8", "fp16"]),
    seed=st.integers(0, 2**32),
)
def test_a_product_on_any_chip_equals_numpys_and_takes_what_it_costs(spec, m, n, k, dtype, seed):
    assume(dtype != "fp16" or spec.mxm_planes_per_hemisphere >= 2)
    try:
        program = chip.gemm(spec, m, n, k, dtype=dtype)
    except lpusim.CapacityError:
        assume(False)
    inputs = matrices(seed, m, n, k, dtype)
    np.testing.assert_array_equal(both(program, spec, inputs, "c"), product(inputs, dtype, spec.lanes))
    cost = chip.gemm_cost(spec, m, n, k, dtype=dtype)
    assert cost.cycles == chip.verify(program, spec).cycles
    assert cost.utilisation <= 1


@settings(deadline=None, max_examples=40)
@given(
    spec=specs,
    m=st.integers(1, 60),
    tiles=st.sampled_from([(1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (4, 1), (1, 4)]),
    less=st.tuples(st.integers(0, 7), st.integers(0, 7)),
    seed=st.integers(0, 2**32),
)
def test_a_product_with_resident_weights_equals_numpys(spec, m, tiles, less, seed):
    n, k = 8 * tiles[0] - less[0], 8 * tiles[1] - less[1]
    try:
        program = chip.gemm_resident(spec, m, n, k)
    except (lpusim.CapacityError, ValueError):
        assume(False)
    inputs = matrices(seed, m, n, k, "int8")
    np.testing.assert_array_equal(both(program, spec, inputs, "c"), product(inputs, "int8", 8))
    assert chip.gemm_resident_cost(spec, m, n, k).cycles == chip.verify(program, spec).cycles


def chained(x: np.ndarray, weights: list[np.ndarray], scales: list[float]) -> np.ndarray:
    for w, scale in zip(weights, scales, strict=True):
        sums = (x.astype(np.int64) @ w.astype(np.int64)).astype(np.int32).astype(np.float32)
        x = np.clip(np.rint(sums * np.float32(scale)), -128, 127).astype(np.int8)
    return x


@settings(deadline=None, max_examples=40)
@given(spec=specs, widths=st.lists(st.integers(1, 60), min_size=2, max_size=5), seed=st.integers(0, 2**32))
def test_a_chain_of_products_equals_numpys(spec, widths, seed):
    scales = [0.02 / (i + 1) for i in range(len(widths) - 1)]
    try:
        program = chip.gemv_chain(spec, widths, scales)
    except lpusim.CapacityError:
        assume(False)
    x = int8(seed, 1, widths[0])
    weights = [int8(seed + i, widths[i], widths[i + 1]) for i in range(len(widths) - 1)]
    inputs = {"x": x} | {f"w{i + 1}": w for i, w in enumerate(weights)}
    np.testing.assert_array_equal(both(program, spec, inputs, "y"), chained(x, weights, scales))
    assert chip.gemv_chain_cost(spec, widths).cycles == chip.verify(program, spec).cycles


@settings(deadline=None, max_examples=40)
@given(
    spec=specs,
    experts=st.integers(1, 3),
    rows=st.integers(1, 6),
    n=st.integers(1, 40),
    k=st.integers(1, 20),
    dtype=st.sampled_from(["int8", "fp16"]),
    routings=st.integers(1, 5).flatmap(
        lambda slots: st.lists(
            st.lists(st.integers(0, 3), min_size=slots, max_size=slots), min_size=2, max_size=3
        )
    ),
)
def test_products_of_experts_equal_numpys_in_the_same_cycles_for_every_routing(
    spec, experts, rows, n, k, dtype, routings
):
    assume(dtype != "fp16" or spec.mxm_planes_per_hemisphere >= 2)
    slots = len(routings[0])
    shape = {"experts": experts, "slots": slots, "rows": rows, "n": n, "k": k, "dtype": dtype}
    try:
        program = chip.expert_gemm(spec, **shape)
    except (lpusim.CapacityError, ValueError):
        assume(False)
    weights = [matrices(9 + e, 1, n, k, dtype)["w"] for e in range(experts)]
    a = matrices(1, slots * rows, 1, k, dtype)["a"]
    idle = np.zeros_like(weights[0])
    for routing in routings:
        numbers = [min(number, experts) for number in routing]
        inputs = {"a": a, "expert": chip.expert_numbers(spec, numbers)}
        inputs |= {f"w{e}": w for e, w in enumerate(weights)}
        expected = [
            product({"a": a[s * rows : (s + 1) * rows], "w": [*weights, idle][number]}, dtype, spec.lanes)
            for s, number in enumerate(numbers)
        ]
        np.testing.assert_array_equal(both(program, spec, inputs, "c"), np.concatenate(expected))
    assert chip.expert_gemm_cost(spec, **shape).cycles == chip.verify(program, spec).cycles


def test_on_320_lanes_products_of_each_type_equal_numpys():
    for dtype, shape in (("fp16", (5, 700, 650)), ("fp8", (70, 333, 321))):
        inputs = matrices(3, *shape, dtype)
        result = chip.run(chip.gemm(SPEC, *shape, dtype=dtype), SPEC, inputs)
        np.testing.assert_array_equal(result.outputs["c"], product(inputs, dtype, 320))


def test_the_published_chip_meets_its_targets():
    assert chip.gemm_cost(SPEC, 1920, 1920, 1920).utilisation > 0.99
    assert chip.gemm_cost(SPEC, 1920, 1920, 1920, dtype="fp16").utilisation > 0.99
    assert chip.gemm_cost(SPEC, 1, 12_800, 12_800).utilisation > 0.94
    assert chip.gemm_cost(SPEC, 1, 8_960, 8_960, dtype="fp16").utilisation > 0.94
    chain = chip.gemv_chain_cost(SPEC, [5120, 5120, 5120, 5120])
    assert chain.bound == "streams"
    assert chain.utilisation > 0.90
    experts = chip.expert_gemm_cost(SPEC, experts=8, slots=32, rows=1, n=2560, k=2560)
    assert experts.bound == "streams"
    assert experts.utilisation > 0.85
    assert chip.gemm_resident_cost(SPEC, 20_000, 320, 320).utilisation > 0.97


def test_lp30_installs_a_fifth_of_the_time():
    # A plane takes 320 columns in 4 cycles of 80 streams and installs them in one: 4/5 of the streams.
    lp30 = chip.ChipSpec.load("lp30")
    assert lp30.mxm_load_streams == 80
    assert 0.75 < chip.gemm_cost(lp30, 1, 12_800, 12_800).utilisation <= 0.8
    assert chip.gemm_cost(lp30, 1920, 1920, 1920).utilisation > 0.99


def test_work_that_fill_and_drain_outweigh_is_bound_by_them():
    # One tile against 1000 rows is 250 cycles for four planes. Before them: a read, hops, 20 loads, the last
    # load's and the install's latency. After them: column sums, accumulate, hops, write, 20 superlanes.
    rows, fill, drain = 250, 2 + 20 + 1 + 1, 20 + 1 + 1 + 20
    cost = chip.gemm_cost(SPEC, 1000, 320, 320)
    assert cost.plane_cycles == rows
    assert rows + fill + drain - 2 <= cost.cycles <= rows + fill + drain + 20


def test_products_refuse_what_makes_no_sense():
    with pytest.raises(ValueError, match="dtype must be 'int8', 'fp8' or 'fp16', got 'fp64'"):
        chip.gemm(SPEC, 1, 1, 1, dtype="fp64")
    with pytest.raises(TypeError, match="dtype must be a str"):
        chip.gemm(SPEC, 1, 1, 1, dtype=8)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"spec must be a chip\.ChipSpec"):
        chip.gemv("v1", 1, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="the planes hold 4 of int8"):
        chip.gemm_resident(SPEC, 1, 1000, 1000)
    with pytest.raises(ValueError, match="as many scales"):
        chip.gemv_chain(SPEC, [1, 1], [])
    with pytest.raises(TypeError, match="widths must be a sequence"):
        chip.gemv_chain(SPEC, 320, [1.0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="finite"):
        chip.gemv_chain(SPEC, [1, 1], [float("nan")])
    with pytest.raises(ValueError, match="at most 640"):
        chip.expert_gemm(SPEC, experts=1, slots=1, rows=641, n=1, k=1)
    with pytest.raises(ValueError, match="one for each slot"):
        chip.expert_numbers(SPEC, [[1]])
    with pytest.raises(ValueError, match="one for each slot"):
        chip.expert_numbers(SPEC, [-1])
    with pytest.raises(TypeError, match="whole numbers"):
        chip.expert_numbers(SPEC, [0.5])


def test_an_expert_that_does_not_exist_is_a_data_error():
    program = chip.expert_gemm(SMALL, experts=2, slots=1, rows=1, n=4, k=4)
    inputs = {"a": int8(1, 1, 4), "w0": int8(2, 4, 4), "w1": int8(3, 4, 4)}
    with pytest.raises(lpusim.ScheduleError):
        chip.run(program, SMALL, inputs | {"expert": chip.expert_numbers(SMALL, [3])})
    assert chip.verify(program, SMALL).cycles > 0
