"""From a system's parameters to the core's machines: what estimates and the event clock both build on."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpusim import _core
from lpusim._model import Model
from lpusim._presets import Parameter
from lpusim._system import System
from lpusim.errors import CapacityError

__all__ = [
    "ApiPlan",
    "BatchPlan",
    "LpuPlan",
    "batch_plan",
    "clock_is_public",
    "lpu_plan",
    "native_format",
    "stages_needed",
]

_PS = 1e-12
_STRATEGY = "sliced"


def clock_is_public(system: System) -> bool:
    """Cycles mean something to others only where the clock is not an assumption."""
    return system.chip.get("chip.clock_hz").status != "assumed"


def native_format(model: Model, system: System) -> str:
    """The weights' own format where the chip computes it; else the chip's usual one.

    LPUs fall back to their one-byte format, GPUs to two bytes.
    """
    own = model.weights_format
    if system.kind == "lpu":
        return "fp8" if "fp8_flops_per_s" in system.chip.sections.get("compute", {}) else "int8"
    if system.kind == "api":
        return own
    rate = {"fp8": "gpu.fp8_flops_per_s", "int8": "gpu.int8_ops_per_s", "fp4": "gpu.fp4_flops_per_s"}.get(own)
    if rate is not None and float(system.chip.value(rate)) > 0:
        return own
    return own if own in ("fp16", "bf16") else "fp16"


def _values(system: System, sections: tuple[str, ...]) -> tuple[tuple[str, Any], ...]:
    """The parameters of some sections, as a key that says all of them."""
    parameters = system.parameters().items()
    return tuple((name, p.value) for name, p in parameters if name.partition(".")[0] in sections)


def _filled(spec: Any, values: tuple[tuple[str, Any], ...], section: str) -> Any:
    for name, value in values:
        if name.startswith(section + "."):
            setattr(spec, name.removeprefix(section + "."), value)
    spec.validate()
    return spec


@functools.lru_cache(maxsize=64)
def _fabric(kind: str, chip_count: int, vector_bytes: int, vector_ps: int, hop_ps: int, clock_hz: int) -> Any:
    """The links of a machine; published picoseconds are whole cycles of the chip's clock, rounded up."""
    link = _core.net.link_from_ps(
        vector_bytes=vector_bytes, vector_ps=vector_ps, hop_ps=hop_ps, clock_hz=clock_hz
    )
    costs = _wiring_costs(vector_bytes, vector_ps, hop_ps, clock_hz)
    return _core.lower.Fabric(_core.net.Topology.make(kind, chip_count, link), costs)


@functools.lru_cache(maxsize=64)
def _wiring_costs(vector_bytes: int, vector_ps: int, hop_ps: int, clock_hz: int) -> Any:
    """What machines of all sizes have in common that are wired with such links."""
    return _core.lower.WiringCosts(
        _core.net.link_from_ps(
            vector_bytes=vector_bytes, vector_ps=vector_ps, hop_ps=hop_ps, clock_hz=clock_hz
        )
    )


@functools.lru_cache(maxsize=256)
def _core_plan(
    model: Model,
    values: tuple[tuple[str, Any], ...],
    chip_count: int,
    memory_bytes: int,
    weights: str,
    kv: str,
    sequences: int,
    context: int,
    partition: tuple[int, int] | None,
    strategy: str,
) -> Any:
    chip = _filled(_core.chip.ChipSpec(), values, "chip")
    link = {name.removeprefix("link."): value for name, value in values if name.startswith("link.")}
    return _core.lower.Plan(
        chip=chip,
        fabric=_fabric(
            link["topology"],
            chip_count,
            link["vector_bytes"],
            link["vector_ps"],
            link["hop_ps"],
            chip.clock_hz,
        ),
        capacity_bytes=min(memory_bytes, chip.mem_bytes),
        architecture=model.architecture,
        weights=weights,
        kv=kv,
        strategy=strategy,
        spec=_filled(_core.lower.LowerSpec(), values, "lower"),
        partition=partition,
        sequences=sequences,
        context_tokens=context,
    )


@dataclass(frozen=True, eq=False)
class LpuPlan:
    """How a model lies on an LPU system. `core` computes; the rest is for reading.

    Attributes:
        core: The core's `Plan`.
        tensor_chips: Chips that share each matrix.
        stage_count: Pipeline stages.
        chips_used: tensor_chips x stage_count; the rest of the system is idle.
        kv_page_count: KV pages of whole sequences that fit beside the weights.
        kv_token_capacity: The same in tokens.
    """

    core: Any
    system: System

    @property
    def clock_hz(self) -> int:
        return int(self.system.chip.value("chip.clock_hz"))

    @property
    def tensor_chips(self) -> int:
        return int(self.core.tensor_chips)

    @property
    def stage_count(self) -> int:
        return int(self.core.stage_count)

    @property
    def chips_used(self) -> int:
        return self.tensor_chips * self.stage_count

    @property
    def kv_page_count(self) -> int:
        return int(self.core.kv_page_count)

    @property
    def kv_token_capacity(self) -> int:
        return self.kv_page_count * int(self.core.page_tokens)

    def seconds(self, cycles: int) -> float:
        """Cycles of the chip's clock as seconds."""
        return cycles / self.clock_hz

    def table(self, *, batch: Any, context: Any) -> dict[str, Any]:
        """Decode speed at every pair of a batch and a context.

        Args:
            batch: Users at once, shape `(n,)`, integers of at least 1.
            context: Tokens in the cache, shape `(m,)`, integers of at least 0.

        Returns:
            Columns of length n x m, batch outermost: `batch`, `context_tokens`, `latency_ps`, `occupancy_ps`
            (int64), `time_per_output_token_s`, `tokens_per_second` (float64), and `fits` (int64): 1 where the
            cache of all users fits beside the weights.
        """
        batches, contexts = _grid(batch, context)
        latency, occupancy = self.core.decode_table(contexts)
        pairs = [(int(b), int(c)) for b in batches for c in contexts]
        latency_ps = np.tile(latency, batches.size)
        occupancy_ps = np.tile(occupancy, batches.size)
        token_ps = np.maximum(latency_ps, np.repeat(batches, contexts.size) * occupancy_ps)
        pages = [-(-max(1, c) // int(self.core.page_tokens)) for _, c in pairs]
        fits = [b * n <= self.kv_page_count for (b, _), n in zip(pairs, pages, strict=True)]
        return _table(pairs, latency_ps, occupancy_ps, token_ps, fits)

    def require_kv(self, sequences: int, context: int) -> None:
        """Raises CapacityError unless that many sequences of that context fit."""
        page_tokens = int(self.core.page_tokens)
        wanted = sequences * -(-context // page_tokens)
        if wanted > self.kv_page_count:
            raise CapacityError(
                f"{sequences} sequences of {context} tokens take {wanted} KV pages of {page_tokens} tokens; "
                f"{self.kv_page_count} fit beside the weights on {self.system.name}",
                wanted,
                self.kv_page_count,
            )

    def to_perfetto(self, path: str | os.PathLike[str], *, context: int) -> Path:
        """Writes the timeline of one decode step at `context` tokens: a track a stage, a slice an operator.

        Open the file at ui.perfetto.dev. Returns its path.
        """
        from lpusim._format import write_atomic

        rows = self.core.timeline(1, context)
        names = list(dict.fromkeys(rows["name"]))
        index = {name: i for i, name in enumerate(names)}
        start_ps = np.array([self._ps(c) for c in rows["start_cycle"].tolist()], dtype=np.int64)
        end_ps = np.array(
            [self._ps(c) for c in (rows["start_cycle"] + rows["cycles"]).tolist()], dtype=np.int64
        )
        stage = rows["stage"]
        data = _core.timeline.perfetto(
            tracks=[(f"stage {s}", -1, "") for s in range(self.stage_count)],
            names=names,
            track=stage,
            start_ps=start_ps,
            duration_ps=end_ps - start_ps,
            name=np.array([index[name] for name in rows["name"]], dtype=np.int64),
            source_slice=np.flatnonzero(np.diff(stage)),
            target_slice=np.flatnonzero(np.diff(stage)) + 1,
        )
        return write_atomic(path, data)

    def _ps(self, cycles: int) -> int:
        return -(-cycles * 10**12 // self.clock_hz)

    def to_dict(self) -> dict[str, Any]:
        return {
            "tensor_chips": self.tensor_chips,
            "stage_count": self.stage_count,
            "chips_used": self.chips_used,
            "kv_page_tokens": int(self.core.page_tokens),
            "kv_page_count": self.kv_page_count,
            "kv_token_capacity": self.kv_token_capacity,
        }

    def __str__(self) -> str:
        return (
            f"{self.tensor_chips} chips x {self.stage_count} stages, "
            f"KV for {self.kv_token_capacity:,} tokens in pages of {int(self.core.page_tokens)}"
        )


def lpu_plan(
    model: Model,
    system: System,
    *,
    weights: str,
    kv: str,
    sequences: int = 1,
    context: int = 1,
    partition: tuple[int, int] | None = None,
    strategy: str = _STRATEGY,
) -> LpuPlan:
    """Lay a model out on an LPU system; plans are remembered.

    Args:
        model: The model.
        system: The machine, of kind "lpu".
        weights: Number format of the matmul weights.
        kv: Number format of the KV cache.
        sequences: Sequences that must fit at once, and for which the partition is chosen.
        context: Tokens each of them may reach.
        partition: (tensor_chips, stage_count); None searches the one with the least time per token.
        strategy: "sliced" or "worst_case" experts.

    Raises:
        CapacityError: It does not fit; says what is short by how much and what would do.
    """
    core = _core_plan(
        model,
        _values(system, ("chip", "link", "lower")),
        system.chip_count,
        system.memory_bytes // system.chip_count,
        weights,
        kv,
        sequences,
        context,
        partition,
        strategy,
    )
    return LpuPlan(core, system)


def stages_needed(
    model: Model,
    system: System,
    *,
    tensor_chips: int,
    weights: str,
    kv: str,
    sequences: int = 1,
    context: int = 1,
) -> int:
    """The fewest stages of `tensor_chips` chips that hold the model and that demand; 0 when none do."""
    values = _values(system, ("chip", "lower"))
    chip = _filled(_core.chip.ChipSpec(), values, "chip")
    return int(
        _core.lower.stages_needed(
            capacity_bytes=min(system.memory_bytes // system.chip_count, chip.mem_bytes),
            architecture=model.architecture,
            weights=weights,
            kv=kv,
            strategy=_STRATEGY,
            spec=_filled(_core.lower.LowerSpec(), values, "lower"),
            tensor_chips=tensor_chips,
            sequences=sequences,
            context_tokens=context,
        )
    )


_CHUNK_TOKENS = 2048


@dataclass(frozen=True, eq=False)
class BatchPlan:
    """How a model runs on a GPU system: whole iterations over a batch."""

    core: Any
    system: System

    @property
    def kv_token_capacity(self) -> int:
        return int(self.core.kv_token_capacity)

    def decode_ps(self, batch: int, context: int) -> int:
        """One decode step of `batch` sequences at `context` tokens each."""
        return int(self.core.step_ps(decode_sequences=batch, decode_context_tokens=batch * context))

    def breakdown_s(self, batch: int, context: int) -> dict[str, float]:
        """Where one decode step's time goes, name -> seconds."""
        parts = self.core.decode_parts_s(sequences=batch, context_tokens=batch * context)
        return dict(parts)

    def prefill_ps(self, input_tokens: int) -> int:
        """One prompt on an otherwise idle machine, in chunks of at most 2,048 tokens."""
        total = 0
        for first in range(0, input_tokens, _CHUNK_TOKENS):
            tokens = min(_CHUNK_TOKENS, input_tokens - first)
            contexts = tokens * first + tokens * (tokens + 1) // 2
            total += int(self.core.step_ps(prefill_tokens=tokens, prefill_context_tokens=contexts))
        return total

    def table(self, *, batch: Any, context: Any) -> dict[str, Any]:
        """Decode speed at every pair of a batch and a context; columns as `LpuPlan.table`."""
        batches, contexts = _grid(batch, context)
        pairs = [(int(b), int(c)) for b in batches for c in contexts]
        step = np.array([self.decode_ps(b, c) for b, c in pairs], dtype=np.int64)
        fits = [b * c <= self.kv_token_capacity for b, c in pairs]
        return _table(pairs, step, step, step, fits)

    def require_kv(self, sequences: int, context: int) -> None:
        """Raises CapacityError unless that many sequences of that context fit."""
        if sequences * context > self.kv_token_capacity:
            raise CapacityError(
                f"{sequences} sequences of {context} tokens need room for {sequences * context} tokens of KV "
                f"cache; {self.kv_token_capacity} fit beside the weights on {self.system.name}",
                sequences * context,
                self.kv_token_capacity,
            )

    def to_dict(self) -> dict[str, Any]:
        return {
            "chips_used": self.system.chip_count,
            "stage_count": int(self.core.stage_count),
            "kv_token_capacity": self.kv_token_capacity,
        }

    def __str__(self) -> str:
        groups = int(self.core.stage_count)
        return (
            f"{self.system.chip_count // groups} chips x {groups} stage{'s' * (groups > 1)}, "
            f"KV for {self.kv_token_capacity:,} tokens"
        )


def batch_plan(model: Model, system: System, *, weights: str, kv: str) -> BatchPlan:
    """Lay a model out on a GPU system.

    Raises:
        CapacityError: The weights do not fit.
    """
    spec = _filled(_core.device.GpuSpec(), _values(system, ("gpu",)), "gpu")
    load = model.load(weights=weights, kv=kv)
    return BatchPlan(
        _core.device.GpuTiming(spec, chip_count=system.chip_count, load=load, weights=weights), system
    )


@dataclass(frozen=True)
class ApiPlan:
    """An API's list price and speed for one model."""

    system: System
    prices: dict[str, Parameter]

    @classmethod
    def of(cls, model: Model, system: System) -> ApiPlan:
        """Raises ValueError when the provider does not list the model."""
        return cls(system, system.prices(model.name))

    def value(self, name: str) -> float:
        """A field of the price list, such as "tokens_per_second_per_user"."""
        return float(self.prices[name].value)

    @property
    def cached_price(self) -> float | None:
        parameter = self.prices.get("usd_per_million_cached_tokens")
        return None if parameter is None else float(parameter.value)

    def to_dict(self) -> dict[str, Any]:
        return {name: parameter.value for name, parameter in self.prices.items()}

    def __str__(self) -> str:
        return f"list prices of {self.system.name}"


def _grid(batch: Any, context: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both axes of a table as int64, checked."""
    axes = []
    for name, values, least in (("batch", batch, 1), ("context", context, 0)):
        axis = np.atleast_1d(np.asarray(values))
        if axis.dtype.kind not in "iu" or axis.ndim != 1 or axis.size == 0:
            raise TypeError(f"{name} must be a list of integers, got {axis.dtype} of shape {axis.shape}")
        if axis.min() < least:
            raise ValueError(f"{name} must be at least {least}, got {axis.min()}")
        axes.append(axis.astype(np.int64))
    return axes[0], axes[1]


def _table(
    pairs: list[tuple[int, int]],
    latency_ps: NDArray[np.int64],
    occupancy_ps: NDArray[np.int64],
    token_ps: NDArray[np.int64],
    fits: list[bool],
) -> dict[str, Any]:
    batches = np.array([b for b, _ in pairs], dtype=np.int64)
    return {
        "batch": batches,
        "context_tokens": np.array([c for _, c in pairs], dtype=np.int64),
        "latency_ps": latency_ps,
        "occupancy_ps": occupancy_ps,
        "time_per_output_token_s": token_ps * _PS,
        "tokens_per_second": batches / (token_ps * _PS),
        "fits": np.array(fits, dtype=np.int64),
    }
