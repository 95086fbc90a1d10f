#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/base/values/simd_level.h"
#include "lpusim/moe/router/router_spec.h"

namespace lpusim::moe {

/// Whether who is chosen depends on the order of the logits alone: neither bias nor rounding nor a dropped
/// group enters. Then logits rank for their scores: the same order, and none is lost to rounding.
[[nodiscard]] bool ranks_logits(const RouterSpec& spec, std::span<const float> bias);

/// Chooses by one router read plainly, a row at a time, with its working memory, so that a loop over tokens
/// allocates nothing. Whatever chooses faster must choose the same.
class RowRouter {
  public:
    /// `spec` must be valid and outlive this; `bias` has one finite value an expert, or none.
    RowRouter(const RouterSpec& spec, std::span<const float> bias, SimdLevel level);

    /// The experts of a row of finite logits, best first. Not with Selection::token_table.
    void choose(std::span<const float> logits, std::span<std::int32_t> ids);

  private:
    void score(std::span<const float> logits);
    void rank(std::span<const float> logits);
    void keep_groups();
    void choose_in_kept_groups(std::span<std::int32_t> ids);

    const RouterSpec& spec_;
    SimdLevel level_;
    bool ranks_logits_;
    std::size_t experts_;
    std::size_t group_size_;
    std::vector<double> bias_;
    std::vector<double> scores_; ///< Of every expert.
    std::vector<double> ranks_;  ///< Scores with their biases.
    std::vector<double> group_scores_;
    std::vector<double> kept_scores_;
    std::vector<std::int32_t> kept_; ///< The groups kept, ascending.
    std::vector<double> zeros_;      ///< A dropped group, where it may still be chosen from.
    std::vector<float> best_logits_;
    std::vector<double> best_ranks_;
};

} // namespace lpusim::moe
