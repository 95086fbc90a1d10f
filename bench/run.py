"""Run every benchmark: `make bench`. Prints the machine, then each measured number beside its budget.

Each answer is checked beside its timing; a wrong one makes the exit code 1, a missed budget does not.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
from pathlib import Path

import native
import numpy as np
import python_rows
from rows import Row, cpu_flags

ROOT = Path(__file__).resolve().parent.parent


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _cached(build: Path, name: str) -> str:
    lines = (build / "CMakeCache.txt").read_text().splitlines()
    return next((line.partition("=")[2] for line in lines if line.startswith(f"{name}:")), "")


def machine(build: Path) -> list[str]:
    """Where and how the numbers were made."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    kinds = ("avx2", "avx512f", "avx_vnni", "avx512_vnni")
    extensions = " ".join(kind for kind in kinds if kind in cpu_flags())
    compiler = _said([_cached(build, "CMAKE_CXX_COMPILER"), "--version"]).splitlines()[0]
    kind = _cached(build, "CMAKE_BUILD_TYPE")
    flags = f"{_cached(build, 'CMAKE_CXX_FLAGS')} {_cached(build, f'CMAKE_CXX_FLAGS_{kind.upper()}')}".strip()
    dirty = " with changes" if _said(["git", "status", "--porcelain"]) else ""
    return [
        f"machine   {next(names, platform.machine())}, {os.cpu_count()} cores, {extensions or 'no AVX2'}",
        f"load      {os.getloadavg()[0]:.1f} when this began",
        f"system    {platform.platform()}, Python {platform.python_version()}, NumPy {np.__version__}",
        f"compiler  {compiler}",
        f"flags     {flags} -ffp-contract=off",
        f"commit    {_said(['git', 'rev-parse', '--short=12', 'HEAD'])}{dirty}",
    ]


def print_rows(rows: list[Row]) -> None:
    """A table with one line a row."""
    cells = [("what", "measured", "unit", "budget", ""), *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(5)]
    for name, measured, unit, budget, verdict in cells:
        left = f"{name:<{widths[0]}}  {measured:>{widths[1]}}  {unit:<{widths[2]}}"
        print(f"{left}  {budget:>{widths[3]}}  {verdict}".rstrip())


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path, help="folder where lpusim_bench was built")
    args = parser.parse_args()
    print(*machine(args.build), sep="\n", end="\n\n", flush=True)
    rows = [*native.rows(args.build), *python_rows.rows()]
    print_rows(rows)
    counts = {verdict: sum(row.verdict == verdict for row in rows) for verdict in ("met", "missed")}
    wrong = sum(bool(row.wrong) for row in rows)
    print(f"\n{counts['met']} budgets met, {counts['missed']} missed; {wrong} wrong answers")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
