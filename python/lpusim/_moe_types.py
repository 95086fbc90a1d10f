"""What the files behind `lpusim.moe` share: the routing of one step, and how arguments reach the core."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lpusim._names import unknown_name

Ids = NDArray[np.int32]
Counts = NDArray[np.int64]

EXPERTS_MAX = 65536
TOKENS_MAX = 1 << 40

_Array = TypeVar("_Array", bound=NDArray[Any])
_Enum = TypeVar("_Enum", bound=enum.Enum)


def read_only(array: _Array) -> _Array:
    """The array itself, with writing switched off."""
    array.flags.writeable = False
    return array


@dataclass(frozen=True, slots=True, eq=False)
class Routing:
    """Which experts each token uses, and how much. Arrays are read-only.

    Attributes:
        ids: Experts of each token, shape `(tokens, experts_per_token)`, int32, best first.
        weights: Their weights, same shape, float32. NaN where a recorded file does not say.
    """

    ids: NDArray[np.int32]
    weights: NDArray[np.float32]

    @property
    def tokens(self) -> int:
        """Number of tokens."""
        return int(self.ids.shape[0])

    @property
    def experts_per_token(self) -> int:
        """Experts of each token."""
        return int(self.ids.shape[1])


def member(what: str, kind: type[_Enum], name: str) -> _Enum:
    """The member of that name, or a ValueError with the nearest names."""
    if name not in kind.__members__:
        raise unknown_name(what, str(name), kind.__members__)
    return kind[name]


def int32_ids(ids: Any) -> Ids:
    """The ids as C-contiguous int32: themselves when they are, else a checked copy."""
    array = np.asarray(ids)
    if array.dtype == np.int32 and array.flags.c_contiguous:
        return array
    if array.dtype.kind not in "iu" and array.size > 0:
        raise TypeError(f"ids must be integers, got {array.dtype}")
    limits = np.iinfo(np.int32)
    if array.size > 0 and (array.min() < limits.min or array.max() > limits.max):
        raise ValueError(f"ids must fit int32, got values from {array.min()} to {array.max()}")
    return np.ascontiguousarray(array, dtype=np.int32)
