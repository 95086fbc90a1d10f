"""The trace is read back with Perfetto's own schema and with Google's protobuf library."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as schema

from lpusim._core import timeline


def column(*values):
    return np.array(values, dtype=np.int64)


def decode(**columns):
    trace = schema.Trace()
    trace.ParseFromString(timeline.perfetto(**columns))
    return trace


def names_of(trace):
    return {entry.iid: entry.name for entry in trace.packet[0].interned_data.event_names}


def slices_of(trace):
    """Replays begins and ends as Perfetto does, a stack per track: (track, name, begin_ns, end_ns, ...)."""
    names, tracks = names_of(trace), {}
    stacks, rows = {}, []
    for packet in trace.packet:
        if packet.HasField("track_descriptor"):
            tracks[packet.track_descriptor.uuid] = packet.track_descriptor.name
        event = packet.track_event
        stack = stacks.setdefault(event.track_uuid, [])
        if event.type == schema.TrackEvent.TYPE_SLICE_BEGIN:
            stack.append((tracks[event.track_uuid], names[event.name_iid], packet.timestamp, event))
        elif event.type == schema.TrackEvent.TYPE_SLICE_END:
            track, name, begin_ns, begun = stack.pop()
            exact = {note.name_iid: note.int_value for note in begun.debug_annotations}
            rows.append((track, name, begin_ns, packet.timestamp, exact[1], exact[2]))
    assert not any(stacks.values()), "a slice was begun and never ended"
    return rows


TRACKS = [("chip 0", -1, ""), ("mxm", 0, ""), ("sram read", -1, "B/s")]


def test_a_slice_is_on_its_track_under_its_name_with_its_exact_picoseconds():
    trace = decode(
        tracks=TRACKS,
        names=["read", "multiply"],
        track=column(0, 1),
        start_ps=column(1_999, 2_000),
        duration_ps=column(5_002, 1),
        name=column(0, 1),
    )
    assert sorted(slices_of(trace)) == [
        ("chip 0", "read", 1, 7, 1_999, 5_002),  # 1.999 ns and 7.001 ns, floored.
        ("mxm", "multiply", 2, 2, 2_000, 1),
    ]


def test_tracks_keep_their_order_and_parents():
    trace = decode(
        tracks=TRACKS, names=[], track=column(), start_ps=column(), duration_ps=column(), name=column()
    )
    described = [p.track_descriptor for p in trace.packet if p.HasField("track_descriptor")]
    root, chip, mxm, sram = described
    assert root.name == "lpusim"
    assert (chip.name, chip.parent_uuid, chip.sibling_order_rank) == ("chip 0", root.uuid, 0)
    assert (mxm.name, mxm.parent_uuid) == ("mxm", chip.uuid)
    assert (sram.name, sram.counter.unit_name) == ("sram read", "B/s")


def test_a_flow_leaves_one_slice_and_ends_at_another():
    trace = decode(
        tracks=TRACKS,
        names=["send", "receive"],
        track=column(0, 1),
        start_ps=column(0, 300_000),
        duration_ps=column(1_000, 1_000),
        name=column(0, 1),
        source_slice=column(0),
        target_slice=column(1),
    )
    begins = [p.track_event for p in trace.packet if p.track_event.type == schema.TrackEvent.TYPE_SLICE_BEGIN]
    assert list(begins[0].flow_ids) == list(begins[1].terminating_flow_ids) == [1]
    assert not begins[0].terminating_flow_ids
    assert not begins[1].flow_ids


def test_a_counter_keeps_every_bit_of_its_value():
    trace = decode(
        tracks=TRACKS,
        names=[],
        track=column(),
        start_ps=column(),
        duration_ps=column(),
        name=column(),
        counter_track=column(2, 2),
        counter_time_ps=column(0, 7_000),
        counter_value=np.array([0.1, -1e300]),
    )
    samples = [p for p in trace.packet if p.track_event.type == schema.TrackEvent.TYPE_COUNTER]
    assert [(p.timestamp, p.track_event.double_counter_value) for p in samples] == [(0, 0.1), (7, -1e300)]


def test_a_column_of_the_wrong_type_is_refused_rather_than_converted():
    with pytest.raises(TypeError):
        timeline.perfetto(
            tracks=TRACKS,
            names=["a"],
            track=np.array([0.0]),
            start_ps=column(0),
            duration_ps=column(0),
            name=column(0),
        )


@st.composite
def nested_slices(draw):
    """Slices that nest by construction: each lies inside an earlier one of its track or after all."""
    tracks = draw(st.integers(1, 3))
    rows, free = [], [0] * tracks
    for _ in range(draw(st.integers(0, 12))):
        track = draw(st.integers(0, tracks - 1))
        start = free[track] + draw(st.integers(0, 3_000))
        length = draw(st.integers(0, 9_000))
        free[track] = start + length
        rows.append((track, start, length))
        while length > 1 and draw(st.booleans()):
            start += draw(st.integers(0, length // 2))
            length = draw(st.integers(0, length // 2))
            rows.append((track, start, length))
    return tracks, draw(st.permutations(rows))


@given(nested_slices())
def test_every_slice_given_comes_back_and_nothing_else(case):
    tracks, rows = case
    names = [f"slice {i}" for i in range(len(rows))]
    trace = decode(
        tracks=[(f"track {i}", -1, "") for i in range(tracks)],
        names=names,
        track=column(*(row[0] for row in rows)),
        start_ps=column(*(row[1] for row in rows)),
        duration_ps=column(*(row[2] for row in rows)),
        name=column(*range(len(rows))),
    )
    seen = {
        name: (track, begin, end, start, length)
        for track, name, begin, end, start, length in slices_of(trace)
    }
    assert seen.keys() == set(names)
    for name, (track, start, length) in zip(names, rows, strict=True):
        at, begin, end, start_ps, length_ps = seen[name]
        assert (at, start_ps) == (f"track {track}", start)
        assert begin == start // 1000
        assert (end, length_ps) == ((start + length) // 1000, length)
    times = [p.timestamp for p in trace.packet if p.HasField("timestamp")]
    assert times == sorted(times)
