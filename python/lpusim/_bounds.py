"""What a result rests on: assumed parameters with their ranges, and where values can lie within them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lpusim._presets import Parameter, Value

__all__ = ["Assumption", "Bound", "assumptions_of", "bounds_of"]

Evaluate = Callable[[Mapping[str, Value]], Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Assumption:
    """A number the result rests on that no owner published."""

    name: str
    value: float
    low: float
    high: float
    unit: str
    source: str

    @classmethod
    def of(cls, name: str, parameter: Parameter) -> Assumption:
        """From a spec's parameter; without a range it stands for itself."""
        value = float(parameter.value)
        low = value if parameter.low is None else parameter.low
        high = value if parameter.high is None else parameter.high
        return cls(name, value, low, high, parameter.unit, parameter.source)


class Bound(tuple[float, float]):
    """(low, high): where a value can lie when every assumed parameter moves within its range.

    Attributes:
        widened_by: The parameter whose range alone moves the value most; empty when none does.
    """

    widened_by: str

    def __new__(cls, low: float, high: float, widened_by: str = "") -> Bound:
        bound = super().__new__(cls, (low, high))
        bound.widened_by = widened_by
        return bound

    @property
    def low(self) -> float:
        return self[0]

    @property
    def high(self) -> float:
        return self[1]


def assumptions_of(parameters: Mapping[str, Parameter]) -> tuple[Assumption, ...]:
    """Every assumed number among `parameters`."""
    return tuple(
        Assumption.of(name, parameter)
        for name, parameter in parameters.items()
        if parameter.status == "assumed" and not isinstance(parameter.value, str)
    )


def bounds_of(parameters: Mapping[str, Parameter], evaluate: Evaluate) -> dict[str, Bound]:
    """Bounds of every value of `evaluate` over the ranges of the assumed parameters.

    Each parameter is moved alone to both ends of its range; then, for each value, all are moved together to
    the ends that lower it, and to the ends that raise it. The bound is the least and the largest value met,
    so it always contains the point.

    Args:
        parameters: By name; those with status "assumed" and a range are moved.
        evaluate: The values when the parameters named by its argument stand elsewhere; `{}` is the point.
    """
    point = dict(evaluate({}))
    low, high = dict(point), dict(point)
    widest: dict[str, tuple[float, str]] = dict.fromkeys(point, (0.0, ""))
    lowering: dict[str, dict[str, Value]] = {value: {} for value in point}
    raising: dict[str, dict[str, Value]] = {value: {} for value in point}

    def meet(values: Mapping[str, float]) -> None:
        for value in point:
            low[value] = min(low[value], values[value])
            high[value] = max(high[value], values[value])

    for name, parameter in parameters.items():
        if parameter.status != "assumed" or parameter.low is None or parameter.high is None:
            continue
        if parameter.low == parameter.high:
            continue
        ends = [_like(parameter.value, end) for end in (parameter.low, parameter.high)]
        at_low, at_high = (evaluate({name: end}) for end in ends)
        meet(at_low)
        meet(at_high)
        for value, here in point.items():
            met = (here, at_low[value], at_high[value])
            spread = max(met) - min(met)
            if spread > widest[value][0]:
                widest[value] = (spread, name)
            if at_low[value] != at_high[value]:
                rises = at_low[value] < at_high[value]
                lowering[value][name], raising[value][name] = ends if rises else reversed(ends)
    corners: set[tuple[tuple[str, Value], ...]] = set()
    for moves in (*lowering.values(), *raising.values()):
        key = tuple(sorted(moves.items()))
        if len(key) > 1 and key not in corners:
            corners.add(key)
            meet(evaluate(moves))
    return {value: Bound(low[value], high[value], widest[value][1]) for value in point}


def _like(old: object, new: float) -> int | float:
    """`new` as an integer where the parameter is one."""
    return round(new) if isinstance(old, int) and not isinstance(old, bool) else new
