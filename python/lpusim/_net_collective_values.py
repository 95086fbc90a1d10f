"""Collectives run with data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lpusim import _core
from lpusim._net_common import integer
from lpusim._net_values import CARRIED, arrays_by_chip, formats_of, run

if TYPE_CHECKING:
    from lpusim._net_collectives import Collective

Arrays = dict[int, NDArray[Any]]

#: What a chip adds in. fp16 numbers, below 2^16 in units of 2^-24, take 41 bits with their sign, so 4,096 of
#: them add up exactly as doubles.
_SUMS: dict[str, Any] = {"int32": np.int32, "fp16": np.float32, "fp32": np.float32, "wide": np.float64}
_WIDE_CHIPS_MAX = 4_096


def run_collective(done: Collective, values: Any, carried: str | None, threads: int) -> Arrays:
    """See `Collective.run`."""
    if done.operation in ("all_reduce", "reduce_scatter"):
        given = _buffers(done, values)
    elif done.operation == "all_gather":
        given = _of_the_group(done, arrays_by_chip(values))
    elif done.operation in ("broadcast", "multicast"):
        given = arrays_by_chip({done.chips[0]: values})
    else:
        raise ValueError(
            f"a Collective runs all_reduce, reduce_scatter, all_gather, broadcast and multicast, not "
            f"{done.operation}; net.run takes the data of any timetable, vector by vector"
        )
    dtype, carried = formats_of(given, carried, may_differ_in_size=done.operation == "all_gather")
    element_bytes = int(_core.net.element_bytes(carried))
    per_vector = max(1, done.topology.link.vector_bytes // element_bytes)  # Checked by the core.
    if done.operation == "all_gather":
        given = _join_shards(done, given, per_vector)
    size = next(iter(given.values())).size
    vectors = -(-size // per_vector)
    if vectors != done.vector_count:
        raise ValueError(
            f"{size} {dtype} elements carried as {carried} are {vectors} vectors, but the {done.operation} "
            f"was made for {done.vector_count}; its size_bytes would be {size * element_bytes}"
        )
    if done.algorithm == "exchange":
        return _exchange(done, given, carried, CARRIED[dtype][carried], per_vector, threads)
    kept = run(done.timetable, given, carried=carried, outputs=done.chips, threads=threads)
    if done.operation != "reduce_scatter":
        return kept
    return {
        chip: kept[chip][first * per_vector : (first + count) * per_vector]
        for chip, (first, count) in _owned(done).items()
    }


def _exchange(
    done: Collective, given: Arrays, carried: str, result: str, per_vector: int, threads: int
) -> Arrays:
    """Every buffer goes to every chip, one after the other, and each chip adds them up in their order."""
    if carried == "int8":
        raise ValueError("int8 elements are only moved; carry int32 to add them exactly")
    if carried == "wide" and len(given) > _WIDE_CHIPS_MAX:
        raise ValueError(
            f"exact sums of an exchange are of at most {_WIDE_CHIPS_MAX} chips, got {len(given)}"
        )
    size, room = next(iter(given.values())).size, done.vector_count * per_vector
    sent = {}
    for rank, (chip, buffer) in enumerate(given.items()):
        sent[chip] = np.zeros(room * len(given), dtype=buffer.dtype)
        sent[chip][rank * room : rank * room + size] = buffer
    moved = run(done.timetable, sent, carried=carried, outputs=done.chips, threads=threads)
    sums = {}
    with np.errstate(over="ignore", invalid="ignore"):
        for chip, rows in moved.items():
            first, *others = rows.reshape(len(given), room)[:, :size].astype(_SUMS[carried])
            for row in others:
                first += row
            if first.dtype.kind == "f":
                first[np.isnan(first)] = np.nan  # Canonical.
            sums[chip] = first.astype(result)
    return sums


def _buffers(done: Collective, values: Any) -> Arrays:
    """A buffer for each chip of the group, in its order."""
    if isinstance(values, Mapping):
        return _of_the_group(done, arrays_by_chip(values))
    rows = np.asarray(values)
    if rows.ndim != 2 or len(rows) != done.chip_count:
        raise ValueError(
            f"values must have a row for each of {done.chip_count} chips, got shape {rows.shape}"
        )
    return arrays_by_chip(dict(zip(done.chips, rows, strict=True)))


def _of_the_group(done: Collective, values: Arrays) -> Arrays:
    """`values` in the order of the group."""
    odd = sorted(set(done.chips) ^ {integer("a chip of values", chip) for chip in values})
    if odd:
        what = "is missing" if odd[0] in done.chips else "is none of them"
        raise ValueError(
            f"values must have an array for each chip of the group and no other; chip {odd[0]} {what}"
        )
    return {chip: values[chip] for chip in done.chips}


def _owned(done: Collective) -> dict[int, tuple[int, int]]:
    """By chip its shard, first vector and count: what it gets and never sends, or sends and never gets."""
    if done.chip_count == 1:
        return {done.chips[0]: (0, done.vector_count)}
    table = done.timetable.transfers
    into, out_of = ("target", "source") if done.operation == "reduce_scatter" else ("source", "target")
    firsts, shard = np.unique(table["first_vector"], return_inverse=True)
    chips = done.topology.chip_count
    owners = np.setdiff1d(shard * chips + table[into], shard * chips + table[out_of])
    counts = np.zeros(len(firsts), dtype=np.int64)
    counts[shard] = table["vector_count"]
    owned = dict.fromkeys(done.chips, (0, 0))
    for owner in owners.tolist():
        owned[owner % chips] = (int(firsts[owner // chips]), int(counts[owner // chips]))
    return owned


def _join_shards(done: Collective, shards: Arrays, per_vector: int) -> Arrays:
    """A whole buffer for each chip of the group, of which it has its own shard."""
    size = sum(shard.size for shard in shards.values())
    given = {}
    for chip, (first, count) in _owned(done).items():
        begin, end = min(first * per_vector, size), min((first + count) * per_vector, size)
        if shards[chip].size != end - begin:
            raise ValueError(
                f"of {size} elements chip {chip} has {end - begin}, from {begin} on, but values hold "
                f"{shards[chip].size} for it"
            )
        given[chip] = np.zeros(size, dtype=shards[chip].dtype)
        given[chip][begin:end] = shards[chip]
    return given
