"""What the modules of lpusim.net share: columns, whole numbers, specs handed to the core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpusim._arguments import whole_number

Columns = Mapping[str, NDArray[np.int64]]


def core_spec(spec: Any, core_type: Any) -> Any:
    """The core's struct with the fields of the frozen `spec`."""
    core = core_type()
    for row in core_type.fields():
        name = f"{type(spec).__name__}.{row['name']}"
        value = whole_number(name, getattr(spec, row["name"]), int(row["min"]), int(row["max"]))
        setattr(core, row["name"], value)
    return core


def integer(name: str, value: Any) -> int:
    """A whole number that the core can take; its own range is checked there."""
    return whole_number(name, value, -(2**40), 2**40)


def read_only(columns: dict[str, NDArray[np.int64]]) -> Columns:
    """The same columns, no longer writeable."""
    for column in columns.values():
        column.flags.writeable = False
    return columns
