"""What lpusim.net promises: published machines, units, errors."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lpusim
from lpusim import ScheduleError, _core, net

LINK = net.LinkSpec(vector_bytes=320, vector_cycles=10, hop_cycles=100, clock_hz=1_000_000_000)


def test_examples_in_docstrings_run():
    assert doctest.testmod(net).failed == 0


def test_node_has_28_links_and_quadfour_the_published_diameters_and_bandwidths():
    assert net.Topology.node(8).link_count == 28
    assert net.Topology.node(8).directed_link_count == 56
    assert net.Topology.quadfour(9).diameter == 3
    assert net.Topology.quadfour(17).diameter == 5
    # Published: 853 GB/s, one direction (SHIP, MLSys 2026); 80 links x 320 B x 900 MHz / 27.
    assert net.Topology.quadfour(9).bisection_bytes_per_s == pytest.approx(80 * 320 * 900e6 / 27)
    assert net.Topology.quadfour(72).chip_count == 576


def test_lpx_counts_follow_trays_and_racks():
    assert net.Topology.lpx(1).chip_count == 256
    assert net.Topology.lpx(chips=8).diameter == 1
    assert net.Topology.lpx(1).diameter == 2
    # Published: 20 TB/s a tray, 640 TB/s a rack: 96 links x 2 directions a chip, used here or left dark.
    link = net.Topology.lpx(1).link
    per_chip = 96 * 2 * link.vector_bytes * link.clock_hz / link.vector_cycles
    assert 8 * per_chip == pytest.approx(20e12, rel=0.01)
    assert 256 * per_chip == pytest.approx(640e12, rel=0.01)


def test_link_of_a_preset_is_its_times_in_cycles_of_its_clock():
    assert net.LinkSpec.for_chip("groq-lpu-v1") == net.LinkSpec()
    lp30 = net.LinkSpec.for_chip("lp30")
    # 350 ns, and 24.576 ns a vector: rounded up, never early.
    assert (lp30.hop_cycles - 1) / lp30.clock_hz < 350e-9 <= lp30.hop_cycles / lp30.clock_hz
    assert (lp30.vector_cycles - 1) / lp30.clock_hz < 24.576e-9 <= lp30.vector_cycles / lp30.clock_hz


@pytest.mark.parametrize("name", ["LinkSpec", "ReduceCost", "LpxWiring"])
def test_python_and_core_agree_on_every_field_and_default(name):
    core, python = getattr(_core.net, name), getattr(net, name)()
    assert [row["name"] for row in core.fields()] == list(type(python).__dataclass_fields__)
    for row in core.fields():
        assert getattr(core(), row["name"]) == getattr(python, row["name"])


def test_time_and_rate_are_in_seconds_of_the_link_clock():
    done = net.send(net.Topology.ring(3, link=LINK), 0, 1, size_bytes=640)
    assert done.cycles == 110
    assert done.time_s == 110e-9
    assert done.bytes_per_s == pytest.approx(640 / 110e-9)
    assert done.vector_count == 2


def test_a_link_is_busy_for_the_slots_of_its_vectors():
    """Two vectors of 27 cycles over two of the eight directed links."""
    sent = net.send(net.Topology.ring(4), 0, 2, size_bytes=640).timetable
    assert sorted(sent.link_busy_cycles.tolist()) == [0, 0, 0, 0, 0, 0, 54, 54]


def test_a_group_of_one_costs_nothing():
    alone = net.all_reduce(net.Topology.node(8), 10**6, chips=[5])
    assert (alone.cycles, alone.time_s, alone.bytes_per_s) == (0, 0.0, math.inf)
    assert len(alone.timetable.runs["link"]) == 0
    assert net.verify(alone.timetable).cycles == 0


def test_automatic_is_the_cheapest_of_all_algorithms():
    for topology in (net.Topology.node(8), net.Topology.ring(6), net.Topology.quadfour(chips=72)):
        for size_bytes in (320, 3_200, 32_000, 320_000):
            each = {
                name: net.all_reduce(topology, size_bytes, algorithm=name).cycles
                for name in ("two_phase", "exchange", "tree", "ring")
            }
            best = net.all_reduce(topology, size_bytes)
            assert best.cycles == min(each.values()) == each[best.algorithm]


def test_columns_are_int64_read_only_and_equal_from_run_to_run():
    first = net.all_reduce(net.Topology.quadfour(2), 5_000).timetable
    second = net.all_reduce(net.Topology.quadfour(2), 5_000).timetable
    for table in ("transfers", "runs", "dependencies"):
        for name, column in getattr(first, table).items():
            assert column.dtype == np.int64
            assert not column.flags.writeable
            assert np.array_equal(column, getattr(second, table)[name])


def test_a_terabyte_is_as_few_rows_as_a_kilobyte_and_is_verified():
    node = net.Topology.node(8)
    huge = net.all_reduce(node, 10**12)
    assert len(huge.timetable.runs["link"]) == 2 * 56
    assert net.verify(huge.timetable).cycles == huge.cycles
    # Each link carries two shards of an eighth, and never rests.
    vectors = math.ceil(math.ceil(10**12 / 320) / 8)
    assert huge.cycles == (2 * vectors - 1) * 27 + 270


def test_double_booking_names_both_owners_the_link_and_the_cycle():
    traffic = net.schedule(net.Topology.ring(4, link=LINK), [(0, 1, 640), (0, 1, 320)])
    assert traffic.timetable.runs["start_cycle"].tolist() == [0, 20]
    net.verify(traffic.timetable)
    with pytest.raises(ScheduleError) as error:
        net.verify(traffic.timetable.with_runs(start_cycle=[0, 19]))
    assert str(error.value) == (
        "link 0 (chip 0 to chip 1) is booked twice at cycle 19: by vector 0 of transfer 1 (chip 0 to chip 1) "
        "and by vector 1 of transfer 0 (chip 0 to chip 1)"
    )
    seen = error.value.violation
    assert (seen.rule, seen.cycle, seen.link, seen.chip) == ("link_busy", 19, 0, None)
    assert (seen.transfer, seen.vector, seen.other_transfer, seen.other_vector) == (1, 0, 0, 1)
    assert seen.message == str(error.value)


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(1, 100_000))
def test_any_number_of_chips_is_a_machine(chips, size_bytes):
    for topology in (net.Topology.quadfour(chips=chips), net.Topology.lpx(chips=chips)):
        assert topology.chip_count == chips
        done = net.all_reduce(topology, size_bytes)
        assert net.verify(done.timetable).bytes_sent > 0
        assert done.cycles >= topology.link.hop_cycles


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: net.Topology.from_edges([(0, 1), (2, 3)]), "no path from chip 0 to chips 2, 3"),
        (lambda: net.Topology.from_edges([(0, 0)]), "chip 0 to chip 0 is a self loop"),
        (lambda: net.Topology.from_edges([(0, 1, 0)]), r"edges\[0\].links must be from 1 to 16777216, got 0"),
        (lambda: net.Topology.from_edges([(0, -1)]), r"edges\[0\].b must be from 0"),
        (lambda: net.Topology.from_edges([(0, 5)], chips=3), "chips are 0 to 2"),
        (lambda: net.Topology.from_edges([(0,)]), r"edges\[0\] must be"),
        (lambda: net.Topology.from_edges([(0, 2**40)]), r"edges\[0\].b must be from 0 to 2147483647"),
        (lambda: net.Topology.from_edges([]).distances(1), "0 to 0, got 1"),
        (lambda: net.Topology.node(0), "from 1 to 4096, got 0"),
        (lambda: net.Topology.quadfour(-1), "got -8"),
        (lambda: net.Topology.quadfour(10**9), "got 8000000000"),
        (lambda: net.Topology.quadfour(), "either nodes or chips"),
        (lambda: net.Topology.lpx(1, chips=256), "either racks or chips"),
        (lambda: net.Topology.named("torus", 8), "known topologies: node, ring, quadfour, lpx"),
        (lambda: net.LinkSpec(vector_cycles=0), "LinkSpec.vector_cycles must be from 1 to 65536, got 0"),
        (lambda: net.LinkSpec(hop_cycles=-5), "hop_cycles must be from 1"),
        (lambda: net.Topology.node(8, link=net.LinkSpec(hop_cycles=20)), "arrive before it has left"),
        (lambda: net.LinkSpec.for_chip("h100"), "no links of its own"),
        (lambda: net.all_reduce(net.Topology.node(8), 0), "size_bytes must be from 1"),
        (lambda: net.all_reduce(net.Topology.node(8), 10**18), "beyond 2\\^40 vectors"),
        (lambda: net.all_reduce(net.Topology.node(8), 1, chips=[0, 9]), "0 to 7, got 9"),
        (lambda: net.all_reduce(net.Topology.node(8), 1, chips=[1, 1]), "names chip 1 twice"),
        (lambda: net.all_reduce(net.Topology.node(8), 1, chips=[]), "at least one chip"),
        (lambda: net.all_reduce(net.Topology.node(8), 1, algorithm="rings"), "known: automatic"),
        (
            lambda: net.all_reduce(net.Topology.node(8), 1, reduce=net.ReduceCost(first_cycles=-1)),
            "first_cycles must be from 0",
        ),
        (lambda: net.send(net.Topology.node(8), 3, 3, size_bytes=1), "does not send to itself"),
        (lambda: net.send(net.Topology.node(8), 0, 8, size_bytes=1), "target must be a chip of node-8"),
        (lambda: net.broadcast(net.Topology.node(8), -1, 1), "source must be a chip"),
        (lambda: net.schedule(net.Topology.node(8), [(0, 1)]), r"requests\[0\] must be"),
        (lambda: net.schedule(net.Topology.node(8), [(0, 1, 5, -1)]), r"requests\[0\].release_cycle"),
    ],
)
def test_bad_input_says_what_is_allowed(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: net.all_reduce(net.Topology.node(8), 1.5),
        lambda: net.all_reduce(net.Topology.node(8), 8, chips=["a"]),
        lambda: net.Topology.node(8, link=net.LinkSpec(hop_cycles=270.0)),
        lambda: net.Topology.node(2.0),
        lambda: net.LinkSpec(vector_bytes="320"),
        lambda: net.send(net.Topology.ring(4), 0, 1, size_bytes=9).timetable.with_runs(start_cycle=[0.5]),
    ],
)
def test_fractions_are_refused_not_rounded(call):
    with pytest.raises(TypeError):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: net.all_reduce(None, 320),
        lambda: net.send(8, 0, 1, size_bytes=320),
        lambda: net.schedule("node", [(0, 1, 320)]),
        lambda: net.verify(net.send(net.Topology.node(2), 0, 1, size_bytes=320)),
    ],
)
def test_what_is_no_topology_or_timetable_is_a_type_error_that_says_so(call):
    with pytest.raises(TypeError, match=r"lpusim\.net\.(Topology|Timetable), got"):
        call()


def test_timetables_with_bad_columns_are_refused():
    legal = net.send(net.Topology.ring(4), 0, 2, size_bytes=640).timetable
    with pytest.raises(ValueError, match="no column 'start'"):
        legal.with_runs(start=[0, 0])
    with pytest.raises(ValueError, match="start_cycle has 1 rows"):
        net.verify(legal.with_runs(start_cycle=[0]))
    with pytest.raises(ValueError, match=r"runs\[1\].link must be from 0 to 7, got 99"):
        net.verify(legal.with_runs(link=[0, 99]))


def test_the_module_is_reached_from_the_package():
    assert lpusim.net is net
