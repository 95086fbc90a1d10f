#pragma once

#include <cstdint>

#include "lpusim/net/verify.h"

namespace lpusim::net {

/// What a replayed timetable came to.
struct Replay {
    /// The totals as counted, or the first violation. Totals count up to the end of the violation's cycle.
    Proof proof;
    /// Cycles ticked.
    std::int64_t tick_count = 0;
    /// The most of any chip in any cycle.
    std::int64_t vectors_out_max = 0;
    std::int64_t vectors_in_max = 0;
    std::int64_t links_fed_max = 0;
    std::int64_t transit_bytes_max = 0;
};

/// Limits of a replay, which holds every slot and walks every cycle.
inline constexpr std::int64_t kReplaySlotMax = std::int64_t{1} << 24U;
inline constexpr std::int64_t kReplayCycleMax = std::int64_t{1} << 26U;

/// The reference network: in every cycle each vector on a wire moves one cycle on, each link held gets one
/// cycle freer, what arrives is put into memory, and the slots of this cycle start. It knows no scheduler and
/// no algebra, stops at the first cycle that breaks a rule, and reports the same violation as `prove`.
///
/// Throws ValueError as `prove` does, and for more slots or cycles than the limits above.
/// Cost: O(links + vectors under way) a cycle. Memory: 64 bytes a slot.
[[nodiscard]] Replay replay(const Topology& topology, const Timetable& timetable, const ChipPorts& ports);

} // namespace lpusim::net
