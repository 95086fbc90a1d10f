"""`serve`: a request trace through pools of machines, on one event clock in picoseconds."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass, field, replace
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lpusim import _core
from lpusim._arguments import finite_number, shown, some_text, whole_number
from lpusim._bounds import Assumption, Bound, assumptions_of, bounds_of
from lpusim._cost import Cost, Energy, Price
from lpusim._fleet import (
    Bill,
    batch_plan_of,
    bill_of_pool,
    cost_of,
    decided,
    energy_of,
    lpu_plan_of,
    moved_pools,
    parameters_of,
    touches_time,
)
from lpusim._model import Model
from lpusim._presets import Value
from lpusim._system import System
from lpusim._trace import Trace
from lpusim.errors import CapacityError

__all__ = ["Columns", "Pool", "ServeResult", "Slo", "serve"]

Policy: TypeAlias = Literal["round-robin", "random", "least-loaded", "cheapest-meeting-slo"]

STATUSES = ("finished", "rejected")
"""What becomes of a request: it finishes, or no pool can ever hold its final context."""

_PS_PER_S = 1e12
#: What `ServeResult.values` loses when a pool's model no longer fits; everything else grows without limit.
_RATES = (
    "tokens_per_second_per_user",
    "tokens_per_second",
    "goodput_requests_per_second",
    "slo_attainment",
    "utilisation",
)
_PERCENTILES = (50, 90, 95, 99)
_SCHEMA = "lpusim.serve/1"
_PROGRESS_INTERVAL_S = 0.1
_REPLICAS_MAX = 1_000_000
_SEED_MAX = (1 << 64) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """Service level: what each request should meet, and for which share of them it must hold.

    Attributes:
        ttft_s: Time to first token, or None.
        tpot_s: Mean time per output token after the first, or None. A request with one output has none.
        e2e_s: Arrival to last token, or None.
        percentile: Share of requests for which each limit must hold, above 0 and at most 1.

    Raises:
        ValueError: A limit is not above 0, or the percentile is not a share.
    """

    ttft_s: float | None = None
    tpot_s: float | None = None
    e2e_s: float | None = None
    percentile: float = 0.99

    def __post_init__(self) -> None:
        for name in ("ttft_s", "tpot_s", "e2e_s"):
            value = getattr(self, name)
            if value is not None and not finite_number(name, value) > 0:
                raise ValueError(f"{name} must be above 0 seconds, got {value}")
        if not 0 < finite_number("percentile", self.percentile) <= 1:
            raise ValueError(f"percentile must be above 0 and at most 1, got {self.percentile}")

    def to_dict(self) -> dict[str, float | None]:
        """Plain values for JSON."""
        return {name: getattr(self, name) for name in ("ttft_s", "tpot_s", "e2e_s", "percentile")}


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Equal machines that serve one model behind one name.

    An LPU pool hands out pipeline slots and KV pages; a GPU pool batches continuously with chunked prefill
    and block KV; an API pool has the provider's listed speed. LPU and GPU pools reserve the KV of a request's
    whole final context at admission, first come first served, so nothing is preempted.

    Attributes:
        model, system: What runs on what.
        name: In results; None is "MODEL on SYSTEM".
        weights: Number format of the weights; None is what `estimate` takes.
        kv: Number format of the KV cache; None is "fp16".
        partition: (tensor_chips, stage_count) of an LPU machine; None takes the one with the least time per
            token.
        replicas: Machines of `system.chip_count` chips each. A request goes to the least loaded one.
        max_context: Longest input + output the LPU's timing table covers; None is the longest of the trace.
        max_sequences: Most sequences admitted to a machine at once; None leaves it to KV (LPU) or 256 (GPU).
        max_batch_tokens: Token budget of a GPU iteration, prefill and decode together.
        block_tokens: Tokens of a GPU's KV block.
        prefill_first: Let prefill chunks go before ready decode tokens on an LPU.
        usd_per_million_input_tokens, usd_per_million_output_tokens: What a router compares; None is the list
            price of an API and 0 elsewhere.
        timing: A `PipelineTiming` or `BatchTiming` in place of the one built from model and system.

    Examples:
        >>> import lpusim
        >>> pool = lpusim.Pool(lpusim.load_model("llama-3.1-8b"), lpusim.load_system("h100-1"))
        >>> trace = lpusim.generate_trace(20, arrivals="constant", requests_per_s=2)
        >>> lpusim.serve([pool], trace).summary()["completed"]
        20
    """

    model: Any
    system: Any
    name: str | None = None
    _: KW_ONLY
    weights: str | None = None
    kv: str | None = None
    partition: tuple[int, int] | None = None
    replicas: int = 1
    max_context: int | None = None
    max_sequences: int | None = None
    max_batch_tokens: int = 2048
    block_tokens: int = 16
    prefill_first: bool = False
    usd_per_million_input_tokens: float | None = None
    usd_per_million_output_tokens: float | None = None
    timing: Any = None

    def __post_init__(self) -> None:
        if self.timing is None:
            if not isinstance(self.model, Model):
                raise TypeError(f"model of a pool must come from load_model, got {shown(self.model)}")
            if not isinstance(self.system, System):
                raise TypeError(f"system of a pool must come from load_system, got {shown(self.system)}")
        elif not isinstance(self.timing, _core.device.PipelineTiming | _core.device.BatchTiming):
            raise TypeError(f"timing must be a PipelineTiming or BatchTiming, got {shown(self.timing)}")
        for name in ("name", "weights", "kv"):
            if getattr(self, name) is not None:
                some_text(f"{name} of a pool", getattr(self, name))
        whole_number("replicas", self.replicas, 1, _REPLICAS_MAX)
        for name in ("max_context", "max_sequences", "max_batch_tokens", "block_tokens"):
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name), 1, _core.serve.TOKENS_MAX)
        for name in ("usd_per_million_input_tokens", "usd_per_million_output_tokens"):
            usd = getattr(self, name)
            if usd is not None and finite_number(f"the price {name}", usd) < 0:
                raise ValueError(f"the price {name} must be 0 or more, got {usd}")

    @property
    def label(self) -> str:
        """`name`, or model and system."""
        return self.name if self.name is not None else f"{self.model.name} on {self.system.name}"

    @property
    def kind(self) -> str:
        """What the system is: "lpu", "gpu", "cpu" or "api"."""
        if self.system is not None:
            return str(self.system.kind)
        return "lpu" if isinstance(self.timing, _core.device.PipelineTiming) else "gpu"

    @property
    def chip_count(self) -> int:
        """Chips of all replicas; 0 for an API or where only a timing is given."""
        return self.replicas * self.system.chip_count if self.system is not None else 0


class Columns(Mapping[str, NDArray[Any]]):
    """Named columns of equal length, as items or attributes: `c["arrival_s"]` is `c.arrival_s`. Read-only."""

    __slots__ = ("_columns",)

    def __init__(self, columns: Mapping[str, NDArray[Any]]) -> None:
        self._columns = dict(columns)
        for column in self._columns.values():
            column.flags.writeable = False

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[name]

    def __getattr__(self, name: str) -> NDArray[Any]:
        if name != "_columns" and name in self._columns:
            return self._columns[name]
        raise AttributeError(f"no column {name!r}; there are {', '.join(self)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        rows = len(next(iter(self._columns.values()))) if self._columns else 0
        return f"Columns({rows} rows: {', '.join(self)})"


@dataclass(frozen=True, eq=False)
class ServeResult:
    """What became of each request, and what each pool did.

    Attributes:
        requests: One row a request, in order of arrival: arrival_s, first_token_s, finish_s (float64; NaN
            where rejected), the same as exact integers arrival_ps, first_token_ps, finish_ps (-1 where
            rejected), input_tokens, output_tokens, pool (name, empty where rejected), status ("finished" or
            "rejected").
        pools: One row a pool: name, kind, replicas, chip_count, requests, input_tokens, output_tokens,
            prefill_items, decode_items, steps (GPU iterations), busy_s (summed over replicas: how long the
            slowest pipeline stage or the batch was held), duration_s, busy_share (busy_s over replicas x
            duration_s), kv_capacity_tokens, kv_share_mean and kv_share_peak (reserved, over capacity).
        duration_s: First arrival to last token.
        slo, policy, seed, trace_name, trace_description: What was asked.
        fleet: The pools that served, with what they left open decided.
        price: What `cost` rests on, as in `estimate`.
    """

    requests: Columns
    pools: Columns
    duration_s: float
    slo: Slo | None
    policy: str
    seed: int
    trace_name: str
    trace_description: str
    fleet: tuple[Pool, ...]
    price: Price
    _again: Callable[[Sequence[Pool]], ServeResult] = field(repr=False)

    @functools.cached_property
    def bills(self) -> tuple[Bill, ...]:
        """What each pool cost and drew over the run, in the order of `fleet`."""
        rows = [{name: column[i] for name, column in self.pools.items()} for i in range(len(self.fleet))]
        return tuple(
            bill_of_pool(pool, row, price=self.price) for pool, row in zip(self.fleet, rows, strict=True)
        )

    @functools.cached_property
    def cost(self) -> Cost:
        """All pools together, APIs at list price; see `Cost`."""
        done = self.finished
        return cost_of(
            self.bills,
            duration_s=self.duration_s,
            input_tokens=int(self.requests.input_tokens[done].sum()),
            output_tokens=int(self.requests.output_tokens[done].sum()),
            requests=int(done.sum()),
            price=self.price,
        )

    @property
    def energy(self) -> Energy:
        """Joules per output token at three boundaries; NaN where an API pool took part."""
        return energy_of(self.bills, output_tokens=int(self.requests.output_tokens[self.finished].sum()))

    @property
    def joules_per_token(self) -> float:
        """Joules per output token at the meter; NaN where an API pool took part."""
        return self.energy.facility

    @functools.cached_property
    def values(self) -> dict[str, float]:
        """The run in a dozen numbers, units in their names. Latencies are infinite where nothing finished."""
        summary = self.summary()

        def seconds(key: str) -> float:
            return math.inf if summary[key] is None else float(summary[key]) / 1e3

        tpot_p50_s = seconds("median_tpot_ms")
        cost = self.cost
        capacity_s = float((self.pools.replicas * self.pools.duration_s).sum())
        return {
            "chip_count": float(self.pools.chip_count.sum()),
            "ttft_p50_s": seconds("median_ttft_ms"),
            "ttft_p99_s": seconds("p99_ttft_ms"),
            "tpot_p50_s": tpot_p50_s,
            "tpot_p99_s": seconds("p99_tpot_ms"),
            "tokens_per_second_per_user": 1 / tpot_p50_s if tpot_p50_s > 0 else 0.0,
            "tokens_per_second": summary["output_throughput"],
            "goodput_requests_per_second": summary["request_goodput"] or 0.0,
            "slo_attainment": summary["slo_attainment"] or 0.0,
            "usd_per_million_output_tokens_used": cost.usd_per_million_output_tokens.used,
            "usd_per_million_output_tokens_reserved": cost.usd_per_million_output_tokens.reserved,
            "usd_per_month": cost.usd_per_month.reserved,
            "joules_per_token": self.joules_per_token,
            "utilisation": min(1.0, float(self.pools.busy_s.sum()) / capacity_s) if capacity_s > 0 else 0.0,
        }

    @functools.cached_property
    def assumptions(self) -> tuple[Assumption, ...]:
        """Every assumed parameter of the pools' machines, with its range and source."""
        return assumptions_of(parameters_of(self.fleet))

    @functools.cached_property
    def bounds(self) -> dict[str, Bound]:
        """Name -> (low, high) of `values` over the ranges of all assumed parameters; contains the values.

        The trace runs again for every end of a range that touches time. An LPU machine that would
        hold less cache than before gets more stages of the same size.
        """
        runs = functools.cache(lambda times: self._again(moved_pools(self.fleet, dict(times))))

        def evaluate(moved: Mapping[str, Value]) -> Mapping[str, float]:
            times = {name: value for name, value in moved.items() if touches_time(name)}
            try:
                run = runs(tuple(sorted(times.items()))) if times else self
            except CapacityError:
                return dict.fromkeys(self.values, math.inf) | dict.fromkeys(_RATES, 0.0)
            rest = {name: value for name, value in moved.items() if name not in times}
            return replace(run, fleet=moved_pools(run.fleet, rest)).values if rest else run.values

        return bounds_of(parameters_of(self.fleet), evaluate)

    @property
    def has_bounds(self) -> bool:
        """Whether `bounds` were asked for already; they take a run of the trace for every end of a range."""
        return "bounds" in self.__dict__

    @functools.cached_property
    def finished(self) -> NDArray[np.bool_]:
        """Which requests finished."""
        return np.asarray(self.requests.status == STATUSES[0])

    @functools.cached_property
    def ttft_s(self) -> NDArray[np.float64]:
        """Time to first token; NaN where rejected."""
        return self._seconds_between("arrival_ps", "first_token_ps")

    @functools.cached_property
    def tpot_s(self) -> NDArray[np.float64]:
        """(last - first token) / (outputs - 1); NaN where rejected or with one output."""
        later = self.requests.output_tokens - 1
        gaps = np.where(later > 0, later, 1)
        spans_ps = self.requests.finish_ps - self.requests.first_token_ps
        return np.where(self.finished & (later > 0), spans_ps / gaps / _PS_PER_S, np.nan)

    @functools.cached_property
    def e2e_s(self) -> NDArray[np.float64]:
        """Arrival to last token; NaN where rejected."""
        return self._seconds_between("arrival_ps", "finish_ps")

    def _seconds_between(self, start: str, end: str) -> NDArray[np.float64]:
        # Subtracted as integers, so a late request loses no digits.
        return np.where(self.finished, (self.requests[end] - self.requests[start]) / _PS_PER_S, np.nan)

    def good(self, slo: Slo | None = None) -> NDArray[np.bool_]:
        """Which requests finished and met every limit of `slo` (default: the run's), if there is one."""
        good = self.finished.copy()
        slo = slo or self.slo
        if slo is not None:
            for limit, values in self._limits(slo):
                good &= np.isnan(values) | (values <= limit)
        return good

    def meets_slo(self, slo: Slo | None = None) -> bool:
        """Whether nothing was rejected and each limit holds for the SLO's share of the requests.

        Raises:
            ValueError: Neither this call nor the run has an SLO.
        """
        slo = slo or self.slo
        if slo is None:
            raise ValueError("meets_slo needs an SLO: pass one here or to serve")
        if not self.finished.all():
            return False
        for limit, values in self._limits(slo):
            stated = values[~np.isnan(values)]
            if len(stated) and np.count_nonzero(stated <= limit) < slo.percentile * len(stated):
                return False
        return True

    def _limits(self, slo: Slo) -> list[tuple[float, NDArray[np.float64]]]:
        pairs = ((slo.ttft_s, self.ttft_s), (slo.tpot_s, self.tpot_s), (slo.e2e_s, self.e2e_s))
        return [(limit, values) for limit, values in pairs if limit is not None]

    def summary(self) -> dict[str, Any]:
        """The keys of `vllm bench serve` (durations in s, latencies in ms), plus `slo_attainment`.

        `failed` are rejected requests. `request_goodput` and `slo_attainment` (share of all requests that are
        good) are None without an SLO. TPOT leaves out requests with one output. `mean_itl_ms` is the mean
        over all gaps; other ITL statistics need every token's time, which is not kept. Latencies are None
        when nothing finished.
        """
        done = self.finished
        duration = self.duration_s
        tokens_in = int(self.requests.input_tokens[done].sum())
        tokens_out = int(self.requests.output_tokens[done].sum())
        good = int(np.count_nonzero(self.good()))

        def rate(count: float) -> float:
            return count / duration if duration > 0 else 0.0

        gaps = int((self.requests.output_tokens[done] - 1).sum())
        spans = float(self._seconds_between("first_token_ps", "finish_ps")[done].sum())
        result: dict[str, Any] = {
            "duration": duration,
            "completed": int(done.sum()),
            "failed": int((~done).sum()),
            "total_input_tokens": tokens_in,
            "total_output_tokens": tokens_out,
            "request_throughput": rate(int(done.sum())),
            "request_goodput": rate(good) if self.slo is not None else None,
            "slo_attainment": good / max(1, len(done)) if self.slo is not None else None,
            "output_throughput": rate(tokens_out),
            "total_token_throughput": rate(tokens_in + tokens_out),
            "max_concurrent_requests": self._max_concurrent(),
        }
        for name, values in (("ttft", self.ttft_s), ("tpot", self.tpot_s), ("e2el", self.e2e_s)):
            stated = values[~np.isnan(values)] * 1e3
            some = len(stated) > 0
            result[f"mean_{name}_ms"] = float(stated.mean()) if some else None
            result[f"median_{name}_ms"] = float(np.median(stated)) if some else None
            result[f"std_{name}_ms"] = float(stated.std()) if some else None
            for p in _PERCENTILES:
                result[f"p{p}_{name}_ms"] = float(np.percentile(stated, p)) if some else None
        result["mean_itl_ms"] = spans / gaps * 1e3 if gaps else None
        return result

    def __str__(self) -> str:
        from lpusim._format import serve_screen

        return serve_screen(self)

    def _priced(self, of: Callable[[], Any]) -> Any:
        """None where a pool is only a timing: it has no price and no power."""
        return None if any(pool.system is None for pool in self.fleet) else of()

    def _max_concurrent(self) -> int:
        """Most requests between arrival and finish at one time; one that ends as another arrives has left."""
        done = self.finished
        times = np.concatenate((self.requests.finish_ps[done], self.requests.arrival_ps[done]))
        steps = np.concatenate((np.full(done.sum(), -1), np.full(done.sum(), 1)))
        order = np.argsort(times, kind="stable")  # finishes stand first, so they win ties
        return int(np.cumsum(steps[order]).max(initial=0))

    def to_columns(self) -> dict[str, NDArray[Any]]:
        """One row a request, int64 and float64: `pool` is a row of `pools` or -1, `status` 1 if rejected."""
        columns = dict(self.requests)
        index = {name: i for i, name in enumerate(self.pools.name.tolist())}
        columns["pool"] = np.array(
            [index.get(name, -1) for name in self.requests.pool.tolist()], dtype=np.int64
        )
        columns["status"] = (~self.finished).astype(np.int64)
        return columns

    def to_dict(self) -> dict[str, Any]:
        """Summary, pools, values and assumptions as plain values for JSON, with what was asked.

        `bounds` are null unless they were asked for before. Requests are in `to_columns`.
        """
        pools = {name: column.tolist() for name, column in self.pools.items()}
        return {
            "schema": _SCHEMA,
            "trace": {"name": self.trace_name, "description": self.trace_description},
            "policy": self.policy,
            "seed": self.seed,
            "slo": self.slo.to_dict() if self.slo is not None else None,
            "summary": self.summary(),
            "pools": [
                {name: values[i] for name, values in pools.items()} for i in range(len(self.pools.name))
            ],
            "values": self._priced(lambda: self.values),
            "bounds": {
                name: {"low": bound.low, "high": bound.high, "widened_most_by": bound.widened_by}
                for name, bound in self.bounds.items()
            }
            if self.has_bounds
            else None,
            "assumptions": [asdict(assumption) for assumption in self.assumptions],
            "cost": self._priced(lambda: self.cost.to_dict()),
            "joules_per_token": self._priced(
                lambda: {
                    name: value if math.isfinite(value := getattr(self.energy, name)) else None
                    for name in ("chip", "it", "facility")
                }
            ),
        }


def serve(
    pools: Sequence[Pool] | Pool,
    trace: Trace,
    slo: Slo | None = None,
    policy: Policy = "round-robin",
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    price: Price = "owner",
) -> ServeResult:
    """Run a trace through pools until everything has finished.

    Args:
        pools: One or more, of any kinds.
        trace: From `load_trace` or `generate_trace`.
        slo: Limits for goodput and for the router.
        policy: Which pool takes a request: "round-robin", "random", "least-loaded" (fewest outstanding
            tokens) or "cheapest-meeting-slo" (the cheapest pool predicted to meet the SLO's TTFT and TPOT,
            else the one predicted to finish first). Only pools that can hold the final context are asked.
        seed: Of "random".
        progress: Called about ten times a second with requests submitted and requests in all.
        price: What the machines cost, as in `estimate`; an API has its list price.

    Raises:
        CapacityError: A model does not fit its system.
        TypeError: `pools` or `trace` are something else.
        ValueError: A pool's parameter is wrong, two pools share a name, or simulated time ends (53 days).

    Examples:
        >>> import lpusim
        >>> pool = lpusim.Pool(lpusim.load_model("llama-3.1-8b"), lpusim.load_system("api:groq"), name="api")
        >>> result = lpusim.serve([pool], lpusim.generate_trace(5))
        >>> result.requests.status.tolist()
        ['finished', 'finished', 'finished', 'finished', 'finished']
    """
    pools = [pools] if isinstance(pools, Pool) else list(pools)
    some_text("policy", policy)
    seed = whole_number("seed", seed, 0, _SEED_MAX)
    for pool in pools:
        if not isinstance(pool, Pool):
            raise TypeError(f"serve takes pools (lpusim.Pool), got {pool!r}")
    if not isinstance(trace, Trace):
        raise TypeError(f"serve takes a Trace (load_trace or generate_trace), got {type(trace).__name__}")
    if slo is not None and not isinstance(slo, Slo):
        raise TypeError(f"slo must be an lpusim.Slo, got {type(slo).__name__}")
    context = int((trace.input_tokens + trace.output_tokens).max(initial=1))
    pools = [decided(pool, context) for pool in pools]
    outcome: dict[str, Any] = _core.serve.run(
        [_spec(pool) for pool in pools],
        arrival_ps=trace.arrival_ps,
        input_tokens=trace.input_tokens,
        output_tokens=trace.output_tokens,
        policy=policy,
        slo_ttft_ps=_limit_ps(slo.ttft_s if slo else None),
        slo_tpot_ps=_limit_ps(slo.tpot_s if slo else None),
        seed=seed,
        progress=_throttled(progress),
    )
    duration_s = (outcome["end_ps"] - outcome["start_ps"]) / _PS_PER_S
    return ServeResult(
        requests=_request_columns(pools, trace, outcome),
        pools=_pool_columns(pools, outcome["pools"], duration_s),
        duration_s=duration_s,
        slo=slo,
        policy=policy,
        seed=seed,
        trace_name=trace.name,
        trace_description=trace.description,
        fleet=tuple(pools),
        price=price,
        _again=lambda moved: serve(moved, trace, slo=slo, policy=policy, seed=seed, price=price),
    )


def _spec(pool: Pool) -> Any:
    """The core's description of a pool."""
    usd_in, usd_out = pool.usd_per_million_input_tokens, pool.usd_per_million_output_tokens
    make = _core.serve.PoolSpec
    if pool.kind == "api":
        prices = pool.system.prices(pool.model.name)
        if pool.replicas != 1:
            raise ValueError(f"pool {pool.label!r}: an API has no replicas, got replicas={pool.replicas}")
        usd_in = prices["usd_per_million_input_tokens"].value if usd_in is None else usd_in
        usd_out = prices["usd_per_million_output_tokens"].value if usd_out is None else usd_out
        return make.api(
            name=pool.label,
            time_to_first_token_ps=_round_ps(prices["time_to_first_token_s"].value),
            time_per_output_token_ps=_round_ps(1 / prices["tokens_per_second_per_user"].value),
            usd_per_input_token=usd_in / 1e6,
            usd_per_output_token=usd_out / 1e6,
        )
    shared: dict[str, Any] = {
        "name": pool.label,
        "replicas": pool.replicas,
        "usd_per_input_token": (usd_in or 0.0) / 1e6,
        "usd_per_output_token": (usd_out or 0.0) / 1e6,
    }
    if pool.kind == "lpu":
        return make.pipeline(
            timing=pool.timing or lpu_plan_of(pool).core.timing(pool.max_context),
            max_sequences=pool.max_sequences or 0,
            prefill_first=pool.prefill_first,
            **shared,
        )
    batch: dict[str, Any] = {} if pool.max_sequences is None else {"max_sequences": pool.max_sequences}
    return make.batch(
        timing=pool.timing or batch_plan_of(pool).core,
        max_batch_tokens=pool.max_batch_tokens,
        block_tokens=pool.block_tokens,
        **batch,
        **shared,
    )


def _request_columns(pools: Sequence[Pool], trace: Trace, outcome: Mapping[str, Any]) -> Columns:
    rejected = outcome["status"] != 0

    def seconds(column: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.where(rejected, np.nan, column / _PS_PER_S)

    names = np.array([*(pool.label for pool in pools), ""])
    return Columns(
        {
            "arrival_s": trace.arrival_ps / _PS_PER_S,
            "first_token_s": seconds(outcome["first_token_ps"]),
            "finish_s": seconds(outcome["finish_ps"]),
            "arrival_ps": trace.arrival_ps,
            "first_token_ps": outcome["first_token_ps"],
            "finish_ps": outcome["finish_ps"],
            "input_tokens": trace.input_tokens,
            "output_tokens": trace.output_tokens,
            "pool": names[outcome["pool"]],  # -1 is the empty name at the end
            "status": np.array(STATUSES)[outcome["status"]],
        }
    )


def _pool_columns(pools: Sequence[Pool], done: Mapping[str, Any], duration_s: float) -> Columns:
    replicas = np.array([pool.replicas for pool in pools], dtype=np.int64)
    busy_s = done["busy_ps"] / _PS_PER_S
    offered_s = np.maximum(replicas * duration_s, 1e-12)
    units = np.maximum(done["kv_units"], 1)
    return Columns(
        {
            "name": np.array([pool.label for pool in pools]),
            "kind": np.array([pool.kind for pool in pools]),
            "replicas": replicas,
            "chip_count": np.array([pool.chip_count for pool in pools], dtype=np.int64),
            "requests": done["finished"],
            "input_tokens": done["input_tokens"],
            "output_tokens": done["output_tokens"],
            "prefill_items": done["prefill_items"],
            "decode_items": done["decode_items"],
            "steps": done["steps"],
            "busy_s": busy_s,
            "duration_s": np.full(len(pools), duration_s),
            "busy_share": busy_s / offered_s,
            "kv_capacity_tokens": done["kv_units"] * done["kv_unit_tokens"],
            "kv_share_mean": done["kv_unit_ps"] / (units * max(duration_s, 1e-12) * _PS_PER_S),
            "kv_share_peak": done["kv_units_peak"] / units,
        }
    )


def _round_ps(seconds: float) -> int:
    return max(1, round(seconds * _PS_PER_S))


def _limit_ps(seconds: float | None) -> int:
    never: int = _core.serve.NEVER_PS
    return never if seconds is None or seconds * _PS_PER_S >= never else _round_ps(seconds)


def _throttled(progress: Callable[[int, int], None] | None) -> Callable[[int, int], None] | None:
    """Passes on about ten calls a second, and the last."""
    if progress is None:
        return None
    shown_s = -math.inf

    def report(done: int, total: int) -> None:
        nonlocal shown_s
        now_s = time.monotonic()
        if done == total or now_s - shown_s >= _PROGRESS_INTERVAL_S:
            shown_s = now_s
            progress(done, total)

    return report
