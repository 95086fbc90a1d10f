"""Nothing a caller writes crashes the chip room, hangs it or makes it eat memory: one clear message each."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lpusim
from lpusim import chip

SPEC = chip.ChipSpec()
SMALL = chip.ChipSpec(
    superlanes=2,
    lanes_per_superlane=4,
    streams_per_direction=8,
    positions=13,
    mem_slices_per_hemisphere=20,
    mem_words_per_slice=64,
    mxm_load_streams=4,
    mxm_accumulator_vectors=6,
    mxm_activate_latency_cycles=3,
)
HAND_WRITTEN = """
tensor a input int8 8 x 8 lanes 8 columns
piece w.0 address 0 row 0 column 0 loop 8 row 1 address 1
@0 mem.w.0 read 0 -> e.0 repeat 8 every 1 address 1
@3 vxm.0 relu int8 e.0 -> e.1 repeat 8 every 1
@5 mem.e.0 write 4 <- e.1 repeat 8 every 1 write_address 1
@20 mem.w.1..3 read 3 -> w.0 each stream 1 follow w
@30 mem.w.0 sync
mem.w.0 nop 4
@31 vxm.3 notify
@66 mxm.w.0.weights install
@70 mxm.w.0.activations activate int8 <- w.3
@74 vxm.1 shift_right int32 to int8 e.0, =0x1f -> w.1  # a comment
"""
WORDS = sorted(
    {*HAND_WRITTEN.split(), "-1", "9223372036854775807", "-9223372036854775808", ",", "=1e99f", "é"}
)


def understood_or_refused(text: str) -> None:
    """Parses, prints back to the same program and meets the verifier; every refusal is one of ours."""
    try:
        program = chip.Program.parse(text)
    except ValueError as error:
        message = str(error)
        assert message.startswith("line ")
        assert len(message) < 500
        return
    assert chip.Program.parse(program.text()) == program
    for engine in ("fold", "tick") if len(text) < 400 and "0000" not in text else ("fold",):
        with suppress(ValueError, lpusim.ScheduleError, TimeoutError):
            chip.run(program, SMALL, engine=engine, values=False, progress=stop_after(0.5))


def stop_after(seconds: float):
    end = time.monotonic() + seconds

    def progress(done: int, total: int) -> None:
        if time.monotonic() > end:
            raise TimeoutError

    return progress


@settings(deadline=None, derandomize=True, max_examples=200)
@given(st.text(max_size=200).filter(lambda text: text.isascii() or not _has_surrogate(text)))
def test_any_text_is_understood_or_refused_with_line_and_column(text):
    understood_or_refused(text)


def _has_surrogate(text: str) -> bool:
    return any(0xD800 <= ord(character) <= 0xDFFF for character in text)


@st.composite
def garbled(draw: st.DrawFn) -> str:
    """A few lines of a good program with words replaced, dropped, doubled or cut."""
    lines = draw(st.lists(st.sampled_from(HAND_WRITTEN.strip().splitlines()), min_size=1, max_size=4))
    words = [word for line in lines for word in [*line.split(" "), "\n"]]
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(words) - 1))
        change = draw(st.integers(0, 3))
        if change == 0:
            words[at] = draw(st.sampled_from(WORDS))
        elif change == 1:
            words[at] = words[at][: draw(st.integers(0, 3))]
        elif change == 2:
            words.insert(at, words[at])
        else:
            words[at] = str(draw(st.integers(-(2**64), 2**64)))
    return " ".join(words)


@settings(deadline=None, derandomize=True, max_examples=400)
@given(garbled())
def test_a_garbled_program_is_understood_or_refused(text):
    understood_or_refused(text)


@pytest.mark.parametrize(
    ("text", "error", "complaint"),
    [
        (None, TypeError, "must be a str, got NoneType"),
        (b"@0 mem.w.0 sync", TypeError, "must be a str, got bytes"),
        ("\ud800", ValueError, "surrogates not allowed"),
        ("x" * 10**6, ValueError, "line 1, column 1: expected a queue such as .*xxx\\.\\.\\.'"),
        ("# ok\n@0 mem.w.0\0 sync", ValueError, "line 2, column 4: expected a queue"),
        ("@0 mem.w.0..99999999999999999999 read 0 -> e.0", ValueError, "line 1, column 4"),
    ],
)
def test_what_is_no_program_text_is_refused(text, error, complaint):
    with pytest.raises(error, match=complaint):
        chip.Program.parse(text)


@pytest.mark.parametrize("places", [0, 31, -1, 32, 2**31 - 1])
def test_a_shift_by_a_number_moves_0_to_31_places(places):
    program = chip.Program.parse(f"@0 vxm.0 shift_right int32 =5, ={places} -> e.0")
    if 0 <= places <= 31:
        assert chip.verify(program, SMALL).cycles == 1 + 2
    else:
        with pytest.raises(
            ValueError,
            match=rf"run 0 \(line 1\) on vxm\.0: the places of a shift must be from 0 to 31, got {places}$",
        ):
            chip.verify(program, SMALL)


@pytest.mark.parametrize(
    "text",
    [
        "@0 mem.w.0 read 0 -> e.0 repeat 9223372036854775807 every 9223372036854775807",
        "@0 mem.w.0 read 0 -> e.0 repeat 72057594037927936 every 2",
        "@0 mem.w.0 read 0 -> e.0 repeat 4294967296 every 4294967296 repeat 4294967296 every 1",
        "@9223372036854775806 mem.w.0 read 0 -> e.0",
        "@0 mem.w.0 read 9223372036854775807 -> e.0",
        "@0 mem.w.0 read 0 -> e.0 repeat 2 every 1 address -9223372036854775808",
        "@0 mem.w.0..19 read 0 -> e.0 each cycles 9223372036854775807",
    ],
)
def test_what_overflows_is_refused_with_its_run(text):
    with pytest.raises(
        ValueError,
        match=r"run 0 \(line 1\) on mem\.w\.0: .*(must be|must span)|line 1, column [0-9]+: the queue would",
    ):
        chip.verify(chip.Program.parse(text), SMALL)


@pytest.mark.parametrize(
    ("tensor", "complaint"),
    [
        ("tensor a output int8 9223372036854775807 x 1 lanes 8 columns", "rows and columns must be from 1"),
        (
            "tensor a output int32 2147483648 x 2147483648 lanes 8 columns",
            "more than the 20480 bytes of SRAM",
        ),
        (
            "tensor a output int8 2 x 2 lanes 8 columns\n"
            "piece w.3 address 0 row 0 column 0 loop 2147483648 loop 2147483648",
            "visit from 1 vector to all 2560",
        ),
        ("tensor a output int8 1 x 1 lanes 9 columns", "uses from 1 to 8 lanes"),
    ],
)
def test_a_tensor_larger_than_the_sram_is_refused_at_once(tensor, complaint):
    with pytest.raises(ValueError, match=complaint):
        chip.run(chip.Program.parse(tensor), SMALL)


def test_wrong_arguments_are_named():
    program = chip.gemm(SMALL, 2, 3, 4)
    a, w = np.zeros((2, 4), np.int8), np.zeros((4, 3), np.int8)
    with pytest.raises(TypeError, match=r"spec must be a chip\.ChipSpec, got dict"):
        chip.run(program, {}, {"a": a, "w": w})
    with pytest.raises(TypeError, match=r"program must be a chip\.Program, got str"):
        chip.verify("@0 mem.w.0 sync", SMALL)
    with pytest.raises(TypeError, match="inputs must map names to matrices, got list"):
        chip.run(program, SMALL, [a, w])
    with pytest.raises(ValueError, match="input 'a' is no matrix"):
        chip.run(program, SMALL, {"a": [[1], [2, 3]], "w": w})
    with pytest.raises(TypeError, match="input 'a' must be int8, got float64"):
        chip.run(program, SMALL, {"a": np.full((2, 4), np.nan), "w": w})
    with pytest.raises(TypeError, match=r"m must be a whole number, got 1\.5"):
        chip.gemm(SMALL, 1.5, 1, 1)
    with pytest.raises(ValueError, match="k must be from 1 to 2147483648, got 1180591620717411303424"):
        chip.gemm(SMALL, 1, 1, 2**70)
    with pytest.raises(TypeError, match="vectors must be a whole number, got '3'"):
        chip.pointwise_add(SMALL, "3")
    assert chip.gemm(SMALL, np.int64(2), 3, 4) == program
    assert chip.ChipSpec(superlanes=np.int32(2)).superlanes == 2


@pytest.mark.parametrize(
    ("slice_name", "address", "count"),
    [
        ("w.20", 0, 1),
        ("w.99999999999999999999", 0, 1),
        ("w.-1", 0, 1),
        ("q.1", 0, 1),
        ("w.1", -1, 1),
        ("w.1", 64, 1),
        ("w.1", 63, 2),
        ("w.1", 0, -1),
        ("w.1", 2**62, 2**62),
        ("w.1", 2**70, 1),
    ],
)
def test_memory_is_read_where_there_is_some(slice_name, address, count):
    memory = chip.run(chip.Program.parse(""), SMALL).memory
    assert memory.read("w.1", 63, 1).shape == (1, 8)
    with pytest.raises(ValueError):
        memory.read(slice_name, address, count)


def test_a_chip_too_large_to_simulate_is_refused():
    with pytest.raises(ValueError, match="at most 16384 lanes, got 16777216"):
        chip.ChipSpec(superlanes=4096, lanes_per_superlane=4096, mxm_activate_latency_cycles=5000)
    with pytest.raises(ValueError, match="vectors of SRAM"):
        chip.ChipSpec(mem_slices_per_hemisphere=65536, mem_words_per_slice=2**24)


@pytest.mark.parametrize(("engine", "values"), [("tick", False), ("tick", True), ("fold", True)])
def test_ctrl_c_ends_a_long_run(engine, values):
    # Minutes of work; the first interrupt ends it.
    repeat = " repeat 300000000 every 1\n"
    program = chip.Program.parse("@0 mem.w.0 read 0 -> e.0" + repeat + "@4 mem.e.0 write 0 <- e.0" + repeat)
    interrupt = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        chip.run(program, SMALL, engine=engine, values=values)
    interrupt.join()


def test_many_runs_that_break_the_same_rule_cost_no_more_than_one():
    # Every cycle has two instructions for the second queue, behind many of the first.
    count = 60_000
    first = "".join(f"@{i} mem.w.0 read 0 -> e.0\n" for i in range(count))
    second = "".join(
        f"@{i} mem.w.1 read 0 -> e.1\n@{count - i} mem.w.1 read 0 -> e.1\n" for i in range(count)
    )
    started = time.monotonic()
    with pytest.raises(
        lpusim.ScheduleError, match=r"cycle 1: run 179999 \(line 180000\) on mem\.w\.1 .* as run 60002 \("
    ):
        chip.verify(chip.Program.parse(first + second), SMALL)
    assert time.monotonic() - started < 10  # A scan for each of them took minutes.


def test_many_barriers_on_one_queue_cost_no_more_than_one():
    count = 60_000
    text = "@7 mem.w.0 sync\n" * count + "@1000000000 vxm.0 notify\n"
    started = time.monotonic()
    with pytest.raises(
        lpusim.ScheduleError,
        match=r"cycle 7: run 1 \(line 2\) on mem\.w\.0 \(sync\) .* as run 0 \(line 1\) on",
    ):
        chip.verify(chip.Program.parse(text), SMALL)
    assert time.monotonic() - started < 10


MOST = 2**31
BUILDS = {
    "gemm": lambda big: chip.gemm(SPEC, big, big, big),
    "gemm, fp16, tall": lambda big: chip.gemm(SPEC, big, 1, 1, dtype="fp16"),
    "gemm_cost": lambda big: chip.gemm_cost(SPEC, 1, big, big),
    "gemm_resident": lambda big: chip.gemm_resident(SPEC, big, 320, 320),
    "gemv_chain": lambda big: chip.gemv_chain(SPEC, [big, big], []),
    "expert_gemm": lambda big: chip.expert_gemm(SPEC, experts=big, slots=1, rows=1, n=big, k=big),
    "pointwise": lambda big: chip.pointwise(SPEC, [("neg",)], rows=big, columns=big, dtype="fp32"),
    "swiglu": lambda big: chip.swiglu(SPEC, rows=big, columns=big),
    "rmsnorm": lambda big: chip.rmsnorm(SPEC, rows=big, columns=big),
    "softmax": lambda big: chip.softmax(SPEC, rows=1, columns=big),
    "layernorm": lambda big: chip.layernorm(SPEC, rows=big, columns=1),
    "rope": lambda big: chip.rope(SPEC, rows=big, heads=big, head_columns=64),
    "embedding": lambda big: chip.embedding(SPEC, tokens=big, entries=4, columns=big),
    "embedding of many": lambda big: chip.embedding(SPEC, tokens=1, entries=big, columns=big),
    "transpose": lambda big: chip.transpose(SPEC, rows=big, columns=big),
    "top_k_gate": lambda big: chip.top_k_gate(SPEC, tokens=big, experts=big, chosen=1),
    "attention": lambda big: chip.attention(
        SPEC, queries=1, context=big, heads=big, kv_heads=big, qk_dim=128
    ),
    "kv_append": lambda big: chip.kv_append(SPEC, capacity=big, kv_heads=big, qk_dim=128, position=0),
    "pointwise_add": lambda big: chip.pointwise_add(SPEC, big),
}


@pytest.mark.parametrize("name", BUILDS)
def test_the_largest_sizes_are_refused_at_once_for_want_of_sram(name):
    started = time.monotonic()
    with pytest.raises(lpusim.CapacityError, match="SRAM") as caught:
        BUILDS[name](MOST)
    assert caught.value.required_bytes > caught.value.available_bytes > 0
    assert time.monotonic() - started < 5
    with pytest.raises(ValueError, match=f"from 1 to {MOST}, got {MOST + 1}"):
        BUILDS[name](MOST + 1)
