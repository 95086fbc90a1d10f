"""Claims put to the test: does it fit, which bound binds, does it contradict itself, what cannot be checked.

`claim` is what may be said, `facts` what is public, `case` everything a claim could mean; `model`, `machine`
and `money` are the checks. No check knows any particular claim: change a field and the verdict follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from lpusim._audit import machine, model, money
from lpusim._audit.case import Case, Finding, Reading, make_case
from lpusim._audit.claim import FORMAT_BITS, Claim, load_claim
from lpusim._audit.facts import Public, public_facts
from lpusim._audit.ledger import DEFAULT_TOKENS, ledgers
from lpusim._format import number, quantity, table, wrap
from lpusim._names import unknown_name
from lpusim._presets import Reference

__all__ = ["Audit", "Claim", "Finding", "Verdict", "audit"]

Verdict: TypeAlias = Literal["possible", "impossible", "contradictory", "unverifiable"]

#: What each verdict rests on, the graver first. A claim with none of these is possible.
_DECIDING: Mapping[Verdict, frozenset[str]] = {
    "impossible": frozenset({"fails"}),
    "contradictory": frozenset({"contradicts"}),
    "unverifiable": frozenset({"unknown", "doubtful"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What became of a claim.

    Attributes:
        claim: As read.
        verdict: "impossible" if a bound fails under every reading; else "contradictory" if it is at odds with
            public facts, itself or another claim; else "unverifiable" if something needed is not public or
            likely a slip; else "possible".
        findings: One for each check that applied, in the order of the checks.
        required: What would make it true, by name with its unit: only what the findings ask for.
        readings: Everything the claim could mean.
        assumptions: What was taken where the claim is silent.
    """

    claim: Claim
    verdict: Verdict
    findings: tuple[Finding, ...]
    required: Mapping[str, float]
    readings: tuple[Reading, ...]
    assumptions: tuple[str, ...]

    def finding(self, name: str) -> Finding:
        """The finding of that name. Raises ValueError listing the ones there are."""
        for finding in self.findings:
            if finding.name == name:
                return finding
        raise unknown_name("finding", name, [finding.name for finding in self.findings])

    @property
    def deciding(self) -> Finding | None:
        """The first finding that made the verdict; None where the claim is possible."""
        for verdict, statuses in _DECIDING.items():
            if verdict == self.verdict:
                return next(finding for finding in self.findings if finding.status in statuses)
        return None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "claim": self.claim.name,
            "statement": self.claim.statement,
            "verdict": self.verdict,
            "findings": [asdict(finding) for finding in self.findings],
            "required": dict(self.required),
            "readings": [
                {
                    "numbers": reading.numbers,
                    "weights": reading.weights,
                    "chip": reading.chip.name,
                    "chips": reading.chips,
                    "weight_bytes": reading.weight_bytes,
                    "memory_bytes": reading.memory_bytes if reading.chips else None,
                    "chips_for_weights": reading.chips_for_weights,
                    "fits": reading.fits if reading.chips else None,
                }
                for reading in self.readings
            ],
            "assumptions": list(self.assumptions),
        }

    def __str__(self) -> str:
        rows = [
            [f.name, f.status, quantity(f.claimed, f.unit), quantity(f.bound, f.unit)] for f in self.findings
        ]
        screen = table(rows, header=["check", "status", "claimed", "bound"], numeric="llrr")
        lines = [f"{self.claim.name}: {self.verdict}"]
        if self.claim.statement:
            lines.append(wrap(self.claim.statement))
        lines += ["", screen, ""]
        lines += [wrap(f"{f.name}: {f.reason}", indent="  ") for f in self.findings]
        if self.required:
            needs = ", ".join(f"{name} {number(value, 4)}" for name, value in self.required.items())
            lines += ["", wrap(f"It would take: {needs}", indent="  ")]
        lines += [wrap(f"Assumed: {assumption}", indent="  ") for assumption in self.assumptions]
        return "\n".join(lines)


def audit(claim: Reference | Claim) -> Audit:
    """Hold a claim against public facts, physics, prices, itself and the claims it was made with.

    Args:
        claim: A preset's name ("lpu-v3-node"), a path to a TOML or JSON file, or a dict of `Claim`'s fields.

    Raises:
        ValueError: The claim cannot be read, names an unknown format, chip reading or other claim.

    Examples:
        >>> import lpusim
        >>> small = {"name": "a 70B model on one chip", "model": "llama-3.1-70b", "chip": "lp30", "chips": 1}
        >>> result = lpusim.audit(small)
        >>> result.verdict, result.required["chips"]
        ('impossible', 75)
    """
    loaded = load_claim(claim)
    return audit_case(
        _case(loaded, public_facts()),
        [_case(load_claim(ref), public_facts()) for ref in loaded.consistent_with],
    )


def _case(claim: Claim, public: Public) -> Case:
    chips = [*claim.chip_readings, *(ratio.chip for ratio in claim.price_ratios if ratio.chip is not None)]
    for name in chips:
        if name not in public.chips:
            raise ValueError(f"claim {claim.name!r}: {unknown_name('chip preset', name, public.chips)}")
    return make_case(claim, public)


def audit_case(case: Case, others: list[Case]) -> Audit:
    """All checks on one case, beside the cases of the claims it must agree with."""
    findings = [
        *model.check_model(case),
        *machine.check_hardware(case),
        *machine.check_capacity(case),
        *machine.check_bandwidth(case),
        *machine.check_compute(case),
        *machine.check_latency(case),
        *machine.check_together(case),
        *money.check_stated_prices(case),
        *money.check_money(case),
        *money.check_energy(case),
        *money.check_list_prices(case),
        *money.check_price_ratios(case, others),
        *money.check_utilisation(case),
        *money.check_consistency(case, others),
    ]
    if not findings:
        findings.append(
            Finding(name="claim", status="unknown", reason="it states nothing that can be checked")
        )
    return Audit(
        claim=case.claim,
        verdict=_verdict(findings),
        findings=tuple(findings),
        required=_required(case, findings),
        readings=case.readings,
        assumptions=tuple(_assumptions(case)),
    )


def _verdict(findings: list[Finding]) -> Verdict:
    seen = {finding.status for finding in findings}
    return next((verdict for verdict, statuses in _DECIDING.items() if seen & statuses), "possible")


def _required(case: Case, findings: list[Finding]) -> dict[str, float]:
    """What the findings that do not hold would need, under the reading that needs least."""
    asked = {finding.name for finding in findings if finding.status not in ("holds", "unknown")}
    failed = {finding.name for finding in findings if finding.status == "fails"}
    required: dict[str, float] = {}
    sized = case.sized_readings
    if sized and "capacity" in asked:
        least = min(sized, key=lambda r: r.chips_needed)
        required["chips"] = least.chips_needed
        if case.claim.nodes is not None:
            sizes = [r.chips / case.claim.nodes for r in sized if r.chips is not None]
            required["nodes"] = -(-least.chips_needed // int(max(sizes)))
    if "capacity" in failed:
        required["bits_per_parameter_at_most"] = max(
            (r.memory_bytes - r.context_bytes) * 8 / r.total_parameters for r in sized
        )
    if "bandwidth" in failed:
        required["bytes_per_s_at_least"] = min(
            (r.active_parameters or 0.0)
            * FORMAT_BITS[r.weights]
            / 8
            * (case.claim.tokens_per_second_per_user or 0.0)
            / case.claim.tokens_per_step
            for r in sized
        )
    if "latency" in failed and case.claim.tokens_per_second_per_user is not None:
        least_s = min(machine.least_token_time_s(case, r) for r in sized)
        required["tokens_per_second_per_user_at_most"] = case.claim.tokens_per_step / least_s
    rows = ledgers(case)
    if rows and "price covers cost" in asked:
        required["all_in_usd_per_chip_at_most"] = max(row.budget_usd_per_chip for row in rows)
        required["usd_per_million_tokens_at_least"] = min(
            row.cost_usd_per_hour[1] / row.revenue_usd_per_hour * (case.claim.price or 0.0) for row in rows
        )
    return required


def _assumptions(case: Case) -> list[str]:
    claim, notes = case.claim, []
    if ledgers(case):
        for name in ("input_tokens", "output_tokens"):
            if getattr(claim, name) is None:
                notes.append(f"{name} {DEFAULT_TOKENS}, as the claim does not say")
        notes.append("an fp8 cache; prices and powers of the chip presets, with their ranges")
    return notes
