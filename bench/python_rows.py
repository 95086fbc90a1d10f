"""The end-to-end rows: what a Python user waits for. Anything cold runs in an interpreter of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
from rows import Row, best_seconds

import lpusim

MODEL, SYSTEM = "deepseek-v3", "lp30-2048"

_IMPORT = """
import json, time
start = time.perf_counter()
import lpusim
print(json.dumps({"seconds": time.perf_counter() - start, "version": lpusim.__version__}))
"""

# Loading and the first import of NumPy are not part of an estimate; building the plan is.
_COLD = """
import json, sys, time
import lpusim
from lpusim._machine import lpu_plan, native_format
model, system = lpusim.load_model({model!r}), lpusim.load_system({system!r})
estimate, partition = lpusim.estimate, {partition!r}
start = time.perf_counter()
if partition is None:
    plan = estimate(model, system).plan
else:
    weights = native_format(model, system)
    plan = lpu_plan(model, system, weights=weights, kv="fp16", context=2048, partition=partition)
steps = plan.core.step_cycles(1, 1536)[0]
seconds = time.perf_counter() - start
print(json.dumps({{"seconds": seconds, "steps": steps, "partition": [plan.tensor_chips, plan.stage_count]}}))
"""


def _fresh(program: str) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def _least(programs: list[dict[str, Any]]) -> float:
    return min(float(answer["seconds"]) for answer in programs)


def import_row() -> Row:
    """`import lpusim` in a new interpreter."""
    answers = [_fresh(_IMPORT) for _ in range(5)]
    wrong = "" if answers[0]["version"] == lpusim.__version__ else "another lpusim was imported"
    return Row("import lpusim", 1e3 * _least(answers), "ms", "<=", 150, wrong)


def estimate_rows() -> list[Row]:
    """Cold and warm estimates of DeepSeek-V3 on 2,048 chips, and its table."""
    searched = _fresh(_COLD.format(model=MODEL, system=SYSTEM, partition=None))
    partition = searched["partition"]
    given = [_fresh(_COLD.format(model=MODEL, system=SYSTEM, partition=tuple(partition))) for _ in range(2)]
    same = given[0]["steps"] == searched["steps"]
    wrong = "" if same else "the searched plan and the same partition given differ"
    where = f"estimate, {MODEL} on {SYSTEM}"
    model, system = lpusim.load_model(MODEL), lpusim.load_system(SYSTEM)
    plan = lpusim.estimate(model, system).plan
    warm = best_seconds(lambda: lpusim.estimate(model, system), 20)
    return [
        Row(f"{where}, cold, partition given", 1e3 * _least(given), "ms", "<=", 200, wrong),
        Row(f"{where}, cold, searched", 1e3 * _least([searched]), "ms", "<=", 2000, wrong),
        Row(f"{where}, warm", 1e3 * warm, "ms", "<=", 1),
        table_row(plan),
    ]


def table_row(plan: Any) -> Row:
    """100 batches by 1,000 contexts, each context new to the plan."""
    batches, contexts = np.arange(1, 101), np.arange(100, 100_100, 100)
    seconds = best_seconds(lambda: plan.table(batch=batches, context=contexts), 1)
    table = plan.table(batch=batches, context=contexts)
    wrong = ""
    for row in range(0, table["batch"].size, 7919):
        latency, occupancy = plan.core.decode_table(table["context_tokens"][row : row + 1])
        token_s = max(int(latency[0]), int(table["batch"][row]) * int(occupancy[0])) * 1e-12
        if abs(table["time_per_output_token_s"][row] - token_s) > 1e-12 * token_s:
            wrong = f"row {row} is not the plan's own answer"
    return Row("plan.table", batches.size * contexts.size / seconds, "point/s", ">=", 20_000, wrong)


def serve_row() -> Row:
    """The built-in trace on the same machine; lengths and arrivals of a published chat service."""
    trace = lpusim.generate_trace(10_000)
    pool = lpusim.Pool(lpusim.load_model(MODEL), lpusim.load_system(SYSTEM), name="lpu")
    result = lpusim.serve([pool], trace)
    summary = result.summary()
    right = summary["completed"] == 10_000 and summary["total_output_tokens"] == int(
        trace.output_tokens.sum()
    )
    wrong = "" if right else "requests or tokens were lost"
    seconds = best_seconds(lambda: lpusim.serve([pool], trace), 3)
    return Row(
        "serve, 10,000 requests of the built-in trace", 1e4 / seconds, "request/s", ">=", 74_200, wrong
    )


def moe_row() -> Row:
    """One token through DeepSeek-V3's router and plan, from Python."""
    spec = lpusim.moe.RouterSpec.for_model(MODEL)
    logits = np.random.default_rng(1).standard_normal((1, spec.experts), dtype=np.float32)

    def once() -> object:
        ids = lpusim.moe.route(logits, spec).ids
        return lpusim.moe.plan(ids, spec.experts)

    ids = lpusim.moe.route(logits, spec).ids[0]
    wrong = "" if len(set(ids.tolist())) == spec.experts_per_token else "an expert was chosen twice"
    seconds = best_seconds(lambda: [once() for _ in range(200)]) / 200
    return Row("route + plan of one token, from Python", 1e6 * seconds, "us", "<=", 8, wrong)


def rows() -> list[Row]:
    """All of them."""
    return [import_row(), *estimate_rows(), serve_row(), moe_row()]
