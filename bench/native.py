"""The native rows: runs the Google Benchmark executable and sets each budget beside what was measured."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

from rows import Row, cpu_flags, sgemm_macs_per_s

#: Seconds of one iteration, by the unit a row is printed in.
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


def budgets() -> list[tuple[str, str, str, str, float]]:
    """(pattern of names, metric, unit, sense, budget) for this machine. A metric's first match counts."""
    flags = cpu_flags()
    wide = "avx512f" in flags
    assignments = {"softmax": 50e6, "deepseek_v3": 35e6}
    moe = {name: rate if wide else rate / 2 for name, rate in assignments.items()}
    sgemm = sgemm_macs_per_s()
    products = sgemm * (2.0 if flags & {"avx512_vnni", "avx_vnni"} else 1.0)
    return [
        (
            r"fold_(repeat_stretched|matrix_product|vector_matrix|experts|transpose).*",
            "item",
            "ns/piece",
            "<=",
            200,
        ),
        (r"fold_repeat_stretched.*", "chip_cycles/s", "cycle/s", ">=", 1e9),
        # As many runs whatever the size, so a small product's rate is its size over a fixed time.
        (r"fold_vector_matrix/side:12800", "chip_cycles/s", "cycle/s", ">=", 1e8),
        (r"fold_experts/slots:512", "chip_cycles/s", "cycle/s", ">=", 1e8),
        (r"fold_misaligned_periods.*", "item", "ns/piece", "<=", 200),
        (r"fold_misaligned_periods.*", "pieces", "pieces", "", 0),
        (r"fold_values/int8/level:1/side:2048", "rate", "MAC/s", ">=", sgemm),
        (r"fold_values/int8/level:2/side:2048", "rate", "MAC/s", ">=", products),
        (r"fold_values/fp16/level:[12]/side:2048", "rate", "MAC/s", ">=", 0.35 * sgemm),
        (r"fold_values/.*", "rate", "MAC/s", "", 0),
        (r"verify_single_instructions.*", "rate", "instruction/s", "", 0),
        (r"verify_single_instructions.*", "run_bytes", "bytes/run", "", 0),
        (r"column_sums_int8/level:1/rows:2048", "rate", "MAC/s", ">=", sgemm),
        (r"column_sums_int8/level:2/rows:2048", "rate", "MAC/s", ">=", 2.0 * sgemm),
        (r"column_sums_fp16/level:[12]/rows:2048", "rate", "MAC/s", ">=", 0.35 * sgemm),
        (r"tick_matrix_product/values:0", "rate", "cycle/s", ">=", 1e5),
        (r"tick_matrix_product/values:1", "rate", "cycle/s", ">=", 2e4),
        (r"read_text/.*", "rate", "run/s", ">=", 250_000),
        (r"read_(text|binary)/.*", "bytes_per_second", "B/s", "", 0),
        (r"read_(text|binary)/.*", "bytes/run", "B/run", "", 0),
        (r"read_binary/.*", "rate", "run/s", "", 0),
        (r"all_reduce_cycles_of/chips:(8|64)/.*", "time", "ms", "<=", 5),
        (r"all_reduce_cycles_of/.*", "time", "ms", "<=", 50),
        (r"prove_all_reduce/chips:10440/.*", "time", "ms", "<=", 5_000),
        (r"prove_all_reduce/.*", "rate", "run/s", "", 0),
        (r"prove_all_reduce/.*", "slots/s", "slot/s", "", 0),
        (r"replay_all_reduce/.*", "rate", "cycle/s", "", 0),
        (r"move_all_reduce/.*", "bytes_per_second", "B/s", "", 0),
        (r"route_plan_softmax/tokens:4096/experts:256/k:8", "rate", "pair/s", ">=", moe["softmax"]),
        (r"route_plan_deepseek_v3/tokens:4096", "rate", "pair/s", ">=", moe["deepseek_v3"]),
        (r"route_plan_(softmax/tokens:1/experts:256/k:8|deepseek_v3/tokens:1)", "time", "us", "<=", 2),
        (r"serve_(pipeline|batch|mixed)_(half|backlogged|cheapest).*", "rate", "request/s", ">=", 74_200),
    ]


def _metric(run: dict[str, Any], metric: str, unit: str) -> float:
    if metric == "item":
        return 1e9 / float(run["items_per_second"])
    if metric == "rate":
        return float(run["items_per_second"])
    if metric == "time":
        return _seconds(run) / _SECONDS[unit]
    return float(run[metric])


def _seconds(run: dict[str, Any]) -> float:
    """CPU seconds: every native row is one thread, and what else the machine does is not its time."""
    return float(run["cpu_time"]) * _SECONDS[run["time_unit"]]


def _best_runs(build: Path) -> list[dict[str, Any]]:
    """One run of each benchmark: the fastest of three, or the first that refused its own answer."""
    command = [str(build / "lpusim_bench"), "--benchmark_format=json"]
    command += ["--benchmark_min_time=0.1", "--benchmark_repetitions=3"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    best: dict[str, dict[str, Any]] = {}
    for run in json.loads(done.stdout)["benchmarks"]:
        if run["run_type"] != "iteration":
            continue
        seen = best.setdefault(run["name"], run)
        if not seen.get("error_occurred") and (run.get("error_occurred") or _seconds(run) < _seconds(seen)):
            best[run["name"]] = run
    return list(best.values())


def rows(build: Path) -> list[Row]:
    """Every native benchmark, with all the budgets it has; one without a budget is told by its time."""
    limits = budgets()
    result = []
    for run in _best_runs(build):
        name = run["name"]
        if run.get("error_occurred"):
            result.append(Row(name, float("nan"), "", wrong=run["error_message"]))
            continue
        told: set[str] = set()
        for pattern, metric, unit, sense, budget in limits:
            if metric not in told and re.fullmatch(pattern, name):
                told.add(metric)
                result.append(Row(name, _metric(run, metric, unit), unit, sense, budget))
        if not told:
            seconds = _seconds(run)
            unit = next((unit for unit in ("s", "ms", "us") if seconds >= _SECONDS[unit]), "ns")
            result.append(Row(name, seconds / _SECONDS[unit], unit))
    return result
