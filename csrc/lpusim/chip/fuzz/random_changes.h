#pragma once

#include <vector>

#include "lpusim/chip/fuzz/draw.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// The same instances as two runs: every second one of a level, or the first ones and the others; or one
/// level written as two.
[[nodiscard]] std::vector<InstructionRun> split_run(const InstructionRun& run, Draw& draw);

void sort_by_issue(Program& program);

[[nodiscard]] bool is_valid(const Program& program, const ChipSpec& spec);

/// One random change to one run.
void mutate(Program& program, const ChipSpec& spec, Draw& draw);

} // namespace lpusim::chip
