#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "lpusim/chip/memory.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/run.h"
#include "lpusim/chip/spec.h"

/// What both engines promise to agree in, and what to show where they do not.
namespace lpusim::chip {

using Engine = std::function<Run(const Program&, const ChipSpec&, Memory, bool)>;
/// The SRAM in which a program of so many chips starts.
using MemoryFor = std::function<Memory(std::int64_t chips)>;

/// `tick` and `fold`, without progress.
[[nodiscard]] Engine slow_engine();
[[nodiscard]] Engine fast_engine();

/// The outcome of one engine. A refusal counts: one that only one engine utters is a difference.
struct EngineOutcome {
    Run run;
    std::string refusal; ///< what it threw; empty if it ran
};

[[nodiscard]] EngineOutcome outcome_of(const Engine& engine, const Program& program, const ChipSpec& spec,
                                       const Memory& memory, bool values);

/// The first thing in which the two differ: "refusal", "cycles", "first error", "accounting" or "memory";
/// empty if they agree in all.
[[nodiscard]] std::string difference(const EngineOutcome& slow, const EngineOutcome& fast);

/// For a program on which the engines differ: the smallest program found on which they differ in the same
/// thing, as text, with what each engine says of it and the fields in which the spec is not the default.
[[nodiscard]] std::string difference_report(const Program& program, const ChipSpec& spec,
                                            const MemoryFor& memory_for, bool values,
                                            const Engine& slow = slow_engine(),
                                            const Engine& fast = fast_engine());

} // namespace lpusim::chip
