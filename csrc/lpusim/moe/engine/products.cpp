#include "lpusim/moe/engine/products.h"

#include <algorithm>

namespace lpusim::moe {
namespace {

/// The `count` activations of one step in one word, the first in its low bits.
template <int kStepDepth>
inline std::int32_t word_of(const std::int8_t* values, std::int64_t count) {
    if constexpr (kStepDepth == 1) {
        return values[0];
    }
    constexpr unsigned kBits = 32 / kStepDepth;
    constexpr std::uint32_t kMask = 0xffffffffU >> (32U - kBits);
    std::uint32_t word = 0;
    for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) {
        word |= (static_cast<std::uint32_t>(values[i]) & kMask) << (i * kBits);
    }
    return static_cast<std::int32_t>(word);
}

/// Fills to[steps, rows].
template <int kStepDepth>
void pack_words(const std::int8_t* from, std::int64_t stride, std::int64_t rows, std::int64_t depth,
                std::int32_t* to) {
    for (std::int64_t row = 0; row < rows; ++row, from += stride) {
        std::int32_t* word = to + row;
        std::int64_t i = 0;
        for (; i + kStepDepth <= depth; i += kStepDepth, word += rows) {
            *word = word_of<kStepDepth>(from + i, kStepDepth);
        }
        if (i < depth) {
            *word = word_of<kStepDepth>(from + i, depth - i);
        }
    }
}

/// Fills to[depth, rows].
void pack_floats(const float* from, std::int64_t stride, std::int64_t rows, std::int64_t depth, float* to) {
    for (std::int64_t row = 0; row < rows; ++row, from += stride) {
        for (std::int64_t i = 0; i < depth; ++i) {
            to[i * rows + row] = from[i];
        }
    }
}
/// How deep a step of the loops in place is: few enough streams of weights for the prefetcher of the machine,
/// and few enough visits to the sums. One row of sums that stays in a first-level cache allows single rows of
/// weights, which follow memory exactly.
std::int64_t fp32_step(std::int64_t rows, std::int64_t columns) {
    constexpr std::int64_t kColumnsInCache = 2560;
    if (rows == 1 && columns <= kColumnsInCache) {
        return 1;
    }
    return rows <= 4 ? 8 : 16;
}

std::int64_t int8_step(std::int64_t rows, std::int64_t columns) {
    constexpr std::int64_t kColumnsNear = 4096;
    return rows <= 2 && columns <= kColumnsNear ? 8 : 16;
}

} // namespace

Fp32Product::Fp32Product(std::int64_t, SimdLevel level)
    : product_(fp32_panels(level)), pack_(fp32_pack(level)), in_place_(fp32_in_place(level)) {}

void Fp32Product::multiply(const ProductOperands<float>& operands, float* c, std::int64_t c_stride) {
    const ProductExtent& extent = operands.extent;
    const std::int64_t done = in_place_.columns_of(extent.rows, extent.columns);
    if (done > 0) {
        multiply_in_place(operands, done, c, c_stride);
    }
    if (done < extent.columns) {
        const auto pack_rows = [&](std::int64_t first_row, std::int64_t rows, std::int64_t first,
                                   std::int64_t depth, float* to) {
            pack_floats(operands.a + first_row * operands.a_stride + first, operands.a_stride, rows, depth,
                        to);
        };
        product_.run({extent.rows, extent.depth, extent.columns - done}, pack_rows,
                     PanelSource<float, float>{operands.w + done, operands.w_stride, pack_}, c + done,
                     c_stride, false);
    }
}

void Fp32Product::multiply_in_place(const ProductOperands<float>& operands, std::int64_t columns, float* c,
                                    std::int64_t c_stride) {
    const std::int64_t rows = operands.extent.rows, all = operands.extent.depth;
    const std::int64_t step = fp32_step(rows, columns);
    tile_.resize(static_cast<std::size_t>(step * rows));
    Fp32InPlaceWork work{.a = tile_.data(),
                         .w_stride = operands.w_stride,
                         .c_stride = c_stride,
                         .blocks = columns / in_place_.columns};
    for (std::int64_t first = 0; first < all; first += step) {
        work.w = operands.w + first * operands.w_stride;
        work.depth = std::min(step, all - first);
        work.resume = first > 0;
        work.ahead = step > 1 && columns == operands.w_stride && first + 2 * step <= all;
        in_place_.for_tiles(rows, [&](std::int64_t first_row, std::int64_t count, auto loop) {
            pack_floats(operands.a + first_row * operands.a_stride + first, operands.a_stride, count,
                        work.depth, tile_.data());
            work.c = c + first_row * c_stride;
            loop(work);
            work.ahead = false;
        });
    }
}

Int8Product::Int8Product(std::int64_t, SimdLevel level)
    : panels_(int8_panels(level)), product_(panels_), in_place_(int8_in_place(level)),
      pack_rows_(panels_.step_depth == 4   ? pack_words<4>
                 : panels_.step_depth == 2 ? pack_words<2>
                                           : pack_words<1>) {}

void Int8Product::multiply(const ProductOperands<std::int8_t>& operands, std::int32_t* c,
                           std::int64_t c_stride) {
    const ProductExtent& extent = operands.extent;
    for (std::int64_t row = 0; row < extent.rows; ++row) {
        std::uint32_t total = 0; // Modulo 2^32, as every sum here.
        for (std::int64_t i = 0; i < extent.depth; ++i) {
            total += static_cast<std::uint32_t>(operands.a[row * operands.a_stride + i]);
        }
        std::fill_n(c + row * c_stride, extent.columns,
                    static_cast<std::int32_t>(0U - total * panels_.weight_offset));
    }
    const std::int64_t done = in_place_.columns_of(extent.rows, extent.columns);
    if (done > 0) {
        multiply_in_place(operands, done, c, c_stride);
    }
    if (done < extent.columns) {
        const auto pack_rows = [&](std::int64_t first_row, std::int64_t rows, std::int64_t first,
                                   std::int64_t depth, std::int32_t* to) {
            pack_rows_(operands.a + first_row * operands.a_stride + first, operands.a_stride, rows, depth,
                       to);
        };
        product_.run(
            {extent.rows, extent.depth, extent.columns - done}, pack_rows,
            PanelSource<std::int8_t, std::uint8_t>{operands.w + done, operands.w_stride, panels_.pack},
            c + done, c_stride, true);
    }
}

void Int8Product::multiply_in_place(const ProductOperands<std::int8_t>& operands, std::int64_t columns,
                                    std::int32_t* c, std::int64_t c_stride) {
    const std::int64_t rows = operands.extent.rows, all = operands.extent.depth;
    const std::int64_t step = int8_step(rows, columns);
    words_.resize(static_cast<std::size_t>(step * rows));
    Int8InPlaceWork work{.a = words_.data(),
                         .w_stride = operands.w_stride,
                         .c_stride = c_stride,
                         .blocks = columns / in_place_.columns,
                         .resume = true};
    for (std::int64_t first = 0; first < all; first += step) {
        work.w = operands.w + first * operands.w_stride;
        work.depth = std::min(step, all - first);
        work.ahead = columns == operands.w_stride && first + 2 * step <= all;
        in_place_.for_tiles(rows, [&](std::int64_t first_row, std::int64_t count, auto loop) {
            pack_rows_(operands.a + first_row * operands.a_stride + first, operands.a_stride, count,
                       work.depth, words_.data());
            work.c = c + first_row * c_stride;
            loop(work);
            work.ahead = false;
        });
    }
    in_place_.settle(c, c_stride, rows, work.blocks);
}

} // namespace lpusim::moe
