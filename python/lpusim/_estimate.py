"""`estimate`: one model on one system, at one batch and context, as values with bounds and assumptions."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lpusim._bounds import Assumption, Bound, assumptions_of, bounds_of
from lpusim._cost import ApiPrice, Cost, Energy, Price, Terms, api_cost, energy_per_token, fleet_cost
from lpusim._machine import ApiPlan, LpuPlan, batch_plan, clock_is_public, lpu_plan, native_format
from lpusim._model import Model, load_model
from lpusim._presets import Value
from lpusim._system import System, load_system
from lpusim.errors import CapacityError

__all__ = ["Estimate", "estimate"]

_PS = 1e-12
_PRICES = (
    "usd_per_million_output_tokens",
    "usd_per_million_input_tokens",
    "usd_per_million_total_tokens",
    "usd_per_request",
    "usd_per_month",
)
_RATES = ("tokens_per_second_per_user", "tokens_per_second")
#: What has bounds.
_VALUES = (
    "step_time_s",
    "time_to_first_token_s",
    "time_per_output_token_s",
    *_RATES,
    "joules_per_token",
    *_PRICES,
)


@dataclass(frozen=True, slots=True)
class _Question:
    """What was asked, without the machine."""

    model: Model
    batch: int
    input_tokens: int
    output_tokens: int
    context: int
    weights: str
    kv: str
    price: Price
    utilisation: float


@dataclass(frozen=True, slots=True)
class _Point:
    """What one machine answers."""

    step_cycles: int | None
    step_time_s: float
    time_to_first_token_s: float
    time_per_output_token_s: float
    tokens_per_second: float
    cost: Cost
    energy: Energy
    breakdown: dict[str, float]
    plan: Any
    notes: tuple[str, ...] = ()

    def values(self) -> dict[str, float]:
        cost = {name: getattr(self.cost, name).reserved for name in _PRICES}
        return {
            "step_time_s": self.step_time_s,
            "time_to_first_token_s": self.time_to_first_token_s,
            "time_per_output_token_s": self.time_per_output_token_s,
            "tokens_per_second_per_user": 1 / self.time_per_output_token_s,
            "tokens_per_second": self.tokens_per_second,
            "joules_per_token": self.energy.facility,
            **cost,
        }


@dataclass(frozen=True, eq=False)
class Estimate:
    """What a system does with a model at one operating point. Times in seconds, money in USD.

    Attributes:
        step_cycles: Cycles of one decode step at `context`; None where the chip's clock is not public.
        step_time_s: One decode step at `context`.
        time_to_first_token_s: One prompt of `input_tokens` on an otherwise idle machine.
        time_per_output_token_s: Mean over the output.
        tokens_per_second: Of all `batch` users together.
        joules_per_token: At the meter (facility boundary); `energy` has all three boundaries.
        breakdown: Where one decode step's time goes, name -> seconds; its sum is `step_time_s`.
        plan: How the model lies on the machine.
        notes: What is approximated, in words.
    """

    model: Model
    system: System
    batch: int
    input_tokens: int
    output_tokens: int
    context: int
    weights: str
    kv: str
    utilisation: float
    step_cycles: int | None
    step_time_s: float
    time_to_first_token_s: float
    time_per_output_token_s: float
    tokens_per_second: float
    cost: Cost
    energy: Energy
    breakdown: Mapping[str, float]
    plan: Any
    notes: tuple[str, ...]
    _evaluate: Callable[[System], _Point] = field(repr=False)

    @property
    def tokens_per_second_per_user(self) -> float:
        return 1 / self.time_per_output_token_s

    @property
    def joules_per_token(self) -> float:
        return self.energy.facility

    @functools.cached_property
    def assumptions(self) -> tuple[Assumption, ...]:
        """Every assumed parameter of the system, with its range and source; of an API, those of the model."""
        parameters = self.system.parameters()
        if self.system.kind == "api":
            parameters = {n: p for n, p in parameters.items() if n.startswith(f"{self.model.name}.")}
        return assumptions_of(parameters)

    @functools.cached_property
    def bounds(self) -> dict[str, Bound]:
        """Name -> (low, high) when every assumed parameter moves within its range; contains the point.

        A machine on which the model would no longer fit makes no token: times and prices reach infinity,
        rates zero.
        """
        return bounds_of(self.system.parameters(), self._values_with)

    def _values_with(self, moved: Mapping[str, Value]) -> Mapping[str, float]:
        try:
            return self._evaluate(self.system.with_values(moved)).values()
        except CapacityError:
            return dict.fromkeys(_VALUES, math.inf) | dict.fromkeys(_RATES, 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; units are in the key names."""
        return {
            "model": self.model.name,
            "system": self.system.name,
            "chip_count": self.system.chip_count,
            "batch": self.batch,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "context_tokens": self.context,
            "weights": self.weights,
            "kv": self.kv,
            "utilisation": self.utilisation,
            "step_cycles": self.step_cycles,
            "step_time_s": self.step_time_s,
            "time_to_first_token_s": self.time_to_first_token_s,
            "time_per_output_token_s": self.time_per_output_token_s,
            "tokens_per_second_per_user": self.tokens_per_second_per_user,
            "tokens_per_second": self.tokens_per_second,
            "joules_per_token": {
                "chip": self.energy.chip,
                "it": self.energy.it,
                "facility": self.energy.facility,
            },
            "cost": self.cost.to_dict(),
            "breakdown_s": dict(self.breakdown),
            "plan": self.plan.to_dict(),
            "bounds": {
                name: {"low": _json(b.low), "high": _json(b.high), "widened_most_by": b.widened_by}
                for name, b in self.bounds.items()
            },
            "assumptions": [
                {
                    "name": a.name,
                    "value": a.value,
                    "low": a.low,
                    "high": a.high,
                    "unit": a.unit,
                    "source": a.source,
                }
                for a in self.assumptions
            ],
            "notes": list(self.notes),
        }

    def to_columns(self) -> dict[str, NDArray[np.float64]]:
        """One row: every value with its bounds, as float64 columns of length 1."""
        columns: dict[str, NDArray[np.float64]] = {}
        for name, bound in self.bounds.items():
            value = getattr(self if hasattr(self, name) else self.cost, name)
            columns[name] = np.array([getattr(value, "reserved", value)], dtype=np.float64)
            columns[f"{name}_low"] = np.array([bound.low])
            columns[f"{name}_high"] = np.array([bound.high])
        return columns

    def __str__(self) -> str:
        from lpusim._format import estimate_screen

        return estimate_screen(self)


def estimate(
    model: Model | str | Mapping[str, Any],
    system: System | str | Mapping[str, Any],
    *,
    batch: int = 1,
    input_tokens: int = 1024,
    output_tokens: int = 1024,
    context: int | None = None,
    weights: str | None = None,
    kv: str | None = None,
    price: Price = "owner",
    utilisation: float = 1.0,
) -> Estimate:
    """Estimate speed, cost and energy of one model on one system.

    Args:
        model: A `Model`, or anything `load_model` takes.
        system: A `System`, or anything `load_system` takes.
        batch: Users served at once, all at the same context. On a pipelined machine they follow each other
            through the stages; on a GPU they share one step.
        input_tokens: Prompt length, at least 1.
        output_tokens: Answer length, at least 1.
        context: Tokens before the step that `step_*` describe; None is the middle of the output.
        weights: Number format of the weights; None takes the model's own where the chip computes it,
            otherwise the chip's one-byte (LPU) or two-byte (GPU) format.
        kv: Number format of the KV cache; None is "fp16".
        price: "owner", "rental", or USD per chip and hour. An API has its list price.
        utilisation: Share of wall time in which the machine works, more than 0, at most 1.

    Raises:
        CapacityError: The weights, or the batch's KV cache, do not fit; it says what is short by how much.
        ValueError: A name, format or number is wrong.

    Examples:
        >>> import lpusim
        >>> point = lpusim.estimate("llama-3.1-8b", "groq-lpu-v1-72", batch=1)
        >>> low, high = point.bounds["time_per_output_token_s"]
        >>> low <= point.time_per_output_token_s <= high
        True
    """
    model = model if isinstance(model, Model) else load_model(model)
    system = system if isinstance(system, System) else load_system(system)
    for name, value in (("batch", batch), ("input_tokens", input_tokens), ("output_tokens", output_tokens)):
        _require_count(name, value, at_least=1)
    middle = input_tokens + output_tokens // 2
    question = _Question(
        model=model,
        batch=batch,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        context=middle if context is None else _require_count("context", context, at_least=0),
        weights=weights or native_format(model, system),
        kv=kv or "fp16",
        price=price,
        utilisation=utilisation,
    )
    if not (isinstance(utilisation, int | float) and 0 < utilisation <= 1):
        raise ValueError(f"utilisation must be more than 0 and at most 1, got {utilisation!r}")
    answer = {"lpu": _lpu_point, "gpu": _gpu_point, "cpu": _gpu_point, "api": _api_point}[system.kind]
    point = answer(question, system)
    evaluate = functools.partial(answer, question)
    if isinstance(point.plan, LpuPlan):
        evaluate = functools.partial(
            _lpu_point_near, question, (point.plan.tensor_chips, point.plan.stage_count)
        )
    return Estimate(
        model=model,
        system=system,
        batch=batch,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        context=question.context,
        weights=question.weights,
        kv=question.kv,
        utilisation=utilisation,
        step_cycles=point.step_cycles,
        step_time_s=point.step_time_s,
        time_to_first_token_s=point.time_to_first_token_s,
        time_per_output_token_s=point.time_per_output_token_s,
        tokens_per_second=point.tokens_per_second,
        cost=point.cost,
        energy=point.energy,
        breakdown=point.breakdown,
        plan=point.plan,
        notes=point.notes,
        _evaluate=evaluate,
    )


def _lpu_point(question: _Question, system: System, partition: tuple[int, int] | None = None) -> _Point:
    plan = lpu_plan(
        question.model,
        system,
        weights=question.weights,
        kv=question.kv,
        sequences=question.batch,
        context=question.input_tokens + question.output_tokens,
        partition=partition,
    )
    cycles, _, breakdown = plan.core.step_cycles(1, question.context)
    contexts = np.arange(
        question.input_tokens, question.input_tokens + question.output_tokens, dtype=np.int64
    )
    latency, occupancy = plan.core.decode_table(contexts)
    # A user's next token waits for its own last one, and for its turn among `batch` users.
    tpot_s = float(np.maximum(latency, question.batch * occupancy).mean()) * _PS
    ttft_s = plan.core.prefill_ps(question.input_tokens) * _PS
    last_page = plan.core.step_cycles(plan.core.chunk_tokens, question.input_tokens)
    prefill_busy_s = -(-question.input_tokens // plan.core.chunk_tokens) * plan.seconds(last_page[1])
    decode_busy_s = question.output_tokens * float(occupancy.mean()) * _PS
    return _Point(
        step_cycles=cycles if clock_is_public(system) else None,
        step_time_s=plan.seconds(cycles),
        time_to_first_token_s=ttft_s,
        time_per_output_token_s=tpot_s,
        tokens_per_second=question.batch / tpot_s,
        breakdown={name: plan.seconds(value) for name, value in breakdown.items()},
        plan=plan,
        notes=_lpu_notes(question, plan, slots=float((latency / occupancy).mean())),
        **_money(question, system, ttft_s=ttft_s, tpot_s=tpot_s, busy_s=(prefill_busy_s, decode_busy_s)),
    )


def _lpu_point_near(question: _Question, partition: tuple[int, int], system: System) -> _Point:
    """What a machine with other parameters answers: the same partition where that still holds the model."""
    try:
        return _lpu_point(question, system, partition)
    except CapacityError:
        return _lpu_point(question, system)


def _lpu_notes(question: _Question, plan: LpuPlan, *, slots: float) -> tuple[str, ...]:
    """What is approximated, and what the price and the energy of a token carry beside its own work."""
    notes = list(_LPU_NOTES)
    if question.model.core.experts:
        notes.append(_EXPERT_NOTE)
    if question.batch < int(slots):
        notes.append(
            f"{question.batch} of {int(slots)} pipeline slots are in use; tokens pay for the idle ones too."
        )
    if (idle := plan.system.chip_count - plan.chips_used) > 0:
        notes.append(
            f"{idle} of {plan.system.chip_count} chips are left over by the partition, and paid for."
        )
    return tuple(notes)


_LPU_NOTES = (
    "Matmuls are verified chip programs of one-byte operands; 16-bit ones are bounded by four such passes.",
    "Norms, rotary positions, attention, activations, sampling and KV append are charged by stated bounds "
    "and do not overlap with anything (docs/model-status.md).",
)
_EXPERT_NOTE = (
    "Experts are cut over all chips of a group; the look-up of their addresses is charged as a plain read."
)


def _gpu_point(question: _Question, system: System) -> _Point:
    plan = batch_plan(question.model, system, weights=question.weights, kv=question.kv)
    plan.require_kv(question.batch, question.input_tokens + question.output_tokens)
    step_s = plan.decode_ps(question.batch, question.context) * _PS
    middle = question.input_tokens + question.output_tokens // 2
    tpot_s = plan.decode_ps(question.batch, middle) * _PS
    ttft_s = plan.prefill_ps(question.input_tokens) * _PS
    busy_s = (ttft_s, question.output_tokens * tpot_s / question.batch)
    return _Point(
        step_cycles=None,
        step_time_s=step_s,
        time_to_first_token_s=ttft_s,
        time_per_output_token_s=tpot_s,
        tokens_per_second=question.batch / tpot_s,
        breakdown=plan.breakdown_s(question.batch, question.context),
        plan=plan,
        notes=("GPU steps are a roofline with constant efficiencies.",),
        **_money(question, system, ttft_s=ttft_s, tpot_s=tpot_s, busy_s=busy_s),
    )


def _api_point(question: _Question, system: System) -> _Point:
    plan = ApiPlan.of(question.model, system)
    tpot_s = 1 / plan.value("tokens_per_second_per_user")
    ttft_s = plan.value("time_to_first_token_s")
    requests_per_second = question.batch / (ttft_s + tpot_s * (question.output_tokens - 1))
    cost = api_cost(
        ApiPrice(
            input=plan.value("usd_per_million_input_tokens"),
            output=plan.value("usd_per_million_output_tokens"),
            cached=plan.cached_price,
        ),
        output_tokens_per_second=requests_per_second * question.output_tokens,
        input_tokens_per_second=requests_per_second * question.input_tokens,
        requests_per_second=requests_per_second,
    )
    return _Point(
        step_cycles=None,
        step_time_s=tpot_s,
        time_to_first_token_s=ttft_s,
        time_per_output_token_s=tpot_s,
        tokens_per_second=question.batch / tpot_s,
        cost=cost,
        energy=Energy(math.nan, math.nan, math.nan),
        breakdown={"api": tpot_s},
        plan=plan,
        notes=("An API publishes prices and speeds only; its energy is not known.",),
    )


def _money(
    question: _Question, system: System, *, ttft_s: float, tpot_s: float, busy_s: tuple[float, float]
) -> dict[str, Any]:
    """Cost and energy while `batch` users are always there.

    A request holds its place for ttft + output x tpot; but the machine cannot finish requests faster than the
    busy time (prompt, answer) each of them takes.
    """
    terms = Terms.from_parameters(system.chip_count, system.parameters())
    request_s = max((ttft_s + question.output_tokens * tpot_s) / question.batch, sum(busy_s))
    return {
        "cost": fleet_cost(
            terms,
            output_tokens_per_second=question.output_tokens / request_s,
            input_tokens_per_second=question.input_tokens / request_s,
            requests_per_second=1 / request_s,
            utilisation=question.utilisation,
            price=question.price,
        ),
        "energy": energy_per_token(
            terms,
            tokens_per_second=question.output_tokens / request_s,
            utilisation=question.utilisation,
        ),
    }


def _json(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _require_count(name: str, value: int, *, at_least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an integer, got {type(value).__name__}")
    if not at_least <= value <= 10**9:
        raise ValueError(f"{name} must be from {at_least} to 1,000,000,000, got {value}")
    return value
