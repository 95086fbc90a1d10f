#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/moe/plan.h"

/// A plan on several chips: where each row is computed, and what crosses which link.
namespace lpusim::moe {

/// Which replica of an expert takes an assignment.
enum class ReplicaRule : std::uint8_t {
    token_mod,    ///< The expert's assignments in token order take turns: counts differ by at most one.
    source_local, ///< The replica on the token's own chip where there is one, else as token_mod.
};

struct Placement {
    std::int64_t chips = 1;
    std::span<const std::int32_t> token_chip; ///< where each token comes from and goes back to
    /// [experts, replicas] row-major; -1 fills up an expert with fewer replicas.
    std::span<const std::int32_t> expert_chip;
    std::int64_t replicas = 1;
    ReplicaRule rule = ReplicaRule::token_mod;
};

/// Rows on chips. A chip keeps its rows in the plan's order, so rows of one expert stand together there.
struct PlacedRows {
    std::vector<std::int32_t> row_chip;
    std::vector<std::int64_t> row_slot;  ///< of each row on its chip, from 0
    std::vector<std::int64_t> chip_rows; ///< of each chip
};

/// What leaves a chip for another, one entry a pair of chips between which anything goes, by source, then
/// target. Rows whose token is at home on the expert's chip cross no link and are not here.
struct LinkTraffic {
    std::vector<std::int32_t> source; ///< of tokens
    std::vector<std::int32_t> target; ///< of experts
    std::vector<std::int64_t> rows;   ///< assignments: results that go back, each for itself
    std::vector<std::int64_t> copies; ///< different tokens: one copy serves all its experts on a chip
};

/// Throws ValueError naming token, or expert and replica, where a chip is out of range, an expert has no chip
/// or has the same one twice; and where the columns do not fit the plan. Cost: O(assignments * replicas).
[[nodiscard]] PlacedRows place_rows(const ExpertOrder& order, std::int64_t experts_per_token,
                                    const Placement& placement);

/// Cost: a sort of the assignments that leave their chip.
[[nodiscard]] LinkTraffic link_traffic(const ExpertOrder& order, std::int64_t experts_per_token,
                                       const Placement& placement, const PlacedRows& placed);

} // namespace lpusim::moe
