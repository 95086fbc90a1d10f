"""Another simulator's committed results, on its networks: ASTRA-sim's analytical back ends (MIT licence).

Its tests send a chunk of 1 MiB and count nanoseconds; its GB is 2^30 bytes. In the reading that it calls
"congestion aware" a chunk is stored at every hop: here a cycle is a nanosecond and a chunk one vector, which
holds a link for its length and is in the far memory after latency and length. In the reading that it calls
"congestion unaware" a chunk flows through the hops: here that is 1024 vectors of 1 KiB, and a clock in which
every length and latency is a whole number of cycles. Nothing is fitted: bandwidths and latencies are the
inputs of its tests, and each difference has its reason beside it.

Sources, as read: astra-network-analytical, test/test_congestion_{aware,unaware}.cpp and input/*.yml;
astra-sim, tests/rt_template (refs/stdout.txt and inputs).
"""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lpusim import net

GIB = 2**30
MIB = 2**20
HZ = 1_000_000_000  # A cycle is a nanosecond.
FLOWING_HZ = 50 * MIB * 12_500  # 1 KiB at 50 GiB/s is 12,500 cycles, 50 ns are 32,768.
PAGE = Path(__file__).parents[2] / "docs" / "fabric-cases.md"


def length_ns(size_bytes: int, gib_per_s: int) -> int:
    """How long a chunk holds a link, floored as there."""
    return size_bytes * HZ // (gib_per_s * GIB)


def chunk_link(size_bytes: int = MIB, gib_per_s: int = 50, latency_ns: int = 500) -> net.LinkSpec:
    """A chunk as one vector, stored before it is forwarded."""
    held = length_ns(size_bytes, gib_per_s)
    return net.LinkSpec(
        vector_bytes=size_bytes,
        overhead_bytes=0,
        vector_cycles=held,
        hop_cycles=latency_ns + held,
        clock_hz=HZ,
    )


def flowing(gib_per_s: int, latency_ns: int) -> dict[str, int]:
    """Timing of a link for vectors of 1 KiB."""
    held = 12_500 * 50 // gib_per_s
    return {"vector_cycles": held, "hop_cycles": held + latency_ns * FLOWING_HZ // HZ}


def flowing_link() -> net.LinkSpec:
    return net.LinkSpec(vector_bytes=1024, overhead_bytes=0, clock_hz=FLOWING_HZ, **flowing(50, 500))


def switch(link: net.LinkSpec) -> net.Topology:
    """16 chips around a switch, which is one more chip here."""
    return net.Topology.from_edges([(chip, 16) for chip in range(16)], link=link)


def three_dimensions() -> net.Topology:
    """2 x 8 x 4: pairs (200 GiB/s, 50 ns), full meshes of 8 (100, 500) and switches of 4 (50, 2000)."""
    edges = []
    for chip in range(64):
        pair, mesh, tower = chip % 2, chip // 2 % 8, chip // 16
        if pair == 0:
            edges.append(net.Cable(chip, chip + 1, **flowing(200, 50)))
        for other in range(mesh + 1, 8):
            edges.append(net.Cable(chip, pair + 2 * other + 16 * tower, **flowing(100, 500)))
        edges.append(net.Cable(chip, 64 + chip % 16, **flowing(50, 2000)))
    return net.Topology.from_edges(edges, link=flowing_link())


def sent_ns(topology: net.Topology, source: int, target: int) -> float:
    return net.send(topology, source, target, size_bytes=MIB).time_s * HZ


def arrival_order() -> net.Timetable:
    """Every pair of a ring of 16 at once, each link serving whoever arrives first, written as a timetable.

    Of two equal ways round the ascending one is taken, as there.
    """
    ring = net.Topology.ring(16, link=chunk_link())
    link_of = {ends: i for i, ends in enumerate(zip(ring.links["source"], ring.links["target"], strict=True))}
    held, hop = ring.link.vector_cycles, ring.link.hop_cycles
    pairs = [(a, b) for a in range(16) for b in range(16) if a != b]
    routes = []
    for a, b in pairs:
        up = (b - a) % 16
        step, hops = (1, up) if up <= 8 else (-1, 16 - up)
        stops = [(a + step * i) % 16 for i in range(hops + 1)]
        routes.append([link_of[ends] for ends in pairwise(stops)])
    waiting: dict[int, deque[tuple[int, int]]] = defaultdict(deque)
    free_cycle: dict[int, int] = defaultdict(int)
    events = [(0, i, i, 0) for i in range(len(pairs))]  # When, in which order, which chunk, before which hop.
    count, runs = len(events), []
    while events:
        now, _, chunk, at = heapq.heappop(events)
        if at >= 0:
            if at == len(routes[chunk]):
                continue
            link = routes[chunk][at]
            waiting[link].append((chunk, at))
        else:
            link = chunk  # A link that has become free.
        if waiting[link] and free_cycle[link] <= now:
            chunk, at = waiting[link].popleft()
            runs.append((chunk, at, link, 0, 1, 1, now, held))
            free_cycle[link] = now + held
            heapq.heappush(events, (now + held, count, link, -1))
            heapq.heappush(events, (now + hop, count + 1, chunk, at + 1))
            count += 2
    names = ("transfer", "hop", "link", "first_vector", "vector_step", "vector_count", "start_cycle")
    table = np.array(runs, dtype=np.int64).T
    zero = np.zeros(len(pairs), dtype=np.int64)
    transfers = {
        "source": np.array([a for a, _ in pairs], dtype=np.int64),
        "target": np.array([b for _, b in pairs], dtype=np.int64),
        "first_vector": zero,
        "vector_count": zero + 1,
        "release_cycle": zero,
        "release_period_cycles": zero,
        "adds": zero,
    }
    nothing = {name: np.zeros(0, dtype=np.int64) for name in ("transfer", "on", "delay_cycles")}
    return net.Timetable(ring, transfers, dict(zip((*names, "period_cycles"), table, strict=True)), nothing)


def ring_all_reduce_ns() -> int:
    """1 MiB on 8 chips in four splits, one after the other, each a ring of 14 messages of 32 KiB.

    A message has 10 ns of endpoint before it; a sum reads two operands from memory and writes one, at 50 GB/s
    (of 10^9): 3 x 655 ns.
    """
    size = 32 * 1024
    ring = net.Topology.ring(8, link=chunk_link(size, latency_ns=500 + 10))
    adding = net.ReduceCost(first_cycles=3 * (size // 50))
    return 4 * net.all_reduce(ring, 8 * size, reduce=adding, algorithm="ring").cycles


@dataclass(frozen=True)
class Case:
    name: str
    golden_ns: int
    ours_ns: Callable[[], float]
    #: What we get, worked out by hand.
    expected_ns: float
    reason: str

    def row(self) -> str:
        ours = self.ours_ns()
        error = (ours - self.golden_ns) / self.golden_ns
        shown = "0" if ours == self.golden_ns else f"{error:+.3%}".replace("%", " %")
        return f"| {self.name} | {self.golden_ns:,} | {ours:,.1f} | {shown} | {self.reason} |".replace(
            ".0 |", " |"
        )


STORED_NS = 1024 * HZ / (50 * GIB)
EXACT = "a chunk is a vector"
FLOORED = "a fraction of a nanosecond, floored there"
FLOW = "a vector is stored where it passes: {hops} x 19.07 ns"
CASES = [
    Case(
        "aware: ring of 16, chip 1 to 4",
        60_093,
        lambda: sent_ns(net.Topology.ring(16, link=chunk_link()), 1, 4),
        3 * (500 + 19_531),
        EXACT,
    ),
    Case(
        "aware: full mesh of 16, 1 to 4",
        20_031,
        lambda: sent_ns(net.Topology.node(16, link=chunk_link()), 1, 4),
        500 + 19_531,
        EXACT,
    ),
    Case(
        "aware: switch of 16, 1 to 4", 40_062, lambda: sent_ns(switch(chunk_link()), 1, 4), 2 * 20_031, EXACT
    ),
    Case(
        "aware: ring of 16, all pairs, their routes and order",
        704_116,
        lambda: net.verify(arrival_order()).cycles,
        36 * 19_531 + 2 * 500,
        "their schedule as a timetable, proved",
    ),
    Case(
        "aware: ring of 16, all pairs, our schedule",
        704_116,
        lambda: net.all_to_all(net.Topology.ring(16, link=chunk_link()), 16 * MIB).cycles,
        36 * 19_531 + 2 * 500,
        "`net.all_to_all`: the busiest links rest for one latency in all",
    ),
    Case(
        "unaware: ring of 16, 1 to 4",
        21_031,
        lambda: sent_ns(net.Topology.ring(16, link=flowing_link()), 1, 4),
        3 * 500 + 19_531.25 + 2 * STORED_NS,
        FLOW.format(hops=2),
    ),
    Case(
        "unaware: full mesh of 16, 1 to 4",
        20_031,
        lambda: sent_ns(net.Topology.node(16, link=flowing_link()), 1, 4),
        500 + 19_531.25,
        FLOORED,
    ),
    Case(
        "unaware: switch of 16, 1 to 4",
        20_531,
        lambda: sent_ns(switch(flowing_link()), 1, 4),
        2 * 500 + 19_531.25 + STORED_NS,
        FLOW.format(hops=1),
    ),
    Case(
        "unaware: 2 x 8 x 4, 0 to 1",
        4_932,
        lambda: sent_ns(three_dimensions(), 0, 1),
        50 + 4_882.8125,
        FLOORED,
    ),
    Case(
        "unaware: 2 x 8 x 4, 37 to 41",
        10_265,
        lambda: sent_ns(three_dimensions(), 37, 41),
        500 + 9_765.625,
        FLOORED,
    ),
    Case(
        "unaware: 2 x 8 x 4, 26 to 42",
        23_531,
        lambda: sent_ns(three_dimensions(), 26, 42),
        2 * 2_000 + 19_531.25 + STORED_NS,
        FLOW.format(hops=1),
    ),
    Case(
        "ring all-reduce, 8 chips, 1 MiB in 4 splits",
        117_780,
        ring_all_reduce_ns,
        4 * (14 * (500 + 610 + 10) + 7 * 3 * 655),
        "theirs charges the 10 ns endpoint once more at the end of each split",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_we_get_is_what_the_reason_says(case: Case) -> None:
    assert case.ours_ns() == pytest.approx(case.expected_ns, rel=1e-12)
    if case.name.startswith("aware"):
        assert case.ours_ns() == case.golden_ns


def test_the_closed_form_of_the_all_reduce_is_the_golden_to_the_nanosecond() -> None:
    """So the 40 ns that we lack are four last endpoints and nothing else."""
    assert 4 * (14 * (500 + 610 + 10) + 7 * 3 * 655 + 10) == 117_780


def test_a_multicast_needs_less_than_a_quarter_of_the_all_gather_by_pairs() -> None:
    """Ours sends a chunk once over a link and copies it on the way: 8 chunks a link, hop by hop."""
    gathered = net.all_gather(net.Topology.ring(16, link=chunk_link()), 16 * MIB)
    assert net.verify(gathered.timetable).cycles == gathered.cycles
    assert 8 * 19_531 + 500 <= gathered.cycles < 704_116 / 4


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_page_has_the_row(case: Case) -> None:
    assert case.row() in PAGE.read_text().splitlines()
