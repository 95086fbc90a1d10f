#include "lpusim/lower/partition.h"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <limits>

#include "lpusim/base/rng.h"

using namespace lpusim;
using namespace lpusim::lower;

namespace {

std::int64_t heaviest(std::span<const std::int64_t> weights, const std::vector<StageBlocks>& stages) {
    std::int64_t worst = 0;
    for (const StageBlocks& stage : stages) {
        std::int64_t sum = 0;
        for (std::int64_t block = 0; block < stage.block_count; ++block) {
            sum += weights[static_cast<std::size_t>(stage.first_block + block)];
        }
        worst = std::max(worst, sum);
    }
    return worst;
}

/// The slow reference: tries every way to cut.
std::int64_t best_by_enumeration(std::span<const std::int64_t> weights, std::int64_t stage_count) {
    std::int64_t best = std::numeric_limits<std::int64_t>::max();
    const auto block_count = static_cast<std::int64_t>(weights.size());
    for (std::uint32_t cuts = 0; cuts < (1U << (block_count - 1)); ++cuts) {
        std::vector<StageBlocks> stages{{0, 1}};
        for (std::int64_t block = 1; block < block_count; ++block) {
            if ((cuts >> (block - 1) & 1U) != 0) {
                stages.push_back({block, 1});
            } else {
                ++stages.back().block_count;
            }
        }
        if (static_cast<std::int64_t>(stages.size()) == stage_count) {
            best = std::min(best, heaviest(weights, stages));
        }
    }
    return best;
}

} // namespace

TEST_CASE("a heavy head moves layers out of the last stage") {
    const auto plain = split_blocks(std::array<std::int64_t, 4>{10, 10, 10, 10}, 2);
    CHECK(plain[0].block_count == 2);
    const auto headed = split_blocks(std::array<std::int64_t, 5>{10, 10, 10, 10, 20}, 2);
    CHECK(headed[0].block_count == 3); // 30 | 10 + 20.
}

TEST_CASE("no way to cut is lighter than the one found, and every block is in one stage") {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        std::vector<std::int64_t> weights(3 + seed % 6);
        for (std::size_t i = 0; i < weights.size(); ++i) {
            weights[i] = static_cast<std::int64_t>(random_bits(seed, 0, i) % 50);
        }
        for (std::int64_t stages = 1; stages <= static_cast<std::int64_t>(weights.size()); ++stages) {
            const auto cut = split_blocks(weights, stages);
            CHECK(static_cast<std::int64_t>(cut.size()) == stages);
            std::int64_t next = 0;
            for (const StageBlocks& stage : cut) {
                CHECK(stage.first_block == next);
                CHECK(stage.block_count >= 1);
                next += stage.block_count;
            }
            CHECK(next == static_cast<std::int64_t>(weights.size()));
            CHECK(heaviest(weights, cut) == best_by_enumeration(weights, stages));
        }
    }
}
