#pragma once

#include <cstdint>

#include "lpusim/net/timetable.h"

namespace lpusim::net {

/// What a legal timetable amounts to.
struct Verification {
    /// When the last vector is in its target's memory; 0 for an empty timetable.
    std::int64_t cycles = 0;
    /// Slots booked: one a vector and hop.
    std::int64_t slot_count = 0;
    /// Payload that left its source, and payload that reached its target.
    std::int64_t bytes_sent = 0;
    std::int64_t bytes_received = 0;
};

/// Proves a timetable legal, without knowledge of how it was made:
///
/// 1. every transfer's vectors cross every hop of one connected path, from source to target, exactly once;
/// 2. no vector leaves its source before the release or before a dependency allows it;
/// 3. no vector leaves a chip on the way before it has arrived there;
/// 4. no two vectors hold a directed link in the same cycle.
///
/// Throws ScheduleError for the first violation in that order, naming the transfers, link, chips and cycles;
/// ValueError for a row that means nothing (a link that is not there, a negative count).
/// Cost: O(rows log rows) plus, for runs that overlap in time on one link, pairs of runs; never per vector
/// unless two periods do not align.
Verification verify(const Topology& topology, const Timetable& timetable);

} // namespace lpusim::net
