"""The pipeline engine against a machine that is moved one picosecond at a time."""

from types import SimpleNamespace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lpusim import _core


def columns(requests):
    """The requests as the core takes them."""
    rows = np.array(requests, dtype=np.int64).reshape(-1, 3)
    names = ("arrival_ps", "input_tokens", "output_tokens")
    return {name: np.ascontiguousarray(rows[:, i]) for i, name in enumerate(names)}


def run(pool, requests):
    """(First token, finish) a request, None where rejected."""
    done = _core.serve.run([pool], **columns(requests), policy="round-robin")
    rows = zip(done["first_token_ps"].tolist(), done["finish_ps"].tolist(), strict=True)
    return [None if finish < 0 else (first, finish) for first, finish in rows]


def pipeline_tick_by_tick(timing, requests, max_sequences=None, prefill_first=False):
    """Moves a pipelined machine one picosecond at a time.

    `requests` are (arrival, input, output) in order of arrival. Keeps a book of who holds which stage when,
    and lets an item enter at the first tick at which it would meet nobody in any stage. Returns (first token,
    finish) a request; None where the request can never fit.
    """
    rows = len(timing.decode_occupancy_ps)
    sequences = []
    for arrival, inputs, outputs in requests:
        pages = -(-(inputs + outputs) // timing.page_tokens)
        fits = pages <= timing.kv_page_count and pages <= rows
        sequences.append(
            SimpleNamespace(
                arrival=arrival,
                inputs=inputs,
                outputs=outputs,
                pages=pages,
                fits=fits,
                prefilled=0,
                produced=0,
                first=None,
                finish=None,
            )
        )
    stage_free = [0] * timing.stage_count
    queue, prefilling, ready, in_flight, running = [], [], [], [], []
    now = 0
    while any(s.fits and s.finish is None for s in sequences):
        for item in [item for item in in_flight if item.exit == now]:
            in_flight.remove(item)
            s = item.sequence
            if item.is_last_chunk or item.is_decode:
                s.produced += 1
                s.first = now if s.first is None else s.first
                if s.produced == s.outputs:
                    s.finish = now
                    running.remove(s)
                else:
                    ready.append(s)
        queue += [s for s in sequences if s.arrival == now and s.fits]
        while queue and sum(s.pages for s in running) + queue[0].pages <= timing.kv_page_count:
            if max_sequences is not None and len(running) >= max_sequences:
                break
            running.append(queue[0])
            prefilling.append(queue.pop(0))
        chosen = None
        if stage_free[0] <= now and (ready or prefilling):
            if ready and not (prefilling and prefill_first):
                s = ready.pop(0)
                row = (s.inputs + s.produced - 1) // timing.page_tokens
                chosen = SimpleNamespace(
                    sequence=s,
                    is_decode=True,
                    is_last_chunk=False,
                    occupancy=timing.decode_occupancy_ps[row],
                    latency=timing.decode_latency_ps[row],
                )
            else:
                s = prefilling[0]
                s.prefilled = min(s.inputs, s.prefilled + timing.chunk_tokens)
                row = (s.prefilled - 1) // timing.page_tokens
                chosen = SimpleNamespace(
                    sequence=s,
                    is_decode=False,
                    is_last_chunk=s.prefilled == s.inputs,
                    occupancy=timing.prefill_occupancy_ps[row],
                    latency=timing.prefill_latency_ps[row],
                )
                if chosen.is_last_chunk:
                    prefilling.pop(0)
        if chosen is not None:
            begun = now
            for stage, free in enumerate(stage_free):
                begun = max(begun, free)
                stage_free[stage] = begun = begun + chosen.occupancy
            # Its own latency, and what it waited for slower ones ahead.
            waited = begun - now - timing.stage_count * chosen.occupancy
            chosen.exit = now + chosen.latency + waited
            in_flight.append(chosen)
        now += 1
    return [(s.first, s.finish) if s.fits else None for s in sequences]


@st.composite
def timings(draw):
    stage_count = draw(st.integers(1, 3))
    rows = draw(st.integers(1, 6))

    def tables():
        occupancy = draw(st.lists(st.integers(1, 4), min_size=rows, max_size=rows))
        extra = draw(st.lists(st.integers(0, 5), min_size=rows, max_size=rows))
        return occupancy, [stage_count * o + e for o, e in zip(occupancy, extra, strict=True)]

    decode, prefill = tables(), tables()
    return _core.device.PipelineTiming(
        stage_count=stage_count,
        page_tokens=draw(st.integers(1, 4)),
        kv_page_count=draw(st.integers(1, 8)),
        chunk_tokens=draw(st.integers(1, 5)),
        decode_occupancy_ps=decode[0],
        decode_latency_ps=decode[1],
        prefill_occupancy_ps=prefill[0],
        prefill_latency_ps=prefill[1],
    )


requests_lists = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 8), st.integers(1, 6)), min_size=1, max_size=7
).map(sorted)


@settings(max_examples=250, deadline=None)
@given(timings(), requests_lists, st.none() | st.integers(1, 3), st.booleans())
def test_agrees_with_tick_by_tick(timing, requests, max_sequences, prefill_first):
    pool = _core.serve.PoolSpec.pipeline(
        name="p", timing=timing, max_sequences=max_sequences or 0, prefill_first=prefill_first
    )
    assert run(pool, requests) == pipeline_tick_by_tick(timing, requests, max_sequences, prefill_first)


@settings(max_examples=100, deadline=None)
@given(timings(), st.integers(1, 60), st.integers(1, 5), st.integers(0, 20))
def test_long_prompts_that_enter_many_chunks_at_once_agree_too(timing, inputs, outputs, gap):
    """Runs of chunks are booked in one go; another sequence's decode tokens cut them short."""
    timing = _core.device.PipelineTiming(
        stage_count=timing.stage_count,
        page_tokens=16,
        kv_page_count=100,
        chunk_tokens=min(2, timing.chunk_tokens),
        **{
            name: (getattr(timing, name) * 8)[:8]
            for kind in ("decode", "prefill")
            for name in (f"{kind}_occupancy_ps", f"{kind}_latency_ps")
        },
    )
    requests = [(0, 3, 9), (gap, inputs, outputs), (gap + 3, inputs, 1)]
    pool = _core.serve.PoolSpec.pipeline(name="p", timing=timing)
    assert run(pool, requests) == pipeline_tick_by_tick(timing, requests)
