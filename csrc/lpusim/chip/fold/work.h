#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "lpusim/base/values/simd_level.h"
#include "lpusim/chip/fold/results.h"
#include "lpusim/chip/fold/runs.h"
#include "lpusim/chip/fold/values.h"
#include "lpusim/chip/memory.h"
#include "lpusim/chip/values/mxm_values.h"
#include "lpusim/chip/values/values.h"

namespace lpusim::chip {

/// The kinds of work, in the order in which they happen within one cycle.
enum class Work : std::uint8_t { Install, Load, Activate, Accumulate, Compute, Move, Pass, Read, Write };

/// One kind of work of one run, and how far it has come. A MEM instruction with a read and a write is two.
struct Actor {
    std::size_t run = 0; ///< index into the queue runs
    Work work = Work::Read;
    std::int64_t offset = 0; ///< from issue to the cycle that orders this work
    std::int64_t cursor = 0; ///< instances done
    std::int64_t count = 0;
    std::int64_t next_tau = 0;
    AffineAddress address;
    AffineAddress::Range range;
    std::int64_t moves = 1; ///< that one instance costs
};

/// What each kind of work does to values, a batch of instances at a time: SRAM, weights, accumulators, and
/// the results on their way from drivers to readers. In which order batches may go, `fold_values` decides.
class FoldWork {
  public:
    FoldWork(const Program& program, const ChipSpec& spec, const std::vector<QueueRun>& runs,
             const SourceTable& sources, Memory memory, SimdLevel level);

    /// The inputs [first, second) of the source table that an actor takes from.
    [[nodiscard]] std::pair<std::size_t, std::size_t> inputs(const Actor& actor) const;
    /// What feeds `input` from `instance` on. Calls for one input must not go back.
    [[nodiscard]] std::span<const SourceSegment> sources_from(std::size_t input, std::int64_t instance);

    /// Does the next `count` instances of `actor`; the caller moves its cursor. Preconditions: all they take
    /// is there, or is a result of an earlier one of them; and they lie in one block of results.
    void execute(const Actor& actor, std::int64_t count);

    [[nodiscard]] Memory take_memory() { return std::move(memory_); }
    /// The least value so far that is not allowed.
    [[nodiscard]] const std::optional<ScheduleViolation>& error() const { return error_; }

  private:
    struct Plane {
        WeightPlane active;
        WeightPlane shadow;
        std::vector<Accumulator> accumulators;
    };

    [[nodiscard]] const InstructionRun& what(std::size_t run) const {
        return program_.runs[static_cast<std::size_t>(runs_[run].run)];
    }
    [[nodiscard]] Plane& plane_of(const Actor& actor, std::int64_t next = 0);
    [[nodiscard]] Results results_for(std::size_t run) const;

    template <class Visit>
    void for_sources(const Actor& actor, std::size_t input, std::int64_t count, const Visit& visit);
    void gather(const Actor& actor, std::size_t input, std::int64_t count, std::uint8_t* out);
    void gather(const Actor& actor, std::size_t input, std::int64_t count, std::vector<std::uint8_t>& out,
                std::int64_t planes);
    void gather_chained(const Actor& actor, std::size_t input, std::int64_t count, std::int64_t width,
                        std::vector<std::uint8_t>& out);

    void install(const Actor& actor);
    void load(const Actor& actor, std::int64_t count);
    void activate(const Actor& actor, std::int64_t count);
    void accumulate(const Actor& actor, std::int64_t count);
    [[nodiscard]] bool feeds_itself(const Actor& actor, std::int64_t count);
    void compute(const Actor& actor, std::int64_t count);
    void move(const Actor& actor, std::int64_t count);
    void pass(const Actor& actor, std::int64_t count);
    void read(const Actor& actor, std::int64_t count);
    void write(const Actor& actor, std::int64_t count);
    void keep(const Actor& actor, std::int64_t count);
    void read_mapped(const Actor& actor, std::int64_t count);
    void write_mapped(const Actor& actor, std::int64_t count);
    void report(const Actor& actor, std::int64_t instance, std::int64_t address);

    const Program& program_;
    const ChipSpec& spec_;
    const std::vector<QueueRun>& runs_;
    const SourceTable& sources_;
    Memory memory_;
    std::optional<ScheduleViolation> error_;
    std::int64_t lanes_;
    SimdLevel level_;
    std::vector<Results> results_;            ///< by run
    std::vector<std::size_t> input_position_; ///< by input: the first segment not done
    std::vector<Plane> planes_;
    std::vector<std::uint8_t> operands_[3], result_;
    ColumnSums sums_;
    std::vector<WideSum> wide_row_;
};

} // namespace lpusim::chip
