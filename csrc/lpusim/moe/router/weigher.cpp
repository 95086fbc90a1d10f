#include "lpusim/moe/router/weigher.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "lpusim/base/real.h"
#include "lpusim/moe/router/score_rows.h"
#include "lpusim/moe/router/score_type.h"
#include "lpusim/moe/router/sparse_mixer.h"

namespace lpusim::moe {
namespace {

/// So small a sigmoid is e^logit to the last bit, and a probability far from all others.
double least_score(const RouterSpec& spec) {
    const double least = spec.score_type == ScoreType::fp64 ? 0x1p-864 : 0x1p-116;
    return spec.score == Score::sqrt_softplus ? std::sqrt(least) : least;
}

template <class T>
std::span<T> of_token(std::span<T> rows, std::size_t token, std::size_t width) {
    return rows.subspan(token * width, width);
}

void subtract_largest(std::span<double> values) {
    double largest = values.front();
    for (const double value : values) {
        largest = std::max(largest, value);
    }
    for (double& value : values) {
        value -= largest;
    }
}

} // namespace

Weigher::Weigher(const RouterSpec& spec, std::size_t tokens_max, SimdLevel level)
    : spec_(spec), level_(level),
      over_all_(spec.score == Score::softmax && !(spec.renormalise && spec.score_type == ScoreType::fp64)),
      among_chosen_(spec.score == Score::softmax_after_topk || (spec.score == Score::softmax && !over_all_)),
      least_(least_score(spec)), chosen_(tokens_max * static_cast<std::size_t>(spec.experts_per_token)),
      all_(over_all_ ? static_cast<std::size_t>(spec.experts) : 0) {}

void Weigher::weigh(std::span<const float> logits, std::span<const std::int32_t> ids,
                    std::span<float> weights) {
    const auto experts = static_cast<std::size_t>(spec_.experts);
    const auto k = static_cast<std::size_t>(spec_.experts_per_token);
    const std::size_t tokens = ids.size() / k;
    assert(logits.size() == tokens * experts && weights.size() == ids.size());
    const auto chosen = Row(chosen_).first(ids.size());
    for (std::size_t t = 0; t < tokens; ++t) {
        const Row row = of_token(chosen, t, k);
        if (over_all_) {
            take_probabilities(of_token(logits, t, experts), of_token(ids, t, k), row);
            continue;
        }
        if (spec_.score == Score::sparsemixer) {
            std::int32_t same_ids[2];
            sparse_mixer(of_token(logits, t, experts), spec_.mixer_epsilon, same_ids, row);
            continue;
        }
        gather(of_token(logits, t, experts), of_token(ids, t, k), row);
        if (among_chosen_) {
            subtract_largest(row);
        }
    }
    if (among_chosen_) {
        exponentials(chosen, level_);
    } else if (spec_.score == Score::sqrt_softplus) {
        sqrt_softpluses(chosen, level_);
    } else if (spec_.score == Score::sigmoid || spec_.score == Score::sigmoid_after_topk) {
        sigmoids(chosen, level_);
    }
    const ScoreType held = among_chosen_ ? ScoreType::fp64 : spec_.score_type;
    for (std::size_t t = 0; t < tokens; ++t) {
        const Row row = of_token(chosen, t, k);
        if (held != ScoreType::fp64) {
            std::ranges::for_each(row, [held](double& score) { score = round_score(held, score); });
        }
        double sum = spec_.renormalise ? norm(row) : 1.0;
        const bool vanishing = spec_.renormalise && !among_chosen_ && sum < least_;
        if (vanishing) {
            gather(of_token(logits, t, experts), of_token(ids, t, k), row);
            compare_with_largest(row);
            sum = norm(row);
        }
        write(row, vanishing ? sum : round_score(held, sum), of_token(weights, t, k));
    }
}

/// The logits of the chosen.
void Weigher::gather(std::span<const float> logits, std::span<const std::int32_t> ids, Row chosen) const {
    for (std::size_t slot = 0; slot < ids.size(); ++slot) {
        chosen[slot] = logits[static_cast<std::size_t>(ids[slot])];
    }
}

/// The probabilities of the chosen among all.
void Weigher::take_probabilities(std::span<const float> logits, std::span<const std::int32_t> ids,
                                 Row chosen) {
    std::ranges::copy(logits, all_.begin());
    subtract_largest(all_);
    exponentials(all_, level_);
    const double sum = lane_sum(all_, level_);
    for (std::size_t slot = 0; slot < ids.size(); ++slot) {
        chosen[slot] = all_[static_cast<std::size_t>(ids[slot])] / sum;
    }
}

/// Logits become scores of which only the ratios are right, however small they are.
void Weigher::compare_with_largest(Row chosen) const {
    subtract_largest(chosen);
    exponentials(chosen, level_);
    if (spec_.score == Score::sqrt_softplus) {
        std::ranges::for_each(chosen, [](double& score) { score = std::sqrt(score); });
    }
}

double Weigher::norm(std::span<const double> chosen) const {
    double sum = 0.0;
    if (spec_.norm_power == 1.0) {
        for (const double score : chosen) {
            sum += score;
        }
        return sum;
    }
    const double largest = *std::ranges::max_element(chosen); // Taken out, so that no power vanishes.
    for (const double score : chosen) {
        sum += score > 0 ? real_pow(score / largest, spec_.norm_power) : 0.0;
    }
    return largest * real_pow(sum, 1.0 / spec_.norm_power);
}

void Weigher::write(std::span<const double> chosen, double divisor, std::span<float> weights) const {
    if (spec_.score_type == ScoreType::fp64) {
        const double factor = spec_.scale / divisor;
        for (std::size_t slot = 0; slot < weights.size(); ++slot) {
            weights[slot] = static_cast<float>(chosen[slot] * factor);
        }
        return;
    }
    for (std::size_t slot = 0; slot < weights.size(); ++slot) {
        const double weight = round_score(spec_.score_type, chosen[slot] / divisor);
        weights[slot] = static_cast<float>(round_score(spec_.score_type, weight * spec_.scale));
    }
}

} // namespace lpusim::moe
