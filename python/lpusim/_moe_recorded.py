"""Recorded routing as a value, and the rows it is gathered from."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lpusim._arguments import shown
from lpusim._moe_types import EXPERTS_MAX, Routing, read_only

WARMUP_ROWS_MIN = 16
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_INT64_MAX = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True, eq=False)
class RecordedRouting:
    """Routing as it was recorded: one row a token and layer. Arrays are read-only.

    Attributes:
        source: The file's path.
        experts: Routed experts: as given, or one past the largest id seen.
        layer: Layer of each row, shape `(rows,)`.
        step: Step (batch) of each row within its layer, shape `(rows,)`.
        phase: "prefill", "decode" or whatever the file says, of each row; empty where it does not.
        ids: Experts of each row, shape `(rows, experts_per_token)`, int32.
        weights: Their weights, same shape, float32; NaN where the file has none.
        dropped: Warm-up rows that were left out, by layer; empty where none were looked for.
    """

    source: str
    experts: int
    layer: NDArray[np.int64]
    step: NDArray[np.int64]
    phase: NDArray[np.str_]
    ids: NDArray[np.int32]
    weights: NDArray[np.float32]
    dropped: Mapping[int, int] = field(default_factory=dict)

    @property
    def layers(self) -> tuple[int, ...]:
        """The layers recorded, ascending."""
        return tuple(np.unique(self.layer).tolist())

    @property
    def experts_per_token(self) -> int:
        """Experts of each row."""
        return int(self.ids.shape[1])

    def steps(self, layer: int, *, phase: str | None = None) -> tuple[int, ...]:
        """The steps recorded for a layer, ascending; of one phase only, if named."""
        return tuple(np.unique(self.step[self._rows(layer, phase)]).tolist())

    def routing(self, layer: int, *, step: int | None = None, phase: str | None = None) -> Routing:
        """The rows of a layer, of one step or phase if named, in file order.

        Raises:
            ValueError: The layer, or the step within it, is not in the file.
        """
        rows = self._rows(layer, phase)
        if step is not None:
            rows &= self.step == step
            if not rows.any():
                raise ValueError(f"{self.source}: no step {step} in layer {layer}")
        return Routing(read_only(self.ids[rows]), read_only(self.weights[rows]))

    def without_warmup(self) -> RecordedRouting:
        """The same without each layer's warm-up: rows at its head that name the same experts.

        Engines measure their memory with a batch of dummy tokens before they serve, and a log can begin with
        it: thousands of equal rows, which pass for extreme imbalance. Runs of at least 16 rows with equal ids
        are taken for that, one after the other, until a shorter one. `dropped` says how many in each layer.

        Raises:
            ValueError: Nothing is left.
        """
        keep = np.ones(len(self.layer), dtype=np.bool_)
        dropped = {}
        for layer in self.layers:
            rows = np.flatnonzero(self.layer == layer)
            dropped[layer] = _warmup_rows(self.ids[rows])
            keep[rows[: dropped[layer]]] = False
        if not keep.any():
            raise ValueError(f"{self.source}: all {len(keep)} rows are warm-up")
        columns = {
            name: read_only(getattr(self, name)[keep])
            for name in ("layer", "step", "phase", "ids", "weights")
        }
        return dataclasses.replace(self, dropped=dropped, **columns)

    def _rows(self, layer: int, phase: str | None) -> NDArray[np.bool_]:
        rows: NDArray[np.bool_] = self.layer == layer
        if not rows.any():
            known = ", ".join(map(str, self.layers))
            raise ValueError(f"{self.source}: no layer {layer}; layers are {known}")
        if phase is not None:
            rows &= self.phase == phase
            if not rows.any():
                known = ", ".join(sorted(set(self.phase.tolist())))
                raise ValueError(f"{self.source}: no phase {phase!r} in layer {layer}; phases are {known}")
        return rows


def _warmup_rows(ids: NDArray[np.int32]) -> int:
    """Length of the runs of equal rows at the head, as far as each has WARMUP_ROWS_MIN rows."""
    starts = np.flatnonzero(np.r_[True, (ids[1:] != ids[:-1]).any(axis=1), True])
    long_enough = np.diff(starts) >= WARMUP_ROWS_MIN
    return int(starts[len(long_enough) if long_enough.all() else long_enough.argmin()])


@dataclass(slots=True)
class RoutingRows:
    """What has been read so far; nothing of it leaves before all is read."""

    source: str
    experts: int | None
    layer: list[int] = field(default_factory=list)
    step: list[int] = field(default_factory=list)
    phase: list[str] = field(default_factory=list)
    ids: list[list[int]] = field(default_factory=list)
    weights: list[list[float]] = field(default_factory=list)

    def add(
        self,
        where: str,
        *,
        layer: int,
        step: int,
        phase: str,
        ids: list[int],
        weights: list[float] | None,
        column: Callable[[str, int], str],
    ) -> None:
        """Append one row; `column` names a value of it, as in `column("id", 2)` -> "column e2"."""
        width = len(self.ids[0]) if self.ids else len(ids)
        if not ids or len(ids) != width:
            raise ValueError(f"{where}: {len(ids)} experts in this row, {width or 'at least 1'} expected")
        if weights is not None and len(weights) != width:
            raise ValueError(f"{where}: {len(weights)} weights for {width} experts")
        limit = EXPERTS_MAX if self.experts is None else self.experts
        for slot, expert in enumerate(ids):
            if not 0 <= expert < limit:
                raise ValueError(
                    f"{where}, {column('id', slot)}: expert ids must be from 0 to {limit - 1}, "
                    f"got {shown(expert)}"
                )
            if expert in ids[:slot]:
                raise ValueError(f"{where}, {column('id', slot)}: expert {expert} is named twice in this row")
        for slot, weight in enumerate(weights or ()):
            if not abs(weight) <= _FLOAT32_MAX:  # written so that NaN fails too
                raise ValueError(
                    f"{where}, {column('weight', slot)}: weights must be finite in float32, "
                    f"got {shown(weight)}"
                )
        for name, number in (("layer", layer), ("step", step)):
            if not 0 <= number <= _INT64_MAX:
                raise ValueError(f"{where}: {name} must be from 0 to {_INT64_MAX}, got {shown(number)}")
        self.layer.append(layer)
        self.step.append(step)
        self.phase.append(phase)
        self.ids.append(ids)
        self.weights.append([math.nan] * width if weights is None else weights)

    def finish(self) -> RecordedRouting:
        if not self.ids:
            raise ValueError(f"{self.source}: no routing in this file")
        ids = np.array(self.ids, dtype=np.int32)
        return RecordedRouting(
            source=self.source,
            experts=int(ids.max()) + 1 if self.experts is None else self.experts,
            layer=read_only(np.array(self.layer, dtype=np.int64)),
            step=read_only(np.array(self.step, dtype=np.int64)),
            phase=read_only(np.array(self.phase, dtype=np.str_)),
            ids=read_only(ids),
            weights=read_only(np.array(self.weights, dtype=np.float32)),
        )
