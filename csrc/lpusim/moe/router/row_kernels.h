#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// The steps of choosing experts that need an instruction set of their own. A row comes in blocks of 16
/// floats, its last block filled up with kPadding.
namespace lpusim::moe {

inline constexpr std::size_t kBlock = 16;
inline constexpr std::size_t kMostChosen = 32; ///< The largest k that the kernels take.
inline constexpr std::size_t kMostOrdered = 4 * kBlock;
inline constexpr std::size_t kUnsure = static_cast<std::size_t>(-1);

/// The least float: whatever is equal to it stands before it, so it is never chosen for one.
inline constexpr float kPadding = -3.40282346638528859812e+38F;

/// Rough sigmoids are 1 / (1 + 2^-y), y = z log2 e: 2^r by a polynomial in |r| <= 1/2 that is nearest in
/// relative error (2.7e-6), the quotient from an estimate by one Newton step.
inline constexpr float kLog2E = 1.44269504F;
inline constexpr float kPower[] = {0.99999928F, 0.69312179F, 0.24024744F, 0.055917859F, 0.0095701022F};

/// None is further than this from the true one, no sum with a bias further than this and kRoughRounding of
/// the largest bias.
inline constexpr float kRoughError = 2e-6F;
inline constexpr float kRoughRounding = 0x1p-22F;

struct RowKernels {
    /// A lower bound on the k-th largest value of the blocks that begin at values[starts[0]],
    /// values[starts[1]], ...; NaN where one is not finite. 1 <= k <= kMostChosen, and there are at least k.
    float (*bound)(const float* values, std::span<const std::int32_t> starts, std::size_t k) = nullptr;

    /// Writes the positions, block by block, of all values of such blocks that are at least `least`, and
    /// returns their number; kUnsure where many lie close together. `positions` has room for every value and
    /// kBlock more; what lies behind those written names values too.
    std::size_t (*collect)(const float* values, std::span<const std::int32_t> starts, float least,
                           std::int32_t* positions) = nullptr;

    /// Puts the first `count` <= kMostOrdered positions in order of their values, the largest first, equal
    /// ones as they come. `positions` has as many as fill up blocks of kBlock, 2 kBlock or 4 kBlock, the rest
    /// naming any values; `ordered` has room for as many.
    void (*order)(const float* values, const std::int32_t* positions, std::size_t count,
                  std::int32_t* ordered) = nullptr;

    /// ranks[i] = about 1 / (1 + e^-logits[i]) + bias[i]. False where a logit is not finite.
    bool (*rough_sigmoids)(const float* logits, const float* bias, std::size_t blocks,
                           float* ranks) = nullptr;

    /// Ranks 8 groups of equally many blocks by the sum of their two largest values. Bit g of the result says
    /// that group g is among the best `kept` < 8; `gap` is how far the last of these is above the next, 0
    /// where equal groups leave it open which they are.
    std::uint32_t (*best_of_8_groups)(const float* values, std::size_t blocks_per_group, std::size_t kept,
                                      float* gap) = nullptr;
};

[[nodiscard]] RowKernels row_kernels_avx2();
[[nodiscard]] RowKernels row_kernels_avx512();

} // namespace lpusim::moe
