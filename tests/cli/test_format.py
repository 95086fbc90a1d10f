import os
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpusim._format import number, quantity, table, to_json, wrap, write_atomic


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (999.4, "999"),
        (1e3, "1,000"),
        (0.1, "0.100"),
        (1e-5, "1e-05"),
        (-1234.0, "-1,234"),
        (float("nan"), "nan"),
    ],
)
def test_three_significant_digits(value, shown):
    assert number(value) == shown


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (999.4, "B", "999 B"),
        (999.6, "B", "1.00 kB"),  # Never "1,000 B".
        (1e3, "B/s", "1.00 kB/s"),
        (3600.0, "s", "3,600 s"),  # Nobody says 3.6 ks.
        (1.5e-12, "s", "1.50 ps"),
        (45e6, "J", "45.0 MJ"),
        (None, "s", "-"),
    ],
)
def test_a_quantity_takes_the_prefix_people_use(value, unit, shown):
    assert quantity(value, unit) == shown


@given(st.floats(1e-12, 1e20))
def test_a_quantity_reads_back_within_its_digits(value):
    digits, unit = quantity(value, "B", digits=4).replace(",", "").split()
    factor = {"p": -12, "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
    assert float(digits) * 10.0 ** factor[unit[:-1]] == pytest.approx(value, rel=1e-3)


def test_a_table_lines_up_and_leaves_no_blanks_at_line_ends():
    text = table([["a", "10"], ["long", "2"]], header=["x", "value"], numeric="lr")
    assert text.split("\n") == ["x     value", "----  -----", "a        10", "long      2"]
    assert table([]) == ""


def test_wrapping_never_breaks_a_word():
    assert wrap("one two-three four", indent="  ", width=9) == "one\n  two-three\n  four"


def test_json_has_no_nan_and_no_infinity():
    assert (
        to_json({"a": [float("inf"), 1.5], "b": None})
        == '{\n  "a": [\n    null,\n    1.5\n  ],\n  "b": null\n}\n'
    )
    with pytest.raises(TypeError, match="set has no JSON form"):
        to_json({"a": {1}})


def test_a_file_is_replaced_whole_with_ordinary_rights(tmp_path):
    path = tmp_path / "new" / "result.json"
    write_atomic(path, "first")
    write_atomic(path, b"second")
    assert path.read_bytes() == b"second"
    assert os.listdir(path.parent) == ["result.json"]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask


def test_a_write_that_fails_leaves_what_was_there(tmp_path):
    path = tmp_path / "result.json"
    path.write_text("old")
    with pytest.raises(TypeError):
        write_atomic(path, 5)
    assert os.listdir(tmp_path) == ["result.json"]
    assert path.read_text() == "old"
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_atomic(tmp_path / "folder", "a folder is in the way")
    assert sorted(os.listdir(tmp_path)) == ["folder", "result.json"]
