"""What is seen of a timetable: curves, the picture of its links, the Perfetto trace decoded by itself."""

from __future__ import annotations

import time
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as schema

import lpusim
from lpusim import net

#: Cycles are nanoseconds.
LINK = net.LinkSpec(vector_bytes=320, vector_cycles=10, hop_cycles=100, clock_hz=1_000_000_000)


def decode(path: Path) -> list[dict[str, Any]]:
    """Slices as a reader of the trace sees them: track path, name, begin and end in ns, flows out and in."""
    trace = schema.Trace()
    trace.ParseFromString(path.read_bytes())
    names = {entry.iid: entry.name for packet in trace.packet for entry in packet.interned_data.event_names}
    track, parent, stacks, slices = {}, {}, defaultdict(list), []
    for packet in trace.packet:
        if packet.HasField("track_descriptor"):
            track[packet.track_descriptor.uuid] = packet.track_descriptor.name
            parent[packet.track_descriptor.uuid] = packet.track_descriptor.parent_uuid
        event = packet.track_event
        if event.type == schema.TrackEvent.TYPE_SLICE_BEGIN:
            row = {
                "chip": track[parent[event.track_uuid]],
                "track": track[event.track_uuid],
                "name": names[event.name_iid],
                "begin": packet.timestamp,
                "out": list(event.flow_ids),
                "in": list(event.terminating_flow_ids),
            }
            stacks[event.track_uuid].append(row)
            slices.append(row)
        elif event.type == schema.TrackEvent.TYPE_SLICE_END:
            stacks[event.track_uuid].pop()["end"] = packet.timestamp
    return slices


def counter_of(path: Path) -> list[tuple[int, float]]:
    trace = schema.Trace()
    trace.ParseFromString(path.read_bytes())
    return [
        (packet.timestamp, packet.track_event.double_counter_value)
        for packet in trace.packet
        if packet.track_event.type == schema.TrackEvent.TYPE_COUNTER
    ]


def test_a_transfer_is_a_slice_a_hop_with_an_arrow_between(tmp_path: Path) -> None:
    sent = net.send(net.Topology.ring(4, link=LINK), 0, 2, size_bytes=3 * 320).timetable
    first, second = decode(sent.to_perfetto(tmp_path / "sent.pftrace"))
    assert (first["chip"], first["track"]) == ("chip 0", "link 0 to chip 1")
    assert (first["name"], first["begin"], first["end"]) == ("copy 0, 0 to 2: vectors 0 to 2", 0, 30)
    assert (second["chip"], second["track"]) == ("chip 1", "link 3 to chip 2")
    assert (second["begin"], second["end"]) == (100, 130)
    assert first["out"] == second["in"] == [1]
    assert first["in"] == second["out"] == []
    assert counter_of(tmp_path / "sent.pftrace") == [(0, 1.0), (30, 0.0), (100, 1.0), (130, 0.0)]


def test_an_arrow_leads_from_a_sum_to_the_copies_that_wait_for_it(tmp_path: Path) -> None:
    """Two chips, one vector each way: chip 0's sum is there at 100 and is copied back, and chip 1's alike."""
    both = net.all_reduce(net.Topology.node(2, link=LINK), 640, algorithm="ring").timetable
    slices = decode(both.to_perfetto(tmp_path / "sum.pftrace"))
    sums = {row["track"]: row for row in slices if row["name"].startswith("sum")}
    copies = {row["track"]: row for row in slices if row["name"].startswith("copy")}
    assert len(sums) == len(copies) == 2
    # What arrives over one link leaves again over the other.
    assert sums["link 0 to chip 1"]["out"] == copies["link 1 to chip 0"]["in"]
    assert sums["link 1 to chip 0"]["out"] == copies["link 0 to chip 1"]["in"]
    assert all(row["begin"] == 100 for row in copies.values())


def test_runs_that_take_turns_on_a_link_get_tracks_of_their_own(tmp_path: Path) -> None:
    """Two transfers of three vectors, every other slot each: their spans overlap, so their slices may not."""
    sent = net.schedule(net.Topology.ring(3, link=LINK), [(0, 1, 960), (0, 1, 960)]).timetable
    woven = sent.with_runs(start_cycle=[0, 10], period_cycles=[20, 20])
    net.verify(woven)
    rows = decode(woven.to_perfetto(tmp_path / "turns.pftrace"))
    assert [(row["track"], row["begin"], row["end"]) for row in rows] == [
        ("link 0 to chip 1", 0, 50),
        ("link 0 to chip 1, taking turns 1", 10, 60),
    ]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 7),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(1, 4000)), min_size=1, max_size=12),
)
def test_every_run_is_one_slice_and_every_hop_but_the_first_has_an_arrow(
    tmp_path_factory: pytest.TempPathFactory, chips: int, messages: list[tuple[int, int, int]]
) -> None:
    requests = [(a % chips, b % chips, size) for a, b, size in messages if a % chips != b % chips]
    if not requests:
        return
    table = net.schedule(net.Topology.ring(chips, link=LINK), requests).timetable
    rows = decode(table.to_perfetto(tmp_path_factory.mktemp("trace") / "a.pftrace"))
    assert len(rows) == len(table.runs["link"])
    last = table.runs["start_cycle"] + (table.runs["vector_count"] - 1) * table.runs["period_cycles"] + 10
    expected = zip(table.runs["start_cycle"].tolist(), last.tolist(), strict=True)
    assert sorted((row["begin"], row["end"]) for row in rows) == sorted(expected)
    arrows = [flow for row in rows for flow in row["in"]]
    assert len(arrows) == len(set(arrows)) == np.count_nonzero(table.runs["hop"])
    begin_of = {flow: row["end"] for row in rows for flow in row["out"]}
    assert set(begin_of) == set(arrows)


def test_an_arrow_stands_only_between_runs_that_share_a_vector(tmp_path: Path) -> None:
    """Four vectors over two hops, cut in two on the first hop and in four on the second."""
    ring = net.Topology.ring(4, link=LINK)
    sent = net.send(ring, 0, 2, size_bytes=4 * 320).timetable

    def column(*values: int) -> NDArray[np.int64]:
        return np.array(values, dtype=np.int64)

    first_vector, count = column(0, 2, 0, 1, 2, 3), column(2, 2, 1, 1, 1, 1)
    runs = {
        "transfer": 0 * count,
        "hop": column(0, 0, 1, 1, 1, 1),
        "link": sent.runs["link"][column(0, 0, 1, 1, 1, 1)],
        "first_vector": first_vector,
        "vector_step": 0 * count + 1,
        "vector_count": count,
        "start_cycle": np.where(column(0, 0, 1, 1, 1, 1), 100, 0) + 10 * first_vector,
        "period_cycles": 0 * count + 10,
    }
    cut = net.Timetable(ring, sent.transfers, runs, sent.dependencies)
    net.verify(cut)
    rows = decode(cut.to_perfetto(tmp_path / "cut.pftrace"))
    gives = {flow: row["begin"] for row in rows for flow in row["out"]}
    takes = {flow: row["begin"] for row in rows for flow in row["in"]}
    assert sorted((gives[flow], takes[flow]) for flow in takes) == [(0, 100), (0, 110), (20, 120), (20, 130)]
    # Of a part of the links no arrow is invented: the middle hop is not the last.
    far = net.send(net.Topology.ring(8, link=LINK), 0, 3, size_bytes=320).timetable
    some = decode(far.to_perfetto(tmp_path / "far.pftrace", links=far.runs["link"][[0, 2]].tolist()))
    assert [row["in"] for row in some] == [[], []]


def test_eighty_thousand_runs_of_one_transfer_are_written_in_seconds(tmp_path: Path) -> None:
    """A run a vector: whoever looks through all runs of the transfer for each of them is at it for hours."""
    ring = net.Topology.ring(4, link=LINK)
    sent = net.send(ring, 0, 2, size_bytes=320).timetable
    vector = np.arange(40_000, dtype=np.int64)
    both = {name: np.repeat(column, len(vector)) for name, column in sent.runs.items()}
    both["first_vector"] = np.tile(vector, 2)
    both["start_cycle"] = both["start_cycle"] + 10 * both["first_vector"]
    transfers = {**sent.transfers, "vector_count": np.array([len(vector)], dtype=np.int64)}
    apart = net.Timetable(ring, transfers, both, sent.dependencies)
    started = time.perf_counter()
    apart.to_perfetto(tmp_path / "apart.pftrace")
    assert time.perf_counter() - started < 60


SIX = net.Topology.ring(6, link=LINK)
RACK = net.Topology.quadfour(9, link=LINK)
OPERATIONS = {
    "all_to_all": net.all_to_all(SIX, 6 * 640),
    "combine": net.combine(SIX, np.full((6, 6), 3)),
    "broadcast": net.broadcast(RACK, 5, 5_000),
    "hierarchical": net.all_reduce(RACK, 5_000, algorithm="hierarchical"),
    "tree, made slowly": net.all_reduce(
        SIX, 5_000, algorithm="tree", made=net.Production(first_cycle=50, period_cycles=40)
    ),
    "spread": net.send(RACK, 0, 40, size_bytes=9_000, routing="spread"),
    "all turns": net.all_reduce(RACK, 5_000, symmetry="used"),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_written_whole_with_arrows_that_arrive_before_they_leave(
    tmp_path: Path, name: str
) -> None:
    table = OPERATIONS[name].timetable
    rows = decode(table.to_perfetto(tmp_path / "a.pftrace"))
    assert len(rows) == len(table.runs["link"])
    assert max(row["end"] for row in rows) - 10 + 100 <= OPERATIONS[name].cycles
    gives = {flow: row for row in rows for flow in row["out"]}
    takes = {flow: row for row in rows for flow in row["in"]}
    assert gives.keys() == takes.keys()
    waiting = len(table.dependencies["on"]) + np.count_nonzero(table.runs["hop"])
    assert len(gives) > 0 or waiting == 0
    for flow, row in takes.items():
        assert gives[flow]["begin"] + 100 <= row["begin"]
        # What is handed on is handed on where it arrives.
        assert gives[flow]["track"].split(",")[0].endswith(f"to {row['chip']}")


def test_a_large_timetable_is_refused_or_some_links_of_it_chosen(tmp_path: Path) -> None:
    table = net.all_reduce(net.Topology.node(8), 65_536).timetable  # 56 links, two runs each.
    with pytest.raises(
        lpusim.CapacityError, match="112 runs are more than runs_max = 111; choose some of the 56"
    ):
        table.to_perfetto(tmp_path / "a.pftrace", runs_max=111)
    assert not (tmp_path / "a.pftrace").exists()
    assert len(decode(table.to_perfetto(tmp_path / "a.pftrace", runs_max=112))) == 112
    some = decode(table.to_perfetto(tmp_path / "b.pftrace", links=[0, 55], runs_max=4))
    assert {row["track"] for row in some} == {"link 0 to chip 1", "link 55 to chip 6"}
    with pytest.raises(ValueError, match=r"links\[1\] must be from 0 to 55, got 56"):
        table.to_perfetto(tmp_path / "c.pftrace", links=[0, 56])


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("link", 8, r"runs.link\[0\] must be from 0 to 7, got 8"),
        ("transfer", 1, r"runs.transfer\[0\] must be from 0 to 0, got 1"),
        ("vector_count", 0, r"runs.vector_count\[0\] must be from 1"),
        ("start_cycle", -1, r"runs.start_cycle\[0\] must be from 0"),
        ("period_cycles", 2**52, r"runs.vector_count \* period_cycles\[0\] must be"),
    ],
)
def test_a_row_that_means_nothing_is_named(tmp_path: Path, column: str, value: int, message: str) -> None:
    sent = net.send(net.Topology.ring(4, link=LINK), 0, 1, size_bytes=640).timetable
    with pytest.raises(ValueError, match=message):
        sent.with_runs(**{column: [value]}).to_perfetto(tmp_path / "a.pftrace")


def test_the_same_timetable_gives_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        table = net.all_reduce(net.Topology.quadfour(2), 5_000).timetable
        files.append(table.to_perfetto(tmp_path / name).read_bytes())
    assert files[0] == files[1]


def test_curves_have_a_row_a_point_with_the_cycles_of_the_operation() -> None:
    ring, node = net.Topology.ring(4, link=LINK), net.Topology.node(4, link=LINK)
    found = net.curves([ring, node], [320, 64_000], algorithms=("automatic", "ring"))
    assert found.label == ("ring-4",) * 2 + ("ring-4, ring",) * 2 + ("node-4",) * 2 + ("node-4, ring",) * 2
    for i, (topology, size) in enumerate(zip(found.topology, found.size_bytes.tolist(), strict=True)):
        place = ring if topology == "ring-4" else node
        asked = "ring" if found.label[i].endswith(", ring") else "automatic"
        done = net.all_reduce(place, size, algorithm=asked)
        assert (found.cycles[i], found.algorithm[i]) == (done.cycles, done.algorithm)
        assert found.time_s[i] == done.time_s
    assert not found.cycles.flags.writeable
    assert list(found.to_columns())[:3] == ["label", "topology", "algorithm"]


def test_curves_take_any_operation() -> None:
    ring = net.Topology.ring(4, link=LINK)
    cost = net.ReduceCost(first_cycles=7)
    found = net.curves([ring], [3_200], operation=partial(net.all_reduce, reduce=cost))
    assert found.cycles.tolist() == [net.all_reduce(ring, 3_200, reduce=cost).cycles]
    assert net.curves([ring], [3_200], operation=net.all_gather).operation == "all_gather"
    with pytest.raises(ValueError, match="at least one entry"):
        net.curves([ring], [])
    with pytest.raises(ValueError, match="a size of sizes_bytes must be from 1"):
        net.curves([ring], [0])


def test_curves_are_drawn_as_a_line_a_label_of_time_and_of_bandwidth(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    places = [net.Topology.ring(4, link=LINK), net.Topology.node(4, link=LINK)]
    found = net.curves(places, [3_200, 320], algorithms=("automatic", "ring"))
    time_axes, rate_axes = net.plot_curves(found)
    assert [line.get_label() for line in time_axes.get_lines()] == [
        f"{label} (4 chips)" for label in ("ring-4", "ring-4, ring", "node-4", "node-4, ring")
    ]
    line = time_axes.get_lines()[0]
    assert line.get_xdata().tolist() == [320, 3_200]  # By size, whatever the order asked in.
    assert line.get_ydata().tolist() == pytest.approx((found.time_s[[1, 0]] * 1e6).tolist())
    assert rate_axes.get_lines()[3].get_ydata()[1] == pytest.approx(found.bytes_per_s[6] / 1e9)
    time_axes.figure.savefig(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 10_000
    from matplotlib.figure import Figure

    own = Figure().subplots(2)
    assert net.plot_curves(found, own)[0] is own[0]


def corners(axes: Any) -> list[list[float]]:
    """Left, right, row of every bar drawn."""
    (bars,) = axes.collections
    return [
        [path.vertices[:, 0].min(), path.vertices[:, 0].max(), path.vertices[:, 1].mean().round()]
        for path in bars.get_paths()
    ]


def test_a_picture_has_a_bar_where_a_link_is_held() -> None:
    pytest.importorskip("matplotlib")
    sent = net.send(net.Topology.ring(4, link=LINK), 0, 2, size_bytes=3 * 320).timetable
    axes = net.plot_links(sent)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0 to 1", "1 to 2"]
    assert [bar[:2] for bar in corners(axes)] == [[0, 30], [100, 130]]
    # A run that rests between its vectors is a bar a vector.
    slow = sent.with_runs(period_cycles=[25, 25])
    assert [bar[:2] for bar in corners(net.plot_links(slow))][:3] == [[0, 10], [25, 35], [50, 60]]
    # Rows stand in the order asked for.
    chosen = net.plot_links(sent, links=[3, 0])
    assert [label.get_text() for label in chosen.get_yticklabels()] == ["1 to 2", "0 to 1"]


def test_parallel_links_are_told_apart() -> None:
    pytest.importorskip("matplotlib")
    wide = net.Topology.from_edges([(0, 1, 2), (1, 2)], link=LINK)
    axes = net.plot_links(net.send(wide, 0, 2, size_bytes=640).timetable)
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "0 to 1, link 0",
        "0 to 1, link 1",
        "1 to 2",
    ]


@pytest.mark.parametrize("colour", ["kind", "transfer", "source", "target", "hop"])
def test_a_picture_of_a_thousand_links_is_drawn_in_any_colour(tmp_path: Path, colour: str) -> None:
    pytest.importorskip("matplotlib")
    table = net.all_reduce(net.Topology.quadfour(9), 16_384).timetable
    axes = net.plot_links(table, colour=colour)
    axes.figure.savefig(tmp_path / "links.png")
    assert len(axes.get_yticklabels()) <= 64
    assert "quadfour-72: 792 links" in axes.get_title(loc="left")
    kinds = [text.get_text() for text in axes.get_legend().get_texts()] if axes.get_legend() else []
    if colour == "kind":
        assert kinds == ["copied", "added"]


def test_a_picture_that_cannot_be_drawn_is_refused() -> None:
    pytest.importorskip("matplotlib")
    sent = net.send(net.Topology.ring(4, link=LINK), 0, 2, size_bytes=640).timetable
    with pytest.raises(ValueError, match="colour must be 'kind', 'transfer'"):
        net.plot_links(sent, colour="red")
    with pytest.raises(lpusim.CapacityError, match="2 runs are more than runs_max = 1"):
        net.plot_links(sent, runs_max=1)
    with pytest.raises(TypeError, match=r"takes a lpusim.net.Timetable"):
        net.plot_links("sent")  # type: ignore[arg-type]
    nothing = net.all_reduce(net.Topology.node(8), 320, chips=[3]).timetable
    assert corners(net.plot_links(nothing)) == []
