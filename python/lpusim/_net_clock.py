"""Clocks that drift, links that jitter, and the margin that hides both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpusim import _core
from lpusim._arguments import finite_number, shown, whole_number
from lpusim._net_common import core_spec, integer
from lpusim._net_link import LinkSpec
from lpusim._net_timetable import Timetable, core_timetable, require_timetable
from lpusim._net_topology import Topology
from lpusim._presets import Parameter, load_chip
from lpusim.errors import ScheduleError


@dataclass(frozen=True, slots=True)
class Margin:
    """The cycles by which an arrival is scheduled later than it is expected, and what they are for.

    Attributes:
        jitter_cycles: A vector as late as the link can make it.
        alignment_cycles: How much later the sender's program may run than the receiver's right after a
            resynchronisation.
        drift_cycles: How much the two may part until the next one.
    """

    jitter_cycles: int
    alignment_cycles: int
    drift_cycles: int

    @property
    def cycles(self) -> int:
        """All of it."""
        return self.jitter_cycles + self.alignment_cycles + self.drift_cycles


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSpec:
    """What chip clocks and links may do, and how often programs wait for their hardware counters.

    Every chip's hardware counter (HAC) follows its parent's in a tree over the links; a program's own count
    of cycles (SAC) runs with the chip's clock, and RUNTIME_DESKEW brings it back to the counter.

    Attributes:
        drift_ppb_max: A clock is off nominal by at most this many parts in 10^9, either way.
        latency_cycles: Mean latency of a link.
        jitter_early_cycles: How much sooner than the mean a vector may come.
        jitter_late_cycles: How much later than the mean it may come.
        jitter_sigma_millicycles: Standard deviation of the latency, in thousandths of a cycle.
        epoch_cycles: Period of the hardware counter.
        hold_cycles: How long a received vector may wait to be taken.
        resync_interval_cycles: Cycles of traffic between two resynchronisations.

    Source:
        ISCA'22 (Abts et al.): latency by counter exchange 216 cycles with a standard deviation of 2.6 to 2.9,
        extremes 209 to 228 and a period of 256 cycles (both as recalled; 252 is also quoted). Drift and
        interval are not public; `parameters` says what is assumed, and in what range.

    Examples:
        >>> from lpusim import net
        >>> clock = net.ClockSpec()
        >>> margin = clock.margin(net.Topology.node(8))
        >>> margin
        Margin(jitter_cycles=12, alignment_cycles=20, drift_cycles=2)
        >>> clock.charge(net.LinkSpec(), margin).hop_cycles
        304
    """

    drift_ppb_max: int = 1_000
    latency_cycles: int = 216
    jitter_early_cycles: int = 7
    jitter_late_cycles: int = 12
    jitter_sigma_millicycles: int = 2_750
    epoch_cycles: int = 256
    hold_cycles: int = 256
    resync_interval_cycles: int = 900_000

    def __post_init__(self) -> None:
        core_spec(self, _core.net.ClockSpec)

    @classmethod
    def for_chip(cls, chip: str) -> ClockSpec:
        """The clocks of a chip preset.

        Raises:
            ValueError: Unknown preset, or one that is no LPU.

        Examples:
            >>> ClockSpec.for_chip("groq-lpu-v1") == ClockSpec()
            True
        """
        return cls(**{name: int(parameter.value) for name, parameter in cls.parameters(chip).items()})

    @classmethod
    def parameters(cls, chip: str) -> dict[str, Parameter]:
        """Value, status, source and range of each field for a chip preset.

        Examples:
            >>> drift = ClockSpec.parameters("groq-lpu-v1")["drift_ppb_max"]
            >>> drift.status, drift.low, drift.high
            ('assumed', 100, 100000)
        """
        preset = load_chip(chip)
        if preset.kind != "lpu":
            raise ValueError(f"the preset {preset.name!r} is a {preset.kind}, and only an lpu is clocked so")
        of_the_chip = {
            "latency_cycles": preset.get("chip.c2c_link_latency_cycles"),
            "epoch_cycles": preset.get("chip.c2c_epoch_cycles"),
            "hold_cycles": preset.get("chip.c2c_hold_cycles"),
        }
        names = [row["name"] for row in _core.net.ClockSpec.fields()]
        return {name: of_the_chip.get(name) or _PARAMETERS[name] for name in names}

    def margin(self, topology: Topology, *, root: int = 0) -> Margin:
        """The largest margin that any link needs so that no vector can be late.

        late + (a (late + 1) + b early) + ceil(2 drift interval), where a and b are the edges of the tree of
        counters from the nearest common ancestor down to the sender and to the receiver.

        Args:
            topology: Its links; their timing does not matter.
            root: The chip whose counter all others follow, breadth first.
        """
        core, topology_core = self._core(), _topology_core(topology)
        return Margin(*_core.net.largest_margin(core, topology_core, integer("root", root)))

    def link_margins(self, topology: Topology, *, root: int = 0) -> NDArray[np.int64]:
        """The margin of each directed link, in cycles; rows as in `topology.links`."""
        core, topology_core = self._core(), _topology_core(topology)
        return np.asarray(_core.net.link_margins(core, topology_core, integer("root", root)))

    def charge(self, link: LinkSpec, margin: Margin | int) -> LinkSpec:
        """`link` with the margin in its `hop_cycles`: what timetables are then made for."""
        cycles = margin.cycles if isinstance(margin, Margin) else whole_number("margin", margin, 0, 10**6)
        return replace(link, hop_cycles=link.hop_cycles + cycles)

    def resync_cycles(self, topology: Topology, *, root: int = 0) -> int:
        """The t of RUNTIME_DESKEW t: the wait after each interval that lets every chip join its counter.

        Raises:
            ValueError: Counters could part by half an epoch, which counters modulo the epoch cannot tell.

        Examples:
            >>> from lpusim import net
            >>> net.ClockSpec().resync_cycles(net.Topology.node(8))
            22
        """
        core, topology_core = self._core(), _topology_core(topology)
        return int(_core.net.resync_cycles(core, topology_core, integer("root", root)))

    def start_cycles(self, topology: Topology, *, root: int = 0) -> int:
        """From the first DESKEW until the programs of all chips have begun together, down the tree.

        Each level sends a vector at an epoch, and the next looks for it once an epoch.

        Examples:
            >>> from lpusim import net
            >>> net.ClockSpec().start_cycles(net.Topology.quadfour(9))  # Three levels, one epoch to begin.
            1024
        """
        core, topology_core = self._core(), _topology_core(topology)
        return int(_core.net.start_cycles(core, topology_core, integer("root", root)))

    def _core(self) -> Any:
        return core_spec(self, _core.net.ClockSpec)


_ISCA22 = "ISCA'22 (Abts et al.)"
_PARAMETERS = {
    "drift_ppb_max": Parameter(
        value=1_000,
        unit="1/1000000000",
        status="assumed",
        low=100,
        high=100_000,
        source=f"not public: 1 ppm, the figure of {_ISCA22}'s example, a cycle in a millisecond at 1 GHz",
    ),
    "jitter_early_cycles": Parameter(
        value=7,
        unit="cycles",
        status="claimed",
        low=5,
        high=7,
        source=f"{_ISCA22}: least latency 209 to 211 cycles of 216 on average",
        note="as recalled",
    ),
    "jitter_late_cycles": Parameter(
        value=12,
        unit="cycles",
        status="claimed",
        low=9,
        high=12,
        source=f"{_ISCA22}: largest latency 225 to 228 cycles of 216 on average",
        note="as recalled",
    ),
    "jitter_sigma_millicycles": Parameter(
        value=2_750,
        unit="cycles/1000",
        status="published",
        low=2_600,
        high=2_900,
        source=f"{_ISCA22}: standard deviation 2.6 to 2.9 cycles; the middle of it",
    ),
    "resync_interval_cycles": Parameter(
        value=900_000,
        unit="cycles",
        status="assumed",
        low=90_000,
        high=9_000_000,
        source="not public: a millisecond at 900 MHz, a program's choice",
    ),
}


def deskew_cycles(hac: int, *, epoch_cycles: int = 256) -> int:
    """DESKEW: how long a unit stalls until the next multiple of the epoch; a whole epoch at one.

    Examples:
        >>> deskew_cycles(253), deskew_cycles(0)
        (3, 256)
    """
    epoch = whole_number("epoch_cycles", epoch_cycles, 2, 2**20)
    return int(_core.net.deskew_cycles(integer("hac", hac), epoch))


def runtime_deskew_cycles(wait_cycles: int, *, sac: int, hac: int, epoch_cycles: int = 256) -> int:
    """RUNTIME_DESKEW t: waits t + (SAC - HAC) cycles, after which a program is level with its counter.

    Args:
        wait_cycles: t.
        sac: The software counter: cycles the program has run, modulo the epoch or not.
        hac: The hardware counter.
        epoch_cycles: The period of both; they may be up to half of it apart.

    Raises:
        lpusim.ScheduleError: The program is further behind than t.

    Examples:
        >>> runtime_deskew_cycles(20, sac=2, hac=253)  # Five ahead, across the end of an epoch.
        25
    """
    epoch = whole_number("epoch_cycles", epoch_cycles, 2, 2**20)
    wait = whole_number("wait_cycles", wait_cycles, 0, 2**40)
    return int(_core.net.runtime_deskew_cycles(wait, integer("sac", sac), integer("hac", hac), epoch))


@dataclass(frozen=True, slots=True)
class MissedVector:
    """A vector that was not there when it was taken, or that came longer before than it can be held.

    Attributes:
        interval: Which interval between resynchronisations, from 0.
        iteration: Which time round the timetable in the interval.
        cycle: The cycle of the interval in which it is taken.
        link: By which directed link.
        transfer: Whose vector,
        hop: over which hop,
        vector: and which.
        late_cycles: How long after it was taken it came; below 0: before.
        message: All of it as one sentence.
    """

    interval: int
    iteration: int
    cycle: int
    link: int
    transfer: int
    hop: int
    vector: int
    late_cycles: float
    message: str


@dataclass(frozen=True, slots=True)
class DriftRun:
    """A timetable that was run over and over on drifting clocks, and no vector missed.

    Attributes:
        clock: The spec.
        margin_cycles: What was charged a hop.
        seed: Of drifts and jitter.
        time_s: Simulated seconds.
        interval_count: Intervals of traffic, each after a resynchronisation.
        iterations_per_interval: Times round the timetable in each.
        vector_count: Vectors that crossed links.
        resync_cycles: Wait of each resynchronisation.
        skew_cycles_max: How much later a sender's program ran than its receiver's, at worst.
        spare_cycles_min: What was left of the margin for a vector as late as a link can make it, at worst.
        wait_cycles_max: How long a vector as early as a link can make it waited, at worst.
        exchange_count: Counter exchanges, one a chip and interval.
        exchange_mean_cycles: Their mean latency,
        exchange_sigma_cycles: standard deviation,
        exchange_min_cycles: least
        exchange_max_cycles: and largest.
    """

    clock: ClockSpec
    margin_cycles: int
    seed: int
    time_s: float
    interval_count: int
    iterations_per_interval: int
    vector_count: int
    resync_cycles: int
    skew_cycles_max: float
    spare_cycles_min: float
    wait_cycles_max: float
    exchange_count: int
    exchange_mean_cycles: float
    exchange_sigma_cycles: float
    exchange_min_cycles: int
    exchange_max_cycles: int

    @property
    def link_time_lost(self) -> float:
        """The share of all time in which links rest for resynchronisations."""
        return self.resync_cycles / (self.clock.resync_interval_cycles + self.resync_cycles)


def run_drift(
    timetable: Timetable,
    clock: ClockSpec,
    *,
    margin_cycles: int,
    seconds: float = 1.0,
    seed: int = 0,
    root: int = 0,
    drift_ppb: Sequence[int] | None = None,
) -> DriftRun:
    """Runs a timetable again and again on chips whose clocks drift, over links that jitter.

    Before each interval of traffic every counter takes its time from its parent's by one exchange, jitter and
    all, and every program joins its counter. Then each runs at its own rate until the next.

    Args:
        timetable: Made for links whose `hop_cycles` contain the margin (`ClockSpec.charge`).
        clock: What clocks and links do.
        margin_cycles: The part of `hop_cycles` that is margin.
        seconds: Simulated time, in whole intervals, at the clock of the topology's links.
        seed: Of drifts and jitter; the same seed gives the same run on every machine.
        root: The chip whose counter all others follow.
        drift_ppb: By chip; default: drawn, uniform within the spec's range.

    Raises:
        lpusim.ScheduleError: A vector comes late, or longer before than it can be held. The message names
            the first by link, transfer, vector and cycle; the attribute `violation` is a `MissedVector`.
        ValueError: An interval too short for the timetable or too long for the counters.

    Examples:
        >>> from lpusim import net
        >>> clock = net.ClockSpec()
        >>> margin = clock.margin(net.Topology.node(8))
        >>> node = net.Topology.node(8, link=clock.charge(net.LinkSpec(), margin))
        >>> sum_ = net.all_reduce(node, 65_536)
        >>> run = run_drift(sum_.timetable, clock, margin_cycles=margin.cycles, seconds=60)
        >>> run.vector_count > 9 * 10**10, run.spare_cycles_min >= 0, f"{run.link_time_lost:.6f}"
        (True, True, '0.000024')
    """
    require_timetable("run_drift", timetable)
    if not isinstance(clock, ClockSpec):
        raise TypeError(f"clock must be a lpusim.net.ClockSpec, got {shown(clock)}")
    topology = timetable.topology
    length = clock.resync_interval_cycles + clock.resync_cycles(topology, root=root)
    time = finite_number("seconds", seconds)
    interval_count = math.ceil(time * topology.link.clock_hz / length)
    if not 1 <= interval_count <= 10**9:
        raise ValueError(
            f"seconds must make from 1 to 10^9 intervals of {length} cycles, got {shown(seconds)}"
        )
    core, core_clock = core_timetable(timetable), core_spec(clock, _core.net.ClockSpec)
    seen = _core.net.run_drift(
        topology._core,
        core,
        core_clock,
        whole_number("margin_cycles", margin_cycles, 0, 10**6),
        interval_count,
        whole_number("seed", seed, 0, 2**64 - 1),
        integer("root", root),
        [] if drift_ppb is None else [integer("drift_ppb", value) for value in drift_ppb],
    )
    if seen.first_missed is not None:
        raise _missed_error(seen.first_missed, topology, core, core_clock)
    return DriftRun(
        clock=clock,
        margin_cycles=margin_cycles,
        seed=seed,
        time_s=interval_count * length / topology.link.clock_hz,
        interval_count=seen.interval_count,
        iterations_per_interval=seen.iterations_per_interval,
        vector_count=seen.vector_count,
        resync_cycles=seen.resync_cycles,
        skew_cycles_max=seen.skew_nanocycles_max / 1e9,
        spare_cycles_min=seen.spare_nanocycles_min / 1e9,
        wait_cycles_max=seen.wait_nanocycles_max / 1e9,
        exchange_count=seen.exchange_count,
        exchange_mean_cycles=seen.exchange_mean_cycles,
        exchange_sigma_cycles=seen.exchange_sigma_cycles,
        exchange_min_cycles=seen.exchange_min_cycles,
        exchange_max_cycles=seen.exchange_max_cycles,
    )


def _missed_error(missed: Any, topology: Topology, timetable: Any, clock: Any) -> ScheduleError:
    message = _core.net.missed_text(topology._core, timetable, clock, missed)
    error = ScheduleError(message)
    error.violation = MissedVector(
        interval=missed.interval,
        iteration=missed.iteration,
        cycle=missed.cycle,
        link=missed.link,
        transfer=missed.transfer,
        hop=missed.hop,
        vector=missed.vector,
        late_cycles=missed.late_nanocycles / 1e9,
        message=message,
    )
    return error


def _topology_core(topology: Any) -> Any:
    if not isinstance(topology, Topology):
        raise TypeError(f"topology must be a lpusim.net.Topology, got {shown(topology)}")
    return topology._core
