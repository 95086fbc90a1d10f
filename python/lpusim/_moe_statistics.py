"""How routing spreads over experts, chips, steps and from one token to the next, as measured."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lpusim import _core
from lpusim._arguments import whole_number
from lpusim._moe_plan import CHIPS_MAX
from lpusim._moe_recorded import RecordedRouting
from lpusim._moe_types import EXPERTS_MAX, TOKENS_MAX, Counts, Routing, int32_ids, read_only


@dataclass(frozen=True, slots=True, eq=False)
class LoadStatistics:
    """How evenly assignments fall on experts, or on chips.

    Attributes:
        load: Assignments of each expert (or chip), shape `(experts,)`.
        total: Their sum.
        max: The largest.
        distinct: Experts with any.
        max_over_mean: 1 is perfect balance; 0 when nothing is routed.
        gini: 0 is perfect balance, (experts - 1) / experts is everything on one expert.
        cv: Standard deviation over mean of the loads.
        entropy_ratio: Entropy of the shares over the largest possible; 1 is perfect balance.
        rank_slope: Slope of the least-squares line through log load over log rank: minus the exponent where
            loads follow Zipf's law. Sampling noise alone makes it negative.
    """

    load: Counts
    total: int
    max: int
    distinct: int
    max_over_mean: float
    gini: float
    cv: float
    entropy_ratio: float
    rank_slope: float

    def by_chip(self, chips: int | ArrayLike) -> LoadStatistics:
        """The same of the chips that hold the experts: device imbalance.

        Args:
            chips: How many chips hold the experts in consecutive ranges, or the chip of each expert.

        Raises:
            TypeError: Chips are not whole numbers.
            ValueError: A chip is below 0, or there is not one for each expert.

        Examples:
            >>> from lpusim.moe import statistics
            >>> seen = statistics([[0, 1], [0, 2], [0, 1]], experts=4)
            >>> seen.by_chip(2).load.tolist(), seen.by_chip([0, 1, 1, 0]).load.tolist()
            ([5, 1], [3, 3])
        """
        experts = len(self.load)
        if np.ndim(chips) == 0:
            count = whole_number("chips", chips, 1, CHIPS_MAX)
            edges = np.arange(count + 1, dtype=np.int64) * experts // count
            chip_of_expert = np.searchsorted(edges, np.arange(experts), side="right") - 1
        else:
            chip_of_expert = np.asarray(chips)
            if chip_of_expert.dtype.kind not in "iu":
                raise TypeError(f"chips must be whole numbers, got {chip_of_expert.dtype}")
            if chip_of_expert.shape != (experts,) or chip_of_expert.min() < 0:
                raise ValueError(f"chips must hold a chip of at least 0 for each of {experts} experts")
            count = whole_number("chips", chip_of_expert.max(), 0, CHIPS_MAX - 1) + 1
        load = np.zeros(count, dtype=np.int64)
        np.add.at(load, chip_of_expert, self.load)
        return _statistics_of(load)


def _statistics_of(load: Counts) -> LoadStatistics:
    seen = _core.moe.load_statistics(load)
    names = ("total", "max", "distinct", "max_over_mean", "gini", "cv", "entropy_ratio", "rank_slope")
    return LoadStatistics(load=read_only(load), **{name: getattr(seen, name) for name in names})


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
    return _statistics_of(np.diff(_core.moe.order_by_expert(int32_ids(ids), experts)[2]))


def overlap(ids: ArrayLike, following: ArrayLike) -> float:
    """Share of each token's experts that the token after it in the same row has too; mean over tokens.

    Args:
        ids: Experts of some tokens, shape `(tokens, experts_per_token)`.
        following: Experts of the token that follows each, same shape.

    Returns:
        From 0 to 1; a uniform router has experts_per_token / experts. NaN for no tokens.

    Raises:
        TypeError: Ids are not integers.
        ValueError: The shapes differ.

    Examples:
        >>> from lpusim.moe import overlap
        >>> overlap([[0, 1], [2, 3]], [[1, 4], [2, 3]])
        0.75
    """
    first, second = int32_ids(ids), int32_ids(following)
    if first.ndim != 2 or first.shape != second.shape:
        raise ValueError(
            "ids and following must both have shape (tokens, experts_per_token), "
            f"got {first.shape} and {second.shape}"
        )
    if first.size == 0:
        return math.nan
    return float((first[:, :, None] == second[:, None, :]).any(axis=2).mean())


@dataclass(frozen=True, slots=True, eq=False)
class StepStatistics:
    """Routing step by step, as a machine meets it: at decode sizes noise, not popularity, makes imbalance.

    Attributes:
        step: Which steps, shape `(steps,)`.
        tokens: Tokens of each.
        max_over_mean: Largest load over mean load of each.
        distinct: Experts with any load in each.
        weight_sum: Mean sum of a token's weights in each; NaN where weights are not recorded.
        overlap: Share of a token's experts that its successor has too, from each step to the next: the token
            in the same slot of the next step, where both steps have as many tokens; else NaN.
    """

    step: Counts
    tokens: Counts
    max_over_mean: NDArray[np.float64]
    distinct: Counts
    weight_sum: NDArray[np.float64]
    overlap: NDArray[np.float64]

    def to_columns(self) -> dict[str, NDArray[Any]]:
        """Plain columns, ready for any table."""
        return {name: getattr(self, name) for name in self.__slots__}


def step_statistics(
    recorded: RecordedRouting, layer: int, *, phase: str | None = None, tokens_min: int = 1
) -> StepStatistics:
    r"""Measure each step of a layer by itself.

    Args:
        recorded: Recorded routing.
        layer: Which layer.
        phase: Only steps of this phase, such as "decode".
        tokens_min: Leave out steps with fewer tokens.

    Raises:
        ValueError: The file has no such layer or phase.

    Examples:
        >>> import pathlib, tempfile
        >>> from lpusim.moe import load_routing, step_statistics
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "routing.csv")
        ...     _ = path.write_text("layer,step,e0\n0,0,1\n0,0,1\n0,1,1\n0,1,2\n")
        ...     seen = step_statistics(load_routing(path, experts=4), layer=0)
        >>> seen.max_over_mean.tolist(), seen.distinct.tolist(), seen.overlap.tolist()
        ([4.0, 2.0], [1, 2], [0.5, nan])
    """
    tokens_min = whole_number("tokens_min", tokens_min, 1, TOKENS_MAX)
    steps = []
    for step in recorded.steps(layer, phase=phase):
        routing = recorded.routing(layer, step=step, phase=phase)
        if routing.tokens >= tokens_min:
            steps.append((step, routing))
    seen = [statistics(routing.ids, recorded.experts) for _, routing in steps]
    overlaps = [_slot_overlap(before, after) for (_, before), (_, after) in itertools.pairwise(steps)]
    return StepStatistics(
        step=_column([step for step, _ in steps], np.int64),
        tokens=_column([routing.tokens for _, routing in steps], np.int64),
        max_over_mean=_column([s.max_over_mean for s in seen], np.float64),
        distinct=_column([s.distinct for s in seen], np.int64),
        weight_sum=_column([_weight_sum(routing) for _, routing in steps], np.float64),
        overlap=_column([*overlaps, math.nan][: len(steps)], np.float64),
    )


def _slot_overlap(before: Routing, after: Routing) -> float:
    return overlap(before.ids, after.ids) if before.tokens == after.tokens else math.nan


def _weight_sum(routing: Routing) -> float:
    return float(routing.weights.astype(np.float64).sum(axis=1).mean())


def _column(values: list[Any], kind: type) -> NDArray[Any]:
    return read_only(np.array(values, dtype=kind))
