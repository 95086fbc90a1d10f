#pragma once

#include <cstdint>
#include <span>
#include <vector>

/// How products of experts are cut into parts that threads take. No cut changes a bit of any result.
namespace lpusim::moe {

/// Consecutive rows of one expert.
struct ExpertBlock {
    std::int64_t expert = 0;
    std::int64_t first_row = 0;
    std::int64_t rows = 0;
};

/// Every row once, in order; the blocks of an expert have nearly equal heights, at most `rows_max`.
/// `offsets` has one entry an expert plus one.
[[nodiscard]] std::vector<ExpertBlock> expert_blocks(std::span<const std::int64_t> offsets,
                                                     std::int64_t rows_max);

/// Columns that one part of a block has: a multiple of 64, or all of them. Few enough that the sums of a
/// block, at most `rows_max` high, stay in a cache, and that there are parts for every thread.
[[nodiscard]] std::int64_t part_columns(std::int64_t columns, std::int64_t rows_max, std::int64_t blocks,
                                        std::int64_t threads);

} // namespace lpusim::moe
