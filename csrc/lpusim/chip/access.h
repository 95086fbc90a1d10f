#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

/// The meaning of an instruction in time, written once: tick, fold and verify all start here.
namespace lpusim::chip {

/// A vector of at most `Capacity` items without allocation.
template <class T, std::size_t Capacity>
struct ShortList {
    std::array<T, Capacity> items{};
    std::size_t size = 0;

    void push_back(const T& item) {
        assert(size < Capacity);
        items[size++] = item;
    }
    [[nodiscard]] const T* begin() const { return items.data(); }
    [[nodiscard]] const T* end() const { return items.data() + size; }
};

/// Streams first .. first + width - 1 at `position`, `offset` cycles after issue.
/// A read sees what arrives there (A); a drive replaces what leaves (R).
struct StreamUse {
    Direction direction = Direction::East;
    std::int64_t first = 0;
    std::int64_t width = 1;
    std::int64_t position = 0;
    std::int64_t offset = 0;
};

/// One vector of one slice, or, for Gather and Scatter, a vector out of a window of `words`. Instance i adds
/// its levels' address_stride (a read) or write_address_stride (a write).
struct SramUse {
    std::int64_t slice = 0; ///< slice_ordinal
    std::int64_t address = 0;
    std::int64_t words = 1;
    std::int64_t offset = 0;
};

/// A value that exists for one cycle only: the result of a VXM ALU, the column sums of an MXM plane, or a
/// vector at the end of a link. A receive that holds a vector takes the moment of an earlier cycle: its
/// offset is negative.
struct MomentUse {
    enum class Kind : std::uint8_t { Alu, ColumnSums, Link };
    Kind kind = Kind::Alu;
    std::int64_t index = 0; ///< alu_ordinal, plane_ordinal, or link_ordinal of the sender
    std::int64_t offset = 0;
};

/// Something that one instruction has to itself for `cycles` from `offset` on: the multipliers of an MXM
/// plane, or a link.
struct HoldUse {
    enum class Kind : std::uint8_t { Array, Link };
    Kind kind = Kind::Array;
    std::int64_t index = 0; ///< plane_ordinal, or link_ordinal
    std::int64_t offset = 0;
    std::int64_t cycles = 1;
};

/// What happens to a plane's weight buffers or accumulators. Load's column and Accumulate's slot move with
/// address_stride. An fp16 activation uses the weights of two planes.
struct PlaneUse {
    enum class Kind : std::uint8_t { Load, Install, Activate, Accumulate };
    Kind kind = Kind::Load;
    std::int64_t plane = 0;       ///< plane_ordinal
    std::int64_t index = 0;       ///< first column, or slot
    std::int64_t width = 0;       ///< columns of a load, or planes whose weights an activation uses
    std::int64_t offset = 0;      ///< load: taken; install: issued; activate: entered; accumulate: added
    std::int64_t done_offset = 0; ///< load: installable; install: active; otherwise equal to offset
};

enum class BarrierRole : std::uint8_t { None, Sync, Notify, Deskew };

/// Does the queue that issued it stand still for a while?
[[nodiscard]] constexpr bool parks(BarrierRole role) {
    return role == BarrierRole::Sync || role == BarrierRole::Deskew;
}

/// All that one run does on one of its queues. Offsets count from each instance's issue.
struct RunUse {
    QueueId queue;
    std::int64_t issue = 0; ///< of the first instance on this queue
    /// In order: VXM operands a, b, c; SXM a, b; of a MEM instruction the map of a Gather, what is written,
    /// the map of a Scatter.
    ShortList<StreamUse, 3> stream_reads;
    std::optional<StreamUse> stream_drive;
    std::optional<SramUse> sram_read;
    std::optional<SramUse> sram_write;
    ShortList<MomentUse, 3> moment_reads;
    std::optional<MomentUse> moment_drive;
    std::optional<PlaneUse> plane;
    ShortList<HoldUse, 2> holds;
    BarrierRole barrier = BarrierRole::None;
    /// The latest offset of anything above, completions included. Waiting is nothing that happens.
    std::int64_t last_offset = 0;
};

/// Streams of operand a and of the result, and cycles from one to the other.
struct SxmShape {
    std::int64_t input_streams = 1;
    std::int64_t output_streams = 1;
    std::int64_t latency_cycles = 1;
};
[[nodiscard]] SxmShape sxm_shape(const SxmMove& move, const ChipSpec& spec);

/// Issue of the first instance on slice `slice` of the run's range.
[[nodiscard]] std::int64_t issue_on_slice(const InstructionRun& run, std::int64_t slice,
                                          const ChipSpec& spec);

/// What `run` does on slice `slice` of its range (0 for all but MEM). Precondition: the program is valid.
/// Cost: constant, no allocation.
[[nodiscard]] RunUse use_of(const InstructionRun& run, std::int64_t slice, const ChipSpec& spec);

/// Rule 1: the last tau of anything any instance does, plus the number of superlanes; 0 for an empty program.
/// What a notify or a deskew holds up counts when it is issued, and the waiting itself never.
/// Precondition: the program is valid.
[[nodiscard]] std::int64_t program_cycles(const Program& program, const ChipSpec& spec);

/// When a parked queue issues again. Cost: a sort of the program's notifies, then a search a question.
class Releases {
  public:
    Releases(const Program& program, const ChipSpec& spec);

    /// Of the queue that the Sync or Deskew `parking` parks; none if no Notify of its chip ever frees it.
    [[nodiscard]] std::optional<std::int64_t> after(const RunUse& parking) const;

  private:
    std::int64_t sync_latency_cycles_;
    std::int64_t epoch_cycles_;
    std::map<std::int64_t, std::vector<std::int64_t>> notifies_; ///< by chip, in order
};

} // namespace lpusim::chip
