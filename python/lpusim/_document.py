"""The envelope of every JSON answer: what was asked, of which version, of which input."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from typing import Any

import msgspec

from lpusim import __version__

__all__ = ["document"]

_SCHEMA_VERSION = 1


def document(
    command: str,
    result: Any,
    *,
    arguments: Sequence[str],
    specs: Sequence[Any] = (),
    seed: int | None = None,
) -> dict[str, Any]:
    """One answer of `command`, ready for `to_json`.

    Args:
        command: Such as "estimate"; names the schema.
        result: Plain values, units in key names.
        arguments: Of the command line, without the program's name.
        specs: Everything that was read; its digest goes in.
        seed: Of whatever was drawn at random.
    """
    return {
        "schema": f"lpusim.{command}/{_SCHEMA_VERSION}",
        "package_version": __version__,
        "command": shlex.join(["lpusim", *arguments]),
        "spec_digest": _digest(specs),
        "seed": seed,
        "result": result,
    }


def _digest(specs: Sequence[Any]) -> str:
    """One name for everything that was read: equal digests, equal input."""
    text = msgspec.json.encode(specs, order="sorted", enc_hook=lambda array: array.tobytes())
    return "sha256:" + hashlib.sha256(text).hexdigest()
