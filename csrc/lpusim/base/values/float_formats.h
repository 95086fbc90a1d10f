#pragma once

#include <bit>
#include <cstdint>

/// Floating-point formats as bits, and conversions between them. fp16 is IEEE binary16. fp8 is OCP e4m3
/// ("e4m3fn": no infinities, one NaN magnitude, largest value 448).
///
/// Every conversion rounds to nearest even, keeps subnormals and gives the canonical NaN (sign clear). fp16
/// overflows to infinity. fp8 saturates to +-448, infinities too (the saturating mode of the OCP 8-bit
/// specification). No libm, no rounding mode, no table; straight-line code that vectorises.
namespace lpusim {

inline constexpr std::uint32_t kFp32Nan = 0x7fc00000;
inline constexpr std::uint16_t kFp16Nan = 0x7e00;
inline constexpr std::uint8_t kFp8Nan = 0x7f;

[[nodiscard]] constexpr float canonical_nan(float value) {
    return value == value ? value : std::bit_cast<float>(kFp32Nan);
}

/// Exact.
[[nodiscard]] constexpr float fp32_from_fp16(std::uint16_t bits) {
    const std::uint32_t sign = (bits & 0x8000U) << 16U;
    const std::uint32_t magnitude = bits & 0x7fffU;
    const std::uint32_t normal = (magnitude << 13U) + (112U << 23U); // Biases: 15 there, 127 here.
    const auto subnormal =
        std::bit_cast<std::uint32_t>(static_cast<float>(static_cast<int>(magnitude)) * 0x1p-24F);
    const std::uint32_t finite = magnitude < 0x0400U ? subnormal : normal;
    const std::uint32_t infinite = magnitude == 0x7c00U ? sign | 0x7f800000U : kFp32Nan;
    return std::bit_cast<float>(magnitude < 0x7c00U ? sign | finite : infinite);
}

[[nodiscard]] constexpr std::uint16_t fp16_from_fp32(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (bits >> 16U) & 0x8000U;
    const std::uint32_t magnitude = bits & 0x7fffffffU;
    const std::uint32_t normal = (magnitude + 0xfffU + ((magnitude >> 13U) & 1U) - (112U << 23U)) >> 13U;
    // 0.5 has the unit of fp16's subnormals, 2^-24, in its last place: the addition does the rounding.
    const std::uint32_t subnormal =
        std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - 0x3f000000U;
    const std::uint32_t finite = magnitude < 0x38800000U ? subnormal : normal; // 2^-14
    const std::uint32_t bounded = magnitude < 0x477ff000U ? finite : 0x7c00U;  // 65,520
    return static_cast<std::uint16_t>(magnitude > 0x7f800000U ? kFp16Nan : sign | bounded);
}

/// One rounding, where going by fp32 would be two.
[[nodiscard]] constexpr std::uint16_t fp16_from_fp64(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const std::uint64_t sign = (bits >> 48U) & 0x8000U;
    const std::uint64_t magnitude = bits & 0x7fffffffffffffffU;
    const std::uint64_t normal =
        (magnitude + 0x1ffffffffffU + ((magnitude >> 42U) & 1U) - (std::uint64_t{1008} << 52U)) >> 42U;
    const std::uint64_t subnormal =
        std::bit_cast<std::uint64_t>(std::bit_cast<double>(magnitude) + 0x1p28) - 0x41b0000000000000U;
    const std::uint64_t finite = magnitude < 0x3f10000000000000U ? subnormal : normal; // 2^-14
    const std::uint64_t bounded = magnitude < 0x40effe0000000000U ? finite : 0x7c00U;  // 65,520
    return static_cast<std::uint16_t>(magnitude > 0x7ff0000000000000U ? kFp16Nan : sign | bounded);
}

/// Exact.
[[nodiscard]] constexpr float fp32_from_fp8(std::uint8_t bits) {
    const std::uint32_t sign = (bits & 0x80U) << 24U;
    const std::uint32_t magnitude = bits & 0x7fU;
    const std::uint32_t normal = (magnitude << 20U) + (120U << 23U); // Biases: 7 there, 127 here.
    const auto subnormal =
        std::bit_cast<std::uint32_t>(static_cast<float>(static_cast<int>(magnitude)) * 0x1p-9F);
    const std::uint32_t finite = magnitude < 0x08U ? subnormal : normal;
    return std::bit_cast<float>(magnitude == 0x7fU ? kFp32Nan : sign | finite);
}

/// One rounding. An fp32 or int32 value can be given: it is exact as a double.
[[nodiscard]] constexpr std::uint8_t fp8_from_fp64(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    const std::uint64_t sign = (bits >> 56U) & 0x80U;
    const std::uint64_t magnitude = bits & 0x7fffffffffffffffU;
    const std::uint64_t normal =
        (magnitude + 0xffffffffffffU + ((magnitude >> 49U) & 1U) - (std::uint64_t{1016} << 52U)) >> 49U;
    // 2^43 has the unit of fp8's subnormals, 2^-9, in its last place.
    const std::uint64_t subnormal =
        std::bit_cast<std::uint64_t>(std::bit_cast<double>(magnitude) + 0x1p43) - 0x42a0000000000000U;
    const std::uint64_t finite = magnitude < 0x3f90000000000000U ? subnormal : normal; // 2^-6
    const std::uint64_t bounded = magnitude < 0x407c000000000000U ? finite : 0x7eU;    // 448
    return static_cast<std::uint8_t>(magnitude > 0x7ff0000000000000U ? kFp8Nan : sign | bounded);
}

[[nodiscard]] constexpr std::uint8_t fp8_from_fp32(float value) {
    return fp8_from_fp64(static_cast<double>(value));
}

} // namespace lpusim
