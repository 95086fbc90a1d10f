"""What a screen shows, from plain stand-ins for results."""

import math
from types import SimpleNamespace as Plain

from lpusim._fleet_screen import recommendation_screen
from lpusim._format import estimate_screen

VALUES = {"ttft_p99_s": 0.25, "tpot_p99_s": 1.2e-3, "usd_per_month": 1e6, "joules_per_token": math.nan}


def fleet(candidate, meets=True, **more):
    fields = {
        "candidate": candidate,
        "model": Plain(name="deepseek-v3"),
        "chip_count": 1536,
        "pool": Plain(kind="api" if candidate.startswith("api:") else "lpu", replicas=1),
        "plan": None,
        "meets_slo": meets,
        "short": "",
        "values": VALUES,
        "bounds": {},
    }
    return Plain(**{**fields, **more})


def screen(*fleets, best=None):
    slo = Plain(percentile=0.99, to_dict=lambda: {"ttft_s": 0.5, "tpot_s": None, "percentile": 0.99})
    answer = Plain(slo=slo, trace_name="t", trace_description="20 requests", fleets=fleets, best=best)
    return recommendation_screen(answer).splitlines()


def test_fleets_stand_side_by_side_and_each_has_a_table_of_its_bounds():
    bound = Plain(low=1.1e-3, high=1.4e-3, widened_by="link.hop_ps")
    lines = screen(fleet("lp30", bounds={"tpot_p99_s": bound}), fleet("h200"), best=Plain(candidate="h200"))
    assert "limits TTFT 500 ms, for 99 % of requests; cheapest: h200" in lines
    together, alone = (line for line in lines if line.startswith("TPOT p99"))
    assert together.split() == ["TPOT", "p99", "1.20", "ms", "1.20", "ms"]
    assert alone.split() == ["TPOT", "p99", "1.20", "ms", "1.10", "ms", "1.40", "ms", "link.hop_ps"]
    assert lines.count("deepseek-v3 on lp30") == 1
    assert "deepseek-v3 on h200" not in lines


def test_what_is_not_known_is_a_dash_and_what_is_short_is_said():
    lines = screen(fleet("lp30", meets=False, short="p99 TPOT 0.03 s against 0.02 s"))
    assert next(line for line in lines if line.startswith("J/token")).split()[-1] == "-"
    assert lines[-1] == "deepseek-v3 on lp30: p99 TPOT 0.03 s against 0.02 s"
    assert "none meets the limits" in lines[1]


def test_a_bound_that_is_never_reached_is_inf_and_an_api_has_no_chips():
    never = Plain(low=0.1, high=math.inf, widened_by="memory.capacity_bytes")
    lines = screen(fleet("lp30", bounds={"ttft_p99_s": never}), fleet("api:x", values={"chip_count": 0.0}))
    assert [line.split()[-2] for line in lines if line.startswith("TTFT p99")][1] == "inf"
    assert next(line for line in lines if line.startswith("chips")).split()[-1] == "-"


def test_what_an_api_does_not_have_has_no_bounds_either():
    same = {name: Plain(low=0.0, high=0.0, widened_by="") for name in ("chip_count", "usd_per_month")}
    lines = screen(fleet("api:x", values={"chip_count": 0.0, "usd_per_month": 0.0}, bounds=same))
    assert [line.split()[0] for line in lines[lines.index("deepseek-v3 on api:x") + 3 :]] == ["$"]


def test_an_operating_point_shows_where_its_time_goes_and_what_it_rests_on():
    values = (
        "step_time_s",
        "time_to_first_token_s",
        "time_per_output_token_s",
        "tokens_per_second_per_user",
        "tokens_per_second",
        "joules_per_token",
    )
    costs = (
        "usd_per_million_output_tokens",
        "usd_per_million_input_tokens",
        "usd_per_request",
        "usd_per_month",
    )
    bound = Plain(low=0.5, high=2.0, widened_by="power.pue")
    point = Plain(
        model=Plain(name="m"),
        system=Plain(name="lp30-8", chip_count=8),
        weights="fp8",
        kv="fp16",
        batch=1,
        input_tokens=10,
        output_tokens=20,
        context=20,
        utilisation=0.5,
        step_cycles=900,
        cost=Plain(**{name: Plain(used=1.0, reserved=1.5) for name in costs}),
        bounds=dict.fromkeys((*values, *costs), bound),
        breakdown={"links": 0.75, "weights": 0.25},
        assumptions=[Plain(name="power.pue", value=1.2, unit="ratio", low=1.1, high=1.5)],
        notes=["a bound"],
        **dict.fromkeys(values, 1.0),
    )
    text = estimate_screen(point)
    assert "One decode step: 900 cycles" in text
    assert text.index("links    750 ms  75.0 %") < text.index("weights  250 ms  25.0 %")
    assert "Assumed: power.pue 1.20 ratio (1.10 to 1.50)" in text
    assert "Note: a bound" in text
    row = next(line for line in text.splitlines() if line.startswith("step time"))
    assert row.split() == ["step", "time", "1.00", "s", "500", "ms", "2.00", "s", "power.pue"]
