#pragma once

#include <optional>
#include <vector>

#include "lpusim/chip/fold/runs.h"

/// The rules that need no streams: queues, barriers, addresses, banks and weight buffers, for whole runs.
/// Each returns the first violation of its kind. Cost: n log n in queue runs, and a meeting of two for runs
/// of one queue that overlap in time; constant in repeat counts, but a plane looks at each load between two
/// installs (at most one a column), loads and installs that overlap in time with periods that do not divide
/// each other are followed step by step, and so is a run that walks through banks while another one does.
namespace lpusim::chip {

/// QueueBusy, QueueParked, SyncLost.
[[nodiscard]] std::optional<ScheduleViolation>
check_queues(const Program& program, const std::vector<QueueRun>& runs, const ChipSpec& spec);

/// ResourceBusy. Cost: n log n in queue runs, and a meeting for every two runs that want one array or link
/// and overlap in time.
[[nodiscard]] std::optional<ScheduleViolation>
check_holds(const Program& program, const std::vector<QueueRun>& runs, const ChipSpec& spec);

/// AddressRange of every kind.
[[nodiscard]] std::optional<ScheduleViolation>
check_addresses(const Program& program, const std::vector<QueueRun>& runs, const ChipSpec& spec);

/// BankConflict, where no address is outside at the same time or before.
[[nodiscard]] std::optional<ScheduleViolation>
check_banks(const Program& program, const std::vector<QueueRun>& runs, const ChipSpec& spec);

/// ShadowBusy, LoadsUnfinished, WeightsMissing.
[[nodiscard]] std::optional<ScheduleViolation>
check_planes(const Program& program, const std::vector<QueueRun>& runs, const ChipSpec& spec);

/// The first violation of all of these.
[[nodiscard]] std::optional<ScheduleViolation>
first_broken_rule(const Program& program, const std::vector<QueueRun>& runs, const ChipSpec& spec);

} // namespace lpusim::chip
