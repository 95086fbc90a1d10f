#pragma once

#include <cstdint>
#include <span>

#include "lpusim/base/values/simd_level.h"

/// The draws behind generated routing: pure functions of (seed, stream, place), the same on every machine and
/// at every SIMD level.
namespace lpusim::moe {

/// rates[i] = popularity[i] / w_i with w_i exponentially distributed, independent of each other: the largest
/// k name k experts drawn without replacement in proportion to popularity. Philox4x32-10, two draws a block;
/// uniform in the centres of 2^52 cells, so that no rate is infinite.
/// Source: Efraimidis and Spirakis, "Weighted random sampling with a reservoir" (2006).
void draw_rates(std::uint64_t seed, std::uint64_t stream, std::span<const double> popularity,
                std::span<double> rates, SimdLevel level);

/// One value of the gamma distribution of this shape (scale 1), at least 1e-300.
/// Source: Cheng, "The generation of gamma variables with non-integral shape parameter" (1977), rejection
/// algorithm GB; shapes below 1 by way of shape + 1.
[[nodiscard]] double draw_gamma(std::uint64_t seed, std::uint64_t stream, std::uint64_t place, double shape);

} // namespace lpusim::moe
