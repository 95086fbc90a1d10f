"""What is seen of a program: proof, counts, lints, the Perfetto trace decoded by itself, the plot."""

from pathlib import Path

import pytest
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as schema

import lpusim
from lpusim import chip

SPEC = chip.ChipSpec()
COPY = """@0 mem.w.0 read 5 -> e.0 repeat 20 every 1 address 1
@3 vxm.0 relu int8 e.0 -> e.1 repeat 20 every 1
@5 mem.e.0 write 0 <- e.1 repeat 20 every 1 write_address 1
"""


def test_a_proof_says_how_much_of_every_resource_is_used() -> None:
    proof = chip.verify(chip.Program.parse(COPY), SPEC)
    by_kind = {use.kind: use for use in proof.resources}
    assert by_kind["streams.east"].count == 32
    assert by_kind["streams.east"].occupied_peak == 2
    assert by_kind["streams.east"].busy_mean == pytest.approx(40 / proof.cycles)
    assert by_kind["bank.writes"].count == 176
    assert by_kind["vxm"].busy_mean == pytest.approx(20 / proof.cycles)
    assert "streams.west" in str(proof)


def test_counts_are_the_same_from_both_engines_and_from_the_proof() -> None:
    program = chip.gemm(SPEC, m=8, n=320, k=320)
    proof = chip.verify(program, SPEC)
    engines: tuple[chip.Engine, ...] = ("fold", "tick")
    for engine in engines:
        assert chip.run(program, SPEC, values=False, engine=engine).accounting == proof.accounting
    queues = proof.accounting.queues
    taken = sum(use.busy_cycles for name, use in queues.items() if name.endswith(".activations"))
    assert proof.accounting.int8_activations == taken > 0


def test_a_lint_names_who_made_the_values_that_nobody_reads() -> None:
    found = chip.lint(chip.Program.parse(COPY + "@9 mem.w.3 read 0 -> w.3"), SPEC)
    assert [(lint.kind, lint.queue, lint.run, lint.count) for lint in found] == [
        ("unread stream", "mem.w.3", 3, 1)
    ]
    assert chip.lint(chip.Program.parse(COPY), SPEC) == []
    with pytest.raises(lpusim.ScheduleError, match="carries nothing"):
        chip.lint(chip.Program.parse("@9 mem.w.3 write 0 <- w.3"), SPEC)


def decode(path: Path) -> schema.Trace:
    trace = schema.Trace()
    trace.ParseFromString(path.read_bytes())
    return trace


def test_a_timeline_has_a_track_a_queue_an_arrow_a_flow_and_a_counter_a_unit(tmp_path: Path) -> None:
    run = chip.run(chip.Program.parse(COPY), SPEC, values=False)
    trace = decode(run.to_perfetto(tmp_path / "copy.pftrace"))
    tracks = {
        packet.track_descriptor.uuid: packet.track_descriptor.name
        for packet in trace.packet
        if packet.HasField("track_descriptor")
    }
    assert {"mem.w.0", "vxm.0", "mem.e.0", "vxm queues issuing"} <= set(tracks.values())
    begins = [p for p in trace.packet if p.track_event.type == schema.TrackEvent.TYPE_SLICE_BEGIN]
    assert [tracks[p.track_event.track_uuid] for p in sorted(begins, key=lambda p: p.timestamp)] == [
        "mem.w.0",
        "vxm.0",
        "mem.e.0",
    ]
    # Read to relu, relu to write: two arrows.
    starts = [flow for p in begins for flow in p.track_event.flow_ids]
    ends = [flow for p in begins for flow in p.track_event.terminating_flow_ids]
    assert sorted(starts) == sorted(ends) == [1, 2]
    counted = [
        (p.timestamp, p.track_event.double_counter_value)
        for p in trace.packet
        if p.track_event.type == schema.TrackEvent.TYPE_COUNTER
        and tracks[p.track_event.track_uuid] == "vxm queues issuing"
    ]
    assert counted == [(3, 1.0), (25, 0.0)]  # Cycles 3 and 23 of 900 MHz, in whole nanoseconds.


def test_a_timeline_stays_small_whatever_the_repeat_counts(tmp_path: Path) -> None:
    program = chip.Program.parse(
        "@0 mem.w.0 read 0 -> e.0 repeat 1000000 every 7\n@3 vxm.0 pass int8 e.0 repeat 9 every 7"
    )
    run = chip.run(program, SPEC, values=False)
    trace = decode(run.to_perfetto(tmp_path / "long.pftrace", spans_max=100))
    begins = [p for p in trace.packet if p.track_event.type == schema.TrackEvent.TYPE_SLICE_BEGIN]
    assert len(begins) <= 102
    names = [entry.name for p in trace.packet for entry in p.interned_data.event_names]
    assert any("more)" in name for name in names)


def test_interleaved_runs_of_one_queue_are_slices_that_nest(tmp_path: Path) -> None:
    program = chip.Program.parse(
        "@0 mem.w.0 read 0 -> e.0 repeat 50 every 4\n@1 mem.w.0 read 1 -> e.1 repeat 50 every 4"
    )
    trace = decode(chip.run(program, SPEC, values=False).to_perfetto(tmp_path / "a.pftrace", spans_max=10))
    kinds = (schema.TrackEvent.TYPE_SLICE_BEGIN, schema.TrackEvent.TYPE_SLICE_END)
    events = [p for p in trace.packet if p.HasField("track_event") and p.track_event.type in kinds]
    open_on: dict[int, int] = {}
    for event in events:
        track = event.track_event.track_uuid
        open_on[track] = open_on.get(track, 0) + (1 if event.track_event.type == kinds[0] else -1)
        assert 0 <= open_on[track] <= 1  # Slices of one track follow each other.
    assert len(events) == 2 * (10 + 2)  # Ten by themselves, and what is left of each run.
    assert len(open_on) == 3


def test_a_plot_draws_each_value_from_its_drive_to_its_read(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    axes = chip.plot_occupancy(chip.Program.parse(COPY), SPEC)
    east = axes.collections[0].get_segments()
    assert len(east) == 40
    assert {tuple(map(tuple, line)) for line in east} >= {
        ((2.0, 21.0), (3.0, 22.0)),
        ((4.0, 22.0), (5.0, 23.0)),
    }
    axes.figure.savefig(tmp_path / "copy.png")
    with pytest.raises(lpusim.ScheduleError):
        chip.plot_occupancy(chip.Program.parse("@9 mem.w.3 write 0 <- w.3"), SPEC)


def test_memory_is_read_without_a_copy_and_outlives_the_run() -> None:
    program = chip.Program.parse("@0 vxm.0 pass int8 =7 -> e.0\n@2 mem.e.0 write 5 <- e.0")
    vectors = chip.run(program, SPEC).memory.read("e.0", 4, 3)
    assert vectors.base is not None
    assert not vectors.flags.writeable
    assert vectors.shape == (3, 320)
    assert (vectors[1] == 7).all()
    assert not vectors[[0, 2]].any()
    again = chip.run(program, SPEC).memory
    assert (
        again.read("e.0", 4, 3).__array_interface__["data"]
        == again.read("e.0", 4)[0].__array_interface__["data"]
    )
