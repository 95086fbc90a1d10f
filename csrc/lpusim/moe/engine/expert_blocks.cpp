#include "lpusim/moe/engine/expert_blocks.h"

#include <algorithm>
#include <cassert>

#include "lpusim/base/integers.h"

namespace lpusim::moe {

std::vector<ExpertBlock> expert_blocks(std::span<const std::int64_t> offsets, std::int64_t rows_max) {
    assert(!offsets.empty() && rows_max >= 1);
    std::vector<ExpertBlock> blocks;
    for (std::size_t expert = 0; expert + 1 < offsets.size(); ++expert) {
        const std::int64_t first = offsets[expert], rows = offsets[expert + 1] - first;
        const std::int64_t count = div_ceil(rows, rows_max);
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t from = i * rows / count, to = (i + 1) * rows / count;
            blocks.push_back({static_cast<std::int64_t>(expert), first + from, to - from});
        }
    }
    return blocks;
}

std::int64_t part_columns(std::int64_t columns, std::int64_t rows_max, std::int64_t blocks,
                          std::int64_t threads) {
    constexpr std::int64_t kSumsMax = std::int64_t{1} << 18U; // 1 MB.
    constexpr std::int64_t kPartsForEach = 4, kColumnsMin = 256, kStep = 64;
    assert(columns >= 1 && rows_max >= 1 && blocks >= 1 && threads >= 1);
    const std::int64_t parts = threads == 1 ? 1 : div_ceil(kPartsForEach * threads, blocks);
    const std::int64_t wanted = std::min(div_ceil(columns, parts), kSumsMax / rows_max);
    return std::min(columns, round_up(std::max(wanted, kColumnsMin), kStep));
}

} // namespace lpusim::moe
