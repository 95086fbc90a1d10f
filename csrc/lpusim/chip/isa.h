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

/// Fp16 and Fp8 have names but no arithmetic yet: a program that uses them is refused.
enum class DType : std::uint8_t { Int8, Int32, Fp32, Fp16, Fp8 };

[[nodiscard]] constexpr std::int64_t dtype_bytes(DType dtype) {
    switch (dtype) {
    case DType::Int8:
    case DType::Fp8:
        return 1;
    case DType::Fp16:
        return 2;
    case DType::Int32:
    case DType::Fp32:
        break;
    }
    return 4;
}

/// An MXM plane has three queues: weights (load, install), activations, accumulators.
enum class Unit : std::uint8_t { Mem, MxmWeights, MxmActivations, MxmAccumulators, Vxm };

/// One instruction queue. `index` is the SRAM slice or MXM plane of its hemisphere, or the ALU (hemisphere
/// West). The order of ids is the order of queues in "first error".
struct QueueId {
    Unit unit = Unit::Mem;
    Hemisphere hemisphere = Hemisphere::West;
    std::int64_t index = 0;

    friend bool operator==(const QueueId&, const QueueId&) = default;
    friend auto operator<=>(const QueueId&, const QueueId&) = default;
};

/// The first (or only) stream of a group; how many belong to it follows from the instruction.
struct StreamRef {
    Direction direction = Direction::East;
    std::int64_t stream = 0;

    friend bool operator==(const StreamRef&, const StreamRef&) = default;
};

struct MemRead {
    std::int64_t address = 0;
    StreamRef to;

    friend bool operator==(const MemRead&, const MemRead&) = default;
};

struct MemWrite {
    std::int64_t address = 0;
    StreamRef from;

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

/// Takes one activation vector and multiplies it with the weights that are active as it enters.
struct MxmActivate {
    DType dtype = DType::Int8;
    StreamRef from;

    friend bool operator==(const MxmActivate&, const MxmActivate&) = default;
};

/// Takes the column sums that arrive this very cycle into accumulator `slot`: replaces it (`start`) or adds.
/// With `to`, the new content of the slot is also driven there as int32 (a group of four streams).
struct MxmAccumulate {
    std::int64_t slot = 0;
    bool start = true;
    std::optional<StreamRef> to;

    friend bool operator==(const MxmAccumulate&, const MxmAccumulate&) = default;
};

/// Pass, relu and convert take one operand, the others two. Add, Sub and Mul wrap on integers (modulo);
/// the Sat variants clamp and exist for integers only. Mask is `b != 0 ? a : 0`.
/// Convert rounds to nearest even and saturates. ShiftRight is for integers: rounds to nearest even, shift in
/// b (0..31). Scale multiplies int32 or fp32 by the fp32 in b and converts to the result type, rounding once
/// per step.
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
    Scale
};

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

/// The same value on every lane: the bits of an int32 or fp32; an int8 is sign-extended.
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

/// Parks its queue until the first Notify issued in the same cycle or later, plus the sync latency.
struct Sync {
    friend bool operator==(const Sync&, const Sync&) = default;
};

struct Notify {
    friend bool operator==(const Notify&, const Notify&) = default;
};

using Instruction =
    std::variant<MemAccess, MxmLoad, MxmInstall, MxmActivate, MxmAccumulate, VxmCompute, Sync, Notify>;

/// One level of a Repeat. `address_stride` moves a Read's address, a Load's column or an Accumulate's slot;
/// `write_address_stride` moves a Write's address.
struct Level {
    std::int64_t count = 1;
    std::int64_t cycles = 0;
    std::int64_t address_stride = 0;
    std::int64_t write_address_stride = 0;

    friend bool operator==(const Level&, const Level&) = default;
};

/// The slices a MEM run spans: queue.index + i for i = 0 .. count - 1, each moved by i times the strides.
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

/// "mem.w.12", "mxm.e.0.weights", "vxm.3".
[[nodiscard]] std::string to_string(const QueueId& queue);
/// "e.3", "w.17".
[[nodiscard]] std::string to_string(const StreamRef& stream);
[[nodiscard]] std::string to_string(DType dtype);

} // namespace lpusim::chip
