"""Every example in a docstring runs and prints what it says."""

import doctest
import importlib
import pkgutil

import pytest

import lpusim

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(lpusim.__path__, "lpusim.")
    if module.name != "lpusim.__main__" and not module.name.startswith("lpusim._core")
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    failures = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for examples in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name)):
        runner.run(examples, out=failures.append)
    assert not failures, "".join(failures)
