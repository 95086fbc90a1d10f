"""The chip from Python: published identities, products against NumPy, both engines, and clear refusals."""

from __future__ import annotations

import pickle

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as trace_pb2

import lpusim
from lpusim import chip

SMALL = chip.ChipSpec(
    superlanes=2,
    lanes_per_superlane=4,
    streams_per_direction=8,
    positions=13,
    mem_slices_per_hemisphere=20,
    mem_words_per_slice=64,
    mxm_load_streams=4,
    mxm_accumulator_vectors=6,
    mxm_activate_latency_cycles=3,
)


def random_inputs(seed: int, m: int, n: int, k: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        "a": random.integers(-128, 128, (m, k), dtype=np.int8),
        "w": random.integers(-128, 128, (k, n), dtype=np.int8),
    }


def product(inputs: dict[str, np.ndarray]) -> np.ndarray:
    return inputs["a"].astype(np.int32) @ inputs["w"].astype(np.int32)


# ---- published identities (ISCA'20, Abts et al.; SHIP, MLSys 2026)


def test_sram_is_220_mib():
    assert chip.ChipSpec().mem_bytes == 220 * 2**20


def test_streams_carry_20480_bytes_a_cycle():
    assert chip.ChipSpec().stream_bytes_per_cycle == 20_480


def test_sram_ports_move_56320_bytes_a_cycle():
    assert chip.ChipSpec().mem_bytes_per_cycle == 56_320


def test_576_chips_stream_10616_terabytes_a_second():
    spec = chip.ChipSpec()
    assert 576 * spec.stream_bytes_per_cycle * spec.clock_hz == 10_616_832_000_000_000


def test_peak_is_820_teraops_at_1_ghz():
    assert 2 * chip.ChipSpec(clock_hz=10**9).int8_macs_per_cycle * 10**9 == 819_200_000_000_000


def test_the_same_program_takes_the_same_cycles_whatever_the_data():
    program = chip.gemm(SMALL, 3, 20, 17)
    cycles = {
        chip.run(program, SMALL, random_inputs(seed, 3, 20, 17), engine=engine).cycles
        for seed in range(3)
        for engine in ("fold", "tick")
    }
    assert cycles == {chip.verify(program, SMALL).cycles}


# ---- products


@settings(deadline=None, max_examples=60)
@given(m=st.integers(1, 20), n=st.integers(1, 70), k=st.integers(1, 40), seed=st.integers(0, 2**32))
def test_a_product_equals_numpys_in_both_engines(m, n, k, seed):
    inputs = random_inputs(seed, m, n, k)
    program = chip.gemm(SMALL, m, n, k)
    fold = chip.run(program, SMALL, inputs, engine="fold")
    tick = chip.run(program, SMALL, inputs, engine="tick")
    np.testing.assert_array_equal(fold.outputs["c"], product(inputs))
    np.testing.assert_array_equal(tick.outputs["c"], product(inputs))
    assert fold.cycles == tick.cycles
    assert fold.units == tick.units


@pytest.mark.parametrize(("m", "n", "k"), [(1, 1, 1), (3, 333, 321), (17, 1281, 64), (64, 100, 700)])
def test_on_320_lanes_ragged_products_equal_numpys(m, n, k):
    inputs = random_inputs(m, m, n, k)
    spec = chip.ChipSpec()
    result = chip.run(chip.gemm(spec, m, n, k), spec, inputs)
    np.testing.assert_array_equal(result.outputs["c"], product(inputs))


def test_sums_that_leave_int32_wrap():
    # 131,072 products of -128 * -128 make 2**31, one more than int32 holds.
    k = 131_072
    inputs = {"a": np.full((1, k), -128, np.int8), "w": np.full((k, 1), -128, np.int8)}
    spec = chip.ChipSpec()
    assert chip.run(chip.gemm(spec, 1, 1, k), spec, inputs).outputs["c"][0, 0] == -(2**31)


def test_more_streams_never_make_a_product_slower():
    cycles = [
        chip.verify(program, spec).cycles
        for streams in (4, 8, 16, 32)
        for spec in [chip.ChipSpec(streams_per_direction=streams, mxm_load_streams=min(streams, 16))]
        for program in [chip.gemm(spec, 1, 2560, 2560)]
    ]
    assert cycles == sorted(cycles, reverse=True)


def test_a_sum_of_vectors_saturates():
    random = np.random.default_rng(5)
    a, b = random.integers(-128, 128, (2, 100, SMALL.lanes), dtype=np.int8)
    result = chip.run(chip.pointwise_add(SMALL, 100), SMALL, {"a": a, "b": b})
    expected = np.clip(a.astype(int) + b, -128, 127)
    np.testing.assert_array_equal(result.outputs["c"], expected)


def test_what_does_not_fit_says_what_is_short():
    with pytest.raises(
        lpusim.CapacityError, match="at least 400100000 bytes of SRAM; the chip has 230686720"
    ) as caught:
        chip.gemm(chip.ChipSpec(), 1, 20_000, 20_000)
    assert caught.value.required_bytes > caught.value.available_bytes == 220 * 2**20


def test_many_rows_keep_all_four_planes_busy():
    spec = chip.ChipSpec()
    proof = chip.verify(chip.gemm(spec, 2048, 2048, 2048), spec)
    activations = {use.kind: use for use in proof.resources}["mxm.activations"]
    assert activations.count == activations.occupied_peak == 4
    # Seven column tiles: three a hemisphere and half of the rows of the last; 7 steps; 1024 rows a plane.
    assert activations.busy_mean == 4 * 3.5 * 7 * 1024 / proof.cycles > 3.98


# ---- programs


@settings(deadline=None)
@given(m=st.integers(1, 20), n=st.integers(1, 70), k=st.integers(1, 40))
def test_parsing_what_was_printed_gives_the_program_back(m, n, k):
    program = chip.gemm(SMALL, m, n, k)
    assert chip.Program.parse(program.text()) == program
    assert pickle.loads(pickle.dumps(program)) == program


@pytest.mark.parametrize("engine", ["fold", "tick"])
def test_a_hazard_names_cycle_queues_stream_and_instructions(engine):
    program = chip.Program.parse("@0 mem.w.0 read 0 -> e.0 repeat 3 every 2\n@2 mem.w.1 read 0 -> e.0")
    with pytest.raises(lpusim.ScheduleError) as caught:
        chip.run(program, SMALL, engine=engine)
    assert str(caught.value) == (
        "cycle 4: run 1 (line 2) on mem.w.1 (read 0 -> e.0) drives stream e.0 in the same cycle and place"
        " as run 0 (line 1) on mem.w.0 (read 0 -> e.0; repeat 1)"
    )


def test_memory_shows_what_a_program_wrote():
    program = chip.Program.parse(
        "tensor a input int8 2 x 8 lanes 8 columns\n"
        "piece w.3 address 4 row 0 column 0 loop 2 row 1 address 1\n"
        "@0 mem.w.3 read 4 -> e.0 repeat 2 every 1 address 1\n"
        "@11 mem.e.0 write 9 <- e.0 repeat 2 every 1 write_address 1\n"
    )
    # w.3 is 1 hop from the VXM, as is e.0: driven in cycle 2 at x = 5, at x = 7 in cycle 4.
    with pytest.raises(lpusim.ScheduleError, match="cycle 11"):
        chip.run(program, SMALL, {"a": np.ones((2, 8), np.int8)})
    program = chip.Program.parse(program.text().replace("@11", "@4"))
    a = np.arange(16, dtype=np.int8).reshape(2, 8)
    for engine in ("fold", "tick"):
        memory = chip.run(program, SMALL, {"a": a}, engine=engine).memory
        np.testing.assert_array_equal(memory.read("e.0", 9, 2), a)
        assert not memory.read("e.0", 11).any()


def test_without_values_only_time_passes():
    program = chip.gemm(SMALL, 2, 3, 4)
    result = chip.run(program, SMALL, values=False)
    assert result.outputs == {}
    assert result.cycles == chip.verify(program, SMALL).cycles
    assert result.time_s == result.cycles / 900e6
    with pytest.raises(ValueError, match="without values"):
        result.memory.read("w.0", 0)


def test_a_timeline_has_a_track_a_queue_and_a_slice_a_run(tmp_path):
    program = chip.Program.parse(
        "@0 mem.w.0 read 0 -> e.0 repeat 9 every 1\n@0 mem.w.1 read 0 -> e.1\n@9 mem.w.1 read 0 -> e.1"
    )
    spec = chip.ChipSpec(clock_hz=10**9)
    path = chip.run(program, spec).to_perfetto(tmp_path / "run.pftrace")
    trace = trace_pb2.Trace.FromString(path.read_bytes())
    tracks = [p.track_descriptor.name for p in trace.packet if p.HasField("track_descriptor")]
    begins = [
        p.timestamp
        for p in trace.packet
        if p.HasField("track_event") and p.track_event.type == p.track_event.TYPE_SLICE_BEGIN
    ]
    assert [name for name in tracks if name.startswith("mem.")] == ["mem.w.0", "mem.w.1"]
    assert sorted(begins) == [0, 0, 9]  # at 1 GHz a cycle is a nanosecond


def test_progress_reports_and_may_stop_the_run():
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        chip.run(chip.gemm(SMALL, 2, 3, 4), SMALL, values=False, engine="tick", progress=stop)


# ---- refusals


def test_inputs_are_checked_by_name_type_and_shape():
    program = chip.gemm(SMALL, 2, 3, 4)
    inputs = random_inputs(0, 2, 3, 4)
    with pytest.raises(ValueError, match="unknown input 'W'"):
        chip.run(program, SMALL, {**inputs, "W": inputs["w"]})
    with pytest.raises(ValueError, match="input 'w' is missing"):
        chip.run(program, SMALL, {"a": inputs["a"]})
    with pytest.raises(TypeError, match="must be int8, got float64"):
        chip.run(program, SMALL, {**inputs, "a": inputs["a"].astype(float)})
    with pytest.raises(ValueError, match=r"shape \(2, 4\), got \(4, 2\)"):
        chip.run(program, SMALL, {**inputs, "a": inputs["a"].T})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("@0 mem.w.20 read 0 -> e.0", "the slice must be from 0 to 19, got 20"),
        ("@0 mem.w.0 read 0 -> e.8", "the target of the read, e.8, must lie in e.0 to e.7"),
        (
            "@0 vxm.0 relu int32 e.2 -> e.4",
            "operand a, e.2 to e.5, is a group of 4 streams, which must start at a multiple of 4",
        ),
        ("@0 vxm.0 relu fp8 e.2", "fp8 only passes and converts"),
        ("@0 vxm.0 add int8 e.2", "operand b is missing"),
        ("@0 vxm.0 relu int8 alu.16", "the chained ALU must be from 0 to 15, got 16"),
        ("@0 mxm.w.1.activations activate fp16 <- w.0", "an even plane and the one after it"),
        ("@0 mem.w.0 read 0 -> e.0 repeat 2 every 2 repeat 3 every 1", "repeat levels overlap"),
        (
            "@0 mem.w.0 read 0 -> e.0 repeat 4611686018427387904 every 4",
            "line 1, column 59: the queue would be free only beyond",
        ),
    ],
)
def test_a_program_that_means_nothing_is_refused(text, complaint):
    with pytest.raises(ValueError, match=complaint):
        chip.verify(chip.Program.parse(text), SMALL)


@pytest.mark.parametrize("bad", [0, -1, 2**62])
def test_sizes_of_a_product_are_checked(bad):
    with pytest.raises(ValueError, match="must be from 1"):
        chip.gemm(SMALL, bad, 1, 1)


def test_other_types_and_engines_are_refused():
    with pytest.raises(ValueError, match="'int8'"):
        chip.gemm(SMALL, 1, 1, 1, dtype="fp32")
    with pytest.raises(ValueError, match="'fold' or 'tick'"):
        chip.run(chip.gemm(SMALL, 1, 1, 1), SMALL, values=False, engine="fast")


# ---- specs


def test_a_spec_refuses_unknown_fields_with_the_nearest_names():
    with pytest.raises(ValueError, match="did you mean 'superlanes'"):
        chip.ChipSpec(superlane=3)
    with pytest.raises(TypeError, match="whole number"):
        chip.ChipSpec(superlanes=2.0)
    with pytest.raises(ValueError, match="superlanes - 1 = 19"):
        chip.ChipSpec(mxm_activate_latency_cycles=18)


def test_a_spec_is_a_value():
    spec = chip.ChipSpec(clock_hz=10**9)
    assert spec == chip.ChipSpec().replace(clock_hz=10**9) != chip.ChipSpec()
    assert hash(spec) == hash(chip.ChipSpec(clock_hz=10**9))
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert repr(spec) == "ChipSpec(clock_hz=1000000000)"
    assert chip.ChipSpec(**spec.to_dict()) == spec
    with pytest.raises(AttributeError, match="immutable"):
        spec.clock_hz = 1


def test_the_first_generation_preset_is_the_default_and_names_every_field():
    assert chip.ChipSpec.load("groq-lpu-v1") == chip.ChipSpec()
    from lpusim._presets import load_chip

    preset = load_chip("groq-lpu-v1").sections["chip"]
    assert sorted(preset) == sorted(row["name"] for row in chip.ChipSpec.fields())


def test_a_chip_that_is_no_lpu_is_refused():
    with pytest.raises(ValueError, match="not an LPU"):
        chip.ChipSpec.load("h200")


def test_a_product_runs_on_the_successor_too():
    spec = chip.ChipSpec.load("lp30")
    inputs = random_inputs(1, 2, 1300, 330)
    result = chip.run(chip.gemm(spec, 2, 1300, 330), spec, inputs)
    np.testing.assert_array_equal(result.outputs["c"], product(inputs))
