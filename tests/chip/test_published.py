"""Published figures of the first-generation chip, each from a program that is verified and run, and counted.

Sources: ISCA'20 (Abts et al.) for all but the sustained link rate, which MLSys'26 (SHIP) fixes.
"""

from collections.abc import Callable

import numpy as np
import pytest

from lpusim import ScheduleError, chip

SPEC = chip.ChipSpec()
LANES = SPEC.lanes
SLICES = [f"{side}.{index}" for side in "we" for index in range(44)]
ENGINES = ["fold", "tick"]


def program(*lines: str) -> chip.Program:
    return chip.Program.parse("\n".join(lines))


def counted(built: chip.Program) -> dict[str, int]:
    """Instructions issued by each queue, of a program that both engines run to the same end."""
    fast, slow = (chip.run(built, SPEC, engine=engine, values=False) for engine in ENGINES)
    assert (fast.cycles, fast.units) == (slow.cycles, slow.units)
    return fast.units


def each_more_cycle(build: Callable[[int], chip.Program], cycles: int) -> dict[str, int]:
    """What one more step of a stretch issues, by queue."""
    less, more = counted(build(cycles)), counted(build(cycles + 1))
    return {queue: count - less.get(queue, 0) for queue, count in more.items() if count != less.get(queue, 0)}


def is_legal(*lines: str) -> bool:
    try:
        chip.verify(program(*lines), SPEC)
    except ScheduleError:
        return False
    return True


def load_weights(start: int) -> list[str]:
    """All four planes from all 64 streams: first read in cycle `start`, in effect 39 cycles later."""
    lines = []
    for side in "we":
        lines.append(
            f"@{start} mem.{side}.12..43 read 0 -> {side}.0 each stream 1 follow {side} "
            "repeat 22 every 1 address 1"
        )
        for plane in (0, 1):
            queue = f"mxm.{side}.{plane}.weights"
            lines.append(
                f"@{start + 18} {queue} load 0 <- {side}.{16 * plane} streams 16 repeat 20 every 1 address 16"
            )
            lines.append(f"@{start + 38} {queue} install")
    return lines


def test_capacity_is_220_mib_and_every_slice_keeps_its_first_and_last_word() -> None:
    lines, expected = [], {}
    for number, name in enumerate(SLICES):
        side, index = name.split(".")
        distance = 1 + int(index) * 20 // 44
        for last in (0, 1):
            value, cycle = number - 100 + 100 * last, 30 * (2 * number + last)
            address = 8191 * last
            lines.append(f"@{cycle} vxm.0 pass int8 ={value} -> {side}.0")
            lines.append(f"@{cycle + 1 + distance} mem.{name} write {address} <- {side}.0")
            expected[name, address] = value
    memory = chip.run(program(*lines), SPEC).memory
    vectors = {key: memory.read(*key)[0].view(np.int8) for key in expected}
    assert all((vectors[key] == value).all() for key, value in expected.items())

    words = {address for _, address in vectors}
    assert is_legal(f"@0 mem.w.0 read {max(words)} -> w.0")
    assert not is_legal(f"@0 mem.w.0 read {max(words) + 1} -> w.0")
    slice_bytes = (max(words) - min(words) + 1) * vectors["w.0", 0].nbytes
    assert slice_bytes == 2.5 * 2**20
    assert len({name for name, _ in vectors}) * slice_bytes == 220 * 2**20


def test_streams_carry_20480_bytes_a_cycle() -> None:
    """64 slices drive the 64 streams in every cycle; a 65th drive meets one of theirs."""

    def build(cycles: int) -> chip.Program:
        return program(
            f"@0 mem.w.0..31 read 0 -> e.0 each stream 1 repeat {cycles} every 1",
            f"@0 mem.e.0..31 read 0 -> w.0 each stream 1 repeat {cycles} every 1",
        )

    assert sum(each_more_cycle(build, 1000).values()) * LANES == 20_480
    with pytest.raises(ValueError, match="streams 32 to 32 must lie in 0 to 31"):
        is_legal("@0 mem.w.0..32 read 0 -> e.0 each stream 1")


def test_sram_moves_56320_bytes_a_cycle() -> None:
    """All 88 slices read one bank and write the other in every cycle: each writes what slices across the VXM
    drive, and drives what they write."""

    def build(cycles: int, bank: int = 4096) -> chip.Program:
        pairs = [
            f"@60 mem.{here}.{first}..{last} read 0 -> {out}.0 write {bank} <- {back}.0 "
            f"each stream 1 write_stream 1 repeat {cycles} every 1 address 1 write_address 1"
            for here, out, back in (("w", "e", "w"), ("e", "w", "e"))
            for first, last in ((0, 31), (32, 43))
        ]
        return program(
            "@0 mem.w.0..31 read 0 -> e.0 each stream 1 repeat 60 every 1",
            "@0 mem.e.0..31 read 0 -> w.0 each stream 1 repeat 60 every 1",
            *pairs,
        )

    paired = each_more_cycle(build, 1000)
    assert len(paired) == 88
    assert 2 * sum(paired.values()) * LANES == 56_320  # A read and a write each.
    with pytest.raises(ScheduleError, match="in different banks"):
        chip.verify(build(1000, bank=4095), SPEC)  # Its first write is in the bank of the read beside it.


def activations(dtype: str, every: int) -> Callable[[int], chip.Program]:
    """So many activations of every plane (fp16: pair of planes), one every `every` cycles."""
    planes = {"int8": (0, 1), "fp16": (0,)}[dtype]

    def build(count: int) -> chip.Program:
        lines = load_weights(0)
        for side in "we":
            lines.append(
                f"@40 mem.{side}.2..3 read 0 -> {side}.0 each stream 1 repeat {60 + every * count} every 1"
            )
            lines += [
                f"@90 mxm.{side}.{plane}.activations activate {dtype} <- {side}.0 "
                f"repeat {count} every {every}"
                for plane in planes
            ]
        return program(*lines)

    return build


@pytest.mark.parametrize(("dtype", "every", "operations"), [("int8", 1, 819_200), ("fp16", 2, 819_200 // 4)])
def test_peak_of_the_planes(dtype: str, every: int, operations: int) -> None:
    """A product of one vector with a plane's weights is lanes x lanes multiply-adds, two operations each."""
    more = each_more_cycle(activations(dtype, every), 500)
    products = sum(count for queue, count in more.items() if queue.endswith("activations"))
    assert products * LANES * LANES * 2 / every == operations
    if every > 1:
        with pytest.raises(ScheduleError):
            chip.verify(activations(dtype, every - 1)(500), SPEC)


def test_weights_of_all_four_planes_are_in_effect_39_cycles_after_the_first_read() -> None:
    def used_in(cycle: int, installed: int = 38) -> bool:
        lines = [line.replace("@38", f"@{installed}") for line in load_weights(0)]
        for side in "we":
            lines += [f"@{cycle} mxm.{side}.{p}.activations activate int8 <- {side}.{16 * p}" for p in (0, 1)]
        return is_legal(*lines)

    assert used_in(39)
    assert not used_in(38)
    assert not used_in(38, installed=37)


def test_a_barrier_takes_35_cycles() -> None:
    def issues_in(cycle: int) -> bool:
        parked = [f"@5 mem.{name} sync" for name in SLICES]
        free = [f"@{cycle} mem.{name} read 0 -> {name[0]}.{int(name[2:]) % 32}" for name in SLICES]
        return is_legal("@10 vxm.0 notify", *parked, *free)

    assert issues_in(10 + 35)
    assert not issues_in(10 + 34)


def test_cycles_do_not_depend_on_the_data() -> None:
    built = chip.gemm(SPEC, m=40, n=640, k=320)
    rng = np.random.default_rng(5)
    seen = set()
    for low, high in ((0, 1), (-128, 128), (127, 128)):
        a = rng.integers(low, high, (40, 320), dtype=np.int8)
        w = rng.integers(low, high, (320, 640), dtype=np.int8)
        done = chip.run(built, SPEC, inputs={"a": a, "w": w})
        assert (done.outputs["c"] == a.astype(np.int32) @ w.astype(np.int32)).all()
        seen.add((done.cycles, *done.units.items()))
    assert len(seen) == 1
