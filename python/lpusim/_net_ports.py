"""What one chip can do for the vectors that pass through it."""

from __future__ import annotations

from dataclasses import dataclass

from lpusim import _core
from lpusim._net_common import core_spec
from lpusim._presets import Parameter, load_chip


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipPorts:
    """What a chip's streams, link ends and SRAM can do for vectors that leave, enter and pass through.

    Attributes:
        out_vectors_per_cycle: Vectors whose slots may start in one cycle.
        in_vectors_per_cycle: Vectors that may come into memory in one cycle.
        links_fed: Links that may be held by vectors of this chip in one cycle.
        transit_bytes: SRAM for vectors that have arrived on their way elsewhere and have not left yet.

    Source:
        The defaults are the first-generation LPU's (ISCA'20): 64 streams of one vector a cycle, half of them
        each way (derived: both ways together then never need more than there are), 16 links, 220 MiB.
        `parameters` gives status and source of each number of a chip.

    Examples:
        >>> ChipPorts()
        ChipPorts(out_vectors_per_cycle=32, in_vectors_per_cycle=32, links_fed=16, transit_bytes=230686720)
    """

    out_vectors_per_cycle: int = 32
    in_vectors_per_cycle: int = 32
    links_fed: int = 16
    transit_bytes: int = 230_686_720

    def __post_init__(self) -> None:
        core_spec(self, _core.net.ChipPorts)

    @classmethod
    def for_chip(cls, chip: str) -> ChipPorts:
        """The ports of a chip preset.

        Raises:
            ValueError: Unknown preset, or one that is no LPU.

        Examples:
            >>> ChipPorts.for_chip("groq-lpu-v1") == ChipPorts()
            True
            >>> ChipPorts.for_chip("lp30").links_fed
            96
        """
        return cls(**{name: int(parameter.value) for name, parameter in cls.parameters(chip).items()})

    @classmethod
    def parameters(cls, chip: str) -> dict[str, Parameter]:
        """Value, status and source of each field for a chip preset.

        Examples:
            >>> ports = ChipPorts.parameters("groq-lpu-v1")
            >>> {name: parameter.status for name, parameter in ports.items()}
            {'out_vectors_per_cycle': 'derived', 'in_vectors_per_cycle': 'derived', 'links_fed': 'derived', \
'transit_bytes': 'published'}
        """
        preset = load_chip(chip)
        if preset.kind != "lpu":
            raise ValueError(
                f"the preset {preset.name!r} is a {preset.kind}, and only an lpu has stream ports"
            )
        streams = preset.get("chip.streams_per_direction")
        half = Parameter(
            value=streams.value,
            unit="vectors",
            status="derived" if streams.status == "published" else streams.status,
            source=f"half of the streams each way, one vector a cycle each; {streams.source}",
            low=streams.low,
            high=streams.high,
        )
        ends, used = preset.get("chip.c2c_links_per_hemisphere"), preset.get("link.links_per_chip")
        more = ends if 2 * int(ends.value) >= int(used.value) else used
        links = Parameter(
            value=int(more.value) * (2 if more is ends else 1),
            unit="links",
            status=more.status,
            source=more.source,
        )
        return {
            "out_vectors_per_cycle": half,
            "in_vectors_per_cycle": half,
            "links_fed": links,
            "transit_bytes": preset.get("memory.capacity_bytes"),
        }
