"""fold and tick agree on every program: cycles, memory bit for bit, first error, every count."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lpusim import chip
from lpusim.errors import ScheduleError

SPEC = chip.ChipSpec(
    superlanes=3,
    lanes_per_superlane=2,
    streams_per_direction=8,
    positions=9,
    mem_slices_per_hemisphere=4,
    mem_words_per_slice=32,
    mxm_planes_per_hemisphere=1,
    mxm_load_streams=2,
    mxm_accumulator_vectors=8,
    vxm_alus=3,
    mxm_activate_latency_cycles=3,
)
VXM, READ, ALU, ACTIVATE = 4, SPEC.mem_read_latency_cycles, SPEC.vxm_alu_latency_cycles, 3
SLICES = [f"{side}.{index}" for side in "we" for index in range(4)]
TENSOR = (
    "tensor a input int8 32 x 6 lanes 6 columns\npiece w.1 address 0 row 0 column 0 loop 32 row 1 address 1\n"
)


def position(slice_name: str) -> int:
    """Slices are spread evenly over the hops 1 to 3 on either side of the VXM."""
    side, index = slice_name.split(".")
    distance = 1 + int(index) * 3 // 4
    return VXM - distance if side == "w" else VXM + distance


@st.composite
def repeats(draw: st.DrawFn, key: str, low: int = -1) -> tuple[list[tuple[int, int]], str]:
    """Up to two levels that do not overlap, and the text with an address stride on each."""
    levels: list[tuple[int, int]] = []
    covered = 1
    for _ in range(draw(st.integers(0, 2))):
        cycles = covered + draw(st.integers(0, 4))
        count = draw(st.integers(1, 6))
        levels.insert(0, (count, cycles))
        covered += (count - 1) * cycles
    return levels, with_strides(draw, levels, key, low)


def with_strides(draw: st.DrawFn, levels: list[tuple[int, int]], key: str, low: int = -1) -> str:
    return "".join(f" repeat {n} every {c} {key} {draw(st.integers(low, 2))}" for n, c in levels)


@st.composite
def fragments(draw: st.DrawFn) -> list[tuple[int, str]]:
    """One piece of work that would be legal alone, if its addresses are; as (cycle, line)."""
    start = draw(st.integers(0, 40)) + 20
    stream = draw(st.integers(0, 7))
    source = draw(st.sampled_from(SLICES))
    levels, reads = draw(repeats("address"))
    writes = with_strides(draw, levels, "write_address")
    plain = "".join(f" repeat {n} every {c}" for n, c in levels)
    from_address, to_address = draw(st.integers(4, 20)), draw(st.integers(4, 20))
    kind = draw(st.sampled_from(["copy", "vxm", "mxm"]))
    x = position(source)
    if kind == "copy":
        target = draw(st.sampled_from([s for s in SLICES if position(s) != x]))
        way = "e" if position(target) > x else "w"
        arrival = start + READ + abs(position(target) - x)
        return [
            (start, f"mem.{source} read {from_address} -> {way}.{stream}{reads}"),
            (arrival, f"mem.{target} write {to_address} <- {way}.{stream}{writes}"),
        ]
    if kind == "vxm":
        way = "e" if x < VXM else "w"
        out = draw(st.sampled_from("ew"))
        target = draw(st.sampled_from([s for s in SLICES if (position(s) > VXM) == (out == "e")]))
        arrival = start + READ + abs(VXM - x)
        operation = draw(st.sampled_from(["relu", "pass", "add_sat", "max", "mul"]))
        second = "" if operation in ("relu", "pass") else f", ={draw(st.integers(-9, 9))}"
        alu, result = draw(st.integers(0, 2)), draw(st.integers(0, 7))
        done = arrival + ALU + abs(position(target) - VXM)
        return [
            (start, f"mem.{source} read {from_address} -> {way}.{stream}{reads}"),
            (arrival, f"vxm.{alu} {operation} int8 {way}.{stream}{second} -> {out}.{result}{plain}"),
            (done, f"mem.{target} write {to_address} <- {out}.{result}{writes}"),
        ]
    # One weight column from `source`, then activations from slice w.1, both to the west plane.
    slot = with_strides(draw, levels, "address", 0)
    weights = draw(st.sampled_from(SLICES))
    arrival = start + READ + position(weights)
    enter = max(arrival + 2, start + READ + position(source))
    sums = enter + ACTIVATE
    byte = draw(st.integers(0, 3))
    target = draw(st.sampled_from(SLICES))
    return [
        (start, f"mem.{weights} read {from_address} -> w.7"),
        (arrival, "mxm.w.0.weights load 0 <- w.7 streams 1"),
        (arrival + 1, "mxm.w.0.weights install"),
        (enter - READ - position(source), f"mem.{source} read {to_address} -> w.{stream}{reads}"),
        (enter, f"mxm.w.0.activations activate int8 <- w.{stream}{plain}"),
        (sums, f"mxm.w.0.accumulators start 0 -> e.4{slot}"),
        (sums + 1 + position(target), f"mem.{target} write {to_address} <- e.{4 + byte}{writes}"),
    ]


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Fragments together, a few cycles nudged: some are legal, most meet somewhere."""
    lines = [line for part in draw(st.lists(fragments(), min_size=1, max_size=4)) for line in part]
    nudged = [
        (cycle + (draw(st.integers(-2, 2)) if draw(st.integers(0, 19)) == 0 else 0), text)
        for cycle, text in lines
    ]
    return TENSOR + "".join(f"@{cycle} {text}\n" for cycle, text in sorted(nudged, key=lambda line: line[0]))


def outcome(program: chip.Program, engine: chip.Engine, *, values: bool) -> dict[str, object]:
    """Everything the engines promise to agree in, as plain values."""
    table = np.random.default_rng(5).integers(-128, 128, (32, 6), np.int8)
    inputs = {"a": table} if values else None
    try:
        run = chip.run(program, SPEC, inputs, engine=engine, values=values)
    except ScheduleError as error:
        return {"error": str(error)}
    result: dict[str, object] = {"cycles": run.cycles, "units": run.units, "accounting": run.accounting}
    if values:
        result["memory"] = {name: run.memory.read(name, 0, 32).tolist() for name in SLICES}
    return result


@settings(max_examples=250, deadline=None, derandomize=True)
@given(programs(), st.booleans())
def test_fold_and_tick_agree_on_random_programs(text: str, values: bool) -> None:
    program = chip.Program.parse(text)
    assert outcome(program, "fold", values=values) == outcome(program, "tick", values=values)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.integers(1, 12), st.integers(1, 14), st.integers(1, 14), st.integers(0, 2**32 - 1))
def test_fold_and_tick_agree_on_matrix_products_and_with_numpy(m: int, n: int, k: int, seed: int) -> None:
    spec = SPEC.replace(mem_slices_per_hemisphere=12, positions=13, mem_words_per_slice=256)
    program = chip.gemm(spec, m=m, n=n, k=k)
    random = np.random.default_rng(seed)
    a = random.integers(-128, 128, (m, k), np.int8)
    w = random.integers(-128, 128, (k, n), np.int8)
    expected = a.astype(np.int32) @ w.astype(np.int32)
    cycles = set()
    accounts = []
    for engine in ("fold", "tick"):
        run = chip.run(program, spec, {"a": a, "w": w}, engine=engine)  # type: ignore[arg-type]
        assert np.array_equal(run.outputs["c"], expected)
        cycles.add(run.cycles)
        accounts.append(run.accounting)
    assert accounts[0] == accounts[1] == chip.verify(program, spec).accounting
    assert cycles == {chip.verify(program, spec).cycles}


def test_shifting_a_program_shifts_its_cycles_and_nothing_else() -> None:
    text = "@{} mem.w.1 read 0 -> e.0 repeat 9 every 2\n@{} mem.e.0 write 3 <- e.0 repeat 9 every 2\n"
    early, late = (chip.Program.parse(text.format(t, t + READ + 2)) for t in (0, 1_000))
    first, second = (chip.run(program, SPEC, values=False) for program in (early, late))
    assert second.cycles == first.cycles + 1_000
    assert second.units == first.units
    assert second.pieces == first.pieces == 3
