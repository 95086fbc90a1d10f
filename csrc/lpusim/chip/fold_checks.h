#pragma once

#include <optional>
#include <vector>

#include "lpusim/chip/fold_runs.h"

/// The rules that need no streams: queues, barriers, addresses, banks and weight buffers, for whole runs.
/// Each returns the first violation of its kind. Cost: n log n in queue runs; constant in repeat counts, but
/// a plane looks at each load between two installs (at most one a column), and a run that walks through banks
/// while another one does is followed step by step.
namespace lpusim::chip {

/// QueueOrder, QueueParked, SyncLost.
[[nodiscard]] std::optional<ScheduleViolation> check_queues(const std::vector<QueueRun>& runs,
                                                            const ChipSpec& spec);

/// AddressRange of every kind, BankConflict.
[[nodiscard]] std::optional<ScheduleViolation>
check_addresses(const Program& program, const std::vector<QueueRun>& runs, const ChipSpec& spec);

/// ShadowBusy, LoadsUnfinished, WeightsMissing.
[[nodiscard]] std::optional<ScheduleViolation>
check_planes(const Program& program, const std::vector<QueueRun>& runs, const ChipSpec& spec);

} // namespace lpusim::chip
