#include "lpusim/base/values/float_formats.h"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <initializer_list>
#include <limits>

using namespace lpusim;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::uint32_t bits(float value) {
    return std::bit_cast<std::uint32_t>(value);
}

/// The value that a sign, an exponent field and a mantissa stand for, from the definition.
double value_of(unsigned magnitude, int mantissa_bits, int bias) {
    const auto field = static_cast<int>(magnitude >> static_cast<unsigned>(mantissa_bits));
    const auto mantissa = static_cast<int>(magnitude & ((1U << static_cast<unsigned>(mantissa_bits)) - 1U));
    const int whole = field == 0 ? mantissa : mantissa + (1 << mantissa_bits);
    return std::ldexp(whole, std::max(field, 1) - bias - mantissa_bits);
}

/// Checks a conversion from double or float at, just below and just above every middle between neighbours,
/// and at every value itself. `last` is the magnitude of the largest finite value.
template <class From, class Narrow>
void check_rounding(unsigned last, int mantissa_bits, int bias, unsigned sign_bit, const Narrow& narrow) {
    for (unsigned magnitude = 0; magnitude < last; ++magnitude) {
        const double lower = value_of(magnitude, mantissa_bits, bias);
        const double upper = value_of(magnitude + 1, mantissa_bits, bias);
        const auto middle = static_cast<From>((lower + upper) / 2);
        const unsigned even = magnitude + magnitude % 2;
        for (const int sign : {1, -1}) {
            const unsigned sign_field = sign < 0 ? sign_bit : 0;
            const auto at = [&](From value) { return narrow(static_cast<From>(sign) * value); };
            REQUIRE(at(static_cast<From>(lower)) == (sign_field | magnitude));
            REQUIRE(at(middle) == (sign_field | even));
            REQUIRE(at(std::nextafter(middle, From{0})) == (sign_field | magnitude));
            REQUIRE(at(std::nextafter(middle, static_cast<From>(upper))) == (sign_field | (magnitude + 1)));
        }
    }
}

} // namespace

TEST_CASE("every fp16 is widened to its value") {
    for (unsigned magnitude = 0; magnitude < 0x7c00; ++magnitude) {
        const auto expected = static_cast<float>(value_of(magnitude, 10, 15));
        REQUIRE(bits(fp32_from_fp16(static_cast<std::uint16_t>(magnitude))) == bits(expected));
        REQUIRE(bits(fp32_from_fp16(static_cast<std::uint16_t>(magnitude | 0x8000U))) == bits(-expected));
    }
    CHECK(fp32_from_fp16(0x7c00) == kInfinity);
    CHECK(fp32_from_fp16(0xfc00) == -kInfinity);
    for (unsigned nan = 0x7c01; nan < 0x8000; ++nan) {
        REQUIRE(bits(fp32_from_fp16(static_cast<std::uint16_t>(nan))) == 0x7fc00000);
        REQUIRE(bits(fp32_from_fp16(static_cast<std::uint16_t>(nan | 0x8000U))) == 0x7fc00000);
    }
}

TEST_CASE("every fp8 is widened to its value") {
    for (unsigned magnitude = 0; magnitude < 0x7f; ++magnitude) {
        const auto expected = static_cast<float>(value_of(magnitude, 3, 7));
        CHECK(bits(fp32_from_fp8(static_cast<std::uint8_t>(magnitude))) == bits(expected));
        CHECK(bits(fp32_from_fp8(static_cast<std::uint8_t>(magnitude | 0x80U))) == bits(-expected));
    }
    CHECK(fp32_from_fp8(0x7e) == 448.0F);
    CHECK(fp32_from_fp8(0x01) == 0x1p-9F);
    CHECK(bits(fp32_from_fp8(0x7f)) == 0x7fc00000);
    CHECK(bits(fp32_from_fp8(0xff)) == 0x7fc00000);
}

TEST_CASE("fp16 is the nearest even of fp32 and of fp64, on both sides of every middle") {
    check_rounding<float>(0x7bff, 10, 15, 0x8000, fp16_from_fp32);
    check_rounding<double>(0x7bff, 10, 15, 0x8000, fp16_from_fp64);
}

TEST_CASE("fp8 is the nearest even of fp32 and of fp64, on both sides of every middle") {
    check_rounding<float>(0x7e, 3, 7, 0x80, fp8_from_fp32);
    check_rounding<double>(0x7e, 3, 7, 0x80, fp8_from_fp64);
}

TEST_CASE("fp16 overflows to infinity from the middle above its largest value on") {
    CHECK(fp16_from_fp32(65504.0F) == 0x7bff);
    CHECK(fp16_from_fp32(std::nextafter(65520.0F, 0.0F)) == 0x7bff);
    CHECK(fp16_from_fp32(65520.0F) == 0x7c00);
    CHECK(fp16_from_fp32(-1e30F) == 0xfc00);
    CHECK(fp16_from_fp32(-kInfinity) == 0xfc00);
    CHECK(fp16_from_fp64(std::nextafter(65520.0, 0.0)) == 0x7bff);
    CHECK(fp16_from_fp64(65520.0) == 0x7c00);
    CHECK(fp16_from_fp64(-1e300) == 0xfc00);
    CHECK(fp16_from_fp64(std::numeric_limits<double>::infinity()) == 0x7c00);
}

TEST_CASE("fp8 saturates, also at infinity") {
    CHECK(fp8_from_fp32(448.0F) == 0x7e);
    CHECK(fp8_from_fp32(std::nextafter(448.0F, 500.0F)) == 0x7e);
    CHECK(fp8_from_fp32(-1e30F) == 0xfe);
    CHECK(fp8_from_fp32(kInfinity) == 0x7e);
    CHECK(fp8_from_fp64(-std::numeric_limits<double>::infinity()) == 0xfe);
}

TEST_CASE("a NaN of any sign and payload narrows to the canonical one") {
    for (const std::uint32_t nan : {0x7fc00000U, 0xffc12345U, 0x7f800001U}) {
        CHECK(fp16_from_fp32(std::bit_cast<float>(nan)) == 0x7e00);
        CHECK(fp8_from_fp32(std::bit_cast<float>(nan)) == 0x7f);
    }
    const auto negative = std::bit_cast<double>(std::uint64_t{0xfff8000000000001});
    CHECK(fp16_from_fp64(negative) == 0x7e00);
    CHECK(fp8_from_fp64(negative) == 0x7f);
}

TEST_CASE("fp16 from fp64 rounds once where going by fp32 rounds twice") {
    const double above_middle = 1.0 + 0x1p-11 + 0x1p-40; // fp32 would drop the last bit and leave the middle.
    CHECK(fp16_from_fp64(above_middle) == 0x3c01);
    CHECK(fp16_from_fp32(static_cast<float>(above_middle)) == 0x3c00);
}

TEST_CASE("values far below the least subnormal become zero and keep their sign") {
    CHECK(fp16_from_fp32(0x1p-25F) == 0); // The middle below 2^-24, to even.
    CHECK(fp16_from_fp32(-0x1p-149F) == 0x8000);
    CHECK(fp16_from_fp64(5e-324) == 0);
    CHECK(fp8_from_fp32(-0x1p-10F) == 0x80);
    CHECK(fp8_from_fp64(-5e-324) == 0x80);
}
