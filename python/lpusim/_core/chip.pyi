"""
One statically scheduled chip: specs, programs, engines, builders.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing
__all__: list[str] = ['ChipSpec', 'FinishedRun', 'Program', 'Tensor', 'gemm', 'pointwise_add', 'queue_spans', 'run', 'verify']
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
    def validate(self) -> None:
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
class Tensor:
    """
    A named matrix in SRAM.
    """
    @property
    def columns(self) -> int:
        ...
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
class Program:
    """
    A whole schedule.
    """
    __hash__: None  # type: ignore[assignment]
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
    def read_vectors(self, hemisphere: str, slice: typing.SupportsInt | typing.SupportsIndex, address: typing.SupportsInt | typing.SupportsIndex, count: typing.SupportsInt | typing.SupportsIndex) -> numpy.typing.NDArray[numpy.uint8]:
        ...
    @property
    def cycles(self) -> int:
        ...
    @property
    def pieces(self) -> int:
        ...
    @property
    def units(self) -> dict[str, int]:
        ...
def gemm(spec: ChipSpec, *, m: typing.SupportsInt | typing.SupportsIndex, n: typing.SupportsInt | typing.SupportsIndex, k: typing.SupportsInt | typing.SupportsIndex) -> Program:
    ...
def pointwise_add(spec: ChipSpec, *, vectors: typing.SupportsInt | typing.SupportsIndex) -> Program:
    ...
def queue_spans(program: Program, spec: ChipSpec) -> dict[str, typing.Any]:
    """
    When each run keeps each queue, as columns for a timeline.
    """
def run(program: Program, spec: ChipSpec, *, inputs: collections.abc.Sequence[tuple[str, typing.Annotated[numpy.typing.ArrayLike, numpy.uint8]]], engine: str, values: bool, progress: typing.Any = None) -> FinishedRun:
    """
    Runs a program; raises ScheduleError with the first broken rule.
    """
def verify(program: Program, spec: ChipSpec) -> dict[str, typing.Any]:
    """
    What a legal program amounts to; raises ScheduleError with the first broken rule.
    """
