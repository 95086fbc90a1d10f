"""Which chips are wired to which."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lpusim import _core
from lpusim._arguments import shown, some_text, whole_number
from lpusim._net_common import Columns, integer, read_only
from lpusim._net_edges import Cable, Edge, cable_columns, cables_of
from lpusim._net_files import read_topology, topology_document, topology_parts, write_topology
from lpusim._net_link import LinkSpec, core_link
from lpusim._net_wirings import Wirings

_AXIS_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True, eq=False)
class Bisection:
    """A cut into two halves, and what crosses it in the direction that carries less.

    Attributes:
        links: Across, each counted once.
        bytes_per_s: What they carry in one direction.
        is_exact: No other halves have less between them.
        chips: The half with the first chip, read-only.
    """

    links: int
    bytes_per_s: float
    is_exact: bool
    chips: NDArray[np.int64]


class Topology(Wirings):
    """Chips and the links between them. Made by one of the class methods; immutable.

    Examples:
        >>> ring = Topology.quadfour(9)
        >>> ring.chip_count, ring.diameter, ring.link_count
        (72, 3, 396)
        >>> round(ring.bisection_bytes_per_s / 1e9, 1)
        853.3
    """

    @classmethod
    def from_edges(
        cls,
        edges: Iterable[Edge],
        *,
        chips: int | None = None,
        link: LinkSpec | None = None,
        chips_per_node: int = 1,
        axes: Sequence[int] = (),
        relay_chips: Iterable[int] = (),
        name: str = "edges",
    ) -> Self:
        """Any connected graph.

        Args:
            edges: `(a, b)`, `(a, b, parallel links)`, or a `Cable` where its links have a timing of their
                own. Every link carries both directions. Edges between the same two chips are joined.
            chips: Default: one more than the largest chip named.
            link: What all links have in common. Default: the first-generation LPU's.
            chips_per_node: Chips with consecutive ids that make a node.
            axes: How ids are counted, the last size fastest, as far as they are: where the bisection looks
                for cuts. Default: nodes, and the chips of a node.
            relay_chips: Chips that only pass on what others send, such as switches.
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
        columns, named_chips = cable_columns(edges)
        return cls._build(
            columns,
            named_chips if chips is None else integer("chips", chips),
            link or LinkSpec(),
            name=some_text("name", name),
            chips_per_node=chips_per_node,
            axes=axes,
            relay_chips=relay_chips,
        )

    @classmethod
    def _build(
        cls,
        columns: dict[str, NDArray[np.int64]],
        chips: int,
        link: LinkSpec,
        *,
        name: str,
        chips_per_node: int = 1,
        axes: Sequence[int] = (),
        down_chips: Iterable[int] = (),
        relay_chips: Iterable[int] = (),
        physical_chips: Iterable[int] = (),
    ) -> Self:
        return cls(
            _core.net.Topology(
                name,
                chips,
                columns,
                core_link(link),
                chips_per_node=whole_number("chips_per_node", chips_per_node, 1, _AXIS_MAX),
                axes=_whole_numbers("axes", axes),
                down_chips=_whole_numbers("down_chips", down_chips),
                relay_chips=_whole_numbers("relay_chips", relay_chips),
                physical_chips=_whole_numbers("physical_chips", physical_chips),
            )
        )

    @classmethod
    def from_dict(cls, spec: Mapping[str, Any]) -> Self:
        """The topology that `to_dict` describes.

        Args:
            spec: `chips` and `cables` (each `[a, b]`, `[a, b, links]` or the attributes of a `Cable`); and,
                if wanted, `name`, `link` (the attributes of a `LinkSpec`), `chips_per_node`, `axes`,
                `down_chips`, `relay_chips` and `physical_chips`.

        Raises:
            ValueError: An unknown or missing key, or anything that `from_edges` refuses.
            TypeError: Something else than whole numbers where those belong.

        Examples:
            >>> Topology.from_dict({"chips": 3, "cables": [[0, 1], {"a": 1, "b": 2, "links": 4}]}).link_count
            5
        """
        edges, parts = topology_parts(spec)
        columns, _ = cable_columns(edges)
        return cls._build(columns, **parts)

    def to_dict(self) -> dict[str, Any]:
        """Everything that makes this topology, as plain values: `from_dict` gives it back."""
        return topology_document(self)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, chips: int | None = None, link: LinkSpec | None = None
    ) -> Self:
        """A topology from a file.

        Args:
            path: `.json`: what `to_dict` gives. `.csv`: a header that names the columns `a`, `b` and, if
                wanted, `links`, `vector_cycles`, `hop_cycles`, `back_vector_cycles`, `back_hop_cycles` (see
                `Cable`), and a line a cable; empty cells are left out.
            chips: Of a CSV file. Default: one more than the largest chip named.
            link: Of a CSV file. Default: the first-generation LPU's.

        Raises:
            ValueError: The file and line (in JSON: the cable) that is wrong, what was seen, what is allowed.
        """
        return read_topology(cls, path, chips, link)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes what `load` reads; the file is whole or not there.

        Args:
            path: `.json`, or `.csv` where cables are all there is to tell (no chip is down or a relay, none
                stands in for another).
        """
        write_topology(self, path)

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
        """Chips, those that are down or relays included; their ids are 0 to `chip_count` - 1."""
        return int(self._core.chip_count)

    @cached_property
    def endpoints(self) -> NDArray[np.int64]:
        """Chips that may send and receive: what "all chips" means to a collective. In order, read-only."""
        return _chips(self._core.endpoints())

    @cached_property
    def down_chips(self) -> NDArray[np.int64]:
        """Chips that do not work, in order, read-only: they have no links and take part in nothing."""
        return _chips(self._core.down_chips())

    @cached_property
    def up_chips(self) -> NDArray[np.int64]:
        """All other chips, in order, read-only."""
        return _chips(self._core.up_chips())

    @cached_property
    def relay_chips(self) -> NDArray[np.int64]:
        """Chips that only pass on (and add up) what others send: switches, waiting spares. Read-only."""
        return _chips(self._core.relay_chips())

    @cached_property
    def physical_chips(self) -> NDArray[np.int64]:
        """By chip id: the chip of the machine that goes by it. Differs where spares stand in. Read-only."""
        return _chips(self._core.physical_chips())

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
    def links(self) -> Columns:
        """One row a directed link: `source`, `target`, `vector_cycles` and `hop_cycles`, int64, read-only."""
        return read_only(self._core.links())

    @property
    def cables(self) -> list[Cable]:
        """Every cable once, from its lower chip, in order."""
        return cables_of(self._core.cables(), self.link)

    @cached_property
    def rotation_chips(self) -> int:
        """The least number that, added to every id modulo `chip_count`, maps cables to cables.

        `chip_count` where there is no smaller one. Found by comparing, not declared.

        Examples:
            >>> Topology.ring(10).rotation_chips, Topology.dragonfly(1305).rotation_chips
            (1, 72)
        """
        return int(self._core.rotation_chips())

    @cached_property
    def diameter(self) -> int:
        """The longest of all shortest paths, in hops (breadth-first search from every chip)."""
        return int(self._core.diameter())

    @cached_property
    def router_diameter(self) -> int:
        """The diameter where a node counts as one router, as ISCA'22 counts.

        A hop from a chip to the link that leaves its node, hops from node to node, a hop to the chip.
        """
        return int(self._core.router_diameter())

    @cached_property
    def bisection(self) -> Bisection:
        """The cut into halves that carries the fewest bytes.

        Exact for up to 20 chips without relays: all halves are tried. Beyond, the narrowest of these cuts:
        along each axis (racks, nodes, the chips of all nodes, the dimensions of a torus) every arc of half
        the places, rounded down; with relays only the arc from the first place, relays on whichever side is
        better (maximum flow). Where an odd number of places makes parts unequal, what crosses counts by the
        chips of the smaller part (that is how SHIP's 853 GB/s of 9 nodes come about, 4 and 5). Where parts
        are equal it is never below the true one, and it is the true one on even rings and full meshes, tori
        whose longest side is even, full fat trees, and even rings of nodes with symmetric reach.

        Examples:
            >>> Topology.quadfour(9).bisection.links  # 4 nodes and 5: 4 x 5 pairs of 4 links.
            80
        """
        core = self._core.bisection()
        return Bisection(core.links, core.bytes_per_s, core.is_exact, _chips(core.chips))

    @property
    def bisection_bytes_per_s(self) -> float:
        """What `bisection` carries in one direction, in bytes a second."""
        return self.bisection.bytes_per_s

    @cached_property
    def global_bytes_per_s(self) -> float:
        """Payload a second that a chip can send to chips of other nodes while all chips do alike.

        A node counts as one router; vectors take the fewest hops from node to node, spread evenly, and the
        fullest link never rests. Where there is one node: to all other chips.

        Source:
            What ISCA'22 shows over the size of the system: with the 12.5 GB/s of a raw link about 50 GB/s up
            to 264 chips, and about 14 beyond.

        Examples:
            >>> node_count = 33
            >>> Topology.dragonfly(node_count).global_bytes_per_s / LinkSpec().bytes_per_s  # 4 ports a chip.
            4.0
        """
        return float(self._core.global_bytes_per_s())

    def chip_bytes_per_s(self, *, beyond_chips: int = 1) -> float:
        """Payload a second that a chip's own links carry in one direction, the mean over endpoints.

        Args:
            beyond_chips: Count only links that leave the group of so many consecutive chips: 8 for links
                that leave a node, 72 for those that leave a rack of nodes. Default: all links.

        Examples:
            >>> ring = Topology.quadfour(9)
            >>> round(2 * ring.chip_bytes_per_s() / 1e9, 1)  # Published: 235 GB/s, both directions (SHIP).
            234.7
            >>> round(ring.chip_bytes_per_s(beyond_chips=8) / 1e9, 1)  # 4 of 11 links.
            42.7
        """
        group = whole_number("beyond_chips", beyond_chips, 1, _AXIS_MAX)
        links, link = self.links, self.link
        leaves = (links["source"] // group != links["target"] // group) & np.isin(
            links["source"], self.endpoints
        )
        slots, counts = np.unique(links["vector_cycles"][leaves], return_counts=True)
        rate = float(np.sum(counts / slots)) * link.vector_bytes * link.clock_hz
        return rate / len(self.endpoints)

    def distances(self, source: int) -> NDArray[np.int64]:
        """Fewest hops from chip `source` to every chip; -1 to a chip that is down."""
        return np.asarray(self._core.distances(integer("source", source)))

    def without(
        self,
        *,
        chips: Iterable[int] = (),
        nodes: Iterable[int] = (),
        links: Iterable[Sequence[int]] = (),
    ) -> Self:
        """The same machine with parts of it down. Chips keep their ids; no route uses what is down.

        Args:
            chips: Chips that are down.
            nodes: Nodes all of whose chips are down.
            links: `(a, b)`: all links between two chips, or `(a, b, count)`: so many of them.

        Raises:
            DisconnectedError: Chips that are up no longer reach each other: no timetable exists.
            ValueError: An unknown chip, node or link, or more links than there are.

        Examples:
            >>> ring = Topology.ring(6).without(links=[(0, 5)])
            >>> ring.diameter
            5
            >>> ring.without(chips=[3])
            Traceback (most recent call last):
            ...
            lpusim.errors.DisconnectedError: the topology is not connected, so no timetable serves all of \
it: no path from chip 0 to chips 4, 5
        """
        down = []
        for i, row in enumerate(links):
            values = tuple(row)
            if len(values) not in (2, 3):
                raise ValueError(f"links[{i}] must be (a, b) or (a, b, count), got {shown(row)}")
            numbers = [whole_number(f"links[{i}]", value, 0, _AXIS_MAX) for value in values]
            if len(numbers) == 3 and numbers[2] == 0:
                raise ValueError(f"links[{i}] must have a count of at least 1, got 0")
            down.append((*numbers, 0)[:3])
        return type(self)(
            self._core.without(_whole_numbers("chips", chips), _whole_numbers("nodes", nodes), down)
        )

    def with_spares(self, nodes: Iterable[int]) -> Self:
        """The same machine with `nodes` waiting as spares: relays that hold no data until they stand in.

        Published racks have 8 nodes and 1 spare (ISCA'22). That a waiting spare passes vectors on is assumed.

        Examples:
            >>> rack = Topology.quadfour(9).with_spares([8])
            >>> len(rack.endpoints)
            64
        """
        return type(self)(self._core.with_spares(_whole_numbers("nodes", nodes)))

    def substitute(self, node: int, spare: int | None = None) -> Self:
        """The same machine with `node` down and a spare node in its place.

        The spare's chips go by the ids of the node's, so that work keeps its ids (`physical_chips` says
        where it is now); the ids of the spare are those of the chips that are down.

        Args:
            node: Down from now on; it may have been before.
            spare: Default: the spare fewest hops away, the lowest of equals.

        Raises:
            ValueError: No spare is left, or `spare` is none.

        Examples:
            >>> rack = Topology.quadfour(9).with_spares([8]).substitute(3)
            >>> rack.physical_chips[24:26].tolist(), rack.down_chips[:2].tolist(), len(rack.endpoints)
            ([64, 65], [64, 65], 64)
        """
        failed = whole_number("node", node, 0, _AXIS_MAX)
        standby = (
            self._core.nearest_spare(failed) if spare is None else whole_number("spare", spare, 0, _AXIS_MAX)
        )
        return type(self)(self._core.substitute(failed, standby))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {self.chip_count} chips, {self.link_count} links>"


def _whole_numbers(name: str, values: Iterable[int]) -> list[int]:
    return [whole_number(f"{name}[{i}]", value, 0, _AXIS_MAX) for i, value in enumerate(values)]


def _chips(column: NDArray[np.int64]) -> NDArray[np.int64]:
    return read_only({"chip": column})["chip"]
