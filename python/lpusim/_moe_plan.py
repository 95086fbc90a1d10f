"""Dispatch plans: the order in which assignments run, and where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lpusim import _core
from lpusim._arguments import whole_number
from lpusim._moe_types import EXPERTS_MAX, Counts, Ids, int32_ids, member, read_only

CHIPS_MAX = 1_000_000
TILE_ROWS_MAX = 1 << 31


@dataclass(frozen=True, slots=True, eq=False)
class DispatchPlan:
    """One layer's routing in the order in which a grouped matmul wants it, and what the strategy sets aside.

    A row is one (token, slot) assignment. Arrays are read-only.

    Attributes:
        strategy: "sliced" or "worst_case".
        experts: Routed experts.
        experts_per_token: Assignments of a token.
        tokens: Tokens routed.
        chips: Chips that share the layer.
        tile_rows: Height of a row tile.
        permutation: Shape `(tokens * experts_per_token,)`: the assignment, token * experts_per_token + slot,
            that stands in each row; rows are sorted by expert, then token, then slot.
        inverse: The row of each assignment.
        offsets: Shape `(experts + 1,)`: rows of expert e are `offsets[e]` to `offsets[e + 1] - 1`.
        rows_used: Shape `(chips,)`: rows this routing puts on each chip.
        rows_reserved: Shape `(chips,)`: rows each chip keeps room for, whatever the routing.
        tiles_used: Shape `(chips,)`: row tiles this routing visits on each chip.
        tiles_reserved: Shape `(chips,)`: the most that any routing can visit.
        column_split: A chip holds 1 / column_split of an expert's columns.
        exact: Whether every assignment is computed whatever the routing.
    """

    strategy: str
    experts: int
    experts_per_token: int
    tokens: int
    chips: int
    tile_rows: int
    permutation: Ids
    inverse: Ids
    offsets: Counts
    rows_used: Counts
    rows_reserved: Counts
    tiles_used: Counts
    tiles_reserved: Counts
    column_split: int
    exact: bool

    @property
    def load(self) -> Counts:
        """Assignments of each expert, shape `(experts,)`."""
        return np.diff(self.offsets)

    @property
    def tile_count(self) -> int:
        """Row tiles of the whole routing, as one chip with all experts would visit them."""
        return int(_core.moe.tile_count(self.offsets, tile_rows=self.tile_rows))

    @property
    def tile_bound(self) -> int:
        """The most that `tile_count` can be for these sizes: ceil(rows / tile_rows) + experts hit - 1."""
        rows = self.tokens * self.experts_per_token
        return int(_core.moe.tile_bound(rows=rows, experts=self.experts, tile_rows=self.tile_rows))

    @property
    def slots_used(self) -> int:
        """Rows used, summed over chips; a row of a sliced expert counts once on every chip."""
        return int(self.rows_used.sum())

    @property
    def slots_reserved(self) -> int:
        """Rows reserved, summed over chips."""
        return int(self.rows_reserved.sum())

    def to_columns(self) -> dict[str, Counts]:
        """One row a chip, ready for any table."""
        return {
            "chip": np.arange(self.chips, dtype=np.int64),
            "rows_used": self.rows_used,
            "rows_reserved": self.rows_reserved,
            "tiles_used": self.tiles_used,
            "tiles_reserved": self.tiles_reserved,
        }


def plan(
    ids: ArrayLike, experts: int, *, chips: int = 1, strategy: str = "sliced", tile_rows: int = 1
) -> DispatchPlan:
    """Sort assignments by expert and lay them out on chips.

    Args:
        ids: Experts of each token, shape `(tokens, experts_per_token)`, integers. int32 in C order is read
            without a copy.
        experts: Routed experts of the layer.
        chips: Chips that share the layer; whole experts are placed in consecutive ranges.
        strategy: "sliced": every chip holds a slice of every expert. "worst_case": chips hold whole experts
            and keep room for any routing.
        tile_rows: Height of a row tile; 1 for matrix-vector work.

    Raises:
        TypeError: `ids` are not integers.
        ValueError: An id is out of range or repeated within a token (the message names token and slot), or
            a size is out of range.

    Source:
        Row tiles and their bound: grouped matmul of JAX megablox.

    Examples:
        >>> from lpusim.moe import plan
        >>> done = plan([[2, 0], [0, 2], [2, 1]], experts=4)
        >>> done.permutation.tolist(), done.offsets.tolist()
        ([1, 2, 5, 0, 3, 4], [0, 2, 3, 6, 6])
        >>> plan([[2, 0], [0, 2], [2, 1]], experts=4, chips=2, strategy="worst_case").rows_reserved.tolist()
        [6, 6]
    """
    kind = member("strategy", _core.moe.Strategy, strategy)
    experts = whole_number("experts", experts, 1, EXPERTS_MAX)
    chips = whole_number("chips", chips, 1, CHIPS_MAX)
    tile_rows = whole_number("tile_rows", tile_rows, 1, TILE_ROWS_MAX)
    rows = int32_ids(ids)
    permutation, inverse, offsets = _core.moe.order_by_expert(rows, experts)
    tokens, experts_per_token = rows.shape
    sizes = {"tokens": tokens, "experts": experts, "experts_per_token": experts_per_token, "chips": chips}
    cost = _core.moe.reserved(kind, **sizes)
    rows_reserved = _core.moe.rows_reserved(kind, **sizes)
    rows_used = _core.moe.rows_used(kind, offsets, chips=chips)
    tiles_used, tiles_reserved = _tiles(strategy, offsets, rows_reserved, tile_rows)
    return DispatchPlan(
        strategy=strategy,
        experts=experts,
        experts_per_token=experts_per_token,
        tokens=tokens,
        chips=chips,
        tile_rows=tile_rows,
        permutation=read_only(permutation),
        inverse=read_only(inverse),
        offsets=read_only(offsets),
        rows_used=read_only(rows_used),
        rows_reserved=read_only(rows_reserved),
        tiles_used=read_only(tiles_used),
        tiles_reserved=read_only(tiles_reserved),
        column_split=cost.column_split,
        exact=cost.exact,
    )


def _tiles(strategy: str, offsets: Counts, rows_reserved: Counts, tile_rows: int) -> tuple[Counts, Counts]:
    """Row tiles that each chip visits under this routing, and at most under any."""
    chips = len(rows_reserved)
    experts = len(offsets) - 1
    used = np.empty(chips, dtype=np.int64)
    bound = np.empty(chips, dtype=np.int64)
    for chip in range(chips):
        first, last = 0, experts
        if strategy == "worst_case":
            first, last = _core.moe.contiguous_experts(experts=experts, chips=chips, chip=chip)
        used[chip] = (
            _core.moe.tile_count(offsets[first : last + 1], tile_rows=tile_rows) if first < last else 0
        )
        bound[chip] = _core.moe.tile_bound(
            rows=int(rows_reserved[chip]), experts=last - first, tile_rows=tile_rows
        )
    return used, bound
