#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <type_traits>

#include "lpusim/base/values/float_formats.h"
#include "lpusim/base/values/wide_sum.h"
#include "lpusim/moe/engine/products.h"

// fp8: sums of up to 2^17 products are whole numbers of 2^-18 below 2^53, so doubles hold them exactly.
// fp16: a product is exact in a double, its sums round; see round_sums in float_rows.h.
namespace lpusim::moe {
namespace {

/// Sums of a part that are kept at a time: what a second-level cache holds beside rows and weights.
constexpr std::int64_t kSums = std::int64_t{1} << 15U;
constexpr std::int64_t kColumnsMin = 256;

template <class Bits>
float number_of(Bits bits) {
    if constexpr (std::is_same_v<Bits, std::uint16_t>) {
        return fp32_from_fp16(bits);
    } else {
        return fp32_from_fp8(bits);
    }
}

template <class Bits>
inline void widen_body(const Bits* bits, std::int64_t count, float* out) {
    for (std::int64_t i = 0; i < count; ++i) {
        out[i] = number_of(bits[i]);
    }
}

template <class Bits>
LPUSIM_AVX2_TWIN void widen_avx2(const Bits* bits, std::int64_t count, float* out) {
    widen_body(bits, count, out);
}

/// The largest magnitude of each column, and the least but 0 less one: as bits they are in order.
inline void range_body(const std::uint16_t* weights, std::int64_t stride, std::int64_t depth,
                       std::int64_t columns, std::uint16_t* largest, std::uint16_t* least) {
    for (std::int64_t i = 0; i < depth; ++i, weights += stride) {
        for (std::int64_t column = 0; column < columns; ++column) {
            const auto magnitude = static_cast<std::uint16_t>(weights[column] & 0x7fffU);
            const auto less = static_cast<std::uint16_t>(magnitude - 1U);
            largest[column] = std::max(largest[column], magnitude);
            least[column] = std::min(least[column], less);
        }
    }
}

LPUSIM_AVX2_TWIN void range_avx2(const std::uint16_t* weights, std::int64_t stride, std::int64_t depth,
                                 std::int64_t columns, std::uint16_t* largest, std::uint16_t* least) {
    range_body(weights, stride, depth, columns, largest, least);
}

/// The last place of the least magnitude: ten bits below its first one, but never below 2^-24.
double unit_of(std::uint16_t least_less_one) {
    const unsigned field = static_cast<std::uint16_t>(least_less_one + 1U) >> 10U;
    const int exponent = std::max(static_cast<int>(field) - 15, -14) - 10;
    return std::bit_cast<double>(static_cast<std::uint64_t>(exponent + 1023) << 52U);
}

/// Fills to[depth, rows].
void pack_doubles(const float* from, std::int64_t stride, std::int64_t rows, std::int64_t depth, double* to) {
    for (std::int64_t row = 0; row < rows; ++row, from += stride) {
        for (std::int64_t i = 0; i < depth; ++i) {
            to[i * rows + row] = static_cast<double>(from[i]);
        }
    }
}

inline void add_body(const float* added, std::int64_t count, float* to) {
    for (std::int64_t i = 0; i < count; ++i) {
        to[i] = canonical_nan(to[i] + added[i]);
    }
}

LPUSIM_AVX2_TWIN void add_avx2(const float* added, std::int64_t count, float* to) {
    add_body(added, count, to);
}

} // namespace

template <class Bits>
FloatProduct<Bits>::FloatProduct(std::int64_t sum_length, SimdLevel level)
    : sum_length_(sum_length), level_(level), product_(double_panels(level)),
      in_place_(fp16_in_place(level)) {
    assert(sum_length >= 1);
}

template <class Bits>
void FloatProduct<Bits>::multiply(const ProductOperands<Bits>& operands, float* c, std::int64_t c_stride) {
    const ProductExtent& extent = operands.extent;
    const std::int64_t panel = double_panels(level_).columns;
    const std::int64_t wanted = std::max(kColumnsMin, kSums / std::max<std::int64_t>(extent.rows, 1));
    const std::int64_t columns = std::min(extent.columns, round_up(wanted, panel));
    for (std::int64_t first = 0; first < extent.depth; first += sum_length_) {
        const std::int64_t depth = std::min(sum_length_, extent.depth - first);
        widen_rows(operands, first, depth);
        for (std::int64_t column = 0; column < extent.columns; column += columns) {
            sum_part(operands, first, depth, column, std::min(columns, extent.columns - column), c, c_stride);
        }
    }
}

template <class Bits>
void FloatProduct<Bits>::widen_rows(const ProductOperands<Bits>& operands, std::int64_t first,
                                    std::int64_t depth) {
    const std::int64_t rows = operands.extent.rows;
    rows_.resize(static_cast<std::size_t>(rows * depth));
    ranges_.resize(static_cast<std::size_t>(rows));
    for (std::int64_t row = 0; row < rows; ++row) {
        float* to = rows_.data() + row * depth;
        const Bits* from = operands.a + row * operands.a_stride + first;
        (level_ >= SimdLevel::Avx2 ? widen_avx2<Bits> : widen_body<Bits>)(from, depth, to);
        if constexpr (std::is_same_v<Bits, std::uint16_t>) {
            ranges_[static_cast<std::size_t>(row)] = number_range(to, depth, level_);
        }
    }
}

template <class Bits>
void FloatProduct<Bits>::range_columns(const Bits* weights, std::int64_t stride, std::int64_t depth,
                                       std::int64_t first_column, std::int64_t columns) {
    if constexpr (std::is_same_v<Bits, std::uint16_t>) {
        const auto count = static_cast<std::size_t>(columns);
        largest_bits_.resize(count);
        largest_.resize(count);
        unit_.resize(count);
        least_bits_.assign(count, 0xffffU);
        std::fill(largest_bits_.begin() + first_column, largest_bits_.end(), std::uint16_t{0});
        (level_ >= SimdLevel::Avx2 ? range_avx2 : range_body)(
            weights + first_column, stride, depth, columns - first_column,
            largest_bits_.data() + first_column, least_bits_.data() + first_column);
        for (auto column = static_cast<std::size_t>(first_column); column < count; ++column) {
            largest_[column] = static_cast<double>(fp32_from_fp16(largest_bits_[column]));
            unit_[column] = unit_of(least_bits_[column]);
        }
    }
}

/// The columns that loops in place can take; returns how many those are.
template <class Bits>
std::int64_t FloatProduct<Bits>::sum_in_place(const std::uint16_t* weights, std::int64_t stride,
                                              std::int64_t rows, std::int64_t depth, std::int64_t columns) {
    constexpr std::int64_t kStep = 16;
    const std::int64_t done = in_place_.columns_of(rows, columns);
    if (done == 0) {
        return 0;
    }
    const auto count = static_cast<std::size_t>(columns);
    largest_bits_.assign(count, 0);
    largest_.resize(count);
    unit_.assign(count, 0x1p-24); // Of every fp16.
    tile_.resize(static_cast<std::size_t>(kStep * rows));
    Fp16InPlaceWork work{.a = tile_.data(),
                         .w_stride = stride,
                         .c_stride = sums_stride(columns),
                         .blocks = done / in_place_.columns};
    for (std::int64_t first = 0; first < depth; first += kStep) {
        work.w = weights + first * stride;
        work.depth = std::min(kStep, depth - first);
        work.resume = first > 0;
        work.ahead = done == stride && first + 2 * kStep <= depth;
        in_place_.for_tiles(rows, [&](std::int64_t first_row, std::int64_t tile_rows, auto loop) {
            pack_doubles(rows_.data() + first_row * depth + first, depth, tile_rows, work.depth,
                         tile_.data());
            work.c = sums_.data() + first_row * work.c_stride;
            loop(work, largest_bits_.data());
            work.ahead = false;
        });
    }
    for (std::size_t column = 0; column < static_cast<std::size_t>(done); ++column) {
        largest_[column] = static_cast<double>(fp32_from_fp16(largest_bits_[column]));
    }
    return done;
}

template <class Bits>
void FloatProduct<Bits>::sum_part(const ProductOperands<Bits>& operands, std::int64_t first,
                                  std::int64_t depth, std::int64_t first_column, std::int64_t columns,
                                  float* c, std::int64_t c_stride) {
    const std::int64_t rows = operands.extent.rows;
    const Bits* weights = operands.w + first * operands.w_stride + first_column;
    sums_.resize(static_cast<std::size_t>(rows * sums_stride(columns)));
    std::int64_t done = 0;
    if constexpr (std::is_same_v<Bits, std::uint16_t>) {
        done = sum_in_place(weights, operands.w_stride, rows, depth, columns);
    }
    if (done < columns) {
        range_columns(weights, operands.w_stride, depth, done, columns);
        const auto pack_rows = [&](std::int64_t first_row, std::int64_t tile_rows, std::int64_t first_depth,
                                   std::int64_t tile_depth, double* to) {
            pack_doubles(rows_.data() + first_row * depth + first_depth, depth, tile_rows, tile_depth, to);
        };
        PanelPack<Bits, float> pack = nullptr;
        if constexpr (std::is_same_v<Bits, std::uint16_t>) {
            pack = fp16_pack(level_);
        } else {
            pack = fp8_pack(level_);
        }
        product_.run({rows, depth, columns - done}, pack_rows,
                     PanelSource<Bits, float>{weights + done, operands.w_stride, pack}, sums_.data() + done,
                     sums_stride(columns), false);
    }
    rounded_.resize(static_cast<std::size_t>(columns));
    for (std::int64_t row = 0; row < rows; ++row) {
        round_row(operands, row, first, depth, first_column, columns);
        float* to = c + row * c_stride + first_column;
        if (first == 0) {
            std::transform(rounded_.begin(), rounded_.end(), to, canonical_nan);
        } else {
            (level_ >= SimdLevel::Avx2 ? add_avx2 : add_body)(rounded_.data(), columns, to);
        }
    }
}

template <class Bits>
void FloatProduct<Bits>::round_row(const ProductOperands<Bits>& operands, std::int64_t row,
                                   std::int64_t first, std::int64_t depth, std::int64_t first_column,
                                   std::int64_t columns) {
    const double* sums = sums_.data() + row * sums_stride(columns);
    if constexpr (std::is_same_v<Bits, std::uint8_t>) {
        std::transform(sums, sums + columns, rounded_.begin(),
                       [](double sum) { return static_cast<float>(sum); });
        return;
    }
    above_.resize(rounded_.size());
    const bool sure = round_sums(sums, depth, ranges_[static_cast<std::size_t>(row)], largest_.data(),
                                 unit_.data(), columns, rounded_.data(), above_.data(), level_);
    for (std::int64_t column = 0; !sure && column < columns; ++column) {
        float& rounded = rounded_[static_cast<std::size_t>(column)];
        if (rounded == above_[static_cast<std::size_t>(column)]) {
            continue;
        }
        if (!std::isfinite(sums[column])) {
            rounded = static_cast<float>(sums[column]);
            continue;
        }
        WideSum exact;
        const Bits* weight = operands.w + first * operands.w_stride + first_column + column;
        for (std::int64_t i = 0; i < depth; ++i, weight += operands.w_stride) {
            exact.add(static_cast<double>(rows_[static_cast<std::size_t>(row * depth + i)]) *
                      static_cast<double>(number_of(*weight)));
        }
        rounded = exact.to_fp32();
    }
}

template class FloatProduct<std::uint16_t>;
template class FloatProduct<std::uint8_t>;

} // namespace lpusim::moe
