"""
Errors and counter-based random numbers.
"""
from __future__ import annotations
import typing
__all__: list[str] = ['random_unit']
def random_unit(seed: typing.SupportsInt | typing.SupportsIndex, stream: typing.SupportsInt | typing.SupportsIndex, index: typing.SupportsInt | typing.SupportsIndex) -> float:
    """
    Uniform in (0, 1), a pure function of its three arguments (Philox4x32-10).
    """
