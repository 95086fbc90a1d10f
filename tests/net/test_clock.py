"""Clocks: margins by hand, simulated minutes without a late vector, and what a margin too small costs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpusim import ScheduleError, _core, net


def charged_node(clock, margin=None):
    """An 8-chip node whose hops contain the margin, and the cycles of it."""
    cycles = clock.margin(net.Topology.node(8)).cycles if margin is None else margin
    return net.Topology.node(8, link=clock.charge(net.LinkSpec(), cycles)), cycles


def test_the_margin_follows_its_formula_on_every_link():
    clock = net.ClockSpec(drift_ppb_max=5_000, resync_interval_cycles=123_456)
    ring = net.Topology.ring(7)
    seen = clock.link_margins(ring)
    # Counters follow 0 -> 1 -> 2 -> 3 and 0 -> 6 -> 5 -> 4: 3 and 4 meet only at the root.
    depth = {0: 0, 1: 1, 2: 2, 3: 3, 6: 1, 5: 2, 4: 3}
    drift = math.ceil(2 * 5e-6 * 123_456)
    for source, target, cycles in zip(
        ring.links["source"].tolist(), ring.links["target"].tolist(), seen.tolist(), strict=True
    ):
        if {source, target} == {3, 4}:
            late, early = 3, 3
        else:
            late, early = (1, 0) if depth[source] > depth[target] else (0, 1)
        assert cycles == 12 + late * 13 + early * 7 + drift
    assert clock.margin(ring).cycles == seen.max() == 12 + 60 + drift


def test_two_simulated_minutes_without_a_late_vector_and_what_they_cost():
    clock = net.ClockSpec()
    node, margin = charged_node(clock)
    sum_ = net.all_reduce(node, 65_536)
    run = net.run_drift(sum_.timetable, clock, margin_cycles=margin, seconds=120, seed=3)
    assert run.time_s >= 120
    assert run.interval_count == math.ceil(120 * 900e6 / 900_022)
    assert 0 <= run.spare_cycles_min < margin
    assert run.wait_cycles_max <= clock.hold_cycles
    assert run.link_time_lost == 22 / 900_022
    # H-17: what the counters see is what was published.
    assert abs(run.exchange_mean_cycles - 216) < 0.1
    assert 2.6 <= run.exchange_sigma_cycles <= 2.9
    assert run.exchange_min_cycles >= 209
    assert run.exchange_max_cycles <= 228
    plain = net.all_reduce(net.Topology.node(8), 65_536).cycles
    assert sum_.cycles == plain + margin  # Links never rest in between: only the last hop shows.


def test_a_margin_below_need_names_the_first_late_vector():
    clock = net.ClockSpec()
    node, margin = charged_node(clock, 12)
    timetable = net.all_reduce(node, 65_536).timetable
    with pytest.raises(ScheduleError) as error:
        net.run_drift(timetable, clock, margin_cycles=margin, seconds=1)
    missed = error.value.violation
    assert missed.late_cycles > 0
    assert str(error.value) == missed.message
    assert f"vector {missed.vector} of transfer {missed.transfer} (chip " in missed.message
    assert f"on link {missed.link} (chip " in missed.message
    # It is the first: with a little more margin than it was late by, the run gets further.
    more = margin + math.ceil(missed.late_cycles)
    node, _ = charged_node(clock, more)
    with pytest.raises(ScheduleError) as later:
        net.run_drift(net.all_reduce(node, 65_536).timetable, clock, margin_cycles=more, seconds=1)
    at = [(seen.interval, seen.iteration, seen.cycle) for seen in (missed, later.value.violation)]
    assert at[0] < at[1]


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 2**64 - 1),
    st.integers(0, 20_000),
    st.integers(20_000, 500_000),
    st.sampled_from(["node", "ring", "quadfour"]),
)
def test_the_derived_margin_is_always_enough(seed, drift, interval, kind):
    clock = net.ClockSpec(
        drift_ppb_max=drift, resync_interval_cycles=interval, epoch_cycles=1 << 16, hold_cycles=1 << 16
    )
    bare = net.Topology.named(kind, 12)
    margin = clock.margin(bare).cycles
    machine = net.Topology.named(kind, 12, link=clock.charge(bare.link, margin))
    timetable = net.all_reduce(machine, 10_000).timetable
    run = net.run_drift(timetable, clock, margin_cycles=margin, seconds=interval / 900e6 * 40, seed=seed)
    assert run.spare_cycles_min >= 0
    assert run.skew_cycles_max <= margin - clock.jitter_late_cycles


def test_the_same_seed_is_the_same_run_and_drifts_can_be_given():
    clock = net.ClockSpec()
    node, margin = charged_node(clock)
    timetable = net.all_reduce(node, 4096).timetable

    def again(seed, drift_ppb=None):
        return net.run_drift(
            timetable, clock, margin_cycles=margin, seconds=0.5, seed=seed, drift_ppb=drift_ppb
        )

    assert again(1) == again(1)
    assert again(1) != again(2)
    still = again(1, [0] * 8)
    apart = again(1, [-1000, 1000] * 4)
    assert still.skew_cycles_max < apart.skew_cycles_max
    with pytest.raises(ValueError, match=r"drift_ppb\[1\] must be from -1000 to 1000, got 1001"):
        again(1, [0, 1001, 0, 0, 0, 0, 0, 0])
    with pytest.raises(ValueError, match="one entry a chip, 8, got 3"):
        again(1, [0, 0, 0])


def test_counters_that_could_part_by_half_an_epoch_are_refused():
    clock = net.ClockSpec(resync_interval_cycles=90_000_000)
    node, margin = charged_node(clock)
    timetable = net.all_reduce(node, 4096).timetable
    with pytest.raises(ValueError, match="tell less than 128 apart"):
        net.run_drift(timetable, clock, margin_cycles=margin)
    with pytest.raises(ValueError, match="does not end within resync_interval_cycles"):
        net.run_drift(timetable, net.ClockSpec(resync_interval_cycles=100), margin_cycles=0)


def test_deskew_and_runtime_deskew():
    assert [net.deskew_cycles(hac) for hac in (0, 1, 255, 256, 300)] == [256, 255, 1, 256, 212]
    assert net.deskew_cycles(250, epoch_cycles=252) == 2
    assert net.runtime_deskew_cycles(20, sac=100, hac=93) == 27
    assert net.runtime_deskew_cycles(7, sac=93, hac=100) == 0
    with pytest.raises(ScheduleError, match="7 cycles behind its hardware counter"):
        net.runtime_deskew_cycles(6, sac=93, hac=100)


def test_every_number_of_the_spec_says_where_it_comes_from():
    for name in ("groq-lpu-v1", "lp30"):
        parameters = net.ClockSpec.parameters(name)
        assert list(parameters) == [row["name"] for row in _core.net.ClockSpec.fields()]
        for parameter in parameters.values():
            assert parameter.source
            if parameter.status == "assumed":
                assert parameter.low <= parameter.value <= parameter.high
    with pytest.raises(ValueError, match="is a gpu"):
        net.ClockSpec.for_chip("h200")
    with pytest.raises(ValueError, match=r"ClockSpec.epoch_cycles must be from 2 to"):
        net.ClockSpec(epoch_cycles=1)


def test_other_arguments_are_a_type_error():
    with pytest.raises(TypeError, match=r"topology must be a lpusim.net.Topology"):
        net.ClockSpec().margin(3)
    with pytest.raises(TypeError, match=r"clock must be a lpusim.net.ClockSpec"):
        net.run_drift(net.all_reduce(net.Topology.node(2), 64).timetable, 3, margin_cycles=0)
    with pytest.raises(TypeError, match=r"run_drift takes a lpusim.net.Timetable"):
        net.run_drift(np.zeros(3), net.ClockSpec(), margin_cycles=0)
