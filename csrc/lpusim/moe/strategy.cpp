#include "lpusim/moe/strategy.h"

#include <algorithm>
#include <cassert>
#include <string>

#include "lpusim/base/integers.h"
#include "lpusim/moe/plan.h"

namespace lpusim::moe {
namespace {

constexpr std::int64_t kChipsMax = 1'000'000;

void check(std::int64_t tokens, std::int64_t experts, std::int64_t experts_per_token, std::int64_t chips) {
    const auto text = [](std::int64_t value) { return std::to_string(value); };
    if (tokens < 0) {
        throw ValueError("strategy: tokens must be at least 0, got " + text(tokens));
    }
    if (experts_per_token < 1 || experts_per_token > experts) {
        throw ValueError("strategy: experts_per_token must be from 1 to experts = " + text(experts) +
                         ", got " + text(experts_per_token));
    }
    if (chips < 1 || chips > kChipsMax) {
        throw ValueError("strategy: chips must be from 1 to " + text(kChipsMax) + ", got " + text(chips));
    }
}

} // namespace

StrategyCost reserved(Strategy strategy, std::int64_t tokens, std::int64_t experts,
                      std::int64_t experts_per_token, std::int64_t chips) {
    check(tokens, experts, experts_per_token, chips);
    StrategyCost cost;
    cost.exact = true;
    cost.column_split = strategy == Strategy::sliced ? chips : 1;
    cost.experts_per_chip = strategy == Strategy::sliced ? experts : div_ceil(experts, chips);
    // A token's experts are all different, so it sends a chip no more rows than the chip has experts.
    cost.rows_per_chip = checked_multiply(tokens, std::min(experts_per_token, cost.experts_per_chip));
    cost.weight_reads_per_chip = std::min(cost.rows_per_chip, cost.experts_per_chip);
    return cost;
}

std::vector<std::int64_t> rows_reserved(Strategy strategy, std::int64_t tokens, std::int64_t experts,
                                        std::int64_t experts_per_token, std::int64_t chips) {
    const StrategyCost most = reserved(strategy, tokens, experts, experts_per_token, chips);
    std::vector<std::int64_t> rows(static_cast<std::size_t>(chips), most.rows_per_chip);
    if (strategy == Strategy::worst_case) {
        for (std::int64_t chip = 0; chip < chips; ++chip) {
            const ExpertRange range = contiguous_experts(experts, chips, chip);
            rows[static_cast<std::size_t>(chip)] =
                checked_multiply(tokens, std::min(experts_per_token, range.last - range.first));
        }
    }
    return rows;
}

std::vector<std::int64_t> rows_used(Strategy strategy, std::span<const std::int64_t> offsets,
                                    std::int64_t chips) {
    assert(offsets.size() >= 2 && chips >= 1 && chips <= kChipsMax);
    std::vector<std::int64_t> rows(static_cast<std::size_t>(chips), offsets.back());
    if (strategy == Strategy::worst_case) {
        const auto experts = static_cast<std::int64_t>(offsets.size()) - 1;
        for (std::int64_t chip = 0; chip < chips; ++chip) {
            const ExpertRange range = contiguous_experts(experts, chips, chip);
            rows[static_cast<std::size_t>(chip)] = offsets[static_cast<std::size_t>(range.last)] -
                                                   offsets[static_cast<std::size_t>(range.first)];
        }
    }
    return rows;
}

} // namespace lpusim::moe
