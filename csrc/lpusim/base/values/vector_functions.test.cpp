#include "lpusim/base/values/vector_functions.h"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>

#include "lpusim/base/rng.h"

using namespace lpusim;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

using Wide = long double;

Wide exp_of(Wide x) {
    return std::exp(x);
}
Wide rsqrt_of(Wide x) {
    return 1 / std::sqrt(x);
}
Wide tanh_of(Wide x) {
    return std::tanh(x);
}

/// How far `got` is from the true value, in units of the last place of an fp32 at the true value.
double ulps_fp32(float got, Wide truth) {
    const int exponent = std::max(std::ilogb(truth), -126);
    return static_cast<double>(std::fabs(static_cast<Wide>(got) - truth) /
                               std::ldexp(Wide{1}, exponent - 23));
}

/// The worst of all powers of two times a few mantissas, both signs where allowed, and of random inputs.
template <class Function, class Reference>
double worst_ulps(const Function& function, const Reference& reference, float least, float most) {
    double worst = 0;
    const auto look = [&](std::uint32_t bits) {
        const auto x = std::bit_cast<float>(bits);
        if (least <= x && x <= most && x != 0.0F) {
            worst = std::max(worst, ulps_fp32(function(x), reference(static_cast<Wide>(x))));
        }
    };
    for (std::uint32_t high = 0; high < 1U << 13U; ++high) { // Sign, exponent and four bits of mantissa.
        for (const std::uint32_t low : {0U, 1U, 0x3fffU, 0x4000U, 0x5a5a5U, 0x7ffffU}) {
            look(high << 19U | low);
        }
    }
    for (std::uint64_t i = 0; i < 100'000; ++i) {
        look(static_cast<std::uint32_t>(random_bits(7, 0, i)));
        // Inputs of ordinary size, where a random pattern seldom falls.
        const double even = static_cast<double>(random_bits(7, 1, i) >> 11U) * 0x1p-53;
        look(std::bit_cast<std::uint32_t>(static_cast<float>(even * 40.0 - 20.0)));
    }
    return worst;
}

/// How many of all fp16 inputs do not give the nearest fp16 of the reference.
template <class Function, class Reference>
int wrong_fp16(const Function& function, const Reference& reference) {
    int wrong = 0;
    for (unsigned bits = 0; bits < 0x10000; ++bits) {
        const auto x = static_cast<std::uint16_t>(bits);
        // The C library's double is near enough to tell: no fp16 function value is that near a middle.
        const std::uint16_t expected =
            fp16_from_fp64(static_cast<double>(reference(static_cast<Wide>(fp32_from_fp16(x)))));
        wrong += function(x) != expected;
    }
    return wrong;
}

} // namespace

TEST_CASE("functions of every fp16 are correctly rounded") {
    CHECK(wrong_fp16(exp_fp16, exp_of) == 0);
    CHECK(wrong_fp16(rsqrt_fp16, rsqrt_of) == 0);
    CHECK(wrong_fp16(tanh_fp16, tanh_of) == 0);
}

TEST_CASE("functions of fp32 are within 0.500001 ulp, subnormals included") {
    constexpr double kBound = 0.500001;
    const double exp_worst = worst_ulps(exp_fp32, exp_of, -104.0F, 88.72F);
    const double rsqrt_worst = worst_ulps(rsqrt_fp32, rsqrt_of, 0.0F, 3.4e38F);
    const double tanh_worst = worst_ulps(tanh_fp32, tanh_of, -3.4e38F, 3.4e38F);
    CHECK(exp_worst <= kBound);
    CHECK(rsqrt_worst <= kBound);
    CHECK(tanh_worst <= kBound);
    CHECK(std::min({exp_worst, rsqrt_worst, tanh_worst}) > 0.49); // Enough samples to come near the bound.
}

TEST_CASE("the limits of exp") {
    CHECK(std::bit_cast<std::uint32_t>(exp_fp32(-kInfinity)) == 0);
    CHECK(exp_fp32(kInfinity) == kInfinity);
    CHECK(exp_fp32(0.0F) == 1.0F);
    CHECK(exp_fp32(-0.0F) == 1.0F);
    CHECK(exp_fp32(88.72283F) < kInfinity);
    CHECK(exp_fp32(std::nextafter(88.72283F, 100.0F)) == kInfinity);
    CHECK(exp_fp32(3e38F) == kInfinity);
    CHECK(exp_fp32(-103.97F) == 0x1p-149F); // The least that is more than half the least subnormal.
    CHECK(exp_fp32(-103.98F) == 0.0F);
    CHECK(exp_fp32(-3e38F) == 0.0F);
    CHECK(exp_fp16(0x498b) != 0x7c00); // 11.09: just below 65,520
    CHECK(exp_fp16(0x498c) == 0x7c00); // 11.09375: above
}

TEST_CASE("the limits of rsqrt") {
    CHECK(rsqrt_fp32(0.0F) == kInfinity);
    CHECK(rsqrt_fp32(-0.0F) == -kInfinity);
    CHECK(rsqrt_fp32(kInfinity) == 0.0F);
    CHECK(rsqrt_fp32(4.0F) == 0.5F);
    CHECK(rsqrt_fp32(0x1p-148F) == 0x1p74F);
    CHECK(std::bit_cast<std::uint32_t>(rsqrt_fp32(-1.0F)) == 0x7fc00000);
    CHECK(std::bit_cast<std::uint32_t>(rsqrt_fp32(-kInfinity)) == 0x7fc00000);
    CHECK(rsqrt_fp16(0x8001) == 0x7e00);
}

TEST_CASE("the limits of tanh") {
    CHECK(tanh_fp32(kInfinity) == 1.0F);
    CHECK(tanh_fp32(-kInfinity) == -1.0F);
    CHECK(tanh_fp32(9.1F) == 1.0F);
    CHECK(tanh_fp32(8.9F) == 0x1.fffffep-1F);
    CHECK(std::bit_cast<std::uint32_t>(tanh_fp32(-0.0F)) == 0x80000000);
    CHECK(tanh_fp32(0x1p-149F) == 0x1p-149F);
    CHECK(tanh_fp32(-0x1p-100F) == -0x1p-100F);
}

TEST_CASE("functions of NaN are the canonical NaN") {
    for (const float nan : {kNan, -kNan, std::bit_cast<float>(std::uint32_t{0xffc12345})}) {
        CHECK(std::bit_cast<std::uint32_t>(exp_fp32(nan)) == 0x7fc00000);
        CHECK(std::bit_cast<std::uint32_t>(rsqrt_fp32(nan)) == 0x7fc00000);
        CHECK(std::bit_cast<std::uint32_t>(tanh_fp32(nan)) == 0x7fc00000);
    }
    CHECK(exp_fp16(0xfe01) == 0x7e00);
    CHECK(tanh_fp16(0x7c01) == 0x7e00);
}
