#pragma once

#include <cstdint>
#include <optional>

#include "lpusim/net/chip_ports.h"
#include "lpusim/net/timetable.h"
#include "lpusim/net/violation.h"

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

    friend bool operator==(const Verification&, const Verification&) = default;
};

/// What a timetable amounts to, or the first rule that it breaks; one of the two means something.
struct Proof {
    Verification totals;
    std::optional<Violation> violation;
};

/// Proves a timetable legal, or finds its first violation (least cycle, then rule, place and slot), without
/// knowledge of how it was made. The rules are those of `Rule`.
///
/// Throws ValueError for a row that means nothing (`validate`) and for ports out of range.
/// Cost: O(rows log rows); pairs of runs only where they overlap in time on one link or carry vectors of one
/// transfer over one hop; never per vector unless two periods do not align. Memory: 16 bytes a row and some a
/// link.
[[nodiscard]] Proof prove(const Topology& topology, const Timetable& timetable, const ChipPorts& ports);

/// The same with ports_for(topology) unless given; throws ScheduleError saying what the first violation is.
Verification verify(const Topology& topology, const Timetable& timetable, const ChipPorts& ports);
Verification verify(const Topology& topology, const Timetable& timetable);

} // namespace lpusim::net
