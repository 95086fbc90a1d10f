"""Published figures of the machines' networks beside what this one gives. docs/fabric-cases.md tells them.

The parameters behind these were committed before any of it was computed; see that page. Identities are exact,
calibrations are the parameter itself, and of predictions the error is stated, whatever it is.
"""

from __future__ import annotations

import pytest

from lpusim import net

V1 = net.LinkSpec.for_chip("groq-lpu-v1")
LP30 = net.LinkSpec.for_chip("lp30")


def one_way(link: net.LinkSpec) -> float:
    """Payload of one link in one direction, bytes a second."""
    return link.vector_bytes * link.clock_hz / link.vector_cycles


def microseconds(hops: int, link: net.LinkSpec) -> float:
    return hops * link.hop_cycles / link.clock_hz * 1e6


def test_a_hop_of_the_first_generation_is_the_published_300_ns() -> None:
    neighbours = net.send(net.Topology.node(8, link=V1), 0, 1, size_bytes=320)
    assert neighbours.cycles == 270
    assert neighbours.time_s == pytest.approx(300e-9, rel=1e-12)


def test_27_cycles_a_vector_is_the_only_whole_number_that_gives_both_published_rates() -> None:
    """235 GB/s on 11 links both ways; 853 GB/s over the bisection of 72 chips one way. Both rounded."""

    def fits(vector_cycles: int) -> bool:
        link = net.LinkSpec(vector_cycles=vector_cycles)
        bisection = net.Topology.quadfour(9, link=link).bisection_bytes_per_s
        return round(2 * 11 * one_way(link) / 1e9) == 235 and round(bisection / 1e9) == 853

    assert [cycles for cycles in range(20, 36) if fits(cycles)] == [V1.vector_cycles] == [27]
    assert net.Topology.quadfour(9).bisection_bytes_per_s == pytest.approx(80 * 320 * 900e6 / 27)


def test_lpx_trays_and_racks_have_the_published_aggregates() -> None:
    assert 8 * 96 * 2 * one_way(LP30) == pytest.approx(20e12, rel=0.002)
    assert 256 * 96 * 2 * one_way(LP30) == pytest.approx(640e12, rel=0.002)
    assert net.Topology.lpx(1).chip_count == 256


def test_the_largest_system_stays_below_the_published_3_us() -> None:
    largest = net.Topology.dragonfly(1305)
    hops = largest.distances(0)
    assert (largest.chip_count, largest.router_diameter, int(hops.max())) == (10_440, 5, 6)
    sent = net.send(largest, 0, int(hops.argmax()), size_bytes=320)
    assert sent.time_s * 1e6 == pytest.approx(6 * 0.3)


def test_a_groqracks_latency_is_predicted_44_percent_too_low() -> None:
    rack = net.Topology.quadfour(9)
    hops = rack.distances(0)
    sent = net.send(rack, 0, int(hops.argmax()), size_bytes=320)
    assert sent.cycles == 3 * 270
    assert sent.time_s * 1e6 / 1.6 - 1 == pytest.approx(-0.4375)


@pytest.mark.parametrize(
    ("chips", "published_us", "hops", "error"),
    [(16, 0.35, 1, 0.0), (128, 0.75, 2, -0.066), (256, 1.15, 2, -0.391), (768, 1.60, 3, -0.343)],
)
def test_lpx_latency_against_reachable_sram(chips: int, published_us: float, hops: int, error: float) -> None:
    """0.35 us is the hop itself, the rest predictions. Beyond 128 chips the assumed wiring is too good."""
    nearest_first = sorted(net.Topology.lpx(3).distances(0).tolist())
    assert nearest_first[chips - 1] == hops
    assert microseconds(hops, LP30) / published_us - 1 == pytest.approx(error, abs=0.001)


@pytest.mark.parametrize("size_kib", [32, 64, 128, 256])
def test_all_reduce_at_the_sizes_of_serving_keeps_to_its_bounds(size_kib: int) -> None:
    """No time is published for these sizes (SHIP); a node cannot beat 7 links that carry 2/8 each."""
    size = size_kib * 1024
    node = net.all_reduce(net.Topology.node(8, link=V1), size)
    assert node.time_s >= size / 4 / one_way(V1)
    # What one chip has must come to all, three hops away, and a chip's eleven links must carry its share.
    rack = net.all_reduce(net.Topology.quadfour(9, link=V1), size)
    assert rack.cycles >= 3 * 270
    assert rack.time_s >= 2 * (71 / 72) * size / (11 * one_way(V1))
    assert net.verify(rack.timetable).cycles == rack.cycles
