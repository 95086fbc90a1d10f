"""A plan on several chips: where each row is computed, and what crosses which link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lpusim import _core
from lpusim._arguments import whole_number
from lpusim._moe_plan import CHIPS_MAX, DispatchPlan
from lpusim._moe_types import Counts, Ids, member, read_only

BYTES_MAX = 1 << 40


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Rows on chips, and bytes between chips. Arrays are read-only.

    Attributes:
        row_chip: Shape `(plan rows,)`: the chip that computes each row.
        row_slot: Its place on that chip, from 0: a chip keeps its rows in the plan's order.
        chip_rows: Shape `(chips,)`: rows of each chip.
        source: One entry a link, a pair of chips between which anything goes, by source, then target: where
            tokens come from.
        target: Where their experts are. Never the source: what stays at home crosses no link.
        rows: Assignments. Results go back each for itself, as their order of addition wants.
        copies: Different tokens: one copy serves all its experts on a chip.
        dispatch_bytes: From source to target: `copies` times the bytes of a row.
        combine_bytes: From target back to source: `rows` times the bytes of a result.
    """

    row_chip: Ids
    row_slot: Counts
    chip_rows: Counts
    source: Ids
    target: Ids
    rows: Counts
    copies: Counts
    dispatch_bytes: Counts
    combine_bytes: Counts

    def to_columns(self) -> dict[str, NDArray[Any]]:
        """One row a link, ready for any table."""
        names = ("source", "target", "rows", "copies", "dispatch_bytes", "combine_bytes")
        return {name: getattr(self, name) for name in names}


def _chips(name: str, chips: ArrayLike, dimensions: int) -> Ids:
    array = np.asarray(chips)
    if array.dtype.kind not in "iu" and array.size > 0:
        raise TypeError(f"{name} must be integers, got {array.dtype}")
    if array.ndim != dimensions:
        raise ValueError(f"{name} must have {dimensions} dimensions, got shape {array.shape}")
    limits = np.iinfo(np.int32)
    if array.size > 0 and (array.min() < limits.min or array.max() > limits.max):
        raise ValueError(f"{name} must fit int32, got values from {array.min()} to {array.max()}")
    return np.ascontiguousarray(array, dtype=np.int32)


def traffic(
    plan: DispatchPlan,
    *,
    token_chip: ArrayLike,
    expert_chip: ArrayLike,
    chips: int,
    row_bytes: int,
    result_bytes: int,
    replica_rule: str = "token_mod",
) -> Traffic:
    """Lay a plan out on chips and count what crosses each link.

    Args:
        plan: The order of the rows.
        token_chip: Shape `(tokens,)`: the chip where each token is, and where its result goes.
        expert_chip: Shape `(experts,)`, the chip of each expert; or `(experts, replicas)`, with -1 where an
            expert has fewer.
        chips: Number of chips.
        row_bytes: Bytes of a token on the way to its experts.
        result_bytes: Bytes of a result on the way back.
        replica_rule: "token_mod": an expert's assignments, in token order, take turns with its replicas.
            "source_local": the replica on the token's own chip where there is one, else as before.

    Raises:
        TypeError: Chips are not integers.
        ValueError: A chip is out of range, an expert has none or one twice (the message names token, or
            expert and replica), or a shape is not the plan's.

    Examples:
        >>> from lpusim.moe import plan, traffic
        >>> done = plan([[0, 1], [1, 2]], experts=3)
        >>> sent = traffic(
        ...     done, token_chip=[0, 1], expert_chip=[1, 1, 0], chips=2, row_bytes=100, result_bytes=200
        ... )
        >>> {name: column.tolist() for name, column in sent.to_columns().items()}
        {'source': [0, 1], 'target': [1, 0], 'rows': [2, 1], 'copies': [1, 1], 'dispatch_bytes': [100, 100], \
'combine_bytes': [400, 200]}
    """
    if not isinstance(plan, DispatchPlan):
        raise TypeError(f"plan must be a DispatchPlan, got {type(plan).__name__}")
    chips = whole_number("chips", chips, 1, CHIPS_MAX)
    row_bytes = whole_number("row_bytes", row_bytes, 0, BYTES_MAX)
    result_bytes = whole_number("result_bytes", result_bytes, 0, BYTES_MAX)
    placed = np.asarray(expert_chip)
    if placed.ndim == 1:
        placed = placed.reshape(-1, 1)
    row_chip, row_slot, chip_rows, source, target, rows, copies = _core.moe.traffic(
        plan.permutation,
        plan.inverse,
        plan.offsets,
        plan.experts_per_token,
        token_chip=_chips("token_chip", token_chip, 1),
        expert_chip=_chips("expert_chip", placed, 2),
        chips=chips,
        rule=member("replica rule", _core.moe.ReplicaRule, replica_rule),
    )
    return Traffic(
        row_chip=read_only(row_chip),
        row_slot=read_only(row_slot),
        chip_rows=read_only(chip_rows),
        source=read_only(source),
        target=read_only(target),
        rows=read_only(rows),
        copies=read_only(copies),
        dispatch_bytes=read_only(copies * row_bytes),
        combine_bytes=read_only(rows * result_bytes),
    )
