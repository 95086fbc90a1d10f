#pragma once

#include <cstdint>
#include <span>

#include "lpusim/base/field.h"
#include "lpusim/net/topology.h"

namespace lpusim::net {

/// What one chip's streams, link ends and SRAM can do for the vectors that pass through it. All chips of a
/// timetable are alike.
///
/// The defaults are the first-generation LPU's (ISCA'20, Abts et al.). A vector that leaves or enters takes
/// one stream for one cycle; half of the 64 published streams each way is derived, so that both together
/// never need more than there are.
struct ChipPorts {
    /// Vectors whose slots start in one cycle.
    std::int64_t out_vectors_per_cycle = 32;
    /// Vectors that come into memory in one cycle.
    std::int64_t in_vectors_per_cycle = 32;
    /// Links held by vectors of this chip in one cycle: the published 16 link ends.
    std::int64_t links_fed = 16;
    /// Vectors that have arrived on their way elsewhere and have not left yet: the published 220 MiB.
    std::int64_t transit_bytes = 230'686'720;

    friend bool operator==(const ChipPorts&, const ChipPorts&) = default;
};

[[nodiscard]] std::span<const Field<ChipPorts>> chip_ports_fields();

/// Throws ValueError naming the field, the value and the range.
void validate(const ChipPorts& ports);

/// The default, with room for every link of a chip at once: chips wired with more links than the published
/// one has are assumed to have the streams to feed and drain them.
[[nodiscard]] ChipPorts ports_for(const Topology& topology);

} // namespace lpusim::net
