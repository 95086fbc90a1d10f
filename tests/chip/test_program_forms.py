"""A program as text, as bytes and as a pickle; constants and lane maps as arrays."""

import copy
import pickle
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lpusim import chip

EVERYTHING = """\
chips 2
map reverse 319..0
tensor ramp constant fp16 2 x 3 lanes 3 columns
piece chip1.w.0 address 0 row 0 column 0 loop 2 row 1 address 1
data 003c*4 00400042
tensor out output int8 1 x 3 lanes 3 columns
piece e.3 address 0 row 0 column 0
@0 mem.w.0 read 5 -> e.0 gather 8 <- e.2
@7 sxm.w.2 permute reverse e.0 -> e.3
@8 vxm.3 mul fp16 e.0, =0.1h -> e.4 repeat 3 every 2
@9 chip1.c2c.w.0 receive c2c.e.0 held 2 -> e.1
"""


def test_text_bytes_and_pickles_give_an_equal_program_back():
    program = chip.Program.parse(EVERYTHING)
    assert program.text() == EVERYTHING
    assert chip.Program.from_bytes(program.to_bytes()) == program
    assert chip.Program.from_bytes(bytearray(program.to_bytes())) == program
    assert chip.Program.from_bytes(memoryview(program.to_bytes())) == program
    assert pickle.loads(pickle.dumps(program)) == program
    assert copy.deepcopy(program) == program
    assert chip.assemble(EVERYTHING) == program.to_bytes()
    assert chip.disassemble(chip.assemble(EVERYTHING)) == EVERYTHING


def test_builders_programs_survive_as_bytes():
    program = chip.gemm(chip.ChipSpec(), m=100, n=400, k=700)
    assert chip.Program.from_bytes(program.to_bytes()) == program
    assert len(program.to_bytes()) < len(program.text()) / 3


def test_constants_and_lane_maps_are_arrays_that_cannot_be_written():
    program = chip.Program.parse(EVERYTHING)
    ramp, out = program.tensors["ramp"], program.tensors["out"]
    assert ramp.role == "constant"
    assert ramp.data.tolist() == [[1, 1, 1], [1, 2, 3]]
    assert ramp.data.dtype == np.float16
    assert out.data is None
    assert program.maps["reverse"].tolist() == list(range(319, -1, -1))
    assert program.chips == 2
    for array in (ramp.data, program.maps["reverse"]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_arrays_outlive_their_program():
    data = chip.Program.parse(EVERYTHING).tensors["ramp"].data
    lanes = chip.Program.parse(EVERYTHING).maps["reverse"]
    assert data.tolist() == [[1, 1, 1], [1, 2, 3]]
    assert lanes.sum() == 319 * 160


def test_a_large_constant_is_looked_at_without_a_copy():
    size = 64 * 2**20
    program = chip.Program.parse(
        f"tensor zeros constant int8 {size // 1024} x 1024 lanes 320 columns\ndata 00*{size}"
    )
    tracemalloc.start()
    assert program.tensors["zeros"].data.shape == (size // 1024, 1024)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20
    assert len(program.text()) < 100
    assert len(program.to_bytes()) < 50


def test_a_constant_of_another_size_has_no_array_and_is_refused_by_a_chip():
    program = chip.Program.parse("tensor a constant int32 2 x 2 lanes 2 columns\ndata 0001")
    assert program.tensors["a"].data is None
    with pytest.raises(ValueError, match="tensor a: needs 16 bytes of data, got 2"):
        chip.verify(program, chip.ChipSpec())


@pytest.mark.parametrize(
    ("data", "error", "complaint"),
    [
        (b"", ValueError, "byte 0: this is no program"),
        (b"LPUP" + bytes([7]), ValueError, "byte 4: version 7 is not known here"),
        ("LPUP", TypeError, "data must be bytes, got str"),
        (None, TypeError, "data must be bytes, got NoneType"),
        (np.zeros(3), TypeError, "data must be bytes, got ndarray"),
    ],
)
def test_what_is_no_program_is_refused(data, error, complaint):
    with pytest.raises(error, match=complaint):
        chip.Program.from_bytes(data)
    with pytest.raises(error, match=complaint):
        chip.disassemble(data)


def test_every_beginning_of_a_program_is_refused():
    binary = chip.assemble(EVERYTHING)
    for size in range(len(binary)):
        with pytest.raises(ValueError, match=r"byte [0-9]+: "):
            chip.Program.from_bytes(binary[:size])


@settings(deadline=None, derandomize=True, max_examples=300)
@given(st.data())
def test_changed_bytes_are_understood_or_refused(data):
    binary = bytearray(chip.assemble(EVERYTHING))
    for _ in range(data.draw(st.integers(1, 4))):
        binary[data.draw(st.integers(5, len(binary) - 1))] = data.draw(st.integers(0, 255))
    try:
        program = chip.Program.from_bytes(binary)
    except ValueError as error:
        complaint = str(error)
    else:
        complaint = "byte 0: none"
        assert chip.Program.from_bytes(program.to_bytes()) == program
    assert complaint.startswith("byte ")


def test_a_hundred_megabytes_of_nonsense_fail_at_once():
    text = "no program\n" * 9_100_000
    start = time.perf_counter()
    with pytest.raises(ValueError, match="line 1, column 1: expected a queue"):
        chip.Program.parse(text)
    assert time.perf_counter() - start < 5
    with pytest.raises(ValueError, match="byte 0: this is no program"):
        chip.Program.from_bytes(text.encode())


def test_a_million_lines_are_read_in_seconds():
    line = "@5 mem.w.3 read 5 -> e.0 repeat 4 every 2 address 1\n"
    start = time.perf_counter()
    assert chip.Program.parse(line * 1_000_000).run_count == 1_000_000
    assert time.perf_counter() - start < 30  # One or two; the margin is for busy machines.
