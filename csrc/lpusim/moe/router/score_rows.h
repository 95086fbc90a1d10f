#pragma once

#include <cstddef>
#include <span>

#include "lpusim/base/values/simd_level.h"

/// The elementary functions of a router, in double and in place. Plain IEEE operations in a fixed order:
/// equal bits at every level and on every machine, wherever in the span a value stands. Values must be
/// finite.
namespace lpusim::moe {

/// x becomes 1 / (1 + e^-x), within 4 ulp. What is below -690 counts as -690.
void sigmoids(std::span<double> values, SimdLevel level);

/// x becomes sqrt(log(1 + e^x)), within 4 ulp. What is below -690 counts as -690.
void sqrt_softpluses(std::span<double> values, SimdLevel level);

/// x <= 0 becomes e^x, within 2^-48. What is below -690 counts as -690.
void exponentials(std::span<double> values, SimdLevel level);

/// The sum in eight interleaved lanes, then of the lanes in pairs.
[[nodiscard]] double lane_sum(std::span<const double> values, SimdLevel level);

/// The sum of the two largest of `scores`, of which there are at least two.
[[nodiscard]] double top2_sum(std::span<const double> scores);

/// The index of the first value that is NaN or infinite; `logits.size()` when all are finite.
[[nodiscard]] std::size_t first_not_finite(std::span<const float> logits);

} // namespace lpusim::moe
