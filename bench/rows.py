"""What a row of the bench is, and what it is compared with on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def short(value: float) -> str:
    """Three significant digits, with k, M, G, T or P for large ones."""
    for letter, size in (("P", 1e15), ("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e4)):
        if value >= size:
            return f"{value / (1e3 if letter == 'k' else size):.3g} {letter}"
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


@dataclass(frozen=True)
class Row:
    """One measured number. `sense` and `budget` are from the design; `wrong` is why an answer was refused."""

    name: str
    measured: float
    unit: str
    sense: str = ""
    budget: float = 0.0
    wrong: str = ""

    @property
    def verdict(self) -> str:
        """met, missed, WRONG, or - where there is no budget."""
        if self.wrong:
            return f"WRONG: {self.wrong}"
        if not self.sense:
            return "-"
        met = self.measured <= self.budget if self.sense == "<=" else self.measured >= self.budget
        return "met" if met else "missed"

    def cells(self) -> tuple[str, str, str, str, str]:
        """As printed."""
        budget = f"{self.sense} {short(self.budget)}" if self.sense else ""
        measured = "" if self.wrong else short(self.measured)
        return self.name, measured, self.unit, budget, self.verdict


def best_seconds(call: Callable[[], object], repeats: int = 5) -> float:
    """The least wall time of some calls: what the machine can do when nothing disturbs it."""
    least = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - start)
    return least


def cpu_flags() -> set[str]:
    """Instruction set extensions by their Linux names; empty where the system does not tell."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    return next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), set())


_SGEMM = """
import sys, time
import numpy as np
side = int(sys.argv[1])
a = np.ones((side, side), np.float32)
assert float((a @ a)[side - 1, 0]) == side
def once():
    start = time.perf_counter()
    a @ a
    return time.perf_counter() - start
print(side**3 / min(once() for _ in range(3)))
"""


def sgemm_macs_per_s(side: int = 2048) -> float:
    """Multiply-adds a second of NumPy's fp32 product on one thread; BLAS reads how many when it loads."""
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-c", _SGEMM, str(side)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | one)
    return float(done.stdout)
