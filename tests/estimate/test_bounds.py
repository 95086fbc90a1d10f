"""Bounds hold over whole ranges, also where an end of a range is a machine that cannot do it."""

import math

import pytest

import lpusim
from lpusim._cost import Terms


@pytest.mark.parametrize("chip", lpusim.presets()["chips"])
def test_every_assumed_number_of_a_chip_may_stand_at_either_end_of_its_range_alone(chip):
    system = lpusim.load_system(f"{chip}-8")
    ranged = [(n, p) for n, p in system.parameters().items() if p.status == "assumed" and p.low is not None]
    assert ranged
    for name, parameter in ranged:
        for end in (parameter.low, parameter.high):
            moved = system.with_values({name: round(end) if isinstance(parameter.value, int) else end})
            assert Terms.from_parameters(8, moved.parameters()).busy_watts > 0


def test_a_partition_that_is_full_at_the_end_of_a_range_gives_way_to_another():
    # Its 352 chips hold the weights with 5 % of SRAM kept as workspace, but not with the 10 % of the range.
    point = lpusim.estimate("llama-3.1-70b", "groq-lpu-v1-576")
    low, high = point.bounds["time_per_output_token_s"]
    assert low < point.time_per_output_token_s < high < math.inf


def test_where_nothing_fits_at_the_end_of_a_range_times_are_infinite_and_rates_zero():
    point = lpusim.estimate("llama-3.1-8b", "groq-lpu-v1-42", output_tokens=1, input_tokens=1)
    assert point.bounds["time_per_output_token_s"].high == math.inf
    assert point.bounds["tokens_per_second"].low == 0
    assert point.bounds["usd_per_million_output_tokens"].high == math.inf
    assert str(point)
