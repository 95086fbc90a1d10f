"""lpusim: an exact simulator of deterministic LPU machines running LLM inference.

Names load on first use, so that `import lpusim` stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "CapacityError": "errors",
    "DisconnectedError": "errors",
    "ScheduleError": "errors",
    "Model": "_model",
    "load_model": "_model",
    "System": "_system",
    "load_system": "_system",
    "Estimate": "_estimate",
    "estimate": "_estimate",
    "Trace": "_trace",
    "generate_trace": "_trace",
    "load_trace": "_trace",
    "Pool": "_serve",
    "ServeResult": "_serve",
    "Slo": "_serve",
    "serve": "_serve",
    "Audit": "_audit",
    "audit": "_audit",
    "recommend": "_recommend",
    "presets": "_presets",
}
_MODULES = ("chip", "net", "moe", "errors")

__all__ = ["__version__", *_HOME, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"lpusim.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"lpusim.{name}")
    raise AttributeError(f"module 'lpusim' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    pass
