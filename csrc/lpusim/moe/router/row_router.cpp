#include "lpusim/moe/router/row_router.h"

#include <algorithm>
#include <cassert>

#include "lpusim/moe/router/score_rows.h"
#include "lpusim/moe/router/score_type.h"
#include "lpusim/moe/router/sparse_mixer.h"
#include "lpusim/moe/router/top_list.h"

namespace lpusim::moe {

bool ranks_logits(const RouterSpec& spec, std::span<const float> bias) {
    return !takes_bias(spec) ||
           (bias.empty() && spec.score_type == ScoreType::fp64 && spec.groups_kept == spec.groups);
}

RowRouter::RowRouter(const RouterSpec& spec, std::span<const float> bias, SimdLevel level)
    : spec_(spec), level_(level), ranks_logits_(moe::ranks_logits(spec, bias)),
      experts_(static_cast<std::size_t>(spec.experts)),
      group_size_(static_cast<std::size_t>(spec.experts / spec.groups)),
      best_logits_(static_cast<std::size_t>(spec.experts_per_token)),
      best_ranks_(static_cast<std::size_t>(spec.experts_per_token)) {
    if (!ranks_logits_) {
        bias_.assign(bias.begin(), bias.end());
        scores_.resize(experts_);
        ranks_.resize(experts_);
        group_scores_.resize(static_cast<std::size_t>(spec.groups));
        kept_scores_.resize(static_cast<std::size_t>(spec.groups_kept));
        kept_.resize(static_cast<std::size_t>(spec.groups_kept));
        zeros_.resize(spec.dropped_groups == DroppedGroups::zero ? group_size_ : 0);
    }
}

void RowRouter::choose(std::span<const float> logits, std::span<std::int32_t> ids) {
    assert(logits.size() == experts_ && ids.size() == best_logits_.size());
    assert(spec_.selection == Selection::scores);
    if (spec_.score == Score::sparsemixer) {
        sparse_mixer(logits, spec_.mixer_epsilon, ids, best_ranks_);
    } else if (ranks_logits_) {
        TopList<float>(best_logits_, ids).offer(logits, 0);
    } else {
        score(logits);
        rank(logits);
        choose_in_kept_groups(ids);
    }
}

void RowRouter::score(std::span<const float> logits) {
    std::ranges::copy(logits, scores_.begin());
    if (spec_.score == Score::softmax) {
        const double largest = *std::ranges::max_element(logits);
        std::ranges::for_each(scores_, [largest](double& score) { score -= largest; });
        exponentials(scores_, level_);
        const double sum = lane_sum(scores_, level_);
        std::ranges::for_each(scores_, [sum](double& score) { score /= sum; });
    } else if (spec_.score == Score::sigmoid) {
        sigmoids(scores_, level_);
    } else {
        assert(spec_.score == Score::sqrt_softplus);
        sqrt_softpluses(scores_, level_);
    }
    if (spec_.score_type != ScoreType::fp64) {
        std::ranges::for_each(scores_, [this](double& s) { s = round_score(spec_.score_type, s); });
    }
}

/// Fills `ranks_`. Without bias or rounding the best group is told by its best logit, which loses nothing.
void RowRouter::rank(std::span<const float> logits) {
    if (!bias_.empty()) {
        for (std::size_t e = 0; e < experts_; ++e) {
            ranks_[e] = round_rank(spec_.score_type, scores_[e] + bias_[e]);
        }
    } else if (spec_.score_type == ScoreType::fp64 && spec_.group_score == GroupScore::max &&
               zeros_.empty()) {
        std::ranges::copy(logits, ranks_.begin());
    } else {
        std::ranges::copy(scores_, ranks_.begin());
    }
}

/// Fills `kept_`.
void RowRouter::keep_groups() {
    for (std::size_t g = 0; g < group_scores_.size(); ++g) {
        const auto group = std::span<const double>(ranks_).subspan(g * group_size_, group_size_);
        group_scores_[g] = spec_.group_score == GroupScore::max
                               ? *std::ranges::max_element(group)
                               : round_rank(spec_.score_type, top2_sum(group));
    }
    TopList<double>(kept_scores_, kept_).offer(group_scores_, 0);
    std::ranges::sort(kept_);
}

void RowRouter::choose_in_kept_groups(std::span<std::int32_t> ids) {
    TopList<double> best(best_ranks_, ids);
    if (spec_.groups_kept == spec_.groups) {
        best.offer(ranks_, 0);
        return;
    }
    keep_groups();
    auto next_kept = kept_.begin();
    for (std::size_t g = 0; g < group_scores_.size(); ++g) {
        const auto first_id = static_cast<std::int32_t>(g * group_size_);
        if (next_kept != kept_.end() && *next_kept == static_cast<std::int32_t>(g)) {
            best.offer(std::span<const double>(ranks_).subspan(g * group_size_, group_size_), first_id);
            ++next_kept;
        } else {
            best.offer(zeros_, first_id);
        }
    }
}

} // namespace lpusim::moe
