"""Arguments checked where they come in: what is wrong, what was seen, what is allowed."""

from __future__ import annotations

import math
import operator
from typing import Any

_SHOWN_CHARS = 80
_SHOWN_BITS = 100


def shown(value: Any) -> str:
    """A value as an error message shows it, never longer than a line.

    Examples:
        >>> shown(12), shown("azur"), shown(10**100), len(shown("x" * 1000))
        ('12', "'azur'", 'a number of more than 30 digits', 83)
    """
    if isinstance(value, int) and value.bit_length() > _SHOWN_BITS:
        return "a number of more than 30 digits"
    return clipped(repr(value))


def clipped(line: str) -> str:
    """A text as an error message shows it without quotes, such as a path."""
    return line if len(line) <= _SHOWN_CHARS else f"{line[:_SHOWN_CHARS]}..."


def whole_number(name: str, value: Any, at_least: int, at_most: int) -> int:
    """`value` as an int, if it is one (Python's or NumPy's) and within the range.

    Raises:
        TypeError: It is no integer; a truth value is none.
        ValueError: It is outside the range.

    Examples:
        >>> whole_number("limit", 5, 1, 10)
        5
        >>> whole_number("limit", 0, 1, 10)
        Traceback (most recent call last):
        ...
        ValueError: limit must be from 1 to 10, got 0
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"{name} must be a whole number, got {shown(value)}")
    if not at_least <= number <= at_most:
        raise ValueError(f"{name} must be from {at_least} to {at_most}, got {shown(number)}")
    return number


def finite_number(name: str, value: Any) -> float:
    """`value` as a float, if it is a number and neither NaN nor infinite.

    Raises:
        TypeError: It is no number; a truth value is none.
        ValueError: It is NaN, infinite, or beyond a float.

    Examples:
        >>> finite_number("rate_scale", 2)
        2.0
    """
    if isinstance(value, bool | str | bytes) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a number, got {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"{name} must be a finite number, got {shown(value)}")
    return number


def some_text(name: str, value: Any) -> str:
    """`value`, if it is text that says something.

    Raises:
        TypeError: It is no text.
        ValueError: It is empty.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text, got {shown(value)}")
    if not value:
        raise ValueError(f"{name} must not be empty")
    return value
