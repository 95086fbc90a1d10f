#pragma once

#include <algorithm>
#include <cstdint>

namespace lpusim {

/// Calls visit(first row, row count) for blocks of at most `block_rows` rows, in order.
template <class Visit>
void for_row_blocks(std::int64_t rows, std::int64_t block_rows, const Visit& visit) {
    for (std::int64_t first = 0; first < rows; first += block_rows) {
        visit(first, std::min(block_rows, rows - first));
    }
}

} // namespace lpusim
