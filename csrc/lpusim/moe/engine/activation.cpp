#include "lpusim/moe/engine/activation.h"

#include <limits>

#include "lpusim/base/values/float_formats.h"
#include "lpusim/base/values/vector_functions.h"

namespace lpusim::moe {
namespace {

/// x times the logistic function of scale * x, scale at least 1. Below -200 that is less than 2^-270, so its
/// product with any fp32 number rounds to 0: also the one that is given instead.
inline double gated(double x, double scale) {
    const double bounded = x < -200.0 ? -200.0 : x; // NaN stays.
    const double result = bounded / (1.0 + exp_fp64(-scale * bounded));
    return x < -std::numeric_limits<double>::max() ? std::numeric_limits<double>::quiet_NaN() : result;
}

inline void swiglu_body(const float* gate, const float* up, std::int64_t count, float* out) {
    for (std::int64_t i = 0; i < count; ++i) {
        const double product = gated(static_cast<double>(gate[i]), 1.0) * static_cast<double>(up[i]);
        out[i] = canonical_nan(static_cast<float>(product));
    }
}

LPUSIM_AVX2_TWIN void swiglu_avx2(const float* gate, const float* up, std::int64_t count, float* out) {
    swiglu_body(gate, up, count, out);
}

inline void gpt_oss_body(float limit, const float* gate, const float* up, std::int64_t count, float* out) {
    const auto most = static_cast<double>(limit);
    for (std::int64_t i = 0; i < count; ++i) {
        const auto wide = static_cast<double>(gate[i]), linear = static_cast<double>(up[i]);
        const double bounded = wide > most ? most : wide; // NaN stays.
        const double below = linear > most ? most : linear;
        const double clamped = below < -most ? -most : below;
        out[i] = canonical_nan(static_cast<float>(gated(bounded, 1.702) * (clamped + 1.0)));
    }
}

LPUSIM_AVX2_TWIN void gpt_oss_avx2(float limit, const float* gate, const float* up, std::int64_t count,
                                   float* out) {
    gpt_oss_body(limit, gate, up, count, out);
}

} // namespace

void activate(Activation activation, float limit, const float* gate, const float* up, std::int64_t count,
              float* out, SimdLevel level) {
    const bool wide = level >= SimdLevel::Avx2;
    if (activation == Activation::swiglu) {
        (wide ? swiglu_avx2 : swiglu_body)(gate, up, count, out);
    } else {
        (wide ? gpt_oss_avx2 : gpt_oss_body)(limit, gate, up, count, out);
    }
}

} // namespace lpusim::moe
