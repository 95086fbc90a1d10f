#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lpusim::moe {

/// How evenly assignments fall on experts (or rows on chips).
struct LoadStatistics {
    std::int64_t total = 0;
    std::int64_t max = 0;
    std::int64_t distinct = 0; ///< Entries with any load.
    double max_over_mean = 0;  ///< 1 is perfect balance; 0 when there is no load.
    double gini = 0;           ///< 0 is perfect balance, (n - 1) / n is everything on one of n.
};

/// Statistics of `load`, one non-negative entry an expert. Cost: one sort.
[[nodiscard]] LoadStatistics load_statistics(std::span<const std::int64_t> load);

} // namespace lpusim::moe
