"""The demo on a tiny trace: what it prints is what it writes, and it writes all or nothing."""

import json
import os
import re
import sys

import pytest
from perfetto.protos.perfetto.trace import perfetto_trace_pb2 as schema

from lpusim import generate_trace
from lpusim._demo import run
from lpusim._fleet_screen import FLEET_ROWS, shown
from lpusim.cli import main

FILES = ["decode-step.perfetto-trace", "demo.html", "demo.json"]


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    load = generate_trace(5, input_tokens=200, output_tokens=20)
    path = tmp_path_factory.mktemp("trace") / "five.csv"
    rows = zip(load.arrival_ps.tolist(), load.input_tokens, load.output_tokens, strict=True)
    lines = [f"{arrival / 1e12:.12f},{tokens_in},{tokens_out}" for arrival, tokens_in, tokens_out in rows]
    path.write_text("\n".join(["arrival_s,input_tokens,output_tokens", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def demo(trace, tmp_path_factory):
    """Exit status, screen, and the folder of files."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    capture = pytest.MonkeyPatch()
    printed = []
    capture.setattr("builtins.print", lambda *words, **_: printed.append(" ".join(map(str, words))))
    try:
        status = main(["demo", "--out", str(folder), "--trace", str(trace)])
    finally:
        capture.undo()
    return status, "\n".join(printed), folder


@pytest.fixture(scope="module")
def result(demo):
    return json.loads((demo[2] / "demo.json").read_text())["result"]


def test_it_ends_well_and_leaves_three_files_and_nothing_half_written(demo):
    status, screen, folder = demo
    assert status == 0
    assert sorted(path.name for path in folder.iterdir()) == FILES
    for name in FILES:
        assert f"Wrote {folder / name}" in screen


def test_the_file_holds_every_value_that_the_screen_shows(demo, result):
    screen = demo[1]
    for fleet in result["fleets"]:
        assert fleet["candidate"] in screen
        for title, name, unit in FLEET_ROWS:
            row = next(line for line in screen.splitlines() if line.startswith(title + "  "))
            if fleet["candidate"].startswith("api:") and name in ("chip_count", "utilisation"):
                continue
            assert shown(fleet["values"][name], unit) in row
            bound = fleet["bounds"][name]
            if bound["low"] is not None:
                assert bound["low"] <= fleet["values"][name] <= bound["high"]


def test_two_models_stand_on_the_machines_promised_with_an_api_beside_each(result):
    shown_fleets = [(fleet["model"], fleet["candidate"]) for fleet in result["fleets"]]
    assert shown_fleets == [
        ("deepseek-v3", "lp30"),
        ("deepseek-v3", "h200"),
        ("deepseek-v3", "api:deepseek"),
        ("llama-3.1-70b", "groq-lpu-v1"),
        ("llama-3.1-70b", "api:groq"),
    ]


def test_the_limits_have_a_name_and_a_source_and_what_misses_them_says_by_how_much(demo, result):
    slo = result["slo"]
    assert (slo["name"], slo["ttft_s"], slo["tpot_s"]) == (
        "MLPerf Inference, DeepSeek-R1 Interactive",
        1.5,
        0.015,
    )
    assert slo["source"] in demo[1]
    api = next(fleet for fleet in result["fleets"] if fleet["candidate"] == "api:deepseek")
    assert not api["meets_slo"]  # 21 tokens/s are 48 ms a token.
    assert api["short"] == "SLO missed: p99 TPOT 0.0476 s against 0.015 s"
    assert api["short"] in demo[1]


def test_the_three_claims_have_their_verdict_and_what_decided_it(demo, result):
    verdicts = {claim["claim"]: claim["verdict"] for claim in result["claims"]}
    assert verdicts == {
        "lpu-v3-node": "impossible",
        "lpu-512-cluster": "contradictory",
        "lpu-v4-price": "contradictory",
    }
    for name, verdict in verdicts.items():
        assert f"{name}: {verdict}." in demo[1]
    assert "capacity: " in demo[1]


def test_no_line_of_a_table_is_wider_than_a_terminal(demo):
    wide = [line for line in demo[1].splitlines() if len(line) > 120 and not line.startswith("Wrote")]
    assert not wide


def test_the_page_stands_alone(demo):
    page = (demo[2] / "demo.html").read_text()
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!#)""", page)
    assert "<script" not in page
    assert page.count("<svg ") == 3
    assert "impossible" in page


def test_the_timeline_decodes_and_lasts_one_step(demo):
    timeline = schema.Trace()
    timeline.ParseFromString((demo[2] / "decode-step.perfetto-trace").read_bytes())
    begins = [p for p in timeline.packet if p.track_event.type == schema.TrackEvent.TYPE_SLICE_BEGIN]
    ends = [p for p in timeline.packet if p.track_event.type == schema.TrackEvent.TYPE_SLICE_END]
    assert len(begins) == len(ends) > 61  # DeepSeek-V3 has 61 layers.
    last_s = max(packet.timestamp for packet in ends) * 1e-9
    assert 50e-6 < last_s < 50e-3


def test_a_folder_that_cannot_be_written_is_told_before_any_work(tmp_path, capsys):
    if os.geteuid() == 0:  # To whom nothing of an ordinary file system is read-only.
        folder = "/proc/demo-out"
    else:
        tmp_path.chmod(0o555)
        folder = str(tmp_path / "demo-out")
    assert main(["demo", "--out", folder]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"lpusim: cannot write to {folder}: ")
    assert printed.err.count("\n") == 1


def test_a_file_where_the_folder_should_be_stays_what_it_was(tmp_path):
    taken = tmp_path / "out"
    taken.write_text("mine")
    with pytest.raises(ValueError, match=r"cannot write to .*out: File exists"):
        run(out=taken)
    assert taken.read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("arrival_s,input_tokens,output_tokens\n", "no requests"),
        ("arrival_s,input_tokens,output_tokens\n0,10,x\n", ":2: output_tokens is 'x'"),
        ("hello\n", "starts with 'hello'"),
    ],
)
def test_a_bad_trace_is_one_line_and_leaves_no_file(tmp_path, capsys, text, message):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    assert main(["demo", "--out", str(tmp_path / "out"), "--trace", str(path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list((tmp_path / "out").iterdir())


def test_an_interrupt_exits_with_130_and_leaves_no_file(tmp_path, trace, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("lpusim._demo.audit", interrupted)
    monkeypatch.setattr("lpusim._demo._QUESTIONS", (("llama-3.1-70b", ("api:groq",)),))
    assert main(["demo", "--out", str(tmp_path), "--trace", str(trace)]) == 130
    assert capsys.readouterr().err == "lpusim: interrupted\n"
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_the_page_is_left_out_and_says_so(tmp_path, trace, monkeypatch, capsys):
    monkeypatch.setattr("lpusim._demo._QUESTIONS", (("llama-3.1-70b", ("h200", "api:groq")),))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["demo", "--out", str(tmp_path), "--trace", str(trace)]) == 0
    printed = capsys.readouterr().out
    assert "No page: its plots need matplotlib (pip install 'lpusim[plot]')" in printed
    assert "No timeline: no LPU fleet holds its model and one request of this trace" in printed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo.json"]


def test_a_model_that_fits_nowhere_reads_as_an_answer(tmp_path, monkeypatch, capsys):
    path = tmp_path / "long.csv"
    path.write_text("arrival_s,input_tokens,output_tokens\n0,2000000000,10\n")
    monkeypatch.setattr("lpusim._demo._QUESTIONS", (("llama-3.1-70b", ("groq-lpu-v1",)),))
    assert main(["demo", "--out", str(tmp_path / "out"), "--trace", str(path)]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^fits +no$", printed, re.MULTILINE)
    assert "What is short:\nllama-3.1-70b on groq-lpu-v1: " in printed
    fleet = json.loads((tmp_path / "out" / "demo.json").read_text())["result"]["fleets"][0]
    assert (fleet["fits"], fleet["chip_count"], fleet["values"]) == (False, 0, {})
