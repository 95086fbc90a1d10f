#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lpusim/base/progress.h"
#include "lpusim/base/values/simd_level.h"
#include "lpusim/chip/error.h"
#include "lpusim/chip/fold/runs.h"
#include "lpusim/chip/fold/streams.h"
#include "lpusim/chip/memory.h"

namespace lpusim::chip {

/// Instances first .. first + count - 1 of a reader take instances driver_first + i * driver_step of one
/// driver.
struct SourceSegment {
    std::int64_t first = 0;
    std::int64_t count = 0;
    std::size_t driver = 0;
    std::int64_t driver_first = 0;
    std::int64_t driver_step = 1;
    std::int64_t driver_member = 0;
};

/// Where the values of every read come from, gathered from the matches.
class SourceTable {
  public:
    explicit SourceTable(const std::vector<QueueRun>& runs);

    void add(const StreamMatch& match);
    /// Call once after the last add: sorts by instance and joins neighbours.
    void finish();

    /// Operands count stream reads first, then moment reads; members count streams within a group.
    [[nodiscard]] const std::vector<SourceSegment>& at(std::size_t reader, std::size_t operand,
                                                       std::int64_t member) const {
        return inputs_[first_input_[reader] + operand_offset(reader, operand) +
                       static_cast<std::size_t>(member)];
    }
    /// All inputs of one reader, in that order.
    [[nodiscard]] std::size_t first_input(std::size_t reader) const { return first_input_[reader]; }
    [[nodiscard]] const std::vector<std::vector<SourceSegment>>& inputs() const { return inputs_; }

  private:
    [[nodiscard]] std::size_t operand_offset(std::size_t reader, std::size_t operand) const;

    const std::vector<QueueRun>& runs_;
    std::vector<std::size_t> first_input_; ///< by reader, and one past the end
    std::vector<std::vector<SourceSegment>> inputs_;
};

/// About what one instance of a run costs, in vectors moved from one place to another: a read and a write are
/// one each, an activation is as many as its multiply-adds take as long as.
[[nodiscard]] std::int64_t moves_of(const Instruction& instruction, const ChipSpec& spec);

/// What computing came to: the SRAM after the program, if there was no error.
struct Values {
    Memory memory;
    std::optional<ScheduleViolation> error; ///< the first value that is not allowed
};

/// Computes what happens before cycle `end`, until which the program breaks no rule.
///
/// Runs are taken in order of their next instance, each as far ahead as its inputs are there and as no SRAM
/// word or weight buffer it touches is still waited for: the earliest pending instance can always go, so this
/// ends, and a run that nothing interferes with is done in dense batches. `progress` counts moves (see
/// moves_of), every few milliseconds.
[[nodiscard]] Values fold_values(const Program& program, const ChipSpec& spec,
                                 const std::vector<QueueRun>& runs, const SourceTable& sources, Memory memory,
                                 std::int64_t end, const Progress& progress, SimdLevel level);

} // namespace lpusim::chip
