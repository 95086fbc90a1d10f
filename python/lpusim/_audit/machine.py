"""Checks of what a claim says about its machine: hardware, capacity, bandwidth, compute, latency."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from lpusim._audit.case import Case, Finding, Reading, judge
from lpusim._format import number, quantity

__all__ = [
    "check_bandwidth",
    "check_capacity",
    "check_compute",
    "check_hardware",
    "check_latency",
    "check_together",
    "compute_passes",
    "least_token_time_s",
]


def check_hardware(case: Case) -> list[Finding]:
    """Whether the chip is public and the claim says how many there are."""
    claim, findings = case.claim, []
    if not case.chip_is_public:
        names = ", ".join(chip.name for chip in case.chips)
        what = "the claim names no chip" if claim.chip is None else f"no public chip is called {claim.chip!r}"
        findings.append(Finding(name="hardware", status="unknown", reason=f"{what}; read as {names}"))
    sized = claim.chips is not None or claim.nodes is not None
    if not sized and claim.model is not None:
        findings.append(
            Finding(
                name="machine size",
                status="unknown",
                reason="the claim says neither chips nor nodes, so capacity and speed cannot be checked",
            )
        )
    elif claim.chips is None and claim.nodes is not None and claim.chips_per_node is None:
        counts = " or ".join(str(claim.nodes * each) for each in claim.chips_per_node_readings)
        findings.append(
            Finding(
                name="node",
                status="depends",
                claimed=claim.nodes,
                unit="nodes",
                reason=f"the claim does not say what a node holds; read as {counts} chips in all",
            )
        )
    if claim.chips is not None and claim.nodes is not None and claim.chips_per_node is not None:
        product = claim.nodes * claim.chips_per_node
        if product != claim.chips:
            findings.append(
                Finding(
                    name="machine size",
                    status="contradicts",
                    claimed=claim.chips,
                    bound=product,
                    unit="chips",
                    reason=f"{claim.nodes} nodes of {claim.chips_per_node} chips are {product} chips",
                )
            )
    return findings


def check_capacity(case: Case) -> list[Finding]:
    """Whether the weights and one request's cache fit."""
    readings = case.sized_readings
    if not readings:
        return []
    best = max(readings, key=lambda r: r.memory_bytes / r.needed_bytes)
    status = judge(readings, lambda r: r.fits)
    reason = (
        f"{best.label}: {quantity(best.needed_bytes, 'B')} needed, {quantity(best.memory_bytes, 'B')} there"
        f" ({number(best.needed_bytes / best.memory_bytes)} of it)"
    )
    if status == "fails":
        reason += f"; {best.chips_needed} chips would do"
    elif status == "depends":
        reason = _share(readings, lambda r: r.fits) + reason
    return [
        Finding(
            name="capacity",
            status=status,
            claimed=best.memory_bytes,
            bound=best.needed_bytes,
            unit="B",
            reason=reason,
        )
    ]


def bandwidth_passes(case: Case, reading: Reading) -> bool:
    return _bytes_per_s(case, reading) <= reading.chip.bytes_per_s * (reading.chips or 0)


def _bytes_per_s(case: Case, reading: Reading) -> float:
    """What one stream reads of the weights."""
    rate = case.claim.tokens_per_second_per_user or 0.0
    return (reading.active_bytes or 0.0) * rate / case.claim.tokens_per_step


def check_bandwidth(case: Case) -> list[Finding]:
    """Whether the active weights can be read once for every step of one stream."""
    readings = _speed_readings(case)
    if not readings:
        return []
    best = min(readings, key=lambda r: _bytes_per_s(case, r) / (r.chip.bytes_per_s * (r.chips or 1)))
    needed, there = _bytes_per_s(case, best), best.chip.bytes_per_s * (best.chips or 1)
    return [
        Finding(
            name="bandwidth",
            status=judge(readings, lambda r: bandwidth_passes(case, r)),
            claimed=needed,
            bound=there,
            unit="B/s",
            reason=_share(readings, lambda r: bandwidth_passes(case, r))
            + f"{best.label}: one stream reads {quantity(needed, 'B/s')},"
            f" {number(100 * needed / there)} % of {quantity(there, 'B/s')}",
        )
    ]


def compute_passes(case: Case, reading: Reading) -> bool:
    return _operations_per_s(case, reading) <= reading.chip.operations_per_s * (reading.chips or 0)


def _operations_per_s(case: Case, reading: Reading) -> float:
    return 2 * (reading.active_parameters or 0.0) * (case.claim.tokens_per_second_per_user or 0.0)


def check_compute(case: Case) -> list[Finding]:
    """Are there enough multipliers for one stream? Two operations a parameter and token."""
    readings = _speed_readings(case)
    if not readings:
        return []
    best = min(
        readings, key=lambda r: _operations_per_s(case, r) / (r.chip.operations_per_s * (r.chips or 1))
    )
    needed, there = _operations_per_s(case, best), best.chip.operations_per_s * (best.chips or 1)
    return [
        Finding(
            name="compute",
            status=judge(readings, lambda r: compute_passes(case, r)),
            claimed=needed,
            bound=there,
            unit="FLOP/s",
            reason=_share(readings, lambda r: compute_passes(case, r))
            + f"{best.label}: one stream needs {number(100 * needed / there)} % of the published rate",
        )
    ]


def least_token_time_s(case: Case, reading: Reading) -> float:
    """No token is faster: hops it must take, and its weights read by all chips at once.

    A model on C chips crosses at least C - 1 links when layers follow each other chip by chip, and at least
    one a layer when every layer is spread over chips; whichever is less.
    """
    layers = case.model.layers if case.model else 1
    hops = min(reading.chips_for_weights - 1, layers)
    read_s = (reading.active_bytes or 0.0) / (reading.chip.bytes_per_s * (reading.chips or 1))
    return hops * (reading.chip.hop_s or 0.0) + read_s


def latency_passes(case: Case, reading: Reading) -> bool:
    return least_token_time_s(case, reading) <= _step_budget_s(case)


def _step_budget_s(case: Case) -> float:
    return case.claim.tokens_per_step / (case.claim.tokens_per_second_per_user or math.inf)


def check_latency(case: Case) -> list[Finding]:
    """Whether the time per layer pays for the hops a layer cannot do without."""
    readings = _speed_readings(case)
    if not readings or case.model is None:
        return []
    best = min(readings, key=lambda r: least_token_time_s(case, r))
    layers = case.model.layers
    budget_s, least_s = _step_budget_s(case) / layers, least_token_time_s(case, best) / layers
    hop_s = best.chip.hop_s
    reason = _share(readings, lambda r: latency_passes(case, r))
    reason += f"{best.label}: {quantity(budget_s, 's')} for each of {layers} layers"
    if hop_s is not None:
        reason += f" pays for {math.floor(budget_s / hop_s)} hops of {quantity(hop_s, 's')}"
    return [
        Finding(
            name="latency",
            status=judge(readings, lambda r: latency_passes(case, r)),
            claimed=budget_s,
            bound=least_s,
            unit="s/layer",
            reason=f"{reason}; the least is {quantity(least_s, 's')}",
        )
    ]


def _share(readings: Sequence[Reading], passes: Callable[[Reading], bool]) -> str:
    """How many readings pass, where some do and some do not."""
    passed = sum(map(passes, readings))
    return f"{passed} of {len(readings)} readings pass; best " if 0 < passed < len(readings) else ""


def check_together(case: Case) -> list[Finding]:
    """Whether there is one reading under which everything works at once."""
    readings = _speed_readings(case)
    alone = (check_capacity(case), check_bandwidth(case), check_compute(case), check_latency(case))
    if not readings or any(finding.status == "fails" for findings in alone for finding in findings):
        return []
    passing = [
        r
        for r in readings
        if r.fits and bandwidth_passes(case, r) and compute_passes(case, r) and latency_passes(case, r)
    ]
    if passing:
        return []
    return [
        Finding(
            name="together",
            status="fails",
            reason="each bound is met under some reading, but no reading meets them all",
        )
    ]


def _speed_readings(case: Case) -> list[Reading]:
    """Readings that a stated speed can be held against."""
    if case.claim.tokens_per_second_per_user is None:
        return []
    return [r for r in case.sized_readings if r.active_parameters is not None]
