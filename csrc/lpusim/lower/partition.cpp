#include "lpusim/lower/partition.h"

#include <algorithm>
#include <cassert>
#include <numeric>

#include "lpusim/base/integers.h"

namespace lpusim::lower {
namespace {

/// Fills stages greedily up to `limit`, leaving at least one block for each later stage. Empty when it needs
/// more.
std::vector<StageBlocks> fill_up_to(std::span<const std::int64_t> weights, std::int64_t stage_count,
                                    std::int64_t limit) {
    const auto block_count = static_cast<std::int64_t>(weights.size());
    std::vector<StageBlocks> stages;
    std::int64_t next = 0;
    for (std::int64_t stage = 0; stage < stage_count; ++stage) {
        const std::int64_t later_stages = stage_count - stage - 1;
        std::int64_t load = 0;
        StageBlocks cut{next, 0};
        while (next < block_count - later_stages) {
            const std::int64_t added = weights[static_cast<std::size_t>(next)];
            if (load + added > limit) {
                break;
            }
            load += added;
            ++next;
            ++cut.block_count;
        }
        if (cut.block_count == 0) {
            return {};
        }
        stages.push_back(cut);
    }
    return next == block_count ? stages : std::vector<StageBlocks>{};
}

} // namespace

std::vector<StageBlocks> split_blocks(std::span<const std::int64_t> block_weights, std::int64_t stage_count) {
    assert(stage_count >= 1 && stage_count <= static_cast<std::int64_t>(block_weights.size()));
    std::int64_t low = 0;
    std::int64_t high = std::accumulate(block_weights.begin(), block_weights.end(), std::int64_t{0});
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        if (fill_up_to(block_weights, stage_count, middle).empty()) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return fill_up_to(block_weights, stage_count, low);
}

} // namespace lpusim::lower
