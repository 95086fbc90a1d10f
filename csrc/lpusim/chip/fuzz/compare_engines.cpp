#include "lpusim/chip/fuzz/compare_engines.h"

#include <cassert>
#include <exception>
#include <utility>

#include "lpusim/base/number_text.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/fuzz/minimise.h"
#include "lpusim/chip/text/text.h"
#include "lpusim/chip/tick/tick.h"

namespace lpusim::chip {
namespace {

std::string told(const EngineOutcome& outcome, const Program& program, const ChipSpec& spec) {
    if (!outcome.refusal.empty())
        return "refuses: " + outcome.refusal;
    const std::string cycles = std::to_string(outcome.run.cycles) + " cycles, ";
    if (!outcome.run.error)
        return cycles + "no error";
    const ScheduleViolation& error = *outcome.run.error;
    std::string text = cycles + describe(error, program, spec) + " [class " +
                       std::to_string(static_cast<int>(error.kind)) + ", address " +
                       std::to_string(error.address);
    if (error.stream)
        text += ", stream " + to_string(*error.stream);
    if (error.other_queue) {
        text += ", other " + to_string(*error.other_queue) + " run " + std::to_string(error.other_run) +
                " repeat " + std::to_string(error.other_repeat);
    }
    return text + ']';
}

/// Where two memories differ first.
std::string first_byte_apart(const Memory& slow, const Memory& fast) {
    for (std::int64_t slice = 0; slice < slow.slice_count(); ++slice) {
        for (std::int64_t word = 0; word < slow.words_per_slice(); ++word) {
            for (std::int64_t lane = 0; lane < slow.lanes(); ++lane) {
                const int left = slow.read(slice, word)[lane], right = fast.read(slice, word)[lane];
                if (left != right) {
                    return "slice " + std::to_string(slice) + ", word " + std::to_string(word) + ", lane " +
                           std::to_string(lane) + ": " + std::to_string(left) + " and " +
                           std::to_string(right);
                }
            }
        }
    }
    return "nowhere in what both hold";
}

} // namespace

Engine slow_engine() {
    return [](const Program& program, const ChipSpec& spec, Memory memory, bool values) {
        return tick(program, spec, std::move(memory), values);
    };
}

Engine fast_engine() {
    return [](const Program& program, const ChipSpec& spec, Memory memory, bool values) {
        return fold(program, spec, std::move(memory), values);
    };
}

EngineOutcome outcome_of(const Engine& engine, const Program& program, const ChipSpec& spec,
                         const Memory& memory, bool values) {
    EngineOutcome outcome;
    try {
        outcome.run = engine(program, spec, memory, values);
    } catch (const std::exception& refusal) {
        outcome.refusal = refusal.what();
    }
    return outcome;
}

std::string difference(const EngineOutcome& slow, const EngineOutcome& fast) {
    if (slow.refusal != fast.refusal)
        return "refusal";
    if (slow.run.cycles != fast.run.cycles)
        return "cycles";
    if (slow.run.error != fast.run.error)
        return "first error";
    if (slow.run.accounting != fast.run.accounting)
        return "accounting";
    return slow.run.memory == fast.run.memory ? "" : "memory";
}

std::string difference_report(const Program& program, const ChipSpec& spec, const MemoryFor& memory_for,
                              bool values, const Engine& slow, const Engine& fast) {
    const auto both = [&](const Program& candidate) {
        const Memory memory = values ? memory_for(candidate.chips) : Memory();
        return std::pair(outcome_of(slow, candidate, spec, memory, values),
                         outcome_of(fast, candidate, spec, memory, values));
    };
    const auto differs_in = [&](const Program& candidate) {
        const auto [one, other] = both(candidate);
        return difference(one, other);
    };
    const std::string what = differs_in(program);
    assert(!what.empty());
    const Program small =
        minimised(program, spec, [&](const Program& candidate) { return differs_in(candidate) == what; });
    const auto [ticked, folded] = both(small);
    std::string text = "the engines differ in: " + what + (values ? " (with values)" : " (without values)");
    text += "\ntick: " + told(ticked, small, spec) + "\nfold: " + told(folded, small, spec) + '\n';
    if (what == "memory")
        text += first_byte_apart(ticked.run.memory, folded.run.memory) + '\n';
    text += "spec:";
    static const ChipSpec published;
    for (const Field<ChipSpec>& field : chip_fields()) {
        std::visit(
            [&](auto member) {
                if (spec.*member != published.*member)
                    text += ' ' + std::string(field.name) + '=' + number_text(spec.*member);
            },
            field.member);
    }
    return text + "\nprogram (" + std::to_string(small.chips) + " chips):\n" + to_text(small);
}

} // namespace lpusim::chip
