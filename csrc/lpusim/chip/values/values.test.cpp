#include "lpusim/chip/values/values.h"

#include <array>
#include <bit>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "lpusim/base/rng.h"
#include "lpusim/base/values/float_formats.h"
#include "lpusim/base/values/vector_functions.h"

using namespace lpusim;
using namespace lpusim::chip;

namespace {

VxmCompute compute(VxmOp op, DType dtype, DType result) {
    VxmCompute instruction;
    instruction.op = op;
    instruction.dtype = dtype;
    instruction.result = result;
    return instruction;
}

std::array<std::uint8_t, 4> planes(std::uint32_t bits) {
    std::array<std::uint8_t, 4> result{};
    for (unsigned byte = 0; byte < 4; ++byte) {
        result[byte] = static_cast<std::uint8_t>(bits >> (8 * byte));
    }
    return result;
}

/// One element through one instruction; bits in, bits out.
std::uint32_t one(const VxmCompute& instruction, std::uint32_t a, std::uint32_t b = 0, std::uint32_t c = 0) {
    std::array<std::uint8_t, 4> out{};
    const auto left = planes(a), right = planes(b), third = planes(c);
    vxm_apply(instruction, {left.data(), right.data(), third.data()}, out.data(), 1);
    return out[0] | (std::uint32_t{out[1]} << 8U) | (std::uint32_t{out[2]} << 16U) |
           (std::uint32_t{out[3]} << 24U);
}

int int8(VxmOp op, int a, int b = 0) {
    return static_cast<std::int8_t>(one(compute(op, DType::Int8, DType::Int8), static_cast<std::uint32_t>(a),
                                        static_cast<std::uint32_t>(b)));
}

std::int32_t int32(VxmOp op, std::int32_t a, std::int32_t b = 0) {
    return static_cast<std::int32_t>(one(compute(op, DType::Int32, DType::Int32),
                                         static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(b)));
}

float fp32(VxmOp op, float a, float b = 0) {
    return std::bit_cast<float>(one(compute(op, DType::Fp32, DType::Fp32), std::bit_cast<std::uint32_t>(a),
                                    std::bit_cast<std::uint32_t>(b)));
}

constexpr std::int32_t kMin = std::numeric_limits<std::int32_t>::min();
constexpr std::int32_t kMax = std::numeric_limits<std::int32_t>::max();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

} // namespace

TEST_CASE("integer arithmetic wraps, and its saturating forms clamp") {
    CHECK(int8(VxmOp::Add, 127, 1) == -128);
    CHECK(int8(VxmOp::AddSat, 127, 1) == 127);
    CHECK(int8(VxmOp::AddSat, 126, 1) == 127);
    CHECK(int8(VxmOp::Sub, -128, 1) == 127);
    CHECK(int8(VxmOp::SubSat, -128, 1) == -128);
    CHECK(int8(VxmOp::Mul, 16, 16) == 0);
    CHECK(int8(VxmOp::MulSat, 16, 16) == 127);
    CHECK(int32(VxmOp::Add, kMax, 1) == kMin);
    CHECK(int32(VxmOp::AddSat, kMax, 1) == kMax);
    CHECK(int32(VxmOp::SubSat, kMin, 1) == kMin);
    CHECK(int32(VxmOp::Mul, kMin, kMin) == 0);
    CHECK(int32(VxmOp::MulSat, kMin, kMin) == kMax);
}

TEST_CASE("max, min, relu and mask choose") {
    CHECK(int8(VxmOp::Max, -3, 2) == 2);
    CHECK(int8(VxmOp::Min, -3, 2) == -3);
    CHECK(int8(VxmOp::Relu, -3) == 0);
    CHECK(int8(VxmOp::Relu, 3) == 3);
    CHECK(int8(VxmOp::Mask, 5, 0) == 0);
    CHECK(int8(VxmOp::Mask, 5, -1) == 5);
    CHECK(fp32(VxmOp::Relu, -1.0F) == 0.0F);
    CHECK(std::signbit(fp32(VxmOp::Min, 0.0F, -0.0F)));
    CHECK(!std::signbit(fp32(VxmOp::Max, -0.0F, 0.0F)));
}

TEST_CASE("every NaN that comes out is the canonical one") {
    const std::uint32_t other = 0xffc12345;
    const auto bits = [](float value) { return std::bit_cast<std::uint32_t>(value); };
    for (const VxmOp op : {VxmOp::Add, VxmOp::Sub, VxmOp::Mul, VxmOp::Max, VxmOp::Min, VxmOp::Pass}) {
        CHECK(bits(fp32(op, std::bit_cast<float>(other), 1.0F)) == 0x7fc00000);
    }
    const float infinity = std::numeric_limits<float>::infinity();
    CHECK(bits(fp32(VxmOp::Sub, infinity, infinity)) == 0x7fc00000);
}

TEST_CASE("conversions round to nearest even and saturate") {
    const auto to_int8 = [](float value) {
        return static_cast<std::int8_t>(
            one(compute(VxmOp::Convert, DType::Fp32, DType::Int8), std::bit_cast<std::uint32_t>(value)));
    };
    CHECK(to_int8(0.5F) == 0);
    CHECK(to_int8(1.5F) == 2);
    CHECK(to_int8(-0.5F) == 0);
    CHECK(to_int8(-1.5F) == -2);
    CHECK(to_int8(2.4999F) == 2);
    CHECK(to_int8(126.5F) == 126);
    CHECK(to_int8(1e30F) == 127);
    CHECK(to_int8(-1e30F) == -128);
    CHECK(to_int8(kNan) == 0);
    const VxmCompute narrow = compute(VxmOp::Convert, DType::Int32, DType::Int8);
    CHECK(static_cast<std::int8_t>(one(narrow, 300)) == 127);
    CHECK(static_cast<std::int8_t>(one(narrow, static_cast<std::uint32_t>(-300))) == -128);
    // 2^24 + 1 lies between two floats and goes to the even one.
    CHECK(std::bit_cast<float>(one(compute(VxmOp::Convert, DType::Int32, DType::Fp32), 16'777'217)) ==
          16'777'216.0F);
    CHECK(one(compute(VxmOp::Convert, DType::Int8, DType::Int32), 0x80) == 0xffffff80);
}

TEST_CASE("requantising shifts or scales, rounds to nearest even and saturates") {
    const VxmCompute shift = compute(VxmOp::ShiftRight, DType::Int32, DType::Int8);
    const auto shifted = [&](std::int32_t value, std::uint32_t by) {
        return static_cast<std::int8_t>(one(shift, static_cast<std::uint32_t>(value), by));
    };
    CHECK(shifted(6, 2) == 2);   // 1.5
    CHECK(shifted(10, 2) == 2);  // 2.5
    CHECK(shifted(-6, 2) == -2); // -1.5
    CHECK(shifted(-10, 2) == -2);
    CHECK(shifted(11, 2) == 3);
    CHECK(shifted(508, 2) == 127);
    CHECK(shifted(512, 2) == 127);
    CHECK(shifted(5, 0) == 5);
    CHECK(shifted(kMin, 31) == -1);
    const VxmCompute scale = compute(VxmOp::Scale, DType::Int32, DType::Int8);
    const auto half = std::bit_cast<std::uint32_t>(0.5F);
    CHECK(static_cast<std::int8_t>(one(scale, 5, half)) == 2);
    CHECK(static_cast<std::int8_t>(one(scale, 7, half)) == 4);
    CHECK(static_cast<std::int8_t>(one(scale, 1000, half)) == 127);
}

namespace {

std::uint32_t fp16(VxmOp op, std::uint32_t a, std::uint32_t b = 0, std::uint32_t c = 0) {
    return one(compute(op, DType::Fp16, DType::Fp16), a, b, c);
}

std::uint32_t converted(DType from, DType to, std::uint32_t bits) {
    return one(compute(VxmOp::Convert, from, to), bits);
}

std::uint32_t bits_of(float value) {
    return std::bit_cast<std::uint32_t>(value);
}

} // namespace

TEST_CASE("comparisons give 1 or 0 in the operands' type, and 0 with NaN") {
    CHECK(int8(VxmOp::Equal, 3, 3) == 1);
    CHECK(int8(VxmOp::Equal, 3, -3) == 0);
    CHECK(int32(VxmOp::Less, kMin, kMax) == 1);
    CHECK(int32(VxmOp::Less, kMax, kMax) == 0);
    CHECK(int32(VxmOp::LessEqual, kMax, kMax) == 1);
    CHECK(int32(VxmOp::LessEqual, kMax, kMin) == 0);
    CHECK(fp32(VxmOp::Equal, -0.0F, 0.0F) == 1.0F);
    CHECK(fp32(VxmOp::Less, -1.0F, 0.5F) == 1.0F);
    CHECK(fp16(VxmOp::LessEqual, 0x3c00, 0x3c00) == 0x3c00);
    for (const VxmOp op : {VxmOp::Equal, VxmOp::Less, VxmOp::LessEqual}) {
        CHECK(fp32(op, kNan, kNan) == 0.0F);
        CHECK(fp32(op, kNan, 1.0F) == 0.0F);
        CHECK(fp16(op, 0xbc00, 0x7e00) == 0);
    }
}

TEST_CASE("select takes a where c is not zero; NaN is not zero, both zeros are") {
    const VxmCompute fp32_select = compute(VxmOp::Select, DType::Fp32, DType::Fp32);
    CHECK(one(fp32_select, bits_of(1.0F), bits_of(2.0F), bits_of(0.5F)) == bits_of(1.0F));
    CHECK(one(fp32_select, bits_of(1.0F), bits_of(2.0F), bits_of(kNan)) == bits_of(1.0F));
    CHECK(one(fp32_select, bits_of(1.0F), bits_of(2.0F), bits_of(-0.0F)) == bits_of(2.0F));
    CHECK(one(compute(VxmOp::Select, DType::Int8, DType::Int8), 5, 6, 0x80) == 5);
    CHECK(one(compute(VxmOp::Select, DType::Int32, DType::Int32), 5, 6, 0) == 6);
    CHECK(fp16(VxmOp::Select, 0xfe01, 0x3c00, 1) == 0x7e00); // A chosen NaN comes out canonical,
    CHECK(fp16(VxmOp::Select, 0x7e00, 0x8000, 0) == 0x8000); // and one not chosen leaves nothing.
}

TEST_CASE("and, or and xor work on bits; the least integer is its own negative") {
    CHECK(int32(VxmOp::And, 0b1100, 0b1010) == 0b1000);
    CHECK(int32(VxmOp::Or, 0b1100, 0b1010) == 0b1110);
    CHECK(int32(VxmOp::Xor, 0b1100, 0b1010) == 0b0110);
    CHECK(int8(VxmOp::Xor, -1, 0x0f) == -16);
    CHECK(int8(VxmOp::Neg, 5) == -5);
    CHECK(int8(VxmOp::Neg, -128) == -128);
    CHECK(int8(VxmOp::Abs, -127) == 127);
    CHECK(int32(VxmOp::Abs, kMin) == kMin);
    CHECK(fp32(VxmOp::Abs, -2.5F) == 2.5F);
    CHECK(std::signbit(fp32(VxmOp::Neg, 0.0F)));
    CHECK(fp16(VxmOp::Neg, 0xfe00) == 0x7e00);
    CHECK(fp16(VxmOp::Abs, 0xfc00) == 0x7c00);
}

TEST_CASE("fp16 sums and products are the nearest fp16 of the exact result") {
    for (std::uint64_t i = 0; i < 20'000; ++i) {
        const auto a = static_cast<std::uint16_t>(random_bits(11, 0, i));
        auto b = static_cast<std::uint16_t>(random_bits(11, 1, i));
        b = i % 2 == 0 ? b : static_cast<std::uint16_t>((a & 0x7c00U) | (b & 0x83ffU)); // Like exponents.
        const double x = fp32_from_fp16(a), y = fp32_from_fp16(b);
        REQUIRE(fp16(VxmOp::Add, a, b) == fp16_from_fp64(x + y)); // Exact in a double.
        REQUIRE(fp16(VxmOp::Sub, a, b) == fp16_from_fp64(x - y));
        REQUIRE(fp16(VxmOp::Mul, a, b) == fp16_from_fp64(x * y));
    }
}

TEST_CASE("fp16 max, min, relu and mask follow the rules of fp32") {
    CHECK(fp16(VxmOp::Max, 0x8000, 0x0000) == 0x0000);
    CHECK(fp16(VxmOp::Min, 0x0000, 0x8000) == 0x8000);
    CHECK(fp16(VxmOp::Max, 0x3c00, 0x7c01) == 0x7e00);
    CHECK(fp16(VxmOp::Relu, 0x8001) == 0);
    CHECK(fp16(VxmOp::Relu, 0x0001) == 1);
    CHECK(fp16(VxmOp::Relu, 0xfe00) == 0x7e00);
    CHECK(fp16(VxmOp::Mask, 0xc500, 0x8000) == 0);
    CHECK(fp16(VxmOp::Mask, 0xc500, 0x7e00) == 0xc500);
}

TEST_CASE("conversions from and to the narrow floats round once") {
    CHECK(converted(DType::Fp32, DType::Fp16, bits_of(1.0F + 0x1p-11F)) == 0x3c00);
    CHECK(converted(DType::Fp16, DType::Fp32, 0x3c01) == bits_of(1.0F + 0x1p-10F));
    CHECK(converted(DType::Fp16, DType::Int8, 0x4100) == 2); // 2.5
    CHECK(converted(DType::Fp16, DType::Int32, 0xfc00) == 0x80000000);
    CHECK(converted(DType::Fp16, DType::Int32, 0x7e00) == 0);
    CHECK(converted(DType::Int8, DType::Fp16, 0x80) == 0xd800); // -128
    CHECK(converted(DType::Int32, DType::Fp16, 65'519) == 0x7bff);
    CHECK(converted(DType::Int32, DType::Fp16, 65'520) == 0x7c00);
    CHECK(converted(DType::Int32, DType::Fp8, 1'000'000) == 0x7e);
    CHECK(converted(DType::Int8, DType::Fp8, 17) == converted(DType::Int8, DType::Fp8, 16)); // To even.
    CHECK(converted(DType::Fp8, DType::Int8, 0x7e) == 127);
    CHECK(converted(DType::Fp8, DType::Fp16, 0xb8) == 0xbc00); // -1
    CHECK(converted(DType::Fp16, DType::Fp8, 0xfc00) == 0xfe);
    CHECK(converted(DType::Fp32, DType::Fp8, bits_of(-kNan)) == 0x7f);
    CHECK(one(compute(VxmOp::Pass, DType::Fp8, DType::Fp8), 0xff) == 0x7f);
    CHECK(one(compute(VxmOp::Pass, DType::Fp8, DType::Fp8), 0xfe) == 0xfe);
    CHECK(one(compute(VxmOp::Scale, DType::Int32, DType::Fp16), 3, bits_of(0.5F)) == 0x3e00);
}

TEST_CASE("functions of the VXM are those of vector_functions.h") {
    for (const unsigned bits : {0x0000U, 0x8000U, 0x3c00U, 0xc123U, 0x7c00U, 0xfc00U, 0x7e01U}) {
        const auto x = static_cast<std::uint16_t>(bits);
        CHECK(fp16(VxmOp::Exp, x) == exp_fp16(x));
        CHECK(fp16(VxmOp::Rsqrt, x) == rsqrt_fp16(x));
        CHECK(fp16(VxmOp::Tanh, x) == tanh_fp16(x));
        const float wide = fp32_from_fp16(x) * 1.1F;
        CHECK(bits_of(fp32(VxmOp::Exp, wide)) == bits_of(exp_fp32(wide)));
        CHECK(bits_of(fp32(VxmOp::Rsqrt, wide)) == bits_of(rsqrt_fp32(wide)));
        CHECK(bits_of(fp32(VxmOp::Tanh, wide)) == bits_of(tanh_fp32(wide)));
    }
}

TEST_CASE("many elements at once are each element alone, for every operation, type and instruction set") {
    constexpr std::int64_t kElements = 512 + 9; // More than one block.
    constexpr DType kTypes[] = {DType::Int8, DType::Int32, DType::Fp32, DType::Fp16, DType::Fp8};
    std::vector<std::uint8_t> operands[3];
    for (std::uint64_t k = 0; k < 3; ++k) {
        for (std::uint64_t i = 0; i < 4 * kElements; ++i) {
            const std::uint64_t random = random_bits(13, k, i);
            operands[k].push_back(random % 5 == 0 ? std::uint8_t{0}
                                                  : static_cast<std::uint8_t>(random >> 8U));
        }
    }
    const auto element = [&](std::size_t k, DType dtype, std::int64_t i) {
        std::uint32_t bits = 0;
        for (std::int64_t byte = 0; byte < dtype_bytes(dtype); ++byte) {
            bits |= std::uint32_t{operands[k][static_cast<std::size_t>(byte * kElements + i)]} << (8 * byte);
        }
        return bits;
    };
    const auto check = [&](VxmOp op, DType dtype, DType result) {
        CAPTURE(static_cast<int>(op));
        CAPTURE(to_string(dtype));
        CAPTURE(to_string(result));
        const VxmCompute instruction = compute(op, dtype, result);
        const std::int64_t width = dtype_bytes(result);
        const VxmBytes bytes{operands[0].data(), operands[1].data(), operands[2].data()};
        std::vector<std::uint8_t> out(static_cast<std::size_t>(width * kElements)), other(out);
        vxm_apply(instruction, bytes, out.data(), kElements, SimdLevel::Portable);
        for (const SimdLevel level : simd_levels()) {
            vxm_apply(instruction, bytes, other.data(), kElements, level);
            CHECK(other == out);
        }
        for (std::int64_t i = 0; i < kElements; ++i) {
            const std::uint32_t alone =
                one(instruction, element(0, dtype, i), element(1, operand_b_dtype(instruction), i),
                    element(2, dtype, i));
            for (std::int64_t byte = 0; byte < width; ++byte) {
                REQUIRE(out[static_cast<std::size_t>(byte * kElements + i)] ==
                        static_cast<std::uint8_t>(alone >> (8 * byte)));
            }
        }
    };
    for (const DType dtype : kTypes) {
        const bool integer = dtype == DType::Int8 || dtype == DType::Int32;
        for (int index = 0; index <= static_cast<int>(VxmOp::Tanh); ++index) {
            const auto op = static_cast<VxmOp>(index);
            const bool for_integers = op == VxmOp::AddSat || op == VxmOp::SubSat || op == VxmOp::MulSat ||
                                      op == VxmOp::And || op == VxmOp::Or || op == VxmOp::Xor;
            const bool changes_type = op == VxmOp::Convert || op == VxmOp::Scale || op == VxmOp::ShiftRight;
            const bool exists = dtype == DType::Fp8 ? op == VxmOp::Pass
                                : integer           ? !is_function(op)
                                                    : !for_integers;
            if (exists && !changes_type) {
                check(op, dtype, dtype);
            }
        }
        for (const DType result : kTypes) {
            check(VxmOp::Convert, dtype, result);
            if (dtype == DType::Int32 || dtype == DType::Fp32) {
                check(VxmOp::Scale, dtype, result);
            }
            if (integer && (result == DType::Int8 || result == DType::Int32)) {
                check(VxmOp::ShiftRight, dtype, result);
            }
        }
    }
}

TEST_CASE("an immediate is the same on every lane, narrow ones in its low bits") {
    VxmCompute add = compute(VxmOp::Add, DType::Fp16, DType::Fp16);
    add.b = VxmImmediate{0x3c00};
    const std::uint8_t planes_of_a[] = {0x00, 0x00, 0x3c, 0x40}; // 1 and 2
    std::array<std::uint8_t, 4> out{};
    vxm_apply(add, {planes_of_a, nullptr, nullptr}, out.data(), 2);
    CHECK(out == std::array<std::uint8_t, 4>{0x00, 0x00, 0x40, 0x42}); // 2 and 3
    VxmCompute select = compute(VxmOp::Select, DType::Int8, DType::Int8);
    select.a = VxmImmediate{-7};
    select.c = VxmImmediate{1};
    const std::uint8_t byte = 9;
    vxm_apply(select, {nullptr, &byte, nullptr}, out.data(), 1);
    CHECK(out[0] == 0xf9);
}
