"""The fabric: how chips are wired, when each vector crosses each link, what a collective costs.

Links carry whole vectors in slots given out ahead of time; nothing arbitrates or waits at run time. All times
are whole cycles of the chip clock.

Examples:
    >>> from lpusim import net
    >>> node = net.Topology.node(8)
    >>> net.send(node, 0, 1, size_bytes=320).cycles
    270
    >>> sum_ = net.all_reduce(node, 65_536)
    >>> sum_.cycles, sum_.algorithm
    (1647, 'two_phase')
    >>> net.verify(sum_.timetable).cycles
    1647
"""

from __future__ import annotations

from lpusim._net_clock import (
    ClockSpec,
    DriftRun,
    Margin,
    MissedVector,
    deskew_cycles,
    run_drift,
    runtime_deskew_cycles,
)
from lpusim._net_collectives import (
    Collective,
    Production,
    ReduceCost,
    all_gather,
    all_reduce,
    broadcast,
    multicast,
    reduce_scatter,
)
from lpusim._net_edges import Cable
from lpusim._net_faults import Derating, derating
from lpusim._net_link import LinkSpec, LinkTiming
from lpusim._net_messages import (
    Request,
    Traffic,
    all_to_all,
    all_to_all_v,
    combine,
    dispatch,
    gather,
    pipeline,
    scatter,
    schedule,
    send,
)
from lpusim._net_plots import Curves, curves, plot_curves, plot_links
from lpusim._net_ports import ChipPorts
from lpusim._net_timetable import RULES, Replay, Timetable, Verification, Violation, replay, verify
from lpusim._net_topology import Bisection, Topology
from lpusim._net_values import run
from lpusim._net_wirings import LpxWiring

__all__ = [
    "RULES",
    "Bisection",
    "Cable",
    "ChipPorts",
    "ClockSpec",
    "Collective",
    "Curves",
    "Derating",
    "DriftRun",
    "LinkSpec",
    "LinkTiming",
    "LpxWiring",
    "Margin",
    "MissedVector",
    "Production",
    "ReduceCost",
    "Replay",
    "Request",
    "Timetable",
    "Topology",
    "Traffic",
    "Verification",
    "Violation",
    "all_gather",
    "all_reduce",
    "all_to_all",
    "all_to_all_v",
    "broadcast",
    "combine",
    "curves",
    "derating",
    "deskew_cycles",
    "dispatch",
    "gather",
    "multicast",
    "pipeline",
    "plot_curves",
    "plot_links",
    "reduce_scatter",
    "replay",
    "run",
    "run_drift",
    "runtime_deskew_cycles",
    "scatter",
    "schedule",
    "send",
    "verify",
]
