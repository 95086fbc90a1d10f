#include "lpusim/base/values/wide_sum.h"

#include <bit>
#include <cmath>
#include <doctest/doctest.h>
#include <initializer_list>
#include <limits>

using namespace lpusim;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

WideSum sum_of(std::initializer_list<double> values) {
    WideSum sum;
    for (const double value : values) {
        sum.add(value);
    }
    return sum;
}

std::uint32_t bits_of(std::initializer_list<double> values) {
    return std::bit_cast<std::uint32_t>(sum_of(values).to_fp32());
}

} // namespace

TEST_CASE("a wide sum forgets nothing between its largest and its least unit") {
    CHECK(sum_of({0x1p46, 0x1p-48, -0x1p46}).to_fp32() == 0x1p-48F);
    CHECK(sum_of({-0x1p46, -0x1p-48, 0x1p46}).to_fp32() == -0x1p-48F);
    WideSum large;
    for (int i = 0; i < 1024; ++i) {
        large.add(0x1.fffffp46);
    }
    CHECK(large.to_fp32() == 0x1.fffffp56F);
}

TEST_CASE("a wide sum is rounded once, to nearest even") {
    CHECK(sum_of({0x1p24, 1.0}).to_fp32() == 0x1p24F);                 // The middle, to even.
    CHECK(sum_of({0x1p24, 1.0, 0x1p-48}).to_fp32() == 0x1.000002p24F); // Just above it.
    CHECK(sum_of({0x1p24, 1.0, -0x1p-48}).to_fp32() == 0x1p24F);       // Just below it.
    CHECK(sum_of({0x1p24, 3.0}).to_fp32() == 0x1.000004p24F);          // The next middle, to even.
    CHECK(sum_of({-0x1p24, -1.0, -0x1p-48}).to_fp32() == -0x1.000002p24F);
    CHECK(sum_of({0x1.fffffep23, 0.5}).to_fp32() == 0x1p24F); // Rounding carries into the next exponent.
    CHECK(sum_of({0x1.fffffep45, 0x1p21, 0x1p-48}).to_fp32() == 0x1p46F);
}

TEST_CASE("the order of additions changes nothing") {
    CHECK(sum_of({1e4, 0x1p-40, -0x1p40, 0.1 - std::fmod(0.1, 0x1p-48)}) ==
          sum_of({0.1 - std::fmod(0.1, 0x1p-48), -0x1p40, 1e4, 0x1p-40}));
}

TEST_CASE("a wide sum of nothing or of cancelling values is +0") {
    CHECK(bits_of({}) == 0);
    CHECK(bits_of({-0.0}) == 0);
    CHECK(bits_of({3.0, -3.0}) == 0);
}

TEST_CASE("NaN and opposite infinities give the canonical NaN, one infinity stays") {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    CHECK(bits_of({1.0, -nan}) == 0x7fc00000);
    CHECK(bits_of({kInfinity, -kInfinity}) == 0x7fc00000);
    CHECK(bits_of({-1.0, kInfinity, kInfinity}) == 0x7f800000);
    CHECK(bits_of({1.0, -kInfinity}) == 0xff800000);
}

TEST_CASE("adding wide sums is adding all that they hold") {
    WideSum sum = sum_of({0x1p40, 0x1p-48});
    sum.add(sum_of({-0x1p40, 5.0}));
    CHECK(sum == sum_of({5.0, 0x1p-48}));
    sum.add(sum_of({kInfinity}));
    CHECK(sum.to_fp32() == std::numeric_limits<float>::infinity());
    sum.add(sum_of({-kInfinity}));
    CHECK(std::bit_cast<std::uint32_t>(sum.to_fp32()) == 0x7fc00000);
}
