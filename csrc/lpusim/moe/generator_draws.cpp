#include "lpusim/moe/generator_draws.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

#include "lpusim/base/real.h"
#include "lpusim/base/rng.h"

namespace lpusim::moe {
namespace {

struct TwoDraws {
    std::uint64_t first;
    std::uint64_t second;
};

/// `philox` of base with each word in 64 bits, which is what vectorises.
inline TwoDraws draw_block(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
    constexpr std::uint64_t kLow = 0xffffffffU;
    std::uint64_t word0 = index & kLow;
    std::uint64_t word1 = index >> 32U;
    std::uint64_t word2 = stream & kLow;
    std::uint64_t word3 = stream >> 32U;
    std::uint64_t key0 = seed & kLow;
    std::uint64_t key1 = seed >> 32U;
    for (int round = 0; round < 10; ++round) {
        const std::uint64_t product0 = std::uint64_t{0xD2511F53U} * word0;
        const std::uint64_t product1 = std::uint64_t{0xCD9E8D57U} * word2;
        word0 = (product1 >> 32U) ^ word1 ^ key0;
        word1 = product1 & kLow;
        word2 = (product0 >> 32U) ^ word3 ^ key1;
        word3 = product0 & kLow;
        key0 = (key0 + 0x9E3779B9U) & kLow;
        key1 = (key1 + 0xBB67AE85U) & kLow;
    }
    return {word1 << 32U | word0, word3 << 32U | word2};
}

inline double unit_of(std::uint64_t bits) {
    return std::bit_cast<double>(bits >> 12U | 0x3ff0000000000000U) - (1.0 - 0x1p-53);
}

/// -log x for 0 < x < 1, within 2 ulp, without a branch. log m = 2 atanh(r), r = (m - 1)/(m + 1), |r| <=
/// 0.1716: the odd series to r^23 is below 2^-60.
inline double minus_log(double x) {
    constexpr double kLn2High = 6.93147180369123816490e-01; // Its upper 33 bits: k * kLn2High is exact.
    constexpr double kLn2Low = 1.90821492927058770002e-10;
    constexpr double kShift = 0x1.8p52;
    const auto bits = std::bit_cast<std::uint64_t>(x);
    const auto above_root_half = static_cast<std::int64_t>(bits - 0x3fe6a09e667f3bcdU); // Bits of sqrt(1/2).
    const auto k = static_cast<std::uint64_t>(above_root_half >> 52);
    const double m = std::bit_cast<double>(bits - (k << 52U)); // x = m 2^k, sqrt(1/2) <= m < sqrt(2)
    const double exponent = std::bit_cast<double>(k + std::bit_cast<std::uint64_t>(kShift)) - kShift;
    const double f = m - 1.0;
    const double r = f / (m + 1.0);
    const double r2 = r * r;
    double tail = 1.0 / 23;
    tail = tail * r2 + 1.0 / 21;
    tail = tail * r2 + 1.0 / 19;
    tail = tail * r2 + 1.0 / 17;
    tail = tail * r2 + 1.0 / 15;
    tail = tail * r2 + 1.0 / 13;
    tail = tail * r2 + 1.0 / 11;
    tail = tail * r2 + 1.0 / 9;
    tail = tail * r2 + 1.0 / 7;
    tail = tail * r2 + 1.0 / 5;
    tail = tail * r2 + 1.0 / 3;
    // 2 r = f - f r exactly in real arithmetic; this form keeps the leading term f without a rounding.
    return -(exponent * kLn2High + (f - (f * r - (2.0 * r * r2 * tail + exponent * kLn2Low))));
}

/// Block i serves experts i and half + i.
inline void draw_rates_body(std::uint64_t seed, std::uint64_t stream, const double* popularity, double* rates,
                            std::size_t experts) {
    const std::size_t half = experts / 2;
    for (std::size_t i = 0; i < half; ++i) {
        const TwoDraws draws = draw_block(seed, stream, i);
        rates[i] = popularity[i] / minus_log(unit_of(draws.first));
        rates[half + i] = popularity[half + i] / minus_log(unit_of(draws.second));
    }
    if (experts % 2 != 0) {
        rates[experts - 1] =
            popularity[experts - 1] / minus_log(unit_of(draw_block(seed, stream, half).first));
    }
}

LPUSIM_AVX2_TWIN void draw_rates_avx2(std::uint64_t seed, std::uint64_t stream, const double* popularity,
                                      double* rates, std::size_t experts) {
    draw_rates_body(seed, stream, popularity, rates, experts);
}

LPUSIM_AVX512_TWIN void draw_rates_avx512(std::uint64_t seed, std::uint64_t stream, const double* popularity,
                                          double* rates, std::size_t experts) {
    draw_rates_body(seed, stream, popularity, rates, experts);
}

} // namespace

void draw_rates(std::uint64_t seed, std::uint64_t stream, std::span<const double> popularity,
                std::span<double> rates, SimdLevel level) {
    assert(popularity.size() == rates.size());
    switch (level) {
    case SimdLevel::Avx512Vnni:
        return draw_rates_avx512(seed, stream, popularity.data(), rates.data(), rates.size());
    case SimdLevel::Avx2:
        return draw_rates_avx2(seed, stream, popularity.data(), rates.data(), rates.size());
    case SimdLevel::Portable:
        return draw_rates_body(seed, stream, popularity.data(), rates.data(), rates.size());
    }
}

double draw_gamma(std::uint64_t seed, std::uint64_t stream, std::uint64_t place, double shape) {
    assert(shape > 0);
    constexpr double kLog4 = 1.38629436111989061883;
    constexpr double kLogHalfOf9 = 1.50407739677627407338;
    constexpr std::uint64_t kDrawBits = 16; // Of the index: far more draws than rejection ever asks for.
    const auto draw = [&](std::uint64_t attempt) {
        return random_unit(seed, stream, place << kDrawBits | attempt);
    };
    const double alpha = shape < 1 ? shape + 1 : shape;
    const double a = 1.0 / std::sqrt(2.0 * alpha - 1.0);
    const double b = alpha - kLog4;
    const double c = alpha + 1.0 / a;
    double x = alpha;
    for (std::uint64_t attempt = 1; attempt + 1 < (std::uint64_t{1} << kDrawBits); attempt += 2) {
        const double u1 = draw(attempt);
        const double u2 = draw(attempt + 1);
        const double v = a * real_log(u1 / (1.0 - u1));
        x = alpha * real_exp(v);
        const double z = u1 * u1 * u2;
        const double r = b + c * v - x;
        if (r + 1.0 + kLogHalfOf9 >= 4.5 * z || r >= real_log(z)) {
            break;
        }
    }
    const double boost = shape < 1 ? real_pow(draw(0), 1.0 / shape) : 1.0;
    return std::max(x * boost, 1e-300);
}

} // namespace lpusim::moe
