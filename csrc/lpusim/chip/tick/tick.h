#pragma once

#include "lpusim/base/progress.h"
#include "lpusim/chip/memory.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/run.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// Runs a program by moving every stream register every cycle: slow and obvious, the oracle for everything
/// faster. Throws ValueError if the program is not valid for the spec. `initial` is the SRAM before cycle 0
/// (ignored without values). Stops at the end of the cycle of the first error. Cost: per cycle, one move of
/// all streams and one step for each run that is under way.
[[nodiscard]] Run tick(const Program& program, const ChipSpec& spec, Memory initial, bool values,
                       const Progress& progress = {});

} // namespace lpusim::chip
