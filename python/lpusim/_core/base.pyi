"""
Errors and counter-based random numbers.
"""
from __future__ import annotations
import numpy
import numpy.typing
import typing
__all__: list[str] = ['cycles_to_ps', 'random_unit']
def cycles_to_ps(cycles: numpy.typing.NDArray[numpy.int64], clock_hz: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.int64]:
    """
    Exact picoseconds of a column of cycles, rounded once each.
    """
def random_unit(seed: typing.SupportsInt | typing.SupportsIndex, stream: typing.SupportsInt | typing.SupportsIndex, index: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    Uniform in (0, 1), a pure function of its three arguments (Philox4x32-10).
    """
