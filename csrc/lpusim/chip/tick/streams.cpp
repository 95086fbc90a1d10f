#include <algorithm>
#include <cassert>

#include "lpusim/chip/lane_moves.h"
#include "lpusim/chip/tick/machine.h"
#include "lpusim/chip/values/values.h"

namespace lpusim::chip {

void TickMachine::move_streams() {
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

void TickMachine::drive_streams() {
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
            accounting_.drove(chip, {drive.direction, drive.first + i}, 1);
            driven_at_[here] = tau_;
            driven_by_[here] = id;
            cells_[here] = values_ && !error_ ? pool_.store(issued.result.data() + i * lanes_) : 0;
        }
    }
    drives.clear();
}

void TickMachine::read_operands(Instance& issued) {
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

void TickMachine::compute_result(Instance& issued, const VxmCompute& compute) {
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

void TickMachine::take_streams(const Instance& issued, const StreamUse& read,
                               std::vector<std::uint8_t>& bytes) {
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
        accounting_.read(chip, {read.direction, read.first + i}, 1);
        if (values_) {
            const std::uint8_t* vector = pool_.at(handle);
            bytes.insert(bytes.end(), vector, vector + lanes_);
        }
    }
}

void TickMachine::show_moment(std::int64_t id) {
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

void TickMachine::take_moment(const Instance& issued, const MomentUse& read, std::int64_t width,
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

void TickMachine::arrive(const Instance& sent, std::deque<Arrival>& link) {
    while (!link.empty() && link.front().tau < tau_ - spec_.c2c_hold_cycles) {
        link.pop_front();
    }
    link.push_back({tau_, sent.operands[0]});
}

void TickMachine::receive(Instance& issued, const MomentUse& read) {
    const std::deque<Arrival>& link = links_[static_cast<std::size_t>(read.index)];
    const auto arrival = std::find_if(link.begin(), link.end(),
                                      [&](const Arrival& each) { return each.tau == tau_ + read.offset; });
    if (arrival == link.end()) {
        keep_first(error_, violation(ViolationClass::ReceiveEmpty, issued));
    } else {
        issued.result = arrival->vector;
    }
}

} // namespace lpusim::chip
