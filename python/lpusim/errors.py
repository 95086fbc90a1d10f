"""The errors lpusim raises beside ValueError and TypeError."""

from __future__ import annotations

from typing import Any

__all__ = ["CapacityError", "DisconnectedError", "ScheduleError"]


class CapacityError(RuntimeError):
    """A model, a cache or a program does not fit.

    Attributes:
        required_bytes: What is needed.
        available_bytes: What is there.
        smallest_chip_count: The fewest chips of the same kind that would do; 0 when not known.
    """

    def __init__(
        self, message: str, required_bytes: int = 0, available_bytes: int = 0, smallest_chip_count: int = 0
    ) -> None:
        super().__init__(message, required_bytes, available_bytes, smallest_chip_count)
        self.required_bytes = required_bytes
        self.available_bytes = available_bytes
        self.smallest_chip_count = smallest_chip_count

    def __str__(self) -> str:
        return str(self.args[0])


class DisconnectedError(ValueError):
    """Chips that work cannot reach each other, so that no timetable exists. The message names them."""


class ScheduleError(RuntimeError):
    """A program or a timetable breaks a rule of the machine. The message names who, where and when.

    Attributes:
        violation: The same as fields, a `lpusim.net.Violation`, where a timetable is at fault; else None.
    """

    violation: Any = None
