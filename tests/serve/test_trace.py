"""Reading, drawing and writing request traces."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lpusim
from lpusim._trace import AZURE_CONV_2023

AZURE = """TIMESTAMP,ContextTokens,GeneratedTokens
2023-11-16 18:15:46.6805900,374,44
2023-11-16 18:15:50.9951690,396,109
2023-11-16 18:16:00.0000001,7,1
"""
MOONCAKE = """{"timestamp": 0, "input_length": 600, "output_length": 5, "hash_ids": [0, 1]}
{"timestamp": 3000, "input_length": 513, "output_length": 9, "hash_ids": [0, 7]}
{"timestamp": 3000.5, "input_length": 1, "output_length": 1, "hash_ids": [9]}
"""
PLAIN = """arrival_s,input_tokens,output_tokens
0.046926808,2358,531
1e1,1034,769
"""


def write(tmp_path, text, name="trace.txt"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_azure_times_are_exact_to_their_seventh_decimal_and_start_at_the_first_row(tmp_path):
    trace = lpusim.load_trace(write(tmp_path, AZURE))
    assert trace.arrival_ps.tolist() == [0, 4_314_579_000_000, 13_319_410_100_000]
    assert trace.input_tokens.tolist() == [374, 396, 7]
    assert trace.output_tokens.tolist() == [44, 109, 1]


def test_azure_times_with_a_zone_are_brought_to_utc(tmp_path):
    text = (
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2024-05-10 00:00:00.009930+00:00,1,1\n"
        "2024-05-10 02:00:01.009930+02:00,1,1\n"
    )
    assert lpusim.load_trace(write(tmp_path, text)).arrival_ps.tolist() == [0, 10**12]


def test_mooncake_times_are_milliseconds(tmp_path):
    trace = lpusim.load_trace(write(tmp_path, MOONCAKE))
    assert trace.arrival_ps.tolist() == [0, 3 * 10**12, 3_000_500_000_000]
    assert trace.output_tokens.tolist() == [5, 9, 1]
    assert trace.hash_ids is None


def test_mooncake_prefix_blocks_are_kept_on_request(tmp_path):
    trace = lpusim.load_trace(write(tmp_path, MOONCAKE), keep_hash_ids=True)
    assert trace.block_tokens == 512
    assert trace.hash_ids.tolist() == [0, 1, 0, 7, 9]
    assert trace.hash_offsets.tolist() == [0, 2, 4, 5]


def test_sorting_moves_prefix_blocks_with_their_request(tmp_path):
    lines = MOONCAKE.splitlines()
    path = write(tmp_path, "\n".join([lines[2], lines[1], lines[0]]))
    trace = lpusim.load_trace(path, sort=True, keep_hash_ids=True)
    assert trace.input_tokens.tolist() == [600, 513, 1]
    assert trace.hash_ids.tolist() == [0, 1, 0, 7, 9]
    assert trace.hash_offsets.tolist() == [0, 2, 4, 5]


def test_plain_csv_is_in_seconds_with_columns_in_any_order(tmp_path):
    assert lpusim.load_trace(write(tmp_path, PLAIN)).arrival_ps.tolist() == [46_926_808_000, 10**13]
    text = "user,output_tokens,arrival_s,input_tokens\nann,3,0.5,2\n"
    trace = lpusim.load_trace(write(tmp_path, text))
    assert (trace.arrival_ps[0], trace.input_tokens[0], trace.output_tokens[0]) == (5 * 10**11, 2, 3)


def test_a_byte_order_mark_blank_lines_and_windows_line_ends_do_no_harm(tmp_path):
    path = write(tmp_path, b"\xef\xbb\xbf" + PLAIN.replace("\n", "\r\n\r\n").encode())
    assert len(lpusim.load_trace(path)) == 2


def test_rate_scale_divides_arrival_times_and_limit_takes_the_first(tmp_path):
    path = write(tmp_path, AZURE)
    assert lpusim.load_trace(path, rate_scale=2).arrival_ps.tolist() == [
        0,
        2_157_289_500_000,
        6_659_705_050_000,
    ]
    assert lpusim.load_trace(path, rate_scale=0.1).arrival_ps[1] == 43_145_790_000_000
    assert len(lpusim.load_trace(path, limit=2)) == 2


@pytest.mark.parametrize(
    ("row", "seen"),
    [
        ("5,0,3", "input_tokens is 0; allowed: 1 to"),
        ("5,3,0", "output_tokens is 0"),
        ("5,3,-1", "output_tokens is -1"),
        ("5,3", "2 columns where the header has 3"),
        ("5,3,4,5", "4 columns"),
        ("x,3,4", "arrival_s is 'x'"),
        ("nan,3,4", "arrival_s is 'nan'"),
        ("-1,3,4", "arrives at -1.0 s; allowed: 0 or more"),
        ("1e400,3,4", "ordinary size"),
        ("1700000000,3,4", "26 days"),
        ("5,3.5,4", "input_tokens is '3.5'; allowed: a whole number"),
        ("5,99999999999999999999,4", "input_tokens is '99999999999999999999'"),
    ],
)
def test_a_bad_row_is_named_with_its_line_or_counted(tmp_path, row, seen):
    path = write(tmp_path, f"arrival_s,input_tokens,output_tokens\n1,1,1\n{row}\n9,2,2\n")
    with pytest.raises(ValueError) as stopped:
        lpusim.load_trace(path)
    assert str(stopped.value).startswith(f"{path}:3: ")
    assert seen in str(stopped.value)
    counted = lpusim.load_trace(path, bad_rows="count")
    assert counted.arrival_ps.tolist() == [10**12, 9 * 10**12]
    assert counted.bad_row_count == 1
    assert seen in counted.bad_rows[0]


@pytest.mark.parametrize("stamp", ["2023-13-16 18:15:46", "18:15", "2023-11-16 18:15:46.12345678901234"])
def test_a_bad_timestamp_is_named(tmp_path, stamp):
    path = write(tmp_path, f"{AZURE}{stamp},1,1\n")
    with pytest.raises(ValueError, match=r"trace.txt:5: TIMESTAMP is"):
        lpusim.load_trace(path)


@pytest.mark.parametrize(
    "row",
    [
        '{"timestamp": 1}',
        '{"timestamp": 1, "input_length": "x", "output_length": 1}',
        f'{{"timestamp": {"9" * 400}, "input_length": 1, "output_length": 1}}',
        f'{{"timestamp": 1, "input_length": 1, "output_length": 1, "x": {"[" * 100_000}',
        "{",
        "[1, 2]",
    ],
)
def test_a_bad_json_line_is_named(tmp_path, row):
    with pytest.raises(ValueError, match=r"trace.txt:4: "):
        lpusim.load_trace(write(tmp_path, MOONCAKE + row + "\n"))


def test_a_huge_hash_id_is_a_bad_row_that_leaves_nothing_behind(tmp_path):
    bad = '{"timestamp": 1, "input_length": 9, "output_length": 9, "hash_ids": [5, 99999999999999999999]}'
    lines = MOONCAKE.splitlines()
    path = write(tmp_path, "\n".join([lines[0], bad, lines[1]]))
    trace = lpusim.load_trace(path, keep_hash_ids=True, bad_rows="count")
    assert trace.hash_ids.tolist() == [0, 1, 0, 7]
    assert trace.bad_row_count == 1


def test_rows_out_of_order_are_an_error_that_says_which_line(tmp_path):
    path = write(tmp_path, "arrival_s,input_tokens,output_tokens\n5,1,1\n3,2,2\n5,3,3\n")
    for bad_rows in ("stop", "count"):
        with pytest.raises(ValueError, match=r"trace.txt:3: arrives 2 s before line 2; sort"):
            lpusim.load_trace(path, bad_rows=bad_rows)
    assert lpusim.load_trace(path, sort=True).input_tokens.tolist() == [2, 1, 3]


def test_an_unsorted_azure_file_starts_at_its_earliest_row(tmp_path):
    lines = AZURE.splitlines()
    path = write(tmp_path, "\n".join([lines[0], lines[2], lines[1]]))
    trace = lpusim.load_trace(path, sort=True)
    assert trace.arrival_ps.tolist() == [0, 4_314_579_000_000]
    assert trace.input_tokens.tolist() == [374, 396]


def test_files_that_cannot_be_read_are_os_errors_with_their_path(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        lpusim.load_trace(tmp_path / "nowhere.csv")
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        lpusim.load_trace(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"\n" * 5000, "blank lines"),
        (b"arrival_s,input_tokens,output_tokens\n", "has no requests"),
        (b"a,b,c\n1,2,3\n", "starts with 'a,b,c'; expected"),
        (b"\x7fELF\xff\xfe", "is not text"),
        (b"\x1f\x8b\x08\x00", "is compressed"),
        (b"x" * (1 << 21), "a line over 1048576 bytes"),
        (b'{"chat_id": 1, "timestamp": 1, "input_length": 1, "output_length": 1}', "Bailian"),
        (b"TIMESTAMP,TIMESTAMP,ContextTokens,GeneratedTokens\n", "starts with"),
    ],
)
def test_nonsense_is_refused_with_what_was_seen(tmp_path, content, message):
    path = write(tmp_path, content)
    with pytest.raises(ValueError, match=message) as refused:
        lpusim.load_trace(path)
    assert str(path) in str(refused.value)


def test_nonsense_behind_a_good_header_stops_after_a_thousand_rows_even_when_counting(tmp_path):
    path = write(tmp_path, "arrival_s,input_tokens,output_tokens\n" + "nonsense\n" * 100_000)
    read = []
    with pytest.raises(ValueError, match=r"trace.txt:1001: .*all of the first 1000 rows"):
        lpusim.load_trace(path, bad_rows="count", progress=lambda done, total: read.append(done))
    assert not read


def test_two_gigabytes_of_zeros_fail_at_once(tmp_path):
    path = tmp_path / "zeros"
    with path.open("wb") as file:
        file.truncate(2 << 30)  # sparse: takes no room
    with pytest.raises(ValueError, match="a line over"):
        lpusim.load_trace(path)


def test_a_named_format_must_be_the_files_own_and_known(tmp_path):
    path = write(tmp_path, PLAIN)
    assert len(lpusim.load_trace(path, "csv")) == 2
    with pytest.raises(ValueError, match=r"expected a line TIMESTAMP,.* \(azure\)$"):
        lpusim.load_trace(path, "azure")
    with pytest.raises(ValueError, match="did you mean 'azure'"):
        lpusim.load_trace(path, "azur")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bad_rows": "skip"}, 'bad_rows must be "stop" or "count"'),
        ({"limit": 0}, "limit must be from 1"),
        ({"limit": 1.5}, "limit must be a whole number, got 1.5"),
        ({"rate_scale": 0}, "rate_scale must be from 1e-9"),
        ({"rate_scale": float("nan")}, "rate_scale must be a finite number, got nan"),
        ({"rate_scale": "2"}, "rate_scale must be a number, got '2'"),
        ({"format": 5}, "unknown trace format 5"),
    ],
)
def test_bad_options_are_refused(tmp_path, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        lpusim.load_trace(write(tmp_path, PLAIN), **options)


def test_progress_counts_bytes(tmp_path):
    rows = "".join(f"{i},1,1\n" for i in range(40_000))
    path = write(tmp_path, "arrival_s,input_tokens,output_tokens\n" + rows)
    seen = []
    lpusim.load_trace(path, progress=lambda done, total: seen.append((done, total)))
    assert len(seen) == 2
    assert all(0 < done <= total == path.stat().st_size for done, total in seen)


tokens = st.integers(1, 1 << 40)
rows = st.lists(st.tuples(st.integers(0, 1 << 61), tokens, tokens), max_size=20)


@given(rows, st.text(max_size=20))
def test_a_trace_survives_printing_and_parsing(rows, name):
    rows.sort()
    columns = [[r[i] for r in rows] for i in range(3)]
    trace = lpusim.Trace(
        name=name, arrival_ps=columns[0], input_tokens=columns[1], output_tokens=columns[2], bad_rows=("x",)
    )
    again = lpusim.Trace.from_json(trace.to_json())
    assert again.to_dict() == trace.to_dict()
    assert again.arrival_ps.dtype == np.int64


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 10**9), tokens, tokens), min_size=1, max_size=20))
def test_a_written_csv_reads_back_to_the_microsecond(tmp_path_factory, rows):
    rows.sort()
    text = "arrival_s,input_tokens,output_tokens\n" + "".join(
        f"{t // 10**6}.{t % 10**6:06d},{i},{o}\n" for t, i, o in rows
    )
    path = write(tmp_path_factory.mktemp("csv"), text)
    trace = lpusim.load_trace(path)
    assert trace.arrival_ps.tolist() == [t * 10**6 for t, _, _ in rows]
    assert trace.output_tokens.tolist() == [o for _, _, o in rows]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        json.dumps({"schema": "lpusim.trace/1"}),
        '{"schema": "lpusim.trace/9"}',
        '{"schema": ' + "[" * 100_000,
        lpusim.generate_trace(1).to_json().replace('"generated"', "5"),
        lpusim.generate_trace(1).to_json().replace('"bad_row_count":0', '"bad_row_count":"none"'),
        lpusim.generate_trace(1).to_json().replace('"bad_rows":[]', '"bad_rows":5'),
    ],
)
def test_text_that_is_no_trace_is_refused(text):
    with pytest.raises(ValueError, match="JSON"):
        lpusim.Trace.from_json(text)


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        (([0], [1], []), ValueError),
        (([0], [0], [1]), ValueError),
        (([-1], [1], [1]), ValueError),
        (([2, 1], [1, 1], [1, 1]), ValueError),
        (([0.5], [1], [1]), TypeError),
        (([[0]], [1], [1]), ValueError),
        ((np.array([2**63], dtype=np.uint64), [1], [1]), ValueError),
    ],
)
def test_columns_that_are_no_trace_are_refused(columns, error):
    with pytest.raises(error):
        lpusim.Trace(name="x", arrival_ps=columns[0], input_tokens=columns[1], output_tokens=columns[2])


def test_columns_are_read_only():
    trace = lpusim.generate_trace(3)
    with pytest.raises(ValueError):
        trace.arrival_ps[0] = 1


def test_the_default_generator_has_the_published_statistics():
    """20,000 draws. Mean and median within 5 %, p90 within 3 %; p99 lies on a cliff of the input lengths."""
    seen = lpusim.generate_trace(20_000, seed=1).statistics()
    published = {
        "requests_per_s": 5.53,
        "gap_cv": 1.09,
        "input_mean": 1155,
        "input_p50": 1020,
        "input_p90": 2735,
        "input_p99": 4142,
        "output_mean": 211,
        "output_p50": 129,
        "output_p90": 424,
        "output_p99": 601,
    }
    for name, value in published.items():
        assert seen[name] == pytest.approx(value, rel=0.05), name


def test_the_generator_says_what_it_is():
    trace = lpusim.generate_trace(5)
    assert trace.description.startswith("generated, not recorded")
    assert AZURE_CONV_2023.source in trace.description
    assert AZURE_CONV_2023.source not in lpusim.generate_trace(5, input_tokens=3).description


def test_generated_traces_depend_on_the_seed_alone():
    first, again = lpusim.generate_trace(50, seed=3), lpusim.generate_trace(50, seed=3)
    assert first.to_dict() == again.to_dict()
    other = lpusim.generate_trace(50, seed=4)
    assert first.arrival_ps.tolist() != other.arrival_ps.tolist()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"requests": 0}, ValueError),
        ({"seed": -1}, ValueError),
        ({"requests_per_s": 0}, ValueError),
        ({"requests_per_s": float("nan")}, ValueError),
        ({"gap_cv": -1}, ValueError),
        ({"arrivals": "bursty"}, ValueError),
        ({"input_tokens": 0}, ValueError),
        ({"input_tokens": {0: 1, 0.5: 2}}, ValueError),
        ({"output_tokens": {0: 5, 1: 2}}, ValueError),
        ({"output_tokens": "long"}, TypeError),
        ({"output_tokens": {"0": 1, 1: 2}}, TypeError),
        ({"requests": 1.5}, TypeError),
        ({"arrivals": None}, TypeError),
    ],
)
def test_statistics_that_cannot_be_are_refused(options, error):
    with pytest.raises(error):
        lpusim.generate_trace(**{"requests": 10, **options})
