"""Checks of what a claim says about its model: does it exist, and are its numbers right."""

from __future__ import annotations

import math

from lpusim._audit.case import SAME_WITHIN, Case, Finding
from lpusim._audit.claim import ClaimedModel
from lpusim._audit.facts import ModelFacts, family_of, nearest_name

__all__ = ["check_model"]


def check_model(case: Case) -> list[Finding]:
    """Whether the model exists and its numbers are right."""
    claimed = case.claim.claimed_model
    if claimed is None:
        return []
    findings = []
    if claimed.name is not None and claimed.name not in case.public.models:
        findings.append(_model_name(claimed, claimed.name, case))
    elif claimed.name is not None and case.model is not None:
        findings += _model_facts(claimed, case.model, case)
    if claimed.total_parameters and claimed.active_parameters:
        share = claimed.active_parameters / claimed.total_parameters
        if share > 1:
            findings.append(
                Finding(
                    name="active share",
                    status="contradicts",
                    claimed=share,
                    bound=1.0,
                    reason="more parameters are active than there are",
                )
            )
    return findings


def _model_name(claimed: ClaimedModel, name: str, case: Case) -> Finding:
    family = family_of(name, case.public.models)
    stand_in = f"; checked as {case.model.name}" if case.model else ""
    if not family:
        nearest = nearest_name(name, case.public.models)
        return Finding(
            name="model",
            status="unknown",
            reason=f"no public model {name!r}; nearest name {nearest}{stand_in}",
        )
    members = ", ".join(
        f"{m.name} ({m.kind}, {m.total_parameters / 1e9:.0f}B/{m.active_parameters / 1e9:.0f}B)"
        for m in family
    )
    wrong = []
    if claimed.kind is not None and all(m.kind != claimed.kind for m in family):
        wrong.append(f"none is {claimed.kind}")
    if claimed.total_parameters is not None and not any(
        math.isclose(m.total_parameters, claimed.total_parameters, rel_tol=SAME_WITHIN) for m in family
    ):
        wrong.append(f"none has {claimed.total_parameters / 1e9:.0f}B parameters")
    return Finding(
        name="model",
        status="contradicts" if wrong else "unknown",
        reason=f"no public model {name!r}; of its family there are {members}"
        + (f": {' and '.join(wrong)}" if wrong else "")
        + stand_in,
    )


def _model_facts(claimed: ClaimedModel, model: ModelFacts, case: Case) -> list[Finding]:
    findings = []
    for name, seen, fact in (
        ("total parameters", claimed.total_parameters, model.total_parameters),
        ("active parameters", claimed.active_parameters, model.active_parameters),
    ):
        if seen is None:
            continue
        right = math.isclose(seen, fact, rel_tol=SAME_WITHIN)
        reason = f"{model.name} has {fact / 1e9:.4g}B {name}"
        if not right:
            twin = case.public.nearest_by_total(seen)
            reason += f"; {seen / 1e9:.4g}B is " + (
                f"the total of {twin.name}" if twin else "the total of no model known here"
            )
        findings.append(
            Finding(
                name=name,
                status="holds" if right else "contradicts",
                claimed=seen,
                bound=fact,
                unit="parameters",
                reason=reason,
            )
        )
    if claimed.kind is not None and claimed.kind != model.kind:
        findings.append(
            Finding(
                name="model kind",
                status="contradicts",
                reason=f"{model.name} is {model.kind}, not {claimed.kind}",
            )
        )
    return findings
