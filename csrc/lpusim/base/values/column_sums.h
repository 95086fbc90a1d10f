#pragma once

#include <cstdint>
#include <span>

#include "lpusim/base/values/simd_level.h"
#include "lpusim/base/values/weight_plane.h"
#include "lpusim/base/values/wide_sum.h"

/// What an MXM plane computes: sums[i * lanes + c] = sum over lanes of activations[i, lane] * weights[lane,
/// c].
///
/// Activations are byte planes: `rows` vectors of one byte a lane, for fp16 all low bytes before all high
/// bytes. Floating-point sums are fp32 bits: of exact products, added exactly, rounded once to nearest even.
/// NaN is 0x7fc00000; it comes from a NaN, from infinity times zero and from opposite infinities. A sum of
/// zero is +0, also where every product is -0: the sum starts from +0. (The least product of two fp16 is
/// 2^-48 and the greatest below 2^32: sums neither underflow nor overflow.)
///
/// The bits are the same at every `level`, which must be one that the machine has. One thread does all.
/// Cost: rows * lanes^2 multiply-adds, and one pass over the weights after they have changed.
namespace lpusim {

/// Exact modulo 2^32, so exact up to 131,071 lanes.
void column_sums_int8(WeightPlane& weights, const std::uint8_t* activations, std::int64_t rows,
                      std::int32_t* sums, SimdLevel level = best_simd_level());

/// Weights and activations are fp8; at most 131,072 lanes.
void column_sums_fp8(WeightPlane& weights, const std::uint8_t* activations, std::int64_t rows,
                     std::int32_t* sums, SimdLevel level = best_simd_level());

/// Two byte planes together: `low` and `high` hold the low and high bytes of fp16 weights. The lanes are
/// summed in `parts` equal parts, each rounded to fp32; then the parts are added in fp32, in order. `parts`
/// divides the lanes. Cost: a sum too near the middle of two fp32 is found again in whole numbers, at about
/// three nanoseconds a product; among random operands that is one sum in some thousands.
void column_sums_fp16(WeightPlane& low, WeightPlane& high, const std::uint8_t* activations, std::int64_t rows,
                      std::int64_t parts, std::int32_t* sums, SimdLevel level = best_simd_level());

/// The same sums without any rounding, added to `sums`.
void add_wide_sums_fp8(WeightPlane& weights, const std::uint8_t* activations, std::int64_t rows,
                       WideSum* sums, SimdLevel level = best_simd_level());
void add_wide_sums_fp16(WeightPlane& low, WeightPlane& high, const std::uint8_t* activations,
                        std::int64_t rows, WideSum* sums, SimdLevel level = best_simd_level());

/// total[i] += added[i], wrapping.
void add_wrapping(std::span<std::int32_t> total, std::span<const std::int32_t> added);

/// total[i] += added[i], both the bits of an fp32: one rounding, canonical NaN.
void add_fp32_bits(std::span<std::int32_t> total, std::span<const std::int32_t> added);

} // namespace lpusim
