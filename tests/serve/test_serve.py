"""`serve`: pools, routing, results and the laws they keep."""

import json
import signal
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lpusim
from lpusim import _core

PS = 10**12


def lpu_timing(*, stages=4, occupancy=1_000_000, pages=32, page_tokens=16, rows=32, chunk=4, slope=0):
    """A pipeline whose items hold each stage for `occupancy` (+ `slope` a page) and leave right after."""
    held = [occupancy + slope * row for row in range(rows)]
    return _core.device.PipelineTiming(
        stage_count=stages,
        page_tokens=page_tokens,
        kv_page_count=pages,
        chunk_tokens=chunk,
        decode_occupancy_ps=held,
        decode_latency_ps=[stages * o for o in held],
        prefill_occupancy_ps=held,
        prefill_latency_ps=[stages * o for o in held],
    )


def gpu_timing(*, chips=1):
    spec = _core.device.GpuSpec()
    spec.fp16_flops_per_s, spec.memory_bytes_per_s, spec.memory_bytes = 1e12, 1e11, 10**9
    spec.link_bytes_per_s, spec.scale_up_chips = 1e10, 8
    load = _core.model.Load()
    load.weight_bytes = load.always_read_bytes = 9 * 10**8
    load.flops_per_token, load.kv_bytes_per_token = 10**9, 10**5
    load.layers, load.hidden = 4, 128
    return _core.device.GpuTiming(spec, chip_count=chips, load=load, weights="fp16")


def lpu(name="lpu", **options):
    keys = ("replicas", "max_sequences", "prefill_first")
    pool = {key: options.pop(key) for key in keys if key in options}
    return lpusim.Pool(None, None, name, timing=lpu_timing(**options), **pool)


def gpu(name="gpu", **options):
    return lpusim.Pool(None, None, name, timing=gpu_timing(), **options)


def trace_of(rows):
    arrival, inputs, outputs = zip(*rows, strict=True)
    return lpusim.Trace(name="t", arrival_ps=arrival, input_tokens=inputs, output_tokens=outputs)


def fleets():
    return {
        "lpu": [lpu()],
        "gpu": [gpu(max_sequences=4, max_batch_tokens=32)],
        "mixed": [lpu(replicas=2, pages=8, rows=8), gpu(), lpu("tight", pages=3, rows=3, slope=1000)],
    }


POLICIES = ("round-robin", "random", "least-loaded", "cheapest-meeting-slo")
rows = st.lists(
    st.tuples(st.integers(0, 50_000_000), st.integers(1, 150), st.integers(1, 60)), min_size=1, max_size=15
).map(sorted)
any_fleet = st.sampled_from(sorted(fleets()))
any_policy = st.sampled_from(POLICIES)
SLO = lpusim.Slo(ttft_s=30e-6, tpot_s=5e-6)


# Laws


@settings(max_examples=60, deadline=None)
@given(rows, any_fleet, any_policy)
def test_every_request_ends_once_and_tokens_in_are_tokens_out(rows, fleet, policy):
    pools = fleets()[fleet]
    result = lpusim.serve(pools, trace_of(rows), SLO, policy)
    done = result.finished
    assert set(result.requests.status.tolist()) <= {"finished", "rejected"}
    assert result.pools.requests.sum() == done.sum()
    for i, name in enumerate(result.pools.name.tolist()):
        mine = result.requests.pool == name
        assert result.pools.requests[i] == mine.sum()
        assert result.pools.input_tokens[i] == result.requests.input_tokens[mine].sum()
        assert result.pools.output_tokens[i] == result.requests.output_tokens[mine].sum()
        # One output a request comes out of prefill, the others are decode items.
        later = (result.requests.output_tokens[mine] - 1).sum()
        assert result.pools.decode_items[i] == later
    assert np.all(result.requests.pool[~done] == "")
    assert np.all(result.requests.first_token_ps[done] > result.requests.arrival_ps[done])
    assert np.all(result.requests.finish_ps[done] >= result.requests.first_token_ps[done])


@settings(max_examples=60, deadline=None)
@given(rows, any_fleet, any_policy, st.integers(0, 10**15))
def test_shifting_every_arrival_shifts_every_finish(rows, fleet, policy, shift):
    here = lpusim.serve(fleets()[fleet], trace_of(rows), SLO, policy).requests
    there = lpusim.serve(
        fleets()[fleet], trace_of([(a + shift, i, o) for a, i, o in rows]), SLO, policy
    ).requests
    assert there.pool.tolist() == here.pool.tolist()
    for name in ("first_token_ps", "finish_ps"):
        moved = np.where(here[name] < 0, -1, here[name] + shift)
        assert there[name].tolist() == moved.tolist()


@settings(max_examples=60, deadline=None)
@given(rows, any_fleet, any_policy)
def test_nothing_is_busier_or_fuller_than_it_can_be(rows, fleet, policy):
    pools = lpusim.serve(fleets()[fleet], trace_of(rows), SLO, policy).pools
    for name in ("busy_share", "kv_share_mean", "kv_share_peak"):
        assert np.all((pools[name] >= 0) & (pools[name] <= 1 + 1e-12)), name
    assert np.all(pools.kv_share_mean <= pools.kv_share_peak + 1e-12)


@settings(max_examples=60, deadline=None)
@given(rows, st.integers(4, 16), st.integers(1, 20), st.booleans())
def test_kv_never_exceeds_capacity_at_any_time(rows, pages, page_tokens, on_gpu):
    """Counted from outside: whoever is between its first and last token holds its whole final context."""
    if on_gpu:
        pool, unit_tokens = gpu(block_tokens=1000, max_sequences=8, max_batch_tokens=32), 1000
    else:
        pool, unit_tokens = lpu(pages=pages, rows=pages, page_tokens=page_tokens), page_tokens
    result = lpusim.serve(pool, trace_of(rows))
    capacity = result.pools.kv_capacity_tokens[0] // unit_tokens
    done = [i for i in range(len(rows)) if result.finished[i]]
    changes = []
    for i in done:
        units = -(-(rows[i][1] + rows[i][2]) // unit_tokens)
        changes.append((result.requests.first_token_ps[i], 1, units))
        changes.append((result.requests.finish_ps[i], 0, -units))
    held = 0
    for _, _, units in sorted(changes):  # who leaves makes room for who comes in the same picosecond
        held += units
        assert held <= capacity


@settings(max_examples=60, deadline=None)
@given(rows, any_policy)
def test_the_same_question_has_the_same_answer_to_the_bit(rows, policy):
    answers = [lpusim.serve(fleets()["mixed"], trace_of(rows), SLO, policy, seed=5) for _ in range(2)]
    first, second = (json.dumps(a.to_dict(), sort_keys=True) for a in answers)
    assert first == second
    columns, again = (a.to_columns() for a in answers)
    assert all(columns[name].tobytes() == again[name].tobytes() for name in columns)


@settings(max_examples=60, deadline=None)
@given(rows, st.booleans())
def test_first_tokens_leave_a_machine_in_order_of_arrival(rows, on_gpu):
    pool = gpu(max_sequences=3, max_batch_tokens=16) if on_gpu else lpu(pages=20)
    result = lpusim.serve(pool, trace_of(rows))
    first = result.requests.first_token_ps[result.finished]
    assert np.all(np.diff(first) >= 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 100), st.integers(1, 50), st.integers(10, 31), st.integers(0, 8))
def test_more_pages_or_slots_never_make_a_lone_request_later(inputs, outputs, pages, more):
    trace = trace_of([(0, inputs, outputs)])
    small = lpusim.serve(lpu(pages=pages, max_sequences=1), trace).requests
    large = lpusim.serve(lpu(pages=pages + more, max_sequences=1 + more), trace).requests
    assert large.finish_ps[0] == small.finish_ps[0] > 0


@settings(max_examples=30, deadline=None)
@given(rows)
def test_a_pool_that_is_never_chosen_changes_nothing(rows):
    """A pool that can hold nothing is not asked."""
    alone = lpusim.serve([lpu(pages=8, rows=8)], trace_of(rows))
    tiny = lpu("tiny", pages=1, rows=1, page_tokens=1)
    beside = lpusim.serve([lpu(pages=8, rows=8), tiny], trace_of(rows))
    assert beside.requests.finish_ps.tolist() == alone.requests.finish_ps.tolist()


@settings(max_examples=40, deadline=None)
@given(rows, any_fleet)
def test_what_is_outstanding_ends_at_zero_and_progress_counts_up(rows, fleet):
    seen = []
    lpusim.serve(fleets()[fleet], trace_of(rows), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (len(rows), len(rows))
    assert seen == sorted(seen)


# Hand-worked


def test_a_lone_request_takes_what_its_chunks_and_tokens_take():
    """6 tokens are chunks of 4 and 2: the second enters 1 us after the first and leaves 4 us later."""
    result = lpusim.serve(lpu(), trace_of([(PS, 6, 3)]))
    assert result.requests.first_token_ps.tolist() == [PS + 5_000_000]
    assert result.requests.finish_ps.tolist() == [PS + 5_000_000 + 2 * 4_000_000]
    assert result.ttft_s.tolist() == [5e-6]
    assert result.tpot_s.tolist() == [4e-6]
    assert result.e2e_s.tolist() == [13e-6]
    assert result.duration_s == 13e-6
    pools = result.pools
    assert (pools.prefill_items[0], pools.decode_items[0]) == (2, 2)
    assert pools.busy_s[0] == 4e-6
    assert pools.busy_share[0] == pytest.approx(4 / 13)
    assert pools.kv_capacity_tokens[0] == 32 * 16
    assert pools.kv_share_mean[0] == pytest.approx(1 / 32)


def test_a_pipe_serves_as_many_users_at_full_speed_as_it_has_stages():
    """Four stages of 1 us: four sequences take turns without waiting, a fifth finds no slot."""

    def run(users, **options):
        return lpusim.serve(lpu(pages=1000, **options), trace_of([(0, 1, 200)] * users))

    assert run(1).tpot_s.max() == run(4).tpot_s.max() == 4e-6
    # Decode first: the fifth waits until one of the four has ended, 199 x 4 us after its first token.
    decode_first = run(5)
    assert decode_first.tpot_s.max() == 4e-6
    assert decode_first.ttft_s[4] > 199 * 4e-6
    # Prefill first: it gets in at once, and all five share the slots.
    prefill_first = run(5, prefill_first=True)
    assert prefill_first.ttft_s[4] == 8e-6
    assert prefill_first.tpot_s.max() == pytest.approx(5e-6, rel=0.02)


def test_the_summary_has_vllm_keys_in_its_units():
    trace = trace_of([(0, 4, 1), (10 * PS, 4, 3), (20 * PS, 10_000, 1)])
    summary = lpusim.serve(lpu(), trace, lpusim.Slo(ttft_s=1)).summary()
    assert (summary["completed"], summary["failed"]) == (2, 1)
    assert (summary["total_input_tokens"], summary["total_output_tokens"]) == (8, 4)
    assert summary["duration"] == 10.000012
    assert summary["mean_ttft_ms"] == pytest.approx(4e-3)
    assert summary["median_tpot_ms"] == pytest.approx(4e-3)  # the request with one output has no TPOT
    assert summary["mean_itl_ms"] == pytest.approx(4e-3)
    assert summary["p99_e2el_ms"] == pytest.approx(4e-3 + 0.99 * 8e-3)
    assert summary["request_goodput"] == pytest.approx(2 / 10.000012)
    assert summary["slo_attainment"] == pytest.approx(2 / 3)
    assert summary["output_throughput"] == pytest.approx(4 / 10.000012)
    assert summary["max_concurrent_requests"] == 1


def test_a_request_that_ends_as_another_arrives_is_not_concurrent_with_it():
    def most(second_arrival):
        return lpusim.serve(lpu(), trace_of([(0, 4, 1), (second_arrival, 4, 1)])).summary()[
            "max_concurrent_requests"
        ]

    assert most(4_000_000) == 1
    assert most(3_999_999) == 2


def test_without_an_slo_goodput_is_not_stated_and_meeting_it_cannot_be_asked():
    result = lpusim.serve(lpu(), trace_of([(0, 4, 1)]))
    assert result.summary()["request_goodput"] is None
    with pytest.raises(ValueError, match="needs an SLO"):
        result.meets_slo()
    assert result.meets_slo(lpusim.Slo(ttft_s=1))


def test_an_slo_holds_for_its_share_of_the_requests_and_not_one_less():
    """Four apart: TTFT 4 us each. A fifth right behind the fourth waits for a slot: 5 us."""
    apart = [(i * PS, 4, 1) for i in range(4)]
    result = lpusim.serve(lpu(), trace_of([*apart, (3 * PS, 4, 1)]))
    assert result.meets_slo(lpusim.Slo(ttft_s=4e-6, percentile=0.8))
    assert not result.meets_slo(lpusim.Slo(ttft_s=4e-6, percentile=0.81))
    assert result.meets_slo(lpusim.Slo(ttft_s=5e-6, percentile=1))
    assert result.good(lpusim.Slo(ttft_s=4e-6)).tolist() == [True] * 4 + [False]


def test_a_rejected_request_never_meets_an_slo():
    result = lpusim.serve(lpu(), trace_of([(0, 4, 1), (0, 10_000, 1)]))
    assert result.requests.status.tolist() == ["finished", "rejected"]
    assert np.isnan(result.requests.finish_s[1])
    assert not result.meets_slo(lpusim.Slo(ttft_s=100, percentile=0.1))


def test_latencies_of_nothing_are_none_not_nan():
    summary = lpusim.serve(lpu(), trace_of([(0, 10_000, 1)])).summary()
    assert summary["mean_ttft_ms"] is None
    assert summary["request_throughput"] == 0
    json.dumps(summary, allow_nan=False)


def test_the_cheapest_pool_takes_what_it_can_serve_in_time_and_the_rest_spills():
    cheap = lpusim.Pool(None, None, "cheap", timing=lpu_timing(pages=4), usd_per_million_output_tokens=1)
    dear = lpusim.Pool(
        None, None, "dear", timing=lpu_timing(stages=16, pages=99), usd_per_million_output_tokens=9
    )
    burst = trace_of([(0, 4, 50)] * 8)
    result = lpusim.serve([dear, cheap], burst, lpusim.Slo(ttft_s=40e-6), "cheapest-meeting-slo")
    assert result.requests.pool[0] == "cheap"
    assert set(result.requests.pool.tolist()) == {"cheap", "dear"}
    assert result.meets_slo()
    # Without a limit there is no reason to pay more.
    alone = lpusim.serve([dear, cheap], burst, policy="cheapest-meeting-slo")
    assert set(alone.requests.pool.tolist()) == {"cheap"}


def test_a_pool_too_slow_a_token_is_passed_over_only_where_that_is_a_limit():
    """Four stages of 10 us are 40 us a token, of 1 us 4 us."""
    slow = lpusim.Pool(
        None, None, "slow", timing=lpu_timing(occupancy=10_000_000), usd_per_million_output_tokens=1
    )
    fast = lpusim.Pool(None, None, "fast", timing=lpu_timing(), usd_per_million_output_tokens=2)
    trace = trace_of([(0, 1, 10)])

    def chosen(slo):
        return lpusim.serve([slow, fast], trace, slo, "cheapest-meeting-slo").requests.pool[0]

    assert chosen(lpusim.Slo(ttft_s=1)) == "slow"
    assert chosen(lpusim.Slo(ttft_s=1, tpot_s=41e-6)) == "slow"
    assert chosen(lpusim.Slo(ttft_s=1, tpot_s=39e-6)) == "fast"


def test_to_columns_holds_numbers_only():
    result = lpusim.serve([lpu(), gpu()], trace_of([(0, 4, 1), (0, 4, 1), (0, 10**6, 1)]))
    columns = result.to_columns()
    assert {c.dtype for c in columns.values()} == {np.dtype(np.int64), np.dtype(np.float64)}
    assert columns["pool"].tolist() == [0, 1, -1]
    assert columns["status"].tolist() == [0, 0, 1]


def test_to_dict_is_json_with_what_was_asked():
    result = lpusim.serve([lpu(), gpu()], trace_of([(0, 4, 2)]), SLO, "least-loaded", seed=3)
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert plain["policy"] == "least-loaded"
    assert plain["seed"] == 3
    assert plain["slo"]["ttft_s"] == 30e-6
    assert [p["name"] for p in plain["pools"]] == ["lpu", "gpu"]


def test_columns_are_read_only_and_name_each_other():
    result = lpusim.serve(lpu(), trace_of([(0, 4, 2)]))
    with pytest.raises(ValueError):
        result.requests.finish_s[0] = 0
    with pytest.raises(AttributeError, match="there are arrival_s"):
        _ = result.requests.ttft
    assert result.requests["finish_s"] is result.requests.finish_s


# Real systems


def test_a_gpu_pool_is_built_from_its_presets():
    model, system = lpusim.load_model("llama-3.1-8b"), lpusim.load_system("h100-1")
    pool = lpusim.Pool(model, system, weights="fp8", replicas=2)
    result = lpusim.serve(pool, lpusim.generate_trace(50, seed=2))
    assert pool.label == "llama-3.1-8b on h100-1"
    assert result.pools.chip_count[0] == 2
    assert result.pools.kind[0] == "gpu"
    usable = int(system.memory_bytes * system.chip.value("gpu.memory_utilisation"))
    load = model.load("fp8", "fp16")
    tokens = (usable - load.weight_bytes) // model.kv_bytes_per_token("fp16")
    assert result.pools.kv_capacity_tokens[0] == 2 * (tokens // 16 * 16)


def test_a_model_too_large_for_a_gpu_says_how_many_would_do():
    pool = lpusim.Pool(lpusim.load_model("deepseek-v3"), lpusim.load_system("h200-1"))
    with pytest.raises(lpusim.CapacityError) as error:
        lpusim.serve(pool, lpusim.generate_trace(1))
    assert error.value.smallest_chip_count == 6  # 673 GB over 0.9 x 141 GB each


def test_an_api_pool_answers_at_its_listed_speed_and_price():
    model, system = lpusim.load_model("llama-3.1-8b"), lpusim.load_system("api:groq")
    prices = system.prices(model.name)
    result = lpusim.serve(lpusim.Pool(model, system), lpusim.generate_trace(10))
    assert result.ttft_s == pytest.approx(np.full(10, prices["time_to_first_token_s"].value))
    assert result.tpot_s == pytest.approx(np.full(10, 1 / prices["tokens_per_second_per_user"].value))
    with pytest.raises(ValueError, match="an API has no replicas"):
        lpusim.serve(lpusim.Pool(model, system, replicas=2), lpusim.generate_trace(1))


# Bad input


@pytest.mark.parametrize(
    ("pools", "error", "message"),
    [
        (list, ValueError, "at least one pool"),
        (lambda: [lpu(), lpu()], ValueError, 'two pools are named "lpu"'),
        (lambda: [lpu(replicas=0)], ValueError, "replicas must be from 1"),
        (lambda: ["lpu"], TypeError, "takes pools"),
        (lambda: [gpu(max_batch_tokens=0)], ValueError, "max_batch_tokens"),
        (lambda: [gpu(block_tokens=0)], ValueError, "block_tokens"),
        (lambda: [gpu(max_sequences=0)], ValueError, "max_sequences"),
        (lambda: [lpu(max_sequences=-1)], ValueError, "max_sequences"),
        (lambda: [lpu(occupancy=0)], ValueError, r"decode_occupancy_ps\[0\]"),
        (lambda: [gpu(usd_per_million_output_tokens=float("nan"))], ValueError, "price"),
        (lambda: [gpu(usd_per_million_output_tokens=-1)], ValueError, "price .* must be 0 or more, got -1"),
        (lambda: [lpu(max_sequences=0)], ValueError, "max_sequences must be from 1"),
        (lambda: [lpu(replicas=1.5)], TypeError, "replicas must be a whole number, got 1.5"),
        (lambda: [lpu(name="")], ValueError, "name of a pool must not be empty"),
        (lambda: [lpusim.Pool("llama-3.1-8b", None)], TypeError, "must come from load_model, got 'llama"),
        (
            lambda: [lpusim.Pool(lpusim.load_model("llama-3.1-8b"), "h100-1")],
            TypeError,
            "must come from load_system, got 'h100-1'",
        ),
        (lambda: [lpusim.Pool(None, None, timing=5)], TypeError, "timing must be a PipelineTiming"),
    ],
)
def test_bad_pools_are_refused_by_name(pools, error, message):
    with pytest.raises(error, match=message):
        lpusim.serve(pools(), trace_of([(0, 1, 1)]))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"policy": "fastest"}, ValueError, 'unknown policy "fastest"; known: round-robin'),
        ({"slo": 0.5}, TypeError, "Slo"),
        ({"seed": -1}, ValueError, "seed"),
        ({"seed": 1.5}, TypeError, "seed must be a whole number, got 1.5"),
        ({"policy": None}, TypeError, "policy must be text, got None"),
    ],
)
def test_bad_questions_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        lpusim.serve(lpu(), trace_of([(0, 1, 1)]), **options)


def test_a_trace_must_be_loaded_first():
    with pytest.raises(TypeError, match="load_trace"):
        lpusim.serve(lpu(), "trace.csv")


@pytest.mark.parametrize(
    "limits",
    [
        {"ttft_s": 0},
        {"tpot_s": -1},
        {"e2e_s": float("nan")},
        {"e2e_s": float("inf")},
        {"percentile": 0},
        {"percentile": 1.1},
    ],
)
def test_a_limit_must_be_above_zero(limits):
    with pytest.raises(ValueError):
        lpusim.Slo(**limits)


def test_a_limit_beyond_all_time_is_met_by_whatever_finishes():
    result = lpusim.serve(lpu(), trace_of([(0, 1, 1)]), slo=lpusim.Slo(ttft_s=1e300))
    assert result.meets_slo()


def test_a_load_that_never_ends_is_an_error_not_a_hang():
    """Each token takes 10^16 ps: a thousand of them pass the end of simulated time."""
    slow = lpusim.Pool(None, None, "slow", timing=lpu_timing(occupancy=10**16, stages=1))
    with pytest.raises(ValueError, match="simulated time passes"):
        lpusim.serve(slow, trace_of([(0, 1, 500)]))


def test_control_c_ends_a_long_run():
    """Four hundred million tokens one at a time are seconds of work; interrupted after a tenth."""
    pool = lpu(stages=1, occupancy=1, page_tokens=1 << 20, rows=400, pages=400)
    trace = trace_of([(0, 1, 400_000_000)])
    timer = threading.Timer(0.1, signal.raise_signal, [signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        lpusim.serve(pool, trace)
    timer.join()


def test_an_error_in_progress_ends_the_run():
    def report(done, total):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        lpusim.serve(lpu(), trace_of([(0, 1, 1)]), progress=report)
