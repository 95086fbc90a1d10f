#include "lpusim/chip/values.h"

#include <array>
#include <bit>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>

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
std::uint32_t one(const VxmCompute& instruction, std::uint32_t a, std::uint32_t b = 0) {
    std::array<std::uint8_t, 4> out{};
    vxm_apply(instruction, planes(a).data(), planes(b).data(), out.data(), 1);
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
