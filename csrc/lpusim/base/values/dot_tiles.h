#pragma once

#include <algorithm>
#include <cstdint>

#include "lpusim/base/values/simd_level.h"

/// Products of rows with columns, a few of each at a time so that every operand loaded is used several times.
namespace lpusim {

/// sums[r * sums_stride + c] = sum over i < depth of a[r * a_stride + i] * w[c * w_stride + i] for a tile of
/// fixed size. Integers are exact modulo 2^32; doubles round in an unspecified order.
template <class A, class W, class Sum>
using DotTile = void (*)(const A* a, std::int64_t a_stride, const W* w, std::int64_t w_stride,
                         std::int64_t depth, Sum* sums, std::int64_t sums_stride);

/// The tiles of one instruction set.
template <class A, class W, class Sum>
struct DotTiles {
    std::int64_t rows = 1;
    std::int64_t columns = 1;
    /// [whole number of `rows`, else 1 row][whole number of `columns`, else 1 column]
    DotTile<A, W, Sum> tile[2][2] = {};

    void multiply(const A* a, std::int64_t a_stride, std::int64_t row_count, const W* w,
                  std::int64_t w_stride, std::int64_t column_count, std::int64_t depth, Sum* sums,
                  std::int64_t sums_stride) const {
        for (std::int64_t column = 0; column < column_count;) {
            const bool wide = column + columns <= column_count;
            for (std::int64_t row = 0; row < row_count;) {
                const bool high = row + rows <= row_count;
                tile[high][wide](a + row * a_stride, a_stride, w + column * w_stride, w_stride, depth,
                                 sums + row * sums_stride + column, sums_stride);
                row += high ? rows : 1;
            }
            column += wide ? columns : 1;
        }
    }
};

using Int16Tiles = DotTiles<std::int16_t, std::int16_t, std::int32_t>;
using ByteTiles = DotTiles<std::uint8_t, std::int8_t, std::int32_t>;
using FloatTiles = DotTiles<double, float, double>;

/// Depth must be a multiple of 16. Products must be of int8 values.
[[nodiscard]] Int16Tiles int16_tiles_portable();
[[nodiscard]] Int16Tiles int16_tiles_avx2();
/// Depth must be a multiple of 64.
[[nodiscard]] ByteTiles byte_tiles_avx512();
/// Depth must be a multiple of 8.
[[nodiscard]] FloatTiles float_tiles_portable();
[[nodiscard]] FloatTiles float_tiles_avx2();
[[nodiscard]] FloatTiles float_tiles_avx512();

} // namespace lpusim
