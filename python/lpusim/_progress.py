"""A line on stderr for what takes longer than a second."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

__all__ = ["progress", "steps"]

_DELAY_S = 1.0


@contextlib.contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A line once a second has passed; nothing where stderr is no terminal. Call it with (done, in all)."""
    from tqdm import tqdm

    with tqdm(desc=what, total=1, delay=_DELAY_S, leave=False, disable=None, file=sys.stderr) as line:

        def report(done: int, total: int) -> None:
            line.total = total
            line.update(done - line.n)

        yield report


@contextlib.contextmanager
def steps(count: int) -> Iterator[Callable[[str], None]]:
    """A line for work of `count` named steps. Call it with each step's name as it begins."""
    from tqdm import tqdm

    with tqdm(total=count, delay=_DELAY_S, leave=False, disable=None, file=sys.stderr) as line:
        begun = False

        def begin(name: str) -> None:
            nonlocal begun
            line.set_description(name, refresh=False)
            line.update(1 if begun else 0)
            line.refresh()
            begun = True

        yield begin
