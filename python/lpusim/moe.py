"""Sparse expert dispatch: who routes where, in which order, and what a static machine reserves for it.

Arrays go to the core and back without copies; all results are frozen and their arrays read-only.
"""

from __future__ import annotations

from lpusim._moe_closed_forms import (
    DirichletFit,
    expected_distinct,
    expected_max_load,
    fit_dirichlet,
    fit_zipf,
    inclusion_probabilities,
)
from lpusim._moe_engine import (
    ExpertWeights,
    combine,
    dispatch,
    expert_ffn,
    expert_gemm,
    quantise,
    simd_levels,
)
from lpusim._moe_files import load_routing
from lpusim._moe_generate import expert_popularity, generate
from lpusim._moe_plan import DispatchPlan, plan
from lpusim._moe_recorded import RecordedRouting
from lpusim._moe_router import RouterSpec, route
from lpusim._moe_statistics import LoadStatistics, StepStatistics, overlap, statistics, step_statistics
from lpusim._moe_strategy import StrategyCost, StrategyRow, compare_strategies, reserved
from lpusim._moe_traffic import Traffic, traffic
from lpusim._moe_types import Routing

__all__ = [
    "DirichletFit",
    "DispatchPlan",
    "ExpertWeights",
    "LoadStatistics",
    "RecordedRouting",
    "RouterSpec",
    "Routing",
    "StepStatistics",
    "StrategyCost",
    "StrategyRow",
    "Traffic",
    "combine",
    "compare_strategies",
    "dispatch",
    "expected_distinct",
    "expected_max_load",
    "expert_ffn",
    "expert_gemm",
    "expert_popularity",
    "fit_dirichlet",
    "fit_zipf",
    "generate",
    "inclusion_probabilities",
    "load_routing",
    "overlap",
    "plan",
    "quantise",
    "reserved",
    "route",
    "simd_levels",
    "statistics",
    "step_statistics",
    "traffic",
]
