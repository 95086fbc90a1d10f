"""Rotary embedding against NumPy and the gate against `lpusim.moe.route`, in both engines."""

from __future__ import annotations

import numpy as np
import pytest

import lpusim
from lpusim import chip, moe

FULL = chip.ChipSpec()
SMALL = chip.ChipSpec(
    superlanes=2,
    lanes_per_superlane=4,
    positions=21,
    mem_slices_per_hemisphere=40,
    mem_words_per_slice=64,
    sxm_shift_latency_cycles=2,
    sxm_permute_latency_cycles=2,
)


def both(program: chip.Program, spec: chip.ChipSpec, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    fold, tick = (chip.run(program, spec, inputs, engine=engine) for engine in ("fold", "tick"))
    assert fold.cycles == tick.cycles == chip.verify(program, spec).cycles
    for name, matrix in fold.outputs.items():
        assert matrix.tobytes() == tick.outputs[name].tobytes()
    return fold.outputs


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize(
    ("spec", "rows", "heads", "head"),
    [(SMALL, 1, 1, 2), (SMALL, 5, 3, 4), (SMALL, 3, 2, 6), (SMALL, 4, 5, 8), (FULL, 3, 5, 128)],
)
def test_a_rotary_embedding_equals_numpy_bit_for_bit(spec, rows, heads, head, interleaved):
    random = np.random.default_rng(heads)
    x = random.normal(0, 2, (rows, heads * head)).astype(np.float16)
    positions = random.integers(0, 10_000, rows)
    cos, sin = chip.rope_tables(spec, positions, head_columns=head, interleaved=interleaved)
    program = chip.rope(spec, rows=rows, heads=heads, head_columns=head, interleaved=interleaved)
    wide = x.astype(np.float32).reshape(rows, heads, head)
    if interleaved:
        swapped = wide.reshape(rows, heads, head // 2, 2)[..., ::-1].reshape(wide.shape)
    else:
        swapped = np.roll(wide, head // 2, axis=2)
    expected = wide * cos[:, None, :head] + swapped * sin[:, None, :head]
    out = both(program, spec, {"x": x, "cos": cos, "sin": sin})["out"]
    np.testing.assert_array_equal(out, expected.astype(np.float16).reshape(x.shape))


def test_a_rotation_keeps_the_length_of_each_pair():
    x = np.random.default_rng(1).normal(0, 1, (4, 64)).astype(np.float16)
    cos, sin = chip.rope_tables(FULL, [0, 5, 77, 4000], head_columns=64)
    program = chip.rope(FULL, rows=4, heads=1, head_columns=64)
    out = chip.run(program, FULL, {"x": x, "cos": cos, "sin": sin}).outputs["out"].astype(np.float64)
    before = np.hypot(x[:, :32].astype(np.float64), x[:, 32:].astype(np.float64))
    np.testing.assert_allclose(np.hypot(out[:, :32], out[:, 32:]), before, rtol=2e-3)
    np.testing.assert_array_equal(out[0], x[0].astype(np.float64))  # position 0 does not turn


@pytest.mark.parametrize("dtype", ["int8", "fp16"])
@pytest.mark.parametrize(
    ("spec", "tokens", "entries", "columns"),
    [(SMALL, 1, 1, 1), (SMALL, 9, 32, 20), (SMALL, 30, 5, 8), (FULL, 40, 500, 1000)],
)
def test_an_embedding_reads_the_entries_of_its_ids(spec, tokens, entries, columns, dtype):
    random = np.random.default_rng(entries)
    ids = random.integers(0, entries, (tokens, 1), dtype=np.int32)
    ids[-1] = entries - 1
    table = random.integers(-128, 128, (entries, columns)).astype({"int8": "i1", "fp16": "f2"}[dtype])
    program = chip.embedding(spec, tokens=tokens, entries=entries, columns=columns, dtype=dtype)
    out = both(program, spec, {"ids": ids, "table": table})["out"]
    np.testing.assert_array_equal(out, table[ids[:, 0]])


def any_rows(entries: int, columns: int, dtype: str) -> np.ndarray:
    """All bit patterns, of NaN too."""
    kind, bits = {"int8": ("i1", "u1"), "fp16": ("f2", "u2")}[dtype]
    return np.arange(entries * columns).astype(bits).view(kind).reshape(entries, columns)


@pytest.mark.parametrize("dtype", ["int8", "fp16"])
@pytest.mark.parametrize(
    ("spec", "tokens", "entries", "columns"),
    [
        (SMALL, 5, 33, 8),  # two banks of one slice
        (SMALL, 9, 65, 9),  # a second slice
        (SMALL, 70, 100, 3),  # ids in more than one slice, too
        (SMALL, 7, 300, 30),
        (SMALL, 3, 700, 5),
        (SMALL.replace(vxm_alu_latency_cycles=3), 4, 200, 20),
        (SMALL.replace(mem_words_per_slice=60), 4, 200, 20),  # banks of 30 words: windows of 16
        (SMALL.replace(mem_banks_per_slice=4), 4, 300, 20),
        (FULL, 20, 12_000, 576),
    ],
)
def test_a_table_may_be_spread_over_banks_and_slices(spec, tokens, entries, columns, dtype):
    table = any_rows(entries, columns, dtype)
    ids = np.random.default_rng(entries).integers(0, entries, (tokens, 1), dtype=np.int32)
    ids[:2, 0] = 0, entries - 1
    program = chip.embedding(spec, tokens=tokens, entries=entries, columns=columns, dtype=dtype)
    fold, tick = (
        chip.run(program, spec, {"ids": ids, "table": table}, engine=engine) for engine in ("fold", "tick")
    )
    assert fold.cycles == tick.cycles == chip.verify(program, spec).cycles
    assert fold.outputs["out"].tobytes() == tick.outputs["out"].tobytes() == table[ids[:, 0]].tobytes()


def test_every_entry_of_a_spread_table_is_found():
    table = any_rows(150, 3, "fp16")
    ids = np.arange(64, dtype=np.int32).reshape(-1, 1)
    program = chip.embedding(SMALL, tokens=64, entries=150, columns=3)
    for first in (0, 64, 86):
        out = chip.run(program, SMALL, {"ids": ids + first, "table": table}).outputs["out"]
        assert out.tobytes() == table[first : first + 64].tobytes()


@pytest.mark.parametrize(
    ("entries", "columns", "period_max"),
    [(49_152, 576, 5), (32_000, 1024, 5), (128_256, 640, 10), (151_936, 320, 18), (70_233, 1280, 25)],
)
def test_real_vocabularies_fit_a_chip(entries, columns, period_max):
    cycles = [
        chip.verify(chip.embedding(FULL, tokens=t, entries=entries, columns=columns), FULL).cycles
        for t in (100, 200, 300)
    ]
    period = (cycles[1] - cycles[0]) // 100
    assert cycles[2] - cycles[1] == cycles[1] - cycles[0] == 100 * period
    assert period <= period_max


def test_an_id_outside_the_table_ends_a_run():
    for entries in (4, 33, 150):
        program = chip.embedding(SMALL, tokens=1, entries=entries, columns=1, dtype="int8")
        table = np.zeros((entries, 1), np.int8)
        for wrong in (-1, entries, -(2**31), 2**31 - 1, 65536, -65536):
            with pytest.raises(lpusim.ScheduleError):
                chip.run(program, SMALL, {"ids": np.array([[wrong]], np.int32), "table": table})


def test_an_embedding_costs_four_cycles_a_token_and_knows_its_limits():
    cycles = [
        chip.verify(chip.embedding(FULL, tokens=t, entries=4096, columns=4096), FULL).cycles
        for t in (1000, 2000)
    ]
    assert cycles[1] - cycles[0] == 4 * 1000
    with pytest.raises(
        lpusim.CapacityError,
        match=r"a table of 128256 x 4096 fp16 takes 416 SRAM slices, .* the chip has 88",
    ):
        chip.embedding(FULL, tokens=1, entries=128_256, columns=4096)
    with pytest.raises(ValueError, match="int8 or fp16"):
        chip.embedding(FULL, tokens=1, entries=1, columns=1, dtype="fp32")


@pytest.mark.parametrize("score", ["softmax", "sigmoid"])
@pytest.mark.parametrize(
    ("spec", "tokens", "experts", "chosen"),
    [(SMALL, 1, 1, 1), (SMALL, 5, 4, 2), (SMALL, 8, 30, 4), (SMALL, 19, 7, 7), (FULL, 700, 64, 6)],
)
def test_a_gate_routes_as_the_router_does(spec, tokens, experts, chosen, score):
    random = np.random.default_rng(experts)
    logits = random.normal(0, 2, (tokens, experts)).astype(np.float32)
    logits[::2] = np.round(logits[::2])  # ties
    program = chip.top_k_gate(spec, tokens=tokens, experts=experts, chosen=chosen, score=score)
    outputs = both(program, spec, {"logits": logits})
    routing = moe.route(logits, moe.RouterSpec(experts=experts, experts_per_token=chosen, score=score))
    np.testing.assert_array_equal(outputs["ids"], routing.ids)
    np.testing.assert_allclose(outputs["weights"], routing.weights, rtol=8 * 2.0**-23, atol=0)


def numpy_gate(logits: np.ndarray, chosen: int, score: str) -> tuple[np.ndarray, np.ndarray]:
    """Greatest first, then -inf, then NaN, each by lower id; weights in fp64."""
    rank = np.where(np.isnan(logits), 2, np.isneginf(logits))
    ids = np.lexsort((-np.nan_to_num(logits.astype(np.float64), nan=0, posinf=1e300), rank), axis=-1)
    best = np.take_along_axis(logits, ids[:, :chosen], axis=-1).astype(np.float64)
    with np.errstate(all="ignore"):
        part = np.exp(best - best[:, :1]) if score == "softmax" else 1 / (1 + np.exp(-best))
        return ids[:, :chosen], part / part.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("score", ["softmax", "sigmoid"])
@pytest.mark.parametrize(
    "latency", [1, pytest.param(2, id="two cycles an operation"), pytest.param(8, id="eight")]
)
def test_a_gate_names_each_expert_once_whatever_the_logits(score, latency):
    spec = SMALL.replace(vxm_alu_latency_cycles=latency)
    random = np.random.default_rng(5)
    special = np.array(
        [np.nan, -np.inf, np.inf, -0.0, 0.0, 1.0, np.finfo("f4").max, -np.finfo("f4").max], "f4"
    )
    logits = random.choice(special, (20, 6))
    logits[:2] = [[-np.inf] * 6, [np.nan] * 6]
    program = chip.top_k_gate(spec, tokens=20, experts=6, chosen=5, score=score)
    outputs = both(program, spec, {"logits": logits})
    ids, weights = numpy_gate(logits, 5, score)
    np.testing.assert_array_equal(outputs["ids"], ids)
    np.testing.assert_allclose(outputs["weights"], weights, rtol=8 * 2.0**-23, atol=1e-37)
    assert {len(set(row)) for row in outputs["ids"].tolist()} == {5}


def test_a_gate_takes_the_same_cycles_whatever_the_logits():
    program = chip.top_k_gate(SMALL, tokens=8, experts=16, chosen=2)
    same = np.zeros((8, 16), np.float32)
    rising = np.tile(np.arange(16, dtype=np.float32), (8, 1))
    assert chip.run(program, SMALL, {"logits": same}).cycles == (
        chip.run(program, SMALL, {"logits": rising}).cycles
    )


def test_bad_shapes_are_refused():
    with pytest.raises(ValueError, match="even number of columns"):
        chip.rope(FULL, rows=1, heads=1, head_columns=5)
    with pytest.raises(ValueError, match="even number of columns"):
        chip.rope_tables(FULL, [0], head_columns=400)
    with pytest.raises(ValueError, match="chosen must be at most experts"):
        chip.top_k_gate(FULL, tokens=1, experts=2, chosen=3)
    with pytest.raises(ValueError, match="score must be"):
        chip.top_k_gate(FULL, tokens=1, experts=2, chosen=1, score="tanh")
