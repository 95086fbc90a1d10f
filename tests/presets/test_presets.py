"""The spec-file loader: what it takes, and how it refuses the rest."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lpusim import _core
from lpusim._presets import PRESET_FOLDER, load_chip, load_prices, presets
from lpusim._spec_fields import section_fields


def number(value, unit, status="published", source="a data sheet", **more):
    return {"value": value, "unit": unit, "status": status, "source": source, **more}


def gpu_file():
    """A small GPU made from the tables themselves, each field at its least allowed value (or 1)."""
    sections = {
        section: {f.name: number(max(f.min, 1), f.unit) for f in section_fields("gpu", section) or ()}
        for section in ("gpu", "power", "cost")
    }
    return {"name": "mine", "kind": "gpu", "summary": "A test.", **sections}


def changed(section, field, **entries):
    data = gpu_file()
    data[section][field] = {**data[section][field], **entries}
    return data


def test_a_dict_becomes_a_preset_whose_parameters_have_dotted_names():
    preset = load_chip(gpu_file())
    assert preset.name == "mine"
    assert preset.get("power.pue").unit == "ratio"
    assert preset.value("cost.life_years") == 1
    assert "power.idle_watts" in preset.parameters()


def test_toml_and_json_files_of_the_same_content_load_alike(tmp_path):
    data = gpu_file()
    (tmp_path / "mine.json").write_text(json.dumps(data))
    lines = [f'name = "{data["name"]}"', 'kind = "gpu"', 'summary = "A test."']
    for section in ("gpu", "power", "cost"):
        lines.append(f"[{section}]")
        for name, p in data[section].items():
            lines.append(
                f'{name} = {{value = {p["value"]}, unit = "{p["unit"]}", status = "published", '
                'source = "a data sheet"}'
            )
    (tmp_path / "mine.toml").write_text("\n".join(lines))
    from_json, from_toml = load_chip(tmp_path / "mine.json"), load_chip(str(tmp_path / "mine.toml"))
    assert from_json.parameters() == from_toml.parameters()


def test_an_unknown_preset_names_the_nearest_ones():
    with pytest.raises(ValueError, match=r"unknown chip preset 'h2000'; did you mean 'h200'"):
        load_chip("h2000")
    with pytest.raises(ValueError, match="unknown chip preset ''"):
        load_chip("")
    with pytest.raises(ValueError, match="holds a NUL character"):
        load_chip("h200\0")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (changed("power", "pue", value=0.99), r"\[power\] pue: 'value' must be from 1 to 10 ratio, got 0.99"),
        (changed("power", "pue", value=math.nan), r"'value' must be a finite number, got nan"),
        (changed("power", "pue", value=math.inf), r"'value' must be a finite number, got inf"),
        (changed("power", "pue", value=10**400), r"'value' must be a finite number"),
        (changed("power", "pue", value=True), r"'value' must be a number, got True"),
        (changed("power", "pue", value="1.2"), r"must be a number in ratio, got '1.2'"),
        (changed("power", "idle_watts", value=-1), r"must be from 0 to 1e\+06 W, got -1"),
        (changed("power", "idle_watts", unit="kW"), r"idle_watts: unit must be 'W', got 'kW'"),
        (changed("power", "idle_watts", status="guessed"), r"unknown status 'guessed'"),
        (changed("power", "idle_watts", status="asumed"), r"did you mean 'assumed'"),
        (changed("power", "idle_watts", status="assumed"), r"'assumed' needs 'low' and 'high'"),
        (changed("power", "idle_watts", source=" "), r"'source' must be a non-empty text"),
        (changed("power", "idle_watts", low=2), r"value 1 is outside its own range 2 to None"),
        (changed("power", "idle_watts", high=0.5), r"outside its own range"),
        (changed("power", "idle_watts", low=math.nan, high=3), r"'low' must be a finite number, got nan"),
        (changed("power", "idle_watts", lo=1), r"unknown key 'lo'; did you mean 'low'"),
        ({**gpu_file(), "powr": {}}, r"section of kind 'gpu': 'powr'; did you mean 'power'"),
        ({**gpu_file(), "kind": "tpu"}, r"'kind' must be one of lpu, gpu, cpu, api, got 'tpu'"),
        ({**gpu_file(), "name": ""}, r"'name' must be a non-empty text"),
        ({**gpu_file(), "power": 3}, r"\[power\] must be a section of parameters, got 3"),
        ({k: v for k, v in gpu_file().items() if k != "cost"}, r"section \[cost\] is missing"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_place(data, message):
    with pytest.raises(ValueError, match=message):
        load_chip(data)


def test_a_missing_field_is_named_with_its_unit():
    data = gpu_file()
    del data["power"]["pue"]
    with pytest.raises(
        ValueError, match=r"\[power\] pue is missing \(facility power over IT power, in ratio\)"
    ):
        load_chip(data)


def test_an_unknown_field_names_the_nearest_one():
    data = gpu_file()
    data["power"]["idle_wats"] = number(1, "W")
    with pytest.raises(ValueError, match="'idle_wats'; did you mean 'idle_watts'"):
        load_chip(data)


def test_an_optional_field_may_be_absent():
    data = gpu_file()
    del data["cost"]["rental_usd_per_chip_hour"]
    assert "cost.rental_usd_per_chip_hour" not in load_chip(data).parameters()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("broken.toml", b"name = ", "is not TOML"),
        ("broken.json", b'{"name": \n', "is not JSON: .* line 2"),
        ("list.json", b"[1]", "expected a table of named entries, got list"),
        ("binary.toml", b"\xff\xfe\x00", "is not UTF-8 text"),
        ("huge.json", b" " * 1_000_001, "has 1000001 bytes"),
        ("deep.json", b"[" * 100_000, "nested too deeply"),
        ("digits.json", b'{"name": ' + b"9" * 5000 + b"}", "too many digits"),
    ],
)
def test_a_file_that_is_no_spec_is_refused_by_name(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        load_chip(path)
    assert str(path) in str(caught.value)


def test_a_directory_and_an_absent_file_are_refused(tmp_path):
    with pytest.raises(ValueError, match="is a directory"):
        load_chip(tmp_path)
    with pytest.raises(ValueError, match="there is no file"):
        load_chip(tmp_path / "absent.toml")


def test_with_values_changes_one_number_and_says_who_set_it():
    before = load_chip(gpu_file())
    after = before.with_values({"power.busy_watts": 700})
    assert after.value("power.busy_watts") == 700
    assert after.get("power.busy_watts").status == "assumed"
    assert "was 1, published: a data sheet" in after.get("power.busy_watts").source
    assert before.value("power.busy_watts") == 1


def test_with_values_refuses_what_a_file_could_not_say():
    preset = load_chip(gpu_file())
    with pytest.raises(ValueError, match=r"power.busy_wats'; did you mean 'power.busy_watts'"):
        preset.with_values({"power.busy_wats": 700})
    with pytest.raises(ValueError, match="must be from 0 to"):
        preset.with_values({"power.busy_watts": -1})


def test_every_preset_number_has_unit_status_and_source():
    names = presets()
    loaded = [load_chip(name) for name in names["chips"]] + [load_prices(name) for name in names["prices"]]
    assert len(loaded) >= 1
    for preset in loaded:
        assert preset.summary, preset.name
        for name, parameter in preset.parameters().items():
            where = f"{preset.name}: {name}"
            assert parameter.unit, where
            assert parameter.status in ("published", "derived", "assumed", "claimed"), where
            assert len(parameter.source) >= 4, where
            if parameter.status == "assumed":
                assert parameter.low is not None, where
                assert parameter.high is not None, where


def test_every_chip_preset_has_exactly_the_fields_of_its_tables():
    for name in presets()["chips"]:
        preset = load_chip(name)
        assert preset.name == name
        for section, fields in preset.sections.items():
            table = section_fields(preset.kind, section)
            if table is None:
                continue
            units = {f.name: f.unit for f in table}
            required = {f.name for f in table if not f.optional}
            assert required <= set(fields) <= set(units), f"{name} [{section}]"
            assert all(p.unit == units[field] for field, p in fields.items()), f"{name} [{section}]"


def test_no_file_in_the_preset_folder_is_left_out_of_the_list():
    for kind in ("models", "chips", "systems", "prices"):
        assert len(presets()[kind]) == len(list((PRESET_FOLDER / kind).iterdir()))


def test_a_printed_spec_reads_back_equal():
    names = presets()
    for preset in [*map(load_chip, names["chips"]), *map(load_prices, names["prices"])]:
        printed = json.loads(json.dumps(preset.to_dict()))
        again = load_chip(printed)
        assert (again.name, again.kind, again.summary) == (preset.name, preset.kind, preset.summary)
        assert again.sections == preset.sections


def test_gpu_presets_are_valid_specs_of_the_core():
    for name in presets()["chips"]:
        preset = load_chip(name)
        if preset.kind != "gpu":
            continue
        spec = _core.device.GpuSpec()
        for field, parameter in preset.sections["gpu"].items():
            setattr(spec, field, parameter.value)
        assert {row["name"] for row in spec.fields()} == set(preset.sections["gpu"])
        assert spec.memory_bytes == preset.value("gpu.memory_bytes")


@given(st.floats(min_value=1, max_value=10), st.floats(allow_nan=True, allow_infinity=True))
def test_a_value_is_taken_exactly_when_its_field_allows_it(good, other):
    preset = load_chip(gpu_file())
    assert preset.with_values({"power.pue": good}).value("power.pue") == good
    if not 1 <= other <= 10:
        with pytest.raises(ValueError, match=r"power\.pue: 'value' must be"):
            preset.with_values({"power.pue": other})
