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


def all_reads(direction_of: dict[str, str], cycles: int, start: int = 0) -> list[str]:
    """Every slice reads in every cycle; slices that share a position use other streams."""
    return [
        f"@{start} mem.{side}.{first}..{last} read 0 -> {direction}.0 each stream 1 repeat {cycles} every 1"
        for side, direction in direction_of.items()
        for first, last in ((0, 31), (32, 43))
    ]


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
    with pytest.raises(ValueError, match=r"on slice 32 of the range, e\.32, must lie in e\.0 to e\.31"):
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


def every_queue(cycles: int) -> chip.Program:
    """From cycle 101 on all queues but the links' issue in each of at most 20 cycles: the planes multiply and
    accumulate with their first weights while they load their next."""
    end = 101 + cycles
    lines = all_reads({"w": "w", "e": "e"}, end)
    for side, other in (("w", "e"), ("e", "w")):
        for plane in (0, 1):
            queue = f"mxm.{side}.{plane}"
            lines += [
                f"@60 {queue}.weights load 0 <- {side}.0 streams 16 repeat 20 every 1 address 16",
                f"@80 {queue}.weights install",
                f"@81 {queue}.activations activate int8 <- {side}.0 repeat {end - 81} every 1",
                f"@101 {queue}.weights load 0 <- {side}.0 streams 16 repeat {cycles} every 1 address 16",
                f"@101 {queue}.accumulators start 0 repeat {cycles} every 1 address 1",
            ]
        lines += [
            f"@101 sxm.{side}.{queue} shift 1 {side}.0 -> {other}.{queue} repeat {cycles} every 1"
            for queue in range(14)
        ]
    lines += [f"@101 vxm.{alu} pass int8 =1 repeat {cycles} every 1" for alu in range(16)]
    return program(*lines)


def test_144_queues_issue_in_every_cycle_and_fetch_2304_bytes() -> None:
    issued = each_more_cycle(every_queue, 19)
    assert set(issued.values()) == {1}
    assert len(issued) == 144
    assert sum(issued.values()) * SPEC.instruction_bytes == 2304


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


def gathering() -> chip.Program:
    """Each superlane of `out` is the row of `table` that the first lane of the superlane of `rows` names."""
    return program(
        "tensor table input int8 64 x 320 lanes 320 columns",
        "piece w.0 address 0 row 0 column 0 loop 64 row 1 address 1",
        "tensor rows input int8 1 x 320 lanes 320 columns",
        "piece w.8 address 0 row 0 column 0",
        "tensor out output int8 1 x 320 lanes 320 columns",
        "piece e.0 address 0 row 0 column 0",
        "@2 mem.w.8 read 0 -> e.0",  # Five hops and cycles to w.0; the high bytes of the map are zeros.
        "@0 mem.w.11 read 0 -> e.1",
        "@7 mem.w.0 read 0 -> e.2 gather 64 <- e.0",
        "@13 mem.e.0 write 0 <- e.2",
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_cycles_do_not_depend_on_gathered_addresses(engine: chip.Engine) -> None:
    rng = np.random.default_rng(6)
    table = rng.integers(-128, 128, (64, 320), dtype=np.int8)
    seen = set()
    for low, high in ((0, 1), (63, 64), (0, 64)):
        rows = rng.integers(low, high, (1, 320), dtype=np.int8)
        done = chip.run(gathering(), SPEC, inputs={"table": table, "rows": rows}, engine=engine)
        chosen = np.repeat(rows[0, ::16], 16)
        assert (done.outputs["out"][0] == table[chosen, np.arange(320)]).all()
        seen.add((done.cycles, *done.units.items()))
    assert len(seen) == 1

    rows[0, 16] = 64  # The first lane of superlane 1.
    with pytest.raises(ScheduleError, match="takes address 64 from its map, outside its window"):
        chip.run(gathering(), SPEC, inputs={"table": table, "rows": rows}, engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_vector_goes_round_a_ring_of_three_chips(engine: chip.Engine) -> None:
    """At the west link of chip 0 in cycle 4, 216 cycles later with chip 1, which drives it westward from its
    east end a cycle later; 44 hops and it is at the next link. Back on chip 0 in cycle 742, driven in 743, at
    e.43 in 745, written in 746."""
    ring = program(
        "chips 3",
        "tensor sent input int8 1 x 320 lanes 320 columns",
        "piece w.43 address 0 row 0 column 0",
        "tensor back output int8 1 x 320 lanes 320 columns",
        "piece e.43 address 5 row 0 column 0",
        "tensor copy output int8 1 x 320 lanes 320 columns",
        "piece chip1.e.43 address 7 row 0 column 0",
        "@0 mem.w.43 read 0 -> w.0",
        "@4 c2c.w.0 send <- w.0",
        "@220 chip1.c2c.e.0 receive c2c.w.0 -> w.0",
        "@223 chip1.mem.e.43 write 7 <- w.0",
        "@265 chip1.c2c.w.0 send <- w.0",
        "@481 chip2.c2c.e.0 receive chip1.c2c.w.0 -> w.0",
        "@526 chip2.c2c.w.0 send <- w.0",
        "@742 c2c.e.0 receive chip2.c2c.w.0 -> w.0",
        "@745 mem.e.43 write 5 <- w.0",
    )
    sent = np.random.default_rng(7).integers(-128, 128, (1, 320), dtype=np.int8)
    done = chip.run(ring, SPEC, inputs={"sent": sent}, engine=engine)
    assert (done.outputs["back"] == sent).all()
    assert (done.outputs["copy"] == sent).all()
    assert (done.memory.read("chip1.e.43", 7).view(np.int8) == sent).all()
    assert not done.memory.read("chip2.e.43", 7).any()
    assert done.cycles == 746 + SPEC.superlanes


def test_a_link_carries_a_vector_every_27_cycles() -> None:
    """10.667 GB/s at 900 MHz; 11 links in both directions are the published 235 GB/s."""

    def sends(count: int, every: int = 27) -> chip.Program:
        return program(
            f"@0 mem.w.43 read 0 -> w.0 repeat {count} every {every} address 1",
            f"@4 c2c.w.0 send <- w.0 repeat {count} every {every}",
        )

    cycles = {count: chip.verify(sends(count), SPEC).cycles for count in (100, 101)}
    bytes_per_second = LANES * SPEC.clock_hz / (cycles[101] - cycles[100])
    assert bytes_per_second == pytest.approx(10.667e9, rel=1e-4)
    assert 2 * 11 * bytes_per_second == pytest.approx(235e9, rel=2e-3)
    with pytest.raises(ScheduleError):
        chip.verify(sends(100, every=26), SPEC)


def test_a_hop_from_sram_to_sram_fits_in_the_published_270_cycles() -> None:
    """From the read on one chip to the write on the next, at the slices beside the links: the link's 216
    cycles and 8 of ours."""
    hop = program(
        "chips 2",
        "@0 mem.w.43 read 0 -> w.0",
        "@4 c2c.w.0 send <- w.0",
        "@220 chip1.c2c.e.0 receive c2c.w.0 -> w.0",
        "@223 chip1.mem.e.43 write 7 <- w.0",
    )
    written_at = chip.verify(hop, SPEC).cycles - SPEC.superlanes
    assert written_at == 216 + 8
    assert written_at <= 270
