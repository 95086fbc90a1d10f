#pragma once

#include <span>

/// The elementary functions of a router over one row of logits, in double, written so that compilers
/// vectorise them. Plain IEEE operations in a fixed order: equal bits on every machine. Logits must be
/// finite.
namespace lpusim::moe {

/// scores[i] = 1 / (1 + e^-logits[i]), within 4 ulp.
void sigmoid_row(std::span<const float> logits, std::span<double> scores);

/// The sum of e^(logits[i] - largest), where `largest` is the largest logit. Summed in four interleaved
/// lanes.
[[nodiscard]] double exponential_sum(std::span<const float> logits, float largest);

/// The sum of the two largest of `scores`, of which there are at least two.
[[nodiscard]] double top2_sum(std::span<const double> scores);

/// The index of the first value that is NaN or infinite; `logits.size()` when all are finite.
[[nodiscard]] std::size_t first_not_finite(std::span<const float> logits);

} // namespace lpusim::moe
