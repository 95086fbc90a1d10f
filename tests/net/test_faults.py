"""Machines with parts of them down: routes avoid them, or it is said that there are none."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpusim import net
from lpusim.errors import DisconnectedError


def reached(pairs, chips):
    """Chips that a flood from the first of `chips` reaches over undirected `pairs`."""
    seen = {min(chips)}
    while True:
        more = {b for a, b in pairs if a in seen} | {a for a, b in pairs if b in seen}
        if more <= seen:
            return seen
        seen |= more


@st.composite
def broken(draw):
    chips = draw(st.integers(2, 9))
    pairs = {(draw(st.integers(0, b - 1)), b) for b in range(1, chips)}
    pairs |= draw(st.sets(st.sampled_from(list(itertools.combinations(range(chips), 2)))))
    down_chips = draw(st.sets(st.integers(0, chips - 1), max_size=chips))
    down_links = draw(st.sets(st.sampled_from(sorted(pairs))))
    return chips, pairs, down_chips, down_links


@settings(deadline=None)
@given(broken())
def test_a_broken_machine_has_a_legal_timetable_or_says_who_cannot_reach_whom(case):
    chips, pairs, down_chips, down_links = case
    whole = net.Topology.from_edges(sorted(pairs), chips=chips)
    up = set(range(chips)) - down_chips
    left = {(a, b) for a, b in pairs - down_links if {a, b} <= up}
    if not up or reached(left, up) < up:
        with pytest.raises(DisconnectedError) as caught:
            whole.without(chips=down_chips, links=down_links)
        if up:
            assert f"from chip {min(up)} to chip" in str(caught.value)
            assert str(min(up - reached(left, up))) in str(caught.value)
        return
    rest = whole.without(chips=down_chips, links=down_links)
    assert rest.chip_count == chips
    assert rest.endpoints.tolist() == sorted(up)
    assert {(cable.a, cable.b) for cable in rest.cables} == left
    done = net.all_reduce(rest, 2_000)
    assert net.verify(done.timetable).cycles == done.cycles
    used = np.unique(done.timetable.runs["link"])
    for a, b in zip(rest.links["source"][used], rest.links["target"][used], strict=True):
        assert (min(a, b), max(a, b)) in left


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 9), st.integers(0, 8), st.data())
def test_faults_one_after_the_other_are_faults_at_once(nodes, count, data):
    whole = net.Topology.quadfour(nodes)
    chips = data.draw(st.lists(st.integers(0, 8 * nodes - 1), max_size=count))
    try:
        at_once = whole.without(chips=chips)
        one_by_one = whole
        for chip in chips:
            one_by_one = one_by_one.without(chips=[chip])
    except DisconnectedError:
        return
    assert one_by_one.cables == at_once.cables
    assert one_by_one.down_chips.tolist() == at_once.down_chips.tolist() == sorted(set(chips))


def test_three_nodes_down_are_skipped_and_the_bandwidth_derates():
    # SHIP: up to 3 down nodes are skipped, bandwidth derates.
    ring = net.Topology.quadfour(17)
    rest = ring.without(nodes=[5, 6, 7])
    assert rest.diameter > ring.diameter
    cost = net.derating(ring, rest, size_bytes=[262_144])
    assert cost.chip_share == 14 / 17
    # Nodes 4 and 8 are the only ones linked across the gap; four of 17 nodes lead round the other side.
    assert cost.bisection_share < 1
    assert cost.global_share < 1
    assert (cost.slowdown > 1).all()
    assert "chips 112 of 136" in str(cost)


def test_a_spare_takes_the_place_of_a_failed_node_and_the_machine_is_whole_again():
    rack = net.Topology.quadfour(9).with_spares([8])  # 8 + 1, as racks are published.
    mended = rack.substitute(3)
    assert mended.endpoints.tolist() == rack.endpoints.tolist() == list(range(64))
    assert mended.down_chips.tolist() == list(range(64, 72))
    assert mended.physical_chips[24:32].tolist() == list(range(64, 72))
    assert sorted(mended.physical_chips.tolist()) == list(range(72))
    # Any 8 of 9 nodes are linked alike, so what is left is what 8 nodes without a spare are.
    alone = net.Topology.quadfour(9).without(nodes=[8])
    assert mended.bisection.links == alone.bisection.links == 64
    assert mended.global_bytes_per_s == alone.global_bytes_per_s
    assert net.derating(alone, mended, size_bytes=[320]).slowdown.tolist() == [1.0, 1.0, 1.0]
    done = net.all_reduce(mended, 65_536)
    assert net.verify(done.timetable).cycles == done.cycles


def test_spares_run_out():
    rack = net.Topology.quadfour(9).with_spares([7, 8]).substitute(0).substitute(1)
    assert len(rack.endpoints) == 56
    with pytest.raises(ValueError, match="no spare node of 8 chips left to stand in for node 2"):
        rack.substitute(2)


def test_a_derating_is_a_table_and_an_idle_machine_is_as_fast_as_ever():
    node = net.Topology.node(2)
    cost = net.derating(node, node.without(chips=[1]), size_bytes=[320], operations=[net.all_reduce])
    assert cost.degraded_cycles.tolist() == [0]
    assert cost.bisection_share == 0
    alone = net.derating(node, node, size_bytes=[320], operations=[net.all_reduce], chips=[0])
    assert alone.slowdown.tolist() == [1.0]
    assert list(cost.to_columns()) == [
        "operation",
        "size_bytes",
        "healthy_cycles",
        "degraded_cycles",
        "slowdown",
    ]
    assert not cost.healthy_cycles.flags.writeable
    with pytest.raises(TypeError, match=r"degraded must be a lpusim\.net\.Topology"):
        net.derating(node, None)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: net.Topology.node(4).without(chips=[4]), "must be a chip of node-4 .*0 to 3, got 4"),
        (lambda: net.Topology.node(4).without(chips=[-1]), r"chips\[0\] must be from 0"),
        (lambda: net.Topology.quadfour(2).without(nodes=[2]), "must be a node of quadfour-16, 0 to 1, got 2"),
        (lambda: net.Topology.ring(5).without(links=[(0, 2)]), "no link between chips 0 and 2"),
        (lambda: net.Topology.ring(5).without(links=[(0, 1, 2)]), "from 0 \\(all\\) to 1, got 2"),
        (
            lambda: net.Topology.ring(5).without(links=[(0, 1, 0)]),
            r"links\[0\] must have a count of at least 1",
        ),
        (lambda: net.Topology.ring(5).without(links=[(0,)]), r"links\[0\] must be \(a, b\)"),
        (lambda: net.Topology.ring(5).without(links=[(0, 9)]), "0 to 4, got 9"),
        (lambda: net.Topology.ring(5).with_spares([5]), "must be a node of ring-5"),
        (lambda: net.Topology.ring(5).substitute(1, 2), "node 2 of ring-5 is no spare"),
        (lambda: net.Topology.ring(5).substitute(9), "must be a node of ring-5, 0 to 4, got 9"),
        (
            lambda: net.send(net.Topology.node(4).without(chips=[2]), 0, 2, size_bytes=1),
            "target is chip 2 of node-4 with faults, which is down and takes part in nothing",
        ),
        (
            lambda: net.all_reduce(net.Topology.node(4).without(chips=[2]), 1, chips=[0, 2]),
            "a chip of the group is chip 2 of node-4 with faults, which is down",
        ),
    ],
)
def test_bad_input_says_what_is_allowed(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_cut_machine_is_a_disconnected_error_that_is_a_value_error():
    assert issubclass(DisconnectedError, ValueError)
    with pytest.raises(
        DisconnectedError, match="no timetable serves all of it: no path from chip 0 to chips 2, 3"
    ):
        net.Topology.ring(6).without(chips=[1, 4])
    with pytest.raises(DisconnectedError, match="no chip of node-2 with faults is left"):
        net.Topology.node(2).without(chips=[0, 1])
