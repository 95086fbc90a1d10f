#include "lpusim/chip/tick/tick.h"

#include <algorithm>
#include <map>
#include <utility>

#include "lpusim/chip/tensor.h"
#include "lpusim/chip/tick/machine.h"

namespace lpusim::chip {

TickMachine::TickMachine(const Program& program, const ChipSpec& spec, Memory memory, bool values)
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
      pool_(lanes_, values ? lifetime() : 1), accounting_(program, spec) {
    for (Plane& plane : planes_) {
        plane.loaded_at.assign(static_cast<std::size_t>(lanes_), kNever);
        if (values_) {
            plane.accumulators.resize(static_cast<std::size_t>(spec.mxm_accumulator_vectors));
        }
    }
    prepare_sources();
}

Run TickMachine::run(const Progress& progress) {
    Run result;
    result.cycles = program_cycles(program_, spec_);
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
    if (!error_) {
        result.accounting = accounting_.close();
    }
    if (values_ && !error_) {
        result.memory = std::move(memory_);
    }
    return result;
}

void TickMachine::prepare_sources() {
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

void TickMachine::step() {
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
void TickMachine::for_each_due(Phase phase, Action action) {
    auto& list = due(phase, 0);
    for (const std::int64_t id : list) {
        action(id);
    }
    list.clear();
}

void TickMachine::issue_all() {
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

void TickMachine::issue(std::int64_t index) {
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
    accounting_.issued(use.queue, 1);
    accounting_.worked(from.what->instruction, 1);
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

void TickMachine::take_queue(std::int64_t id) {
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

Run tick(const Program& program, const ChipSpec& spec, Memory initial, bool values,
         const Progress& progress) {
    validate(program, spec);
    if (values) {
        initial = starting_memory(program, spec, std::move(initial));
    }
    return TickMachine(program, spec, std::move(initial), values).run(progress);
}

} // namespace lpusim::chip
