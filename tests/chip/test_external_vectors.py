"""Timing of other public models beside programs of ours that do the same work.

Sources: FTLPU (GitHub WongWangKit/FTLPU-SOFTWARE and FTLPU-CMODEL), a cycle model of a chip like ours, and
SCALE-Sim v3 for systolic arrays. Only their numbers are used. docs/published-cases.md explains each
difference; these tests hold what it says. No latency of ours was chosen after a look at these numbers.
"""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from lpusim import ScheduleError, chip

SPEC = chip.ChipSpec()
SMALL = SPEC.replace(superlanes=4, lanes_per_superlane=8)  # 32 lanes, four planes of 32 x 32 weights.
FFN = {"gate": (576, 1536), "up": (576, 1536), "down": (1536, 576)}  # K and N of SmolLM2-135M.

# Half-open windows of FTLPU's 320 x 320 x 320 product in int8.
THEIR_WINDOWS = {
    "load": (18, 38),
    "activation read": (33, 353),
    "compute": (38, 358),
    "result write": (59, 379),
}
THEIR_FIRST_RESULT = 57

ONE_PLANE = """
tensor a input int8 320 x 320 lanes 320 columns
piece w.39 address 0 row 0 column 0 loop 320 row 1 address 1
tensor w input int8 320 x 320 lanes 320 rows
piece w.23 address 0 row 0 column 0 loop 20 column 16 address 1 loop 16 column 1 slice 1
tensor c output int32 320 x 320 lanes 320 columns
piece w.40 address 0 row 0 column 0 loop 320 row 1 address 1
@5 mem.w.23..38 read 0 -> w.0 each stream 1 follow w repeat 20 every 1 address 1
@18 mxm.w.0.weights load 0 <- w.0 streams 16 repeat 20 every 1 address 16
@38 mxm.w.0.weights install
@{read} mem.w.39 read 0 -> w.16 repeat 320 every 1 address 1
@{compute} mxm.w.0.activations activate int8 <- w.16 repeat 320 every 1
@{sums} mxm.w.0.accumulators start 0 -> e.0 repeat 320 every 1 address 1
@{write} mem.w.40..43 write 0 <- e.0 each write_stream 1 follow e repeat 320 every 1 write_address 1
"""
OURS = {"read": 33, "compute": 39, "sums": 59, "write": 63}


def one_plane(**cycles: int) -> chip.Program:
    return chip.Program.parse(ONE_PLANE.format(**{**OURS, **cycles}))


def int8(seed: int, rows: int, columns: int) -> NDArray[np.int8]:
    return np.random.default_rng(seed).integers(-128, 128, (rows, columns), dtype=np.int8)


def is_legal(program: chip.Program, spec: chip.ChipSpec = SPEC) -> bool:
    try:
        chip.verify(program, spec)
    except ScheduleError:
        return False
    return True


def length(window: tuple[int, int]) -> int:
    return window[1] - window[0]


@pytest.mark.parametrize("engine", ["fold", "tick"])
def test_one_plane_multiplies_320_rows_and_equals_numpy(engine: chip.Engine) -> None:
    a, w = int8(1, 320, 320), int8(2, 320, 320)
    done = chip.run(one_plane(), SPEC, {"a": a, "w": w}, engine=engine)
    assert (done.outputs["c"] == a.astype(np.int32) @ w.astype(np.int32)).all()
    # The last row is taken at the farther slices in 63 + 319, in SRAM a cycle later; then 20 superlanes.
    assert done.cycles == 63 + 319 + 1 + 20
    assert chip.lint(one_plane(), SPEC) == []


def test_every_window_is_as_long_as_the_published_one() -> None:
    queues = chip.verify(one_plane(), SPEC).accounting.queues
    assert queues["mxm.w.0.weights"].busy_cycles == length(THEIR_WINDOWS["load"]) + 1  # and the install
    assert queues["mem.w.39"].busy_cycles == length(THEIR_WINDOWS["activation read"])
    assert queues["mxm.w.0.activations"].busy_cycles == length(THEIR_WINDOWS["compute"])
    for byte in range(4):
        assert queues[f"mem.w.{40 + byte}"].busy_cycles == length(THEIR_WINDOWS["result write"])


def test_after_equal_loads_ours_computes_one_cycle_later_and_sums_arrive_two_later() -> None:
    """One cycle is the install; the other is a plane 20 cycles deep instead of 19."""
    assert OURS["compute"] == THEIR_WINDOWS["compute"][0] + 1
    assert OURS["sums"] == THEIR_FIRST_RESULT + 2
    earlier = {name: cycle - 1 for name, cycle in OURS.items()}
    assert is_legal(one_plane())
    assert not is_legal(one_plane(**earlier))  # Would compute as the install issues.
    assert not is_legal(one_plane(sums=OURS["sums"] - 1, write=OURS["write"] - 1))


def test_the_low_ends_of_two_assumed_ranges_give_all_published_windows_but_the_writes() -> None:
    """These come a cycle later: the accumulator drives a cycle after it takes the sums, and the slices next
    to the planes are two hops away."""
    low = SPEC.replace(mxm_install_latency_cycles=0, mxm_activate_latency_cycles=19)
    compute = THEIR_WINDOWS["compute"][0]
    cycles = {"read": compute - 6, "compute": compute, "sums": THEIR_FIRST_RESULT, "write": 61}
    assert is_legal(one_plane(**cycles), low)
    assert not is_legal(one_plane(**cycles), SPEC)
    assert not is_legal(one_plane(**{**cycles, "write": 60}), low)
    nearest_write = cycles["write"] - 1  # mem.w.42 and .43 are a hop nearer than mem.w.40.
    assert nearest_write == THEIR_WINDOWS["result write"][0] + 1


def test_the_builder_splits_the_rows_of_the_same_product_over_four_planes() -> None:
    program = chip.gemm(SPEC, 320, 320, 320)
    proof = chip.verify(program, SPEC)
    for side in "we":
        for plane in (0, 1):
            queue = proof.accounting.queues[f"mxm.{side}.{plane}.activations"]
            assert queue.busy_cycles == length(THEIR_WINDOWS["compute"]) / 4
    # A first read at 0, 14 to the plane, 20 loads, an install; 80 rows; 20 to their sums, 1 to drive, 5 hops,
    # 1 to SRAM; the last access counts, and 20 superlanes.
    assert proof.cycles == 14 + 20 + 1 + 80 + 20 + 1 + 5 + 1 - 1 + 20


def ffn_cycles(spec: chip.ChipSpec, rows: int, dtype: str = "int8") -> int:
    return sum(chip.verify(chip.gemm(spec, rows, n, k, dtype=dtype), spec).cycles for k, n in FFN.values())


def plane_floor(spec: chip.ChipSpec, rows: int) -> int:
    """Cycles in which all planes take one activation vector each, without a gap."""
    tiles = sum(math.ceil(k / spec.lanes) * math.ceil(n / spec.lanes) for k, n in FFN.values())
    return rows * tiles // 4


def stream_floor(spec: chip.ChipSpec) -> int:
    """Cycles in which all streams carry every weight once."""
    return math.ceil(sum(k * n for k, n in FFN.values()) / spec.stream_bytes_per_cycle)


def test_floors_of_the_32_lane_chip() -> None:
    assert SMALL.lanes == 32
    assert SMALL.int8_macs_per_cycle == 4 * 32 * 32
    assert plane_floor(SMALL, 128) == 82_944
    assert stream_floor(SMALL) == 1_296


def test_prefill_products_take_their_floor_and_the_ends() -> None:
    """46 cycles a product for the first weights in and the last rows out: 8.5 % below the published count of
    one activation row a pulse, which is 9.5 % above the floor."""
    cycles = ffn_cycles(SMALL, 128)
    assert cycles == 82_944 + 3 * 46
    assert cycles / 90_817 == pytest.approx(0.915, abs=5e-4)
    assert 82_944 / cycles > 0.998
    # Eight rows a pulse is another machine: faster than one vector a plane and cycle allows.
    assert plane_floor(SMALL, 128) > 46_866


def test_decode_products_are_bound_by_loads_and_installs() -> None:
    """A plane takes two cycles to load 32 columns from 16 streams, and one to install them: 2/3 of the
    streams is the best that a schedule can have on 32 lanes."""
    cycles = ffn_cycles(SMALL, 1)
    assert cycles >= 1.5 * stream_floor(SMALL)
    assert cycles / 2_510 == pytest.approx(0.868, abs=5e-4)


def test_fp16_takes_two_planes_for_two_cycles_a_row_and_twice_the_bytes() -> None:
    assert ffn_cycles(SMALL, 128, "fp16") == 4 * 82_944 + 3 * 46
    assert ffn_cycles(SPEC, 128, "fp16") > 4 * plane_floor(SPEC, 128)
    for spec in (SMALL, SPEC):
        assert ffn_cycles(spec, 1, "fp16") > 2 * stream_floor(spec)


@pytest.mark.parametrize(("rows", "bound"), [(128, 960), (1, 130)])
def test_the_same_layer_on_the_full_chip(rows: int, bound: int) -> None:
    assert max(plane_floor(SPEC, rows), stream_floor(SPEC)) == bound
    assert bound < ffn_cycles(SPEC, rows) < 3 * bound


@pytest.mark.parametrize("spec", [SMALL, SPEC], ids=["32 lanes", "320 lanes"])
@pytest.mark.parametrize("rows", [128, 1])
def test_a_whole_layer_in_int8_is_what_numpy_computes(spec: chip.ChipSpec, rows: int) -> None:
    """Every step runs on the chip: three products, sums to fp32, SwiGLU, and back to int8."""
    x = int8(3, rows, 576)
    weights = {name: int8(4 + i, *shape) for i, (name, shape) in enumerate(FFN.items())}
    to_fp32 = chip.pointwise(spec, [("scale", 2.0**-16, "fp32")], rows=rows, columns=1536, dtype="int32")
    to_int8 = chip.pointwise(spec, [("scale", 16.0, "int8")], rows=rows, columns=1536, dtype="fp32")
    swiglu = chip.swiglu(spec, rows=rows, columns=1536, dtype="fp32")

    def product(name: str, a: NDArray[np.int8]) -> NDArray[np.int32]:
        k, n = FFN[name]
        inputs = {"a": a, "w": weights[name]}
        sums = chip.run(chip.gemm(spec, rows, n, k), spec, inputs).outputs["c"]
        assert (sums == a.astype(np.int32) @ weights[name].astype(np.int32)).all()
        return sums

    gate, up = (
        chip.run(to_fp32, spec, {"a": product(name, x)}).outputs["out"].astype(np.float64)
        for name in ("gate", "up")
    )
    hidden = chip.run(swiglu, spec, {"gate": gate.astype(np.float32), "up": up.astype(np.float32)}).outputs[
        "out"
    ]
    np.testing.assert_allclose(hidden, gate / (1 + np.exp(-gate)) * up, rtol=2e-6)
    narrow = chip.run(to_int8, spec, {"a": hidden}).outputs["out"]
    assert (narrow == np.clip(np.rint(hidden.astype(np.float64) * 16), -128, 127)).all()
    product("down", narrow)


def test_a_systolic_array_waits_where_this_machine_loads_weights_behind_its_back() -> None:
    """Weight stationary, R x C array: ceil(K/R) ceil(N/C) (M + 2R + C - 2) - 1 cycles. Without the 2R + C - 2
    of each fold it is the floor of one of our planes."""

    def systolic(m: int, n: int, k: int, side: int = 32) -> int:
        return math.ceil(k / side) * math.ceil(n / side) * (m + 2 * side + side - 2) - 1

    assert systolic(256, 128, 256) == 11_199  # As published with SCALE-Sim.
    floor_of_a_plane = 8 * 4 * 256
    assert systolic(256, 128, 256) + 1 - 8 * 4 * 94 == floor_of_a_plane
    cycles = chip.verify(chip.gemm(SMALL, 256, 128, 256), SMALL).cycles
    assert cycles == floor_of_a_plane / 4 + 46
