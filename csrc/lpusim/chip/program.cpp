#include "lpusim/chip/program.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/validate_run.h"
#include "lpusim/chip/validate_tensor.h"

namespace lpusim::chip {

namespace {

/// A link has one other end.
void check_peers(const Program& program) {
    std::map<QueueId, QueueId> other_ends;
    for (std::size_t number = 0; number < program.runs.size(); ++number) {
        const InstructionRun& run = program.runs[number];
        const auto* receive = std::get_if<C2cReceive>(&run.instruction);
        if (receive == nullptr) {
            continue;
        }
        const QueueId& of_receiver = other_ends.emplace(run.queue, receive->peer).first->second;
        const QueueId& of_sender = other_ends.emplace(receive->peer, run.queue).first->second;
        if (of_receiver != receive->peer || of_sender != run.queue) {
            throw ValueError(run_name(program, static_cast<std::int64_t>(number)) + " on " +
                             to_string(run.queue) + ": a link has one other end, but that of " +
                             to_string(run.queue) + " is " + to_string(of_receiver) + " and that of " +
                             to_string(receive->peer) + " is " + to_string(of_sender));
        }
    }
}

} // namespace

bool is_name(std::string_view name) {
    constexpr std::string_view kCharacters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    return !name.empty() && name.find_first_not_of(kCharacters) == std::string_view::npos;
}

std::string run_name(const Program& program, std::int64_t run) {
    std::string name = "run " + std::to_string(run);
    const auto at = static_cast<std::size_t>(run);
    const TextOrigin& origin = program.origin;
    if (origin.lines.size() != program.runs.size()) {
        return name; // Not from a text, or no longer what was read.
    }
    name += " (line " + std::to_string(origin.lines[at]);
    if (const auto label = origin.labels.find(at); label != origin.labels.end()) {
        name += ", " + label->second;
    }
    return name + ")";
}

void validate(const Program& program, const ChipSpec& spec) {
    validate(spec);
    const std::int64_t chips_max = kPlacesMax / spec.places();
    if (program.chips < 1 || program.chips > chips_max) {
        throw ValueError("a program runs on 1 to " + std::to_string(chips_max) + " chips of this size, got " +
                         std::to_string(program.chips));
    }
    for (std::size_t number = 0; number < program.runs.size(); ++number) {
        validate_run(program, number, spec);
    }
    check_peers(program);
    std::set<std::string_view> names;
    for (const LaneMap& map : program.maps) {
        if (!is_name(map.name) || !names.insert(map.name).second) {
            throw ValueError("lane maps need different names of letters, digits, '_', '.' and '-', got '" +
                             map.name + "'");
        }
        if (std::any_of(map.lanes.begin(), map.lanes.end(), [](std::int16_t lane) { return lane < -1; })) {
            throw ValueError("lane map " + map.name + ": a lane is from 0 on, or -1 for a zero");
        }
    }
    names.clear();
    for (const Tensor& tensor : program.tensors) {
        if (!names.insert(tensor.name).second) {
            throw ValueError("two tensors are named " + tensor.name);
        }
        validate_tensor(tensor, program.chips, spec);
    }
}

std::int64_t fetch_bytes(const Program& program, const ChipSpec& spec) {
    std::int64_t encoded = 0;
    for (const InstructionRun& run : program.runs) {
        const auto levels = static_cast<std::int64_t>(run.repeat.size());
        std::int64_t per_queue = 1 + levels;
        if (spec.nested_repeat == 0) {
            // A flat Repeat keeps its operands: it stands only for a level that moves no address.
            const bool flat_repeat = levels > 0 && run.repeat.back().address_stride == 0 &&
                                     run.repeat.back().write_address_stride == 0;
            per_queue =
                flat_repeat ? 2 * (instance_count(run) / run.repeat.back().count) : instance_count(run);
        }
        encoded = checked_add(encoded, checked_multiply(per_queue, run.slices.count));
    }
    return checked_multiply(encoded, spec.instruction_bytes);
}

} // namespace lpusim::chip
