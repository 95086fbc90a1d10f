"""
The event clock: pools, admission, routing.
"""
from __future__ import annotations
import collections.abc
import lpusim._core.device
import numpy
import numpy.typing
import typing
__all__: list[str] = ['ARRIVAL_PS_MAX', 'NEVER_PS', 'PoolSpec', 'TOKENS_MAX', 'generate', 'run']
class PoolSpec:
    """
    Equal machines behind one name.
    """
    @staticmethod
    def api(*, name: str, time_to_first_token_ps: typing.SupportsInt | typing.SupportsIndex, time_per_output_token_ps: typing.SupportsInt | typing.SupportsIndex, max_context_tokens: typing.SupportsInt | typing.SupportsIndex = 0, usd_per_input_token: typing.SupportsFloat | typing.SupportsIndex = 0.0, usd_per_output_token: typing.SupportsFloat | typing.SupportsIndex = 0.0) -> PoolSpec:
        ...
    @staticmethod
    def batch(*, name: str, timing: lpusim._core.device.BatchTiming, replicas: typing.SupportsInt | typing.SupportsIndex = 1, max_batch_tokens: typing.SupportsInt | typing.SupportsIndex = 2048, max_sequences: typing.SupportsInt | typing.SupportsIndex = 256, block_tokens: typing.SupportsInt | typing.SupportsIndex = 16, usd_per_input_token: typing.SupportsFloat | typing.SupportsIndex = 0.0, usd_per_output_token: typing.SupportsFloat | typing.SupportsIndex = 0.0) -> PoolSpec:
        ...
    @staticmethod
    def pipeline(*, name: str, timing: lpusim._core.device.PipelineTiming, replicas: typing.SupportsInt | typing.SupportsIndex = 1, max_sequences: typing.SupportsInt | typing.SupportsIndex = 0, prefill_first: bool = False, usd_per_input_token: typing.SupportsFloat | typing.SupportsIndex = 0.0, usd_per_output_token: typing.SupportsFloat | typing.SupportsIndex = 0.0) -> PoolSpec:
        ...
    @property
    def name(self) -> str:
        ...
def generate(*, requests: typing.SupportsInt | typing.SupportsIndex, seed: typing.SupportsInt | typing.SupportsIndex, arrivals: str, requests_per_s: typing.SupportsFloat | typing.SupportsIndex, gap_cv: typing.SupportsFloat | typing.SupportsIndex, input_shares: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], input_tokens: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], output_shares: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], output_tokens: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]) -> dict[str, numpy.typing.NDArray[numpy.int64]]:
    """
    Requests drawn from stated statistics, as int64 columns.
    """
def run(pools: collections.abc.Sequence[PoolSpec], *, arrival_ps: numpy.typing.NDArray[numpy.int64], input_tokens: numpy.typing.NDArray[numpy.int64], output_tokens: numpy.typing.NDArray[numpy.int64], policy: str, slo_ttft_ps: typing.SupportsInt | typing.SupportsIndex = 9223372036854775807, slo_tpot_ps: typing.SupportsInt | typing.SupportsIndex = 9223372036854775807, seed: typing.SupportsInt | typing.SupportsIndex = 0, progress: typing.Any = None) -> dict[str, typing.Any]:
    """
    Runs requests through pools; returns columns, one row a request, and `pools`, one row a pool.
    """
ARRIVAL_PS_MAX: int = 2305843009213693952
NEVER_PS: int = 9223372036854775807
TOKENS_MAX: int = 1099511627776
