#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lpusim/chip/isa.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// One loop of a tensor's placement: step i adds i times each stride.
struct TensorLoop {
    std::int64_t count = 1;
    std::int64_t row_stride = 0;
    std::int64_t column_stride = 0;
    std::int64_t slice_stride = 0;
    std::int64_t address_stride = 0;

    friend bool operator==(const TensorLoop&, const TensorLoop&) = default;
};

/// A block of a tensor in SRAM: one vector (per byte plane) for each point of the loops.
struct TensorPiece {
    Hemisphere hemisphere = Hemisphere::West;
    std::int64_t slice = 0;
    std::int64_t address = 0;
    std::int64_t row = 0;
    std::int64_t column = 0;
    std::vector<TensorLoop> loops;
    std::int64_t chip = 0;
    std::int64_t byte_slices = 1; ///< from one byte of an element to the next
    std::int64_t lane = 0;        ///< of a vector's first element

    friend bool operator==(const TensorPiece&, const TensorPiece&) = default;
};

/// A named matrix and where its vectors live. Lane `lane` + l of a vector holds row + l (`lanes_along_rows`)
/// or column + l, for l < lanes; all else is padding: written as zero, ignored when read. Byte b of a wider
/// element is in slice + b * byte_slices. Pieces may repeat elements (copies): all are written, the last one
/// is read. A constant brings its own `data`, row-major and little-endian, which is in SRAM before cycle 0.
struct Tensor {
    enum class Role : std::uint8_t { Input, Output, Constant };

    std::string name;
    Role role = Role::Input;
    DType dtype = DType::Int8;
    std::int64_t rows = 0;
    std::int64_t columns = 0;
    bool lanes_along_rows = false;
    std::int64_t lanes = 1;
    std::vector<TensorPiece> pieces;
    std::vector<std::uint8_t> data{};

    friend bool operator==(const Tensor&, const Tensor&) = default;
};

/// Names of tensors and lane maps: letters, digits, '_', '.' and '-', at least one.
[[nodiscard]] bool is_name(std::string_view name);

/// Which input lane each output lane of a Permute (as many entries as a vector has lanes) or Distribute (as
/// many as a superlane has) takes; -1 is a zero.
struct LaneMap {
    std::string name;
    std::vector<std::int16_t> lanes;

    friend bool operator==(const LaneMap&, const LaneMap&) = default;
};

/// Where the runs of a program stand in the text it was read from, for messages. It says nothing about what
/// the program does: all are equal.
struct TextOrigin {
    std::vector<std::int64_t> lines{};           ///< of each run, from 1; empty where there was no text
    std::map<std::size_t, std::string> labels{}; ///< by run: the label before it, if any

    friend bool operator==(const TextOrigin&, const TextOrigin&) { return true; }
};

/// A whole schedule of one chip, or of several equal ones on one clock: every run with its absolute issue
/// cycle, and the tensors it reads and leaves in SRAM. A queue issues its runs merged by time, whatever their
/// order here; the order names runs and breaks ties.
struct Program {
    std::vector<InstructionRun> runs;
    std::vector<Tensor> tensors;
    std::vector<LaneMap> maps{};
    std::int64_t chips = 1;
    TextOrigin origin{};

    friend bool operator==(const Program&, const Program&) = default;
};

/// What messages call a run: "run 3", or "run 3 (line 7, load_done)" as far as its line and label are known.
[[nodiscard]] std::string run_name(const Program& program, std::int64_t run);

/// Checks everything that does not depend on when things meet: queues, streams, groups, lane maps and operand
/// types exist on this chip; a link has one other end; counts and strides are sane, and every stride moves
/// something; repeat levels do not overlap; no issue before cycle 0; tensors lie inside SRAM, and their
/// pieces hold all of them. Throws ValueError naming the run and what is allowed. Engines and `verify` call
/// it first. Cost: linear in runs (times the ends of their slice ranges) and in the vectors of tensors, never
/// in repeat counts.
void validate(const Program& program, const ChipSpec& spec);

/// Bytes of instruction text all queues fetch: one instruction a run and queue plus one Repeat a level (where
/// runs of a queue interleave, a Repeat around the block of them is charged once for each), or, where the
/// spec has no nested repeat, unrolled but for an innermost level that moves no address.
[[nodiscard]] std::int64_t fetch_bytes(const Program& program, const ChipSpec& spec);

} // namespace lpusim::chip
