"""Run clang-tidy over the C++ sources of a configured build folder, several at once; prints only findings."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TIDY = Path(sys.executable).with_name("clang-tidy")


def sources(build: Path) -> list[str]:
    """What the build compiles from csrc/, room tests aside: doctest's macros are not ours to lint."""
    commands = json.loads((build / "compile_commands.json").read_text())
    files = {command["file"] for command in commands}
    return sorted(
        name
        for name in files
        if Path(name).is_relative_to(ROOT / "csrc") and not name.endswith((".test.cpp", ".cc"))
    )


def check(build: Path, source: str) -> str:
    """The findings in one source and the project's headers it includes; empty when there are none."""
    command = [str(TIDY), "--quiet", "-p", str(build), source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    return done.stdout or done.stderr or f"{source}: clang-tidy ended with {done.returncode}"


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=Path, help="folder with compile_commands.json")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    files = sources(args.build)
    with ThreadPoolExecutor(args.jobs) as pool:
        findings = [text for text in pool.map(lambda name: check(args.build, name), files) if text]
    print(*findings, sep="\n", end="")
    print(f"clang-tidy: {len(files)} files, {len(findings)} with findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
