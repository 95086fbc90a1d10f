"""
Time of a step on a machine.
"""
from __future__ import annotations
import collections.abc
import lpusim._core.model
import typing
__all__: list[str] = ['BatchTiming', 'GpuSpec', 'GpuTiming', 'PipelineTiming']
class PipelineTiming:
    """
    Occupancy and latency of the items of a pipelined machine, one row a KV page.
    """
    def __init__(self, *, stage_count: typing.SupportsInt | typing.SupportsIndex, page_tokens: typing.SupportsInt | typing.SupportsIndex, kv_page_count: typing.SupportsInt | typing.SupportsIndex, chunk_tokens: typing.SupportsInt | typing.SupportsIndex, decode_occupancy_ps: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], decode_latency_ps: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], prefill_occupancy_ps: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], prefill_latency_ps: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> None:
        ...
    @property
    def chunk_tokens(self) -> int:
        ...
    @property
    def decode_latency_ps(self) -> list[int]:
        ...
    @property
    def decode_occupancy_ps(self) -> list[int]:
        ...
    @property
    def kv_page_count(self) -> int:
        ...
    @property
    def page_tokens(self) -> int:
        ...
    @property
    def prefill_latency_ps(self) -> list[int]:
        ...
    @property
    def prefill_occupancy_ps(self) -> list[int]:
        ...
    @property
    def stage_count(self) -> int:
        ...
class GpuSpec:
    """
    One GPU: peaks, memory, links, reached efficiencies.
    """
    @staticmethod
    def fields() -> list[dict[str, typing.Any]]:
        """
        One dict a field: name, unit, min, max, meaning, integer.
        """
    def __init__(self) -> None:
        ...
    def validate(self) -> None:
        ...
    @property
    def collective_latency_us(self) -> float:
        """
        fixed time an all-reduce or a hand-over between groups [us]
        """
    @collective_latency_us.setter
    def collective_latency_us(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def compute_efficiency(self) -> float:
        """
        reached share of the matmul peak [1]
        """
    @compute_efficiency.setter
    def compute_efficiency(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def fp16_flops_per_s(self) -> float:
        """
        dense fp16/bf16 matmul peak [FLOP/s]
        """
    @fp16_flops_per_s.setter
    def fp16_flops_per_s(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def fp4_flops_per_s(self) -> float:
        """
        dense fp4 peak, 0 = no such format [FLOP/s]
        """
    @fp4_flops_per_s.setter
    def fp4_flops_per_s(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def fp8_flops_per_s(self) -> float:
        """
        dense fp8 peak, 0 = no such format [FLOP/s]
        """
    @fp8_flops_per_s.setter
    def fp8_flops_per_s(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def int8_ops_per_s(self) -> float:
        """
        dense int8 peak, 0 = no such format [op/s]
        """
    @int8_ops_per_s.setter
    def int8_ops_per_s(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def kernel_overhead_us(self) -> float:
        """
        fixed time a layer [us]
        """
    @kernel_overhead_us.setter
    def kernel_overhead_us(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def link_bytes_per_s(self) -> float:
        """
        scale-up rate of one chip, one direction [B/s]
        """
    @link_bytes_per_s.setter
    def link_bytes_per_s(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def link_efficiency(self) -> float:
        """
        reached share of the link peak [1]
        """
    @link_efficiency.setter
    def link_efficiency(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def memory_bytes(self) -> int:
        """
        memory of one chip [B]
        """
    @memory_bytes.setter
    def memory_bytes(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def memory_bytes_per_s(self) -> float:
        """
        peak memory rate of one chip [B/s]
        """
    @memory_bytes_per_s.setter
    def memory_bytes_per_s(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def memory_efficiency(self) -> float:
        """
        reached share of the memory peak [1]
        """
    @memory_efficiency.setter
    def memory_efficiency(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def memory_utilisation(self) -> float:
        """
        share of memory for weights and KV [1]
        """
    @memory_utilisation.setter
    def memory_utilisation(self, arg0: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    @property
    def scale_up_chips(self) -> int:
        """
        chips joined by the scale-up links [chips]
        """
    @scale_up_chips.setter
    def scale_up_chips(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class BatchTiming:
    """
    Iteration times of a batching machine.
    """
    def step_ps(self, *, prefill_tokens: typing.SupportsInt | typing.SupportsIndex = 0, prefill_context_tokens: typing.SupportsInt | typing.SupportsIndex = 0, decode_sequences: typing.SupportsInt | typing.SupportsIndex = 0, decode_context_tokens: typing.SupportsInt | typing.SupportsIndex = 0) -> int:
        """
        Picoseconds of one iteration.
        """
    @property
    def kv_token_capacity(self) -> int:
        ...
class GpuTiming(BatchTiming):
    """
    Roofline iteration times of `chip_count` GPUs that share one model.
    """
    def __init__(self, spec: GpuSpec, *, chip_count: typing.SupportsInt | typing.SupportsIndex, load: lpusim._core.model.Load, weights: str) -> None:
        ...
    def decode_parts_s(self, *, sequences: typing.SupportsInt | typing.SupportsIndex, context_tokens: typing.SupportsInt | typing.SupportsIndex) -> dict[str, float]:
        """
        Seconds of one decode step by what binds: memory or compute, all_reduce, overhead. `context_tokens` is the sum over the sequences.
        """
    @property
    def chip_count(self) -> int:
        ...
    @property
    def stage_count(self) -> int:
        ...
