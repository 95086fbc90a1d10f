#include "lpusim/moe/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "lpusim/base/integers.h"
#include "lpusim/base/number_text.h"
#include "lpusim/base/real.h"
#include "lpusim/moe/closed_forms.h"

namespace lpusim::moe {
namespace {

/// Of the shares of `sorted`, whose sum is `total`.
double entropy_ratio_of(std::span<const std::int64_t> sorted, double total) {
    double entropy = 0;
    for (const std::int64_t load : sorted) {
        if (load > 0) {
            const double share = static_cast<double>(load) / total;
            entropy -= share * real_log(share);
        }
    }
    return sorted.size() == 1 ? 1.0 : entropy / real_log(static_cast<double>(sorted.size()));
}

/// `sorted` ascends.
double rank_slope_of(std::span<const std::int64_t> sorted) {
    double count = 0;
    double sum_x = 0;
    double sum_y = 0;
    double sum_xx = 0;
    double sum_xy = 0;
    for (std::size_t rank = 1; rank <= sorted.size() && sorted[sorted.size() - rank] > 0; ++rank) {
        const double x = real_log(static_cast<double>(rank));
        const double y = real_log(static_cast<double>(sorted[sorted.size() - rank]));
        count += 1;
        sum_x += x;
        sum_y += y;
        sum_xx += x * x;
        sum_xy += x * y;
    }
    const double spread = count * sum_xx - sum_x * sum_x;
    return count < 2 ? 0.0 : (count * sum_xy - sum_x * sum_y) / spread;
}

/// Share of the assignments that the `top` most popular experts take at exponent s.
double top_share(std::int64_t experts, std::int64_t experts_per_token, std::int64_t top, double s) {
    std::vector<double> popularity(static_cast<std::size_t>(experts));
    for (std::size_t rank = 0; rank < popularity.size(); ++rank) {
        popularity[rank] = real_pow(static_cast<double>(rank + 1), -s);
    }
    const std::vector<double> inclusion = inclusion_probabilities(popularity, experts_per_token);
    double sum = 0;
    for (std::size_t rank = 0; rank < static_cast<std::size_t>(top); ++rank) {
        sum += inclusion[rank];
    }
    return sum / static_cast<double>(experts_per_token);
}

} // namespace

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
    if (result.total == 0) {
        return result;
    }
    const auto total = static_cast<double>(result.total);
    double squares = 0;
    for (const std::int64_t entry : sorted) {
        const double relative = static_cast<double>(entry) * n / total - 1.0;
        squares += relative * relative;
    }
    result.max = sorted.back();
    result.max_over_mean = static_cast<double>(result.max) * n / total;
    result.gini = weighted / (n * total);
    result.cv = std::sqrt(squares / n);
    result.entropy_ratio = entropy_ratio_of(sorted, total);
    result.rank_slope = rank_slope_of(sorted);
    return result;
}

double excess_cv(double cv, double mean, std::int64_t experts, std::int64_t experts_per_token) {
    if (!(cv >= 0) || !(mean > 0) || experts < 1 || experts_per_token < 1 || experts_per_token > experts) {
        throw ValueError(
            "excess_cv: cv must be at least 0, mean above 0 and experts_per_token from 1 to experts, "
            "got cv = " +
            number_text(cv) + ", mean = " + number_text(mean) + ", experts = " + std::to_string(experts) +
            ", experts_per_token = " + std::to_string(experts_per_token));
    }
    const double noise = (1.0 - static_cast<double>(experts_per_token) / static_cast<double>(experts)) / mean;
    return std::sqrt(std::max(0.0, cv * cv - noise));
}

double dirichlet_alpha_of(double cv, std::int64_t experts) {
    if (!(cv >= 0) || experts < 1) {
        throw ValueError("dirichlet_alpha_of: cv must be at least 0 and experts at least 1, got cv = " +
                         number_text(cv) + ", experts = " + std::to_string(experts));
    }
    const auto n = static_cast<double>(experts);
    return cv > 0 ? std::max(0.0, ((n - 1.0) / (cv * cv) - 1.0) / n)
                  : std::numeric_limits<double>::infinity();
}

double zipf_exponent_of(std::int64_t experts, std::int64_t experts_per_token, std::int64_t top,
                        double share) {
    if (experts < 1 || experts_per_token < 1 || experts_per_token > experts || top < 1 || top > experts) {
        throw ValueError(
            "zipf_exponent_of: experts_per_token and top must be from 1 to experts, got experts = " +
            std::to_string(experts) + ", experts_per_token = " + std::to_string(experts_per_token) +
            ", top = " + std::to_string(top));
    }
    const auto excess = [&](double s) { return top_share(experts, experts_per_token, top, s) - share; };
    double low = 0;
    double high = 16;
    double at_low = excess(low);
    double at_high = excess(high);
    if (!(at_low <= 1e-9 && at_high >= -1e-9)) {
        throw ValueError("zipf_exponent_of: the " + std::to_string(top) +
                         " most popular experts can take from " + number_text(at_low + share) + " to " +
                         number_text(at_high + share) + " of the assignments, got " + number_text(share));
    }
    // Regula falsi, the Illinois way: the value at an end that stays twice is halved.
    double s = low;
    int stayed = 0;
    for (int step = 0; step < 100 && high - low > 1e-9; ++step) {
        s = at_high > at_low ? low + (high - low) * (-at_low / (at_high - at_low)) : low;
        const double at_s = excess(s);
        if (std::abs(at_s) < 1e-13) {
            break;
        }
        if (at_s < 0) {
            low = s;
            at_low = at_s;
            at_high *= stayed > 0 ? 0.5 : 1.0;
            stayed = 1;
        } else {
            high = s;
            at_high = at_s;
            at_low *= stayed < 0 ? 0.5 : 1.0;
            stayed = -1;
        }
    }
    return s;
}

} // namespace lpusim::moe
