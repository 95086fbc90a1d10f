#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lpusim::moe {

/// Experts [first, last) that live on `chip` when `experts` are dealt to `chips` in consecutive ranges whose
/// sizes differ by at most one. With more chips than experts some chips hold none.
struct ExpertRange {
    std::int64_t first = 0;
    std::int64_t last = 0;
};
[[nodiscard]] ExpertRange contiguous_experts(std::int64_t experts, std::int64_t chips, std::int64_t chip);

/// The most row tiles that `rows` rows sorted by expert can touch, whatever the routing, when a tile of
/// `tile_rows` rows is visited once for every expert in it: min(rows, ceil(rows / tile_rows) + experts - 1),
/// with `experts` the experts that can be hit. Source: grouped matmul of JAX megablox (`gmm`), whose static
/// grid it is.
[[nodiscard]] std::int64_t tile_bound(std::int64_t rows, std::int64_t experts, std::int64_t tile_rows);

/// The same for one routing: `offsets` has one entry an expert plus one; tiles start at row offsets.front().
[[nodiscard]] std::int64_t tile_count(std::span<const std::int64_t> offsets, std::int64_t tile_rows);

/// Assignments in the order in which a grouped matmul wants them: by expert, then token, then slot.
///
/// Assignment token * k + slot goes to row `inverse[assignment]`; `permutation[row]` names the assignment of
/// a row. Rows of expert e are offsets[e] .. offsets[e + 1] - 1.
struct ExpertOrder {
    std::vector<std::int32_t> permutation;
    std::vector<std::int32_t> inverse;
    std::vector<std::int64_t> offsets;
};

/// The stable counting sort of `ids`, [tokens, experts_per_token] row-major.
///
/// Throws ValueError naming token and slot when an id is out of range or a token names an expert twice, and
/// when there are 2^31 assignments or more. Cost: two passes over `ids`, O(assignments + experts).
[[nodiscard]] ExpertOrder order_by_expert(std::span<const std::int32_t> ids, std::int64_t experts,
                                          std::int64_t experts_per_token);

} // namespace lpusim::moe
