"""What `verify` and `replay` say of a timetable: the first rule it breaks, by name, place and sentence."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lpusim import ScheduleError, net

LINK = net.LinkSpec(vector_bytes=320, vector_cycles=10, hop_cycles=100)


def violation(timetable, ports=None):
    """The violation that both checks report."""
    seen = []
    for check in (net.verify, net.replay):
        with pytest.raises(ScheduleError) as error:
            check(timetable, ports=ports)
        assert str(error.value) == error.value.violation.message
        seen.append(error.value.violation)
    assert seen[0] == seen[1]
    return seen[0]


def two_hops():
    """Three vectors from chip 0 over chip 1 to chip 2, sent on as they come."""
    row = net.Topology.from_edges([(0, 1), (1, 2)], link=LINK)
    return net.send(row, 0, 2, size_bytes=960).timetable


def test_a_vector_may_leave_as_it_arrives_and_not_a_cycle_before():
    timetable = two_hops()
    assert timetable.runs["start_cycle"].tolist() == [0, 100]
    assert net.verify(timetable).cycles == net.replay(timetable).cycles == 220
    seen = violation(timetable.with_runs(start_cycle=[0, 99]))
    assert (seen.rule, seen.cycle, seen.link, seen.transfer, seen.hop, seen.vector) == (
        "not_arrived",
        99,
        2,
        0,
        1,
        0,
    )


def test_a_vector_without_a_slot_shows_at_the_end():
    seen = violation(two_hops().with_runs(vector_count=[3, 2]))
    assert (seen.rule, seen.cycle, seen.hop, seen.vector) == ("never_arrives", None, 1, 2)


def test_one_of_parallel_links_is_named_by_its_place():
    wide = net.Topology.from_edges([(0, 1, 3)], link=LINK)
    timetable = net.send(wide, 0, 1, size_bytes=3 * 320).timetable
    seen = violation(timetable.with_runs(link=[0, 1, 1]))
    assert seen.message == (
        "link 1 (chip 0 to chip 1, 2 of 3) is booked twice at cycle 0: by vector 2 of transfer 0 (chip 0 to "
        "chip 1) and by vector 1 of transfer 0 (chip 0 to chip 1)"
    )


def test_ports_are_enough_at_their_limit_and_too_little_one_below():
    wide = net.Topology.from_edges([(0, 1, 3)], link=LINK)
    timetable = net.send(wide, 0, 1, size_bytes=3 * 320).timetable
    enough = net.ChipPorts(out_vectors_per_cycle=3, in_vectors_per_cycle=3, links_fed=3, transit_bytes=0)
    assert net.verify(timetable, ports=enough).cycles == 100
    seen = net.replay(timetable, ports=enough)
    assert (seen.vectors_out_max, seen.vectors_in_max, seen.links_fed_max, seen.transit_bytes_max) == (
        3,
        3,
        3,
        0,
    )
    for name, rule, chip, cycle in [
        ("out_vectors_per_cycle", "streams_out", 0, 0),
        ("in_vectors_per_cycle", "streams_in", 1, 100),
        ("links_fed", "links_fed", 0, 0),
    ]:
        found = violation(timetable, dataclasses.replace(enough, **{name: 2}))
        assert (found.rule, found.chip, found.cycle) == (rule, chip, cycle)


def test_sram_for_vectors_on_their_way_is_kept_by_the_vector():
    # Vector i comes at 100 + 10 i and waits 25 cycles: 3 wait together.
    waiting = two_hops().with_runs(start_cycle=[0, 125])
    assert net.verify(waiting, ports=net.ChipPorts(transit_bytes=960)).cycles == 245
    seen = violation(waiting, net.ChipPorts(transit_bytes=959))
    assert (seen.rule, seen.chip, seen.cycle, seen.vector) == ("transit_memory", 1, 120, 2)


def test_transfers_that_wait_for_each_other_are_told_so():
    pair = net.Topology.from_edges([(0, 1)], link=LINK)
    timetable = net.schedule(pair, [(0, 1, 320), (1, 0, 320, 100)]).timetable
    both = {
        name: np.array(rows, dtype=np.int64)
        for name, rows in {"transfer": [1, 0], "on": [0, 1], "delay_cycles": [0, 0]}.items()
    }
    seen = violation(dataclasses.replace(timetable, dependencies=both))
    assert (seen.rule, seen.other_transfer, seen.other_vector) == ("before_dependency", 1, None)
    assert seen.message.endswith("they wait for each other: 0 on 1 on 0")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"link": [0, 4]}, r"runs\[1\].link must be from 0 to 3, got 4"),
        ({"vector_count": [0, 3]}, r"runs\[0\].vector_count must be from 1 to"),
        ({"period_cycles": [9, 10]}, r"runs\[0\].period_cycles must be from 10 to"),
        ({"start_cycle": [-1, 100]}, r"runs\[0\].start_cycle must be from 0 to"),
        ({"transfer": [0, 1]}, r"runs\[1\].transfer must be from 0 to 0, got 1"),
    ],
)
def test_rows_that_mean_nothing_are_refused_by_column(change, message):
    for check in (net.verify, net.replay):
        with pytest.raises(ValueError, match=message):
            check(two_hops().with_runs(**change))


def test_a_replay_refuses_what_it_would_walk_for_ever_and_verify_does_not():
    huge = net.send(net.Topology.node(2), 0, 1, size_bytes=10**12).timetable
    assert net.verify(huge).cycles == (10**12 // 320 - 1) * 27 + 270
    with pytest.raises(ValueError, match="a replay walks every"):
        net.replay(huge)


def test_other_arguments_are_a_type_error():
    with pytest.raises(TypeError, match=r"verify takes a lpusim.net.Timetable, got 'tomorrow'"):
        net.verify("tomorrow")
    with pytest.raises(TypeError, match=r"ports must be a lpusim.net.ChipPorts"):
        net.replay(two_hops(), ports=3)
    with pytest.raises(ValueError, match=r"ChipPorts.links_fed must be from 1 to 1048576, got 0"):
        net.ChipPorts(links_fed=0)


def test_ports_of_presets_say_where_they_come_from():
    for name in ("groq-lpu-v1", "lp30"):
        for parameter in net.ChipPorts.parameters(name).values():
            assert parameter.source
            assert parameter.status in ("published", "derived", "assumed")
    # Every link of a chip, both ways, fits its streams: 11 of 32, and 96 of 160.
    assert net.ChipPorts.for_chip("lp30").out_vectors_per_cycle == 160
    lpx = net.all_reduce(net.Topology.lpx(chips=16), 20_000)
    assert net.verify(lpx.timetable, ports=net.ChipPorts.for_chip("lp30")).cycles == lpx.cycles
    with pytest.raises(ValueError, match="is a gpu"):
        net.ChipPorts.for_chip("h200")
