"""Rewrite what the examples on the documentation pages print, after numbers moved. Read the diff."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md"])


class _Recorder(doctest.DocTestRunner):
    """Keeps what every failing example printed, by line."""

    def __init__(self) -> None:
        super().__init__(optionflags=doctest.ELLIPSIS)
        self.printed: dict[int, tuple[str, str]] = {}

    def report_failure(self, out: object, test: doctest.DocTest, example: doctest.Example, got: str) -> None:
        got = re.sub(r"(?m)^\n", "<BLANKLINE>\n", got)
        got = re.sub(r"(?m)(^Traceback .*\n)(?: .*\n)+", r"\1...\n", got)  # Frames are not the reader's.
        self.printed[example.lineno] = (example.want, got)


def rewritten(page: Path) -> str:
    """The page with its doctest and console examples as they print now."""
    from lpusim.cli import main

    text = page.read_text()
    examples = doctest.DocTestParser().get_doctest(text, {}, page.name, str(page), 0)
    recorder = _Recorder()
    recorder.run(examples, out=lambda _: None, clear_globs=False)
    lines = text.splitlines(keepends=True)
    for lineno, (want, got) in sorted(recorder.printed.items(), reverse=True):
        first = lineno
        while not "".join(lines[first:]).startswith(want):
            first += 1
        lines[first : first + want.count("\n")] = got.splitlines(keepends=True)

    def console(match: re.Match[str]) -> str:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            main(shlex.split(match[1]))
        if doctest.OutputChecker().check_output(match[2], printed.getvalue(), doctest.ELLIPSIS):
            return match[0]
        return f"```console\n$ lpusim {match[1]}\n{printed.getvalue()}```"

    return re.sub(r"```console\n\$ lpusim (.*)\n((?:.*\n)*?)```", console, "".join(lines))


def main() -> int:
    """Entry point."""
    for page in PAGES:
        text = rewritten(page)
        if text != page.read_text():
            page.write_text(text)
            print(f"rewrote {page.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
