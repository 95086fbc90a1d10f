"""Which chips are wired to which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpusim import _core
from lpusim._arguments import whole_number
from lpusim._net_common import Columns, core_spec, integer, read_only
from lpusim._net_edges import Cable, Edge, cable_columns
from lpusim._net_link import LinkSpec

__all__ = ["Cable", "LpxWiring", "Topology"]


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


class Topology:
    """Chips and the links between them. Made by one of the class methods; immutable.

    The last node or tray may be partly filled: any number of chips from 1 up is a machine.

    Examples:
        >>> ring = Topology.quadfour(9)
        >>> ring.chip_count, ring.diameter, ring.link_count
        (72, 3, 396)
        >>> round(ring.bisection_bytes_per_s / 1e9, 1)
        853.3
    """

    def __init__(self, core: Any) -> None:
        """Wraps the core's topology; use a class method instead."""
        self._core = core

    @classmethod
    def _make(cls, kind: str, chip_count: int, link: LinkSpec) -> Topology:
        chip_count = integer("chips", chip_count)
        return cls(_core.net.Topology.make(kind, chip_count, core_spec(link, _core.net.LinkSpec)))

    @classmethod
    def node(cls, chips: int = 8, *, link: LinkSpec | None = None) -> Topology:
        """All chips directly connected, one link a pair (ISCA'22: 8 chips, 28 links)."""
        return cls._make("node", chips, link or LinkSpec())

    @classmethod
    def ring(cls, chips: int, *, link: LinkSpec | None = None) -> Topology:
        """Chips in a cycle, one link to each neighbour."""
        return cls._make("ring", chips, link or LinkSpec())

    @classmethod
    def quadfour(
        cls, nodes: int | None = None, *, chips: int | None = None, link: LinkSpec | None = None
    ) -> Topology:
        """A ring of 8-chip nodes, each linked to the 4 nodes before and after it, 4 links each.

        Below 9 nodes a node's 32 outer links are shared evenly among all others.

        Args:
            nodes: Whole nodes; or else
            chips: Chips, with the last node partly filled where they are not a multiple of 8.
            link: Default: the first-generation LPU's.

        Source:
            SHIP (MLSys 2026). Which chip of a node holds which outer link is assumed.
        """
        return cls._make("quadfour", _chips_of("nodes", nodes, 8, chips), link or LinkSpec())

    @classmethod
    def lpx(
        cls,
        racks: int | None = None,
        *,
        chips: int | None = None,
        link: LinkSpec | None = None,
        wiring: LpxWiring | None = None,
    ) -> Topology:
        """LPX trays of 8 chips, racks of 32 trays, several racks; the wiring is assumed (`LpxWiring`).

        Args:
            racks: Whole racks of 256 chips; or else
            chips: Chips: 8 for a tray, 256 for a rack, any number.
            link: Default: that of the `lp30` preset.
            wiring: How each chip's 96 links are spread.
        """
        link = link or LinkSpec.for_chip("lp30")
        return cls(
            _core.net.Topology.lpx(
                _chips_of("racks", racks, 256, chips),
                core_spec(link, _core.net.LinkSpec),
                core_spec(wiring or LpxWiring(), _core.net.LpxWiring),
            )
        )

    @classmethod
    def from_edges(
        cls,
        edges: Iterable[Edge],
        *,
        chips: int | None = None,
        link: LinkSpec | None = None,
        chips_per_node: int = 1,
        name: str = "edges",
    ) -> Topology:
        """Any connected graph.

        Args:
            edges: `(a, b)`, `(a, b, parallel links)`, or a `Cable` where its links have a timing of their
                own. Every link carries both directions. Edges between the same two chips are joined.
            chips: Default: one more than the largest chip named.
            link: What all links have in common. Default: the first-generation LPU's.
            chips_per_node: Chips with consecutive ids that stay together where the bisection cuts.
            name: What errors call it.

        Raises:
            ValueError: A self loop, an unknown chip, a count below 1, a timing that cannot be, or edges
                between the same two chips with different timings.
            DisconnectedError: The graph is not connected.

        Examples:
            >>> Topology.from_edges([(0, 1), (1, 2, 4)]).link_count
            5
            >>> slow = Topology.from_edges([(0, 1), Cable(1, 2, hop_cycles=300)])
            >>> slow.links["hop_cycles"].tolist()  # 0 to 1, 1 to 0, 1 to 2, 2 to 1.
            [270, 270, 300, 300]
        """
        link = link or LinkSpec()
        cables, named_chips = cable_columns(edges)
        return cls(
            _core.net.Topology(
                name,
                named_chips if chips is None else integer("chips", chips),
                cables,
                core_spec(link, _core.net.LinkSpec),
                chips_per_node=whole_number("chips_per_node", chips_per_node, 1, 2**31 - 1),
            )
        )

    @classmethod
    def named(cls, kind: str, chips: int, *, link: LinkSpec | None = None) -> Topology:
        """The topology that a chip preset names: "node", "ring", "quadfour" or "lpx"."""
        return (
            cls.lpx(chips=chips, link=link) if kind == "lpx" else cls._make(kind, chips, link or LinkSpec())
        )

    @property
    def name(self) -> str:
        """Kind and number of chips."""
        return str(self._core.name)

    @property
    def link(self) -> LinkSpec:
        """What all links have in common; `links` has the timing of each."""
        core = self._core.link
        return LinkSpec(**{row["name"]: getattr(core, row["name"]) for row in _core.net.LinkSpec.fields()})

    @property
    def chip_count(self) -> int:
        """Chips, those that are down included; their ids are 0 to `chip_count` - 1."""
        return int(self._core.chip_count)

    @cached_property
    def down_chips(self) -> NDArray[np.int64]:
        """Chips that do not work, in order, read-only: they have no links and take part in nothing."""
        return read_only({"chip": np.array(self._core.down_chips, dtype=np.int64)})["chip"]

    @cached_property
    def up_chips(self) -> NDArray[np.int64]:
        """All other chips, in order, read-only."""
        up = np.setdiff1d(np.arange(self.chip_count, dtype=np.int64), self.down_chips)
        return read_only({"chip": up})["chip"]

    @property
    def chips_per_node(self) -> int:
        """Chips with consecutive ids that make a node; 1 where there are no nodes."""
        return int(self._core.chips_per_node)

    @property
    def link_count(self) -> int:
        """Links, each counted once although it carries both directions."""
        return int(self._core.link_count)

    @property
    def directed_link_count(self) -> int:
        """Links with each direction counted: twice `link_count`."""
        return int(self._core.directed_link_count)

    @property
    def links_per_chip_max(self) -> int:
        """The most links that end at one chip."""
        return int(self._core.links_per_chip_max)

    @cached_property
    def diameter(self) -> int:
        """The longest of all shortest paths, in hops (breadth-first search from every chip)."""
        return int(self._core.diameter())

    @cached_property
    def bisection_bytes_per_s(self) -> float:
        """Bytes a second in one direction across the narrowest cut into two halves of whole nodes.

        The cuts tried are all arcs of consecutive nodes, and the halves of every node. On symmetric machines
        the true minimum is among them; elsewhere this is an upper bound of it.
        """
        return float(self._core.bisection_bytes_per_s())

    @cached_property
    def links(self) -> Columns:
        """One row a directed link: `source`, `target`, `vector_cycles` and `hop_cycles`, int64, read-only."""
        return read_only(self._core.links())

    def distances(self, source: int) -> NDArray[np.int64]:
        """Fewest hops from chip `source` to every chip."""
        return np.asarray(self._core.distances(source))

    def __repr__(self) -> str:
        return f"<Topology {self.name}: {self.chip_count} chips, {self.link_count} links>"


def _chips_of(what: str, count: int | None, chips_each: int, chips: int | None) -> int:
    if (count is None) == (chips is None):
        raise ValueError(f"give either {what} or chips")
    if count is None:
        assert chips is not None
        return integer("chips", chips)
    return integer(what, count) * chips_each
