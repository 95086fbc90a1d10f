#pragma once

#include <cstdint>
#include <optional>

#include "lpusim/chip/error.h"
#include "lpusim/chip/isa.h"
#include "lpusim/chip/memory.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/proof/accounting.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// The outcome of a program, the same from either engine.
/// A program with a first error has that error and its cycles, but no memory: nothing after an error means
/// anything.
struct Run {
    std::int64_t cycles = 0;
    std::optional<ScheduleViolation> error;
    /// SRAM afterwards; empty (default-constructed) with an error or without values.
    Memory memory;
    /// What every part of the chip did; empty with an error.
    Accounting accounting;
    /// Work done: run pieces for fold, cycles for tick.
    std::int64_t pieces = 0;
};

} // namespace lpusim::chip
