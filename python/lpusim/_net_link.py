"""What a link is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lpusim import _core
from lpusim._arguments import shown, whole_number
from lpusim._net_common import core_spec

VECTOR_CYCLES_MAX = 2**16
HOP_CYCLES_MAX = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkTiming:
    """How fast some links are, where they are not as the rest of their topology.

    Attributes:
        vector_cycles: Cycles between two vectors on one link in one direction; None: as the topology's link.
        hop_cycles: Cycles from the start of a vector's slot to the far memory; None: as the topology's link.

    Examples:
        >>> LinkTiming(hop_cycles=0)
        Traceback (most recent call last):
        ...
        ValueError: LinkTiming.hop_cycles must be from 1 to 1073741824, got 0
    """

    vector_cycles: int | None = None
    hop_cycles: int | None = None

    def __post_init__(self) -> None:
        if self.vector_cycles is not None:
            whole_number("LinkTiming.vector_cycles", self.vector_cycles, 1, VECTOR_CYCLES_MAX)
        if self.hop_cycles is not None:
            whole_number("LinkTiming.hop_cycles", self.hop_cycles, 1, HOP_CYCLES_MAX)


def core_timing(name: str, timing: LinkTiming | None) -> tuple[int, int]:
    """What the core takes for `timing`: 0 where the topology's link holds."""
    if timing is None:
        return 0, 0
    if not isinstance(timing, LinkTiming):
        raise TypeError(f"{name} must be a LinkTiming or None, got {shown(timing)}")
    return timing.vector_cycles or 0, timing.hop_cycles or 0


def core_link(link: LinkSpec) -> Any:
    """The core's struct of the same values."""
    if not isinstance(link, LinkSpec):
        raise TypeError(f"link must be a LinkSpec, got {shown(link)}")
    return core_spec(link, _core.net.LinkSpec)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSpec:
    """What the links of a topology have in common, and the timing of all that have none of their own.

    A vector that starts at cycle t holds the link for `vector_cycles` and is in the far chip's memory at
    t + `hop_cycles`. The hop is memory to memory and contains the wire, both link ends and the vector itself.

    Attributes:
        vector_bytes: Payload of one vector. Sizes round up to whole vectors.
        overhead_bytes: Header and check bytes that travel with a vector; `vector_cycles` contains them.
        vector_cycles: Cycles between two vectors on one link in one direction.
        hop_cycles: Cycles from the start of a vector's slot to the vector in the far memory.
        clock_hz: The chip clock whose cycles are counted.

    Source:
        The defaults are the first-generation LPU's: 320-byte vectors (ISCA'20) with 8 bytes beside them
        (ISCA'22), 300 ns a hop and, from 235 GB/s a chip and 853 GB/s bisection, 27 cycles a vector (SHIP,
        MLSys 2026), at 900 MHz.

    Examples:
        >>> round(LinkSpec().bytes_per_s / 1e9, 3), round(LinkSpec().payload_share, 4)
        (10.667, 0.9756)
    """

    vector_bytes: int = 320
    overhead_bytes: int = 8
    vector_cycles: int = 27
    hop_cycles: int = 270
    clock_hz: int = 900_000_000

    def __post_init__(self) -> None:
        core_spec(self, _core.net.LinkSpec)

    @property
    def bytes_per_s(self) -> float:
        """Payload that one link carries in one direction, in bytes a second."""
        return self.vector_bytes * self.clock_hz / self.vector_cycles

    @property
    def payload_share(self) -> float:
        """Payload over all bytes that travel."""
        return self.vector_bytes / (self.vector_bytes + self.overhead_bytes)

    @classmethod
    def for_chip(cls, chip: str) -> LinkSpec:
        """The link of a chip preset, its times rounded up to whole cycles of the preset's clock.

        Raises:
            ValueError: Unknown preset, or one without links.

        Examples:
            >>> LinkSpec.for_chip("groq-lpu-v1") == LinkSpec()
            True
        """
        from lpusim._presets import load_chip

        preset = load_chip(chip)
        if "link" not in preset.sections:
            raise ValueError(f"the preset {preset.name!r} has no links of its own")
        core = _core.net.link_from_ps(
            preset.value("link.vector_bytes"),
            preset.value("link.vector_ps"),
            preset.value("link.hop_ps"),
            preset.value("chip.clock_hz"),
        )
        return cls(**{row["name"]: getattr(core, row["name"]) for row in _core.net.LinkSpec.fields()})
