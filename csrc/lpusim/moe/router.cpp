#include "lpusim/moe/router.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "lpusim/base/number_text.h"
#include "lpusim/base/real.h"
#include "lpusim/moe/score_rows.h"
#include "lpusim/moe/top_list.h"

namespace lpusim::moe {
namespace {

/// One router with its working memory, so that the loop over tokens allocates nothing.
class RowRouter {
  public:
    RowRouter(const RouterSpec& spec, std::span<const float> bias)
        : spec_(spec), experts_(static_cast<std::size_t>(spec.experts)),
          group_size_(static_cast<std::size_t>(spec.experts / spec.groups)),
          chosen_logits_(static_cast<std::size_t>(spec.experts_per_token)),
          chosen_(static_cast<std::size_t>(spec.experts_per_token)), bias_(bias.begin(), bias.end()) {
        if (spec.groups_kept < spec.groups) {
            group_scores_.resize(static_cast<std::size_t>(spec.groups));
            kept_scores_.resize(static_cast<std::size_t>(spec.groups_kept));
            kept_.resize(static_cast<std::size_t>(spec.groups_kept));
        }
        if (spec.score == Score::sigmoid || !kept_.empty()) {
            scores_.resize(experts_);
            ranks_.resize(experts_);
        }
    }

    void softmax(std::span<const float> logits, std::span<std::int32_t> ids, std::span<float> weights) {
        if (kept_.empty()) {
            TopList<float> best(chosen_logits_, ids);
            best.offer(logits, 0);
        } else {
            // Groups rank by the best logit, or by sums of probabilities: any positive multiple of those
            // ranks alike.
            const float largest = *std::ranges::max_element(logits);
            for (std::size_t e = 0; e < experts_; ++e) {
                ranks_[e] = spec_.group_score == GroupScore::max
                                ? static_cast<double>(logits[e])
                                : real_exp(static_cast<double>(logits[e]) - largest);
            }
            choose_groups();
            TopList<float> best(chosen_logits_, ids);
            for (const std::int32_t group : kept_) {
                const std::size_t first = static_cast<std::size_t>(group) * group_size_;
                best.offer(logits.subspan(first, group_size_), static_cast<std::int32_t>(first));
            }
        }
        float largest = chosen_logits_.front();
        if (!kept_.empty() && !spec_.renormalise) {
            largest = *std::ranges::max_element(logits);
        }
        softmax_weights(logits, largest, ids, weights);
    }

    void sigmoid(std::span<const float> logits, std::span<std::int32_t> ids, std::span<float> weights) {
        sigmoid_row(logits, scores_);
        if (bias_.empty()) {
            std::ranges::copy(scores_, ranks_.begin());
        } else {
            for (std::size_t e = 0; e < experts_; ++e) {
                ranks_[e] = scores_[e] + bias_[e];
            }
        }
        TopList<double> best(chosen_, ids);
        if (kept_.empty()) {
            best.offer(ranks_, 0);
        } else {
            choose_groups();
            for (const std::int32_t group : kept_) {
                const std::size_t first = static_cast<std::size_t>(group) * group_size_;
                best.offer(std::span<const double>(ranks_).subspan(first, group_size_),
                           static_cast<std::int32_t>(first));
            }
        }
        sigmoid_weights(logits, ids, weights);
    }

  private:
    /// Fills `kept_` with the best groups by `ranks_`, in ascending order.
    void choose_groups() {
        for (std::size_t g = 0; g < group_scores_.size(); ++g) {
            const auto group = std::span<const double>(ranks_).subspan(g * group_size_, group_size_);
            group_scores_[g] = spec_.group_score == GroupScore::top2_sum ? top2_sum(group)
                                                                         : *std::ranges::max_element(group);
        }
        TopList<double> best(kept_scores_, kept_);
        best.offer(group_scores_, 0);
        std::ranges::sort(kept_);
    }

    void softmax_weights(std::span<const float> logits, float largest, std::span<const std::int32_t> ids,
                         std::span<float> weights) {
        double sum = 0;
        for (std::size_t slot = 0; slot < ids.size(); ++slot) {
            const auto e = static_cast<std::size_t>(ids[slot]);
            chosen_[slot] = real_exp(static_cast<double>(logits[e]) - largest);
            sum += chosen_[slot];
        }
        write_weights(spec_.renormalise ? sum : exponential_sum(logits, largest), weights);
    }

    void sigmoid_weights(std::span<const float> logits, std::span<const std::int32_t> ids,
                         std::span<float> weights) {
        double sum = 0;
        for (std::size_t slot = 0; slot < ids.size(); ++slot) {
            chosen_[slot] = scores_[static_cast<std::size_t>(ids[slot])];
            sum += chosen_[slot];
        }
        if (spec_.renormalise && sum < std::numeric_limits<double>::min()) {
            // Every chosen sigmoid underflows; there it equals e^logit, so the ratio is a softmax of the
            // chosen.
            float largest = logits[static_cast<std::size_t>(ids.front())];
            for (const std::int32_t id : ids) {
                largest = std::max(largest, logits[static_cast<std::size_t>(id)]);
            }
            softmax_weights(logits, largest, ids, weights);
            return;
        }
        write_weights(spec_.renormalise ? sum : 1.0, weights);
    }

    void write_weights(double divisor, std::span<float> weights) const {
        for (std::size_t slot = 0; slot < weights.size(); ++slot) {
            weights[slot] = static_cast<float>(spec_.scale * chosen_[slot] / divisor);
        }
    }

    const RouterSpec& spec_;
    std::size_t experts_;
    std::size_t group_size_;
    std::vector<float> chosen_logits_;
    std::vector<double> chosen_;
    std::vector<double> bias_;
    std::vector<double> scores_;
    std::vector<double> ranks_;
    std::vector<double> group_scores_;
    std::vector<double> kept_scores_;
    std::vector<std::int32_t> kept_;
};

void check_bias(const RouterSpec& spec, std::span<const float> bias) {
    if (bias.empty()) {
        return;
    }
    if (spec.score != Score::sigmoid) {
        throw ValueError(
            "route: bias steers selection with score sigmoid only; this router's score is softmax");
    }
    if (bias.size() != static_cast<std::size_t>(spec.experts)) {
        throw ValueError("route: bias must hold one value for each of " + std::to_string(spec.experts) +
                         " experts, got " + std::to_string(bias.size()));
    }
    if (const std::size_t e = first_not_finite(bias); e != bias.size()) {
        throw ValueError("route: bias[expert " + std::to_string(e) + "] is " + number_text(double{bias[e]}) +
                         "; biases must be finite");
    }
}

} // namespace

void route(const RouterSpec& spec, std::span<const float> logits, std::span<const float> bias,
           std::span<std::int32_t> ids, std::span<float> weights) {
    validate(spec);
    check_bias(spec, bias);
    const auto experts = static_cast<std::size_t>(spec.experts);
    const auto chosen = static_cast<std::size_t>(spec.experts_per_token);
    const std::size_t tokens = logits.size() / experts;
    if (logits.size() % experts != 0 || ids.size() != tokens * chosen || weights.size() != ids.size()) {
        throw ValueError("route: logits must be [tokens, " + std::to_string(experts) +
                         "] and ids and weights [tokens, " + std::to_string(chosen) + "], got " +
                         std::to_string(logits.size()) + ", " + std::to_string(ids.size()) + " and " +
                         std::to_string(weights.size()) + " values");
    }
    RowRouter router(spec, bias);
    for (std::size_t t = 0; t < tokens; ++t) {
        const auto row = logits.subspan(t * experts, experts);
        if (const std::size_t e = first_not_finite(row); e != experts) {
            throw ValueError("route: logits[token " + std::to_string(t) + ", expert " + std::to_string(e) +
                             "] is " + number_text(double{row[e]}) + "; router logits must be finite");
        }
        const auto row_ids = ids.subspan(t * chosen, chosen);
        const auto row_weights = weights.subspan(t * chosen, chosen);
        if (spec.score == Score::softmax) {
            router.softmax(row, row_ids, row_weights);
        } else {
            router.sigmoid(row, row_ids, row_weights);
        }
    }
}

} // namespace lpusim::moe
