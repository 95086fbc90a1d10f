"""Data on timetables: the bits that NumPy finds when it adds in the stated order."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpusim import ScheduleError, net

LINK = net.LinkSpec(vector_bytes=32, vector_cycles=3, hop_cycles=20)


def rows_of(columns):
    return [
        dict(zip(columns, row, strict=True))
        for row in zip(*(c.tolist() for c in columns.values()), strict=True)
    ]


def run_in_numpy(timetable, data, add, *, per_vector, keep=lambda value: value):
    """Every slot in order of time; a chip's value is its own, then its operands in the order of rows."""
    hop_cycles = timetable.topology.links["hop_cycles"].tolist()
    transfers = rows_of(timetable.transfers)
    last_hop = defaultdict(int)
    for run in rows_of(timetable.runs):
        last_hop[run["transfer"]] = max(last_hop[run["transfer"]], run["hop"])
    events = []
    for run in rows_of(timetable.runs):
        for i in range(run["vector_count"]):
            start = run["start_cycle"] + i * run["period_cycles"]
            key = (run["transfer"], run["first_vector"] + i * run["vector_step"])
            if run["hop"] == 0:
                events.append((start, 1, key))
            if run["hop"] == last_hop[run["transfer"]]:
                events.append((start + hop_cycles[run["link"]], 0, key))
    length = len(next(iter(data.values())))
    own, operands, on_the_way = {}, defaultdict(dict), {}

    def part(chip, vector):
        if (chip, vector) in own:
            return own[chip, vector]
        return data[chip][vector * per_vector : (vector + 1) * per_vector] if chip in data else None

    def value(chip, vector):
        total = part(chip, vector)
        for _, operand in sorted(operands[chip, vector].items()):
            total = operand if total is None else add(total, operand)
        return None if total is None else keep(total)

    for _, leaves, (index, vector) in sorted(events):
        row = transfers[index]
        if leaves:
            sent = value(row["source"], vector)
            size = min(per_vector, length - vector * per_vector)
            on_the_way[index, vector] = np.zeros(max(size, 0)) if sent is None else sent
        elif row["adds"]:
            operands[row["target"], vector][index] = on_the_way[index, vector]
        else:
            own[row["target"], vector] = on_the_way[index, vector]
            operands[row["target"], vector] = {}
    vectors = range(-(-length // per_vector))
    chips = sorted({*data, *(row["target"] for row in transfers)})
    result = {}
    for chip in chips:
        parts = [value(chip, vector) for vector in vectors]
        sizes = [min(per_vector, length - vector * per_vector) for vector in vectors]
        result[chip] = np.concatenate(
            [np.zeros(n) if p is None else p for p, n in zip(parts, sizes, strict=True)]
        )
    return result


def same_bits(a, b):
    return set(a) == set(b) and all(
        a[chip].tobytes() == b[chip].astype(a[chip].dtype).tobytes() for chip in a
    )


@st.composite
def sums(draw):
    """A connected machine, an all-reduce over some of its chips, and numbers of very different size."""
    chips = draw(st.integers(2, 7))
    edges = [(draw(st.integers(0, b - 1)), b, draw(st.integers(1, 3))) for b in range(1, chips)]
    topology = net.Topology.from_edges(edges, chips=chips, link=LINK)
    group = draw(st.lists(st.integers(0, chips - 1), min_size=2, max_size=chips, unique=True))
    length = draw(st.integers(1, 120))
    algorithm = draw(st.sampled_from(["two_phase", "tree", "ring"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    data = {chip: rng.standard_normal(length) * 10.0 ** rng.integers(-3, 4, length) for chip in group}
    return topology, group, length, algorithm, data


def timetable_for(case, element_bytes):
    topology, group, length, algorithm, _ = case
    return net.all_reduce(topology, length * element_bytes, chips=group, algorithm=algorithm).timetable


@settings(deadline=None, max_examples=60)
@given(sums(), st.integers(1, 5))
def test_fp32_sums_are_numpys_in_the_order_of_the_plan(case, threads):
    timetable = timetable_for(case, 4)
    data = {chip: values.astype(np.float32) for chip, values in case[-1].items()}
    seen = net.run(timetable, data, threads=threads)
    assert same_bits(seen, run_in_numpy(timetable, data, np.add, per_vector=8))
    assert all(seen[chip].tobytes() == seen[case[1][0]].tobytes() for chip in case[1])


@settings(deadline=None, max_examples=60)
@given(sums())
def test_fp16_is_added_in_fp32_and_rounded_once_a_chip_or_once_in_all(case):
    data = {chip: values.astype(np.float16) for chip, values in case[-1].items()}
    timetable = timetable_for(case, 2)

    def in_fp32(total, operand):
        return total.astype(np.float32) + operand.astype(np.float32)

    with np.errstate(over="ignore"):
        expected = run_in_numpy(
            timetable, data, in_fp32, per_vector=16, keep=lambda value: value.astype(np.float16)
        )
    assert same_bits(net.run(timetable, data), expected)

    timetable = timetable_for(case, 4)
    widened = {chip: values.astype(np.float32) for chip, values in data.items()}
    seen = net.run(timetable, data, carried="fp32")
    with np.errstate(over="ignore"):
        assert same_bits(seen, run_in_numpy(timetable, widened, np.add, per_vector=8))
    assert all(values.dtype == np.float16 for values in seen.values())


@settings(deadline=None, max_examples=40)
@given(sums())
def test_wide_partials_are_exact_whatever_the_order(case):
    data = {chip: values.astype(np.float16) for chip, values in case[-1].items()}
    seen = net.run(timetable_for(case, 16), data, carried="wide")
    exact = sum(values.astype(np.float64) for values in data.values())  # fp16 sums fit 53 bits.
    for chip in case[1]:
        assert seen[chip].tobytes() == (exact + 0.0).astype(np.float32).tobytes()


@settings(deadline=None, max_examples=40)
@given(sums())
def test_integers_are_exact(case):
    data = {chip: (values * 100).astype(np.int32) for chip, values in case[-1].items()}
    seen = net.run(timetable_for(case, 4), data)
    total = sum(data.values())
    assert all(np.array_equal(seen[chip], total) for chip in case[1])
    small = {chip: values.astype(np.int8) for chip, values in data.items()}
    widened = net.run(timetable_for(case, 4), small, carried="int32")
    total = sum(values.astype(np.int32) for values in small.values())
    assert all(np.array_equal(widened[chip], total) for chip in case[1])
    with pytest.raises(ValueError, match=r"int8 elements are only moved; carry int32"):
        net.run(timetable_for(case, 1), small)


def test_in_a_node_each_shard_is_its_owners_value_and_then_the_others_in_the_order_of_rows():
    node = net.Topology.node(4, link=LINK)
    rng = np.random.default_rng(7)
    data = rng.standard_normal((4, 64)).astype(np.float32)
    timetable = net.all_reduce(node, 256, algorithm="two_phase").timetable
    adds = timetable.transfers["adds"] == 1
    expected = np.empty(64, dtype=np.float32)
    for owner in range(4):
        mine = adds & (timetable.transfers["target"] == owner)
        first = int(timetable.transfers["first_vector"][mine][0]) * 8
        part = slice(first, first + 16)  # Two vectors of eight elements.
        total = data[owner, part]
        for source in timetable.transfers["source"][mine].tolist():
            total = total + data[source, part]
        expected[part] = total
    seen = net.run(timetable, data)
    assert all(seen[chip].tobytes() == expected.tobytes() for chip in range(4))


def test_a_broadcast_leaves_the_same_bytes_everywhere_and_outputs_can_be_chosen():
    ring = net.Topology.ring(5)
    payload = np.arange(1000, dtype=np.int32).view(np.int8)
    timetable = net.broadcast(ring, 2, payload.size).timetable
    seen = net.run(timetable, {2: payload})
    assert sorted(seen) == [0, 1, 2, 3, 4]
    assert all(np.array_equal(values, payload) for values in seen.values())
    assert list(net.run(timetable, {2: payload}, outputs=[4])) == [4]


def test_what_does_not_fit_is_refused():
    node = net.Topology.node(2)
    timetable = net.send(node, 0, 1, size_bytes=320).timetable
    good = np.zeros(80, dtype=np.float32)
    with pytest.raises(TypeError, match="must be int8, int32, float16, float32, got 'float64'"):
        net.run(timetable, {0: np.zeros(3)})
    with pytest.raises(ValueError, match="of chip 1 are 79 float32, but those of chip 0 are 80 float32"):
        net.run(timetable, {0: good, 1: good[:-1]})
    with pytest.raises(ValueError, match="unknown format to carry float32 as: 'fp16'; did you"):
        net.run(timetable, {0: good}, carried="fp16")
    with pytest.raises(ValueError, match="inputs must hold the data of at least one chip"):
        net.run(timetable, {})
    with pytest.raises(ValueError, match="the chip of an input must be a chip of"):
        net.run(timetable, {2: good})
    with pytest.raises(ValueError, match="threads must be from 1 to 1024, got 0"):
        net.run(timetable, {0: good}, threads=0)
    doubled = net.schedule(node, [(0, 1, 320), (0, 1, 320)]).timetable
    with pytest.raises(ScheduleError, match="is booked twice"):
        net.run(doubled.with_runs(start_cycle=[0, 5]), {0: good})


@settings(deadline=None, max_examples=60)
@given(sums(), st.sampled_from(["two_phase", "tree", "ring", "exchange", "automatic"]))
def test_an_all_reduce_of_numbers_is_its_sum_whatever_the_algorithm(case, algorithm):
    topology, group, length, _, data = case
    whole = {chip: (values * 10).astype(np.int32) for chip, values in data.items()}
    done = net.all_reduce(topology, length * 4, chips=group, algorithm=algorithm)
    assert list(done.chips) == group
    seen = done.run(whole)
    assert set(seen) == set(group)
    assert all(np.array_equal(values, sum(whole.values())) for values in seen.values())
    real = {chip: values.astype(np.float32) for chip, values in data.items()}
    sums_ = done.run(real)
    assert all(values.tobytes() == sums_[group[0]].tobytes() for values in sums_.values())
    if done.algorithm == "exchange":
        total = real[group[0]]
        for chip in group[1:]:
            total = total + real[chip]
        assert sums_[group[0]].tobytes() == total.tobytes()


@settings(deadline=None, max_examples=40)
@given(sums(), st.sampled_from(["two_phase", "ring"]))
def test_reduce_scatter_then_all_gather_is_an_all_reduce(case, algorithm):
    topology, group, length, _, data = case
    whole = {chip: (values * 10).astype(np.int32) for chip, values in data.items()}
    shards = net.reduce_scatter(topology, length * 4, chips=group, algorithm=algorithm).run(whole)
    assert sum(shard.size for shard in shards.values()) == length
    back = net.all_gather(topology, length * 4, chips=group, algorithm=algorithm).run(shards)
    assert all(np.array_equal(values, sum(whole.values())) for values in back.values())


def test_a_broadcast_runs_on_the_buffer_alone():
    ring = net.Topology.ring(6)
    buffer = np.arange(1000, dtype=np.float16)
    for done in (net.broadcast(ring, 3, 2000), net.multicast(ring, 3, [1, 5], 2000)):
        assert done.chips[0] == 3
        seen = done.run(buffer)
        assert set(seen) == set(done.chips)
        assert all(np.array_equal(values, buffer) for values in seen.values())


def test_a_collective_says_what_data_it_was_made_for():
    node = net.Topology.node(4)
    done = net.all_reduce(node, 4000)
    with pytest.raises(ValueError, match="are 12 vectors, but the all_reduce was made for 13; its size"):
        done.run(np.zeros((4, 960), dtype=np.float32))
    with pytest.raises(ValueError, match="chip 3 is missing"):
        done.run({chip: np.zeros(1000, dtype=np.float32) for chip in range(3)})
    with pytest.raises(ValueError, match=r"a row for each of 4 chips, got shape \(3, 1000\)"):
        done.run(np.zeros((3, 1000), dtype=np.float32))
    with pytest.raises(ValueError, match="int8 elements are only moved"):
        net.all_reduce(node, 1000).run(np.zeros((4, 1000), dtype=np.int8))
    with pytest.raises(ValueError, match=r"not all_to_all; net.run takes"):
        net.all_to_all(node, 4000).run(np.zeros((4, 1000), dtype=np.float32))
    shards = {chip: np.zeros(80 * (4 if chip == 0 else 3), dtype=np.float32) for chip in range(4)}
    assert net.all_gather(node, 4160).run(shards)[2].size == 1040
    shards[3] = shards[3][:-80]
    with pytest.raises(ValueError, match="of 960 elements chip 1 has 240, from 240 on, but values hold 320"):
        net.all_gather(node, 3840).run({**shards, 0: shards[0][:240], 1: np.zeros(320, dtype=np.float32)})
