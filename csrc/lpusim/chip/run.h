#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lpusim/chip/error.h"
#include "lpusim/chip/isa.h"
#include "lpusim/chip/memory.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// What one queue did: instances issued, one cycle each.
struct QueueUse {
    QueueId queue;
    std::int64_t busy_cycles = 0;

    friend bool operator==(const QueueUse&, const QueueUse&) = default;
};

/// The outcome of a program, the same from either engine.
/// A program with a first error has that error and its cycles, but no memory: nothing after an error means
/// anything.
struct Run {
    std::int64_t cycles = 0;
    std::optional<ScheduleViolation> error;
    /// SRAM afterwards; empty (default-constructed) with an error or without values.
    Memory memory;
    /// One row for each queue that issues anything, in queue order.
    std::vector<QueueUse> units;
    /// Work done: run pieces for fold, cycles for tick.
    std::int64_t pieces = 0;
};

/// The `units` rows, from the program alone. Precondition: the program is valid.
[[nodiscard]] std::vector<QueueUse> queue_uses(const Program& program);

/// When one run keeps one queue, for a timeline.
struct QueueSpan {
    QueueId queue;
    std::int64_t run = 0;
    std::int64_t first_cycle = 0;
    std::int64_t duration_cycles = 0; ///< from the first issue to just after the last
    std::int64_t lane = 0; ///< spans of one queue and lane do not overlap; 0 but where runs interleave

    friend bool operator==(const QueueSpan&, const QueueSpan&) = default;
};

/// One row for each run and queue, by queue, then lane, then time. Precondition: the program is valid.
[[nodiscard]] std::vector<QueueSpan> queue_spans(const Program& program, const ChipSpec& spec);

} // namespace lpusim::chip
