"""Machines by name, by edges and from files: published counts, laws, and what bad input is told."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpusim import net
from lpusim.errors import DisconnectedError

LINK = net.LinkSpec(vector_bytes=320, vector_cycles=10, hop_cycles=100, clock_hz=1_000_000_000)


def diameter_by_search(topology):
    """The slow reference: from every chip, one ring of neighbours after the other."""
    neighbours = {chip: set() for chip in range(topology.chip_count)}
    for a, b in zip(topology.links["source"].tolist(), topology.links["target"].tolist(), strict=True):
        neighbours[a].add(b)
    farthest = 0
    for source in topology.endpoints.tolist():
        seen, ring, hops = {source}, {source}, 0
        while not seen >= set(topology.endpoints.tolist()):
            ring = set().union(*(neighbours[chip] for chip in ring)) - seen
            assert ring
            seen |= ring
            hops += 1
        farthest = max(farthest, hops)
    return farthest


@pytest.mark.parametrize(
    ("topology", "chips", "links", "diameter"),
    [
        (net.Topology.node(8), 8, 28, 1),  # ISCA'22.
        (net.Topology.dragonfly(33), 264, 33 * 28 + 33 * 16, 3),  # ISCA'22.
        (net.Topology.quadfour(9), 72, 9 * 28 + 9 * 16, 3),  # SHIP.
        (net.Topology.quadfour(17), 136, 17 * 28 + 17 * 16, 5),  # SHIP.
        (net.Topology.lpx(chips=8), 8, 28 * 8, 1),
        (net.Topology.ring(9), 9, 9, 4),
        (net.Topology.torus((3, 4)), 12, 24, 3),
        (net.Topology.mesh((3, 4)), 12, 17, 5),
        (net.Topology.fat_tree(4, levels=3), 36, 48, 6),
        (net.Topology.switch(5), 6, 5, 2),
        (net.Topology.full_mesh(4, links=3), 4, 18, 1),
        (net.Topology.dragonfly(36), 288, 288 * 11 // 2, 4),
    ],
    ids=lambda value: value.name if isinstance(value, net.Topology) else "",
)
def test_named_machines_have_the_published_counts_by_graph_search(topology, chips, links, diameter):
    assert topology.chip_count == chips
    assert topology.link_count == links
    assert topology.diameter == diameter == diameter_by_search(topology)


def test_the_largest_dragonfly_has_10440_chips_11_links_each_and_5_hops_from_router_to_router():
    largest = net.Topology.dragonfly(145 * 9)
    assert largest.chip_count == 10_440
    assert largest.link_count == 10_440 * 11 // 2
    assert largest.router_diameter == 5
    # Chip by chip one more: passing through a node may take a hop inside it. At 300 ns a hop: 1.8 us of the
    # published 3 us end to end.
    assert largest.diameter == 6
    assert largest.diameter * largest.link.hop_cycles / largest.link.clock_hz < 3e-6
    racks = np.unique(largest.links["target"][largest.links["source"] // 72 == 0] // 72)
    assert len(racks) == 145


def test_published_bandwidths_of_quadfour():
    ring = net.Topology.quadfour(9)
    # SHIP: 235 GB/s a chip, both directions; 853 GB/s bisection, one direction.
    assert 2 * ring.chip_bytes_per_s() == pytest.approx(235e9, rel=2e-3)
    assert ring.bisection_bytes_per_s == pytest.approx(853e9, rel=2e-3)
    assert ring.bisection.links == 80
    assert not ring.bisection.is_exact
    assert ring.bisection.chips.tolist() == list(range(32))


def test_raw_rate_and_payload_share_of_a_link():
    # ISCA'20, Linley'20: 16 links of 4 lanes at 30 Gb/s, both directions.
    assert 16 * 4 * 30e9 / 8 * 2 == 480e9
    assert net.LinkSpec().payload_share == 320 / 328  # ISCA'22: 97.56 %.
    assert net.LinkSpec().bytes_per_s == 320 * 900e6 / 27


def test_links_beyond_a_node_and_a_rack():
    link = net.LinkSpec()
    largest = net.Topology.dragonfly(1305)
    # 7 local links; 4 outer ones: 2 to the rack, 2 beyond it.
    assert largest.chip_bytes_per_s() == pytest.approx(11 * link.bytes_per_s)
    assert largest.chip_bytes_per_s(beyond_chips=8) == pytest.approx(4 * link.bytes_per_s)
    assert largest.chip_bytes_per_s(beyond_chips=72) == pytest.approx(2 * link.bytes_per_s)


def test_global_bandwidth_falls_with_the_size_of_the_system_as_shown():
    # ISCA'22 shows about 50 GB/s a chip up to 264 chips and about 14 beyond, of raw links of 12.5 GB/s.
    raw = 12.5e9 / net.LinkSpec().bytes_per_s
    for nodes in (2, 17, 33):
        assert net.Topology.dragonfly(nodes).global_bytes_per_s * raw == pytest.approx(50e9)
    for nodes in (90, 180, 360, 1305):
        assert net.Topology.dragonfly(nodes).global_bytes_per_s * raw == pytest.approx(14e9, rel=0.1)


@st.composite
def cables(draw, max_chips=8):
    chips = draw(st.integers(2, max_chips))
    pairs = {(draw(st.integers(0, b - 1)), b) for b in range(1, chips)}
    pairs |= draw(st.sets(st.sampled_from(list(itertools.combinations(range(chips), 2)))))
    cycles = st.none() | st.integers(1, 50)
    listed = []
    for a, b in sorted(pairs):
        own = [draw(cycles) for _ in range(4)]
        for i in (1, 3):  # A hop is never shorter than the slot; 50 is the longest of the topology's.
            own[i] = None if own[i] is None else own[i] + 50
        listed.append(net.Cable(a, b, draw(st.integers(1, 5)), *own))
    return listed


@settings(deadline=None)
@given(cables(), st.data())
def test_written_and_read_again_a_topology_is_the_same(tmp_path_factory, edges, data):
    chips = max(edge.b for edge in edges) + 1
    relays = data.draw(st.sets(st.integers(1, chips - 1), max_size=1)) if chips > 2 else set()
    link = net.LinkSpec(vector_cycles=data.draw(st.integers(1, 50)), hop_cycles=100)
    try:
        made = net.Topology.from_edges(edges, link=link, relay_chips=relays, name="any")
    except DisconnectedError:
        return
    assert net.Topology.from_dict(made.to_dict()).to_dict() == made.to_dict()
    assert net.Topology.from_edges(made.cables, link=link).cables == made.cables
    path = tmp_path_factory.mktemp("net") / "any.json"
    made.save(path)
    again = net.Topology.load(path)
    assert again.to_dict() == made.to_dict() == json.loads(path.read_text())
    for name, column in made.links.items():
        assert np.array_equal(again.links[name], column)
    if not relays:
        made.save(path.with_suffix(".csv"))
        listed = net.Topology.load(path.with_suffix(".csv"), link=link)
        assert listed.cables == made.cables


@settings(deadline=None, max_examples=50)
@given(cables(), st.randoms())
def test_the_order_and_direction_of_edges_do_not_matter(edges, random):
    turned = [
        edge
        if random.random() < 0.5
        else net.Cable(
            edge.b,
            edge.a,
            edge.links,
            *_own(edge, "back_"),
            *_own(edge, ""),
        )
        for edge in edges
    ]
    random.shuffle(turned)
    assert (
        net.Topology.from_edges(turned, link=LINK).cables == net.Topology.from_edges(edges, link=LINK).cables
    )


def _own(edge, way):
    """The slot and hop of one direction, spelt out."""
    slot = getattr(edge, f"{way}vector_cycles") or edge.vector_cycles or LINK.vector_cycles
    return slot, getattr(edge, f"{way}hop_cycles") or edge.hop_cycles or LINK.hop_cycles


def test_an_override_changes_the_times_of_its_direction_only():
    pair = net.Topology.from_edges([net.Cable(0, 1, 2, vector_cycles=20, back_hop_cycles=150)], link=LINK)
    assert net.send(pair, 0, 1, size_bytes=4 * 320).cycles == 100 + 20
    assert net.send(pair, 1, 0, size_bytes=4 * 320).cycles == 150 + 20
    assert pair.links["vector_cycles"].tolist() == [20] * 4
    assert pair.links["hop_cycles"].tolist() == [100, 100, 150, 150]


def test_cables_between_nodes_and_racks_may_be_slower():
    near = net.Topology.dragonfly(36)
    far = net.Topology.dragonfly(
        36,
        between_nodes=net.LinkTiming(hop_cycles=300),
        between_racks=net.LinkTiming(hop_cycles=500, vector_cycles=54),
    )
    assert far.link_count == near.link_count
    assert sorted(set(far.links["hop_cycles"].tolist())) == [270, 300, 500]
    between_racks = far.links["source"] // 72 != far.links["target"] // 72
    assert set(far.links["vector_cycles"][between_racks].tolist()) == {54}
    assert far.bisection_bytes_per_s == near.bisection_bytes_per_s / 2
    assert net.all_reduce(far, 320).cycles > net.all_reduce(near, 320).cycles


def test_relays_pass_on_and_take_no_part():
    star = net.Topology.switch(4)
    assert star.endpoints.tolist() == [0, 1, 2, 3]
    assert star.relay_chips.tolist() == [4]
    done = net.all_reduce(star, 3_200)
    assert done.chip_count == 4
    assert net.verify(done.timetable).cycles == done.cycles
    with pytest.raises(ValueError, match="chip 4 of switch-4, a relay that only passes on"):
        net.all_reduce(star, 320, chips=[0, 4])


def test_columns_are_int64_and_read_only():
    ring = net.Topology.ring(5)
    for column in (*ring.links.values(), ring.endpoints, ring.physical_chips, ring.bisection.chips):
        assert column.dtype == np.int64
        assert not column.flags.writeable


CSV_HEADER = "a,b,links,vector_cycles,hop_cycles\n"


def test_a_csv_file_names_columns_in_any_order_and_leaves_cells_empty(tmp_path):
    path = tmp_path / "row.csv"
    path.write_text("hop_cycles, b ,a,links\n300,1,0,\n\n,2,1, 4\n")
    row = net.Topology.load(path, chips=3)
    assert row.name == "row"
    assert row.cables == [net.Cable(0, 1, hop_cycles=300, vector_cycles=27), net.Cable(1, 2, 4)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; it needs a header"),
        ("\n\n", "is empty"),
        ("a,b\n", "has a header and no cables"),
        ("a,c\n0,1\n", r"row.csv:1: unknown column 'c'"),
        ("a,link\n0,1\n", r"row.csv:1: .*did you mean 'links'"),
        ("a,a,b\n", r"row.csv:1: the column 'a' is there twice"),
        ("a,links\n", r"row.csv:1: needs the column 'b'"),
        (CSV_HEADER + "0,1,1,27,270\n1,2,x,27,270\n", r"row.csv:3: links must be a whole number, got 'x'"),
        (CSV_HEADER + "0,1.0,1,27,270\n", r"row.csv:2: b must be a whole number, got '1.0'"),
        (CSV_HEADER + "0,nan,1,27,270\n", r"row.csv:2: b must be a whole number, got 'nan'"),
        (CSV_HEADER + "0,,1,27,270\n", r"row.csv:2: b must be a whole number, got ''"),
        (CSV_HEADER + "0,1,0,27,270\n", r"row.csv:2: Cable.links must be from 1 to 16777216, got 0"),
        (CSV_HEADER + "0,1,1,0,270\n", r"row.csv:2: Cable.vector_cycles must be from 1 to 65536, got 0"),
        (CSV_HEADER + "0,1,1,27,-1\n", r"row.csv:2: Cable.hop_cycles must be from 1 .* got -1"),
        (CSV_HEADER + "0,1,1,27,26\n", r"row.csv: .*hop_cycles must be at least vector_cycles"),
        (CSV_HEADER + "3,3,1,27,270\n", r"row.csv:2: the link from chip 3 to itself is a self loop"),
        (CSV_HEADER + "0,1,1\n", r"row.csv:2: has 3 cells, but the header 5"),
        (CSV_HEADER + "0,1,,,\n2,3,,,\n", r"row.csv: .*no path from chip 0 to chips 2, 3"),
        (CSV_HEADER + "0,1,1,27,270\n1,0,1,28,280\n", r"row.csv: .*given twice with different timings"),
        (CSV_HEADER + "0,99999999,1,27,270\n", r"row.csv: a topology has 1 to 65536 chips, got 100000000"),
        (CSV_HEADER + "0," + "9" * 30 + ",1,27,270\n", r"row.csv:2: b must be a whole number"),
        (CSV_HEADER + "0,1," + " " * 70_000, r"row.csv:2: a line over 65536 characters"),
        ("a,b\n\x00,1\n", r"row.csv:2: "),
    ],
)
def test_a_bad_csv_file_is_told_file_line_and_what_is_allowed(tmp_path, text, message):
    path = tmp_path / "row.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        net.Topology.load(path)


def test_a_csv_file_in_no_known_encoding_is_told_so(tmp_path):
    path = tmp_path / "row.csv"
    path.write_bytes(b"a,b\n0,\xff\n")
    with pytest.raises(ValueError, match=r"row.csv:\d: is not UTF-8 text"):
        net.Topology.load(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"any.json:1: is not JSON"),
        ('{"chips": 2,\n "cables": [[0, 1]', r"any.json:2: is not JSON"),
        ("[]", "must be an object with 'chips' and 'cables'"),
        ('{"chips": 2}', "a topology needs 'cables'; it has chips"),
        ('{"chips": 2, "cabels": []}', "did you mean 'cables'"),
        ('{"chips": NaN, "cables": []}', "NaN is no number"),
        ('{"chips": 2.0, "cables": []}', "chips must be a whole number, got 2.0"),
        ('{"chips": 0, "cables": []}', "chips must be from 1"),
        ('{"chips": 2, "cables": 5}', "cables must be a list, got 5"),
        ('{"chips": 2, "cables": [[0, 1], [0]]}', r"edges\[1\] must be \(a, b\)"),
        ('{"chips": 2, "cables": [{"a": 0}]}', r"cables\[0\] needs 'b'"),
        (
            '{"chips": 2, "cables": [{"a": 0, "b": 1, "link": 2}]}',
            r"cables\[0\] 'link'; did you mean 'links'",
        ),
        ('{"chips": 2, "cables": [{"a": 0, "b": true}]}', r"cables\[0\]: Cable.b must be a whole number"),
        ('{"chips": 2, "cables": [7]}', r"cables\[0\] must be a list or an object, got 7"),
        ('{"chips": 2, "cables": [[0, 1]], "link": {"hop": 1}}', "unknown key of link 'hop'"),
        ('{"chips": 2, "cables": [[0, 1]], "link": {"hop_cycles": 0}}', "LinkSpec.hop_cycles must be from 1"),
        ('{"chips": 2, "cables": [[0, 1]], "schema": "x"}', "schema must be 'lpusim.topology/1', got 'x'"),
        ('{"chips": 2, "cables": [[0, 1]], "down_chips": [2]}', "0 to 1, got 2"),
        ('{"chips": 2, "cables": [[0, 1]], "physical_chips": [0, 0]}', "must hold every chip of edges once"),
        ('{"chips": 2, "cables": [[0, 1]], "axes": [1, 1]}', "have room for 1 of its 2 chips"),
        ("[" * 100_000, "is nested too deep|is not JSON"),
    ],
)
def test_a_bad_json_file_is_told_the_file_and_what_is_allowed(tmp_path, text, message):
    path = tmp_path / "any.json"
    path.write_text(text)
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        net.Topology.load(path)
    assert "any.json" in str(caught.value)


def test_a_file_of_another_kind_or_with_too_much_to_say_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.json or \.csv"):
        net.Topology.ring(3).save(tmp_path / "ring.toml")
    with pytest.raises(ValueError, match="has relay_chips, of which CSV says nothing"):
        net.Topology.switch(3).save(tmp_path / "star.csv")
    (tmp_path / "ring.yaml").write_text("")
    with pytest.raises(ValueError, match=r"ends in \.json or \.csv"):
        net.Topology.load(tmp_path / "ring.yaml")
    with pytest.raises(FileNotFoundError):
        net.Topology.load(tmp_path / "none.csv")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ring.yaml"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: net.Topology.dragonfly(1306), "from 1 to 10440, got 10448"),
        (lambda: net.Topology.dragonfly(0), "from 1 to 10440, got 0"),
        (lambda: net.Topology.dragonfly(), "either nodes or chips"),
        (lambda: net.Topology.torus(()), "number of dimensions must be from 1 to 16, got 0"),
        (lambda: net.Topology.torus((4, -1)), "size of a dimension must be from 1 to 65536, got -1"),
        (lambda: net.Topology.mesh((60_000, 60_000)), "product of the sizes must be from 1 to 65536"),
        (lambda: net.Topology.fat_tree(7), "ports must be even"),
        (lambda: net.Topology.fat_tree(8, levels=0), "levels must be from 1 to 8, got 0"),
        (lambda: net.Topology.full_mesh(4, links=0), "links must be from 1 to 65536, got 0"),
        (lambda: net.Topology.switch(0), "chip_count must be from 1"),
        (lambda: net.Topology.named("dragon-fly", 8), "did you mean 'dragonfly'"),
        (lambda: net.LinkTiming(vector_cycles=0), "LinkTiming.vector_cycles must be from 1 to 65536, got 0"),
        (
            lambda: net.Topology.quadfour(9, between_nodes=net.LinkTiming(hop_cycles=5)),
            "hop_cycles must be at least vector_cycles",
        ),
        (lambda: net.Topology.from_edges([(0, 1)], chips_per_node=0), "chips_per_node must be from 1"),
        (lambda: net.Topology.from_edges([(0, 1)], chips=10**9), "1 to 65536 chips, got 1000000000"),
        (lambda: net.Topology.from_edges([(0, 1, 2**24), (1, 2)]), "at most 16777216 links"),
        (lambda: net.Topology.from_edges(5), "not iterable"),
        (lambda: net.Topology.ring(3).chip_bytes_per_s(beyond_chips=0), "beyond_chips must be from 1"),
    ],
)
def test_bad_input_says_what_is_allowed(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: net.Topology.from_edges([(0, 1.0)]),
        lambda: net.Topology.from_edges([(0, float("nan"))]),
        lambda: net.Topology.from_edges([(True, 1)]),
        lambda: net.Topology.from_edges([net.Cable(0, 1)], link={"hop_cycles": 3}),
        lambda: net.Cable(0, 1, links=1.5),
        lambda: net.LinkTiming(hop_cycles=1.5),
        lambda: net.Topology.quadfour(9, between_nodes=300),
        lambda: net.Topology.torus((2.0, 2)),
        lambda: net.Topology.torus(4),
        lambda: net.Topology.from_dict(5),
    ],
)
def test_what_is_no_whole_number_is_refused_not_rounded(call):
    with pytest.raises(TypeError):
        call()


def test_an_endless_edge_list_ends_in_an_error(monkeypatch):
    monkeypatch.setattr("lpusim._net_edges.CABLES_MAX", 1000)
    with pytest.raises(ValueError, match="at most 1000 edges"):
        net.Topology.from_edges((0, 1) for _ in itertools.count())
