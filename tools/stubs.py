"""Write python/lpusim/_core/*.pyi from the built extension, or check that the committed ones still match."""

from __future__ import annotations

import argparse
import filecmp
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMITTED = ROOT / "python" / "lpusim" / "_core"


# What pybind11-stubgen writes and a type checker refuses: enum members without a value, an enum's `__new__`,
# and comparisons that narrow what `object` promises.
REPAIRS = (
    (re.compile(r"^(    \w+): typing\.ClassVar\[\w+\]$", re.M), r"\1 = ..."),
    (re.compile(r"^    @classmethod\n    def __new__\(cls, value\):\n        \.\.\.\n", re.M), ""),
    (
        re.compile(r"^    __hash__: typing\.ClassVar\[None\] = None$", re.M),
        r"    __hash__: None  # type: ignore[assignment]",
    ),
    (re.compile(r"def __eq__\(self, arg0: \w+\)"), "def __eq__(self, arg0: object)"),
)


def generate(folder: Path) -> Path:
    """Run pybind11-stubgen on the installed extension; returns the folder of stubs, repaired."""
    command = [
        sys.executable,
        "-m",
        "pybind11_stubgen",
        "lpusim._core",
        "--output-dir",
        str(folder),
        "--exit-code",
    ]
    command += ["--numpy-array-use-type-var", "--enum-class-locations", ".*:lpusim._core"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode != 0:
        sys.exit(f"pybind11-stubgen failed:\n{done.stdout}{done.stderr}")
    stubs = folder / "lpusim" / "_core"
    for path in stubs.glob("*.pyi"):
        text = path.read_text()
        for pattern, replacement in REPAIRS:
            text = pattern.sub(replacement, text)
        path.write_text(text)
    return stubs


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="fail if the committed stubs differ from the build"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        fresh = generate(Path(scratch))
        names = sorted(p.name for p in fresh.glob("*.pyi"))
        if not args.check:
            COMMITTED.mkdir(exist_ok=True)
            for old in COMMITTED.glob("*.pyi"):
                old.unlink()
            for name in names:
                (COMMITTED / name).write_text((fresh / name).read_text())
            return 0
        stale = [
            n
            for n in names
            if not (COMMITTED / n).is_file() or not filecmp.cmp(fresh / n, COMMITTED / n, False)
        ]
        extra = [p.name for p in COMMITTED.glob("*.pyi") if p.name not in names]
        if stale or extra:
            print(f"stubs differ from the built extension: {', '.join(stale + extra)}; run `make stubs`")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
