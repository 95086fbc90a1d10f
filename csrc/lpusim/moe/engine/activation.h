#pragma once

#include <cstdint>

#include "lpusim/base/values/simd_level.h"

namespace lpusim::moe {

/// What an expert does between its products.
enum class Activation : std::uint8_t {
    swiglu,  ///< silu(gate) * up, silu(x) = x / (1 + e^-x)
    gpt_oss, ///< g / (1 + e^(-1.702 g)) * (u + 1), g = min(gate, limit), u = up clamped to [-limit, limit]
};

/// gpt-oss's limit. Source: openai/gpt-oss, `swiglu` in gpt_oss/torch/model.py.
inline constexpr float kGptOssLimit = 7.0F;

/// out[i] from gate[i] and up[i]; `out` may be `gate`. Computed in double and rounded once to fp32; NaN is
/// canonical. swiglu of a gate of minus infinity is NaN, as minus infinity times 0 is. The bits are the same
/// at every level.
void activate(Activation activation, float limit, const float* gate, const float* up, std::int64_t count,
              float* out, SimdLevel level = best_simd_level());

} // namespace lpusim::moe
