#pragma once

#include <cstdint>
#include <span>

#include "lpusim/base/field.h"

namespace lpusim::moe {

/// How a logit becomes a score.
enum class Score : std::uint8_t {
    softmax, ///< Over all experts of the token.
    sigmoid, ///< Each expert by itself; the only score that may carry a selection bias.
};

/// How a group of experts is ranked where only some groups may be chosen.
enum class GroupScore : std::uint8_t {
    max,      ///< The best score of the group (DeepSeek-V2).
    top2_sum, ///< The sum of the two best scores of the group (DeepSeek-V3).
};

/// One router: `experts_per_token` of `experts`, chosen by score, ties to the lower expert id.
///
/// softmax covers Mixtral and Qwen3-MoE (renormalise), Qwen2-MoE and OLMoE (not), DeepSeek-V2 (groups by
/// max). sigmoid covers DeepSeek-V3 and its kin: the bias decides who is chosen and never enters a weight.
/// Source: `DeepseekV3TopkRouter` and `MixtralSparseMoeBlock` of huggingface/transformers.
struct RouterSpec {
    std::int64_t experts = 8;
    std::int64_t experts_per_token = 2;
    std::int64_t groups = 1;      ///< Consecutive equal ranges of experts.
    std::int64_t groups_kept = 1; ///< Experts outside the best `groups_kept` groups cannot be chosen.
    double scale = 1.0;           ///< Multiplies every weight.
    Score score = Score::softmax;
    GroupScore group_score = GroupScore::top2_sum;
    bool renormalise = true; ///< Divide by the sum over the chosen experts before scaling.
};

/// The numeric fields; the three choices above are bound by name.
[[nodiscard]] std::span<const Field<RouterSpec>> router_fields();

/// Throws ValueError naming the field, or the two fields that contradict each other.
void validate(const RouterSpec& spec);

} // namespace lpusim::moe
