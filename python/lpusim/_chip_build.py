"""What builders in modules of their own need of `lpusim.chip`, which imports them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lpusim.chip import Program

SIZE_MAX = 2**31  # Also the core's limit: rows and columns of a tensor.


def spec_core(spec: object) -> Any:
    """The core's spec. Raises TypeError for anything but a `ChipSpec`."""
    from lpusim.chip import ChipSpec

    if not isinstance(spec, ChipSpec):
        raise TypeError(f"spec must be a chip.ChipSpec, got {type(spec).__name__}")
    return spec._core


def program_of(core: Any) -> Program:
    """The program a builder of the core made."""
    from lpusim.chip import Program

    return Program(core)
