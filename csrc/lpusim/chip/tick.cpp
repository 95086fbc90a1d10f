#include "lpusim/chip/tick.h"

#include <algorithm>
#include <cassert>
#include <deque>
#include <map>
#include <utility>

#include "lpusim/chip/access.h"
#include "lpusim/chip/address_map.h"
#include "lpusim/chip/lane_moves.h"
#include "lpusim/chip/layout.h"
#include "lpusim/chip/mxm_values.h"
#include "lpusim/chip/tensor.h"
#include "lpusim/chip/values.h"

namespace lpusim::chip {

namespace {

constexpr std::int64_t kNothing = -1;
constexpr std::int64_t kNever = -1;

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
    std::vector<std::int64_t> loaded_at; ///< by column of the shadow; kNever if not since the last install
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

/// Bytes of the vectors on streams. A vector is dropped once the cycle it was made in is so long ago that it
/// must have left the line.
class VectorPool {
  public:
    VectorPool(std::int64_t lanes, std::int64_t lifetime_cycles)
        : lanes_(static_cast<std::size_t>(lanes)), generations_(static_cast<std::size_t>(lifetime_cycles)) {}

    void begin_cycle(std::int64_t tau) {
        current_ = static_cast<std::size_t>(tau) % generations_.size();
        generations_[current_].clear();
    }

    std::int64_t store(const std::uint8_t* bytes) {
        auto& generation = generations_[current_];
        const std::size_t row = generation.size() / lanes_;
        generation.insert(generation.end(), bytes, bytes + lanes_);
        return static_cast<std::int64_t>((current_ << 32U) | row);
    }

    [[nodiscard]] const std::uint8_t* at(std::int64_t handle) const {
        const auto bits = static_cast<std::uint64_t>(handle);
        return generations_[bits >> 32U].data() + (bits & 0xffffffffU) * lanes_;
    }

  private:
    std::size_t lanes_;
    std::size_t current_ = 0;
    std::vector<std::vector<std::uint8_t>> generations_;
};

class Machine {
  public:
    Machine(const Program& program, const ChipSpec& spec, Memory memory, bool values)
        : program_(program), spec_(spec), memory_(std::move(memory)), values_(values), lanes_(spec.lanes()),
          streams_(spec.streams_per_direction), positions_(spec.positions), releases_(program, spec),
          cells_(static_cast<std::size_t>(program.chips * 2 * positions_ * streams_), kNothing),
          driven_at_(cells_.size(), kNever), driven_by_(cells_.size(), 0),
          alu_results_(static_cast<std::size_t>(program.chips * spec.vxm_alus)),
          column_sums_(static_cast<std::size_t>(program.chips * spec.mxm_planes())),
          array_holders_(column_sums_.size()),
          link_holders_(static_cast<std::size_t>(program.chips * 2 * spec.c2c_links_per_hemisphere)),
          links_(link_holders_.size()), planes_(column_sums_.size()),
          slices_(static_cast<std::size_t>(program.chips * spec.mem_slices())),
          pool_(lanes_, values ? lifetime() : 1) {
        for (Plane& plane : planes_) {
            plane.loaded_at.assign(static_cast<std::size_t>(lanes_), kNever);
            if (values_) {
                plane.accumulators.resize(static_cast<std::size_t>(spec.mxm_accumulator_vectors));
            }
        }
        prepare_sources();
    }

    Run run(const Progress& progress) {
        Run result;
        result.cycles = program_cycles(program_, spec_);
        result.units = queue_uses(program_);
        const std::int64_t end = result.cycles == 0 ? 0 : result.cycles - spec_.superlanes + 1;
        constexpr std::int64_t kProgressCycles = 1 << 14;
        for (tau_ = 0; tau_ < end && !error_; ++tau_) {
            step();
            ++result.pieces;
            if (progress && tau_ % kProgressCycles == 0) {
                progress(tau_, end);
            }
        }
        result.error = error_;
        if (values_ && !error_) {
            result.memory = std::move(memory_);
        }
        return result;
    }

  private:
    // ---- set-up

    /// A driven vector is on the line for at most `positions` cycles.
    [[nodiscard]] std::int64_t lifetime() const { return positions_ + 1; }

    void prepare_sources() {
        std::map<QueueId, std::size_t> numbers;
        std::int64_t last_offset = 0;
        for (std::size_t number = 0; number < program_.runs.size(); ++number) {
            const InstructionRun& run = program_.runs[number];
            for (std::int64_t slice = 0; slice < run.slices.count; ++slice) {
                Source source;
                source.run = static_cast<std::int64_t>(number);
                source.what = &run;
                source.use = use_of(run, slice, spec_);
                source.queue = numbers.emplace(source.use.queue, numbers.size()).first->second;
                source.next_issue = source.use.issue;
                source.indices.assign(run.repeat.size(), 0);
                last_offset = std::max(last_offset, source.use.last_offset);
                sources_.push_back(std::move(source));
            }
        }
        queues_.resize(numbers.size());
        waiting_.resize(sources_.size());
        for (std::size_t i = 0; i < waiting_.size(); ++i) {
            waiting_[i] = static_cast<std::int64_t>(i);
        }
        // Latest first, so that the next to start is at the back.
        std::stable_sort(waiting_.begin(), waiting_.end(), [this](std::int64_t a, std::int64_t b) {
            return source(a).use.issue > source(b).use.issue;
        });
        for (auto& phase : due_) {
            phase.resize(static_cast<std::size_t>(last_offset + 1));
        }
    }

    // ---- small helpers

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

    // ---- one cycle

    void step() {
        move_streams();
        if (values_) {
            pool_.begin_cycle(tau_);
        }
        issue_all();
        for_each_due(kHold, [this](std::int64_t id) { take_hold(instance(id)); });
        for_each_due(kMomentDrive, [this](std::int64_t id) { show_moment(id); });
        for_each_due(kOperandRead, [this](std::int64_t id) { read_operands(instance(id)); });
        for_each_due(kInstall, [this](std::int64_t id) { install(instance(id)); });
        for_each_due(kSwap, [this](std::int64_t id) { swap_weights(instance(id)); });
        for_each_due(kPlaneWork, [this](std::int64_t id) { work_plane(instance(id)); });
        for_each_due(kSramRead, [this](std::int64_t id) { read_sram(id); });
        for_each_due(kSramWrite, [this](std::int64_t id) { write_sram(id); });
        check_shared_slices();
        drive_streams();
        for_each_due(kRelease, [this](std::int64_t id) { free_.push_back(id); });
    }

    template <class Action>
    void for_each_due(Phase phase, Action action) {
        auto& list = due(phase, 0);
        for (const std::int64_t id : list) {
            action(id);
        }
        list.clear();
    }

    void move_streams() {
        const auto line = static_cast<std::ptrdiff_t>(positions_ * streams_);
        const auto step = static_cast<std::ptrdiff_t>(streams_);
        for (auto east = cells_.begin(); east != cells_.end(); east += 2 * line) {
            const auto west = east + line;
            std::copy_backward(east, west - step, west);
            std::fill(east, east + step, kNothing);
            std::copy(west + step, west + line, west);
            std::fill(west + line - step, west + line, kNothing);
        }
    }

    void issue_all() {
        while (!waiting_.empty() && source(waiting_.back()).use.issue == tau_) {
            active_.push_back(waiting_.back());
            waiting_.pop_back();
        }
        for (std::size_t i = 0; i < active_.size();) {
            Source& from = source(active_[i]);
            if (from.next_issue == tau_) {
                issue(active_[i]);
                if (!from.advance()) {
                    active_[i] = active_.back();
                    active_.pop_back();
                    // The one moved here may be due as well.
                    continue;
                }
            }
            ++i;
        }
    }

    void issue(std::int64_t index) {
        if (free_.empty()) {
            free_.push_back(static_cast<std::int64_t>(instances_.size()));
            instances_.emplace_back();
        }
        const std::int64_t id = free_.back();
        free_.pop_back();
        const Source& from = source(index);
        Instance& issued = instance(id);
        issued.source = index;
        issued.flat = from.flat;
        issued.issued_at = tau_;
        issued.address = from.address;
        issued.write_address = from.write_address;

        take_queue(id);
        const RunUse& use = from.use;
        if (use.stream_reads.size + use.moment_reads.size > 0 || use.moment_drive) {
            due(kOperandRead, 0).push_back(id);
        }
        for (const StreamUse& read : use.stream_reads) {
            if (read.offset > 0) {
                due(kOperandRead, read.offset).push_back(id);
            }
        }
        if (use.moment_drive) {
            due(kMomentDrive, use.moment_drive->offset).push_back(id);
        }
        if (use.holds.size > 0) {
            due(kHold, use.holds.items[0].offset).push_back(id);
        }
        if (use.sram_read) {
            due(kSramRead, use.sram_read->offset).push_back(id);
        }
        if (use.sram_write) {
            due(kSramWrite, use.sram_write->offset).push_back(id);
        }
        if (use.plane && use.plane->kind == PlaneUse::Kind::Install) {
            due(kInstall, use.plane->offset).push_back(id);
            due(kSwap, use.plane->done_offset).push_back(id);
        } else if (use.plane) {
            due(kPlaneWork, use.plane->offset).push_back(id);
        }
        if (use.stream_drive) {
            due(kStreamDrive, use.stream_drive->offset).push_back(id);
        }
        // Column sums are read in the cycle in which they show, so the instance that made them must still be
        // there.
        due(kRelease, use.last_offset).push_back(id);
    }

    /// One instruction a cycle, and none while a barrier keeps the queue.
    void take_queue(std::int64_t id) {
        const Instance& issued = instance(id);
        const Source& from = source_of(issued);
        Queue& queue = queues_[from.queue];
        if (queue.issued_at == tau_) {
            const Instance& least = instance(queue.issued);
            const bool named = precedes(least, issued);
            ScheduleViolation found = violation(ViolationClass::QueueBusy, named ? issued : least);
            name_other(found, named ? least : issued);
            keep_first(error_, found);
            queue.issued = named ? queue.issued : id;
        } else {
            queue.issued_at = tau_;
            queue.issued = id;
        }
        if (queue.parked_until > tau_) {
            ScheduleViolation found = violation(ViolationClass::QueueParked, issued);
            found.other_queue = from.use.queue;
            found.other_run = queue.parking_run;
            found.other_repeat = 0;
            keep_first(error_, found);
        }
        if (parks(from.use.barrier)) {
            const auto released = releases_.after(from.use);
            if (!released) {
                keep_first(error_, violation(ViolationClass::SyncLost, issued));
                return;
            }
            queue.parked_until = *released;
            queue.parking_run = from.run;
        }
    }

    // ---- operands

    void show_moment(std::int64_t id) {
        const MomentUse& use = *source_of(instance(id)).use.moment_drive;
        if (use.kind == MomentUse::Kind::Link) {
            arrive(instance(id), links_[static_cast<std::size_t>(use.index)]);
            return;
        }
        auto& moments = use.kind == MomentUse::Kind::Alu ? alu_results_ : column_sums_;
        Moment& moment = moments[static_cast<std::size_t>(use.index)];
        // Two column sums in one cycle take an array that is busy, so that error was found before.
        if (use.kind == MomentUse::Kind::Alu && moment.tau == tau_) {
            const bool named = precedes(instance(moment.instance), instance(id));
            ScheduleViolation found =
                violation(ViolationClass::ResultCollision, instance(named ? id : moment.instance));
            name_other(found, instance(named ? moment.instance : id));
            keep_first(error_, found);
        }
        moment = {tau_, id};
    }

    /// The first error is the same in whatever order instances of one cycle come.
    void take_hold(const Instance& issued) {
        for (const HoldUse& hold : source_of(issued).use.holds) {
            auto& holders = hold.kind == HoldUse::Kind::Array ? array_holders_ : link_holders_;
            Holder& holder = holders[static_cast<std::size_t>(hold.index)];
            const Holder taken{tau_, tau_ + hold.cycles, issued.source, issued.flat};
            if (holder.until <= tau_) {
                holder = taken;
                continue;
            }
            Instance other;
            other.source = holder.source;
            other.flat = holder.flat;
            const bool named = holder.since < tau_ || precedes(other, issued);
            ScheduleViolation found = violation(ViolationClass::ResourceBusy, named ? issued : other);
            name_other(found, named ? other : issued);
            keep_first(error_, found);
            if (!named) {
                holder = taken;
            }
        }
    }

    void read_operands(Instance& issued) {
        const Source& from = source_of(issued);
        if (const auto* compute = std::get_if<VxmCompute>(&from.what->instruction)) {
            compute_result(issued, *compute);
            return;
        }
        for (std::size_t i = 0; i < from.use.stream_reads.size; ++i) {
            const StreamUse& read = from.use.stream_reads.items[i];
            if (issued.issued_at + read.offset == tau_) {
                take_streams(issued, read, issued.operands[i]);
            }
        }
        for (const MomentUse& read : from.use.moment_reads) {
            if (read.kind == MomentUse::Kind::Link) {
                receive(issued, read);
            } else {
                take_moment(issued, read, 0, issued.operands[0]);
            }
        }
        const auto* move = std::get_if<SxmMove>(&from.what->instruction);
        if (move != nullptr && values_ && !error_) {
            issued.result.resize(static_cast<std::size_t>(lanes_ * from.use.stream_drive->width));
            move_lanes(*move, program_, spec_, issued.operands[0].data(), issued.operands[1].data(), 1,
                       issued.result.data());
        }
    }

    void compute_result(Instance& issued, const VxmCompute& compute) {
        const RunUse& use = source_of(issued).use;
        std::size_t stream_index = 0;
        std::size_t moment_index = 0;
        const VxmOperand* operands[3] = {&compute.a, &compute.b, &compute.c};
        const std::int64_t widths[3] = {dtype_bytes(compute.dtype), dtype_bytes(operand_b_dtype(compute)),
                                        dtype_bytes(compute.dtype)};
        const std::uint8_t* bytes[3] = {nullptr, nullptr, nullptr};
        for (std::size_t i = 0; i < 3; ++i) {
            issued.operands[i].clear();
            if (std::holds_alternative<VxmStream>(*operands[i])) {
                take_streams(issued, use.stream_reads.items[stream_index++], issued.operands[i]);
            } else if (std::holds_alternative<VxmChain>(*operands[i])) {
                take_moment(issued, use.moment_reads.items[moment_index++], widths[i], issued.operands[i]);
            }
            bytes[i] = issued.operands[i].empty() ? nullptr : issued.operands[i].data();
        }
        if (values_ && !error_) {
            issued.result.resize(static_cast<std::size_t>(lanes_ * dtype_bytes(compute.result)));
            vxm_apply(compute, {bytes[0], bytes[1], bytes[2]}, issued.result.data(), lanes_);
        }
    }

    void take_streams(const Instance& issued, const StreamUse& read, std::vector<std::uint8_t>& bytes) {
        const std::int64_t chip = source_of(issued).use.queue.chip;
        bytes.clear();
        for (std::int64_t i = 0; i < read.width; ++i) {
            const std::int64_t handle = cells_[cell(chip, read.direction, read.position, read.first + i)];
            if (handle == kNothing) {
                ScheduleViolation found = violation(ViolationClass::StreamEmpty, issued);
                found.stream = StreamRef{read.direction, read.first + i};
                keep_first(error_, found);
                return;
            }
            if (values_) {
                const std::uint8_t* vector = pool_.at(handle);
                bytes.insert(bytes.end(), vector, vector + lanes_);
            }
        }
    }

    void take_moment(const Instance& issued, const MomentUse& read, std::int64_t width,
                     std::vector<std::uint8_t>& bytes) {
        assert(read.kind != MomentUse::Kind::Link);
        const auto& moments = read.kind == MomentUse::Kind::Alu ? alu_results_ : column_sums_;
        const Moment& moment = moments[static_cast<std::size_t>(read.index)];
        if (moment.tau != tau_) {
            ScheduleViolation found = violation(ViolationClass::OperandGone, issued);
            found.address = read.index;
            keep_first(error_, found);
        } else if (values_ && read.kind == MomentUse::Kind::Alu) {
            const Instance& made = instance(moment.instance);
            bytes = made.result;
            // A consumer of another width takes the low bytes, or zeros above.
            bytes.resize(static_cast<std::size_t>(lanes_ * width));
        }
    }

    // ---- links

    void arrive(const Instance& sent, std::deque<Arrival>& link) {
        while (!link.empty() && link.front().tau < tau_ - spec_.c2c_hold_cycles) {
            link.pop_front();
        }
        link.push_back({tau_, sent.operands[0]});
    }

    void receive(Instance& issued, const MomentUse& read) {
        const std::deque<Arrival>& link = links_[static_cast<std::size_t>(read.index)];
        const auto arrival = std::find_if(
            link.begin(), link.end(), [&](const Arrival& each) { return each.tau == tau_ + read.offset; });
        if (arrival == link.end()) {
            keep_first(error_, violation(ViolationClass::ReceiveEmpty, issued));
        } else {
            issued.result = arrival->vector;
        }
    }

    // ---- MXM

    void install(const Instance& issued) {
        Plane& mxm = plane(*source_of(issued).use.plane);
        if (!mxm.any_loaded || mxm.loads_done_at > tau_) {
            keep_first(error_, violation(ViolationClass::LoadsUnfinished, issued));
        }
        mxm.swap_at = tau_ + source_of(issued).use.plane->done_offset;
        mxm.any_loaded = false;
        std::fill(mxm.loaded_at.begin(), mxm.loaded_at.end(), kNever);
        std::swap(mxm.installing, mxm.shadow);
        mxm.shadow.clear();
    }

    void swap_weights(const Instance& issued) {
        Plane& mxm = plane(*source_of(issued).use.plane);
        mxm.any_active = true;
        std::swap(mxm.active, mxm.installing);
    }

    void work_plane(Instance& issued) {
        const PlaneUse& use = *source_of(issued).use.plane;
        if (use.kind == PlaneUse::Kind::Load) {
            load_columns(issued, use);
        } else if (use.kind == PlaneUse::Kind::Activate) {
            activate(issued, use);
        } else {
            accumulate(issued, use);
        }
    }

    void load_columns(const Instance& issued, const PlaneUse& use) {
        Plane& mxm = plane(use);
        const std::int64_t column = use.index + issued.address;
        if (column < 0 || column + use.width > lanes_) {
            report_address(issued, column);
            return;
        }
        bool busy = mxm.swap_at > tau_;
        for (std::int64_t i = 0; i < use.width; ++i) {
            auto& loaded_at = mxm.loaded_at[static_cast<std::size_t>(column + i)];
            busy = busy || loaded_at != kNever;
            loaded_at = tau_;
            if (values_ && !error_) {
                if (mxm.shadow.lanes() == 0) {
                    mxm.shadow = WeightPlane(lanes_);
                }
                mxm.shadow.set_column(column + i, issued.operands[0].data() + i * lanes_);
            }
        }
        if (busy) {
            ScheduleViolation found = violation(ViolationClass::ShadowBusy, issued);
            found.address = column;
            keep_first(error_, found);
        }
        mxm.any_loaded = true;
        mxm.loads_done_at = tau_ - use.offset + use.done_offset;
    }

    void activate(Instance& issued, const PlaneUse& use) {
        Plane& mxm = plane(use);
        Plane* high = use.width == 2 ? &planes_[static_cast<std::size_t>(use.plane + 1)] : nullptr;
        if (!mxm.any_active || (high != nullptr && !high->any_active)) {
            keep_first(error_, violation(ViolationClass::WeightsMissing, issued));
        } else if (values_ && !error_) {
            multiply(std::get<MxmActivate>(source_of(issued).what->instruction), spec_, mxm.active,
                     high != nullptr ? &high->active : nullptr, issued.operands[0].data(), 1, issued.sums);
        }
    }

    void accumulate(Instance& issued, const PlaneUse& use) {
        const std::int64_t slot = use.index + issued.address;
        if (slot < 0 || slot >= spec_.mxm_accumulator_vectors) {
            report_address(issued, slot);
            return;
        }
        if (!values_ || error_) {
            return;
        }
        auto& total = plane(use).accumulators[static_cast<std::size_t>(slot)];
        const auto& order = std::get<MxmAccumulate>(source_of(issued).what->instruction);
        const Moment& sums = column_sums_[static_cast<std::size_t>(use.plane)];
        const ColumnSums& made = instance(sums.instance).sums;
        if (made.wide.empty()) {
            total.take(order, made.words);
        } else {
            total.take(order, made.wide);
        }
        std::vector<std::int32_t> words(static_cast<std::size_t>(lanes_));
        total.read(words);
        issued.result.resize(static_cast<std::size_t>(4 * lanes_));
        split_int32(words, issued.result.data());
    }

    // ---- SRAM

    void report_address(const Instance& issued, std::int64_t address) {
        ScheduleViolation found = violation(ViolationClass::AddressRange, issued);
        found.address = address;
        keep_first(error_, found);
    }

    /// Values count until a broken rule: after a value that is not allowed, others of this cycle may be too.
    [[nodiscard]] bool computes() const {
        return values_ && (!error_ || error_->kind == ViolationClass::Data);
    }

    /// Books the instance's access, or reports that its word or window is not there.
    [[nodiscard]] bool book(std::int64_t id, const SramUse& use, std::int64_t address, bool writes) {
        if (!window_fits(spec_, address, use.words)) {
            report_address(instance(id), address);
            return false;
        }
        SliceCycle& slice = slices_[static_cast<std::size_t>(use.slice)];
        if (slice.tau != tau_) {
            slice.tau = tau_;
            slice.count = 0;
        }
        // More than these need two instructions of one queue in one cycle, an error already found.
        if (slice.count < slice.accesses.size()) {
            slice.accesses[slice.count++] = {id, address, writes};
            if (slice.count == 2) {
                shared_slices_.push_back(use.slice);
            }
        }
        return true;
    }

    [[nodiscard]] MapPlanes map_planes(const Instance& issued, std::size_t operand) const {
        const std::uint8_t* planes = issued.operands[operand].data();
        return {planes, planes + lanes_};
    }

    void report_data(const Instance& issued, std::int64_t address) {
        ScheduleViolation found = violation(ViolationClass::Data, issued);
        found.address = address;
        keep_first(error_, found);
    }

    void read_sram(std::int64_t id) {
        Instance& issued = instance(id);
        const SramUse& use = *source_of(issued).use.sram_read;
        const std::int64_t address = use.address + issued.address;
        if (!book(id, use, address, false) || !computes()) {
            return;
        }
        issued.result.resize(static_cast<std::size_t>(lanes_));
        const auto& access = std::get<MemAccess>(source_of(issued).what->instruction);
        if (!access.read->gather) {
            std::copy_n(memory_.read(use.slice, address), lanes_, issued.result.data());
        } else if (const auto outside = gather_vector(memory_, {use.slice, address, use.words},
                                                      map_planes(issued, 0), spec_, issued.result.data())) {
            report_data(issued, *outside);
        }
    }

    void write_sram(std::int64_t id) {
        const Instance& issued = instance(id);
        const SramUse& use = *source_of(issued).use.sram_write;
        const std::int64_t address = use.address + issued.write_address;
        if (!book(id, use, address, true) || !computes()) {
            return;
        }
        const auto& access = std::get<MemAccess>(source_of(issued).what->instruction);
        const std::size_t written = access.read && access.read->gather ? 1 : 0;
        const std::uint8_t* vector = issued.operands[written].data();
        if (!access.write->scatter) {
            std::copy_n(vector, lanes_, memory_.write(use.slice, address));
        } else if (const auto outside = scatter_vector(memory_, {use.slice, address, use.words},
                                                       map_planes(issued, written + 1), spec_, vector)) {
            report_data(issued, *outside);
        }
    }

    /// At most one read and one write of a slice in a cycle, in different banks.
    void check_shared_slices() {
        for (const std::int64_t slice : shared_slices_) {
            SliceCycle& now = slices_[static_cast<std::size_t>(slice)];
            const auto begin = now.accesses.begin();
            const auto end = begin + static_cast<std::ptrdiff_t>(now.count);
            std::sort(begin, end, [this](const Access& a, const Access& b) {
                return a.instance == b.instance ? a.writes && !b.writes
                                                : precedes(instance(a.instance), instance(b.instance));
            });
            for (auto named = begin; named != end; ++named) {
                const auto other = std::find_if(begin, named, [&](const Access& earlier) {
                    return earlier.writes == named->writes ||
                           bank_of(spec_, earlier.address) == bank_of(spec_, named->address);
                });
                if (other != named) {
                    ScheduleViolation found =
                        violation(ViolationClass::BankConflict, instance(named->instance));
                    found.address = named->address;
                    name_other(found, instance(other->instance));
                    keep_first(error_, found);
                    break;
                }
            }
        }
        shared_slices_.clear();
    }

    // ---- drives

    void drive_streams() {
        auto& drives = due(kStreamDrive, 0);
        std::sort(drives.begin(), drives.end(),
                  [this](std::int64_t a, std::int64_t b) { return precedes(instance(a), instance(b)); });
        for (const std::int64_t id : drives) {
            const Instance& issued = instance(id);
            const std::int64_t chip = source_of(issued).use.queue.chip;
            const StreamUse& drive = *source_of(issued).use.stream_drive;
            for (std::int64_t i = 0; i < drive.width; ++i) {
                const std::size_t here = cell(chip, drive.direction, drive.position, drive.first + i);
                if (driven_at_[here] == tau_) {
                    ScheduleViolation found = violation(ViolationClass::StreamCollision, issued);
                    found.stream = StreamRef{drive.direction, drive.first + i};
                    name_other(found, instance(driven_by_[here]));
                    keep_first(error_, found);
                    continue;
                }
                driven_at_[here] = tau_;
                driven_by_[here] = id;
                cells_[here] = values_ && !error_ ? pool_.store(issued.result.data() + i * lanes_) : 0;
            }
        }
        drives.clear();
    }

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

    std::vector<std::int64_t>
        cells_; ///< [chip][direction][position][stream]: a vector in the pool, or kNothing
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
};

} // namespace

Run tick(const Program& program, const ChipSpec& spec, Memory initial, bool values,
         const Progress& progress) {
    validate(program, spec);
    if (values) {
        initial = starting_memory(program, spec, std::move(initial));
    }
    return Machine(program, spec, std::move(initial), values).run(progress);
}

} // namespace lpusim::chip
