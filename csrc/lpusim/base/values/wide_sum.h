#pragma once

#include <cstdint>

#include "lpusim/base/integers.h"

/// Sums that are exact until they are read: what an accumulator holds with accumulate="wide".
namespace lpusim {

/// A fixed-point number of 128 bits, in units of 2^-48, which every product of two fp16 or two fp8 numbers is
/// a whole multiple of; and whether NaN or an infinity was added.
///
/// Sums of magnitude below 2^79 are exact, in any order; beyond, they wrap modulo 2^80. A product of two fp16
/// is below 2^32, so it would take 2^47 products of the largest size.
class WideSum {
  public:
    /// Adds a value that is NaN, infinite or a multiple of 2^-48 below 2^47, with at most 53 bits.
    void add(double value);
    void add(const WideSum& other);

    /// Nearest even. NaN (canonical) if NaN or both infinities were added. An exact zero is +0.
    [[nodiscard]] float to_fp32() const;

    friend bool operator==(const WideSum&, const WideSum&) = default;

  private:
    void add_units(UInt128 units);

    UInt128 units_; ///< two's complement
    bool nan_ = false;
    bool plus_infinity_ = false;
    bool minus_infinity_ = false;
};

} // namespace lpusim
