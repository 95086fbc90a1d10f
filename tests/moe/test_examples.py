"""Every example in the docstrings of the room runs."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["generate", "files", "plan", "router", "statistics", "strategy"])
def test_docstring_examples_run(name):
    module = importlib.import_module(f"lpusim._moe_{name}")
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0
    assert result.failed == 0
