"""
What happened when, as files that other tools open.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing
__all__: list[str] = ['chakra', 'perfetto']
def chakra(*, names: collections.abc.Sequence[str], kind: numpy.typing.NDArray[numpy.int64], name: numpy.typing.NDArray[numpy.int64], start_ps: numpy.typing.NDArray[numpy.int64], duration_ps: numpy.typing.NDArray[numpy.int64], size_bytes: numpy.typing.NDArray[numpy.int64], source: numpy.typing.NDArray[numpy.int64], target: numpy.typing.NDArray[numpy.int64], tag: numpy.typing.NDArray[numpy.int64], operation_count: numpy.typing.NDArray[numpy.int64], node: numpy.typing.NDArray[numpy.int64], on: numpy.typing.NDArray[numpy.int64]) -> bytes:
    """
    The bytes of a Chakra execution trace of one chip.
    
    Args:
        names: What nodes are called; the `name` column indexes it.
        kind: 4 (compute), 5 (send) or 6 (receive), one row a node; the columns up to `operation_count` are of
            one length, int64.
        start_ps, duration_ps: Written in whole microseconds, and exactly as attributes.
        size_bytes: Of the message, or of what is computed on.
        source, target, tag: The chips of a message, and what pairs a send with its receive.
        operation_count: Operations computed.
        node, on: One row a wait, ordered by node: node starts after on, an earlier row.
    
    Raises:
        ValueError: Lengths differ, a kind or name is none, a number is negative, a wait is not for an earlier
            node.
    """
def perfetto(*, tracks: collections.abc.Sequence[tuple[str, typing.SupportsInt | typing.SupportsIndex, str]], names: collections.abc.Sequence[str], track: numpy.typing.NDArray[numpy.int64], start_ps: numpy.typing.NDArray[numpy.int64], duration_ps: numpy.typing.NDArray[numpy.int64], name: numpy.typing.NDArray[numpy.int64], source_slice: numpy.typing.NDArray[numpy.int64] = ..., target_slice: numpy.typing.NDArray[numpy.int64] = ..., counter_track: numpy.typing.NDArray[numpy.int64] = ..., counter_time_ps: numpy.typing.NDArray[numpy.int64] = ..., counter_value: numpy.typing.NDArray[numpy.float64] = ...) -> bytes:
    """
    The bytes of a Perfetto protobuf trace.
    
    Args:
        tracks: One (name, parent, unit) per track; parent is the index of an earlier track or -1; a track with
            a unit holds a counter, any other holds slices.
        names: What slices are called; the `name` column indexes it.
        track, start_ps, duration_ps, name: Columns of slices, int64, one length. Slices of a track must nest.
        source_slice, target_slice: Columns of flows: arrows from one slice's start to a later one's.
        counter_track, counter_time_ps, counter_value: Columns of counter samples.
    
    Perfetto counts whole nanoseconds: times are floored, and the exact picoseconds stand beside each slice as the
    annotations `start_ps` and `duration_ps`.
    
    Raises:
        ValueError: An index points at nothing, a time is negative, or slices of one track overlap in part.
    """
