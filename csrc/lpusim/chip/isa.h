#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

/// The instructions of the chip as plain values, and the run: one instruction, repeated.
namespace lpusim::chip {

enum class Direction : std::uint8_t { East, West };
enum class Hemisphere : std::uint8_t { West, East };

/// Fp16 is IEEE binary16, Fp8 is OCP e4m3. Int16 is for tensors only: two-byte addresses of Gather and
/// Scatter.
enum class DType : std::uint8_t { Int8, Int32, Fp32, Fp16, Fp8, Int16 };

[[nodiscard]] constexpr std::int64_t dtype_bytes(DType dtype) {
    switch (dtype) {
    case DType::Int8:
    case DType::Fp8:
        return 1;
    case DType::Fp16:
    case DType::Int16:
        return 2;
    case DType::Int32:
    case DType::Fp32:
        break;
    }
    return 4;
}

/// An MXM plane has three queues: weights (load, install), activations, accumulators. A C2C queue is one
/// link.
enum class Unit : std::uint8_t { Mem, MxmWeights, MxmActivations, MxmAccumulators, Vxm, Sxm, C2c };

/// One instruction queue. `index` is the SRAM slice, MXM plane, SXM queue or link of its hemisphere, or the
/// ALU (hemisphere West). The order of ids is the order of queues in "first error".
struct QueueId {
    Unit unit = Unit::Mem;
    Hemisphere hemisphere = Hemisphere::West;
    std::int64_t index = 0;
    std::int64_t chip = 0;

    friend bool operator==(const QueueId&, const QueueId&) = default;
    friend auto operator<=>(const QueueId&, const QueueId&) = default;
};

/// The first (or only) stream of a group; how many belong to it follows from the instruction.
struct StreamRef {
    Direction direction = Direction::East;
    std::int64_t stream = 0;

    friend bool operator==(const StreamRef&, const StreamRef&) = default;
};

/// Makes a read a Gather and a write a Scatter: each superlane takes its own address, the unsigned two-byte
/// element of its first lane on the group `map` (two streams). It must lie in the window that starts at the
/// instruction's own address and moves with it; the window lies in one bank, and books it whole.
struct AddressMap {
    StreamRef map;
    std::int64_t window_words = 1;

    friend bool operator==(const AddressMap&, const AddressMap&) = default;
};

struct MemRead {
    std::int64_t address = 0;
    StreamRef to;
    std::optional<AddressMap> gather{};

    friend bool operator==(const MemRead&, const MemRead&) = default;
};

struct MemWrite {
    std::int64_t address = 0;
    StreamRef from;
    std::optional<AddressMap> scatter{};

    friend bool operator==(const MemWrite&, const MemWrite&) = default;
};

/// At least one of the two; one instruction may carry both.
struct MemAccess {
    std::optional<MemRead> read;
    std::optional<MemWrite> write;

    friend bool operator==(const MemAccess&, const MemAccess&) = default;
};

/// Takes `streams` weight columns into the shadow buffer: column + i from stream + i. Lane = row of the
/// matrix.
struct MxmLoad {
    std::int64_t column = 0;
    StreamRef from;
    std::int64_t streams = 1;

    friend bool operator==(const MxmLoad&, const MxmLoad&) = default;
};

/// Swaps shadow and active weights; the new shadow is empty. Columns that were not loaded are zero.
struct MxmInstall {
    friend bool operator==(const MxmInstall&, const MxmInstall&) = default;
};

/// Takes one activation vector and multiplies it with the weights that are active as it enters. Int8 sums are
/// exact int32; Fp8 sums are exact, then rounded once to fp32. Fp16 takes two planes of a hemisphere, p
/// (even, low bytes of the weights, issues this) and p + 1 (high bytes), for mxm_fp16_cycles: each of
/// `roundings` equal parts of the lanes is summed exactly and rounded once to fp32, then the parts are added
/// in order. On a chip with mxm_wide_accumulate floating-point sums leave the plane without any rounding.
struct MxmActivate {
    DType dtype = DType::Int8;
    StreamRef from;
    std::int64_t roundings = 1;

    friend bool operator==(const MxmActivate&, const MxmActivate&) = default;
};

/// Takes the column sums that arrive this very cycle into accumulator `slot`: replaces it (`start`) or adds,
/// as `dtype` (Int32 or Fp32; only bits travel). With `to`, the new content of the slot is also driven there
/// (a group of four streams).
struct MxmAccumulate {
    std::int64_t slot = 0;
    bool start = true;
    std::optional<StreamRef> to;
    DType dtype = DType::Int32;

    friend bool operator==(const MxmAccumulate&, const MxmAccumulate&) = default;
};

/// Pass, Relu, Convert, Abs, Neg, Exp, Rsqrt and Tanh take one operand, Select three, the others two. Add,
/// Sub and Mul wrap on integers (modulo); the Sat variants clamp and exist for integers only. Mask is `b != 0
/// ? a : 0`, Select `c != 0 ? a : b` (NaN differs from 0). Comparisons give 1 or 0 in the operands' type;
/// with NaN they give 0. And, Or and Xor are for integers, Exp, Rsqrt and Tanh for fp16 and fp32. Convert
/// rounds to nearest even and saturates (to fp16: overflows to infinity). ShiftRight is for integers: rounds
/// to nearest even, shift in b: an immediate from 0 to 31, of other operands the low five bits (what the chip
/// makes of the rest is not public). Scale multiplies int32 or fp32 by the fp32 in b and converts to the
/// result type, rounding once per step. Fp16 arithmetic is done in fp32 and rounded once; Fp8 only passes and
/// converts.
enum class VxmOp : std::uint8_t {
    Pass,
    Add,
    AddSat,
    Sub,
    SubSat,
    Mul,
    MulSat,
    Max,
    Min,
    Relu,
    Mask,
    Convert,
    ShiftRight,
    Scale,
    Abs,
    Neg,
    And,
    Or,
    Xor,
    Equal,
    Less,
    LessEqual,
    Select,
    Exp,
    Rsqrt,
    Tanh
};

/// How many operands an operation takes.
[[nodiscard]] constexpr int operand_count(VxmOp op) {
    switch (op) {
    case VxmOp::Pass:
    case VxmOp::Convert:
    case VxmOp::Relu:
    case VxmOp::Abs:
    case VxmOp::Neg:
    case VxmOp::Exp:
    case VxmOp::Rsqrt:
    case VxmOp::Tanh:
        return 1;
    case VxmOp::Select:
        return 3;
    default:
        return 2;
    }
}

/// Functions take vxm_function_latency_cycles, all else vxm_alu_latency_cycles.
[[nodiscard]] constexpr bool is_function(VxmOp op) {
    return op == VxmOp::Exp || op == VxmOp::Rsqrt || op == VxmOp::Tanh;
}

struct VxmStream {
    StreamRef from;

    friend bool operator==(const VxmStream&, const VxmStream&) = default;
};

/// What ALU `alu` finishes in this very cycle. Only bits travel: a wider consumer sees zeros above a narrow
/// result, a narrower one the low bytes.
struct VxmChain {
    std::int64_t alu = 0;

    friend bool operator==(const VxmChain&, const VxmChain&) = default;
};

/// The same value on every lane: the bits of an int32 or fp32; an int8 is sign-extended, an fp16 or fp8 is in
/// the low bits.
struct VxmImmediate {
    std::int32_t bits = 0;

    friend bool operator==(const VxmImmediate&, const VxmImmediate&) = default;
};

using VxmOperand = std::variant<std::monostate, VxmStream, VxmChain, VxmImmediate>;

/// `dtype` is the type of both operands (of a alone for Scale and ShiftRight, whose b is fp32 or int32);
/// `result` differs from it only for Convert, ShiftRight and Scale. A result that is neither driven nor
/// chained is lost.
struct VxmCompute {
    VxmOp op = VxmOp::Pass;
    DType dtype = DType::Int8;
    DType result = DType::Int8;
    VxmOperand a;
    VxmOperand b;
    std::optional<StreamRef> to;
    VxmOperand c{};

    friend bool operator==(const VxmCompute&, const VxmCompute&) = default;
};

/// The type of operand b.
[[nodiscard]] constexpr DType operand_b_dtype(const VxmCompute& compute) {
    switch (compute.op) {
    case VxmOp::ShiftRight:
        return DType::Int32;
    case VxmOp::Scale:
        return DType::Fp32;
    default:
        return compute.dtype;
    }
}

/// Shift moves lane l to lane l + argument; what comes from outside is 0. Select takes lanes below `argument`
/// from a, the others from b. Permute and Distribute give output lane l input lane map[l] of the program's
/// lane map number `argument` (-1: zero): Permute over all lanes, each input at most once, Distribute within
/// each superlane, as often as wanted. Rotate views the first n * n lanes of each superlane (n = argument, 3
/// or 4) as rows of a square and drives all n * n cyclic rotations: stream i * n + j has row r, column c of
/// the input's (r + i) % n, (c + j) % n, other lanes 0. Transpose takes as many streams as a superlane has
/// lanes: lane j of output i is lane i of input j.
enum class SxmOp : std::uint8_t { Shift, Select, Permute, Distribute, Rotate, Transpose };

/// One byte plane a cycle, but Rotate drives and Transpose takes and drives a group.
struct SxmMove {
    SxmOp op = SxmOp::Shift;
    std::int64_t argument = 0;
    StreamRef a;
    std::optional<StreamRef> b; ///< Select only
    StreamRef to;

    friend bool operator==(const SxmMove&, const SxmMove&) = default;
};

/// Takes one vector onto the link, which is busy with it for c2c_vector_cycles.
struct C2cSend {
    StreamRef from;

    friend bool operator==(const C2cSend&, const C2cSend&) = default;
};

/// Drives the vector that `peer` sent c2c_link_latency_cycles + held_cycles ago. A link has one peer.
struct C2cReceive {
    QueueId peer;
    std::int64_t held_cycles = 0; ///< how long the vector has waited, 0 .. c2c_hold_cycles
    StreamRef to;

    friend bool operator==(const C2cReceive&, const C2cReceive&) = default;
};

/// Parks its queue until the next multiple of c2c_epoch_cycles after the issue.
struct Deskew {
    friend bool operator==(const Deskew&, const Deskew&) = default;
};

/// From here on only the first `superlanes` of this queue's unit are powered: counted in its energy. Values
/// are computed on all lanes all the same.
struct Config {
    std::int64_t superlanes = 0;

    friend bool operator==(const Config&, const Config&) = default;
};

/// Takes two vectors of instruction text, in this cycle and the next.
struct Ifetch {
    StreamRef from;

    friend bool operator==(const Ifetch&, const Ifetch&) = default;
};

/// Parks its queue until the first Notify of its chip issued in the same cycle or later, plus the sync
/// latency.
struct Sync {
    friend bool operator==(const Sync&, const Sync&) = default;
};

struct Notify {
    friend bool operator==(const Notify&, const Notify&) = default;
};

using Instruction = std::variant<MemAccess, MxmLoad, MxmInstall, MxmActivate, MxmAccumulate, VxmCompute,
                                 SxmMove, C2cSend, C2cReceive, Deskew, Config, Ifetch, Sync, Notify>;

/// One level of a Repeat. `address_stride` moves a Read's address, a Load's column or an Accumulate's slot;
/// `write_address_stride` moves a Write's address.
struct Level {
    std::int64_t count = 1;
    std::int64_t cycles = 0;
    std::int64_t address_stride = 0;
    std::int64_t write_address_stride = 0;

    friend bool operator==(const Level&, const Level&) = default;
};

/// The slices a MEM run spans: queue.index + i for i = 0 .. count - 1, each moved by i times the strides. The
/// maps of Gather and Scatter stay: all slices of a range take the same one as it passes.
/// With `follow`, slice i also issues later by its distance downstream from slice 0 in that direction
/// (earlier if upstream), so that the whole range works on one diagonal of the streams.
struct SliceRange {
    std::int64_t count = 1;
    std::int64_t cycles = 0;
    std::int64_t address_stride = 0;
    std::int64_t write_address_stride = 0;
    std::int64_t stream_stride = 0;
    std::int64_t write_stream_stride = 0;
    std::optional<Direction> follow;

    friend bool operator==(const SliceRange&, const SliceRange&) = default;
};

/// Which strides of repeats and slice ranges move something of an instruction; the others must be 0.
struct Movable {
    bool address = false;
    bool write_address = false;
    bool stream = false;
    bool write_stream = false;
};
[[nodiscard]] Movable movable(const Instruction& instruction);

/// One instruction, issued at `issue` (on its first slice) and repeated. Levels are outermost first.
struct InstructionRun {
    QueueId queue;
    std::int64_t issue = 0;
    Instruction instruction;
    std::vector<Level> repeat;
    SliceRange slices;

    friend bool operator==(const InstructionRun&, const InstructionRun&) = default;
};

/// Instances on one queue: the product of the counts. Throws ValueError on overflow.
[[nodiscard]] std::int64_t instance_count(const InstructionRun& run);

/// Cycles from the first instance's issue to the last one's.
[[nodiscard]] std::int64_t repeat_span_cycles(const InstructionRun& run);

/// The repeat indices of instance `flat`, outermost first; flat counts in program order.
[[nodiscard]] std::vector<std::int64_t> repeat_indices(const InstructionRun& run, std::int64_t flat);

/// "mem.w.12", "mxm.e.0.weights", "vxm.3", "sxm.w.5", "c2c.e.0"; of other chips than 0 "chip1.mem.w.12".
[[nodiscard]] std::string to_string(const QueueId& queue);
/// "e.3", "w.17".
[[nodiscard]] std::string to_string(const StreamRef& stream);
[[nodiscard]] std::string to_string(DType dtype);
/// "e.3", or "e.3 to e.6" for a group of 4.
[[nodiscard]] std::string streams_text(const StreamRef& first, std::int64_t width);

} // namespace lpusim::chip
