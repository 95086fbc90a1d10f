"""Machines by name, file and dict."""

import json
import math

import pytest

import lpusim
from lpusim import net
from lpusim._presets import presets
from lpusim._spec_fields import section_fields


def test_published_capacities_and_bandwidths_follow():
    # SHIP (MLSys 2026), Table 2: 10,616 TB/s over 576 LPUs; ISCA'20: 220 MiB a chip.
    lpus = lpusim.load_system("groq-lpu-v1-576")
    assert lpus.memory_bytes == 576 * 220 * 2**20
    assert lpus.memory_bytes_per_s == pytest.approx(10_616.832e12, rel=1e-12)
    assert (lpus.kind, lpus.chip_count, lpus.topology) == ("lpu", 576, "quadfour")
    # NVIDIA: a tray of 8 has 4 GB and 1.2 PB/s, a rack of 256 has 128 GB.
    assert lpusim.load_system("lp30-8").memory_bytes == 4_000_000_000
    assert lpusim.load_system("lp30-8").memory_bytes_per_s == 1.2e15
    assert lpusim.load_system("lpx-rack").memory_bytes == 128_000_000_000


def test_a_gpu_system_adds_up_its_chips():
    gpus = lpusim.load_system("h200-16")
    assert (gpus.kind, gpus.chip_count, gpus.name) == ("gpu", 16, "h200-16")
    assert gpus.memory_bytes == 16 * 141_000_000_000
    assert gpus.memory_bytes_per_s == pytest.approx(16 * 4.8e12)
    assert gpus.topology == "scale-up groups of 8"


def test_a_name_with_a_number_in_it_is_still_a_chip():
    assert lpusim.load_system("rtx-pro-6000-2").chip_count == 2
    with pytest.raises(ValueError, match=r"'rtx-pro-6000' is a chip; .* such as 'rtx-pro-6000-8'"):
        lpusim.load_system("rtx-pro-6000")


@pytest.mark.parametrize("chip", presets()["chips"])
@pytest.mark.parametrize("count", [1, 10_000_000])
def test_any_number_of_chips_from_one_on_is_a_system(chip, count):
    system = lpusim.load_system(f"{chip}-{count}")
    one = lpusim.load_system(f"{chip}-1")
    assert system.memory_bytes == count * one.memory_bytes
    assert system == one.with_chips(count)


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("lp30-0", r"lp30-0: the number of chips must be from 1 to 10000000, got 0"),
        ("lp30--5", r"from 1 to 10000000, got -5"),
        ("lp30-10000001", r"from 1 to 10000000, got 10000001"),
        ("lp30-" + "9" * 400, r"from 1 to 10000000, got 10000001"),
        ("h20-16", r"system 'h20-16': unknown chip preset 'h20'; did you mean 'h200'"),
        ("lpx-rak", r"unknown system 'lpx-rak'; did you mean 'lpx-rack'"),
        ("api:grok", r"unknown API 'grok'; did you mean 'groq'"),
        ("", r"unknown system ''"),
        ("absent.toml", r"there is no file absent.toml"),
        ("x" * 10_000, r"unknown system 'x{79}\.\.\."),
    ],
)
def test_a_name_that_means_no_system_is_refused(ref, message):
    with pytest.raises(ValueError, match=message):
        lpusim.load_system(ref)


def test_a_dict_and_a_file_say_the_same(tmp_path):
    data = {"name": "mine", "chip": "lp30", "chips": 16, "values": {"power.busy_watts": 400}}
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(data))
    from_dict, from_file = lpusim.load_system(data), lpusim.load_system(path)
    assert from_dict == from_file
    assert from_dict.chip.value("power.busy_watts") == 400
    assert from_dict.name == "mine"


def test_a_file_may_name_a_chip_beside_it(tmp_path):
    chip = lpusim.load_system("h100-1").chip
    sections = {
        section: {
            name: {k: v for k, v in parameter_dict(parameter).items() if v is not None}
            for name, parameter in fields.items()
        }
        for section, fields in chip.sections.items()
    }
    (tmp_path / "my-gpu.json").write_text(json.dumps({"name": "my-gpu", "kind": "gpu", **sections}))
    (tmp_path / "box.toml").write_text('chip = "my-gpu.json"\nchips = 4\n')
    system = lpusim.load_system(tmp_path / "box.toml")
    assert system.name == "my-gpu-4"
    assert system.parameters() == chip.parameters()


def parameter_dict(parameter):
    return {field: getattr(parameter, field) for field in parameter.__struct_fields__}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"chip": "lp30"}, "'chips' is missing"),
        ({"chips": 8}, "'chip' is missing"),
        ({"chip": "lp30", "chips": 8.0}, "the number of chips must be a whole number, got 8.0"),
        ({"chip": "lp30", "chips": True}, "must be a whole number, got True"),
        ({"chip": "lp30", "chips": math.nan}, "must be a whole number, got nan"),
        ({"chip": "lp31", "chips": 8}, "'chip': unknown chip preset 'lp31'; did you mean 'lp30'"),
        ({"chip": 3, "chips": 8}, "'chip' must be a preset name, a path or a spec, got 3"),
        ({"chip": "lp30", "chips": 8, "count": 8}, "unknown entry 'count'"),
        ({"chip": "lp30", "chips": 8, "name": 3}, "'name' must be a non-empty text, got 3"),
        ({"chip": "lp30", "chips": 8, "values": 3}, "'values' must be a table of parameters, got 3"),
        ({"chip": "lp30", "chips": 8, "values": {"power.pu": 1}}, "did you mean 'power.pue'"),
        ({"chip": "lp30", "chips": 8, "values": {"power.pue": math.nan}}, "must be a finite number, got nan"),
        (
            {"chip": "lp30", "chips": 8, "values": {"power.pue": 10**400}},
            "got a number of more than 30 digits",
        ),
        (
            {"chip": "lp30", "chips": 8, "values": {"power.pue": [1]}},
            r"must be a number or a name, got \[1\]",
        ),
        ({"chip": "lp30", "chips": 8, "values": {"power.pue": True}}, "must be a number or a name, got True"),
        ({"chip": "lp30", "chips": 8, "topology": "rnig"}, "unknown name 'rnig'; did you mean 'ring'"),
        ({"chip": "h200", "chips": 8, "topology": "ring"}, "'topology' is for LPUs"),
    ],
)
def test_a_wrong_entry_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        lpusim.load_system(data)


def test_every_topology_a_link_may_name_can_be_built():
    (field,) = (field for field in section_fields("lpu", "link") if field.name == "topology")
    for name in field.names:
        assert net.Topology.named(name, 8).chip_count == 8


def test_with_values_reaches_what_is_derived_from_them():
    system = lpusim.load_system("h200-8").with_values({"gpu.memory_bytes": 100_000_000_000})
    assert system.memory_bytes == 800_000_000_000
    assert system.name == "h200-8"
    assert system.parameters()["gpu.memory_bytes"].status == "assumed"


def test_with_chips_checks_the_number():
    with pytest.raises(ValueError, match="from 1 to 10000000, got 0"):
        lpusim.load_system("h200-8").with_chips(0)


def test_an_lpu_without_a_memory_section_has_the_sram_of_its_geometry():
    chip = lpusim.load_system("groq-lpu-v1-1").chip
    spec = {
        section: {name: parameter_dict(p) for name, p in fields.items()}
        for section, fields in chip.sections.items()
        if section != "memory"
    }
    for fields in spec.values():
        for name, entry in fields.items():
            fields[name] = {k: v for k, v in entry.items() if v is not None}
    system = lpusim.load_system({"chip": {"name": "bare", "kind": "lpu", **spec}, "chips": 2})
    # 88 slices x 8192 words x 320 bytes; 64 streams x 320 bytes x 0.9 GHz.
    assert system.memory_bytes == 2 * 88 * 8192 * 320
    assert system.memory_bytes_per_s == 2 * 64 * 320 * 900e6


def test_an_api_has_prices_and_no_chips():
    api = lpusim.load_system("api:groq")
    assert (api.kind, api.chip_count, api.memory_bytes) == ("api", 0, 0)
    price = api.prices("llama-3.1-70b")
    assert price["usd_per_million_input_tokens"].value == 0.59
    assert price["usd_per_million_output_tokens"].value == 0.79
    assert "2026-08-21" in price["usd_per_million_output_tokens"].source
    with pytest.raises(ValueError, match="an API has no chips"):
        api.with_chips(3)
    with pytest.raises(ValueError, match=r"'llama-3\.1-70'; did you mean 'llama-3.1-70b'"):
        api.prices("llama-3.1-70")
    with pytest.raises(ValueError, match="only an API has list prices"):
        lpusim.load_system("h200-8").prices("llama-3.1-70b")


def test_prices_are_for_model_presets():
    for name in presets()["prices"]:
        assert set(lpusim.load_system(f"api:{name}").chip.sections) <= set(presets()["models"])


def test_every_system_preset_loads_under_its_name():
    for name in presets()["systems"]:
        assert lpusim.load_system(name).name == name
