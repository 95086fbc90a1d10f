"""The named machines: every way to make a topology without listing its edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from lpusim import _core
from lpusim._arguments import shown
from lpusim._net_common import core_spec, integer
from lpusim._net_link import LinkSpec, LinkTiming, core_link, core_timing


@dataclass(frozen=True, slots=True, kw_only=True)
class LpxWiring:
    """How the 96 links of a chip are spread in an LPX system. Assumed: only their number is published.

    Attributes:
        links_per_chip: Ports of one chip (published: 96).
        tray_links: Links to each of the 7 other chips of the tray.
        rail_links: Links to the chip in the same position of each other tray of the rack.
        rack_links: Links of a chip that leave its rack, shared among the other racks.

    Source:
        Our assumption: with 8 to 1 an all-reduce over a rack, first in trays, then along rails, loads both
        kinds of link alike.
    """

    links_per_chip: int = 96
    tray_links: int = 8
    rail_links: int = 1
    rack_links: int = 9

    def __post_init__(self) -> None:
        core_spec(self, _core.net.LpxWiring)


class Wirings:
    """Constructors of `Topology`. Each takes any number of chips; the last node, tray or rack may be partly
    filled.

    `between_nodes` and `between_racks` are the timing of cables that leave a node (or tray) or a rack. Their
    default is the timing of all links: SHIP publishes 270 cycles of every hop, ISCA'22 216 of the link in it,
    and neither what a longer cable adds. `between_racks` defaults to `between_nodes`.
    """

    _core: Any

    def __init__(self, core: Any) -> None:
        """Wraps the core's topology; use a class method instead."""
        self._core = core

    @classmethod
    def node(cls, chips: int = 8, *, link: LinkSpec | None = None) -> Self:
        """All chips directly connected, one link a pair (ISCA'22: 8 chips, 28 links).

        Examples:
            >>> from lpusim.net import Topology
            >>> Topology.node(8).link_count
            28
        """
        return cls(_core.net.Topology.make("node", integer("chips", chips), core_link(link or LinkSpec())))

    @classmethod
    def full_mesh(cls, chips: int, *, links: int = 1, link: LinkSpec | None = None) -> Self:
        """All chips directly connected by `links` links a pair."""
        return cls(
            _core.net.Topology.full_mesh(
                integer("chips", chips), integer("links", links), core_link(link or LinkSpec())
            )
        )

    @classmethod
    def dragonfly(
        cls,
        nodes: int | None = None,
        *,
        chips: int | None = None,
        link: LinkSpec | None = None,
        between_nodes: LinkTiming | None = None,
        between_racks: LinkTiming | None = None,
    ) -> Self:
        """Nodes of 8 fully connected chips with 32 outer ports, in one level or two.

        Up to 33 nodes (264 chips) every node is linked to every other: 3 hops. Beyond, up to 1,305 nodes, in
        145 racks of 9: half of a node's ports join the nodes of its rack, half make 144 ports a rack, shared
        among all other racks.

        Published are the counts, 3 hops, and at most 5 hops for 10,440 chips. The 5 hold where a node counts
        as one router (`router_diameter`: two hops in the first rack, one between racks, two in the last).
        Chip by chip (`diameter`), where passing through a node may take a hop inside it, it is 6. Assumed:
        the split of the ports in halves, and which chip holds which port; nodes and racks are wired in a
        ring, all alike.

        Args:
            nodes: Whole nodes; or else
            chips: Chips.
            link: Default: the first-generation LPU's.
            between_nodes: Timing of cables between nodes of a rack (or all nodes, up to 33).
            between_racks: Timing of cables between racks.

        Source:
            ISCA'22 (Abts et al., A Software-defined Tensor Streaming Multiprocessor).

        Examples:
            >>> from lpusim.net import Topology
            >>> largest_of_one_level = Topology.dragonfly(33)
            >>> largest_of_one_level.chip_count, largest_of_one_level.diameter
            (264, 3)
            >>> largest = Topology.dragonfly(1305)
            >>> largest.chip_count, largest.router_diameter, largest.diameter
            (10440, 5, 6)
        """
        return cls(
            _core.net.Topology.dragonfly(
                _chips_of("nodes", nodes, 8, chips),
                core_link(link or LinkSpec()),
                core_timing("between_nodes", between_nodes),
                core_timing("between_racks", between_racks),
            )
        )

    @classmethod
    def quadfour(
        cls,
        nodes: int | None = None,
        *,
        chips: int | None = None,
        link: LinkSpec | None = None,
        between_nodes: LinkTiming | None = None,
    ) -> Self:
        """A ring of 8-chip nodes, each linked to the 4 nodes before and after it, 4 links each.

        Below 9 nodes a node's 32 outer links are shared evenly among all others.

        Args:
            nodes: Whole nodes; or else
            chips: Chips, with the last node partly filled where they are not a multiple of 8.
            link: Default: the first-generation LPU's.
            between_nodes: Timing of cables between nodes.

        Source:
            SHIP (MLSys 2026). Which chip of a node holds which outer link is assumed.

        Examples:
            >>> from lpusim.net import Topology
            >>> Topology.quadfour(9).diameter, Topology.quadfour(17).diameter  # 72 and 136 chips.
            (3, 5)
        """
        return cls(
            _core.net.Topology.quadfour(
                _chips_of("nodes", nodes, 8, chips),
                core_link(link or LinkSpec()),
                core_timing("between_nodes", between_nodes),
            )
        )

    @classmethod
    def lpx(
        cls,
        racks: int | None = None,
        *,
        chips: int | None = None,
        link: LinkSpec | None = None,
        wiring: LpxWiring | None = None,
        between_nodes: LinkTiming | None = None,
        between_racks: LinkTiming | None = None,
    ) -> Self:
        """LPX trays of 8 chips, racks of 32 trays, several racks; the wiring is assumed (`LpxWiring`).

        Args:
            racks: Whole racks of 256 chips; or else
            chips: Chips: 8 for a tray, 256 for a rack, any number.
            link: Default: that of the `lp30` preset.
            wiring: How each chip's 96 links are spread.
            between_nodes: Timing of links between trays.
            between_racks: Timing of links between racks.
        """
        return cls(
            _core.net.Topology.lpx(
                _chips_of("racks", racks, 256, chips),
                core_link(link or LinkSpec.for_chip("lp30")),
                core_spec(wiring or LpxWiring(), _core.net.LpxWiring),
                core_timing("between_nodes", between_nodes),
                core_timing("between_racks", between_racks),
            )
        )

    @classmethod
    def ring(cls, chips: int, *, link: LinkSpec | None = None) -> Self:
        """Chips in a cycle, one link to each neighbour."""
        return cls(_core.net.Topology.make("ring", integer("chips", chips), core_link(link or LinkSpec())))

    @classmethod
    def torus(cls, sizes: Sequence[int], *, links: int = 1, link: LinkSpec | None = None) -> Self:
        """Chips in a grid that wraps around in every dimension.

        Args:
            sizes: Chips along each dimension; ids run row by row, the last dimension fastest. Two chips in a
                row are neighbours once, not twice.
            links: Parallel links to each neighbour.
            link: Default: the first-generation LPU's.

        Examples:
            >>> from lpusim.net import Topology
            >>> cube = Topology.torus((4, 4, 4))
            >>> cube.link_count, cube.diameter, cube.bisection.links
            (192, 6, 32)
        """
        return cls._grid(sizes, True, links, link)

    @classmethod
    def mesh(cls, sizes: Sequence[int], *, links: int = 1, link: LinkSpec | None = None) -> Self:
        """Chips in a grid that does not wrap around; arguments as of `torus`.

        Examples:
            >>> from lpusim.net import Topology
            >>> Topology.mesh((4, 4)).diameter
            6
        """
        return cls._grid(sizes, False, links, link)

    @classmethod
    def _grid(cls, sizes: Sequence[int], wraps: bool, links: int, link: LinkSpec | None) -> Self:
        try:
            shape = [integer(f"sizes[{i}]", size) for i, size in enumerate(sizes)]
        except TypeError as error:
            raise TypeError(f"sizes must be whole numbers, one a dimension, got {shown(sizes)}") from error
        return cls(
            _core.net.Topology.grid(shape, wraps, integer("links", links), core_link(link or LinkSpec()))
        )

    @classmethod
    def switch(cls, chips: int, *, links: int = 1, link: LinkSpec | None = None) -> Self:
        """Every chip with `links` links to one switch: a relay whose id is `chips`.

        Examples:
            >>> from lpusim.net import Topology
            >>> star = Topology.switch(8)
            >>> star.chip_count, len(star.endpoints), star.diameter
            (9, 8, 2)
        """
        return cls(
            _core.net.Topology.switched(
                integer("chips", chips), integer("links", links), core_link(link or LinkSpec())
            )
        )

    @classmethod
    def fat_tree(cls, ports: int, *, levels: int = 2, link: LinkSpec | None = None) -> Self:
        """Levels of equal switches, half of the ports down and half up, all down at the top.

        Args:
            ports: Of one switch; even.
            levels: Of switches. There are 2 (ports / 2)^levels chips, ids from 0, and then the switches,
                which are relays.
            link: Default: the first-generation LPU's.

        Source:
            Leiserson, Fat-trees, 1985; with equal switches as in Al-Fares et al., 2008.

        Examples:
            >>> from lpusim.net import Topology
            >>> tree = Topology.fat_tree(8)
            >>> len(tree.endpoints), len(tree.relay_chips), tree.diameter, tree.bisection.links
            (32, 12, 4, 16)
        """
        return cls(
            _core.net.Topology.fat_tree(
                integer("ports", ports), integer("levels", levels), core_link(link or LinkSpec())
            )
        )

    @classmethod
    def named(cls, kind: str, chips: int, *, link: LinkSpec | None = None) -> Self:
        """The topology that a chip preset names: "node", "ring", "quadfour", "lpx" or "dragonfly"."""
        if kind == "lpx":
            return cls.lpx(chips=chips, link=link)
        return cls(_core.net.Topology.make(kind, integer("chips", chips), core_link(link or LinkSpec())))


def _chips_of(what: str, count: int | None, chips_each: int, chips: int | None) -> int:
    if (count is None) == (chips is None):
        raise ValueError(f"give either {what} or chips")
    if count is None:
        assert chips is not None
        return integer("chips", chips)
    return integer(what, count) * chips_each
