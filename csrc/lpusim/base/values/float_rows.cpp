#include "lpusim/base/values/float_rows.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "lpusim/base/values/float_formats.h"

namespace lpusim {

namespace {

inline void widen_fp16_body(const std::uint8_t* low, const std::uint8_t* high, std::int64_t count,
                            float* out) {
    for (std::int64_t i = 0; i < count; ++i) {
        out[i] = fp32_from_fp16(static_cast<std::uint16_t>(low[i] | high[i] << 8));
    }
}

LPUSIM_AVX2_TWIN void widen_fp16_avx2(const std::uint8_t* low, const std::uint8_t* high, std::int64_t count,
                                      float* out) {
    widen_fp16_body(low, high, count, out);
}

inline void widen_fp8_body(const std::uint8_t* bytes, std::int64_t count, float* out) {
    for (std::int64_t i = 0; i < count; ++i) {
        out[i] = fp32_from_fp8(bytes[i]);
    }
}

LPUSIM_AVX2_TWIN void widen_fp8_avx2(const std::uint8_t* bytes, std::int64_t count, float* out) {
    widen_fp8_body(bytes, count, out);
}

inline NumberRange number_range_body(const float* values, std::int64_t count) {
    std::int32_t most = 0;
    std::uint32_t least_below = std::numeric_limits<std::uint32_t>::max(); // The least but 0, less 1.
    for (std::int64_t i = 0; i < count; ++i) {
        const std::int32_t magnitude = std::bit_cast<std::int32_t>(values[i]) & 0x7fffffff;
        most = std::max(most, magnitude);
        least_below = std::min(least_below, static_cast<std::uint32_t>(magnitude) - 1U);
    }
    double totals[8] = {}; // Side by side, and in the same order at every level.
    for (std::int64_t i = 0; i + 8 <= count; i += 8) {
        for (std::int64_t j = 0; j < 8; ++j) {
            const std::int32_t magnitude = std::bit_cast<std::int32_t>(values[i + j]) & 0x7fffffff;
            totals[j] += static_cast<double>(std::bit_cast<float>(magnitude));
        }
    }
    for (std::int64_t i = count - count % 8; i < count; ++i) {
        const std::int32_t magnitude = std::bit_cast<std::int32_t>(values[i]) & 0x7fffffff;
        totals[0] += static_cast<double>(std::bit_cast<float>(magnitude));
    }
    NumberRange range;
    range.largest = static_cast<double>(std::bit_cast<float>(most));
    for (const double total : totals) {
        range.total += total;
    }
    // The last place of the least magnitude: ten bits below its first one, but never below 2^-24.
    const auto field = static_cast<std::int32_t>((least_below + 1U) >> 23U);
    const std::int32_t exponent = std::max(field - 127, -14) - 10;
    range.unit = std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52U);
    return range;
}

LPUSIM_AVX2_TWIN NumberRange number_range_avx2(const float* values, std::int64_t count) {
    return number_range_body(values, count);
}

inline bool round_sums_body(const double* sums, std::int64_t products, const NumberRange& row,
                            const double* largest, const double* unit, std::int64_t count, float* below,
                            float* above) {
    const double total = row.total;
    const double error_factor = static_cast<double>(products + 8) * 0x1p-53 * total;
    const double unit_factor = 0x1p52 * row.unit; // Half of what is allowed: the total is rounded itself.
    for (std::int64_t i = 0; i < count; ++i) {
        const bool exact = total * largest[i] < unit_factor * unit[i];
        const double error = exact ? 0.0 : error_factor * largest[i];
        below[i] = static_cast<float>(sums[i] - error);
        above[i] = static_cast<float>(sums[i] + error);
    }
    std::int32_t unlike = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        unlike |= below[i] == above[i] ? 0 : 1;
    }
    return unlike == 0;
}

LPUSIM_AVX2_TWIN bool round_sums_avx2(const double* sums, std::int64_t products, const NumberRange& row,
                                      const double* largest, const double* unit, std::int64_t count,
                                      float* below, float* above) {
    return round_sums_body(sums, products, row, largest, unit, count, below, above);
}

} // namespace

void widen_fp16(const std::uint8_t* low, const std::uint8_t* high, std::int64_t count, float* out,
                SimdLevel level) {
    (level >= SimdLevel::Avx2 ? widen_fp16_avx2 : widen_fp16_body)(low, high, count, out);
}

void widen_fp8(const std::uint8_t* bytes, std::int64_t count, float* out, SimdLevel level) {
    (level >= SimdLevel::Avx2 ? widen_fp8_avx2 : widen_fp8_body)(bytes, count, out);
}

NumberRange number_range(const float* values, std::int64_t count, SimdLevel level) {
    return (level >= SimdLevel::Avx2 ? number_range_avx2 : number_range_body)(values, count);
}

bool round_sums(const double* sums, std::int64_t products, const NumberRange& row, const double* largest,
                const double* unit, std::int64_t count, float* below, float* above, SimdLevel level) {
    return (level >= SimdLevel::Avx2 ? round_sums_avx2 : round_sums_body)(sums, products, row, largest, unit,
                                                                          count, below, above);
}

} // namespace lpusim
