#pragma once

#include <string>

#include "lpusim/chip/error.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// A broken rule as one line for whoever wrote the program: cycle, queue, run and repeat indices with the
/// instruction, what is wrong, the other instruction involved, and where the missing value, weights or notify
/// came nearest. Preconditions: the program is valid for the spec, and an engine found the violation in it.
/// Cost: one pass over the runs.
[[nodiscard]] std::string describe(const ScheduleViolation& violation, const Program& program,
                                   const ChipSpec& spec);

} // namespace lpusim::chip
