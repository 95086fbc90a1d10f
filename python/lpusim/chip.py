"""One statically scheduled chip: programs, their verifier, two engines, and builders of whole schedules.

Every instruction's cycle is fixed before it runs. A program is legal or it is not, and its cycle count
depends on no value. Cycles in programs count at superlane 0.

Examples:
    >>> import numpy as np
    >>> from lpusim import chip
    >>> spec = chip.ChipSpec()
    >>> program = chip.gemm(spec, m=2, n=320, k=320)
    >>> a = np.ones((2, 320), np.int8)
    >>> w = np.full((320, 320), 3, np.int8)
    >>> result = chip.run(program, spec, inputs={"a": a, "w": w})
    >>> int(result.outputs["c"][0, 0])
    960
    >>> result.cycles == chip.verify(program, spec).cycles
    True
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from lpusim import _core
from lpusim._arguments import shown, whole_number
from lpusim._chip_attention import AttentionPlan, attention, kv_append, plan_attention
from lpusim._chip_kernels import (
    gelu,
    layernorm,
    pointwise,
    rmsnorm,
    row_max,
    row_min,
    row_sum,
    silu,
    softmax,
    swiglu,
)
from lpusim._chip_model_kernels import embedding, rope, rope_tables, top_k_gate
from lpusim._chip_moves import TransposeCost, transpose, transpose_cost
from lpusim._chip_products import (
    ProductCost,
    expert_gemm,
    expert_gemm_cost,
    expert_numbers,
    gemm,
    gemm_cost,
    gemm_resident,
    gemm_resident_cost,
    gemv,
    gemv_chain,
    gemv_chain_cost,
)
from lpusim._chip_views import (
    Accounting,
    Lint,
    QueueCount,
    ResourceUse,
    VectorCount,
    Verification,
    accounting_of,
    draw_occupancy,
    verified,
    write_perfetto,
)
from lpusim._names import unknown_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "Accounting",
    "AttentionPlan",
    "ChipSpec",
    "Lint",
    "Memory",
    "ProductCost",
    "Program",
    "QueueCount",
    "ResourceUse",
    "Run",
    "Tensor",
    "TransposeCost",
    "VectorCount",
    "Verification",
    "assemble",
    "attention",
    "disassemble",
    "embedding",
    "expert_gemm",
    "expert_gemm_cost",
    "expert_numbers",
    "gelu",
    "gemm",
    "gemm_cost",
    "gemm_resident",
    "gemm_resident_cost",
    "gemv",
    "gemv_chain",
    "gemv_chain_cost",
    "kv_append",
    "layernorm",
    "lint",
    "plan_attention",
    "plot_occupancy",
    "pointwise",
    "pointwise_add",
    "rmsnorm",
    "rope",
    "rope_tables",
    "row_max",
    "row_min",
    "row_sum",
    "run",
    "silu",
    "softmax",
    "swiglu",
    "top_k_gate",
    "transpose",
    "transpose_cost",
    "verify",
]

Engine = Literal["fold", "tick"]
ProgressCallback = Callable[[int, int], None]

_INT_MAX = 2**62
_SIZE_MAX = 2**31  # Also the core's limit: rows and columns of a tensor.
_DTYPES: dict[str, np.dtype[Any]] = {
    "int8": np.dtype("i1"),
    "int32": np.dtype("<i4"),
    "fp32": np.dtype("<f4"),
    "fp16": np.dtype("<f2"),
    "fp8": np.dtype("u1"),  # NumPy has no 8-bit floats: e4m3 as bits.
    "int16": np.dtype("<i2"),
}


class ChipSpec:
    """Geometry, clock and latencies of one chip. Immutable.

    Without arguments: the first-generation LPU (ISCA'20, Abts et al.). `ChipSpec.fields()` lists every field
    with its unit, range and meaning; latencies that are not public are assumptions.

    Args:
        **fields: Values that differ from the first generation, whole numbers in the field's unit.

    Raises:
        ValueError: An unknown field, or a value outside its range.
        TypeError: A value that is not a whole number.

    Examples:
        >>> spec = ChipSpec()
        >>> spec.mem_bytes == 220 * 2**20
        True
        >>> spec.stream_bytes_per_cycle
        20480
        >>> ChipSpec(positions=44)
        Traceback (most recent call last):
        ...
        ValueError: ChipSpec: positions must be odd, so that the VXM sits in the middle, got 44
    """

    __slots__ = ("_core",)
    _core: Any

    def __init__(self, **fields: int) -> None:
        core = _core.chip.ChipSpec()
        names = [row["name"] for row in self.fields()]
        for name, value in fields.items():
            if name not in names:
                raise unknown_name("field of ChipSpec", name, names)
            setattr(core, name, whole_number(f"ChipSpec.{name}", value, -_INT_MAX, _INT_MAX))
        core.validate()
        object.__setattr__(self, "_core", core)

    @staticmethod
    def fields() -> list[dict[str, Any]]:
        """One dict a field: name, unit, min, max, meaning, integer."""
        rows: list[dict[str, Any]] = _core.chip.ChipSpec.fields()
        return rows

    @classmethod
    def load(cls, ref: str | PathLike[str] | Mapping[str, Any]) -> ChipSpec:
        """The chip of a preset name, a spec file's path, or a dict of fields (or of a whole spec file).

        Raises:
            ValueError: An unknown preset, field or section, or a chip that is no LPU.

        Examples:
            >>> ChipSpec.load("groq-lpu-v1").clock_hz
            900000000
            >>> ChipSpec.load({"superlanes": 2, "lanes_per_superlane": 4}).lanes
            8
        """
        if isinstance(ref, Mapping) and "chip" not in ref:
            return cls(**ref)
        from lpusim._presets import load_chip

        preset = load_chip(ref)
        if preset.kind != "lpu":
            raise ValueError(f"{preset.name!r} is a {preset.kind}, not an LPU: it has no chip to program")
        fields: dict[str, Any] = {
            name: parameter.value for name, parameter in preset.sections["chip"].items()
        }
        return cls(**fields)

    def replace(self, **fields: int) -> ChipSpec:
        """A copy with some fields changed.

        Examples:
            >>> ChipSpec().replace(clock_hz=10**9).clock_hz
            1000000000
        """
        return ChipSpec(**{**self.to_dict(), **fields})

    def position(self, unit: str) -> int:
        """Where a unit stands on the line, 0 at the west end to `positions` - 1 at the east end.

        Args:
            unit: A queue's name in program text or as much of it as says where: "mem.w.3", "mxm.e.0.weights",
                "mxm.e", "vxm", "vxm.5", "sxm.w", "c2c.e.2".

        Raises:
            ValueError: No such unit, with the nearest one.
            TypeError: Something other than a str.

        Examples:
            >>> spec = ChipSpec()
            >>> [spec.position(unit) for unit in ("mxm.w", "mem.w.0", "vxm", "mem.e.43")]
            [0, 21, 22, 42]
            >>> spec.position("men.w.3")
            Traceback (most recent call last):
            ...
            ValueError: expected a unit such as mem.w.3, mxm.e.0, vxm, sxm.w or c2c.e.0, got 'men.w.3'; \
did you mean 'mem.w.3'?
        """
        if not isinstance(unit, str):
            raise TypeError(f"a unit is named by a str such as 'mem.w.3', got {shown(unit)}")
        place: int = self._core.position(unit)
        return place

    def hops(self, source: str, target: str) -> int:
        """Positions from one unit to another: the cycles that a value on a stream takes.

        Streams go one way: an eastward one reaches targets of greater `position`, a westward one those of
        smaller. Units at one position (0 hops) cannot talk by stream.

        Raises:
            ValueError: No such unit, with the nearest one.

        Examples:
            >>> spec = ChipSpec()
            >>> spec.hops("mem.w.0", "mem.e.0"), spec.hops("mem.w.20", "mxm.w.0")
            (2, 12)
        """
        return abs(self.position(target) - self.position(source))

    def to_dict(self) -> dict[str, int]:
        """Every field by name."""
        return {row["name"]: getattr(self._core, row["name"]) for row in self.fields()}

    def __getattr__(self, name: str) -> int:
        if name.startswith("_") or not hasattr(_core.chip.ChipSpec, name):
            raise AttributeError(f"ChipSpec has no attribute {name!r}", name=name, obj=self)
        value: int = getattr(self._core, name)
        return value

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for name in dir(_core.chip.ChipSpec) if not name.startswith("_"))]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"ChipSpec is immutable; use spec.replace({name}=...)")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChipSpec) and bool(self._core == other._core)

    def __hash__(self) -> int:
        return hash(tuple(self.to_dict().values()))

    def __repr__(self) -> str:
        default = _core.chip.ChipSpec()
        changed = [
            f"{name}={value}" for name, value in self.to_dict().items() if value != getattr(default, name)
        ]
        return f"ChipSpec({', '.join(changed)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_from_fields, (self.to_dict(),))


def _from_fields(fields: dict[str, int]) -> ChipSpec:
    return ChipSpec(**fields)


def _core_of(name: str, value: object, kind: type) -> Any:
    if not isinstance(value, kind):
        hint = "; Program.parse reads text" if kind is Program and isinstance(value, str) else ""
        raise TypeError(f"{name} must be a chip.{kind.__name__}, got {type(value).__name__}{hint}")
    return value._core  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Tensor:
    """A named matrix of a program, stored in SRAM.

    Attributes:
        name: Its name in `inputs` and `outputs`.
        role: "input", "output" or "constant".
        dtype: "int8", "int16", "int32", "fp8" (e4m3 as bits in uint8), "fp16" or "fp32".
        shape: Rows and columns.
        data: What a constant holds, a read-only array of that shape; None for inputs and outputs.
    """

    name: str
    role: str
    dtype: str
    shape: tuple[int, int]
    data: NDArray[Any] | None = field(default=None, compare=False, repr=False)


class Program:
    """A whole schedule: runs of instructions with their issue cycles, and named tensors. Immutable.

    Made by a builder, by `Program.parse` or by `Program.from_bytes`. The text form has one run a line:

        @0 mem.w.0 read 5 -> e.0 repeat 20 every 1 address 1
        @3 vxm.0 relu int8 e.0 -> e.1 repeat 20 every 1
        @5 mem.e.0 write 0 <- e.1 repeat 20 every 1 write_address 1

    Text, bytes and pickles give an equal program back.

    Examples:
        >>> program = Program.parse("@5 mem.w.3 read 0 -> e.0 repeat 4 every 2 address 1  # comment")
        >>> print(program.text(), end="")
        @5 mem.w.3 read 0 -> e.0 repeat 4 every 2 address 1
        >>> Program.from_bytes(program.to_bytes()) == program
        True
    """

    __slots__ = ("_core",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, core: Any) -> None:
        """For builders; use `Program.parse` to make one from text."""
        if not isinstance(core, _core.chip.Program):
            raise TypeError(
                "a program is made by Program.parse(text), Program.from_bytes(data) or a builder, not from "
                f"{type(core).__name__}"
            )
        self._core = core

    @classmethod
    def parse(cls, text: str) -> Program:
        """Reads the text form.

        Labels and `let` names are for those who write by hand; the program does not keep them. It does
        keep the line of each run and a label before it, for messages: they make no two programs differ, and
        are in neither text nor bytes.

        Raises:
            ValueError: The first thing that is not understood, with line and column.
            TypeError: Something other than a str.

        Examples:
            >>> program = Program.parse('''
            ... let act = e.0
            ... fetch: @10 mem.w.0 read 5 -> act repeat 4 every 1 address 1
            ... @fetch+4   mem.e.0 write 0 <- act repeat 4 every 1 write_address 1
            ... ''')
            >>> print(program.text(), end="")
            @10 mem.w.0 read 5 -> e.0 repeat 4 every 1 address 1
            @14 mem.e.0 write 0 <- e.0 repeat 4 every 1 write_address 1
            >>> Program.parse("@0 mem.w.0 raed 5 -> e.0")
            Traceback (most recent call last):
            ...
            ValueError: line 1, column 12: expected an instruction of this queue: read, write, sync, notify, \
config, ifetch or nop, got 'raed'; did you mean 'read'?
        """
        if not isinstance(text, str):
            raise TypeError(f"the text of a program must be a str, got {type(text).__name__}")
        text.encode()  # A str that is no Unicode text (a lone surrogate) is a ValueError that says where.
        return cls(_core.chip.Program.parse(text))

    def text(self) -> str:
        """The text form; `Program.parse` gives the program back. One program has one text."""
        text: str = self._core.text()
        return text

    @classmethod
    def from_bytes(cls, data: bytes | bytearray | memoryview) -> Program:
        """Reads the compact form that `to_bytes` writes.

        Raises:
            ValueError: The first byte that is not understood, with its offset.
            TypeError: Something other than bytes.

        Examples:
            >>> Program.from_bytes(b"LPUP" + bytes([9]))
            Traceback (most recent call last):
            ...
            ValueError: byte 4: version 9 is not known here; the newest is 1
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data must be bytes, got {type(data).__name__}")
        given = bytes(data)
        try:
            return cls(_core.chip.Program.from_bytes(given))
        except ValueError as error:
            if given and not given.startswith(b"LPUP") and given.isascii():
                raise ValueError(f"{error}; it looks like text, which Program.parse reads") from None
            raise

    def to_bytes(self) -> bytes:
        """The compact form: the same bytes on every machine, a fraction of the text.

        Examples:
            >>> Program.parse("@5 vxm.0 sync").to_bytes().hex(" ")
            '4c 50 55 50 01 02 00 00 01 1c 04 00 00 0a'
        """
        data: bytes = self._core.to_bytes()
        return data

    @property
    def run_count(self) -> int:
        """Runs: instructions, each with its repeats."""
        count: int = self._core.run_count
        return count

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Inputs, outputs and constants by name.

        Examples:
            >>> program = Program.parse('''
            ... tensor ramp constant int8 2 x 3 lanes 3 columns
            ... piece w.0 address 0 row 0 column 0 loop 2 row 1 address 1
            ... data 000102 ff*3
            ... ''')
            >>> program.tensors["ramp"].data.tolist()
            [[0, 1, 2], [-1, -1, -1]]
        """
        return {tensor.name: _tensor_of(tensor) for tensor in self._core.tensors}

    @property
    def maps(self) -> dict[str, NDArray[np.int16]]:
        """Lane maps by name: which input lane each output lane takes, -1 for a zero. Read-only.

        Examples:
            >>> Program.parse("map reverse 319..0").maps["reverse"][:3].tolist()
            [319, 318, 317]
        """
        return {lane_map.name: lane_map.lanes for lane_map in self._core.maps}

    @property
    def chips(self) -> int:
        """Chips that the program runs on."""
        count: int = self._core.chips
        return count

    def fetch_bytes(self, spec: ChipSpec) -> int:
        """Bytes of instruction text all queues fetch. Encodings are not public: their size is a parameter."""
        fetched: int = self._core.fetch_bytes(_core_of("spec", spec, ChipSpec))
        return fetched

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and bool(self._core == other._core)

    def __repr__(self) -> str:
        return f"Program({self.run_count} runs, tensors {', '.join(self.tensors) or 'none'})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (Program.from_bytes, (self.to_bytes(),))


def _tensor_of(core: Any) -> Tensor:
    shape = (core.rows, core.columns)
    data = None
    if core.role == "constant":
        dtype = _DTYPES[core.dtype]
        if core.data.nbytes == math.prod(shape) * dtype.itemsize:  # Otherwise no chip takes the program.
            data = core.data.view(dtype).reshape(shape)
    return Tensor(core.name, core.role, core.dtype, shape, data)


def assemble(text: str) -> bytes:
    """Program text as the compact bytes of `Program.to_bytes`.

    Raises:
        ValueError: The first thing that is not understood, with line and column.
        TypeError: Something other than a str.

    Examples:
        >>> binary = assemble("@0 mem.w.0 read 5 -> e.0  # a comment")
        >>> print(disassemble(binary), end="")
        @0 mem.w.0 read 5 -> e.0
        >>> assemble(disassemble(binary)) == binary
        True
    """
    return Program.parse(text).to_bytes()


def disassemble(data: bytes | bytearray | memoryview) -> str:
    """The canonical text of a program's bytes; `assemble` gives the bytes of a valid program back.

    Raises:
        ValueError: The first byte that is not understood, with its offset.
        TypeError: Something other than bytes.
    """
    return Program.from_bytes(data).text()


class Memory:
    """SRAM after a run."""

    __slots__ = ("_core",)

    def __init__(self, core: Any) -> None:
        """For `run`, which makes it."""
        self._core = core

    def read(self, slice_name: str, address: int, count: int = 1) -> NDArray[np.uint8]:
        """Vectors of one slice, such as "w.3", as bytes of shape `(count, lanes)`: a read-only view, no copy.

        Unwritten SRAM is zero. Slices of other chips than the first have their chip before them: "chip1.w.3".
        A queue's name, "mem.w.3", is as good.

        Raises:
            ValueError: No such slice, chip or address, or a run without values.
            TypeError: A name that is no str, an address or count that is no whole number.
        """
        if not isinstance(slice_name, str):
            raise TypeError(f"a slice is named by a str such as 'w.3', got {shown(slice_name)}")
        named = re.fullmatch(r"(?:chip([0-9]{1,9})\.)?(?:mem\.)?([we])\.([0-9]{1,9})", slice_name)
        if named is None:
            raise ValueError(f"a slice is named like 'w.3', 'e.12' or 'chip1.w.3', got {shown(slice_name)}")
        vectors: NDArray[np.uint8] = self._core.read_vectors(
            named[2],
            int(named[3]),
            whole_number("address", address, 0, _INT_MAX),
            whole_number("count", count, 0, _INT_MAX),
            int(named[1] or 0),
        )
        return vectors


@dataclass(frozen=True, eq=False)
class Run:
    """What a legal program did.

    Attributes:
        cycles: From cycle 0 to the end of the last access on the last superlane.
        outputs: Output tensors by name (empty without values).
        memory: SRAM afterwards.
        units: Instructions issued, by queue such as "mem.w.3"; each keeps its queue busy for one cycle.
        accounting: Counts by queue, stream and bank, and of the work done.
        pieces: Work of the engine: run pieces for fold, cycles for tick.
        program: What ran.
        spec: The chip.
        engine: "fold" or "tick".
    """

    cycles: int
    outputs: dict[str, NDArray[Any]]
    memory: Memory
    units: dict[str, int]
    accounting: Accounting
    pieces: int
    program: Program
    spec: ChipSpec
    engine: str

    @property
    def time_s(self) -> float:
        """Cycles over the chip's clock."""
        return self.cycles / self.spec.clock_hz

    def to_perfetto(self, path: str | PathLike[str], *, spans_max: int = 200_000) -> Path:
        """Writes a timeline for ui.perfetto.dev: a track a queue, a slice for what it issues without a gap.

        Arrows lead from who makes a value to who takes it (one for each two runs that meet); counters show
        how many queues of each unit issue. Times are those of superlane 0. Returns the path written.

        Args:
            path: The file to write.
            spans_max: Beyond about so many slices the longest runs show their first ones and one for the
                rest.

        Raises:
            OSError: The file cannot be written; nothing is left half written.
            ValueError: The program takes longer than a timeline can show, 2^63 ps (106 days).
        """
        return write_perfetto(self.program._core, self.spec._core, path, spans_max)


def verify(program: Program, spec: ChipSpec) -> Verification:
    """Proves a program legal on a chip, without values.

    Raises:
        lpusim.ScheduleError: The first broken rule, with cycle, queue, stream and the instructions involved.
        ValueError: A program that means nothing on this chip (no such queue, stream or type).

    Examples:
        >>> verify(Program.parse("@0 mem.w.3 read 0 -> e.0"), ChipSpec()).cycles
        22
        >>> verify(Program.parse("@7 mem.w.3 sync"), ChipSpec())
        Traceback (most recent call last):
        ...
        lpusim.errors.ScheduleError: cycle 7: run 0 (line 1) on mem.w.3 (sync) waits for ever: no notify is \
issued in this cycle or later
    """
    return verified(_core_of("program", program, Program), _core_of("spec", spec, ChipSpec))


def lint(program: Program, spec: ChipSpec) -> list[Lint]:
    """What is legal but hardly meant: values that nobody reads.

    Raises:
        lpusim.ScheduleError: The first broken rule; only a legal program has lints.
        ValueError: A program that means nothing on this chip.

    Examples:
        >>> for found in lint(Program.parse("@0 mem.w.3 read 0 -> e.0 repeat 5 every 1"), ChipSpec()):
        ...     print(found.message)
        run 0 (line 1) on mem.w.3 (read 0 -> e.0): 5 of 5 results on e.0 are read by nobody, the first one \
issued in cycle 0
    """
    rows = _core.chip.lint(_core_of("program", program, Program), _core_of("spec", spec, ChipSpec))
    return [Lint(*row) for row in rows]


def plot_occupancy(
    program: Program, spec: ChipSpec, ax: Axes | None = None, *, chip: int = 0, rows_max: int = 20_000
) -> Axes:
    """Draws position against cycle: every stream value as a diagonal, from its drive to its read.

    Eastward values rise, westward ones fall. Needs the extra `plot` (matplotlib).

    Args:
        program: A legal program.
        spec: The chip.
        ax: Where to draw; a new figure without it.
        chip: Which chip of the program, from 0 on.
        rows_max: Values drawn at most, of all chips together: each two runs that meet show their first
            `rows_max` / (such pairs) values, at least one, until `rows_max` are drawn.

    Returns:
        The axes, for titles, limits and `ax.figure.savefig(...)`.

    Raises:
        lpusim.ScheduleError: The first broken rule; an illegal program has no picture.
        ValueError: A chip that the program does not have.
        ImportError: matplotlib is not installed.
    """
    from matplotlib.figure import Figure

    if ax is not None and not hasattr(ax, "add_collection"):
        raise TypeError(f"ax must be matplotlib axes, got {shown(ax)}")
    if ax is None:
        ax = Figure(figsize=(10, 6), layout="constrained").subplots()
    program_core, spec_core = _core_of("program", program, Program), _core_of("spec", spec, ChipSpec)
    shown_chip = whole_number("chip", chip, 0, program.chips - 1)
    draw_occupancy(program_core, spec_core, ax, chip=shown_chip, rows_max=rows_max)
    return ax


def run(
    program: Program,
    spec: ChipSpec,
    inputs: Mapping[str, Any] | None = None,
    *,
    engine: Engine = "fold",
    values: bool = True,
    progress: ProgressCallback | None = None,
) -> Run:
    """Runs a program.

    Args:
        program: What to run.
        spec: The chip.
        inputs: One matrix for each input tensor of the program, of its shape and type. Other SRAM is zero.
        engine: "fold" meets whole runs with whole runs; "tick" moves every stream register every cycle and is
            slow. Cycles, memory and the first error are the same.
        values: False counts cycles only; then `inputs` must be empty.
        progress: Called now and then with (done, total). What it raises ends the run; so does Ctrl-C.

    Raises:
        lpusim.ScheduleError: The first broken rule, with cycle, queue, stream and the instructions involved.
        lpusim.CapacityError: All repeats together make "fold" compute for more than about a minute: 2**31
            moves of a vector. Without values there is no such limit.
        ValueError: A program that means nothing on this chip; a missing or unknown input; a wrong shape.
        TypeError: An input of another type.
    """
    program_core = _core_of("program", program, Program)
    spec_core = _core_of("spec", spec, ChipSpec)
    if progress is not None and not callable(progress):
        raise TypeError(f"progress must be a function of (done, total), got {shown(progress)}")
    if not isinstance(values, bool | np.bool_):
        raise TypeError(f"values must be True or False, got {shown(values)}")
    if engine not in ("fold", "tick"):
        raise ValueError(f"engine must be 'fold' or 'tick', got {shown(engine)}")
    if not isinstance(inputs, Mapping | None):
        raise TypeError(f"inputs must map names to matrices, got {type(inputs).__name__}")
    given = dict(inputs or {})
    if values:
        matrices = _check_inputs(program, given)
    elif given:
        raise ValueError(f"a run with values=False takes no inputs, got {', '.join(map(shown, given))}")
    else:
        matrices = []
    done = _core.chip.run(
        program_core, spec_core, inputs=matrices, engine=engine, values=values, progress=progress
    )
    accounting = accounting_of(done.accounting)
    outputs = {}
    for tensor in program.tensors.values():
        if values and tensor.role == "output":
            matrix = done.fetch(program_core, tensor.name).view(_DTYPES[tensor.dtype])
            matrix.flags.writeable = False
            outputs[tensor.name] = matrix
    return Run(
        cycles=done.cycles,
        outputs=outputs,
        memory=Memory(done),
        units={name: count.busy_cycles for name, count in accounting.queues.items()},
        accounting=accounting,
        pieces=done.pieces,
        program=program,
        spec=spec,
        engine=engine,
    )


def _check_inputs(program: Program, given: dict[str, Any]) -> list[tuple[str, NDArray[np.uint8]]]:
    """The bytes of each input, in the program's order."""
    tensors = {name: tensor for name, tensor in program.tensors.items() if tensor.role == "input"}
    for name in given:
        if name not in tensors:
            raise unknown_name("input", name, tensors)
    matrices = []
    for name, tensor in tensors.items():
        if name not in given:
            raise ValueError(f"input {name!r} is missing: {tensor.dtype} of shape {tensor.shape}")
        try:
            matrix = np.asarray(given[name])
        except ValueError as error:
            raise ValueError(f"input {name!r} is no matrix: {error}") from None
        if matrix.dtype != _DTYPES[tensor.dtype]:
            raise TypeError(f"input {name!r} must be {tensor.dtype}, got {matrix.dtype}")
        if matrix.shape != tensor.shape:
            raise ValueError(f"input {name!r} must have shape {tensor.shape}, got {matrix.shape}")
        matrices.append((name, np.ascontiguousarray(matrix).view(np.uint8)))
    return matrices


def pointwise_add(spec: ChipSpec, vectors: int) -> Program:
    """A saturating int8 sum `c = a + b` of `vectors` vectors, one a cycle, as a legal schedule.

    All three tensors have shape `(vectors, lanes)`.

    Raises:
        ValueError: `vectors` below 1.
        lpusim.CapacityError: The vectors do not fit in SRAM.
    """
    core = _core_of("spec", spec, ChipSpec)
    return Program(_core.chip.pointwise_add(core, vectors=whole_number("vectors", vectors, 1, _SIZE_MAX)))
