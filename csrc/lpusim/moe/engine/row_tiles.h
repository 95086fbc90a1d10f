#pragma once

#include <cstdint>

#include "lpusim/base/integers.h"

namespace lpusim::moe {

/// Rows of one product in tiles of nearly equal heights, so that no tile is left with a row or two.
class RowTiles {
  public:
    RowTiles(std::int64_t rows, std::int64_t rows_max) : rows_(rows), count_(div_ceil(rows, rows_max)) {}

    [[nodiscard]] std::int64_t count() const { return count_; }
    [[nodiscard]] std::int64_t first(std::int64_t tile) const { return tile * rows_ / count_; }
    [[nodiscard]] std::int64_t height(std::int64_t tile) const { return first(tile + 1) - first(tile); }

  private:
    std::int64_t rows_;
    std::int64_t count_;
};

} // namespace lpusim::moe
