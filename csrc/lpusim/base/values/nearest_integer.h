#pragma once

#include <cstdint>
#include <limits>

namespace lpusim {

/// A value rounded to nearest even, clamped to an integer type of at most 32 bits; NaN is 0. Straight-line.
template <class Integer>
[[nodiscard]] inline Integer nearest_integer(double value) {
    constexpr double kLeast = std::numeric_limits<Integer>::min(),
                     kMost = std::numeric_limits<Integer>::max();
    constexpr double kShift = 0x1.8p52; // Its last place is 1: adding it rounds.
    const double known = value == value ? value : 0.0;
    const double bounded = known < kLeast ? kLeast : known > kMost ? kMost : known;
    return static_cast<Integer>(static_cast<std::int32_t>((bounded + kShift) - kShift));
}

} // namespace lpusim
