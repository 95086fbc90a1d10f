"""Recorded routing: three formats that say the same, and every way in which a file can be wrong."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest

from lpusim.moe import load_routing

CSV = """layer,phase,segment,slot,e0,e1,w0,w1
0,prefill,0,0,3,1,0.5,0.25
0,decode,1,0,2,0,0.75,0.125
4,prefill,0,0,1,3,0.5,0.5
4,decode,1,0,0,1,0.5,0.25
"""


@pytest.fixture
def write(tmp_path):
    def to_file(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to_file


def test_csv_keeps_layer_step_phase_ids_and_weights(write):
    recorded = load_routing(write("r.csv", CSV), experts=8)
    assert (recorded.layers, recorded.experts, recorded.experts_per_token) == ((0, 4), 8, 2)
    assert recorded.steps(0) == (0, 1)
    assert recorded.steps(4, phase="decode") == (1,)
    assert recorded.routing(0).ids.tolist() == [[3, 1], [2, 0]]
    one = recorded.routing(4, step=1)
    assert (one.ids.tolist(), one.weights.tolist()) == ([[0, 1]], [[0.5, 0.25]])
    assert recorded.routing(0, phase="prefill").ids.tolist() == [[3, 1]]
    assert not recorded.ids.flags.writeable


def test_without_a_number_of_experts_it_is_one_past_the_largest_id(write):
    assert load_routing(write("r.csv", CSV)).experts == 4


def test_csv_without_weights_steps_or_phases_is_one_step_of_unknown_weights(write):
    recorded = load_routing(write("r.csv", "layer,e0,e1\r\n0,1,2\r\n\r\n0,2,1\r\n"))
    assert recorded.steps(0) == (0,)
    assert recorded.routing(0).ids.tolist() == [[1, 2], [2, 1]]
    assert np.isnan(recorded.weights).all()


def test_jsonl_says_the_same_one_token_or_one_batch_a_line(write):
    rows = [
        {"layer": 0, "batch_id": 7, "topk_experts": [[3, 1], [2, 0]], "topk_weights": [[0.5, 0.25], [1, 0]]},
        {"layer": 0, "batch_id": 8, "topk_experts": [2, 0], "topk_weights": [0.75, 0.125]},
    ]
    recorded = load_routing(write("r.jsonl", "\n".join(map(json.dumps, rows)) + "\n"))
    assert recorded.steps(0) == (7, 8)
    assert recorded.routing(0, step=7).ids.tolist() == [[3, 1], [2, 0]]
    assert recorded.routing(0, step=8).weights.tolist() == [[0.75, 0.125]]


def test_a_log_without_batches_starts_a_step_when_token_numbers_restart(write):
    tokens = [(0, 0), (0, 1), (5, 0), (0, 0), (0, 1), (5, 0)]
    rows = [{"type": "meta", "model_id": "m"}] + [
        {"type": "route", "token_idx": token, "layer": layer, "topk_ids": [1, 0], "topk_weights": [0.5, 0.5]}
        for layer, token in tokens
    ]
    recorded = load_routing(write("r.jsonl", "\n".join(map(json.dumps, rows))))
    assert recorded.layers == (0, 5)
    assert recorded.steps(0) == recorded.steps(5) == (0, 1)
    assert recorded.routing(0, step=1).tokens == 2


def test_npz_holds_tokens_by_layers_by_experts(tmp_path):
    path = tmp_path / "r.npz"
    ids = np.array([[[3, 1], [1, 3]], [[2, 0], [0, 1]]])
    np.savez(path, ids=ids, weights=np.full(ids.shape, 0.5), layers=[0, 4], steps=[0, 1])
    recorded = load_routing(path)
    assert (recorded.layers, recorded.steps(4)) == ((0, 4), (0, 1))
    assert recorded.routing(4).ids.tolist() == [[1, 3], [0, 1]]
    np.savez(path, ids=ids)
    assert load_routing(path).layers == (0, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("4,decode,1,0,0,1", "4,decode,1,0,0,8"), "r.csv, line 5, column e1: .* from 0 to 7, got 8"),
        (("4,decode,1,0,0,1", "4,decode,1,0,-1,1"), "r.csv, line 5, column e0: .* got -1"),
        (("4,decode,1,0,0,1", "4,decode,1,0,1,1"), "line 5, column e1: expert 1 is named twice"),
        (("4,decode,1,0,0,1", "4,decode,1,0,0,1.5"), "line 5, column e1: must be an integer, got '1.5'"),
        (("0.75,0.125", "0.75"), "line 3: 7 columns, the header has 8"),
        (("0.75,0.125", "0.75,0.125,1"), "line 3: 9 columns, the header has 8"),
        (("0.75,0.125", "0.75,nan"), "line 3, column w1: weights must be finite in float32, got nan"),
        (("0.75,0.125", "0.75,x"), "line 3, column w1: must be a number, got 'x'"),
        (("0,decode", "zero,decode"), "line 3, column layer: must be an integer, got 'zero'"),
        (("0,decode", "-1,decode"), "line 3: layer must be from 0 to 9223372036854775807, got -1"),
        (("layer,phase", "level,phase"), "line 1: the header must name layer and e0"),
        (("e0,e1", "e0,e0"), "line 1: the header names column 'e0' twice"),
        (("w0,w1", "w0,x1"), "line 1: 1 weight columns for 2 expert columns"),
    ],
)
def test_a_bad_csv_is_named_by_file_line_and_column(write, change, message):
    with pytest.raises(ValueError, match=message):
        load_routing(write("r.csv", CSV.replace(*change)), experts=8)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"layer": 0, "batch_id": 1, "topk_experts": [1, 2', "line 2: not a whole JSON object"),
        ("[1, 2]", "line 2: not a whole JSON object"),
        (f'{{"layer": 0, "x": {"[" * 100_000}', "line 2: is nested too deeply"),
        ('{"layer": 99999999999999999999, "topk_ids": [1, 2]}', "line 2: layer must be from 0 to 92233"),
        (
            '{"layer": 0, "batch_id": 99999999999999999999, "topk_ids": [1, 2]}',
            "line 2: step must be from 0 to 92233",
        ),
        (
            '{"layer": 0, "batch_id": 1, "topk_ids": [1, 2], "topk_weights": [1, 1e39]}',
            r"topk_weights\[0\]\[1\]: weights must be finite in float32, got 1e\+39",
        ),
        (
            f'{{"layer": 0, "batch_id": 1, "topk_ids": [1, 2], "topk_weights": [1, 1{"0" * 400}]}}',
            "must be finite in float32, got a number of more than 30 digits",
        ),
        ('{"batch_id": 1, "topk_experts": [1, 2]}', "line 2, column layer: must be an integer, got None"),
        ('{"layer": 0, "batch_id": 1}', "line 2, column topk_ids: must be a list"),
        ('{"layer": 0, "batch_id": 1, "topk_experts": [1]}', "line 2: 1 experts in this row, 2 expected"),
        ('{"layer": 0, "batch_id": 1, "topk_experts": [1, 9]}', r"line 2, topk_experts\[0\]\[1\]: .* got 9"),
        (
            '{"layer": 0, "batch_id": 1, "topk_experts": [1, "2"]}',
            r"topk_experts\[0\]\[1\]: must be an integer",
        ),
        (
            '{"layer": 0, "batch_id": 1, "topk_experts": [[1, 2], 3]}',
            r"topk_experts\[1\]: must be a list, got 3",
        ),
        (
            '{"layer": 0, "batch_id": 1, "topk_experts": [1, 2], "topk_weights": [1]}',
            "line 2: 1 weights for 2 experts",
        ),
        (
            '{"layer": 0, "batch_id": 1, "topk_experts": [1, 2], "topk_weights": [[1, 1], [1, 1]]}',
            "2 rows of topk_weights for 1 rows of topk_experts",
        ),
    ],
)
def test_a_bad_jsonl_is_named_by_file_line_and_entry(write, line, message):
    good = '{"layer": 0, "batch_id": 0, "topk_experts": [1, 2]}\n'
    with pytest.raises(ValueError, match=r"r\.jsonl, .*" + message):
        load_routing(write("r.jsonl", good + line), experts=8)


def test_a_bad_npz_is_named_by_array_and_entry(tmp_path, write):
    path = tmp_path / "r.npz"
    ids = np.zeros((2, 3, 1), np.int32)
    ids[1, 2, 0] = 9
    np.savez(path, ids=ids)
    with pytest.raises(ValueError, match=r"r\.npz, ids\[1, 2, 0\]: .* from 0 to 7, got 9"):
        load_routing(path, experts=8)
    np.savez(path, ids=np.zeros((2, 3), np.int32))
    with pytest.raises(ValueError, match="ids: must be integers of shape"):
        load_routing(path)
    np.savez(path, ids=np.zeros((2, 3, 1), np.int32), weights=np.zeros((2, 3, 2)))
    with pytest.raises(ValueError, match="weights: must be floats of shape"):
        load_routing(path)
    np.savez(path, ids=np.zeros((2, 3, 1), np.int32), layers=[0, 1])
    with pytest.raises(ValueError, match="layers: must be 3 integers"):
        load_routing(path)
    np.savez(path, other=np.zeros(3))
    with pytest.raises(ValueError, match="no array named ids; arrays are other"):
        load_routing(path)
    whole = path.read_bytes()
    with pytest.raises(ValueError, match="not a readable NPZ archive"):
        load_routing(write("cut.npz", whole[: len(whole) // 2]))


def test_files_that_hold_no_routing_are_refused(write, tmp_path):
    with pytest.raises(ValueError, match="the file is empty"):
        load_routing(write("r.csv", ""))
    with pytest.raises(ValueError, match="no routing in this file"):
        load_routing(write("r.csv", "layer,e0\n"))
    with pytest.raises(ValueError, match="no routing in this file"):
        load_routing(write("r.jsonl", "\n"))
    with pytest.raises(ValueError, match="not UTF-8"):
        load_routing(write("r.csv", b"layer,e0\n0,\xff\n"))
    with pytest.raises(ValueError, match="is a folder"):
        load_routing(tmp_path, format="csv")
    with pytest.raises(
        ValueError, match=r"suffix '\.txt' is not a routing format; formats are csv, jsonl, npz"
    ):
        load_routing(write("r.txt", CSV))
    with pytest.raises(FileNotFoundError):
        load_routing(tmp_path / "missing.csv")
    with pytest.raises(ValueError, match="experts must be from 1"):
        load_routing(write("r.csv", CSV), experts=0)


def test_a_layer_step_or_phase_that_is_not_there_is_refused(write):
    recorded = load_routing(write("r.csv", CSV))
    with pytest.raises(ValueError, match="no layer 1; layers are 0, 4"):
        recorded.routing(1)
    with pytest.raises(ValueError, match="no step 2 in layer 0"):
        recorded.routing(0, step=2)
    with pytest.raises(ValueError, match="no phase 'train' in layer 0; phases are decode, prefill"):
        recorded.steps(0, phase="train")


def test_an_archive_that_unpacks_to_more_than_a_gigabyte_is_refused_before_it_is_unpacked(tmp_path):
    header = io.BytesIO()
    shape = {"descr": "<i8", "fortran_order": False, "shape": (1 << 28, 1, 1)}
    np.lib.format.write_array_header_1_0(header, shape)
    path = tmp_path / "r.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("ids.npy", "w") as ids:
        ids.write(header.getvalue())
        for _ in range(1025):
            ids.write(bytes(1 << 20))
    with pytest.raises(ValueError, match=r"unpacks to 107479\d+ bytes, allowed are 1073741824"):
        load_routing(path)


def test_an_archive_that_names_more_rows_than_it_holds_is_refused(tmp_path):
    header = io.BytesIO()
    shape = {"descr": "<i8", "fortran_order": False, "shape": (1 << 50, 1, 1)}
    np.lib.format.write_array_header_1_0(header, shape)
    path = tmp_path / "r.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ids.npy", header.getvalue())
    with pytest.raises(ValueError, match="not a readable NPZ archive"):
        load_routing(path)


def warm_log(dummies, real, layer=0):
    """A log as an engine writes it that measures its memory with dummy batches before it serves."""
    rows = [
        {"type": "route", "layer": layer, "token_idx": token, "topk_ids": ids, "topk_weights": [0.5, 0.25]}
        for ids, count in dummies
        for token in range(count)
    ]
    rows += [
        {"type": "route", "layer": layer, "token_idx": token, "topk_ids": ids, "topk_weights": [0.5, 0.25]}
        for token, ids in enumerate(real)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_warm_up_rows_are_kept_unless_one_asks(write):
    path = write("r.jsonl", warm_log([([4, 1], 100)], [[0, 1], [2, 3]]))
    kept = load_routing(path)
    assert (kept.routing(0).tokens, kept.dropped) == (102, {})
    served = load_routing(path, drop_warmup=True)
    assert (served.routing(0).ids.tolist(), served.dropped) == ([[0, 1], [2, 3]], {0: 100})
    assert served.steps(0) == (1,)  # Steps keep their numbers.
    assert served.experts == kept.experts == 5
    assert not served.ids.flags.writeable


def test_several_dummy_batches_of_each_layer_are_dropped_as_far_as_they_are_long(write):
    first = warm_log([([4, 1], 100), ([2, 0], 16), ([1, 0], 15)], [[0, 1]])
    second = warm_log([([4, 1], 15)], [[0, 1]], layer=7)
    recorded = load_routing(write("r.jsonl", first + second), drop_warmup=True)
    assert recorded.dropped == {0: 116, 7: 0}
    assert recorded.routing(0).tokens == 16  # Fifteen equal rows may be a sequence that repeats itself.
    assert recorded.routing(7).tokens == 16


def test_equal_rows_that_are_not_at_the_head_stay(write):
    path = write("r.csv", "layer,e0\n0,1\n" + "0,2\n" * 40)
    assert load_routing(path, drop_warmup=True).dropped == {0: 0}


def test_a_log_of_nothing_but_warm_up_is_refused(write):
    path = write("r.csv", "layer,e0\n" + "0,2\n" * 40)
    with pytest.raises(ValueError, match=r"r\.csv: all 40 rows are warm-up"):
        load_routing(path, drop_warmup=True)
