"""What someone reads who tries the chip for the first time and gets a name, a type or a place wrong."""

from __future__ import annotations

import itertools
import os
import re
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

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
COPY = """
let x = e.0
fetch: @0 mem.w.0 read 5 -> x          # line 3
store: @fetch+4 mem.e.0 write 0 <- x
"""


def refuses(kind: type[Exception], message: str, *parts: str):
    return pytest.raises(kind, match=".*".join(re.escape(part) for part in (message, *parts)))


def test_a_broken_rule_names_the_lines_and_labels_of_the_text():
    late = COPY.replace("fetch+4", "fetch+5")
    with refuses(
        lpusim.ScheduleError, "cycle 5: run 1 (line 4, store) on mem.e.0", "run 0 (line 3, fetch) on"
    ):
        chip.verify(chip.Program.parse(late), SPEC)
    program = chip.Program.parse(late)
    assert chip.Program.from_bytes(program.to_bytes()) == program  # Lines make no difference ...
    with refuses(lpusim.ScheduleError, "cycle 5: run 1 on mem.e.0"):  # ... and are not in the bytes.
        chip.verify(chip.Program.from_bytes(program.to_bytes()), SPEC)
    with refuses(
        ValueError, "run 0 (line 3, fetch) on mem.w.0: the target of the read, e.40, must lie in e.0 to e.31"
    ):
        chip.verify(chip.Program.parse(COPY.replace("= e.0", "= e.40")), SPEC)


def test_a_range_of_slices_has_one_lint():
    found = chip.lint(chip.Program.parse("@0 mem.w.20..35 read 0 -> w.0 each stream 1 follow w"), SPEC)
    assert [(lint.queue, lint.count) for lint in found] == [("mem.w.20..35", 1)]
    assert "results of each on w.0 to w.15 are read by nobody" in found[0].message


def test_positions_are_told_for_every_slice_as_the_rules_say():
    # 44 slices a side at 1 to 20 hops from the VXM in the middle of 45 positions.
    for number in range(44):
        assert SPEC.position(f"mem.w.{number}") == 22 - (1 + number * 20 // 44)
        assert SPEC.hops(f"mem.e.{number}", "mxm.e.0") == 44 - (22 + 1 + number * 20 // 44)
    assert SPEC.hops("vxm", "vxm.3") == 0
    with refuses(ValueError, "there are mem.w.0 to mem.w.43, got number 44; nearest: mem.w.43"):
        SPEC.position("mem.w.44")
    with refuses(TypeError, "a unit is named by a str such as 'mem.w.3', got 3"):
        SPEC.position(3)


def test_a_program_written_from_positions_and_latencies_alone_is_legal():
    lines = ["@0 mem.w.7 read 5 -> w.4"]
    sxm = SPEC.mem_read_latency_cycles + SPEC.hops("mem.w.7", "sxm.w")
    lines.append(f"@{sxm} sxm.w.0 shift 16 w.4 -> e.1")
    vxm = sxm + SPEC.sxm_shift_latency_cycles + SPEC.hops("sxm.w", "vxm")
    lines.append(f"@{vxm} vxm.3 neg int8 e.1 -> e.2")
    out = vxm + SPEC.vxm_alu_latency_cycles + SPEC.hops("vxm", "mem.e.9")
    lines.append(f"@{out} mem.e.9 write 0 <- e.2")
    program = chip.Program.parse("\n".join(lines))
    assert chip.verify(program, SPEC).cycles == out + SPEC.mem_write_latency_cycles + SPEC.superlanes
    assert chip.lint(program, SPEC) == []


@pytest.mark.parametrize(
    ("steps", "kind", "complaint"),
    [
        (["relu"], TypeError, "steps[0] must be a tuple: write ('relu',), not 'relu'"),
        ("relu", TypeError, "steps must be a list of tuples such as ('mul', 'b'), got 'relu'"),
        ([("rellu",)], ValueError, "unknown VXM operation 'rellu'; did you mean 'relu'?"),
        ([("relu",), ()], TypeError, "steps[1] must be a tuple of an operation's name and its operands"),
        (
            [("add", None)],
            TypeError,
            "steps[0]: an operand that is no input's name must be a number, got None",
        ),
        ([("add", 1.5)], TypeError, "steps[0]: an int8 number must be a whole number, got 1.5"),
        ([("add", 500)], ValueError, "steps[0]: an int8 number must be from -128 to 127, got 500"),
        ([("convert",)], ValueError, "steps[0]: 'convert' ends with the type of its result, such as 'int8'"),
        ([("add",)], ValueError, "steps[0]: operands beside the value so far must be 1, got 0"),
        ([("relu", "b")], ValueError, "steps[0]: operands beside the value so far must be 0, got 1"),
        ([("abs",), ("exp",)], ValueError, "steps[1]: exp, rsqrt and tanh are for fp16 and fp32"),
        ([("add", "out")], ValueError, "steps[0]: 'out' is the name of the result, not of an input"),
        ([("select", "b")], ValueError, "steps[0]: operands beside the value so far must be 2, got 1"),
    ],
)
def test_a_chain_that_means_nothing_names_the_step(steps, kind, complaint):
    with refuses(kind, complaint):
        chip.pointwise(SPEC, steps, rows=1, columns=1, dtype="int8")


@pytest.mark.parametrize(
    ("build", "spec", "needs"),
    [
        (
            lambda spec: chip.silu(spec, rows=1, columns=4),
            SMALL.replace(vxm_alus=1),
            "ALUs (vxm_alus, here 1)",
        ),
        (
            lambda spec: chip.rope(spec, rows=2, heads=2, head_columns=2),
            SMALL.replace(vxm_alus=2),
            "4 ALUs (vxm_alus, here 2)",
        ),
        (
            lambda spec: chip.rmsnorm(spec, rows=2, columns=8),
            SMALL.replace(streams_per_direction=4),
            "streams in each direction (streams_per_direction, here 4)",
        ),
    ],
)
def test_a_kernel_too_large_for_a_chip_says_what_it_needs_and_that_is_enough(build, spec, needs):
    with pytest.raises(ValueError, match="this kernel does not fit on this chip; it would with ") as refused:
        build(spec)
    assert needs in str(refused.value)
    counts = {
        field: int(count)
        for count, field in re.findall(r"([0-9]+) [A-Za-z ]+ \(([a-z_]+), here", str(refused.value))
    }
    program = build(spec.replace(**counts))
    assert chip.verify(program, spec.replace(**counts)).cycles > 0


def test_an_append_without_enough_alus_says_how_many():
    with refuses(ValueError, "kv_append needs 4 vector ALUs, got 2"):
        chip.kv_append(SPEC.replace(vxm_alus=2), capacity=8, kv_heads=1, qk_dim=8, position=0)


def test_wrong_things_in_the_right_places_are_named():
    program = chip.Program.parse(COPY)
    with refuses(TypeError, "program must be a chip.Program, got str; Program.parse reads text"):
        chip.run(COPY, SPEC)
    with refuses(TypeError, "a program is made by Program.parse(text)", "not from str"):
        chip.Program(COPY)
    with refuses(TypeError, "progress must be a function of (done, total), got 3"):
        chip.run(program, SPEC, progress=3)
    with refuses(ValueError, "engine must be 'fold' or 'tick', got 'fast'"):
        chip.run(program, SPEC, engine="fast")
    with refuses(ValueError, "a run with values=False takes no inputs, got 'x'"):
        chip.run(program, SPEC, {"x": np.zeros(3)}, values=False)
    with refuses(TypeError, "a slice is named by a str such as 'w.3', got 3"):
        chip.run(program, SPEC).memory.read(3, 0)
    with refuses(AttributeError, "ChipSpec has no attribute 'lane'"):
        _ = SPEC.lane
    assert chip.run(program, SPEC).memory.read("mem.e.0", 0).shape == (1, 320)


def test_arrays_come_in_any_layout_and_are_left_alone():
    program = chip.gemm(SMALL, m=3, n=5, k=4)
    a = np.arange(12, dtype=np.int8).reshape(4, 3).T  # Not contiguous.
    w = np.arange(40, dtype=np.int8).reshape(4, 10)[:, ::2]
    w.flags.writeable = False
    given = a.copy(), w.copy()
    c = chip.run(program, SMALL, {"a": a, "w": w}).outputs["c"]
    assert (c == a.astype(np.int32) @ w.astype(np.int32)).all()
    assert (a == given[0]).all()
    assert (w == given[1]).all()
    with refuses(ValueError, "input 'w' is missing: int8 of shape (4, 5)"):
        chip.run(program, SMALL, {"a": a})
    with refuses(ValueError, "unknown input 'W'; did you mean 'w'?"):
        chip.run(program, SMALL, {"a": a, "W": w})


def test_a_picture_of_a_chip_that_is_not_there_is_refused():
    pytest.importorskip("matplotlib")
    with refuses(ValueError, "chip must be from 0 to 0, got 5"):
        chip.plot_occupancy(chip.Program.parse(COPY), SPEC, chip=5)
    two = chip.Program.parse("chips 2\n" + COPY.replace("mem.", "chip1.mem."))
    assert len(chip.plot_occupancy(two, SPEC, chip=1).collections[0].get_segments()) == 1
    assert len(chip.plot_occupancy(two, SPEC, chip=0).collections[0].get_segments()) == 0


def test_the_names_of_units_in_a_picture_do_not_touch():
    pytest.importorskip("matplotlib")
    axes = chip.plot_occupancy(chip.Program.parse(COPY), SPEC)
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(axes.figure)
    canvas.draw()
    boxes = sorted(
        (label.get_window_extent().y0, label.get_window_extent().y1) for label in axes.get_yticklabels()
    )
    assert len(boxes) == 5
    assert all(below[1] < above[0] for below, above in itertools.pairwise(boxes))


def test_a_timeline_beyond_its_clock_is_refused_and_no_file_is_left(tmp_path: Path):
    # 2^63 ps are 8,301,034,833,169,298 cycles of 900 MHz.
    longest = 8_301_034_833_169_298
    late = "@{} mem.w.0 read 0 -> e.0"
    fits = chip.run(chip.Program.parse(late.format(longest - 22)), SPEC, values=False)
    assert fits.cycles == longest
    assert fits.to_perfetto(tmp_path / "fits.pftrace").stat().st_size > 0
    beyond = chip.run(chip.Program.parse(late.format(longest - 21)), SPEC, values=False)
    with refuses(
        ValueError, f"at most {longest:,} cycles of 900,000,000 Hz (2^63 ps)", f"takes {longest + 1:,}"
    ):
        beyond.to_perfetto(tmp_path / "beyond.pftrace")
    assert not (tmp_path / "beyond.pftrace").exists()


def test_bytes_that_are_text_say_so():
    with refuses(ValueError, "byte 0: ", "it looks like text, which Program.parse reads"):
        chip.Program.from_bytes(COPY.encode())
    assert chip.Program.parse("").run_count == 0
    assert chip.verify(chip.Program.parse("# nothing\n"), SPEC).cycles == 0


def test_a_spec_file_that_is_no_text_is_refused_by_its_path(tmp_path: Path):
    path = tmp_path / "chip.toml"
    path.write_bytes(b"\xff\xfe[chip]\n")
    with refuses(ValueError, "chip.toml"):
        chip.ChipSpec.load(path)


@pytest.mark.parametrize("look", ["lint", "plot_occupancy", "to_perfetto"])
def test_ctrl_c_ends_a_long_look_at_a_program(look, tmp_path):
    # Seconds of work; the first interrupt ends it, and no file is left.
    program = chip.Program.parse(
        "".join(f"@{2 * i} mem.w.{i % 44} read {i % 1000} -> e.{i % 32}\n" for i in range(300_000))
    )
    looks = {"lint": lambda: chip.lint(program, SPEC)}
    if look == "plot_occupancy":
        pytest.importorskip("matplotlib")
        looks[look] = lambda: chip.plot_occupancy(program, SPEC)
    elif look == "to_perfetto":
        done = chip.run(program, SPEC, values=False)
        looks[look] = lambda: done.to_perfetto(tmp_path / "long.pftrace")
    interrupt = threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        looks[look]()
    assert time.monotonic() - started < 5
    assert not (tmp_path / "long.pftrace").exists()
