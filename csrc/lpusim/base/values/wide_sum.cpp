#include "lpusim/base/values/wide_sum.h"

#include <bit>
#include <cassert>
#include <cmath>
#include <limits>

#include "lpusim/base/values/float_formats.h"

namespace lpusim {

namespace {

constexpr int kUnitExponent = -48;

UInt128 shifted_left(UInt128 value, unsigned bits) {
    assert(bits < 128);
    if (bits >= 64) {
        return {value.low << (bits - 64U), 0};
    }
    return bits == 0 ? value : UInt128{value.high << bits | value.low >> (64U - bits), value.low << bits};
}

UInt128 negated(UInt128 value) {
    return {~value.high + (value.low == 0), ~value.low + 1U};
}

UInt128 widened(std::int64_t value) {
    return {value < 0 ? ~std::uint64_t{0} : 0, static_cast<std::uint64_t>(value)};
}

} // namespace

void WideSum::add_units(UInt128 units) {
    const std::uint64_t low = units_.low + units.low;
    units_ = {units_.high + units.high + (low < units.low), low};
}

void WideSum::add(double value) {
    const double magnitude = std::fabs(value);
    if (magnitude < 0x1p14) {
        add_units(widened(static_cast<std::int64_t>(value * 0x1p48)));
    } else if (magnitude < std::numeric_limits<double>::infinity()) {
        // Whole and fraction apart: both fit in 64 bits.
        assert(magnitude < 0x1p47);
        const auto whole = static_cast<std::int64_t>(value);
        add_units(shifted_left(widened(whole), -kUnitExponent));
        add_units(widened(static_cast<std::int64_t>((value - static_cast<double>(whole)) * 0x1p48)));
    } else {
        nan_ = nan_ || value != value;
        plus_infinity_ = plus_infinity_ || value > 0;
        minus_infinity_ = minus_infinity_ || value < 0;
    }
}

void WideSum::add(const WideSum& other) {
    add_units(other.units_);
    nan_ = nan_ || other.nan_;
    plus_infinity_ = plus_infinity_ || other.plus_infinity_;
    minus_infinity_ = minus_infinity_ || other.minus_infinity_;
}

float WideSum::to_fp32() const {
    if (nan_ || (plus_infinity_ && minus_infinity_)) {
        return std::bit_cast<float>(kFp32Nan);
    }
    if (plus_infinity_ || minus_infinity_) {
        const float infinity = std::numeric_limits<float>::infinity();
        return plus_infinity_ ? infinity : -infinity;
    }
    if (units_ == UInt128{}) {
        return 0.0F;
    }
    const bool negative = (units_.high >> 63U) != 0;
    const UInt128 magnitude = negative ? negated(units_) : units_;
    const int zeros =
        magnitude.high != 0 ? std::countl_zero(magnitude.high) : 64 + std::countl_zero(magnitude.low);
    const UInt128 aligned = shifted_left(magnitude, static_cast<unsigned>(zeros));
    const std::uint64_t kept = aligned.high >> 40U; // The 24 bits of an fp32; the rest decides the rounding.
    const UInt128 rest{aligned.high << 24U, aligned.low}; // Its high word is aligned with the half below.
    const UInt128 half{std::uint64_t{1} << 63U, 0};
    const bool up = rest > half || (rest == half && (kept & 1U) != 0);
    const float rounded = std::ldexp(static_cast<float>(kept + up), 104 - zeros + kUnitExponent);
    return negative ? -rounded : rounded;
}

} // namespace lpusim
