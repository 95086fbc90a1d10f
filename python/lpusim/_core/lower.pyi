"""
Models laid out on machines, and what their steps cost.
"""
from __future__ import annotations
import lpusim._core.chip
import lpusim._core.device
import lpusim._core.model
import lpusim._core.net
import numpy
import numpy.typing
import typing
__all__: list[str] = ['Fabric', 'LowerSpec', 'Plan', 'WiringCosts', 'stages_needed']
class LowerSpec:
    """
    How programs are laid out; choices nobody published.
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
    def chunk_occupancy_percent(self) -> int:
        """
        the most a prompt item may hold a stage, relative to a decode token: larger ones delay what follows [1/100]
        """
    @chunk_occupancy_percent.setter
    def chunk_occupancy_percent(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def chunk_tokens_max(self) -> int:
        """
        the most prompt tokens one pipeline item carries [tokens]
        """
    @chunk_tokens_max.setter
    def chunk_tokens_max(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def page_tokens(self) -> int:
        """
        tokens of context in one page of the KV cache [tokens]
        """
    @page_tokens.setter
    def page_tokens(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def vector_pass_overhead_cycles(self) -> int:
        """
        latency of one pass through the vector unit beyond stream transit [cycles]
        """
    @vector_pass_overhead_cycles.setter
    def vector_pass_overhead_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def workspace_permille(self) -> int:
        """
        share of SRAM kept for activations, instructions and staging [1/1000]
        """
    @workspace_permille.setter
    def workspace_permille(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class WiringCosts:
    """
    What collectives took among chips wired in some way; machines of any size share it.
    """
    def __init__(self, link: lpusim._core.net.LinkSpec) -> None:
        ...
class Fabric:
    """
    The links of a machine, and what collectives took on them so far; plans share it.
    """
    def __init__(self, topology: lpusim._core.net.Topology, costs: WiringCosts) -> None:
        ...
class Plan:
    """
    A model laid out on a machine: exact cycles of any item at any context.
    """
    def __init__(self, *, chip: lpusim._core.chip.ChipSpec, fabric: Fabric, capacity_bytes: typing.SupportsInt | typing.SupportsIndex, architecture: lpusim._core.model.Architecture, weights: str, kv: str, strategy: str, spec: LowerSpec, partition: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex] | None = None, sequences: typing.SupportsInt | typing.SupportsIndex = 1, context_tokens: typing.SupportsInt | typing.SupportsIndex = 1) -> None:
        """
        Lays the model out; searches the partition (tensor_chips, stage_count) unless one is given.
        """
    def decode_table(self, context_tokens: numpy.typing.NDArray[numpy.int64]) -> tuple[numpy.typing.NDArray[numpy.int64], numpy.typing.NDArray[numpy.int64]]:
        """
        (latency_ps, occupancy_ps) of one decode token, one row a context.
        """
    def prefill_ps(self, input_tokens: typing.SupportsInt | typing.SupportsIndex) -> int:
        """
        From arrival at an idle machine to the first token.
        """
    def stages(self) -> dict[str, numpy.typing.NDArray[numpy.int64]]:
        """
        One row a pipeline stage, as int64 columns.
        """
    def step_cycles(self, tokens: typing.SupportsInt | typing.SupportsIndex, context_tokens: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int, dict[str, int]]:
        """
        (latency, occupancy, latency by category) in cycles of one item of `tokens` tokens.
        """
    def timeline(self, tokens: typing.SupportsInt | typing.SupportsIndex, context_tokens: typing.SupportsInt | typing.SupportsIndex) -> dict[str, numpy.typing.NDArray[numpy.int64]]:
        """
        Where one item is at every cycle of its latency: one row an operator, in order, without gaps.
        """
    def timing(self, context_tokens: typing.SupportsInt | typing.SupportsIndex) -> lpusim._core.device.PipelineTiming:
        """
        The event clock's table for contexts up to `context_tokens`.
        """
    @property
    def chunk_tokens(self) -> int:
        """
        Prompt tokens of one pipeline item.
        """
    @property
    def kv_page_count(self) -> int:
        """
        KV pages of whole sequences that fit.
        """
    @property
    def page_tokens(self) -> int:
        ...
    @property
    def program_count(self) -> int:
        """
        Verified matmul programs composed.
        """
    @property
    def stage_count(self) -> int:
        ...
    @property
    def tensor_chips(self) -> int:
        ...
def stages_needed(*, capacity_bytes: typing.SupportsInt | typing.SupportsIndex, architecture: lpusim._core.model.Architecture, weights: str, kv: str, strategy: str, spec: LowerSpec, tensor_chips: typing.SupportsInt | typing.SupportsIndex, sequences: typing.SupportsInt | typing.SupportsIndex, context_tokens: typing.SupportsInt | typing.SupportsIndex) -> int:
    """
    The fewest stages that hold the model and the demand; 0 when a single block does not fit a stage.
    """
