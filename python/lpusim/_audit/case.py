"""One claim, with everything it could mean laid out as readings."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lpusim._audit.claim import FORMAT_BITS, Claim
from lpusim._audit.facts import ChipFacts, ModelFacts, Public

__all__ = ["Case", "Finding", "Reading", "Status", "judge", "make_case"]

#: holds: true under every reading. depends: under some. fails: under none. contradicts: at odds with public
#: facts, itself or another claim. doubtful: allowed, yet likely a slip. unknown: cannot be checked.
Status: TypeAlias = Literal["holds", "depends", "fails", "contradicts", "doubtful", "unknown"]

#: Two numbers that differ by less are the same number, said with other digits.
SAME_WITHIN = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check: what the claim says or implies, and the `bound` it was held against, both in `unit`."""

    name: str
    status: Status
    claimed: float | None = None
    bound: float | None = None
    unit: str = ""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One thing the claim could mean: whose parameter counts, which format, which chip, how many.

    `chips` is None where the claim does not say how large the machine is; `active_parameters` where neither
    the claim nor a public model says it.
    """

    numbers: Literal["public", "claimed"]
    total_parameters: float
    active_parameters: float | None
    weights: str
    chip: ChipFacts
    chips: int | None
    context_bytes: float

    @property
    def label(self) -> str:
        machine = self.chip.name if self.chips is None else f"{self.chips} {self.chip.name}"
        return f"{machine}, {self.weights}, {self.numbers} parameters"

    @property
    def weight_bytes(self) -> float:
        return self.total_parameters * FORMAT_BITS[self.weights] / 8

    @property
    def needed_bytes(self) -> float:
        """Weights and one request's cache."""
        return self.weight_bytes + self.context_bytes

    @property
    def memory_bytes(self) -> float:
        return self.chip.memory_bytes * (self.chips or 0)

    @property
    def chips_for_weights(self) -> int:
        return math.ceil(self.weight_bytes / self.chip.memory_bytes)

    @property
    def chips_needed(self) -> int:
        return math.ceil(self.needed_bytes / self.chip.memory_bytes)

    @property
    def active_bytes(self) -> float | None:
        """Weight bytes read for one token."""
        if self.active_parameters is None:
            return None
        return self.active_parameters * FORMAT_BITS[self.weights] / 8

    @property
    def fits(self) -> bool:
        return self.chips is not None and self.needed_bytes <= self.memory_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A claim, the public facts beside it, and its readings."""

    claim: Claim
    public: Public
    model: ModelFacts | None
    chip_is_public: bool
    readings: tuple[Reading, ...]

    @property
    def sized_readings(self) -> list[Reading]:
        """Readings that say how many chips there are."""
        return [reading for reading in self.readings if reading.chips is not None]

    @property
    def chips(self) -> list[ChipFacts]:
        return list({reading.chip.name: reading.chip for reading in self.readings}.values()) or [
            self.public.chips[name] for name in _chip_names(self.claim, self.public)
        ]


def make_case(claim: Claim, public: Public) -> Case:
    """Lays out every combination of what the claim leaves open."""
    claimed = claim.claimed_model
    model = public.stand_in(claimed)
    counts: list[tuple[Literal["public", "claimed"], float, float | None]] = []
    if model is not None:
        counts.append(("public", model.total_parameters, model.active_parameters))
    if claimed is not None:
        total = claimed.total_parameters or (model.total_parameters if model else None)
        active = claimed.active_parameters
        if active is None and claimed.kind == "dense":
            active = total
        if active is None and model is not None:
            active = model.active_parameters
        same = model is not None and all(
            number is None or math.isclose(number, fact, rel_tol=SAME_WITHIN)
            for number, fact in ((total, model.total_parameters), (active, model.active_parameters))
        )
        if total is not None and not same:
            counts.append(("claimed", total, active))
    context_bytes = (claim.context_tokens or 0) * (model.kv_bytes_per_token if model else 0.0)
    chip_names = _chip_names(claim, public)
    return Case(
        claim=claim,
        public=public,
        model=model,
        chip_is_public=claim.chip in public.chips,
        readings=tuple(
            Reading(
                numbers=numbers,
                total_parameters=total,
                active_parameters=active,
                weights=weights,
                chip=public.chips[name],
                chips=chips,
                context_bytes=context_bytes,
            )
            for numbers, total, active in counts
            for weights in claim.weights
            for name in chip_names
            for chips in _chip_counts(claim)
        ),
    )


def _chip_names(claim: Claim, public: Public) -> list[str]:
    """The public chips it could mean: the one named, else the ones listed, else every chip of its sort."""
    if claim.chip is not None and claim.chip in public.chips:
        return [claim.chip]
    if claim.chip_readings:
        return list(claim.chip_readings)
    alike = [chip.name for chip in public.chips.values() if claim.chip and chip.kind in claim.chip.lower()]
    return alike or list(public.chips)


def _chip_counts(claim: Claim) -> Iterator[int | None]:
    if claim.chips is not None:
        yield claim.chips
    elif claim.nodes is None:
        yield None
    elif claim.chips_per_node is not None:
        yield claim.nodes * claim.chips_per_node
    else:
        for chips_per_node in claim.chips_per_node_readings:
            yield claim.nodes * chips_per_node


def judge(readings: Sequence[Reading], passes: Callable[[Reading], bool]) -> Status:
    """holds, depends or fails: how many of the readings pass."""
    passed = sum(map(passes, readings))
    return "fails" if passed == 0 else "holds" if passed == len(readings) else "depends"
