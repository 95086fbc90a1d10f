#include "lpusim/base/real.h"

#include <bit>
#include <cassert>
#include <cstdint>
#include <limits>

namespace lpusim {
namespace {

constexpr double kLn2High = 6.93147180369123816490e-01; // The upper 33 bits of ln 2: k * kLn2High is exact.
constexpr double kLn2Low = 1.90821492927058770002e-10;

/// x * 2^k without the C library; two steps so that subnormal results round once.
double scale_by_power(double x, int k) {
    const auto power = [](int e) {
        return std::bit_cast<double>(static_cast<std::uint64_t>(e + 1023) << 52U);
    };
    if (k < -1000) {
        return x * power(k + 900) * power(-900);
    }
    if (k > 1000) {
        return x * power(k - 900) * power(900);
    }
    return x * power(k);
}

} // namespace

double real_log(double x) {
    assert(x > 0 && x < std::numeric_limits<double>::infinity());
    int exponent = 0;
    if (x < std::numeric_limits<double>::min()) {
        x *= 18014398509481984.0; // 2^54
        exponent = -54;
    }
    const auto bits = std::bit_cast<std::uint64_t>(x);
    exponent += static_cast<int>(bits >> 52U) - 1023;
    double m = std::bit_cast<double>((bits & 0xfffffffffffffU) | 0x3ff0000000000000U);
    if (m > 1.41421356237309504880) {
        m *= 0.5;
        exponent += 1;
    }
    // log m = 2 atanh(r), r = (m - 1)/(m + 1), |r| <= 0.1716: the odd series to r^23 is below 2^-60.
    const double f = m - 1.0;
    const double r = f / (m + 1.0);
    const double r2 = r * r;
    double tail = 0;
    for (int n = 23; n >= 3; n -= 2) {
        tail = tail * r2 + 1.0 / n;
    }
    // 2 r = f - f r exactly in real arithmetic; this form keeps the leading term f without a rounding.
    const double e = exponent;
    return e * kLn2High + (f - (f * r - (2.0 * r * r2 * tail + e * kLn2Low)));
}

double real_exp(double x) {
    if (x != x) {
        return x;
    }
    if (x > 709.782712893384) {
        return std::numeric_limits<double>::infinity();
    }
    if (x < -745.1332191019412) {
        return 0.0;
    }
    const double scaled = x * 1.44269504088896340736;
    const int k = static_cast<int>(scaled + (scaled < 0 ? -0.5 : 0.5));
    const double high = x - k * kLn2High;
    const double low = k * kLn2Low;
    const double r = high - low; // |r| <= 0.35; the Taylor series to r^14 / 14! is below 2^-57.
    double sum = 0;
    constexpr double inverse_factorial[] = {1.0,
                                            1.0,
                                            1.0 / 2,
                                            1.0 / 6,
                                            1.0 / 24,
                                            1.0 / 120,
                                            1.0 / 720,
                                            1.0 / 5040,
                                            1.0 / 40320,
                                            1.0 / 362880,
                                            1.0 / 3628800,
                                            1.0 / 39916800,
                                            1.0 / 479001600,
                                            1.0 / 6227020800,
                                            1.0 / 87178291200};
    for (int n = 14; n >= 2; --n) {
        sum = sum * r + inverse_factorial[n];
    }
    const double error = (high - r) - low;
    return scale_by_power(1.0 + (r + (r * r * sum + error)), k);
}

double real_pow(double x, double y) {
    assert(x > 0);
    return real_exp(y * real_log(x));
}

} // namespace lpusim
