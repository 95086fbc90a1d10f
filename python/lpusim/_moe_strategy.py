"""What determinism costs: strategies priced alone and against one routing."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import ArrayLike

from lpusim import _core
from lpusim._arguments import whole_number
from lpusim._moe_plan import CHIPS_MAX, plan
from lpusim._moe_types import EXPERTS_MAX, TOKENS_MAX, member


@dataclass(frozen=True, slots=True)
class StrategyCost:
    """What one MoE layer reserves on each chip: a function of sizes only, the same for every routing.

    Work on a chip is `rows_per_chip` rows of 1 / `column_split` of an expert's columns.

    Attributes:
        strategy: "sliced" or "worst_case".
        rows_per_chip: Rows reserved on the chip that reserves most.
        column_split: A chip holds 1 / column_split of an expert's columns.
        experts_per_chip: Experts (or slices of them) resident on the fullest chip.
        weight_reads_per_chip: Different experts (or slices) that those rows can touch, at most.
        exact: Whether every assignment is computed whatever the routing.
    """

    strategy: str
    rows_per_chip: int
    column_split: int
    experts_per_chip: int
    weight_reads_per_chip: int
    exact: bool


def reserved(strategy: str, *, tokens: int, experts: int, experts_per_token: int, chips: int) -> StrategyCost:
    """Price a strategy without any routing: what it reserves for all of them.

    Examples:
        >>> from lpusim.moe import reserved
        >>> sizes = dict(tokens=32, experts=256, experts_per_token=8, chips=32)
        >>> reserved("worst_case", **sizes).rows_per_chip  # the mean is 8
        256
        >>> reserved("sliced", **sizes).rows_per_chip, reserved("sliced", **sizes).column_split
        (256, 32)
    """
    cost = _core.moe.reserved(
        member("strategy", _core.moe.Strategy, strategy),
        tokens=whole_number("tokens", tokens, 0, TOKENS_MAX),
        experts=whole_number("experts", experts, 1, EXPERTS_MAX),
        experts_per_token=whole_number("experts_per_token", experts_per_token, 1, EXPERTS_MAX),
        chips=whole_number("chips", chips, 1, CHIPS_MAX),
    )
    return StrategyCost(
        strategy=strategy,
        rows_per_chip=cost.rows_per_chip,
        column_split=cost.column_split,
        experts_per_chip=cost.experts_per_chip,
        weight_reads_per_chip=cost.weight_reads_per_chip,
        exact=cost.exact,
    )


@dataclass(frozen=True, slots=True)
class StrategyRow:
    """One strategy on one routing. Work is in rows of a whole expert, on the busiest chip.

    Attributes:
        strategy: "sliced" or "worst_case".
        exact: Whether every assignment is computed whatever the routing.
        rows_reserved: Rows reserved, most over chips.
        rows_used: Rows used by this routing, most over chips.
        column_split: A chip holds 1 / column_split of an expert's columns.
        tiles_reserved: Row tiles reserved, most over chips.
        tiles_used: Row tiles used by this routing, most over chips.
        work_reserved: `rows_reserved / column_split`.
        work_balanced: Assignments / chips: what perfect foresight and balance would need.
        determinism_factor: `work_reserved / work_balanced`; 1 costs nothing, 0 when nothing is routed.
    """

    strategy: str
    exact: bool
    rows_reserved: int
    rows_used: int
    column_split: int
    tiles_reserved: int
    tiles_used: int
    work_reserved: float
    work_balanced: float
    determinism_factor: float


def compare_strategies(
    ids: ArrayLike, experts: int, *, chips: int, tile_rows: int = 1
) -> tuple[StrategyRow, ...]:
    """Lay one routing out under every strategy: the cost of determinism, a row each.

    Args:
        ids: Experts of each token of one step, shape `(tokens, experts_per_token)`.
        experts: Routed experts of the layer.
        chips: Chips that share the layer.
        tile_rows: Height of a row tile.

    Raises:
        TypeError: `ids` are not integers.
        ValueError: As `plan`.

    Examples:
        >>> from lpusim.moe import compare_strategies, generate
        >>> step = generate(experts=256, experts_per_token=8, tokens=32)
        >>> [(row.strategy, row.determinism_factor) for row in compare_strategies(step.ids, 256, chips=32)]
        [('sliced', 1.0), ('worst_case', 32.0)]
    """
    rows = []
    for name in _core.moe.Strategy.__members__:
        done = plan(ids, experts, chips=chips, strategy=name, tile_rows=tile_rows)
        work_reserved = int(done.rows_reserved.max()) / done.column_split
        work_balanced = len(done.permutation) / chips
        rows.append(
            StrategyRow(
                strategy=name,
                exact=done.exact,
                rows_reserved=int(done.rows_reserved.max()),
                rows_used=int(done.rows_used.max()),
                column_split=done.column_split,
                tiles_reserved=int(done.tiles_reserved.max()),
                tiles_used=int(done.tiles_used.max()),
                work_reserved=work_reserved,
                work_balanced=work_balanced,
                determinism_factor=work_reserved / work_balanced if work_balanced else 0.0,
            )
        )
    return tuple(rows)
