#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/base/values/simd_level.h"
#include "lpusim/moe/router/router_spec.h"

namespace lpusim::moe {

/// The weights of chosen experts, for a few tokens at once so that elementary functions get whole vectors. A
/// token's bits do not depend on who is weighed with it.
class Weigher {
  public:
    /// `spec` must be valid and outlive this; no call may bring more than `tokens_max` tokens.
    Weigher(const RouterSpec& spec, std::size_t tokens_max, SimdLevel level);

    /// `logits` is [tokens, experts] and finite, `ids` and `weights` are [tokens, experts_per_token].
    void weigh(std::span<const float> logits, std::span<const std::int32_t> ids, std::span<float> weights);

  private:
    using Row = std::span<double>;

    void gather(std::span<const float> logits, std::span<const std::int32_t> ids, Row chosen) const;
    void take_probabilities(std::span<const float> logits, std::span<const std::int32_t> ids, Row chosen);
    void compare_with_largest(Row chosen) const;
    [[nodiscard]] double norm(std::span<const double> chosen) const;
    void write(std::span<const double> chosen, double divisor, std::span<float> weights) const;

    const RouterSpec& spec_;
    SimdLevel level_;
    bool over_all_;     ///< Probabilities among all experts are asked for.
    bool among_chosen_; ///< Those among the chosen alone are.
    double least_;      ///< Where the norm of a token's scores is below, their type may not hold all of them.
    std::vector<double> chosen_; ///< [tokens_max, experts_per_token]: logits, then scores.
    std::vector<double> all_;    ///< A whole row.
};

} // namespace lpusim::moe
