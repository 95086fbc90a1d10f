"""The batch engine against one that adds up every token of every iteration."""

from types import SimpleNamespace

import numpy as np
import pytest
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


def batch_token_by_token(timing, requests, *, max_batch_tokens, max_sequences, block_tokens):
    """Iterates a batching machine, adding up every token of every sequence in every iteration."""
    blocks_total = timing.kv_token_capacity // block_tokens
    sequences = [
        SimpleNamespace(
            arrival=arrival,
            inputs=inputs,
            outputs=outputs,
            blocks=-(-(inputs + outputs) // block_tokens),
            prefilled=0,
            produced=0,
            first=None,
            finish=None,
        )
        for arrival, inputs, outputs in requests
    ]
    waiting = [s for s in sequences if s.blocks <= blocks_total]
    running, now = [], 0
    while waiting or running:
        if not running:
            now = max(now, waiting[0].arrival)
        while waiting and waiting[0].arrival <= now and len(running) < max_sequences:
            if sum(s.blocks for s in running) + waiting[0].blocks > blocks_total:
                break
            running.append(waiting.pop(0))
        prefill_tokens = prefill_context = decode_sequences = decode_context = 0
        producing = []
        for s in running:
            if s.produced > 0:
                decode_sequences += 1
                decode_context += s.inputs + s.produced
                producing.append(s)
        for s in running:
            while s.prefilled < s.inputs and prefill_tokens + decode_sequences < max_batch_tokens:
                s.prefilled += 1
                prefill_tokens += 1
                prefill_context += s.prefilled
            if s.prefilled == s.inputs and s.produced == 0:
                producing.append(s)
        now += timing.step_ps(
            prefill_tokens=prefill_tokens,
            prefill_context_tokens=prefill_context,
            decode_sequences=decode_sequences,
            decode_context_tokens=decode_context,
        )
        for s in producing:
            s.produced += 1
            s.first = now if s.first is None else s.first
            if s.produced == s.outputs:
                s.finish = now
                running.remove(s)
    return [(s.first, s.finish) if s.first is not None else None for s in sequences]


def small_gpu(load, chips=1):
    """Slow enough that a few tokens are many picoseconds: 1e9 FLOP/s, 1e8 B/s."""
    spec = _core.device.GpuSpec()
    spec.fp16_flops_per_s, spec.memory_bytes_per_s, spec.memory_bytes = 1e9, 1e8, 4000
    spec.link_bytes_per_s, spec.scale_up_chips, spec.kernel_overhead_us = 1e7, 4, 1.5
    spec.compute_efficiency, spec.memory_efficiency, spec.link_efficiency, spec.memory_utilisation = (
        1,
        1,
        1,
        1,
    )
    return _core.device.GpuTiming(spec, chip_count=chips, load=load, weights="fp16")


@pytest.fixture(scope="module")
def load():
    """A mixture of experts whose cache leaves room for about 77 tokens."""
    load = _core.model.Load()
    load.weight_bytes, load.always_read_bytes = 3000, 500
    load.moe_layers, load.experts, load.experts_per_token, load.expert_bytes = 2, 8, 2, 100
    load.flops_per_token, load.attention_flops_per_context_token = 4000, 50
    load.kv_bytes_per_token, load.layers, load.hidden = 13, 3, 8
    return load


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 200_000_000), st.integers(1, 40), st.integers(1, 20)), min_size=1, max_size=8
    ).map(sorted),
    st.integers(1, 4),
    st.integers(0, 8),
    st.integers(1, 16),
)
def test_agrees_with_token_by_token(load, requests, max_sequences, more_tokens, block_tokens):
    timing = small_gpu(load)
    options = {
        "max_sequences": max_sequences,
        "max_batch_tokens": max_sequences + more_tokens,
        "block_tokens": block_tokens,
    }
    pool = _core.serve.PoolSpec.batch(name="b", timing=timing, **options)
    assert run(pool, requests) == batch_token_by_token(timing, requests, **options)
