"""What holds for the package as a whole: version, parts, the cost of an import, the direction of includes."""

import importlib
import importlib.resources
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import lpusim

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ROOT / "csrc" / "lpusim"


def test_the_package_and_its_build_file_say_the_same_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert lpusim.__version__ == project["version"]


def test_the_changelog_begins_with_this_version_or_with_what_is_unreleased():
    first = re.search(r"^## \[?([\w.]+)\]?", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert first is not None
    assert first[1] in (lpusim.__version__, "Unreleased")


def test_importing_the_package_loads_nothing_that_is_not_its_own():
    program = (
        "import sys; before = set(sys.modules); import lpusim; print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    names = loaded.split()
    assert "lpusim" in names
    assert not {"numpy", "msgspec", "tqdm", "matplotlib", "lpusim._core"} & set(names)


@pytest.mark.parametrize("name", lpusim.__all__)
def test_every_public_name_is_there_and_documented(name):
    value = getattr(lpusim, name)
    assert name in dir(lpusim)
    assert name == "__version__" or value.__doc__


def test_an_unknown_name_is_told_with_those_there_are():
    with pytest.raises(AttributeError, match=r"'estimat'; it has .*estimate"):
        _ = lpusim.estimat


def test_types_and_presets_travel_with_the_package():
    package = importlib.resources.files("lpusim")
    assert (package / "py.typed").is_file()
    for kind, name in (
        ("chips", "lp30.toml"),
        ("models", "deepseek-v3.json"),
        ("claims", "lpu-v3-node.toml"),
    ):
        assert (package / "presets" / kind / name).is_file()


def test_every_room_of_the_core_has_a_stub_and_every_stub_a_room():
    stubs = {path.stem for path in (ROOT / "python" / "lpusim" / "_core").glob("*.pyi")} - {"__init__"}
    core = importlib.import_module("lpusim._core")
    rooms = {name for name in vars(core) if type(getattr(core, name)) is type(sys)}
    assert stubs == rooms


def below(room, needs):
    """A room, and all it may include."""
    found = {room}
    for need in needs[room]:
        found |= below(need, needs)
    return found


def test_includes_point_one_way_as_the_build_file_has_it():
    lines = re.findall(r"^lpusim_room\((.+)\)$", (ROOT / "CMakeLists.txt").read_text(), re.M)
    needs = {line.split()[0]: line.split()[1:] for line in lines}
    assert {path.name for path in ROOMS.iterdir() if path.is_dir()} == {*needs, "bind"}
    upward = []
    for room in needs:
        for path in sorted((ROOMS / room).rglob("*.[hc]*")):
            included = set(re.findall(r'^#include "lpusim/(\w+)/', path.read_text(), re.M))
            upward += [f"{path.name} includes {other}/" for other in included - below(room, needs)]
    assert upward == []


def test_the_core_knows_nothing_of_python_and_does_no_input_or_output():
    banned = re.compile(r"#include <(pybind11/.*|Python\.h|iostream|fstream|cstdio|print|filesystem)>")
    guilty = []
    for path in ROOMS.rglob("*"):
        if path.suffix in (".h", ".cpp") and path.parent.name != "bind" and ".test." not in path.name:
            guilty += [f"{path.name}: {line}" for line in banned.findall(path.read_text())]
    assert guilty == []
