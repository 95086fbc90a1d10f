#pragma once

#include <array>
#include <cstdint>

#include "lpusim/base/values/simd_level.h"
#include "lpusim/moe/engine/row_tiles.h"

/// Loops for a few rows, for which weights come once from memory and bound the time: they take the weights
/// where they stand, whole blocks of columns side by side, a little depth at a time.
namespace lpusim::moe {

inline constexpr std::int64_t kInPlaceRowsMax = 14;

/// c[row, column] = (resume ? c[row, column] : 0) + sum over depth of a[depth, row] * w[depth, column] for
/// `blocks` blocks of columns: for each sum one chain in increasing depth.
template <class A, class Weight, class Sum>
struct InPlaceWork {
    const A* a = nullptr;
    const Weight* w = nullptr;
    std::int64_t w_stride = 0;
    std::int64_t depth = 0;
    Sum* c = nullptr;
    std::int64_t c_stride = 0;
    std::int64_t blocks = 0;
    bool resume = false;
    /// As many weights again come next in memory: ask for them in its order, which blocks do not have.
    bool ahead = false;
};

/// The loops of one instruction set, by rows less one. None (`rows_max` 0) where panels do as well.
template <class Loop>
struct InPlaceLoops {
    static constexpr std::int64_t kTilesMax = 4;

    std::int64_t rows_max = 0; ///< of a tile
    std::int64_t columns = 1;  ///< of a block
    std::array<Loop, kInPlaceRowsMax> loops{};

    /// How many columns to do in place: a whole number of blocks, none where there are too many rows.
    [[nodiscard]] std::int64_t columns_of(std::int64_t rows, std::int64_t all_columns) const {
        return rows <= kTilesMax * rows_max ? all_columns / columns * columns : 0;
    }

    /// Calls visit(first row, rows, loop) for tiles of nearly equal heights.
    template <class Visit>
    void for_tiles(std::int64_t rows, const Visit& visit) const {
        const RowTiles tiles(rows, rows_max);
        for (std::int64_t tile = 0; tile < tiles.count(); ++tile) {
            const std::int64_t height = tiles.height(tile);
            visit(tiles.first(tile), height, loops[static_cast<std::size_t>(height - 1)]);
        }
    }
};

using Fp32InPlaceWork = InPlaceWork<float, float, float>;
using Fp32InPlace = InPlaceLoops<void (*)(const Fp32InPlaceWork& work)>;

/// Exact modulo 2^32. A word of `a` holds four activations, the first in its low bits, zeros beyond the
/// depth. Weights count as weight + 128. Sums stand in an order of their own within each block until `settle`
/// has put them right.
using Int8InPlaceWork = InPlaceWork<std::int32_t, std::int8_t, std::int32_t>;
struct Int8InPlace : InPlaceLoops<void (*)(const Int8InPlaceWork& work)> {
    void (*settle)(std::int32_t* c, std::int64_t c_stride, std::int64_t rows, std::int64_t blocks) = nullptr;
};

/// Sums of exact products in double. Raises largest[column] to the largest magnitude of the column, as bits.
using Fp16InPlaceWork = InPlaceWork<double, std::uint16_t, double>;
using Fp16InPlace = InPlaceLoops<void (*)(const Fp16InPlaceWork& work, std::uint16_t* largest)>;

[[nodiscard]] Fp32InPlace fp32_in_place(SimdLevel level);
[[nodiscard]] Int8InPlace int8_in_place(SimdLevel level);
[[nodiscard]] Fp16InPlace fp16_in_place(SimdLevel level);

} // namespace lpusim::moe
