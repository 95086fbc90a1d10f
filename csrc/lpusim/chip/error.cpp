#include "lpusim/chip/error.h"

namespace lpusim::chip {

namespace {

std::string instance_name(const Program& program, const QueueId& queue, std::int64_t run,
                          std::int64_t repeat) {
    std::string name = "run " + std::to_string(run) + " on " + to_string(queue);
    const auto indices = repeat_indices(program.runs[static_cast<std::size_t>(run)], repeat);
    if (!indices.empty()) {
        name += " (repeat ";
        for (std::size_t level = 0; level < indices.size(); ++level) {
            name += (level == 0 ? "" : ", ") + std::to_string(indices[level]);
        }
        name += ')';
    }
    return name;
}

std::string complaint(const ScheduleViolation& violation) {
    const std::string stream = violation.stream ? to_string(*violation.stream) : "";
    const std::string address = std::to_string(violation.address);
    switch (violation.kind) {
    case ViolationClass::QueueOrder:
        return "issues before an earlier instruction of its queue is done; a queue issues in strictly "
               "increasing time";
    case ViolationClass::QueueParked:
        return "issues while its queue is parked at a sync";
    case ViolationClass::SyncLost:
        return "waits for ever: no notify is issued in this cycle or later";
    case ViolationClass::AddressRange:
        return "uses address " + address + ", which is out of range";
    case ViolationClass::StreamEmpty:
        return "reads stream " + stream + ", which carries nothing here";
    case ViolationClass::OperandGone:
        return "takes a result of unit " + address + " that is not there in this cycle";
    case ViolationClass::StreamCollision:
        return "drives stream " + stream + " in the same cycle and place";
    case ViolationClass::BankConflict:
        return "touches address " + address + " in the same bank and cycle";
    case ViolationClass::ShadowBusy:
        return "loads weight column " + address + ", which still awaits install";
    case ViolationClass::LoadsUnfinished:
        return "installs weights that are not loaded";
    case ViolationClass::WeightsMissing:
        return "activates before any weights are active";
    case ViolationClass::Data:
        break;
    }
    return "meets a value that is not allowed";
}

} // namespace

void keep_first(std::optional<ScheduleViolation>& first, const ScheduleViolation& candidate) {
    if (!first || candidate.order() < first->order()) {
        first = candidate;
    }
}

std::string describe(const ScheduleViolation& violation, const Program& program) {
    std::string line = "cycle " + std::to_string(violation.tau) + ": " +
                       instance_name(program, violation.queue, violation.run, violation.repeat) + " " +
                       complaint(violation);
    if (violation.other_queue) {
        line += " as " +
                instance_name(program, *violation.other_queue, violation.other_run, violation.other_repeat);
    }
    return line;
}

} // namespace lpusim::chip
