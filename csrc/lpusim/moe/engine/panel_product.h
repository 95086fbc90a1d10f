#pragma once

#include <algorithm>
#include <cstdint>

#include "lpusim/base/integers.h"
#include "lpusim/base/line_vector.h"
#include "lpusim/moe/engine/panels.h"
#include "lpusim/moe/engine/row_tiles.h"

namespace lpusim::moe {

struct ProductExtent {
    std::int64_t rows = 0;
    std::int64_t depth = 0;
    std::int64_t columns = 0;
};

/// Weights in row-major order, rows `stride` apart, and how they become panels.
template <class Weight, class B>
struct PanelSource {
    const Weight* values = nullptr;
    std::int64_t stride = 0;
    PanelPack<Weight, B> pack = nullptr;
};

/// Runs products over panels of columns and tiles of rows, and keeps the memory for it. Every sum is one
/// chain in increasing depth, whatever the tiles, so the bits depend on neither.
template <class Panels, class A, class B, class Sum>
class PanelProduct {
  public:
    explicit PanelProduct(const Panels& panels) : panels_(panels) {}

    /// c[row, column] = (resume ? c[row, column] : 0) + sum over depth of rows * weights.
    /// pack_rows(first row, rows, first depth, depth, A* to) fills [steps, rows].
    template <class PackRows, class Weight>
    void run(const ProductExtent& extent, const PackRows& pack_rows, const PanelSource<Weight, B>& weights,
             Sum* c, std::int64_t c_stride, bool resume) {
        const RowTiles tiles(extent.rows, panels_.rows_max);
        // A block of panels stays in a cache while every tile meets it. With one tile nothing is met twice:
        // then it is wider than deep, as memory likes it.
        const std::int64_t depth_step = tiles.count() == 1 ? kDepthFew : kDepthMany;
        const std::int64_t column_step = (tiles.count() == 1 ? kPanelsFew : kPanelsMany) * panels_.columns;
        for (std::int64_t first = 0; first < extent.depth; first += depth_step) {
            const std::int64_t depth = std::min(depth_step, extent.depth - first);
            pack_tiles(tiles, pack_rows, first, depth);
            const Weight* from = weights.values + first * weights.stride;
            for (std::int64_t column = 0; column < extent.columns; column += column_step) {
                run_block(tiles, PanelSource<Weight, B>{from + column, weights.stride, weights.pack}, depth,
                          std::min(column_step, extent.columns - column), c + column, c_stride,
                          resume || first > 0);
            }
        }
    }

  private:
    static constexpr std::int64_t kDepthFew = 64, kPanelsFew = 64;
    static constexpr std::int64_t kDepthMany = 256, kPanelsMany = 16;

    template <class PackRows>
    void pack_tiles(const RowTiles& tiles, const PackRows& pack_rows, std::int64_t first,
                    std::int64_t depth) {
        const std::int64_t steps = div_ceil(depth, panels_.step_depth);
        rows_.resize(static_cast<std::size_t>(tiles.first(tiles.count()) * steps));
        for (std::int64_t tile = 0; tile < tiles.count(); ++tile) {
            pack_rows(tiles.first(tile), tiles.height(tile), first, depth,
                      rows_.data() + tiles.first(tile) * steps);
        }
    }

    template <class Weight>
    void run_block(const RowTiles& tiles, const PanelSource<Weight, B>& weights, std::int64_t depth,
                   std::int64_t columns, Sum* c, std::int64_t c_stride, bool resume) {
        const std::int64_t steps = div_ceil(depth, panels_.step_depth);
        // An odd number of steps, or panels would share the sets of a cache.
        const std::int64_t panel_stride = (steps | 1) * panels_.step_columns;
        panels_packed_.resize(static_cast<std::size_t>(div_ceil(columns, panels_.columns) * panel_stride));
        weights.pack(weights.values, weights.stride, depth, columns, panels_packed_.data(), panel_stride);
        for (std::int64_t column = 0; column < columns; column += panels_.columns) {
            const B* panel = panels_packed_.data() + column / panels_.columns * panel_stride;
            const std::int64_t used = std::min(panels_.columns, columns - column);
            for (std::int64_t tile = 0; tile < tiles.count(); ++tile) {
                run_tile(tiles.height(tile), rows_.data() + tiles.first(tile) * steps, panel, steps, used,
                         c + tiles.first(tile) * c_stride + column, c_stride, resume);
            }
        }
    }

    /// The last panel may have fewer columns than the loops write: they get a place of their own.
    void run_tile(std::int64_t rows, const A* a, const B* panel, std::int64_t steps, std::int64_t used,
                  Sum* c, std::int64_t c_stride, bool resume) {
        const auto loop = panels_.loops[static_cast<std::size_t>(rows - 1)];
        if (used == panels_.columns) {
            loop(a, panel, steps, c, c_stride, resume);
            return;
        }
        tile_.resize(static_cast<std::size_t>(panels_.rows_max * panels_.columns));
        for (std::int64_t row = 0; row < rows; ++row) {
            std::copy_n(c + row * c_stride, used, tile_.data() + row * panels_.columns);
        }
        loop(a, panel, steps, tile_.data(), panels_.columns, resume);
        for (std::int64_t row = 0; row < rows; ++row) {
            std::copy_n(tile_.data() + row * panels_.columns, used, c + row * c_stride);
        }
    }

    Panels panels_;
    LineVector<A> rows_; ///< packed tiles, one after another
    LineVector<B> panels_packed_;
    LineVector<Sum> tile_;
};

} // namespace lpusim::moe
