#pragma once

#include <cstdint>

#include "lpusim/base/values/simd_level.h"

/// Passes over rows of numbers around the column sums. The bits are the same at every level.
namespace lpusim {

/// Low and high bytes of fp16 numbers, or fp8 numbers, to fp32: exact.
void widen_fp16(const std::uint8_t* low, const std::uint8_t* high, std::int64_t count, float* out,
                SimdLevel level = best_simd_level());
void widen_fp8(const std::uint8_t* bytes, std::int64_t count, float* out,
               SimdLevel level = best_simd_level());

/// What bounds the rounding error of double sums with some fp16 numbers. Without meaning if one is NaN or
/// infinite.
struct NumberRange {
    double largest = 0.0; ///< the largest magnitude
    double total = 0.0;   ///< of all magnitudes, to a relative error of `count` * 2^-53
    double unit = 1.0;    ///< a power of two of which every number is a whole multiple
};

/// Of `count` fp16 numbers as fp32. Cost: one pass.
[[nodiscard]] NumberRange number_range(const float* values, std::int64_t count,
                                       SimdLevel level = best_simd_level());

/// Double sums of some products of fp16 numbers, one row with many columns, as intervals: below[i] and
/// above[i] are the fp32 nearest to the ends of one that holds the true sum i. If they are equal, so is the
/// true sum's fp32; NaN where the sum is NaN or infinite. True if all are equal.
///
/// Adding K exact products in double, in any order, is wrong by at most (K - 1) u / (1 - K u) times the sum
/// of their magnitudes, u = 2^-53. Finding that bound and the ends is wrong by less than three u more and by
/// a factor of 1 + K u, for which K + 8 instead of K - 1 leaves room up to K = 2^20. Where the magnitudes sum
/// to less than 2^53 units, every partial sum is a whole number of units that a double holds: no error at
/// all.
bool round_sums(const double* sums, std::int64_t products, const NumberRange& row, const double* largest,
                const double* unit, std::int64_t count, float* below, float* above,
                SimdLevel level = best_simd_level());

} // namespace lpusim
