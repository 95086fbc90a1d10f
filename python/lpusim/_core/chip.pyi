"""
One statically scheduled chip: specs, programs, engines, builders.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing
__all__: list[str] = ['ChipSpec', 'FinishedRun', 'LaneMap', 'Program', 'Tensor', 'attention', 'embedding', 'exact_matmul', 'expert_gemm', 'expert_gemm_cost', 'fp32_from_fp8', 'fp8_from_fp32', 'gelu', 'gemm', 'gemm_cost', 'gemm_resident', 'gemm_resident_cost', 'gemv_chain', 'gemv_chain_cost', 'kv_append', 'layernorm', 'lint', 'plan_attention', 'pointwise', 'pointwise_add', 'rmsnorm', 'rope', 'rope_vector_columns', 'row_max', 'row_min', 'row_sum', 'run', 'silu', 'softmax', 'stream_paths', 'swiglu', 'timeline', 'top_k_gate', 'transpose', 'transpose_cost', 'vector_function', 'verify', 'vxm_operations']
class ChipSpec:
    """
    Geometry, clock and latencies of one chip.
    """
    __hash__: None  # type: ignore[assignment]
    @staticmethod
    def fields() -> list[dict[str, typing.Any]]:
        """
        One dict a field: name, unit, min, max, meaning, integer.
        """
    def __eq__(self, arg0: object) -> bool:
        ...
    def __init__(self) -> None:
        ...
    def position(self, name: str) -> int:
        """
        Where a unit stands on the line.
        """
    def validate(self) -> None:
        ...
    @property
    def c2c_epoch_cycles(self) -> int:
        """
        period of the counter that deskew waits for [cycles]
        """
    @c2c_epoch_cycles.setter
    def c2c_epoch_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def c2c_hold_cycles(self) -> int:
        """
        longest time a vector may wait at the end of a link for its receive [cycles]
        """
    @c2c_hold_cycles.setter
    def c2c_hold_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def c2c_link_latency_cycles(self) -> int:
        """
        vector taken by a send to there at the other end of the link [cycles]
        """
    @c2c_link_latency_cycles.setter
    def c2c_link_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def c2c_links_per_hemisphere(self) -> int:
        """
        links to other chips, one queue each [links]
        """
    @c2c_links_per_hemisphere.setter
    def c2c_links_per_hemisphere(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def c2c_receive_latency_cycles(self) -> int:
        """
        receive issued to vector driven [cycles]
        """
    @c2c_receive_latency_cycles.setter
    def c2c_receive_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def c2c_vector_cycles(self) -> int:
        """
        cycles one vector occupies a link [cycles]
        """
    @c2c_vector_cycles.setter
    def c2c_vector_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def clock_hz(self) -> int:
        """
        chip clock [Hz]
        """
    @clock_hz.setter
    def clock_hz(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def instruction_bytes(self) -> int:
        """
        instruction text charged for one encoded instruction [bytes]
        """
    @instruction_bytes.setter
    def instruction_bytes(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def int8_macs_per_cycle(self) -> int:
        """
        All planes [multiply-adds/cycle].
        """
    @property
    def lanes(self) -> int:
        """
        Bytes of one vector.
        """
    @property
    def lanes_per_superlane(self) -> int:
        """
        bytes of a vector that one superlane holds [lanes]
        """
    @lanes_per_superlane.setter
    def lanes_per_superlane(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def mem_banks_per_slice(self) -> int:
        """
        contiguous address ranges; a read and a write need different ones [banks]
        """
    @mem_banks_per_slice.setter
    def mem_banks_per_slice(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def mem_bytes(self) -> int:
        """
        SRAM of the chip [bytes].
        """
    @property
    def mem_bytes_per_cycle(self) -> int:
        """
        One read and one write a slice [bytes/cycle].
        """
    @property
    def mem_map_latency_cycles(self) -> int:
        """
        address map of a gather or scatter taken to the point where a read or write would begin [cycles]
        """
    @mem_map_latency_cycles.setter
    def mem_map_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def mem_read_latency_cycles(self) -> int:
        """
        SRAM read issued to vector driven [cycles]
        """
    @mem_read_latency_cycles.setter
    def mem_read_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def mem_slices_per_hemisphere(self) -> int:
        """
        SRAM slices on each side of the VXM [slices]
        """
    @mem_slices_per_hemisphere.setter
    def mem_slices_per_hemisphere(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def mem_words_per_slice(self) -> int:
        """
        vectors one SRAM slice holds [words]
        """
    @mem_words_per_slice.setter
    def mem_words_per_slice(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def mem_write_latency_cycles(self) -> int:
        """
        vector taken from its stream to SRAM written [cycles]
        """
    @mem_write_latency_cycles.setter
    def mem_write_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def mxm_accumulate_latency_cycles(self) -> int:
        """
        accumulate issued to result driven [cycles]
        """
    @mxm_accumulate_latency_cycles.setter
    def mxm_accumulate_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def mxm_accumulator_vectors(self) -> int:
        """
        32-bit accumulator vectors of one plane [vectors]
        """
    @mxm_accumulator_vectors.setter
    def mxm_accumulator_vectors(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def mxm_activate_latency_cycles(self) -> int:
        """
        activation taken to column sums at the accumulator [cycles]
        """
    @mxm_activate_latency_cycles.setter
    def mxm_activate_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def mxm_fp16_cycles(self) -> int:
        """
        cycles one fp16 vector takes a pair of planes [cycles]
        """
    @mxm_fp16_cycles.setter
    def mxm_fp16_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def mxm_install_latency_cycles(self) -> int:
        """
        install issued to first activation that uses it [cycles]
        """
    @mxm_install_latency_cycles.setter
    def mxm_install_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def mxm_load_latency_cycles(self) -> int:
        """
        weight column taken to install allowed [cycles]
        """
    @mxm_load_latency_cycles.setter
    def mxm_load_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def mxm_load_streams(self) -> int:
        """
        weight columns one load cycle of one plane carries, one a stream [streams]
        """
    @mxm_load_streams.setter
    def mxm_load_streams(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def mxm_planes_per_hemisphere(self) -> int:
        """
        matrix planes (lanes x lanes weights) at each end of the line [planes]
        """
    @mxm_planes_per_hemisphere.setter
    def mxm_planes_per_hemisphere(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def mxm_wide_accumulate(self) -> int:
        """
        1: floating-point sums stay exact over all passes and are rounded once as they leave; 0: each pass rounds [0 or 1]
        """
    @mxm_wide_accumulate.setter
    def mxm_wide_accumulate(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def nested_repeat(self) -> int:
        """
        1: repeats nest with address strides; 0: fetch is charged as if unrolled [0 or 1]
        """
    @nested_repeat.setter
    def nested_repeat(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def positions(self) -> int:
        """
        stream register files along one superlane, odd; a stream moves one a cycle [positions]
        """
    @positions.setter
    def positions(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def stream_bytes_per_cycle(self) -> int:
        """
        All streams, both directions [bytes/cycle].
        """
    @property
    def streams_per_direction(self) -> int:
        """
        byte streams flowing east, and as many flowing west [streams]
        """
    @streams_per_direction.setter
    def streams_per_direction(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def superlanes(self) -> int:
        """
        tiles of a slice; superlane j acts j cycles after superlane 0 [superlanes]
        """
    @superlanes.setter
    def superlanes(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def sxm_distribute_latency_cycles(self) -> int:
        """
        vector taken to result driven: lanes distributed within each superlane [cycles]
        """
    @sxm_distribute_latency_cycles.setter
    def sxm_distribute_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def sxm_permute_latency_cycles(self) -> int:
        """
        vector taken to result driven: lanes permuted over all superlanes [cycles]
        """
    @sxm_permute_latency_cycles.setter
    def sxm_permute_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def sxm_queues_per_hemisphere(self) -> int:
        """
        switch instructions one hemisphere issues in a cycle [queues]
        """
    @sxm_queues_per_hemisphere.setter
    def sxm_queues_per_hemisphere(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def sxm_rotate_latency_cycles(self) -> int:
        """
        vector taken to result driven: squares of lanes rotated [cycles]
        """
    @sxm_rotate_latency_cycles.setter
    def sxm_rotate_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def sxm_select_latency_cycles(self) -> int:
        """
        vector taken to result driven: lanes selected from two vectors [cycles]
        """
    @sxm_select_latency_cycles.setter
    def sxm_select_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def sxm_shift_latency_cycles(self) -> int:
        """
        vector taken to result driven: lanes shifted over all superlanes [cycles]
        """
    @sxm_shift_latency_cycles.setter
    def sxm_shift_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def sxm_transpose_latency_cycles(self) -> int:
        """
        vector taken to result driven: streams and lanes of each superlane transposed [cycles]
        """
    @sxm_transpose_latency_cycles.setter
    def sxm_transpose_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def sync_latency_cycles(self) -> int:
        """
        notify issued to every parked queue free again [cycles]
        """
    @sync_latency_cycles.setter
    def sync_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def vxm_alu_latency_cycles(self) -> int:
        """
        operands taken to result driven or chained [cycles]
        """
    @vxm_alu_latency_cycles.setter
    def vxm_alu_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def vxm_alus(self) -> int:
        """
        vector ALUs a lane, one queue each [ALUs]
        """
    @vxm_alus.setter
    def vxm_alus(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    @property
    def vxm_function_latency_cycles(self) -> int:
        """
        operand of exp, rsqrt or tanh taken to result driven or chained [cycles]
        """
    @vxm_function_latency_cycles.setter
    def vxm_function_latency_cycles(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class Tensor:
    """
    A named matrix in SRAM.
    """
    @property
    def columns(self) -> int:
        ...
    @property
    def data(self) -> numpy.typing.NDArray[numpy.uint8]:
        """
        A constant's bytes, row-major and little-endian; read-only.
        """
    @property
    def dtype(self) -> str:
        ...
    @property
    def name(self) -> str:
        ...
    @property
    def role(self) -> str:
        ...
    @property
    def rows(self) -> int:
        ...
class LaneMap:
    """
    Which input lane each output lane takes.
    """
    @property
    def lanes(self) -> numpy.typing.NDArray[numpy.int16]:
        ...
    @property
    def name(self) -> str:
        ...
class Program:
    """
    A whole schedule.
    """
    __hash__: None  # type: ignore[assignment]
    @staticmethod
    def from_bytes(data: bytes) -> Program:
        ...
    @staticmethod
    def parse(text: str) -> Program:
        ...
    def __eq__(self, arg0: object) -> bool:
        ...
    def cycles(self, spec: ChipSpec) -> int:
        ...
    def fetch_bytes(self, spec: ChipSpec) -> int:
        ...
    def text(self) -> str:
        ...
    def to_bytes(self) -> bytes:
        ...
    @property
    def chips(self) -> int:
        ...
    @property
    def maps(self) -> list[LaneMap]:
        ...
    @property
    def run_count(self) -> int:
        ...
    @property
    def tensors(self) -> list[Tensor]:
        ...
class FinishedRun:
    """
    What a legal program did.
    """
    def fetch(self, program: Program, name: str) -> numpy.typing.NDArray[numpy.uint8]:
        """
        The bytes of a tensor, one row a matrix row, little-endian.
        """
    def read_vectors(self, hemisphere: str, slice: typing.SupportsInt | typing.SupportsIndex, address: typing.SupportsInt | typing.SupportsIndex, count: typing.SupportsInt | typing.SupportsIndex, chip: typing.SupportsInt | typing.SupportsIndex = 0) -> numpy.typing.NDArray[numpy.uint8]:
        ...
    @property
    def accounting(self) -> dict[str, typing.Any]:
        ...
    @property
    def cycles(self) -> int:
        ...
    @property
    def pieces(self) -> int:
        ...
def attention(spec: ChipSpec, *, queries: typing.SupportsInt | typing.SupportsIndex, context: typing.SupportsInt | typing.SupportsIndex, heads: typing.SupportsInt | typing.SupportsIndex, kv_heads: typing.SupportsInt | typing.SupportsIndex, qk_dim: typing.SupportsInt | typing.SupportsIndex, v_dim: typing.SupportsInt | typing.SupportsIndex, causal: bool, scale: typing.SupportsFloat | typing.SupportsIndex | None, output: str, capacity: typing.SupportsInt | typing.SupportsIndex) -> Program:
    """
    Attention as a schedule.
    """
def embedding(spec: ChipSpec, *, tokens: typing.SupportsInt | typing.SupportsIndex, entries: typing.SupportsInt | typing.SupportsIndex, columns: typing.SupportsInt | typing.SupportsIndex, dtype: str) -> Program:
    ...
@typing.overload
def exact_matmul(a: numpy.typing.NDArray[numpy.uint16], w: numpy.typing.NDArray[numpy.uint16], *, lanes: typing.SupportsInt | typing.SupportsIndex = 320, roundings: typing.SupportsInt | typing.SupportsIndex = 1, wide: bool = False) -> numpy.typing.NDArray[numpy.float32]:
    """
    The fp32 product of two matrices of fp16 (uint16 bits) or fp8 (uint8 bits), slowly and exactly: each pass of `lanes` products is summed in `roundings` parts, each rounded once; parts, then passes, are added in fp32 in order. With `wide`, one rounding over all.
    """
@typing.overload
def exact_matmul(a: numpy.typing.NDArray[numpy.uint8], w: numpy.typing.NDArray[numpy.uint8], *, lanes: typing.SupportsInt | typing.SupportsIndex = 320, roundings: typing.SupportsInt | typing.SupportsIndex = 1, wide: bool = False) -> numpy.typing.NDArray[numpy.float32]:
    """
    The fp32 product of two matrices of fp16 (uint16 bits) or fp8 (uint8 bits), slowly and exactly: each pass of `lanes` products is summed in `roundings` parts, each rounded once; parts, then passes, are added in fp32 in order. With `wide`, one rounding over all.
    """
def expert_gemm(spec: ChipSpec, *, experts: typing.SupportsInt | typing.SupportsIndex, slots: typing.SupportsInt | typing.SupportsIndex, rows: typing.SupportsInt | typing.SupportsIndex, n: typing.SupportsInt | typing.SupportsIndex, k: typing.SupportsInt | typing.SupportsIndex, dtype: str) -> Program:
    ...
def expert_gemm_cost(spec: ChipSpec, *, experts: typing.SupportsInt | typing.SupportsIndex, slots: typing.SupportsInt | typing.SupportsIndex, rows: typing.SupportsInt | typing.SupportsIndex, n: typing.SupportsInt | typing.SupportsIndex, k: typing.SupportsInt | typing.SupportsIndex, dtype: str) -> tuple[int, int, int]:
    ...
def fp32_from_fp8(bits: numpy.typing.NDArray[numpy.uint8]) -> numpy.typing.NDArray[numpy.float32]:
    """
    The values of fp8 e4m3 bits.
    """
def fp8_from_fp32(x: numpy.typing.NDArray[numpy.float32]) -> numpy.typing.NDArray[numpy.uint8]:
    """
    The bits of the nearest fp8 e4m3, saturating.
    """
def gelu(spec: ChipSpec, *, rows: typing.SupportsInt | typing.SupportsIndex, columns: typing.SupportsInt | typing.SupportsIndex, dtype: str) -> Program:
    ...
def gemm(spec: ChipSpec, *, m: typing.SupportsInt | typing.SupportsIndex, n: typing.SupportsInt | typing.SupportsIndex, k: typing.SupportsInt | typing.SupportsIndex, dtype: str) -> Program:
    ...
def gemm_cost(spec: ChipSpec, *, m: typing.SupportsInt | typing.SupportsIndex, n: typing.SupportsInt | typing.SupportsIndex, k: typing.SupportsInt | typing.SupportsIndex, dtype: str) -> tuple[int, int, int]:
    ...
def gemm_resident(spec: ChipSpec, *, m: typing.SupportsInt | typing.SupportsIndex, n: typing.SupportsInt | typing.SupportsIndex, k: typing.SupportsInt | typing.SupportsIndex, dtype: str) -> Program:
    ...
def gemm_resident_cost(spec: ChipSpec, *, m: typing.SupportsInt | typing.SupportsIndex, n: typing.SupportsInt | typing.SupportsIndex, k: typing.SupportsInt | typing.SupportsIndex, dtype: str) -> tuple[int, int, int]:
    ...
def gemv_chain(spec: ChipSpec, *, widths: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], scales: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]) -> Program:
    ...
def gemv_chain_cost(spec: ChipSpec, *, widths: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex]) -> tuple[int, int, int]:
    ...
def kv_append(spec: ChipSpec, *, capacity: typing.SupportsInt | typing.SupportsIndex, kv_heads: typing.SupportsInt | typing.SupportsIndex, qk_dim: typing.SupportsInt | typing.SupportsIndex, v_dim: typing.SupportsInt | typing.SupportsIndex, position: typing.SupportsInt | typing.SupportsIndex, tokens: typing.SupportsInt | typing.SupportsIndex) -> Program:
    """
    New keys and values as a schedule.
    """
def layernorm(spec: ChipSpec, *, rows: typing.SupportsInt | typing.SupportsIndex, columns: typing.SupportsInt | typing.SupportsIndex, dtype: str, epsilon: typing.SupportsFloat | typing.SupportsIndex) -> Program:
    ...
def lint(program: Program, spec: ChipSpec) -> list[typing.Any]:
    """
    What is legal but hardly meant; raises ScheduleError with the first broken rule.
    """
def plan_attention(spec: ChipSpec, *, queries: typing.SupportsInt | typing.SupportsIndex, context: typing.SupportsInt | typing.SupportsIndex, heads: typing.SupportsInt | typing.SupportsIndex, kv_heads: typing.SupportsInt | typing.SupportsIndex, qk_dim: typing.SupportsInt | typing.SupportsIndex, v_dim: typing.SupportsInt | typing.SupportsIndex, causal: bool, scale: typing.SupportsFloat | typing.SupportsIndex | None, output: str, capacity: typing.SupportsInt | typing.SupportsIndex) -> dict[str, int]:
    """
    Cycles of that schedule and its bounds.
    """
def pointwise(spec: ChipSpec, *, rows: typing.SupportsInt | typing.SupportsIndex, columns: typing.SupportsInt | typing.SupportsIndex, dtype: str, steps: collections.abc.Sequence[tuple[str, collections.abc.Sequence[str | typing.SupportsInt | typing.SupportsIndex], str]]) -> Program:
    ...
def pointwise_add(spec: ChipSpec, *, vectors: typing.SupportsInt | typing.SupportsIndex) -> Program:
    ...
def rmsnorm(spec: ChipSpec, *, rows: typing.SupportsInt | typing.SupportsIndex, columns: typing.SupportsInt | typing.SupportsIndex, dtype: str, epsilon: typing.SupportsFloat | typing.SupportsIndex) -> Program:
    ...
def rope(spec: ChipSpec, *, rows: typing.SupportsInt | typing.SupportsIndex, heads: typing.SupportsInt | typing.SupportsIndex, head_columns: typing.SupportsInt | typing.SupportsIndex, interleaved: bool) -> Program:
    ...
def rope_vector_columns(spec: ChipSpec, head_columns: typing.SupportsInt | typing.SupportsIndex) -> int:
    ...
def row_max(spec: ChipSpec, *, rows: typing.SupportsInt | typing.SupportsIndex, columns: typing.SupportsInt | typing.SupportsIndex, dtype: str) -> Program:
    ...
def row_min(spec: ChipSpec, *, rows: typing.SupportsInt | typing.SupportsIndex, columns: typing.SupportsInt | typing.SupportsIndex, dtype: str) -> Program:
    ...
def row_sum(spec: ChipSpec, *, rows: typing.SupportsInt | typing.SupportsIndex, columns: typing.SupportsInt | typing.SupportsIndex, dtype: str) -> Program:
    ...
def run(program: Program, spec: ChipSpec, *, inputs: collections.abc.Sequence[tuple[str, typing.Annotated[numpy.typing.ArrayLike, numpy.uint8]]], engine: str, values: bool, progress: typing.Any = None) -> FinishedRun:
    """
    Runs a program; raises ScheduleError with the first broken rule.
    """
def silu(spec: ChipSpec, *, rows: typing.SupportsInt | typing.SupportsIndex, columns: typing.SupportsInt | typing.SupportsIndex, dtype: str) -> Program:
    ...
def softmax(spec: ChipSpec, *, rows: typing.SupportsInt | typing.SupportsIndex, columns: typing.SupportsInt | typing.SupportsIndex, dtype: str) -> Program:
    ...
def stream_paths(program: Program, spec: ChipSpec, rows_max: typing.SupportsInt | typing.SupportsIndex) -> dict[str, typing.Any]:
    """
    Where stream values travel, as columns for a plot.
    """
def swiglu(spec: ChipSpec, *, rows: typing.SupportsInt | typing.SupportsIndex, columns: typing.SupportsInt | typing.SupportsIndex, dtype: str) -> Program:
    ...
def timeline(program: Program, spec: ChipSpec, spans_max: typing.SupportsInt | typing.SupportsIndex) -> dict[str, typing.Any]:
    """
    When queues work and who feeds whom, as columns for a timeline.
    """
def top_k_gate(spec: ChipSpec, *, tokens: typing.SupportsInt | typing.SupportsIndex, experts: typing.SupportsInt | typing.SupportsIndex, chosen: typing.SupportsInt | typing.SupportsIndex, sigmoid: bool) -> Program:
    ...
def transpose(spec: ChipSpec, *, rows: typing.SupportsInt | typing.SupportsIndex, columns: typing.SupportsInt | typing.SupportsIndex, dtype: str) -> Program:
    ...
def transpose_cost(spec: ChipSpec, *, rows: typing.SupportsInt | typing.SupportsIndex, columns: typing.SupportsInt | typing.SupportsIndex, dtype: str) -> tuple[int, int, int]:
    ...
@typing.overload
def vector_function(name: str, x: numpy.typing.NDArray[numpy.float32]) -> numpy.typing.NDArray[numpy.float32]:
    """
    exp, rsqrt or tanh of float32 elements, bit for bit as the VXM computes it.
    """
@typing.overload
def vector_function(name: str, x: numpy.typing.NDArray[numpy.uint16]) -> numpy.typing.NDArray[numpy.uint16]:
    """
    The same of fp16 elements, bits in and out as uint16.
    """
def verify(program: Program, spec: ChipSpec) -> dict[str, typing.Any]:
    """
    What a legal program amounts to; raises ScheduleError with the first broken rule.
    """
def vxm_operations() -> list[str]:
    """
    Names of what the VXM computes.
    """
