#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lpusim/base/progress.h"
#include "lpusim/chip/fold/runs.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

/// Who gives values to whom, and what nobody takes: the schedule as a graph, for timelines, plots and lints.
namespace lpusim::chip {

/// Part of a run on one queue feeds part of another one. Instance by instance: what is driven at cycle key +
/// x is read at the same key further downstream (a chained result or a column sum: in that very cycle, no
/// stream).
struct ValueFlow {
    QueueId driver;
    std::int64_t driver_run = 0;
    QueueId reader;
    std::int64_t reader_run = 0;
    bool on_stream = true;
    StreamRef stream;
    std::int64_t drive_position = 0;
    std::int64_t read_position = 0;
    Progression drive_cycles;
    Progression read_cycles;
    std::int64_t driver_issue = 0; ///< of the first instance concerned
    std::int64_t reader_issue = 0;
};

/// All flows of a legal program. Throws ScheduleError if it is not. Cost: as `verify`, one flow a piece.
[[nodiscard]] std::vector<ValueFlow> flows(const Program& program, const ChipSpec& spec,
                                           const Progress& progress = {});

/// Legal, but hardly meant.
struct Lint {
    enum class Kind : std::uint8_t {
        UnreadStream,     ///< Vectors driven on a stream that nobody reads.
        UnusedResult,     ///< ALU results that are neither driven nor chained, column sums never accumulated.
        UnreceivedVector, ///< Vectors sent over a link that nobody receives.
    };

    Kind kind = Kind::UnreadStream;
    QueueId queue; ///< of several, the first one
    std::int64_t run = 0;
    std::int64_t repeat = 0; ///< the first instance concerned
    std::int64_t count = 0;  ///< instances, on each queue
    std::int64_t slices = 1; ///< queues side by side of which the same is true
    std::string message;     ///< one line

    friend bool operator==(const Lint&, const Lint&) = default;
};

/// Everything suspicious in a legal program, in order of runs; what is true of several slices of a run, or of
/// several streams of a group, is said once. Throws ScheduleError if it is not legal. Cost:
/// as `verify`, plus the pieces of what is left over.
[[nodiscard]] std::vector<Lint> lint(const Program& program, const ChipSpec& spec,
                                     const Progress& progress = {});

} // namespace lpusim::chip
