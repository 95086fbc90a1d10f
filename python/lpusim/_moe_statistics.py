"""How routing spreads over experts: measured, and expected in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lpusim import _core
from lpusim._arguments import whole_number
from lpusim._moe_types import EXPERTS_MAX, TOKENS_MAX, Counts, int32_ids, read_only


@dataclass(frozen=True, slots=True, eq=False)
class LoadStatistics:
    """How evenly assignments fall on experts.

    Attributes:
        load: Assignments of each expert, shape `(experts,)`.
        total: Their sum.
        max: The largest.
        distinct: Experts with any.
        max_over_mean: 1 is perfect balance; 0 when nothing is routed.
        gini: 0 is perfect balance, (experts - 1) / experts is everything on one expert.
    """

    load: Counts
    total: int
    max: int
    distinct: int
    max_over_mean: float
    gini: float


def statistics(ids: ArrayLike, experts: int) -> LoadStatistics:
    """Measure how routing spreads over experts.

    Args:
        ids: Experts of each token, shape `(tokens, experts_per_token)`, integers.
        experts: Routed experts of the layer.

    Raises:
        TypeError: `ids` are not integers.
        ValueError: An id is out of range or repeated within a token.

    Examples:
        >>> from lpusim.moe import statistics
        >>> seen = statistics([[0, 1], [0, 2], [0, 1]], experts=4)
        >>> seen.load.tolist(), seen.distinct, seen.max_over_mean
        ([3, 2, 1, 0], 3, 2.0)
    """
    experts = whole_number("experts", experts, 1, EXPERTS_MAX)
    load = np.diff(_core.moe.order_by_expert(int32_ids(ids), experts)[2])
    seen = _core.moe.load_statistics(load)
    return LoadStatistics(
        load=read_only(load),
        total=seen.total,
        max=seen.max,
        distinct=seen.distinct,
        max_over_mean=seen.max_over_mean,
        gini=seen.gini,
    )


def expected_distinct(*, experts: int, experts_per_token: int, tokens: int) -> float:
    """Mean number of different experts that `tokens` tokens choose under a uniform router; exact.

    Examples:
        >>> from lpusim.moe import expected_distinct
        >>> round(expected_distinct(experts=256, experts_per_token=8, tokens=32), 2)
        163.31
    """
    return float(_core.moe.expected_distinct(**_sizes(experts, experts_per_token, tokens)))


def expected_max_load(*, experts: int, experts_per_token: int, tokens: int) -> float:
    """Mean load of the busiest expert under a uniform router; a lower bound, 0.1 to 2 % below simulation.

    Examples:
        >>> from lpusim.moe import expected_max_load
        >>> round(expected_max_load(experts=60, experts_per_token=4, tokens=25), 3)
        5.076
    """
    return float(_core.moe.expected_max_load(**_sizes(experts, experts_per_token, tokens)))


def _sizes(experts: int, experts_per_token: int, tokens: int) -> dict[str, int]:
    return {
        "experts": whole_number("experts", experts, 1, EXPERTS_MAX),
        "experts_per_token": whole_number("experts_per_token", experts_per_token, 1, EXPERTS_MAX),
        "tokens": whole_number("tokens", tokens, 0, TOKENS_MAX),
    }


def inclusion_probabilities(popularity: ArrayLike, *, experts_per_token: int) -> NDArray[np.float64]:
    """Probability that a token chooses each expert when it draws in proportion to `popularity`, none twice.

    Args:
        popularity: Shape `(experts,)`, positive; the scale does not matter.
        experts_per_token: Experts drawn.

    Returns:
        Shape `(experts,)`; sums to `experts_per_token`. Within 1e-9.

    Raises:
        ValueError: A popularity is not positive and finite, or more experts are drawn than there are.

    Examples:
        >>> from lpusim.moe import inclusion_probabilities
        >>> inclusion_probabilities([3, 2, 1], experts_per_token=2).round(4).tolist()
        [0.85, 0.7333, 0.4167]
    """
    weights = np.ascontiguousarray(popularity, dtype=np.float64)
    return read_only(_core.moe.inclusion_probabilities(weights, experts_per_token=experts_per_token))
