"""The roofline of published GPUs, from presets to picoseconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lpusim
from lpusim import _core
from lpusim._machine import batch_plan, native_format


def gpu_timing(model, system, *, weights=None):
    return batch_plan(model, system, weights=weights or native_format(model, system), kv="fp16").core


def test_every_gpu_preset_fills_the_core_spec_and_is_valid():
    for name in lpusim.presets()["chips"]:
        system = lpusim.load_system(f"{name}-1")
        if system.kind != "gpu":
            continue
        spec = _core.device.GpuSpec()
        for field in spec.fields():
            value = system.chip.value(f"gpu.{field['name']}")
            setattr(spec, field["name"], value)
            assert getattr(spec, field["name"]) == value
        spec.validate()


def test_a_batch_one_step_reads_the_weights_once_and_its_context():
    model, system = lpusim.load_model("llama-3.1-8b"), lpusim.load_system("h100-1")
    timing = gpu_timing(model, system, weights="bf16")
    value = system.chip.value
    read = model.load("bf16").always_read_bytes + 1000 * model.kv_bytes_per_token()
    seconds = read / (value("gpu.memory_bytes_per_s") * value("gpu.memory_efficiency"))
    seconds += model.layers * value("gpu.kernel_overhead_us") * 1e-6
    step = timing.step_ps(decode_sequences=1, decode_context_tokens=1000)
    assert step == pytest.approx(seconds * 1e12, abs=0.6)  # rounded once, to whole picoseconds


MIXTRAL = gpu_timing(lpusim.load_model("mixtral-8x7b"), lpusim.load_system("h200-2"))


@given(
    st.integers(0, 3000),
    st.integers(0, 500),
    st.integers(0, 10_000),
    st.integers(0, 1000),
    st.integers(0, 100),
)
def test_more_work_never_takes_less_time(prefill, sequences, context, more_context, more_sequences):
    small = {"prefill_tokens": prefill + 1, "prefill_context_tokens": prefill + 1 + context}
    small |= {"decode_sequences": sequences, "decode_context_tokens": sequences * context}
    large = dict(small)
    large["decode_sequences"] += more_sequences
    large["decode_context_tokens"] += more_sequences * context + more_context
    assert MIXTRAL.step_ps(**large) >= MIXTRAL.step_ps(**small)


@pytest.mark.parametrize("model", ["llama-3.1-8b", "mixtral-8x7b"])
def test_more_chips_hold_more_and_prefill_a_full_batch_no_slower(model):
    """From two chips to two scale-up groups; both sides pay for all-reduces."""
    model = lpusim.load_model(model)
    step = {"prefill_tokens": 2048, "prefill_context_tokens": 2048 * 2049 // 2}
    timings = [gpu_timing(model, lpusim.load_system(f"h200-{chips}")) for chips in (2, 4, 8, 16)]
    capacities = [timing.kv_token_capacity for timing in timings]
    steps = [timing.step_ps(**step) for timing in timings]
    assert capacities == sorted(set(capacities))
    assert steps == sorted(steps, reverse=True)


def test_chips_must_form_whole_scale_up_groups():
    model = lpusim.load_model("llama-3.1-8b")
    with pytest.raises(ValueError, match="multiple of scale_up_chips = 8, got 12"):
        gpu_timing(model, lpusim.load_system("h200-12"))
    assert gpu_timing(model, lpusim.load_system("h200-16")).stage_count == 2


def test_an_unknown_format_is_refused_by_name():
    with pytest.raises(ValueError, match="fp12"):
        gpu_timing(lpusim.load_model("llama-3.1-8b"), lpusim.load_system("h200-1"), weights="fp12")


@pytest.mark.parametrize("step", [{}, {"decode_sequences": -1, "prefill_tokens": 5}])
def test_a_step_needs_tokens(step):
    timing = gpu_timing(lpusim.load_model("llama-3.1-8b"), lpusim.load_system("h200-1"))
    with pytest.raises(ValueError, match="at least one token"):
        timing.step_ps(**step)
