#pragma once

#include <cstdint>
#include <span>
#include <vector>

/// What random routing does on average, in closed form. All are double: statistics, never times.
namespace lpusim::moe {

/// Mean number of different experts that `tokens` tokens choose under a uniform router:
/// experts (1 - (1 - k / experts)^tokens), exact. Throws ValueError unless 0 < k <= experts and tokens >= 0.
[[nodiscard]] double expected_distinct(std::int64_t experts, std::int64_t experts_per_token,
                                       std::int64_t tokens);

/// The same where expert i is chosen by a token with probability `inclusion[i]`, tokens being independent.
[[nodiscard]] double expected_distinct(std::span<const double> inclusion, std::int64_t tokens);

/// Mean load of the busiest expert under a uniform router, taking expert loads as independent:
/// the sum over m >= 0 of 1 - F(m)^experts with F the binomial distribution. True loads are negatively
/// associated, so this is a lower bound; Monte-Carlo runs lie 0.1 to 2 % above it.
/// Cost: O(tokens) in the worst case.
[[nodiscard]] double expected_max_load(std::int64_t experts, std::int64_t experts_per_token,
                                       std::int64_t tokens);

/// Probability that a token chooses expert i when it draws `experts_per_token` without replacement in
/// proportion to `popularity`. They sum to experts_per_token.
///
/// Expert i waits exponentially with rate popularity[i] and is in when at most k - 1 others come sooner:
/// pi_i = integral of w_i e^(-w_i t) P(PoissonBinomial_{j != i}(1 - e^(-w_j t)) <= k - 1) dt,
/// by the trapezoidal rule in log t, within 1e-9. Throws ValueError unless all popularities are positive and
/// finite and 0 < k <= their number. Cost: about 1,500 nodes of O(experts k^2).
[[nodiscard]] std::vector<double> inclusion_probabilities(std::span<const double> popularity,
                                                          std::int64_t experts_per_token);

} // namespace lpusim::moe
