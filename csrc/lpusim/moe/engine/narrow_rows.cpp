#include "lpusim/moe/engine/narrow_rows.h"

#include <algorithm>
#include <bit>

#include "lpusim/base/values/float_formats.h"
#include "lpusim/base/values/nearest_integer.h"

namespace lpusim::moe {
namespace {

constexpr float kLeastMagnitude = 0x1p-100F;

/// Magnitudes are in the order of their bits; NaN is above infinity.
inline std::int32_t largest_body(const float* row, std::int64_t count) {
    std::int32_t largest = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        largest = std::max(largest, std::bit_cast<std::int32_t>(row[i]) & 0x7fffffff);
    }
    return largest;
}

LPUSIM_AVX2_TWIN std::int32_t largest_avx2(const float* row, std::int64_t count) {
    return largest_body(row, count);
}

float row_scale(const float* row, std::int64_t count, float format_largest, SimdLevel level) {
    const auto largest =
        std::bit_cast<float>((level >= SimdLevel::Avx2 ? largest_avx2 : largest_body)(row, count));
    return largest < kLeastMagnitude ? 0.0F : canonical_nan(largest / format_largest);
}

inline void int8_body(const float* row, float factor, std::int64_t count, std::int8_t* out) {
    for (std::int64_t i = 0; i < count; ++i) {
        out[i] = nearest_integer<std::int8_t>(static_cast<double>(row[i] * factor));
    }
}

LPUSIM_AVX2_TWIN void int8_avx2(const float* row, float factor, std::int64_t count, std::int8_t* out) {
    int8_body(row, factor, count, out);
}

inline void fp8_body(const float* row, float factor, std::int64_t count, std::uint8_t* out) {
    for (std::int64_t i = 0; i < count; ++i) {
        out[i] = fp8_from_fp32(row[i] * factor);
    }
}

LPUSIM_AVX2_TWIN void fp8_avx2(const float* row, float factor, std::int64_t count, std::uint8_t* out) {
    fp8_body(row, factor, count, out);
}

inline void fp16_body(const float* row, std::int64_t count, std::uint16_t* out) {
    for (std::int64_t i = 0; i < count; ++i) {
        out[i] = fp16_from_fp32(row[i]);
    }
}

LPUSIM_AVX2_TWIN void fp16_avx2(const float* row, std::int64_t count, std::uint16_t* out) {
    fp16_body(row, count, out);
}

template <class Sum>
inline void finish_body(const Sum* sums, const RowMeaning& meaning, std::int64_t count, float* out) {
    if (meaning.column_scale != nullptr) {
        for (std::int64_t i = 0; i < count; ++i) {
            out[i] = static_cast<float>(sums[i]) * meaning.column_scale[i] * meaning.row_scale;
        }
    } else {
        for (std::int64_t i = 0; i < count; ++i) {
            out[i] = static_cast<float>(sums[i]) * meaning.row_scale;
        }
    }
    if (meaning.bias != nullptr) {
        for (std::int64_t i = 0; i < count; ++i) {
            out[i] = out[i] + meaning.bias[i];
        }
    }
    for (std::int64_t i = 0; i < count; ++i) {
        out[i] = canonical_nan(out[i]);
    }
}

template <class Sum>
LPUSIM_AVX2_TWIN void finish_avx2(const Sum* sums, const RowMeaning& meaning, std::int64_t count,
                                  float* out) {
    finish_body(sums, meaning, count, out);
}

} // namespace

float row_scale_int8(const float* row, std::int64_t count, SimdLevel level) {
    return row_scale(row, count, 127.0F, level);
}

float row_scale_fp8(const float* row, std::int64_t count, SimdLevel level) {
    return row_scale(row, count, 448.0F, level);
}

void narrow_int8(const float* row, float scale, std::int64_t count, std::int8_t* out, SimdLevel level) {
    if (scale == 0.0F) {
        std::fill_n(out, count, std::int8_t{0});
    } else {
        (level >= SimdLevel::Avx2 ? int8_avx2 : int8_body)(row, 1.0F / scale, count, out);
    }
}

void narrow_fp8(const float* row, float scale, std::int64_t count, std::uint8_t* out, SimdLevel level) {
    if (scale == 0.0F) {
        std::fill_n(out, count, std::uint8_t{0});
    } else {
        (level >= SimdLevel::Avx2 ? fp8_avx2 : fp8_body)(row, 1.0F / scale, count, out);
    }
}

void narrow_fp16(const float* row, std::int64_t count, std::uint16_t* out, SimdLevel level) {
    (level >= SimdLevel::Avx2 ? fp16_avx2 : fp16_body)(row, count, out);
}

void finish_row(const std::int32_t* sums, const RowMeaning& meaning, std::int64_t count, float* out,
                SimdLevel level) {
    (level >= SimdLevel::Avx2 ? finish_avx2<std::int32_t> : finish_body<std::int32_t>)(sums, meaning, count,
                                                                                       out);
}

void finish_row(const float* sums, const RowMeaning& meaning, std::int64_t count, float* out,
                SimdLevel level) {
    (level >= SimdLevel::Avx2 ? finish_avx2<float> : finish_body<float>)(sums, meaning, count, out);
}

} // namespace lpusim::moe
