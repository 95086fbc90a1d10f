#pragma once

#include <cstdint>
#include <span>

#include "lpusim/base/field.h"

namespace lpusim::moe {

/// How logits become scores, and which of the two decides who is chosen.
enum class Score : std::uint8_t {
    softmax,            ///< Over all experts of the token (Mixtral, Qwen-MoE, DeepSeek-V2).
    softmax_after_topk, ///< The largest logits are chosen; softmax over these alone (Granite-MoE, gpt-oss).
    sigmoid,            ///< Each expert by itself (DeepSeek-V3 and its kin).
    sigmoid_after_topk, ///< The largest logits are chosen; the sigmoid of each (Llama-4).
    sqrt_softplus,      ///< sqrt(log(1 + e^logit)) (DeepSeek-V4).
    sparsemixer,        ///< Two rounds of a softmax over what is near the maximum (Phi-3.5-MoE).
};

/// Who names the experts of a token.
enum class Selection : std::uint8_t {
    scores,      ///< The best scores.
    token_table, ///< A table by token id, known before the layer runs; scores only weigh (hash layers).
};

/// How a group of experts is ranked where only some groups may be chosen.
enum class GroupScore : std::uint8_t {
    max,      ///< The best score of the group (DeepSeek-V2).
    top2_sum, ///< The sum of the two best scores of the group (DeepSeek-V3).
};

/// What the score of an expert in a dropped group becomes.
enum class DroppedGroups : std::uint8_t {
    minus_infinity, ///< It cannot be chosen.
    zero,           ///< It can, once a biased score of a kept group is negative.
};

/// The type to which scores, their sums and weights are rounded.
enum class ScoreType : std::uint8_t {
    fp64, ///< The formula itself; a weight is rounded once, to float.
    fp32, ///< As engines do it: every score, biased score, sum and weight rounded to float.
    bf16, ///< As fp32, but scores, the sum that renormalises and weights go on to bf16.
};

/// One router: `experts_per_token` of `experts`, chosen by score, ties to the lower expert id.
///
/// Sources: the router classes of huggingface/transformers 5.23 (mixtral, qwen2_moe, dbrx, granitemoe,
/// gpt_oss, llama4, deepseek_v2, deepseek_v3, deepseek_v4, phimoe), which tests/reference compares with.
struct RouterSpec {
    std::int64_t experts = 8;
    std::int64_t experts_per_token = 2;
    std::int64_t groups = 1;      ///< Consecutive equal ranges of experts.
    std::int64_t groups_kept = 1; ///< Groups from which experts may be chosen.
    double scale = 1.0;           ///< Multiplies every weight.
    double norm_power = 1.0;      ///< q of the norm (sum of w^q)^(1/q) that renormalises.
    double mixer_epsilon = 0.01;  ///< sparsemixer masks what lies further than twice this below the maximum.
    std::int64_t shared_experts = 0; ///< Experts that every token uses besides; they are not routed.
    std::int64_t latent_width = 0;   ///< Width of what is dispatched; 0 is the hidden width.
    Score score = Score::softmax;
    Selection selection = Selection::scores;
    GroupScore group_score = GroupScore::top2_sum;
    DroppedGroups dropped_groups = DroppedGroups::minus_infinity;
    ScoreType score_type = ScoreType::fp64;
    bool renormalise = true;   ///< Divide by the norm over the chosen experts before scaling.
    bool scales_input = false; ///< The weight multiplies what goes into an expert, not what comes out.
};

/// The numeric fields; the other choices are bound by name.
[[nodiscard]] std::span<const Field<RouterSpec>> router_fields();

/// Throws ValueError naming the field, or the fields that contradict each other.
void validate(const RouterSpec& spec);

/// Whether a selection bias may be given: scores that decide who is chosen can be steered.
[[nodiscard]] bool takes_bias(const RouterSpec& spec);

} // namespace lpusim::moe
