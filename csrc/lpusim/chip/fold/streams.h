#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "lpusim/base/progress.h"
#include "lpusim/chip/fold/meetings.h"
#include "lpusim/chip/fold/runs.h"

/// Rule 7 for whole runs: which drive each read gets, which reads get nothing, which drives collide.
namespace lpusim::chip {

/// Part of a read run and the drive run that feeds it. `keys` are the common keys (read and drive alike).
struct StreamMatch {
    std::size_t reader = 0;  ///< index into the queue runs
    std::size_t operand = 0; ///< which of its stream (or moment) reads
    std::int64_t member = 0; ///< which stream of the group
    std::size_t driver = 0;  ///< index into the queue runs
    std::int64_t driver_member = 0;
    Progression keys;
    Progression reader_keys;
    Progression driver_keys;
};

using MatchVisitor = std::function<void(const StreamMatch&)>;

/// What the matching found. The first error of each kind is enough: the least of all is among them.
struct MatchSummary {
    std::int64_t pieces = 0;
    std::optional<ScheduleViolation> error;
};

/// Matches every stream read, and every ALU chain and column sum, with its drives. `visit` may be empty.
/// Progress counts queue runs.
/// Cost: n log n in queue runs, plus the pieces; constant in repeat counts where periods align.
[[nodiscard]] MatchSummary match_streams(const Program& program, const std::vector<QueueRun>& runs,
                                         const ChipSpec& spec, const MatchVisitor& visit,
                                         const Progress& progress = {});

} // namespace lpusim::chip
