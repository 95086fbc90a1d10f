#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <tuple>
#include <vector>

#include "lpusim/base/progress.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/address_map.h"
#include "lpusim/chip/error.h"
#include "lpusim/chip/memory.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/proof/accounting.h"
#include "lpusim/chip/run.h"
#include "lpusim/chip/spec.h"
#include "lpusim/chip/tick/vector_pool.h"
#include "lpusim/chip/values/mxm_values.h"

namespace lpusim::chip {

/// The machine that `tick` steps: every stream cell, queue and unit, and what is due in each coming cycle.
/// In parts by what happens: issue (tick.cpp), streams and operands (tick_streams.cpp), SRAM (tick_sram.cpp),
/// and MXM planes (tick_mxm.cpp).
class TickMachine {
  public:
    /// Preconditions: the program is valid, and `memory` is that before cycle 0 (empty without values).
    TickMachine(const Program& program, const ChipSpec& spec, Memory memory, bool values);

    /// All cycles, or those up to the first error. Call once.
    Run run(const Progress& progress);

  private:
    static constexpr std::int64_t kNothing = -1;
    static constexpr std::int64_t kNever = -1;

    /// One run on one queue, and how far it has come.
    struct Source {
        std::int64_t run = 0;
        const InstructionRun* what = nullptr;
        RunUse use;
        std::size_t queue = 0; ///< index into the queues
        std::vector<std::int64_t> indices;
        std::int64_t flat = 0;
        std::int64_t next_issue = 0;
        std::int64_t address = 0;       ///< added to the first instance's address, column or slot
        std::int64_t write_address = 0; ///< added to the first instance's write address

        /// Moves on to the next instance; false after the last one.
        bool advance() {
            ++flat;
            for (std::size_t level = indices.size(); level-- > 0;) {
                const Level& repeat = what->repeat[level];
                if (++indices[level] < repeat.count) {
                    next_issue += repeat.cycles;
                    address += repeat.address_stride;
                    write_address += repeat.write_address_stride;
                    return true;
                }
                next_issue -= (repeat.count - 1) * repeat.cycles;
                address -= (repeat.count - 1) * repeat.address_stride;
                write_address -= (repeat.count - 1) * repeat.write_address_stride;
                indices[level] = 0;
            }
            return false;
        }
    };

    /// One issued instruction that still has something to do.
    struct Instance {
        std::int64_t source = 0;
        std::int64_t flat = 0;
        std::int64_t issued_at = 0;
        std::int64_t address = 0;
        std::int64_t write_address = 0;
        std::vector<std::uint8_t> operands[3]; ///< of the VXM a, b, c; else the stream reads in order
        std::vector<std::uint8_t> result;
        ColumnSums sums;
    };

    struct Queue {
        std::int64_t issued_at = kNever;
        std::int64_t issued = 0; ///< the least instance of that cycle
        std::int64_t parked_until = 0;
        std::int64_t parking_run = -1;
    };

    /// What can happen in a cycle, in the order in which it does.
    enum Phase : std::size_t {
        kHold,
        kMomentDrive,
        kOperandRead,
        kInstall,
        kSwap,
        kPlaneWork,
        kSramRead,
        kSramWrite,
        kStreamDrive,
        kRelease,
        kPhaseCount
    };

    struct Plane {
        std::vector<std::int64_t>
            loaded_at; ///< by column of the shadow; kNever if not since the last install
        bool any_loaded = false;
        std::int64_t loads_done_at = 0;
        std::int64_t swap_at = kNever; ///< when the last install takes effect
        bool any_active = false;
        WeightPlane active;
        WeightPlane shadow;
        WeightPlane installing;
        std::vector<Accumulator> accumulators;
    };

    /// Who has something to itself, and from when until when.
    struct Holder {
        std::int64_t since = kNever;
        std::int64_t until = kNever;
        std::int64_t source = 0;
        std::int64_t flat = 0;
    };

    /// A value that exists in cycle `tau` only.
    struct Moment {
        std::int64_t tau = kNever;
        std::int64_t instance = 0;
    };

    /// A vector at the end of a link, where it waits to be received.
    struct Arrival {
        std::int64_t tau = 0;
        std::vector<std::uint8_t> vector;
    };

    /// One read or write of a slice.
    struct Access {
        std::int64_t instance = 0;
        std::int64_t address = 0;
        bool writes = false;
    };

    /// What a slice does in cycle `tau`. A plain access and one through a map, issued earlier, may meet.
    struct SliceCycle {
        std::int64_t tau = kNever;
        std::size_t count = 0;
        std::array<Access, 4> accesses{};
    };

    // ---- small helpers

    /// A driven vector is on the line for at most `positions` cycles.
    [[nodiscard]] std::int64_t lifetime() const { return positions_ + 1; }
    [[nodiscard]] Source& source(std::int64_t index) { return sources_[static_cast<std::size_t>(index)]; }
    [[nodiscard]] Instance& instance(std::int64_t index) {
        return instances_[static_cast<std::size_t>(index)];
    }
    [[nodiscard]] const Source& source_of(const Instance& issued) const {
        return sources_[static_cast<std::size_t>(issued.source)];
    }
    [[nodiscard]] Plane& plane(const PlaneUse& use) { return planes_[static_cast<std::size_t>(use.plane)]; }
    [[nodiscard]] std::size_t cell(std::int64_t chip, Direction direction, std::int64_t position,
                                   std::int64_t stream) const {
        const std::int64_t line = 2 * chip + (direction == Direction::East ? 0 : 1);
        return static_cast<std::size_t>((line * positions_ + position) * streams_ + stream);
    }
    [[nodiscard]] std::vector<std::int64_t>& due(Phase phase, std::int64_t offset) {
        auto& ring = due_[phase];
        return ring[static_cast<std::size_t>(tau_ + offset) % ring.size()];
    }
    [[nodiscard]] ScheduleViolation violation(ViolationClass kind, const Instance& issued) const {
        ScheduleViolation found;
        found.tau = tau_;
        found.kind = kind;
        found.queue = source_of(issued).use.queue;
        found.run = source_of(issued).run;
        found.repeat = issued.flat;
        return found;
    }
    void name_other(ScheduleViolation& found, const Instance& other) const {
        found.other_queue = source_of(other).use.queue;
        found.other_run = source_of(other).run;
        found.other_repeat = other.flat;
    }
    [[nodiscard]] bool precedes(const Instance& a, const Instance& b) const {
        const Source& left = source_of(a);
        const Source& right = source_of(b);
        return std::tie(left.use.queue, left.run, a.flat) < std::tie(right.use.queue, right.run, b.flat);
    }
    /// Values count until a broken rule: after a value that is not allowed, others of this cycle may be too.
    [[nodiscard]] bool computes() const {
        return values_ && (!error_ || error_->kind == ViolationClass::Data);
    }

    // ---- issue

    void prepare_sources();
    void step();
    template <class Action>
    void for_each_due(Phase phase, Action action);
    void issue_all();
    void issue(std::int64_t index);
    /// One instruction a cycle, and none while a barrier keeps the queue.
    void take_queue(std::int64_t id);

    // ---- streams, operands, and what exists for one cycle only

    void move_streams();
    void drive_streams();
    void read_operands(Instance& issued);
    void compute_result(Instance& issued, const VxmCompute& compute);
    void take_streams(const Instance& issued, const StreamUse& read, std::vector<std::uint8_t>& bytes);
    void show_moment(std::int64_t id);
    void take_moment(const Instance& issued, const MomentUse& read, std::int64_t width,
                     std::vector<std::uint8_t>& bytes);
    void arrive(const Instance& sent, std::deque<Arrival>& link);
    void receive(Instance& issued, const MomentUse& read);

    // ---- MXM

    /// The first error is the same in whatever order instances of one cycle come.
    void take_hold(const Instance& issued);
    void install(const Instance& issued);
    void swap_weights(const Instance& issued);
    void work_plane(Instance& issued);
    void load_columns(const Instance& issued, const PlaneUse& use);
    void activate(Instance& issued, const PlaneUse& use);
    void accumulate(Instance& issued, const PlaneUse& use);

    // ---- SRAM

    void report_address(const Instance& issued, std::int64_t address);
    /// Books the instance's access, or reports that its word or window is not there.
    [[nodiscard]] bool book(std::int64_t id, const SramUse& use, std::int64_t address, bool writes);
    [[nodiscard]] MapPlanes map_planes(const Instance& issued, std::size_t operand) const;
    void report_data(const Instance& issued, const AddressMap& map, std::int64_t address);
    void read_sram(std::int64_t id);
    void write_sram(std::int64_t id);
    /// At most one read and one write of a slice in a cycle, in different banks.
    void check_shared_slices();

    const Program& program_;
    const ChipSpec& spec_;
    Memory memory_;
    bool values_;
    std::int64_t lanes_;
    std::int64_t streams_;
    std::int64_t positions_;
    std::int64_t tau_ = 0;
    std::optional<ScheduleViolation> error_;

    std::vector<Source> sources_;
    std::vector<Queue> queues_;
    Releases releases_;
    std::vector<std::int64_t> waiting_;
    std::vector<std::int64_t> active_;
    std::vector<Instance> instances_;
    std::vector<std::int64_t> free_;
    std::array<std::vector<std::vector<std::int64_t>>, kPhaseCount> due_;

    /// [chip][direction][position][stream]: a vector in the pool, or kNothing.
    std::vector<std::int64_t> cells_;
    std::vector<std::int64_t> driven_at_;
    std::vector<std::int64_t> driven_by_;
    std::vector<Moment> alu_results_;
    std::vector<Moment> column_sums_;
    std::vector<Holder> array_holders_;      ///< by plane: who multiplies
    std::vector<Holder> link_holders_;       ///< by link: who sends
    std::vector<std::deque<Arrival>> links_; ///< by sender
    std::vector<Plane> planes_;
    std::vector<SliceCycle> slices_;
    std::vector<std::int64_t> shared_slices_; ///< those with several accesses in this cycle
    VectorPool pool_;
    AccountingBook accounting_;
};

} // namespace lpusim::chip
