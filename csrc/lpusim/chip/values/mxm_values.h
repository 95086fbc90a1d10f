#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/base/values/simd_level.h"
#include "lpusim/base/values/weight_plane.h"
#include "lpusim/base/values/wide_sum.h"
#include "lpusim/chip/isa.h"
#include "lpusim/chip/spec.h"

/// What MXM instructions do to values, the same for both engines.
namespace lpusim::chip {

/// Column sums of some activations, one after another: 32-bit words (an int32, or the bits of an fp32), or
/// sums that are not yet rounded. The other list is empty.
struct ColumnSums {
    std::vector<std::int32_t> words;
    std::vector<WideSum> wide;
};

/// Does this activation leave sums that are not rounded? A chip with mxm_wide_accumulate does so for
/// floating-point numbers.
[[nodiscard]] bool keeps_wide_sums(const MxmActivate& activate, const ChipSpec& spec);

/// Multiplies `rows` activation vectors (byte planes, as in column_sums.h) with `weights`, for fp16 the low
/// bytes of the weights; `high` has their high bytes and is null for other types.
void multiply(const MxmActivate& activate, const ChipSpec& spec, WeightPlane& weights, WeightPlane* high,
              const std::uint8_t* activations, std::int64_t rows, ColumnSums& sums,
              SimdLevel level = best_simd_level());

/// One accumulator vector of a plane. It holds zeros until something is taken; wide sums while all that was
/// taken since the last start was wide and added as fp32, else words.
class Accumulator {
  public:
    /// Takes one vector of column sums as `order` says. Wide sums that meet words are rounded to fp32 first.
    void take(const MxmAccumulate& order, std::span<const std::int32_t> words);
    void take(const MxmAccumulate& order, std::span<const WideSum> wide);

    /// The content as words; wide sums are rounded once. Precondition: something was taken.
    void read(std::span<std::int32_t> words) const;

  private:
    std::vector<std::int32_t> words_; ///< one of the two is empty
    std::vector<WideSum> wide_;
};

} // namespace lpusim::chip
