"""Unknown names, answered with the nearest known ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from lpusim._arguments import shown

_COMPARED_CHARS = 200


def unknown_name(what: str, seen: Any, known: Iterable[str]) -> ValueError:
    """An error to raise for a name that is not one of `known`.

    Examples:
        >>> print(unknown_name("chip preset", "h20", ["h100", "h200", "lp30"]))
        unknown chip preset 'h20'; did you mean 'h200' or 'h100'? Known: h100, h200, lp30
    """
    names = sorted(known)
    close = difflib.get_close_matches(str(seen)[:_COMPARED_CHARS].lower(), names, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(repr(name) for name in close)}?" if close else "."
    return ValueError(f"unknown {what} {shown(seen)}{hint} Known: {', '.join(names) if names else 'none'}")
