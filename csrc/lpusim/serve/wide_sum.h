#pragma once

#include <cstdint>

#include "lpusim/base/integers.h"

namespace lpusim::serve {

/// A sum of products of non-negative integers, exact to 128 bits: pages x picoseconds overflow 64 bits in
/// minutes.
class WideSum {
  public:
    constexpr void add_product(std::int64_t a, std::int64_t b) {
        const UInt128 product = multiply_wide(static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b));
        value_.low += product.low;
        value_.high += product.high + (value_.low < product.low);
    }

    /// By value, so that a sum can be added to itself.
    constexpr WideSum& operator+=(WideSum other) {
        value_.low += other.value_.low;
        value_.high += other.value_.high + (value_.low < other.value_.low);
        return *this;
    }

    [[nodiscard]] constexpr UInt128 value() const { return value_; }

    /// The nearest double, for ratios.
    [[nodiscard]] constexpr double to_double() const {
        return static_cast<double>(value_.high) * 18446744073709551616.0 + static_cast<double>(value_.low);
    }

  private:
    UInt128 value_;
};

} // namespace lpusim::serve
