#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/base/values/float_rows.h"
#include "lpusim/base/values/simd_level.h"
#include "lpusim/moe/engine/in_place.h"
#include "lpusim/moe/engine/panel_product.h"

/// Products of some rows with some columns of weights, one class for each number format, and the arithmetic
/// each promises. The bits depend on the numbers alone: not on the instruction set, nor on which other rows
/// and columns take part.
///
/// An object keeps memory between calls; one thread uses it at a time. A NaN among the sums may have any
/// bits, except where a class says that it is canonical (float_formats.h).
namespace lpusim::moe {

/// Rows of sums should lie this far apart: a power of two would make them share the sets of a cache.
[[nodiscard]] constexpr std::int64_t sums_stride(std::int64_t columns) {
    return (div_ceil(columns, 16) | 1) * 16;
}

/// What to multiply: a[rows, depth], rows `a_stride` apart, and w[depth, columns], rows `w_stride` apart. No
/// extent is 0.
template <class Element>
struct ProductOperands {
    const Element* a = nullptr;
    std::int64_t a_stride = 0;
    const Element* w = nullptr;
    std::int64_t w_stride = 0;
    ProductExtent extent;
};

/// Each sum is one chain of fused multiply-adds over depth in increasing order, from +0.
class Fp32Product {
  public:
    using Element = float;
    using Result = float;

    Fp32Product(std::int64_t sum_length, SimdLevel level);
    void multiply(const ProductOperands<float>& operands, float* c, std::int64_t c_stride);

  private:
    void multiply_in_place(const ProductOperands<float>& operands, std::int64_t columns, float* c,
                           std::int64_t c_stride);

    PanelProduct<Fp32Panels, float, float, float> product_;
    PanelPack<float, float> pack_;
    Fp32InPlace in_place_;
    LineVector<float> tile_;
};

/// Exact modulo 2^32, so exact up to a depth of 131,071.
class Int8Product {
  public:
    using Element = std::int8_t;
    using Result = std::int32_t;

    Int8Product(std::int64_t sum_length, SimdLevel level);
    void multiply(const ProductOperands<std::int8_t>& operands, std::int32_t* c, std::int64_t c_stride);

  private:
    void multiply_in_place(const ProductOperands<std::int8_t>& operands, std::int64_t columns,
                           std::int32_t* c, std::int64_t c_stride);

    Int8Panels panels_;
    PanelProduct<Int8Panels, std::int32_t, std::uint8_t, std::int32_t> product_;
    Int8InPlace in_place_;
    void (*pack_rows_)(const std::int8_t* from, std::int64_t stride, std::int64_t rows, std::int64_t depth,
                       std::int32_t* to);
    LineVector<std::int32_t> words_;
};

/// What an MXM plane of `sum_length` lanes and its accumulator compute: products are summed exactly over
/// `sum_length` of depth at a time and rounded once to fp32, and these sums are added in fp32 in increasing
/// depth, NaN canonical. `Bits` are of fp16 (std::uint16_t; sum_length at most 2^20) or fp8 (std::uint8_t; at
/// most 2^17).
///
/// Source: column_sums.h, whose bits these are.
template <class Bits>
class FloatProduct {
  public:
    using Element = Bits;
    using Result = float;

    FloatProduct(std::int64_t sum_length, SimdLevel level);
    void multiply(const ProductOperands<Bits>& operands, float* c, std::int64_t c_stride);

  private:
    void widen_rows(const ProductOperands<Bits>& operands, std::int64_t first, std::int64_t depth);
    void range_columns(const Bits* weights, std::int64_t stride, std::int64_t depth,
                       std::int64_t first_column, std::int64_t columns);
    std::int64_t sum_in_place(const std::uint16_t* weights, std::int64_t stride, std::int64_t rows,
                              std::int64_t depth, std::int64_t columns);
    void sum_part(const ProductOperands<Bits>& operands, std::int64_t first, std::int64_t depth,
                  std::int64_t first_column, std::int64_t columns, float* c, std::int64_t c_stride);
    void round_row(const ProductOperands<Bits>& operands, std::int64_t row, std::int64_t first,
                   std::int64_t depth, std::int64_t first_column, std::int64_t columns);

    std::int64_t sum_length_;
    SimdLevel level_;
    PanelProduct<DoublePanels, double, float, double> product_;
    Fp16InPlace in_place_;
    LineVector<double> tile_;
    std::vector<float> rows_;         ///< one part of each row
    std::vector<NumberRange> ranges_; ///< of those
    std::vector<std::uint16_t> largest_bits_, least_bits_;
    std::vector<double> largest_, unit_; ///< of one part of each column
    std::vector<double> sums_;
    std::vector<float> rounded_, above_; ///< one row
};

using Fp16Product = FloatProduct<std::uint16_t>;
using Fp8Product = FloatProduct<std::uint8_t>;

extern template class FloatProduct<std::uint16_t>;
extern template class FloatProduct<std::uint8_t>;

} // namespace lpusim::moe
