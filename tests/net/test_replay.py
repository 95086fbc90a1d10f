"""Timetables against a network that ticks every cycle and knows nothing of how they were made."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lpusim import ScheduleError, net


class IllegalError(Exception):
    """The replay met something no machine can do, in cycle `cycle`; None: at the end."""

    def __init__(self, what, cycle=None):
        super().__init__(what)
        self.cycle = cycle


@dataclass
class Replay:
    last_arrival: int
    vectors_sent: int
    vectors_received: int
    memory: dict
    last_sum: int


def rows_of(columns):
    names = list(columns)
    return [
        dict(zip(names, row, strict=True)) for row in zip(*(columns[n].tolist() for n in names), strict=True)
    ]


WIDE = net.ChipPorts(out_vectors_per_cycle=999, in_vectors_per_cycle=999, links_fed=999)


def replay(timetable, *, memory=None, reduce=None, ports=WIDE):
    """Cycle by cycle: land what arrives, let the adders work, start what is due.

    `memory[chip][vector]` is what chips hold at first; without it values are not followed.
    """
    source, target, vector_cycles, hop_cycles = (
        timetable.topology.links[name].tolist()
        for name in ("source", "target", "vector_cycles", "hop_cycles")
    )
    transfers = rows_of(timetable.transfers)
    waits = defaultdict(list)
    for row in rows_of(timetable.dependencies):
        if transfers[row["on"]]["target"] != transfers[row["transfer"]]["source"]:
            raise ValueError("waits for something that happens elsewhere")
        waits[row["transfer"]].append((row["on"], row["delay_cycles"]))
    route_hops = defaultdict(int)
    due = defaultdict(list)
    for run in rows_of(timetable.runs):
        route_hops[run["transfer"]] = max(route_hops[run["transfer"]], run["hop"] + 1)
        for i in range(run["vector_count"]):
            vector = run["first_vector"] + i * run["vector_step"]
            due[run["start_cycle"] + i * run["period_cycles"]].append(
                (run["link"], run["transfer"], run["hop"], vector)
            )

    memory = {chip: dict(held) for chip, held in (memory or {}).items()}
    follow = bool(memory)
    adder_free, sum_ready = defaultdict(int), {}
    landing = defaultdict(list)
    held_for = defaultdict(int)
    place = {}  # (transfer, vector) -> [hops done, chip, landed at, value]
    landed_at = {}
    sent = received = last_arrival = last_sum = 0
    transit = defaultdict(int)
    cycle, end = 0, max(due, default=-1)
    while cycle <= end or landing:
        came, went = defaultdict(int), defaultdict(int)
        for key, hop, chip, value in landing.pop(cycle, []):
            index, vector = key
            place[key] = [hop + 1, chip, cycle, value]
            came[chip] += 1
            if hop + 1 < route_hops[index]:
                transit[chip] += 1
                continue
            if chip != transfers[index]["target"]:
                raise IllegalError("ends on the wrong chip", cycle)
            received += 1
            last_arrival = cycle
            landed_at[key] = cycle
            if not follow:
                continue
            held = memory.setdefault(chip, {})
            if transfers[index]["adds"] and vector in held:
                held[vector] += value
                adder_free[chip] = max(cycle, adder_free[chip]) + (reduce.cycles_per_vector if reduce else 0)
                ready = adder_free[chip] + (reduce.first_cycles if reduce else 0)
                sum_ready[chip, vector] = max(sum_ready.get((chip, vector), 0), ready)
                last_sum = max(last_sum, ready)
            else:
                held[vector] = value
                last_sum = max(last_sum, cycle)
        for busy in [k for k, left in held_for.items() if left > 0]:
            held_for[busy] -= 1
        for link_index, index, hop, vector in due.pop(cycle, []):
            transfer, key = transfers[index], (index, vector)
            if held_for[link_index] > 0:
                raise IllegalError("link is held", cycle)
            held_for[link_index] = vector_cycles[link_index]
            went[source[link_index]] += 1
            if not 0 <= vector - transfer["first_vector"] < transfer["vector_count"]:
                raise IllegalError("no such vector", cycle)
            if hop == 0:
                if (
                    key in place
                    or cycle
                    < transfer["release_cycle"]
                    + (vector - transfer["first_vector"]) * transfer["release_period_cycles"]
                    or source[link_index] != transfer["source"]
                ):
                    raise IllegalError("not at the source, or not yet", cycle)
                for on, delay in waits[index]:
                    on_row = transfers[on]
                    if not 0 <= vector - on_row["first_vector"] < on_row["vector_count"]:
                        continue
                    if (on, vector) not in landed_at or cycle < landed_at[on, vector] + delay:
                        raise IllegalError("what it waits for is not there", cycle)
                if cycle < sum_ready.get((transfer["source"], vector), 0):
                    raise IllegalError("not summed yet", cycle)
                value = memory[transfer["source"]][vector] if follow else None
                sent += 1
            else:
                done, chip, _, value = place.get(key, [-1, -1, -1, None])
                if done != hop or chip != source[link_index]:
                    raise IllegalError("not here", cycle)
                transit[chip] -= 1
            place[key] = [-1, -1, -1, None]
            landing[cycle + hop_cycles[link_index]].append((key, hop, target[link_index], value))
        fed = defaultdict(int)
        for link_index, left in held_for.items():
            fed[source[link_index]] += left > 0
        if (
            max(went.values(), default=0) > ports.out_vectors_per_cycle
            or max(came.values(), default=0) > ports.in_vectors_per_cycle
            or max(fed.values(), default=0) > ports.links_fed
            or max(transit.values(), default=0) * timetable.topology.link.vector_bytes > ports.transit_bytes
        ):
            raise IllegalError("too much for a chip", cycle)
        cycle += 1
    for index, transfer in enumerate(transfers):
        for vector in range(transfer["first_vector"], transfer["first_vector"] + transfer["vector_count"]):
            if (index, vector) not in landed_at:
                raise IllegalError("never arrives")
    return Replay(last_arrival, sent, received, memory, last_sum)


@st.composite
def links(draw):
    vector_cycles = draw(st.integers(1, 6))
    return net.LinkSpec(
        vector_bytes=draw(st.sampled_from([1, 32, 320])),
        vector_cycles=vector_cycles,
        hop_cycles=vector_cycles + draw(st.integers(0, 12)),
    )


@st.composite
def topologies(draw, max_chips=9):
    """A random tree (so that it is connected) with random extra links beside it, some with own timings."""
    chips = draw(st.integers(2, max_chips))
    width = st.integers(1, 4)
    edges = {(draw(st.integers(0, b - 1)), b): draw(width) for b in range(1, chips)}
    for _ in range(draw(st.integers(0, chips))):
        a, b = sorted((draw(st.integers(0, chips - 1)), draw(st.integers(0, chips - 1))))
        if a != b:
            edges[a, b] = draw(width)
    cables = []
    for (a, b), count in edges.items():
        own = {}
        if draw(st.booleans()):
            own["vector_cycles"], own["back_vector_cycles"] = draw(st.integers(1, 9)), draw(st.integers(1, 9))
            own["hop_cycles"] = own["vector_cycles"] + draw(st.integers(0, 12))
            own["back_hop_cycles"] = own["back_vector_cycles"] + draw(st.integers(0, 12))
        cables.append(net.Cable(a, b, count, **own))
    return net.Topology.from_edges(cables, chips=chips, link=draw(links()))


@st.composite
def traffic(draw):
    topology = draw(topologies())
    chip = st.integers(0, topology.chip_count - 1)
    requests = []
    for _ in range(draw(st.integers(1, 6))):
        a, b = draw(chip), draw(chip)
        if a != b:
            vectors = draw(st.integers(1, 12))
            requests.append((a, b, vectors * topology.link.vector_bytes, draw(st.integers(0, 40))))
    return topology, requests


@settings(deadline=None)
@given(traffic())
def test_scheduled_traffic_replays_to_the_same_cycle(case):
    topology, requests = case
    planned = net.schedule(topology, requests)
    proof = net.verify(planned.timetable)
    seen = replay(planned.timetable)
    assert proof.cycles == planned.cycles == seen.last_arrival
    vector_bytes = topology.link.vector_bytes
    assert proof.bytes_sent == seen.vectors_sent * vector_bytes
    assert proof.bytes_received == seen.vectors_received * vector_bytes
    assert seen.vectors_sent == seen.vectors_received == planned.vector_count


@settings(deadline=None)
@given(traffic(), st.integers(1, 10**9))
def test_releasing_everything_later_shifts_every_slot(case, shift):
    topology, requests = case
    here = net.schedule(topology, requests)
    there = net.schedule(topology, [(a, b, size, release + shift) for a, b, size, release in requests])
    assert there.cycles == here.cycles + (shift if requests else 0)
    for name, column in here.timetable.runs.items():
        moved = column + shift if name == "start_cycle" else column
        assert there.timetable.runs[name].tolist() == moved.tolist(), name


@settings(deadline=None)
@given(traffic())
def test_no_link_is_held_longer_than_the_schedule_lasts(case):
    planned = net.schedule(*case)
    assert np.all(planned.timetable.link_busy_cycles <= planned.cycles)


@settings(deadline=None)
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 40), links())
def test_more_cables_between_two_chips_never_make_a_message_later(cables, more, vectors, link):
    size_bytes = vectors * link.vector_bytes
    few, many = (net.Topology.from_edges([(0, 1, n)], link=link) for n in (cables, cables + more))
    assert (
        net.send(many, 0, 1, size_bytes=size_bytes).cycles
        <= net.send(few, 0, 1, size_bytes=size_bytes).cycles
    )


RUN_COLUMNS = ["start_cycle", "period_cycles", "link", "first_vector", "vector_step", "vector_count", "hop"]


@st.composite
def broken(draw):
    """A timetable with up to three numbers moved, perhaps a dependency more, and perhaps narrow ports."""
    topology, requests = draw(traffic())
    timetable = net.schedule(topology, requests).timetable
    count = len(timetable.runs["start_cycle"])
    for _ in range(draw(st.integers(0, 3)) if count else 0):
        name = draw(st.sampled_from(RUN_COLUMNS))
        low = 1 if name in ("period_cycles", "vector_step", "vector_count") else 0
        column = timetable.runs[name].copy()
        row = draw(st.integers(0, count - 1))
        moved = max(low, int(column[row]) + draw(st.integers(-8, 8)))
        column[row] = min(moved, topology.directed_link_count - 1) if name == "link" else moved
        timetable = timetable.with_runs(**{name: column})
    ends = list(
        zip(timetable.transfers["source"].tolist(), timetable.transfers["target"].tolist(), strict=True)
    )
    pairs = [(t, on) for t, (a, _) in enumerate(ends) for on, (_, b) in enumerate(ends) if a == b]
    if pairs and draw(st.booleans()):
        transfer, on = draw(st.sampled_from(pairs))
        rows = {"transfer": transfer, "on": on, "delay_cycles": draw(st.integers(0, 9))}
        columns = {name: np.array([value], dtype=np.int64) for name, value in rows.items()}
        timetable = dataclasses.replace(timetable, dependencies=columns)
    narrow = draw(st.sampled_from([None, None, *PORT_LIMITS]))
    ports = WIDE if narrow is None else dataclasses.replace(WIDE, **{narrow: draw(PORT_LIMITS[narrow])})
    return timetable, ports


PORT_LIMITS = {
    "out_vectors_per_cycle": st.integers(1, 3),
    "in_vectors_per_cycle": st.integers(1, 2),
    "links_fed": st.integers(1, 4),
    "transit_bytes": st.integers(0, 1000),
}


def verdict(check, timetable, ports):
    """What a check has to say: cycles, the violation, or what is wrong with the rows."""
    try:
        return check(timetable, ports=ports).cycles
    except ScheduleError as error:
        return error.violation
    except ValueError as error:
        return str(error)


@settings(deadline=None, max_examples=300)
@given(broken())
def test_proof_reference_network_and_this_replay_agree(case):
    timetable, ports = case
    proved = verdict(net.verify, timetable, ports)
    assert proved == verdict(net.replay, timetable, ports)
    if isinstance(proved, str):
        return
    try:
        cycle = replay(timetable, ports=ports).last_arrival
    except IllegalError as error:
        illegal = error
    else:
        assert proved == cycle
        return
    assert isinstance(proved, net.Violation), illegal
    assert proved.cycle == illegal.cycle
    assert proved.rule in net.RULES


@st.composite
def groups(draw):
    topology = draw(topologies(7))
    chips = draw(
        st.lists(
            st.integers(0, topology.chip_count - 1), min_size=2, max_size=topology.chip_count, unique=True
        )
    )
    size_bytes = draw(st.integers(1, 20)) * topology.link.vector_bytes
    reduce = net.ReduceCost(first_cycles=draw(st.integers(0, 9)), cycles_per_vector=draw(st.integers(0, 4)))
    return topology, chips, size_bytes, reduce


@settings(deadline=None)
@given(groups(), st.sampled_from(["two_phase", "tree", "ring"]))
def test_all_reduce_leaves_every_chip_with_the_sum_and_no_adder_behind(case, algorithm):
    topology, chips, size_bytes, reduce = case
    done = net.all_reduce(topology, size_bytes, chips=chips, reduce=reduce, algorithm=algorithm)
    held = {chip: dict.fromkeys(range(done.vector_count), 1000**i) for i, chip in enumerate(chips)}
    seen = replay(done.timetable, memory=held, reduce=reduce)
    total = sum(1000**i for i in range(len(chips)))
    for chip in chips:
        assert all(value == total for value in seen.memory[chip].values())
    assert net.verify(done.timetable).cycles == seen.last_arrival == done.cycles


@settings(deadline=None)
@given(groups())
def test_exchange_brings_every_buffer_to_every_chip(case):
    topology, chips, size_bytes, reduce = case
    done = net.all_reduce(topology, size_bytes, chips=chips, reduce=reduce, algorithm="exchange")
    count = done.vector_count
    held = {chip: {i * count + v: (chip, v) for v in range(count)} for i, chip in enumerate(chips)}
    seen = replay(done.timetable, memory=held)
    everything = {key: value for part in held.values() for key, value in part.items()}
    for chip in chips:
        assert seen.memory[chip] == everything
    assert seen.last_arrival + reduce.first_cycles <= done.cycles


@settings(deadline=None)
@given(groups())
def test_reduce_scatter_sums_each_vector_on_one_chip(case):
    topology, chips, size_bytes, reduce = case
    done = net.reduce_scatter(topology, size_bytes, chips=chips, reduce=reduce)
    held = {chip: dict.fromkeys(range(done.vector_count), 1000**i) for i, chip in enumerate(chips)}
    seen = replay(done.timetable, memory=held, reduce=reduce)
    total = sum(1000**i for i in range(len(chips)))
    for vector in range(done.vector_count):
        assert [seen.memory[chip][vector] for chip in chips].count(total) == 1
    assert seen.last_arrival <= seen.last_sum <= done.cycles


@settings(deadline=None)
@given(groups())
def test_broadcast_and_all_gather_reach_everybody(case):
    topology, chips, size_bytes, _ = case
    sent = net.broadcast(topology, chips[0], size_bytes, chips=chips)
    buffer = {v: ("payload", v) for v in range(sent.vector_count)}
    seen = replay(sent.timetable, memory={chips[0]: buffer})
    assert all(seen.memory[chip] == buffer for chip in chips)
    assert seen.last_arrival == sent.cycles

    gathered = net.all_gather(topology, size_bytes, chips=chips)
    # The halves of an all-reduce agree on who owns what: the first senders of each shard.
    owned = defaultdict(dict)
    received = set(
        zip(gathered.timetable.transfers["target"], gathered.timetable.transfers["first_vector"], strict=True)
    )
    for row in rows_of(gathered.timetable.transfers):
        if (row["source"], row["first_vector"]) not in received:
            for v in range(row["first_vector"], row["first_vector"] + row["vector_count"]):
                owned[row["source"]][v] = ("payload", v)
    seen = replay(gathered.timetable, memory=owned)
    assert all(seen.memory[chip] == buffer for chip in chips)
    assert seen.last_arrival == gathered.cycles


@settings(deadline=None, max_examples=30)
@given(groups(), st.integers(1, 20))
def test_a_larger_payload_never_takes_fewer_cycles_in_a_node(case, more):
    _, _, size_bytes, reduce = case
    node = net.Topology.node(8)
    small = net.all_reduce(node, size_bytes, reduce=reduce).cycles
    assert small <= net.all_reduce(node, size_bytes + more * 320, reduce=reduce).cycles


def test_a_real_machine_replays_to_the_cycle():
    reduce = net.ReduceCost(first_cycles=40, cycles_per_vector=2)
    for topology in (net.Topology.quadfour(chips=20), net.Topology.lpx(chips=18)):
        done = net.all_reduce(topology, 12_345, reduce=reduce, algorithm="tree")
        held = {c: dict.fromkeys(range(done.vector_count), 7**c) for c in range(topology.chip_count)}
        seen = replay(done.timetable, memory=held, reduce=reduce)
        total = sum(7**c for c in range(topology.chip_count))
        assert all(set(part.values()) == {total} for part in seen.memory.values())
        assert seen.last_arrival == done.cycles == net.verify(done.timetable).cycles
        assert np.all(done.timetable.link_busy_cycles <= done.cycles)
