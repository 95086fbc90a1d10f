#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace lpusim::net {

/// `count` changes of a level by `delta`, the i-th at the start of cycle first_cycle + i * period_cycles.
struct Steps {
    std::int64_t first_cycle = 0;
    std::int64_t period_cycles = 1;
    std::int64_t count = 0;
    std::int64_t delta = 1;

    [[nodiscard]] std::int64_t last_cycle() const { return first_cycle + (count - 1) * period_cycles; }
};

/// The least cycle, `last_cycle` at the latest, whose level is above `limit`; the level is 0 at first. Exact.
///
/// Cost: a sort of the steps and, for each stretch between two ends of steps, the steps then under way; only
/// where those could reach the limit together, the changes of one common period of theirs.
[[nodiscard]] std::optional<std::int64_t> first_cycle_above(std::span<const Steps> steps, std::int64_t limit,
                                                            std::int64_t last_cycle);

} // namespace lpusim::net
