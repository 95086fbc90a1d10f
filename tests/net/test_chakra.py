"""Chakra traces are read back with Google's protobuf library, by a schema written down here, and replayed."""

from __future__ import annotations

import heapq
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, unknown_fields
from hypothesis import given, settings
from hypothesis import strategies as st

import lpusim
from lpusim import net
from lpusim._core import timeline

#: Cycles are nanoseconds.
LINK = net.LinkSpec(vector_bytes=320, vector_cycles=10, hop_cycles=100, clock_hz=1_000_000_000)
COMPUTE, SEND, RECEIVE = 4, 5, 6

_TYPES = {
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "uint64": descriptor_pb2.FieldDescriptorProto.TYPE_UINT64,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
}
#: What these traces use of mlcommons/chakra, schema/protobuf/et_def.proto: field name, number, type.
_MESSAGES = {
    "AttributeProto": [
        ("name", 1, "string"),
        ("int32_val", 7, "int32"),
        ("int64_val", 9, "int64"),
        ("uint64_val", 13, "uint64"),
        ("bool_val", 27, "bool"),
    ],
    "GlobalMetadata": [("version", 1, "string"), ("attr", 2, "AttributeProto*")],
    "Node": [
        ("id", 1, "uint64"),
        ("name", 2, "string"),
        ("type", 3, "uint64"),
        ("ctrl_deps", 4, "uint64*"),
        ("data_deps", 5, "uint64*"),
        ("start_time_micros", 6, "uint64"),
        ("duration_micros", 7, "uint64"),
        ("attr", 10, "AttributeProto*"),
    ],
}


def _schema() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name="et.proto", package="chakra_test", syntax="proto3")
    for message, fields in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, number, kind in fields:
            field = described.field.add(name=name, number=number)
            field.label = field.LABEL_REPEATED if kind.endswith("*") else field.LABEL_OPTIONAL
            kind = kind.removesuffix("*")
            if kind in _TYPES:
                field.type = _TYPES[kind]
            else:
                field.type, field.type_name = field.TYPE_MESSAGE, f".chakra_test.{kind}"
        if message == "AttributeProto":
            described.oneof_decl.add(name="value")
            for field in described.field[1:]:
                field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"chakra_test.{name}"))
        for name in _MESSAGES
    }


SCHEMA = _schema()


def messages_of(data: bytes) -> list[bytes]:
    """Splits a file of messages, each behind its length as a varint."""
    found, at = [], 0
    while at < len(data):
        size, shift = 0, 0
        while True:
            byte = data[at]
            at, size, shift = at + 1, size | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                break
        found.append(data[at : at + size])
        assert len(found[-1]) == size, "a message is cut off"
        at += size
    return found


def decode(data: bytes) -> list[dict[str, Any]]:
    """The nodes of a file, their attributes beside their fields."""
    head, *nodes = messages_of(data)
    assert SCHEMA["GlobalMetadata"].FromString(head).version == "0.0.4"
    rows = []
    for body in nodes:
        node = SCHEMA["Node"].FromString(body)
        assert len(unknown_fields.UnknownFieldSet(node)) == 0
        attributes = {attr.name: getattr(attr, attr.WhichOneof("value")) for attr in node.attr}
        fields = {"id": node.id, "name": node.name, "type": node.type, "waits": list(node.data_deps)}
        times = {"start_us": node.start_time_micros, "duration_us": node.duration_micros}
        rows.append({**fields, **times, **attributes})
    return rows


def decode_all(table: net.Timetable, folder: Path) -> list[list[dict[str, Any]]]:
    paths = table.to_chakra(folder, name="t")
    assert [path.name for path in paths] == [f"t.{chip}.et" for chip in range(table.topology.chip_count)]
    return [decode(path.read_bytes()) for path in paths]


def replay(chips: list[list[dict[str, Any]]], link: net.LinkSpec) -> int:
    """A message-by-message network: whole messages, direct links, first come first served. Returns ns."""
    missing = {(chip, node["id"]): set(node["waits"]) for chip, nodes in enumerate(chips) for node in nodes}
    by_key = {(chip, node["id"]): node for chip, nodes in enumerate(chips) for node in nodes}
    receive = {
        node["comm_tag"]: (chip, node["id"])
        for chip, nodes in enumerate(chips)
        for node in nodes
        if node["type"] == RECEIVE
    }
    free: dict[tuple[int, int], int] = defaultdict(int)
    events: list[tuple[int, int, int, str]] = []
    arrived: dict[tuple[int, int], int] = {}
    begun, finished = set(), set()
    now = 0

    def begin_what_can(chip: int) -> None:
        for node in chips[chip]:
            key = (chip, node["id"])
            if key in begun or missing[key]:
                continue
            if node["type"] == SEND:
                begun.add(key)
                path = (node["comm_src"], node["comm_dst"])
                start = max(now, free[path])
                vectors = node["comm_size"] // link.vector_bytes
                free[path] = start + vectors * link.vector_cycles
                there = start + (vectors - 1) * link.vector_cycles + link.hop_cycles
                heapq.heappush(events, (start, *key, "sent"))
                heapq.heappush(events, (there, *receive[node["comm_tag"]], "arrived"))
            elif node["type"] == RECEIVE and key in arrived:
                begun.add(key)
                heapq.heappush(events, (now, *key, "received"))
            elif node["type"] == COMPUTE:
                begun.add(key)
                heapq.heappush(events, (now + node["duration_ps"] // 1000, *key, "computed"))

    for chip in range(len(chips)):
        begin_what_can(chip)
    while events:
        now, chip, number, what = heapq.heappop(events)
        if what == "arrived":
            arrived[chip, number] = now
        else:
            finished.add((chip, number))
            for waits in (missing[key] for key in missing if key[0] == chip):
                waits.discard(number)
        begin_what_can(chip)
    assert finished == set(by_key), "some nodes never ran"
    return now


def test_a_message_is_a_send_on_one_chip_and_a_receive_on_the_other(tmp_path: Path) -> None:
    sent = net.send(net.Topology.ring(4, link=LINK), 0, 2, size_bytes=3 * 320).timetable
    zero, one, two, three = decode_all(sent, tmp_path)
    assert one == three == []  # A chip on the way only passes vectors on; it has a file all the same.
    message = {"comm_src": 0, "comm_dst": 2, "comm_tag": 0, "comm_size": 960, "is_cpu_op": False}
    common = {"id": 0, "waits": [], "start_us": 0, "duration_us": 0, **message}
    assert zero == [{**common, "name": "send transfer 0", "type": SEND, "start_ps": 0, "duration_ps": 30_000}]
    # The first vector arrives after two hops, the last two slots later.
    times = {"start_ps": 200_000, "duration_ps": 20_000}
    assert two == [{**common, "name": "receive transfer 0", "type": RECEIVE, **times}]


def test_what_is_summed_is_received_then_added_then_sent(tmp_path: Path) -> None:
    cost = net.ReduceCost(first_cycles=7, cycles_per_vector=1)
    both = net.all_reduce(net.Topology.node(2, link=LINK), 640, reduce=cost, algorithm="ring").timetable
    for chip, nodes in enumerate(decode_all(both, tmp_path)):
        kinds = [node["type"] for node in nodes]
        assert sorted(kinds) == [COMPUTE, SEND, SEND, RECEIVE, RECEIVE]
        (add,) = (node for node in nodes if node["type"] == COMPUTE)
        assert add["name"].startswith("add transfer")
        assert (add["tensor_size"], add["num_ops"]) == (320, 160)  # 160 numbers of two bytes.
        assert add["duration_ps"] == 8_000
        (waited_for,) = add["waits"]
        assert nodes[waited_for]["type"] == RECEIVE
        assert nodes[waited_for]["comm_dst"] == chip
        (copy,) = (node for node in nodes if node["type"] == SEND and node["waits"])
        assert copy["waits"] == [add["id"]]
        assert copy["start_ps"] == 108_000


@pytest.mark.parametrize("first_cycles", [0, 20])
def test_replayed_one_vector_a_message_the_traces_take_exactly_the_timetables_cycles(
    tmp_path: Path, first_cycles: int
) -> None:
    """A message of one vector moves whole either way, so nothing is lost in the translation."""
    cost = net.ReduceCost(first_cycles=first_cycles)
    for topology in (net.Topology.node(4, link=LINK), net.Topology.ring(5, link=LINK)):
        done = net.all_reduce(topology, 320 * topology.chip_count, reduce=cost, algorithm="ring")
        # Every step is a hop, the first half of them with a sum.
        steps = topology.chip_count - 1
        assert done.cycles == steps * (2 * 100 + first_cycles)
        assert replay(decode_all(done.timetable, tmp_path), LINK) == done.cycles


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(["node", "ring", "quadfour"]), st.integers(2, 12), st.integers(1, 20_000))
def test_every_message_pairs_up_every_wait_looks_back_and_a_replay_ends(
    tmp_path_factory: pytest.TempPathFactory, kind: str, chips: int, size: int
) -> None:
    table = net.all_reduce(net.Topology.named(kind, chips, link=LINK), size).timetable
    files = decode_all(table, tmp_path_factory.mktemp("traces"))
    nodes = [(chip, node) for chip, rows in enumerate(files) for node in rows]
    for chip, node in nodes:
        assert all(on < node["id"] for on in node["waits"])
        if node["type"] != COMPUTE:
            assert chip == (node["comm_src"] if node["type"] == SEND else node["comm_dst"])
    pairs = [
        {
            node["comm_tag"]: (node["comm_src"], node["comm_dst"], node["comm_size"])
            for _, node in nodes
            if node["type"] == end
        }
        for end in (SEND, RECEIVE)
    ]
    assert pairs[0] == pairs[1]
    assert sum(message[2] for message in pairs[0].values()) == net.verify(table).bytes_received
    assert len(pairs[0]) == np.count_nonzero(table.transfers["vector_count"])
    replay(files, LINK)


@pytest.mark.parametrize(
    "done",
    [
        net.all_to_all(net.Topology.ring(6, link=LINK), 6 * 640),
        net.combine(net.Topology.ring(6, link=LINK), np.full((6, 6), 3)),
        net.broadcast(net.Topology.quadfour(2, link=LINK), 5, 5_000),
        net.all_reduce(net.Topology.quadfour(9, link=LINK), 5_000, algorithm="hierarchical"),
        net.all_reduce(net.Topology.quadfour(2, link=LINK), 5_000, algorithm="exchange"),
        net.send(net.Topology.quadfour(9, link=LINK), 0, 40, size_bytes=9_000, routing="spread"),
    ],
    ids=lambda done: f"{done.operation}, {done.algorithm}",
)
def test_every_operation_can_be_replayed(tmp_path: Path, done: net.Collective) -> None:
    files = decode_all(done.timetable, tmp_path)
    sent = sum(node["comm_size"] for nodes in files for node in nodes if node["type"] == SEND)
    assert sent == net.verify(done.timetable).bytes_sent
    additions = sum(node["num_ops"] for nodes in files for node in nodes if node["type"] == COMPUTE)
    adds = done.timetable.transfers["adds"] == 1
    assert additions == done.timetable.transfers["vector_count"][adds].sum() * 160
    replay(files, LINK)


def test_an_illegal_timetable_has_no_trace(tmp_path: Path) -> None:
    sent = net.send(net.Topology.ring(4, link=LINK), 0, 2, size_bytes=320).timetable
    with pytest.raises(lpusim.ScheduleError, match="arrives there only at cycle 100"):
        sent.with_runs(start_cycle=[0, 99]).to_chakra(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_large_timetable_and_a_file_name_without_letters_are_refused(tmp_path: Path) -> None:
    table = net.all_reduce(net.Topology.node(8), 65_536).timetable  # 112 transfers.
    with pytest.raises(lpusim.CapacityError, match="112 transfers may need three nodes each, more than"):
        table.to_chakra(tmp_path, nodes_max=335)
    with pytest.raises(ValueError, match="name must not be empty"):
        table.to_chakra(tmp_path, name="")
    with pytest.raises(ValueError, match="element_bytes must be from 1"):
        table.to_chakra(tmp_path, element_bytes=0)
    assert len(table.to_chakra(tmp_path, nodes_max=336)) == 8


def test_transfers_that_wait_in_a_circle_vector_by_vector_cannot_move_whole(tmp_path: Path) -> None:
    """Legal as vectors: 0 waits for 1 and 3 for 0 with vector 1; 1 waits for 2 and 2 for 3 with vector 2."""
    ring = net.Topology.ring(4, link=LINK)
    link_of = {ends: i for i, ends in enumerate(zip(ring.links["source"], ring.links["target"], strict=True))}

    def table(**columns: list[int]) -> dict[str, np.ndarray[Any, np.dtype[np.int64]]]:
        return {name: np.array(column, dtype=np.int64) for name, column in columns.items()}

    transfers = table(
        source=[0, 1, 2, 3],
        target=[3, 0, 1, 2],
        first_vector=[0, 1, 2, 1],
        vector_count=[2, 2, 2, 3],
        **dict.fromkeys(("release_cycle", "release_period_cycles", "adds"), [0] * 4),
    )
    runs = table(
        transfer=[0, 1, 2, 3, 3],
        hop=[0] * 5,
        link=[link_of[ends] for ends in ((0, 3), (1, 0), (2, 1), (3, 2), (3, 2))],
        first_vector=[0, 1, 2, 2, 1],
        vector_step=[1] * 5,
        vector_count=[2, 2, 2, 2, 1],
        start_cycle=[0, 0, 100, 0, 200],
        period_cycles=[100, 200, 10, 10, 10],
    )
    waits = table(transfer=[0, 1, 2, 3], on=[1, 2, 3, 0], delay_cycles=[0] * 4)
    circle = net.Timetable(ring, transfers, runs, waits)
    assert net.verify(circle).cycles == 300
    with pytest.raises(ValueError, match=r"wait for each other in a circle \(transfer 0 among them\)"):
        circle.to_chakra(tmp_path)
    chain = {name: column[:3] for name, column in waits.items()}
    assert len(net.Timetable(ring, transfers, runs, chain).to_chakra(tmp_path)) == 4


def test_columns_of_the_core_are_checked() -> None:
    def column(*values: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.array(values, dtype=np.int64)

    one = {
        name: column(0)
        for name in ("name", "start_ps", "duration_ps", "size_bytes", "source", "target", "tag")
    }
    good = {"names": ["a"], "kind": column(5), **one, "operation_count": column(0)}
    assert len(messages_of(timeline.chakra(**good, node=column(), on=column()))) == 2
    with pytest.raises(ValueError, match=r"on\[0\] = 0 must be an earlier node"):
        timeline.chakra(**good, node=column(0), on=column(0))
    with pytest.raises(ValueError, match=r"kind\[0\] = 7 must be 4"):
        timeline.chakra(**{**good, "kind": column(7)}, node=column(), on=column())
    with pytest.raises(TypeError):
        timeline.chakra(**{**good, "tag": np.array([0.0])}, node=column(), on=column())
