"""The demo: fleets of several kinds for one trace within one service level, and three claims to check."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from lpusim._audit import Audit, audit
from lpusim._demo_page import mean_context, page_of
from lpusim._document import document
from lpusim._fleet_screen import fleets_screen
from lpusim._format import number, quantity, to_json, wrap, write_atomic
from lpusim._progress import progress, steps
from lpusim._recommend import Fleet, Recommendation, recommend
from lpusim._report import write_report
from lpusim._serve import Slo
from lpusim._trace import Trace, generate_trace, load_trace

__all__ = ["Demo", "NamedSlo", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSlo:
    """A service level that somebody published."""

    name: str
    source: str
    limits: Slo


#: The stricter of the two published levels for DeepSeek-V3's architecture. All fleets are held to it.
_SLO = NamedSlo(
    name="MLPerf Inference, DeepSeek-R1 Interactive",
    source="mlcommons/inference, loadgen/mlperf.conf, August 2026",
    limits=Slo(ttft_s=1.5, tpot_s=0.015, percentile=0.99),
)
#: DeepSeek's own API; and the API that runs on the chips beside it.
_QUESTIONS = (
    ("deepseek-v3", ("lp30", "h200", "api:deepseek")),
    ("llama-3.1-70b", ("groq-lpu-v1", "api:groq")),
)
_CLAIMS = ("lpu-v3-node", "lpu-512-cluster", "lpu-v4-price")
_REQUESTS = 600


class Demo(NamedTuple):
    """What the demo found: plain values for JSON, everything that was read, and the generator's seed."""

    result: dict[str, Any]
    specs: tuple[Any, ...]
    seed: int | None


def run(*, out: Path, trace: Path | None = None) -> Demo:
    """Size the fleets, hold the claims to the facts, print one screen, and write JSON, timeline and page.

    Args:
        out: Folder for the files; made where it is missing. Every file is written whole or not at all.
        trace: A request trace of any known format; None generates one.

    Raises:
        ValueError: The trace cannot be read, or `out` cannot be written; known before any long work.
        OSError: The trace is missing.
    """
    _require_writable(out)
    load = _load(trace)
    print(_heading(load), end="\n\n", flush=True)
    answers, audits = _compute(load)
    fleets = [fleet for answer in answers for fleet in answer.fleets]
    print(fleets_screen(fleets), end="\n\n", flush=True)
    print(_claims(audits), end="\n\n", flush=True)
    result = {
        "slo": {"name": _SLO.name, "source": _SLO.source, **_SLO.limits.to_dict()},
        "trace": {"name": load.name, "description": load.description, "statistics": load.statistics()},
        "cheapest_meeting_slo": {
            model: answer.best.candidate if answer.best else None
            for (model, _), answer in zip(_QUESTIONS, answers, strict=True)
        },
        "fleets": [fleet.to_dict() for fleet in fleets],
        "claims": [audited.to_dict() for audited in audits],
    }
    machines = [fleet.pool.system.parameters() for fleet in fleets if fleet.pool is not None]
    demo = Demo(
        result,
        specs=(machines, [audited.claim for audited in audits], load.to_columns()),
        seed=0 if trace is None else None,
    )
    command = ["demo", "--out", str(out), *(["--trace", str(trace)] if trace is not None else [])]
    print(_write(out, demo, command, load, fleets, audits), flush=True)
    return demo


def _require_writable(folder: Path) -> None:
    """Before any long work: a folder that cannot be written must not cost a minute first."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ValueError(f"cannot write to {folder}: {error.strerror}; name another folder (--out)") from None


def _load(path: Path | None) -> Trace:
    if path is None:
        return generate_trace(_REQUESTS)
    with progress("reading the trace") as report:
        return load_trace(path, progress=report)


def _compute(trace: Trace) -> tuple[list[Recommendation], list[Audit]]:
    """Every fleet with its bounds, every claim, in the order shown."""
    answers = []
    candidate_count = sum(len(candidates) for _, candidates in _QUESTIONS)
    with steps(2 * candidate_count + len(_CLAIMS)) as begin:
        for model, candidates in _QUESTIONS:
            fleets: list[Fleet] = []
            for candidate in candidates:
                begin(f"sizing {model} on {candidate}")
                answer = recommend(model, [candidate], trace, slo=_SLO.limits)
                begin(f"bounds of {model} on {candidate}")
                _ = answer.fleets[0].bounds
                fleets += answer.fleets
            answers.append(Recommendation(tuple(fleets), _SLO.limits, trace.name, trace.description))
        audits = []
        for claim in _CLAIMS:
            begin(f"auditing {claim}")
            audits.append(audit(claim))
    return answers, audits


def _heading(trace: Trace) -> str:
    limits = _SLO.limits
    return "\n".join(
        [
            "The smallest fleet of each kind that serves one trace within one service level",
            "",
            wrap(f"Trace    {trace.description}", indent="         "),
            wrap(f"         {trace}", indent="         "),
            f"Limits   {_SLO.name} ({_SLO.source}):",
            f"         TTFT at most {quantity(limits.ttft_s, 's')} and TPOT at most "
            f"{quantity(limits.tpot_s, 's')}, each for {number(100 * limits.percentile)} % of requests",
        ]
    )


def _claims(audits: Sequence[Audit]) -> str:
    lines = ["Three public claims:"]
    for audited in audits:
        deciding = audited.deciding
        lines.append(wrap(f"{audited.claim.name}: {audited.verdict}. {audited.claim.statement}", indent="  "))
        if deciding is not None:
            lines.append(wrap(f"  {deciding.name}: {deciding.reason}", indent="    "))
    return "\n".join(lines)


def _write(
    out: Path,
    demo: Demo,
    command: Sequence[str],
    trace: Trace,
    fleets: Sequence[Fleet],
    audits: Sequence[Audit],
) -> str:
    """Writes the files; says which, and why one is missing."""
    written = write_atomic(
        out / "demo.json",
        to_json(document("demo", demo.result, arguments=command, specs=demo.specs, seed=demo.seed)),
    )
    lines = [f"Wrote {written}: all of this, with the bounds and the findings of every claim"]
    lines.append(_write_timeline(out / "decode-step.perfetto-trace", trace, fleets))
    if importlib.util.find_spec("matplotlib") is None:
        lines.append("No page: its plots need matplotlib (pip install 'lpusim[plot]')")
    else:
        page = write_report(out / "demo.html", page_of(_SLO.name, trace, fleets, audits))
        lines.append(f"Wrote {page}: the same with plots, in one file for any browser")
    return "\n".join(lines)


def _write_timeline(path: Path, trace: Trace, fleets: Sequence[Fleet]) -> str:
    fleet = next((f for f in fleets if f.pool is not None and f.pool.kind == "lpu"), None)
    if fleet is None:
        return "No timeline: no LPU fleet holds its model and one request of this trace"
    context = mean_context(trace)
    fleet.plan.to_perfetto(path, context=context)
    return (
        f"Wrote {path}: one decode step of {fleet.model.name} on {fleet.candidate} at {context:,} tokens of "
        "context, for ui.perfetto.dev"
    )
