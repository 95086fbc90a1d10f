"""`recommend`: the smallest fleet of each kind of machine that serves a trace within an SLO."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lpusim._bounds import Bound
from lpusim._cost import Cost, Energy, Price
from lpusim._fleet import batch_plan_of, lpu_plan_of
from lpusim._machine import batch_plan, native_format, stages_needed
from lpusim._model import Model, load_model
from lpusim._presets import presets
from lpusim._serve import Pool, ServeResult, Slo, serve
from lpusim._system import System, load_system
from lpusim._trace import Trace
from lpusim.errors import CapacityError

__all__ = ["Fleet", "Recommendation", "recommend"]

_CHIPS_MAX = 16_384
_REPLICAS_MAX = 4_096
_GPU_GROUPS = (1, 2, 4, 8, 16, 32)
_TENSOR_CHIPS_MAX = 256


@dataclass(frozen=True, eq=False)
class Fleet:
    """One candidate: the smallest fleet found, or why there is none.

    Attributes:
        candidate: The chip preset, or "api:NAME".
        chip_count: Chips of all replicas; 0 for an API and where nothing fits.
        meets_slo: Whether the SLO holds on the trace.
        short: What is missing, in words; empty when the SLO holds.
        pool: The fleet; None where nothing fits.
        plan: How the model lies on one replica.
        result: The run of the trace; None where nothing fits.
    """

    candidate: str
    model: Model
    chip_count: int
    meets_slo: bool
    short: str
    pool: Pool | None = None
    plan: Any = None
    result: ServeResult | None = None

    @property
    def cost(self) -> Cost | None:
        """Of the run."""
        return self.result.cost if self.result is not None else None

    @property
    def energy(self) -> Energy | None:
        """Of the run."""
        return self.result.energy if self.result is not None else None

    @property
    def values(self) -> Mapping[str, float]:
        """`ServeResult.values` of the run; empty where nothing fits."""
        return self.result.values if self.result is not None else {}

    @property
    def bounds(self) -> Mapping[str, Bound]:
        """`ServeResult.bounds` of the run; empty where nothing fits."""
        return self.result.bounds if self.result is not None else {}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; units are in the key names."""

        def finite(value: float) -> float | None:
            return value if math.isfinite(value) else None

        return {
            "candidate": self.candidate,
            "model": self.model.name,
            "chip_count": self.chip_count,
            "replicas": self.pool.replicas if self.pool else 0,
            "fits": self.pool is not None,
            "meets_slo": self.meets_slo,
            "short": self.short,
            "plan": self.plan.to_dict() if self.plan is not None else None,
            "values": {name: finite(value) for name, value in self.values.items()},
            "bounds": {
                name: {"low": finite(b.low), "high": finite(b.high), "widened_most_by": b.widened_by}
                for name, b in self.bounds.items()
            },
            "cost": self.cost.to_dict() if self.cost else None,
        }


@dataclass(frozen=True, eq=False)
class Recommendation:
    """The candidates side by side, in the order given."""

    fleets: tuple[Fleet, ...]
    slo: Slo
    trace_name: str
    trace_description: str

    @property
    def best(self) -> Fleet | None:
        """The fleet that meets the SLO for the least money a month; None when none does."""
        good = [f for f in self.fleets if f.meets_slo]
        return min(good, key=lambda f: f.values["usd_per_month"], default=None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "slo": self.slo.to_dict(),
            "trace": {"name": self.trace_name, "description": self.trace_description},
            "best": self.best.candidate if self.best else None,
            "fleets": [fleet.to_dict() for fleet in self.fleets],
        }

    def __str__(self) -> str:
        from lpusim._fleet_screen import recommendation_screen

        return recommendation_screen(self)


def recommend(
    model: Model | str | Mapping[str, Any],
    candidates: Sequence[str],
    trace: Trace,
    *,
    slo: Slo,
    weights: str | None = None,
    kv: str | None = None,
    price: Price = "owner",
    progress: Callable[[int, int], None] | None = None,
) -> Recommendation:
    """Find, for each candidate, the fewest chips that serve `trace` within `slo`.

    An LPU fleet is one or more equal pipelines (tensor x pipeline partitions of all sizes are tried), a GPU
    fleet one or more equal tensor-parallel groups. Every fleet that is tried runs the whole trace.

    Args:
        model: A `Model`, or anything `load_model` takes.
        candidates: Chip presets such as "lp30" or "h200", and "api:NAME".
        trace: The load.
        slo: What must hold.
        weights: Number format of the weights on every candidate; None as in `estimate`.
        kv: Number format of the KV cache; None is "fp16".
        price: As in `estimate`.
        progress: Called with (candidates done, candidates in all).

    Raises:
        ValueError: A candidate is unknown, or the trace is empty.

    Examples:
        >>> import lpusim
        >>> trace = lpusim.generate_trace(20, requests_per_s=1)
        >>> answer = lpusim.recommend("llama-3.1-8b", ["h100"], trace, slo=lpusim.Slo(ttft_s=2, tpot_s=0.1))
        >>> answer.fleets[0].chip_count
        1
    """
    model = model if isinstance(model, Model) else load_model(model)
    if isinstance(candidates, str) or not candidates:
        raise TypeError(f"candidates must be a list of chip presets or APIs, got {candidates!r}")
    if len(trace.arrival_ps) == 0:
        raise ValueError("the trace is empty: there is nothing to serve")
    systems = [_candidate(name) for name in candidates]
    fleets = []
    for done, (name, system) in enumerate(zip(candidates, systems, strict=True)):
        if progress is not None:
            progress(done, len(candidates))
        search = _Search(model, name, system, trace, slo, weights, kv, price)
        fleets.append({"lpu": search.lpu, "api": search.api}.get(system.kind, search.gpu)())
    if progress is not None:
        progress(len(candidates), len(candidates))
    return Recommendation(tuple(fleets), slo, trace.name, trace.description)


def _candidate(name: str) -> System:
    if not isinstance(name, str):
        raise TypeError(f"a candidate is a chip preset or api:NAME, got {name!r}")
    if name.startswith("api:"):
        return load_system(name)
    if name in presets()["chips"]:
        return load_system(f"{name}-1")
    known = [*presets()["chips"], *(f"api:{api}" for api in presets()["prices"])]
    from lpusim._names import unknown_name

    raise unknown_name("candidate", name, known)


class _Search:
    """The search for one candidate."""

    def __init__(
        self,
        model: Model,
        name: str,
        system: System,
        trace: Trace,
        slo: Slo,
        weights: str | None,
        kv: str | None,
        price: Price,
    ) -> None:
        self.model, self.name, self.system, self.trace, self.slo = model, name, system, trace, slo
        self.weights = weights or native_format(model, system)
        self.kv = kv or "fp16"
        self.price = price
        self.context = int((trace.input_tokens + trace.output_tokens).max())

    def api(self) -> Fleet:
        """An API has no size: it meets the SLO or not."""
        try:
            return self._fleet(self._run(Pool(self.model, self.system, name=self.name)))
        except ValueError as error:
            return Fleet(self.name, self.model, 0, False, str(error))

    def gpu(self) -> Fleet:
        """Groups of 1 to 32 GPUs, each with the fewest replicas that do."""
        best: tuple[int, ServeResult] | None = None
        shortest: CapacityError | None = None
        for group in _GPU_GROUPS:
            system = self.system.with_chips(group)
            try:
                batch_plan(self.model, system, weights=self.weights, kv=self.kv)
            except CapacityError as error:
                shortest = error
                continue
            except ValueError:
                continue
            limit = _CHIPS_MAX if best is None else best[0] - 1
            found = self._fewest(functools.partial(self._pool, system), 1, limit // group)
            if found is not None and (best is None or found[0] * group < best[0]):
                best = (found[0] * group, found[1])
        if best is not None:
            return self._fleet(best[1])
        if shortest is not None and shortest.smallest_chip_count > _GPU_GROUPS[-1]:
            return Fleet(self.name, self.model, 0, False, str(shortest))
        group = _GPU_GROUPS[-1]
        return self._hopeless(functools.partial(self._pool, self.system.with_chips(group)), group)

    def lpu(self) -> Fleet:
        """Partitions in order of size: pipelines first, then replicas of them."""
        best: tuple[int, ServeResult] | None = None
        if not self._stage_counts:
            return Fleet(self.name, self.model, 0, False, self._shortage())
        for tensor_chips, low in self._stage_counts.items():
            limit = _CHIPS_MAX if best is None else best[0] - 1
            if low * tensor_chips > limit:
                break
            found = self._fewest_chips(tensor_chips, low, limit)
            if found is not None:
                best = found
        if best is None:
            tensor_chips, low = next(iter(self._stage_counts.items()))
            group = functools.partial(self._lpu_pool, tensor_chips, low)
            return self._hopeless(group, tensor_chips * low)
        return self._fleet(best[1])

    def _fewest_chips(self, tensor_chips: int, low: int, limit: int) -> tuple[int, ServeResult] | None:
        """The smallest fleet of such groups: one longer pipeline, else equal ones side by side."""
        high = min(int(self.model.layers) + 2, limit // tensor_chips)
        longer = self._fewest(lambda stages: self._lpu_pool(tensor_chips, stages, 1), low, high)
        if longer is not None:
            return longer[0] * tensor_chips, longer[1]
        best = None
        for stages in sorted({low, high}):
            chips = tensor_chips * stages
            group = functools.partial(self._lpu_pool, tensor_chips, stages)
            more = self._fewest(group, 2, limit // chips)
            if more is not None:
                best = (more[0] * chips, more[1])
                limit = best[0] - 1
        return best

    def _hopeless(self, pool_of: Callable[[int], Pool], chips: int) -> Fleet:
        """One group of `chips` chips, and what the most groups of that size would still miss."""
        fleet = self._fleet(self._run(pool_of(1)))
        groups = _CHIPS_MAX // chips
        still = self._reason(self._run(pool_of(groups)))
        return replace(fleet, short=f"{fleet.short}; with {groups:,} such groups: {still}")

    def _shortage(self) -> str:
        """Why no partition holds the model, in the words of the smallest machine's refusal."""
        try:
            lpu_plan_of(replace(self._lpu_pool(1, 1, 1), max_context=self.context))
        except CapacityError as error:
            return str(error)
        return "no partition holds the model and one request"

    def _tensor_sizes(self) -> Iterator[int]:
        """Parts of a node, whole nodes."""
        node = 8
        yield from (1, 2, 4)
        yield from range(node, _TENSOR_CHIPS_MAX + 1, node)

    @functools.cached_property
    def _stage_counts(self) -> dict[int, int]:
        """Tensor group size -> fewest stages that hold the model and one request, smallest fleets first."""
        counts = {
            chips: stages_needed(
                self.model,
                self.system,
                tensor_chips=chips,
                weights=self.weights,
                kv=self.kv,
                context=self.context,
            )
            for chips in self._tensor_sizes()
        }
        fitting = [(chips, stages) for chips, stages in counts.items() if stages > 0]
        return dict(sorted(fitting, key=lambda item: item[0] * item[1]))

    def _pool(self, system: System, replicas: int, partition: tuple[int, int] | None = None) -> Pool:
        return Pool(
            self.model,
            system,
            name=self.name,
            weights=self.weights,
            kv=self.kv,
            partition=partition,
            replicas=replicas,
        )

    def _lpu_pool(self, tensor_chips: int, stages: int, replicas: int) -> Pool:
        system = self.system.with_chips(tensor_chips * stages)
        return self._pool(system, replicas=replicas, partition=(tensor_chips, stages))

    def _run(self, pool: Pool) -> ServeResult:
        return serve([pool], self.trace, slo=self.slo, price=self.price)

    def _fewest(self, pool_of: Callable[[int], Pool], low: int, high: int) -> tuple[int, ServeResult] | None:
        """The least n from low to high whose pool meets the SLO, as far as more is better.

        Both ends first, so that a hopeless range costs two runs; then gallop and bisect.
        """
        if low > high:
            return None
        met = self._met(pool_of(low))
        if met is not None:
            return low, met
        met = self._met(pool_of(high)) if high > low else None
        if met is None:
            return None
        failed, n, step = low, high, 1
        while n - failed > 1:
            middle = min(failed + step, (failed + n) // 2)
            attempt = self._met(pool_of(middle))
            if attempt is None:
                failed, step = middle, 2 * step
            else:
                n, met = middle, attempt
        return n, met

    def _met(self, pool: Pool) -> ServeResult | None:
        result = self._run(pool)
        return result if result.meets_slo() else None

    def _fleet(self, result: ServeResult) -> Fleet:
        (pool,) = result.fleet
        plan = {"lpu": lpu_plan_of, "gpu": batch_plan_of, "cpu": batch_plan_of}.get(pool.kind)
        meets = result.meets_slo()
        return Fleet(
            candidate=self.name,
            model=self.model,
            chip_count=pool.chip_count,
            meets_slo=meets,
            short="" if meets else self._reason(result),
            pool=pool,
            plan=plan(pool) if plan is not None else None,
            result=result,
        )

    def _reason(self, result: ServeResult) -> str:
        summary = result.summary()
        if summary["failed"]:
            return f"{summary['failed']} of {len(result.requests.status)} requests can never fit"
        parts = []
        for name, limit, key in (
            ("TTFT", self.slo.ttft_s, "p99_ttft_ms"),
            ("TPOT", self.slo.tpot_s, "p99_tpot_ms"),
        ):
            if limit is not None and summary[key] is not None and summary[key] > limit * 1e3:
                parts.append(f"p99 {name} {summary[key] / 1e3:.3g} s against {limit:g} s")
        return "SLO missed: " + (", ".join(parts) or "too few requests meet all limits")
