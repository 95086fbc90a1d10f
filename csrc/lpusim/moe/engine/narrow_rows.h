#pragma once

#include <cstdint>

#include "lpusim/base/values/simd_level.h"

/// Rows of fp32 numbers to the formats that experts multiply, and sums of products back. The bits are the
/// same at every level, and a row's depend on no other row.
namespace lpusim::moe {

/// The scale with which the largest magnitude of a row becomes the largest of the format: that magnitude
/// / 127 (int8) or / 448 (fp8), rounded to fp32. A row whose magnitudes are all below 2^-100 has scale 0 and
/// becomes zeros.
[[nodiscard]] float row_scale_int8(const float* row, std::int64_t count, SimdLevel level = best_simd_level());
[[nodiscard]] float row_scale_fp8(const float* row, std::int64_t count, SimdLevel level = best_simd_level());

/// out[i] = row[i] * (1 / scale), the factor and the product each rounded to fp32, then to the format: to
/// nearest even and saturating, as the VXM's Scale does. NaN becomes 0 in int8. Scale 0 gives zeros.
void narrow_int8(const float* row, float scale, std::int64_t count, std::int8_t* out,
                 SimdLevel level = best_simd_level());
void narrow_fp8(const float* row, float scale, std::int64_t count, std::uint8_t* out,
                SimdLevel level = best_simd_level());

/// To fp16, nearest even.
void narrow_fp16(const float* row, std::int64_t count, std::uint16_t* out,
                 SimdLevel level = best_simd_level());

/// What a row of sums stands for: ((sum * column_scale[i]) * row_scale) + bias[i], each step rounded to fp32,
/// NaN canonical. A null column means a step that is left out. `out` may be `sums`.
struct RowMeaning {
    const float* column_scale = nullptr;
    float row_scale = 1.0F;
    const float* bias = nullptr;
};

void finish_row(const std::int32_t* sums, const RowMeaning& meaning, std::int64_t count, float* out,
                SimdLevel level = best_simd_level());
void finish_row(const float* sums, const RowMeaning& meaning, std::int64_t count, float* out,
                SimdLevel level = best_simd_level());

} // namespace lpusim::moe
