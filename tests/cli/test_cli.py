"""The command as a user meets it: exit status, one message, JSON that programs can hold on to."""

import json
import os
import subprocess
import sys

import pytest

import lpusim
from lpusim.cli import main


def run(capsys, *arguments):
    status = main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_a_claim_that_is_impossible_exits_with_1_and_says_why(capsys):
    status, out, err = run(capsys, "audit", "lpu-v3-node")
    assert status == 1
    assert out.startswith("lpu-v3-node: impossible")
    assert "713 chips would do" in out
    assert err == ""


def test_a_claim_that_is_possible_exits_with_0(capsys, tmp_path):
    claim = tmp_path / "claim.toml"
    claim.write_text('name = "mine"\nmodel = "llama-3.1-8b"\nchip = "lp30"\nchips = 64\n')
    assert run(capsys, "audit", claim)[0] == 0


def test_json_carries_what_is_needed_to_repeat_it(capsys):
    status, out, _ = run(capsys, "audit", "lpu-v3-node", "--json")
    document = json.loads(out)
    assert status == 1
    assert document["schema"] == "lpusim.audit/1"
    assert document["package_version"] == lpusim.__version__
    assert document["command"] == "lpusim audit lpu-v3-node --json"
    assert document["spec_digest"].startswith("sha256:")
    assert document["seed"] is None
    assert document["result"]["verdict"] == "impossible"


def test_the_same_command_prints_the_same_bytes_in_every_process():
    fleet = ["--pool", "llama-3.1-8b@h100-1", "--pool", "llama-3.1-8b@api:groq"]
    command = [sys.executable, "-m", "lpusim", "serve", *fleet, "--requests", "50", "--json"]
    first, second = (
        subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE, check=True
        )
        for seed in ("0", "1")
    )
    assert first.stdout == second.stdout


def test_equal_input_has_equal_digests_and_other_input_another(capsys, tmp_path):
    claim = tmp_path / "claim.toml"
    digests = []
    for chips in (8, 8, 9):
        claim.write_text(f'name = "mine"\nchip = "lp30"\nchips = {chips}\n')
        digests.append(json.loads(run(capsys, "audit", claim, "--json")[1])["spec_digest"])
    assert digests[0] == digests[1] != digests[2]


def test_output_writes_the_same_json_beside_the_screen(capsys, tmp_path):
    path = tmp_path / "new" / "audit.json"
    _, out, _ = run(capsys, "audit", "lpu-v3-node", "--output", path)
    assert out.startswith("lpu-v3-node: impossible")
    assert json.loads(path.read_text())["result"]["verdict"] == "impossible"


def test_presets_lists_names_and_shows_one_with_its_sources(capsys):
    status, out, _ = run(capsys, "presets")
    assert status == 0
    assert "lpu-v3-node" in out
    status, out, _ = run(capsys, "presets", "lp30")
    assert status == 0
    assert "link.hop_ps" in out
    assert "Hot Chips 38" in out


@pytest.mark.parametrize("kind", ["models", "chips", "systems", "prices", "claims"])
def test_every_preset_can_be_shown(capsys, kind):
    for name in lpusim.presets()[kind]:
        status, out, err = run(capsys, "presets", name, "--json")
        assert (status, err) == (0, "")
        assert json.loads(out)["result"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["audit", "lpu-v3-nod"], "did you mean 'lpu-v3-node'"),
        (["audit", "no/such/claim.toml"], "there is no file no/such/claim.toml"),
        (["presets", "lp3"], "did you mean 'lp30'"),
        (["audit"], "the following arguments are required: claim"),
        (["adit", "x"], "invalid choice: 'adit'"),
        (["estimate", "llama-3.1-8b", "lp30-64", "--batch", "many"], "invalid int value: 'many'"),
        (
            ["estimate", "llama-3.1-8b", "lp30-64", "--price", "low"],
            "must be owner, rental or a number, got 'low'",
        ),
        (["recommend", "llama-3.1-8b", "lp30"], "recommend needs a limit to meet"),
        (
            ["serve", "--pool", "llama-3.1-8b@h100-1", "--rate-scale", "2"],
            "--rate-scale is about a trace file: name one with --trace",
        ),
        (["serve", "--pool", "llama-3.1-8b"], "--pool must be MODEL@SYSTEM or NAME=MODEL@SYSTEM"),
        ([], "the following arguments are required: COMMAND"),
    ],
)
def test_bad_input_is_one_line_and_status_2(capsys, arguments, message):
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert err.startswith("lpusim: ")
    assert len(err.splitlines()) == 1


def test_a_claim_file_that_is_nonsense_is_named_with_what_is_wrong(capsys, tmp_path):
    path = tmp_path / "claim.toml"
    for content, message in (
        (b"name = ", "is not TOML"),
        (b"\xff\xfe", "is not UTF-8"),
        (b'name = "x"\nchips = "many"\n', "Expected `int | null`, got `str`"),
    ):
        path.write_bytes(content)
        status, _, err = run(capsys, "audit", path)
        assert status == 2
        assert str(path) in err
        assert message in err
    assert "is a directory" in run(capsys, "audit", tmp_path)[2]


def test_an_output_folder_that_cannot_be_written_is_status_2_and_leaves_nothing(capsys, tmp_path):
    (tmp_path / "file").write_text("in the way")
    status, _, err = run(capsys, "audit", "lpu-v3-node", "--output", tmp_path / "file" / "audit.json")
    assert status == 2
    assert "file" in err
    assert os.listdir(tmp_path) == ["file"]


def test_what_does_not_fit_is_an_answer_not_a_mistake(capsys, monkeypatch):
    def refuse(*arguments, **options):
        raise lpusim.CapacityError("671 GB do not fit", 671, 4, 1343)

    monkeypatch.setitem(vars(lpusim), "estimate", refuse)
    status, out, err = run(capsys, "estimate", "deepseek-v3", "lp30-8")
    assert (status, out, err) == (1, "", "lpusim: 671 GB do not fit\n")


def test_a_mistake_of_ours_is_owned_up_to_in_one_line_unless_asked_where(capsys, monkeypatch):
    def stumble(*arguments, **options):
        raise KeyError("oops")

    monkeypatch.setitem(vars(lpusim), "estimate", stumble)
    status, _, err = run(capsys, "estimate", "llama-3.1-8b", "lp30-64")
    assert status == 2
    assert err.startswith("lpusim: KeyError: 'oops'; this is a mistake of lpusim")
    with pytest.raises(KeyError):
        run(capsys, "estimate", "llama-3.1-8b", "lp30-64", "--traceback")


def test_ctrl_c_exits_with_130_and_writes_nothing(capsys, monkeypatch, tmp_path):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setitem(vars(lpusim), "estimate", interrupt)
    path = tmp_path / "point.json"
    assert run(capsys, "estimate", "llama-3.1-8b", "lp30-64", "--output", path)[0] == 130
    assert not path.exists()


def test_a_fleet_that_misses_its_limits_exits_with_1(capsys):
    fleet = ["serve", "--pool", "groq=llama-3.1-8b@api:groq", "--requests", "20"]
    status, out, _ = run(capsys, *fleet)
    assert status == 0
    assert "groq" in out
    assert run(capsys, *fleet, "--e2e-s", "1000")[0] == 0
    status, out, _ = run(capsys, *fleet, "--e2e-s", "0.001", "--json")
    assert status == 1
    document = json.loads(out)
    assert document["result"]["summary"]["completed"] == 20
    assert document["seed"] == 0


def test_a_reader_that_closes_the_pipe_is_no_error():
    command = [sys.executable, "-m", "lpusim", "presets", "lp30"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_the_version_is_the_packages(capsys):
    assert run(capsys, "--version") == (0, f"lpusim {lpusim.__version__}\n", "")


def test_a_served_run_has_bounds_unless_told_not_to(capsys):
    command = ["serve", "--pool", "llama-3.1-8b@h100-1", "--requests", "20", "--json"]
    assert main(command) == 0
    bounded = json.loads(capsys.readouterr().out)
    assert main([*command, "--no-bounds"]) == 0
    plain = json.loads(capsys.readouterr().out)
    result = bounded["result"]
    low, high = (result["bounds"]["usd_per_month"][end] for end in ("low", "high"))
    assert low < result["values"]["usd_per_month"] < high
    assert plain["result"]["bounds"] is None
    assert plain["result"]["values"] == result["values"]
    assert plain["result"]["assumptions"]
