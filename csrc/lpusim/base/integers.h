#pragma once

#include <cassert>
#include <cstdint>
#include <limits>

#include "lpusim/base/errors.h"

/// Exact integer arithmetic. Rounding is always named; overflow is an error, never a wrap.
namespace lpusim {

/// ceil(a / b) for a >= 0, b > 0.
[[nodiscard]] constexpr std::int64_t div_ceil(std::int64_t a, std::int64_t b) {
    assert(a >= 0 && b > 0);
    return a / b + (a % b != 0);
}

/// floor(a / b) for b > 0, any a.
[[nodiscard]] constexpr std::int64_t div_floor(std::int64_t a, std::int64_t b) {
    assert(b > 0);
    return a / b - (a % b < 0);
}

/// `value` rounded up to a multiple of `step`.
[[nodiscard]] constexpr std::int64_t round_up(std::int64_t value, std::int64_t step) {
    return div_ceil(value, step) * step;
}

/// a + b; throws ValueError on overflow.
[[nodiscard]] constexpr std::int64_t checked_add(std::int64_t a, std::int64_t b) {
    using limits = std::numeric_limits<std::int64_t>;
    if (b > 0 ? a > limits::max() - b : a < limits::min() - b) {
        throw ValueError("a sum overflows 64-bit integers");
    }
    return a + b;
}

/// Unsigned 128-bit integer, just large enough in operations for exact products and quotients.
struct UInt128 {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    friend constexpr bool operator==(const UInt128&, const UInt128&) = default;
    friend constexpr auto operator<=>(const UInt128&, const UInt128&) = default;
};

/// The full product of two 64-bit integers.
[[nodiscard]] constexpr UInt128 multiply_wide(std::uint64_t a, std::uint64_t b) {
    const std::uint64_t a_low = a & 0xffffffffU, a_high = a >> 32U;
    const std::uint64_t b_low = b & 0xffffffffU, b_high = b >> 32U;
    const std::uint64_t low_low = a_low * b_low;
    const std::uint64_t middle = a_high * b_low + (low_low >> 32U);
    const std::uint64_t middle2 = a_low * b_high + (middle & 0xffffffffU);
    return {a_high * b_high + (middle >> 32U) + (middle2 >> 32U), (middle2 << 32U) | (low_low & 0xffffffffU)};
}

struct WideQuotient {
    UInt128 quotient;
    std::uint64_t remainder = 0;
};

/// Long division, one bit at a time: exact, and never in a hot loop. `divisor` > 0.
[[nodiscard]] constexpr WideQuotient divide_wide(UInt128 dividend, std::uint64_t divisor) {
    assert(divisor > 0);
    WideQuotient result;
    for (int bit = 127; bit >= 0; --bit) {
        const bool carry = (result.remainder >> 63U) != 0;
        const std::uint64_t next = bit >= 64 ? dividend.high >> (bit - 64) : dividend.low >> bit;
        result.remainder = (result.remainder << 1U) | (next & 1U);
        if (carry || result.remainder >= divisor) {
            result.remainder -= divisor;
            (bit >= 64 ? result.quotient.high : result.quotient.low) |= std::uint64_t{1} << (bit & 63);
        }
    }
    return result;
}

namespace detail {
[[nodiscard]] constexpr std::int64_t narrow_quotient(const UInt128& value) {
    if (value.high != 0 || value.low > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        throw ValueError("a product overflows 64-bit integers");
    }
    return static_cast<std::int64_t>(value.low);
}
} // namespace detail

/// a * b; both >= 0. Throws ValueError on overflow.
[[nodiscard]] constexpr std::int64_t checked_multiply(std::int64_t a, std::int64_t b) {
    assert(a >= 0 && b >= 0);
    return detail::narrow_quotient(
        multiply_wide(static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b)));
}

/// a * b, or the greatest 64-bit integer where that is less; a, b >= 0.
[[nodiscard]] constexpr std::int64_t saturating_multiply(std::int64_t a, std::int64_t b) {
    assert(a >= 0 && b >= 0);
    constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
    return b != 0 && a > kMax / b ? kMax : a * b;
}

/// floor(a * b / c), exact over the whole range; a, b >= 0, c > 0. Throws ValueError if the result overflows.
[[nodiscard]] constexpr std::int64_t multiply_divide_floor(std::int64_t a, std::int64_t b, std::int64_t c) {
    assert(a >= 0 && b >= 0 && c > 0);
    return detail::narrow_quotient(
        divide_wide(multiply_wide(static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b)),
                    static_cast<std::uint64_t>(c))
            .quotient);
}

/// ceil(a * b / c), exact over the whole range; a, b >= 0, c > 0. Throws ValueError if the result overflows.
[[nodiscard]] constexpr std::int64_t multiply_divide_ceil(std::int64_t a, std::int64_t b, std::int64_t c) {
    assert(a >= 0 && b >= 0 && c > 0);
    const WideQuotient result =
        divide_wide(multiply_wide(static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b)),
                    static_cast<std::uint64_t>(c));
    return checked_add(detail::narrow_quotient(result.quotient), result.remainder != 0);
}

inline constexpr std::int64_t kPicosecondsPerSecond = 1'000'000'000'000;

/// Cycles of a clock as picoseconds, rounded up: an event is never early.
[[nodiscard]] constexpr std::int64_t cycles_to_ps(std::int64_t cycles, std::int64_t clock_hz) {
    return multiply_divide_ceil(cycles, kPicosecondsPerSecond, clock_hz);
}

} // namespace lpusim
