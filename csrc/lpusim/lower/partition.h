#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lpusim::lower {

/// How a model lies over chips: every pipeline stage is a group of `tensor_chips` chips that share each
/// matrix.
struct Partition {
    std::int64_t tensor_chips = 0;
    std::int64_t stage_count = 0;

    friend bool operator==(const Partition&, const Partition&) = default;
};

/// Blocks [first_block, first_block + block_count) of one pipeline stage. The blocks of a model are its
/// embedding, its layers and its head, in that order.
struct StageBlocks {
    std::int64_t first_block = 0;
    std::int64_t block_count = 0;
};

/// Cuts consecutive blocks into `stage_count` non-empty stages so that the heaviest stage is as light as
/// possible; among those cuts, the one whose early stages are fullest. Exact, by bisection on the heaviest
/// stage. Requires 1 <= stage_count <= blocks.
[[nodiscard]] std::vector<StageBlocks> split_blocks(std::span<const std::int64_t> block_weights,
                                                    std::int64_t stage_count);

} // namespace lpusim::lower
