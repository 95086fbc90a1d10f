#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "lpusim/base/values/float_formats.h"

/// exp, rsqrt and tanh in plain double arithmetic: no table, no libm but the square root, which
/// IEEE rounds correctly, no fused multiply-add. So the bits are the same on every platform, and loops over
/// these functions vectorise.
///
/// The double is within 2^-48 of the true value (relative), and rounded once to the result: at most
/// 0.500001 ulp in fp32, subnormal results included; in fp16 the correctly rounded result for every input
/// (tests try all 65,536).
namespace lpusim {

namespace detail {

/// e^x = power * (1 + fraction), |fraction| < 0.42; `power` is a power of two, and 1 for |x| < 0.34.
struct ExpParts {
    double power = 1.0;
    double fraction = 0.0;
};

/// Needs |x| < 700, or NaN.
[[nodiscard]] inline ExpParts exp_parts(double x) {
    constexpr double kLn2High = 6.93147180369123816490e-01; // Its upper 33 bits: k * kLn2High is exact.
    constexpr double kLn2Low = 1.90821492927058770002e-10;
    constexpr double kShift = 0x1.8p52; // Adding it rounds to a whole number k and leaves k in the low bits.
    const double shifted = x * 1.44269504088896340736 + kShift;
    const double k = shifted - kShift;
    const double r = (x - k * kLn2High) - k * kLn2Low; // |r| < 0.347: the series beyond r^13 is below 2^-53.
    double tail = 1.0 / 6227020800;
    tail = tail * r + 1.0 / 479001600;
    tail = tail * r + 1.0 / 39916800;
    tail = tail * r + 1.0 / 3628800;
    tail = tail * r + 1.0 / 362880;
    tail = tail * r + 1.0 / 40320;
    tail = tail * r + 1.0 / 5040;
    tail = tail * r + 1.0 / 720;
    tail = tail * r + 1.0 / 120;
    tail = tail * r + 1.0 / 24;
    tail = tail * r + 1.0 / 6;
    tail = tail * r + 1.0 / 2;
    const auto power_bits = (std::bit_cast<std::uint64_t>(shifted) + 1023U) << 52U;
    return {std::bit_cast<double>(power_bits), r + r * r * tail};
}

} // namespace detail

/// Underflows to +0 and overflows to infinity in fp32 and fp16. exp(-infinity) = +0.
[[nodiscard]] inline double exp_fp64(double x) {
    const double bounded = x < -200.0 ? -200.0 : x > 200.0 ? 200.0 : x; // NaN stays.
    const detail::ExpParts parts = detail::exp_parts(bounded);
    return parts.power + parts.power * parts.fraction;
}

/// 1 / sqrt(x): infinity at +0, -infinity at -0, NaN below.
[[nodiscard]] inline double rsqrt_fp64(double x) {
    return 1.0 / std::sqrt(x);
}

/// tanh(-0) = -0, tanh(+-infinity) = +-1.
[[nodiscard]] inline double tanh_fp64(double x) {
    const auto bits = std::bit_cast<std::uint64_t>(x);
    const double magnitude = std::bit_cast<double>(bits & 0x7fffffffffffffffU);
    const double bounded = magnitude > 20.0 ? 20.0 : magnitude; // NaN stays.
    const detail::ExpParts parts = detail::exp_parts(2.0 * bounded);
    const double minus_one = (parts.power - 1.0) + parts.power * parts.fraction; // e^2x - 1, not cancelled
    const double result = minus_one / (minus_one + 2.0);
    return std::bit_cast<double>(std::bit_cast<std::uint64_t>(result) | (bits & 0x8000000000000000U));
}

[[nodiscard]] inline float exp_fp32(float x) {
    return canonical_nan(static_cast<float>(exp_fp64(static_cast<double>(x))));
}
[[nodiscard]] inline float rsqrt_fp32(float x) {
    return canonical_nan(static_cast<float>(rsqrt_fp64(static_cast<double>(x))));
}
[[nodiscard]] inline float tanh_fp32(float x) {
    return canonical_nan(static_cast<float>(tanh_fp64(static_cast<double>(x))));
}

/// Bits to bits.
[[nodiscard]] inline std::uint16_t exp_fp16(std::uint16_t x) {
    return fp16_from_fp64(exp_fp64(static_cast<double>(fp32_from_fp16(x))));
}
[[nodiscard]] inline std::uint16_t rsqrt_fp16(std::uint16_t x) {
    return fp16_from_fp64(rsqrt_fp64(static_cast<double>(fp32_from_fp16(x))));
}
[[nodiscard]] inline std::uint16_t tanh_fp16(std::uint16_t x) {
    return fp16_from_fp64(tanh_fp64(static_cast<double>(fp32_from_fp16(x))));
}

} // namespace lpusim
