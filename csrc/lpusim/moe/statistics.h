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
    double cv = 0;             ///< Standard deviation over mean, of the n loads themselves.
    double entropy_ratio = 0;  ///< Entropy of the shares over log n: 1 is perfect balance. 1 for n = 1.
    double rank_slope = 0;     ///< Least squares of log load on log rank, over entries with load.
};

/// Statistics of `load`, one non-negative entry an expert. Cost: one sort.
[[nodiscard]] LoadStatistics load_statistics(std::span<const std::int64_t> load);

/// What is left of a coefficient of variation once the noise of sampling is taken out:
/// sqrt(max(0, cv^2 - (1 - k / experts) / mean)), mean the mean load, binomial noise of a uniform router.
[[nodiscard]] double excess_cv(double cv, double mean, std::int64_t experts, std::int64_t experts_per_token);

/// The alpha of the symmetric Dirichlet distribution whose shares have this coefficient of variation:
/// ((experts - 1) / cv^2 - 1) / experts; infinite for cv = 0, at least 0.
[[nodiscard]] double dirichlet_alpha_of(double cv, std::int64_t experts);

/// The exponent s for which the `top` most popular of `experts` experts take `share` of all assignments when
/// each token draws `experts_per_token` of them without replacement in proportion to rank^-s; from 0 to 16,
/// within 1e-9. Throws ValueError for counts out of range, and for a share that no exponent from 0 to 16
/// gives. Cost: about 15 times `inclusion_probabilities`.
[[nodiscard]] double zipf_exponent_of(std::int64_t experts, std::int64_t experts_per_token, std::int64_t top,
                                      double share);

} // namespace lpusim::moe
