"""The documentation is true: its examples run, its commands print what they say, its links lead somewhere."""

import doctest
import re
import shlex
from pathlib import Path

import pytest

from lpusim.cli import main

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("README.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_examples_run(page):
    examples = doctest.DocTestParser().get_doctest(page.read_text(), {}, page.name, str(page), 0)
    failures = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(examples, out=failures.append)
    assert not failures, "".join(failures)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_print_what_the_page_says(page, capsys):
    for command, expected in re.findall(r"```console\n\$ lpusim (.*)\n((?:.*\n)*?)```", page.read_text()):
        main(shlex.split(command))
        seen = capsys.readouterr().out
        assert doctest.OutputChecker().check_output(expected, seen, doctest.ELLIPSIS), f"{command}:\n{seen}"


def test_the_index_leads_to_every_page_and_every_link_somewhere():
    index = (DOCS / "README.md").read_text()
    for page in PAGES:
        assert page.name == "README.md" or f"]({page.name})" in index, f"{page.name} is not in docs/README.md"
        for link in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page} links to {link}"
