"""
The fabric: topologies, timetables, collectives.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing
__all__: list[str] = ['Bisection', 'ChipPorts', 'ClockSpec', 'Collective', 'DriftRun', 'LinkSpec', 'LpxWiring', 'MissedVector', 'Production', 'Proof', 'ReduceCost', 'Replay', 'Request', 'Timetable', 'Topology', 'Traffic', 'Verification', 'Violation', 'all_gather', 'all_reduce', 'all_to_all', 'all_to_all_v', 'broadcast', 'combine', 'deskew_cycles', 'element_bytes', 'gather', 'largest_margin', 'link_from_ps', 'link_margins', 'missed_text', 'move_values', 'pipeline', 'ports_for', 'prove', 'reduce_scatter', 'replay', 'resync_cycles', 'run_drift', 'runtime_deskew_cycles', 'scatter', 'schedule', 'send', 'start_cycles', 'violation_text']
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
class Bisection:
    """
    A cut into halves and what crosses it.
    """
    @property
    def bytes_per_s(self) -> float:
        ...
    @property
    def chips(self) -> numpy.typing.NDArray[numpy.int64]:
        ...
    @property
    def is_exact(self) -> bool:
        ...
    @property
    def links(self) -> int:
        ...
class Topology:
    """
    Chips and the links between them.
    """
    @staticmethod
    def dragonfly(chip_count: typing.SupportsInt | typing.SupportsIndex, link: LinkSpec, between_nodes: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], between_racks: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex]) -> Topology:
        ...
    @staticmethod
    def fat_tree(ports: typing.SupportsInt | typing.SupportsIndex, levels: typing.SupportsInt | typing.SupportsIndex, link: LinkSpec) -> Topology:
        ...
    @staticmethod
    def full_mesh(chip_count: typing.SupportsInt | typing.SupportsIndex, links: typing.SupportsInt | typing.SupportsIndex, link: LinkSpec) -> Topology:
        ...
    @staticmethod
    def grid(sizes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], wraps: bool, links: typing.SupportsInt | typing.SupportsIndex, link: LinkSpec) -> Topology:
        ...
    @staticmethod
    def lpx(chip_count: typing.SupportsInt | typing.SupportsIndex, link: LinkSpec, wiring: LpxWiring, between_nodes: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], between_racks: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex]) -> Topology:
        ...
    @staticmethod
    def make(kind: str, chip_count: typing.SupportsInt | typing.SupportsIndex, link: LinkSpec) -> Topology:
        ...
    @staticmethod
    def quadfour(chip_count: typing.SupportsInt | typing.SupportsIndex, link: LinkSpec, between_nodes: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex]) -> Topology:
        ...
    @staticmethod
    def switched(chip_count: typing.SupportsInt | typing.SupportsIndex, links: typing.SupportsInt | typing.SupportsIndex, link: LinkSpec) -> Topology:
        ...
    def __init__(self, name: str, chip_count: typing.SupportsInt | typing.SupportsIndex, cables: collections.abc.Mapping[str, typing.Annotated[numpy.typing.ArrayLike, numpy.int64]], link: LinkSpec, *, chips_per_node: typing.SupportsInt | typing.SupportsIndex, axes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], down_chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], relay_chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], physical_chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
    def bisection(self) -> Bisection:
        ...
    def cables(self) -> dict[str, numpy.typing.NDArray[numpy.int64]]:
        """
        Columns by cable, as the constructor takes them.
        """
    def diameter(self) -> int:
        ...
    def distances(self, source: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.int64]:
        ...
    def down_chips(self) -> numpy.typing.NDArray[numpy.int64]:
        ...
    def endpoints(self) -> numpy.typing.NDArray[numpy.int64]:
        ...
    def global_bytes_per_s(self) -> float:
        ...
    def links(self) -> dict[str, numpy.typing.NDArray[numpy.int64]]:
        """
        Columns by directed link: the chip it leaves, the chip it enters, its slot and its hop.
        """
    def nearest_spare(self, node: typing.SupportsInt | typing.SupportsIndex) -> int:
        ...
    def physical_chips(self) -> numpy.typing.NDArray[numpy.int64]:
        ...
    def relay_chips(self) -> numpy.typing.NDArray[numpy.int64]:
        ...
    def rotation_chips(self) -> int:
        ...
    def router_diameter(self) -> int:
        ...
    def substitute(self, node: typing.SupportsInt | typing.SupportsIndex, spare: typing.SupportsInt | typing.SupportsIndex) -> Topology:
        ...
    def up_chips(self) -> numpy.typing.NDArray[numpy.int64]:
        ...
    def with_spares(self, nodes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> Topology:
        ...
    def without(self, chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], nodes: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], links: collections.abc.Sequence[typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(3)"]]) -> Topology:
        ...
    @property
    def axes(self) -> list[int]:
        ...
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
class ClockSpec:
    """
    What clocks and links may do.
    """
    @staticmethod
    def fields() -> list[dict[str, typing.Any]]:
        """
        One dict a field: name, unit, min, max, meaning, integer.
        """
    def __init__(self) -> None:
        ...
    @property
    def drift_ppb_max(self) -> int:
        """
        how far a chip's clock may be off nominal, either way [1/1000000000]
        """
    @drift_ppb_max.setter
    def drift_ppb_max(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def epoch_cycles(self) -> int:
        """
        period of the hardware counter [cycles]
        """
    @epoch_cycles.setter
    def epoch_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def hold_cycles(self) -> int:
        """
        how long a received vector may wait to be taken [cycles]
        """
    @hold_cycles.setter
    def hold_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def jitter_early_cycles(self) -> int:
        """
        how much sooner than the mean a vector may come [cycles]
        """
    @jitter_early_cycles.setter
    def jitter_early_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def jitter_late_cycles(self) -> int:
        """
        how much later than the mean a vector may come [cycles]
        """
    @jitter_late_cycles.setter
    def jitter_late_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def jitter_sigma_millicycles(self) -> int:
        """
        standard deviation of the latency, before its extremes are cut [cycles/1000]
        """
    @jitter_sigma_millicycles.setter
    def jitter_sigma_millicycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def latency_cycles(self) -> int:
        """
        mean latency of a link [cycles]
        """
    @latency_cycles.setter
    def latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def resync_interval_cycles(self) -> int:
        """
        traffic between two waits for the hardware counter [cycles]
        """
    @resync_interval_cycles.setter
    def resync_interval_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class MissedVector:
    """
    A vector that came too late, or too early to be held.
    """
    @property
    def cycle(self) -> int:
        ...
    @property
    def hop(self) -> int:
        ...
    @property
    def interval(self) -> int:
        ...
    @property
    def iteration(self) -> int:
        ...
    @property
    def late_nanocycles(self) -> int:
        ...
    @property
    def link(self) -> int:
        ...
    @property
    def transfer(self) -> int:
        ...
    @property
    def vector(self) -> int:
        ...
class DriftRun:
    """
    A timetable run over and over on clocks that drift.
    """
    @property
    def exchange_count(self) -> int:
        ...
    @property
    def exchange_max_cycles(self) -> int:
        ...
    @property
    def exchange_mean_cycles(self) -> float:
        ...
    @property
    def exchange_min_cycles(self) -> int:
        ...
    @property
    def exchange_sigma_cycles(self) -> float:
        ...
    @property
    def first_missed(self) -> MissedVector | None:
        ...
    @property
    def interval_count(self) -> int:
        ...
    @property
    def iterations_per_interval(self) -> int:
        ...
    @property
    def resync_cycles(self) -> int:
        ...
    @property
    def skew_nanocycles_max(self) -> int:
        ...
    @property
    def spare_nanocycles_min(self) -> int:
        ...
    @property
    def vector_count(self) -> int:
        ...
    @property
    def wait_nanocycles_max(self) -> int:
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
def deskew_cycles(hac: typing.SupportsInt | typing.SupportsIndex, epoch_cycles: typing.SupportsInt | typing.SupportsIndex) -> int:
    ...
def element_bytes(carried: str) -> int:
    """
    Bytes of one element on a link.
    """
def gather(topology: Topology, target: typing.SupportsInt | typing.SupportsIndex, chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], size_bytes: typing.SupportsInt | typing.SupportsIndex, how: tuple[str, Production, str, bool]) -> Collective:
    ...
def largest_margin(clock: ClockSpec, topology: Topology, root: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, int]:
    """
    Jitter, alignment and drift, in cycles.
    """
def link_from_ps(vector_bytes: typing.SupportsInt | typing.SupportsIndex, vector_ps: typing.SupportsInt | typing.SupportsIndex, hop_ps: typing.SupportsInt | typing.SupportsIndex, clock_hz: typing.SupportsInt | typing.SupportsIndex) -> LinkSpec:
    ...
def link_margins(clock: ClockSpec, topology: Topology, root: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.int64]:
    """
    By directed link, in cycles.
    """
def missed_text(topology: Topology, timetable: Timetable, clock: ClockSpec, missed: MissedVector) -> str:
    """
    The missed vector as one sentence.
    """
def move_values(topology: Topology, timetable: Timetable, carried: str, input_chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], inputs: collections.abc.Sequence[numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]], output_chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], outputs: collections.abc.Sequence[numpy.ndarray[typing.Any, numpy.dtype[typing.Any]]], threads: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Runs a timetable with data; the arrays are C-contiguous and `outputs` are written to.
    """
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
def resync_cycles(clock: ClockSpec, topology: Topology, root: typing.SupportsInt | typing.SupportsIndex) -> int:
    ...
def run_drift(topology: Topology, timetable: Timetable, clock: ClockSpec, margin_cycles: typing.SupportsInt | typing.SupportsIndex, interval_count: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, root: typing.SupportsInt | typing.SupportsIndex, drift_ppb: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> DriftRun:
    ...
def runtime_deskew_cycles(wait_cycles: typing.SupportsInt | typing.SupportsIndex, sac: typing.SupportsInt | typing.SupportsIndex, hac: typing.SupportsInt | typing.SupportsIndex, epoch_cycles: typing.SupportsInt | typing.SupportsIndex) -> int:
    ...
def scatter(topology: Topology, source: typing.SupportsInt | typing.SupportsIndex, chips: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], size_bytes: typing.SupportsInt | typing.SupportsIndex, how: tuple[str, Production, str, bool]) -> Collective:
    ...
def schedule(topology: Topology, requests: collections.abc.Sequence[Request], routing: str, record: bool) -> Traffic:
    ...
def send(topology: Topology, source: typing.SupportsInt | typing.SupportsIndex, target: typing.SupportsInt | typing.SupportsIndex, size_bytes: typing.SupportsInt | typing.SupportsIndex, routing: str, record: bool) -> Traffic:
    ...
def start_cycles(clock: ClockSpec, topology: Topology, root: typing.SupportsInt | typing.SupportsIndex) -> int:
    ...
def violation_text(topology: Topology, timetable: Timetable, ports: ChipPorts, violation: Violation) -> str:
    """
    The violation as one sentence.
    """
