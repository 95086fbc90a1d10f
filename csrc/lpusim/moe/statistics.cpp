#include "lpusim/moe/statistics.h"

#include <algorithm>
#include <string>

#include "lpusim/base/integers.h"

namespace lpusim::moe {

LoadStatistics load_statistics(std::span<const std::int64_t> load) {
    LoadStatistics result;
    std::vector<std::int64_t> sorted(load.begin(), load.end());
    std::ranges::sort(sorted);
    if (!sorted.empty() && sorted.front() < 0) {
        throw ValueError("load_statistics: loads must be at least 0, got " + std::to_string(sorted.front()));
    }
    const auto n = static_cast<double>(sorted.size());
    double weighted =
        0; // Gini: sum over ascending rank i = 1..n of (2 i - n - 1) load, over n times the total.
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        result.total = checked_add(result.total, sorted[i]);
        result.distinct += sorted[i] > 0;
        weighted += (2.0 * static_cast<double>(i + 1) - n - 1.0) * static_cast<double>(sorted[i]);
    }
    if (result.total > 0) {
        result.max = sorted.back();
        result.max_over_mean = static_cast<double>(result.max) * n / static_cast<double>(result.total);
        result.gini = weighted / (n * static_cast<double>(result.total));
    }
    return result;
}

} // namespace lpusim::moe
