#pragma once

#include "lpusim/base/progress.h"
#include "lpusim/base/values/simd_level.h"
#include "lpusim/chip/memory.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/run.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// Runs a program without ticking: whole runs meet whole runs on the diagonals of the streams.
/// Throws ValueError if the program is not valid for the spec, and CapacityError if it is legal but its
/// values would take more than about a minute: 2^31 moves of a vector (see moves_of). `initial` is the SRAM
/// before cycle 0 (ignored without values). Same cycles, memory, units and first error as `tick` on every
/// program; `pieces` counts the runs on their queues and the parts into which reads split to meet their
/// drives. Cost without values: n log n in pieces, not a function of repeat counts where periods align. With
/// values: one vector operation for each instance, grouped into dense operations as far ahead as SRAM and
/// weights allow. The bits are the same at every `level`, which must be one that the machine has.
[[nodiscard]] Run fold(const Program& program, const ChipSpec& spec, Memory initial, bool values,
                       const Progress& progress = {}, SimdLevel level = best_simd_level());

} // namespace lpusim::chip
