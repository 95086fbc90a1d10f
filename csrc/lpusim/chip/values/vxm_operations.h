#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "lpusim/chip/isa.h"

/// Pointwise operations on values of one type, straight-line so that loops over them vectorise.
namespace lpusim::chip {

template <class T>
[[nodiscard]] T clamp_to(std::int64_t value) {
    return static_cast<T>(
        std::clamp<std::int64_t>(value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
}

/// value / 2^shift, nearest even; shift from 0 to 31.
[[nodiscard]] inline std::int32_t shift_right(std::int32_t value, std::int32_t shift) {
    const std::int64_t half = (std::int64_t{1} << shift) >> 1;
    const std::int64_t odd = (value >> shift) & 1;
    return static_cast<std::int32_t>((value + half - (shift > 0 && odd == 0)) >> shift);
}

/// NaN if either operand is one; of two zeros, +0 is the greater.
[[nodiscard]] inline float greater_of(float a, float b) {
    const auto equal =
        std::bit_cast<float>(std::bit_cast<std::uint32_t>(a) & std::bit_cast<std::uint32_t>(b));
    return a > b ? a : b > a ? b : a == b ? equal : std::numeric_limits<float>::quiet_NaN();
}

[[nodiscard]] inline float lesser_of(float a, float b) {
    const auto equal =
        std::bit_cast<float>(std::bit_cast<std::uint32_t>(a) | std::bit_cast<std::uint32_t>(b));
    return a < b ? a : b < a ? b : a == b ? equal : std::numeric_limits<float>::quiet_NaN();
}

/// Calls visit(f) with the operation as a function of one, two or three values of type T: wrapping unsigned
/// arithmetic stands for the modulo forms, and Abs and Neg of the least integer give it back. False, and no
/// call, if the operation is not of that kind or T has none such.
template <class T, class Visit>
bool with_operation(VxmOp op, const Visit& visit) {
    constexpr bool kInteger = std::is_integral_v<T>;
    const auto found = [&](const auto& function) {
        visit(function);
        return true;
    };
    switch (op) {
    case VxmOp::Pass:
        return found([](T a) { return a; });
    case VxmOp::Relu:
        return found([](T a) { return a < T{0} || a == T{0} ? T{0} : a; }); // NaN stays.
    case VxmOp::Mask:
        return found([](T a, T b) { return b != T{0} ? a : T{0}; });
    case VxmOp::Select:
        return found([](T a, T b, T c) { return c != T{0} ? a : b; });
    case VxmOp::Equal:
        return found([](T a, T b) { return a == b ? T{1} : T{0}; });
    case VxmOp::Less:
        return found([](T a, T b) { return a < b ? T{1} : T{0}; });
    case VxmOp::LessEqual:
        return found([](T a, T b) { return a <= b ? T{1} : T{0}; });
    default:
        break;
    }
    if constexpr (kInteger) {
        using U = std::uint32_t; // At least as wide as T: no promotion to int, no overflow.
        switch (op) {
        case VxmOp::Add:
            return found([](T a, T b) { return static_cast<T>(static_cast<U>(a) + static_cast<U>(b)); });
        case VxmOp::Sub:
            return found([](T a, T b) { return static_cast<T>(static_cast<U>(a) - static_cast<U>(b)); });
        case VxmOp::Mul:
            return found([](T a, T b) { return static_cast<T>(static_cast<U>(a) * static_cast<U>(b)); });
        case VxmOp::AddSat:
            return found([](T a, T b) { return clamp_to<T>(std::int64_t{a} + b); });
        case VxmOp::SubSat:
            return found([](T a, T b) { return clamp_to<T>(std::int64_t{a} - b); });
        case VxmOp::MulSat:
            return found([](T a, T b) { return clamp_to<T>(std::int64_t{a} * b); });
        case VxmOp::Max:
            return found([](T a, T b) { return std::max(a, b); });
        case VxmOp::Min:
            return found([](T a, T b) { return std::min(a, b); });
        case VxmOp::And:
            return found([](T a, T b) { return static_cast<T>(a & b); });
        case VxmOp::Or:
            return found([](T a, T b) { return static_cast<T>(a | b); });
        case VxmOp::Xor:
            return found([](T a, T b) { return static_cast<T>(a ^ b); });
        case VxmOp::Abs:
            return found([](T a) { return a < 0 ? static_cast<T>(0U - static_cast<U>(a)) : a; });
        case VxmOp::Neg:
            return found([](T a) { return static_cast<T>(0U - static_cast<U>(a)); });
        default:
            return false;
        }
    } else {
        const auto masked = [](T a, std::uint32_t keep, std::uint32_t flip) {
            return std::bit_cast<T>((std::bit_cast<std::uint32_t>(a) & keep) ^ flip);
        };
        switch (op) {
        case VxmOp::Add:
            return found([](T a, T b) { return a + b; });
        case VxmOp::Sub:
            return found([](T a, T b) { return a - b; });
        case VxmOp::Mul:
            return found([](T a, T b) { return a * b; });
        case VxmOp::Max:
            return found([](T a, T b) { return greater_of(a, b); });
        case VxmOp::Min:
            return found([](T a, T b) { return lesser_of(a, b); });
        case VxmOp::Abs:
            return found([masked](T a) { return masked(a, 0x7fffffffU, 0); });
        case VxmOp::Neg:
            return found([masked](T a) { return masked(a, 0xffffffffU, 0x80000000U); });
        default:
            return false;
        }
    }
}

} // namespace lpusim::chip
