#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lpusim/base/progress.h"
#include "lpusim/chip/error.h"
#include "lpusim/chip/fold/streams.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/run.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// How much of one kind of resource a program uses: the queues of a unit ("mem", "mxm.weights", ...), the
/// streams of a direction ("streams.east"), or the banks' ports ("bank.reads", "bank.writes"). One is
/// occupied from the first to the last use by a run, gaps between its repeats included; it is busy in the
/// cycles in which it is used.
struct ResourceUse {
    std::string kind;
    std::int64_t count = 0;         ///< on all chips of the program
    std::int64_t occupied_peak = 0; ///< most of them occupied in one cycle
    double busy_mean = 0;           ///< of them busy, averaged over the program's cycles

    friend bool operator==(const ResourceUse&, const ResourceUse&) = default;
};

/// What can be said about a program without its data.
struct Verdict {
    std::int64_t cycles = 0;
    /// The first broken rule; none: the schedule is legal.
    std::optional<ScheduleViolation> violation;
    /// `violation` as one line; empty if legal.
    std::string message;
    /// One row for each kind of resource; empty if not legal.
    std::vector<ResourceUse> resources;
    Accounting accounting;
    std::int64_t pieces = 0;

    [[nodiscard]] bool legal() const { return !violation.has_value(); }
};

/// Checks rules 1 to 16 for whole runs. Throws ValueError if the program is not valid for the spec.
/// Cost: as `fold` without values.
[[nodiscard]] Verdict verify(const Program& program, const ChipSpec& spec, const Progress& progress = {});

/// Throws ScheduleError with the message if the program breaks a rule.
void require_legal(const Program& program, const ChipSpec& spec);

/// As above for the queue runs of a valid program; `visit` (may be empty) sees who reads what on the way, so
/// that whoever wants both pays once. What it saw of a program that turns out to be illegal means nothing.
void require_legal(const Program& program, const std::vector<QueueRun>& runs, const ChipSpec& spec,
                   const MatchVisitor& visit, const Progress& progress = {});

} // namespace lpusim::chip
