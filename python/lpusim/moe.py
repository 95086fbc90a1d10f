"""Sparse expert dispatch: who routes where, in which order, and what a static machine reserves for it.

Arrays go to the core and back without copies; all results are frozen and their arrays read-only.
"""

from __future__ import annotations

from lpusim._moe_files import load_routing
from lpusim._moe_generate import generate
from lpusim._moe_plan import DispatchPlan, plan
from lpusim._moe_recorded import RecordedRouting
from lpusim._moe_router import RouterSpec, route
from lpusim._moe_statistics import (
    LoadStatistics,
    expected_distinct,
    expected_max_load,
    inclusion_probabilities,
    statistics,
)
from lpusim._moe_strategy import StrategyCost, StrategyRow, compare_strategies, reserved
from lpusim._moe_types import Routing

__all__ = [
    "DispatchPlan",
    "LoadStatistics",
    "RecordedRouting",
    "RouterSpec",
    "Routing",
    "StrategyCost",
    "StrategyRow",
    "compare_strategies",
    "expected_distinct",
    "expected_max_load",
    "generate",
    "inclusion_probabilities",
    "load_routing",
    "plan",
    "reserved",
    "route",
    "statistics",
]
