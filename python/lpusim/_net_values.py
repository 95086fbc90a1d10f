"""Timetables run with data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lpusim import _core
from lpusim._arguments import shown, whole_number
from lpusim._names import unknown_name
from lpusim._net_common import integer
from lpusim._net_timetable import Timetable, core_timetable, require_timetable

#: By dtype of the data: the formats it can be carried in, the first by default, and what comes out.
CARRIED: dict[str, dict[str, str]] = {
    "int8": {"int8": "int8", "int32": "int32"},
    "int32": {"int32": "int32"},
    "float16": {"fp16": "float16", "fp32": "float16", "wide": "float32"},
    "float32": {"fp32": "float32"},
}


def run(
    timetable: Timetable,
    inputs: Mapping[int, ArrayLike] | NDArray[Any],
    *,
    carried: str | None = None,
    outputs: Iterable[int] | None = None,
    threads: int = 1,
) -> dict[int, NDArray[Any]]:
    """Runs a timetable with data: what every chip holds in the end, to the bit.

    Vector v of the timetable is elements v * n to (v + 1) * n - 1 of a chip's array, n = vector_bytes / bytes
    of an element as carried. A chip that is added to holds its own value plus its operands one by one in the
    order of their transfers' rows, whenever they came, so bits depend on the plan and not on links or cycles;
    not on `threads` either.

    Args:
        timetable: A legal one.
        inputs: Chip to array, all of one dtype (int8, int32, float16 or float32) and one length, or an array
            whose row i is chip i's. Other chips hold nothing at first.
        carried: What elements are on links and in memory. Default: as given.

            - int8 as "int8" (moved only), or "int32" to be added: modulo 2^32, returned as int32;
            - int32 as "int32";
            - float16 as "fp16" (a chip adds in fp32, rounding once each, and rounds once to fp16 what it
              sends or keeps), "fp32" (the same with that last rounding only once, at the end), or "wide"
              (exact, rounded once to float32 at the end; 16 bytes an element);
            - float32 as "fp32": every addition rounds once.
        outputs: The chips wanted; default: those of `inputs` and all targets, in order.
        threads: How many work; vectors do not meet.

    Returns:
        Chip to array, as long as the inputs.

    Raises:
        lpusim.ScheduleError: The timetable is not legal.
        ValueError: Arrays that do not fit each other, the format or the links.
        TypeError: A dtype that no link carries.

    Examples:
        >>> import numpy as np
        >>> from lpusim import net
        >>> node = net.Topology.node(4)
        >>> data = {chip: np.full(1000, chip + 1, dtype=np.float32) for chip in range(4)}
        >>> sums = net.run(net.all_reduce(node, 4000, algorithm="ring").timetable, data)
        >>> sums[3][:2], all(np.array_equal(sums[chip], sums[0]) for chip in range(4))
        (array([10., 10.], dtype=float32), True)
    """
    require_timetable("run", timetable)
    given = arrays_by_chip(inputs)
    dtype, carried = formats_of(given, carried)
    if outputs is None:
        chips = sorted({*given, *timetable.transfers["target"].tolist()})
    else:
        chips = [integer("a chip of outputs", chip) for chip in outputs]
    # fp16 data travels as what it is, or exactly widened; only sums are rounded, by the core.
    sent = {"int32": np.int32, "fp32": np.float32}.get(carried)
    arrays = [np.ascontiguousarray(array if sent is None else array.astype(sent)) for array in given.values()]
    kept_dtype = np.float32 if carried in ("fp32", "wide") else arrays[0].dtype
    kept = [np.empty(arrays[0].shape, dtype=kept_dtype) for _ in chips]
    _core.net.move_values(
        timetable.topology._core,
        core_timetable(timetable),
        carried,
        list(given),
        arrays,
        chips,
        kept,
        whole_number("threads", threads, 1, 1024),
    )
    result = CARRIED[dtype][carried]
    with np.errstate(over="ignore"):  # A sum beyond fp16 is infinite there, as on the chip.
        return {chip: array.astype(result, copy=False) for chip, array in zip(chips, kept, strict=True)}


def formats_of(
    given: dict[int, NDArray[Any]], carried: str | None, *, may_differ_in_size: bool = False
) -> tuple[str, str]:
    """The dtype, and the format to carry it as. All arrays are alike, but for their sizes where they may."""
    (first_chip, first), *others = given.items()
    for chip, array in others:
        if array.dtype != first.dtype or (not may_differ_in_size and array.shape != first.shape):
            raise ValueError(
                f"inputs of chip {chip} are {array.size} {array.dtype}, but those of chip {first_chip} are "
                f"{first.size} {first.dtype}"
            )
    dtype = first.dtype.name
    if carried is None:
        carried = next(iter(CARRIED[dtype]))
    if carried not in CARRIED[dtype]:
        raise unknown_name(f"format to carry {dtype} as:", carried, CARRIED[dtype])
    return dtype, carried


def arrays_by_chip(inputs: Any) -> dict[int, NDArray[Any]]:
    """The arrays by chip: at least one, of dtypes that links carry, and one dimension."""
    if isinstance(inputs, Mapping):
        given = {integer("a chip of inputs", chip): np.asarray(array) for chip, array in inputs.items()}
    else:
        rows = np.asarray(inputs)
        if rows.ndim != 2:
            raise ValueError(f"inputs must map chips to arrays or have a row a chip, got shape {rows.shape}")
        given = dict(enumerate(rows))
    if not given:
        raise ValueError("inputs must hold the data of at least one chip")
    for chip, array in given.items():
        if array.dtype.name not in CARRIED:
            known = ", ".join(CARRIED)
            raise TypeError(f"inputs of chip {chip} must be {known}, got {shown(array.dtype.name)}")
        if array.ndim != 1:
            raise ValueError(f"inputs of chip {chip} must have one dimension, got shape {array.shape}")
    return given
