"""
The fabric: topologies, timetables, collectives.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing
__all__: list[str] = ['ChipPorts', 'Collective', 'LinkSpec', 'LpxWiring', 'Production', 'Proof', 'ReduceCost', 'Replay', 'Request', 'Timetable', 'Topology', 'Traffic', 'Verification', 'Violation', 'all_gather', 'all_reduce', 'all_to_all', 'all_to_all_v', 'broadcast', 'combine', 'gather', 'link_from_ps', 'pipeline', 'ports_for', 'prove', 'reduce_scatter', 'replay', 'scatter', 'schedule', 'send', 'violation_text']
class LinkSpec:
    """
    What all links have in common.
    """
    @staticmethod
    def fields() -> list[dict[str, typing.Any]]:
        """
        One dict a field: name, unit, min, max, meaning, integer.
        """
    def __init__(self) -> None:
        ...
    @property
    def clock_hz(self) -> int:
        """
        the chip clock whose cycles are counted [Hz]
        """
    @clock_hz.setter
    def clock_hz(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def hop_cycles(self) -> int:
        """
        from the start of a vector's slot to the vector in the far memory [cycles]
        """
    @hop_cycles.setter
    def hop_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def overhead_bytes(self) -> int:
        """
        header and check bytes that travel with a vector [bytes]
        """
    @overhead_bytes.setter
    def overhead_bytes(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def vector_bytes(self) -> int:
        """
        payload of one vector; sizes round up to whole vectors [bytes]
        """
    @vector_bytes.setter
    def vector_bytes(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def vector_cycles(self) -> int:
        """
        cycles between two vectors on one link in one direction [cycles]
        """
    @vector_cycles.setter
    def vector_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class LpxWiring:
    """
    How an LPX system is wired.
    """
    @staticmethod
    def fields() -> list[dict[str, typing.Any]]:
        """
        One dict a field: name, unit, min, max, meaning, integer.
        """
    def __init__(self) -> None:
        ...
    @property
    def links_per_chip(self) -> int:
        """
        ports of one chip [links]
        """
    @links_per_chip.setter
    def links_per_chip(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def rack_links(self) -> int:
        """
        links of a chip that leave its rack [links]
        """
    @rack_links.setter
    def rack_links(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def rail_links(self) -> int:
        """
        links to the same position of each other tray of the rack [links]
        """
    @rail_links.setter
    def rail_links(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def tray_links(self) -> int:
        """
        links to each other chip of the tray [links]
        """
    @tray_links.setter
    def tray_links(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class Topology:
    """
    Chips and the links between them.
    """
    @staticmethod
    def lpx(chip_count: typing.SupportsInt | typing.SupportsIndex, link: LinkSpec, wiring: LpxWiring) -> Topology:
        ...
    @staticmethod
    def make(kind: str, chip_count: typing.SupportsInt | typing.SupportsIndex, link: LinkSpec) -> Topology:
        ...
    def __init__(self, name: str, chip_count: typing.SupportsInt | typing.SupportsIndex, cables: collections.abc.Mapping[str, typing.Annotated[numpy.typing.ArrayLike, numpy.int64]], link: LinkSpec, *, chips_per_node: typing.SupportsInt | typing.SupportsIndex = 1, down_chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] = []) -> None:
        ...
    def bisection_bytes_per_s(self) -> float:
        ...
    def bisection_links(self) -> int:
        ...
    def diameter(self) -> int:
        ...
    def distances(self, source: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.int64]:
        ...
    def links(self) -> dict[str, numpy.typing.NDArray[numpy.int64]]:
        """
        Columns by directed link: the chip it leaves, the chip it enters, its slot and its hop.
        """
    @property
    def chip_count(self) -> int:
        ...
    @property
    def chips_per_node(self) -> int:
        ...
    @property
    def directed_link_count(self) -> int:
        ...
    @property
    def down_chips(self) -> list[int]:
        ...
    @property
    def link(self) -> LinkSpec:
        ...
    @property
    def link_count(self) -> int:
        ...
    @property
    def links_per_chip_max(self) -> int:
        ...
    @property
    def name(self) -> str:
        ...
    @property
    def symmetry_chips(self) -> int:
        ...
class Timetable:
    """
    Transfers, the slots they hold and what they wait for.
    """
    def __init__(self, transfers: collections.abc.Mapping[str, typing.Annotated[numpy.typing.ArrayLike, numpy.int64]], runs: collections.abc.Mapping[str, typing.Annotated[numpy.typing.ArrayLike, numpy.int64]], dependencies: collections.abc.Mapping[str, typing.Annotated[numpy.typing.ArrayLike, numpy.int64]]) -> None:
        ...
    def dependencies(self) -> dict[str, numpy.typing.NDArray[numpy.int64]]:
        ...
    def runs(self) -> dict[str, numpy.typing.NDArray[numpy.int64]]:
        ...
    def transfers(self) -> dict[str, numpy.typing.NDArray[numpy.int64]]:
        ...
class ChipPorts:
    """
    What a chip can do for vectors that pass through it.
    """
    @staticmethod
    def fields() -> list[dict[str, typing.Any]]:
        """
        One dict a field: name, unit, min, max, meaning, integer.
        """
    def __init__(self) -> None:
        ...
    @property
    def in_vectors_per_cycle(self) -> int:
        """
        vectors a chip's streams can take from its links in one cycle [vectors]
        """
    @in_vectors_per_cycle.setter
    def in_vectors_per_cycle(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def links_fed(self) -> int:
        """
        links a chip can hold in one cycle [links]
        """
    @links_fed.setter
    def links_fed(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def out_vectors_per_cycle(self) -> int:
        """
        vectors a chip's streams can bring to its links in one cycle [vectors]
        """
    @out_vectors_per_cycle.setter
    def out_vectors_per_cycle(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def transit_bytes(self) -> int:
        """
        SRAM for vectors that wait on their way elsewhere [bytes]
        """
    @transit_bytes.setter
    def transit_bytes(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class Verification:
    """
    What a legal timetable amounts to.
    """
    @property
    def bytes_received(self) -> int:
        ...
    @property
    def bytes_sent(self) -> int:
        ...
    @property
    def cycles(self) -> int:
        ...
    @property
    def slot_count(self) -> int:
        ...
class Violation:
    """
    One broken rule; -1 is said of what the rule does not have.
    """
    @property
    def cycle(self) -> int:
        ...
    @property
    def hop(self) -> int:
        ...
    @property
    def is_at_end(self) -> bool:
        ...
    @property
    def link(self) -> int:
        ...
    @property
    def other_hop(self) -> int:
        ...
    @property
    def other_transfer(self) -> int:
        ...
    @property
    def other_vector(self) -> int:
        ...
    @property
    def place(self) -> int:
        ...
    @property
    def rule(self) -> str:
        ...
    @property
    def transfer(self) -> int:
        ...
    @property
    def vector(self) -> int:
        ...
class Proof:
    """
    What a timetable amounts to, or the first rule that it breaks.
    """
    @property
    def totals(self) -> Verification:
        ...
    @property
    def violation(self) -> Violation | None:
        ...
class Replay:
    """
    What a replayed timetable came to.
    """
    @property
    def links_fed_max(self) -> int:
        ...
    @property
    def proof(self) -> Proof:
        ...
    @property
    def tick_count(self) -> int:
        ...
    @property
    def transit_bytes_max(self) -> int:
        ...
    @property
    def vectors_in_max(self) -> int:
        ...
    @property
    def vectors_out_max(self) -> int:
        ...
class ReduceCost:
    """
    What adding costs a chip.
    """
    @staticmethod
    def fields() -> list[dict[str, typing.Any]]:
        """
        One dict a field: name, unit, min, max, meaning, integer.
        """
    def __init__(self) -> None:
        ...
    @property
    def cycles_per_vector(self) -> int:
        """
        between two received vectors the chip can add [cycles]
        """
    @cycles_per_vector.setter
    def cycles_per_vector(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def first_cycles(self) -> int:
        """
        from a sum's last operand to the sum ready to leave [cycles]
        """
    @first_cycles.setter
    def first_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class Production:
    """
    How a chip makes what it sends.
    """
    @staticmethod
    def fields() -> list[dict[str, typing.Any]]:
        """
        One dict a field: name, unit, min, max, meaning, integer.
        """
    def __init__(self) -> None:
        ...
    @property
    def first_cycle(self) -> int:
        """
        when the first vector exists [cycles]
        """
    @first_cycle.setter
    def first_cycle(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def period_cycles(self) -> int:
        """
        from one vector to the next; 0: all exist at once [cycles]
        """
    @period_cycles.setter
    def period_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class Collective:
    """
    The cycles of an operation and its timetable.
    """
    def expand(self, topology: Topology) -> Timetable:
        """
        The timetable of all turns.
        """
    def verify(self, topology: Topology) -> Verification:
        """
        Proves all turns legal without expanding them.
        """
    @property
    def algorithm(self) -> str:
        ...
    @property
    def cycles(self) -> int:
        ...
    @property
    def step_chips(self) -> int:
        ...
    @property
    def timetable(self) -> Timetable:
        """
        Of one turn, where the symmetry was used.
        """
    @property
    def turn_count(self) -> int:
        ...
    @property
    def vector_count(self) -> int:
        ...
class Traffic:
    """
    Messages, when each is there, and their timetable.
    """
    def arrival_cycle(self) -> numpy.typing.NDArray[numpy.int64]:
        ...
    def request_of(self) -> numpy.typing.NDArray[numpy.int64]:
        ...
    @property
    def cycles(self) -> int:
        ...
    @property
    def routing(self) -> str:
        ...
    @property
    def timetable(self) -> Timetable:
        ...
    @property
    def vector_count(self) -> int:
        ...
class Request:
    """
    One message of a traffic pattern.
    """
    def __init__(self, source: typing.SupportsInt | typing.SupportsIndex, target: typing.SupportsInt | typing.SupportsIndex, size_bytes: typing.SupportsInt | typing.SupportsIndex, release_cycle: typing.SupportsInt | typing.SupportsIndex, release_period_cycles: typing.SupportsInt | typing.SupportsIndex, after: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
def all_gather(topology: Topology, chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], size_bytes: typing.SupportsInt | typing.SupportsIndex, how: tuple[str, Production, str, bool]) -> Collective:
    ...
def all_reduce(topology: Topology, chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], size_bytes: typing.SupportsInt | typing.SupportsIndex, reduce: ReduceCost, how: tuple[str, Production, str, bool]) -> Collective:
    ...
def all_to_all(topology: Topology, chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], size_bytes: typing.SupportsInt | typing.SupportsIndex, how: tuple[str, Production, str, bool]) -> Collective:
    ...
def all_to_all_v(topology: Topology, chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], vectors: numpy.typing.NDArray[numpy.int64], how: tuple[str, Production, str, bool]) -> Collective:
    ...
def broadcast(topology: Topology, source: typing.SupportsInt | typing.SupportsIndex, chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], size_bytes: typing.SupportsInt | typing.SupportsIndex, how: tuple[str, Production, str, bool]) -> Collective:
    ...
def combine(topology: Topology, chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], vectors: numpy.typing.NDArray[numpy.int64], reduce: ReduceCost, how: tuple[str, Production, str, bool]) -> Collective:
    ...
def gather(topology: Topology, target: typing.SupportsInt | typing.SupportsIndex, chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], size_bytes: typing.SupportsInt | typing.SupportsIndex, how: tuple[str, Production, str, bool]) -> Collective:
    ...
def link_from_ps(vector_bytes: typing.SupportsInt | typing.SupportsIndex, vector_ps: typing.SupportsInt | typing.SupportsIndex, hop_ps: typing.SupportsInt | typing.SupportsIndex, clock_hz: typing.SupportsInt | typing.SupportsIndex) -> LinkSpec:
    ...
def pipeline(topology: Topology, stages: collections.abc.Sequence[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]], size_bytes: typing.SupportsInt | typing.SupportsIndex, how: tuple[str, Production, str, bool]) -> Collective:
    ...
def ports_for(topology: Topology) -> ChipPorts:
    """
    The first-generation LPU's ports, with room for every link of a chip at once.
    """
def prove(topology: Topology, timetable: Timetable, ports: ChipPorts) -> Proof:
    ...
def reduce_scatter(topology: Topology, chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], size_bytes: typing.SupportsInt | typing.SupportsIndex, reduce: ReduceCost, how: tuple[str, Production, str, bool]) -> Collective:
    ...
def replay(topology: Topology, timetable: Timetable, ports: ChipPorts) -> Replay:
    ...
def scatter(topology: Topology, source: typing.SupportsInt | typing.SupportsIndex, chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], size_bytes: typing.SupportsInt | typing.SupportsIndex, how: tuple[str, Production, str, bool]) -> Collective:
    ...
def schedule(topology: Topology, requests: collections.abc.Sequence[Request], routing: str, record: bool) -> Traffic:
    ...
def send(topology: Topology, source: typing.SupportsInt | typing.SupportsIndex, target: typing.SupportsInt | typing.SupportsIndex, size_bytes: typing.SupportsInt | typing.SupportsIndex, routing: str, record: bool) -> Traffic:
    ...
def violation_text(topology: Topology, timetable: Timetable, ports: ChipPorts, violation: Violation) -> str:
    """
    The violation as one sentence.
    """
