#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lpusim::moe {

/// How a statically scheduled machine reserves room for routing it cannot foresee.
enum class Strategy : std::uint8_t {
    sliced,     ///< Every chip holds 1 / chips of the columns of every expert and works on all assignments.
    worst_case, ///< Chips hold whole experts in consecutive ranges; each keeps room for the worst routing.
};

/// What one MoE layer reserves on each chip, a function of static sizes only: the same for every routing.
///
/// A row is one (token, expert) assignment. Work on a chip is rows_per_chip x ffn columns / column_split.
struct StrategyCost {
    std::int64_t rows_per_chip = 0;    ///< On the chip that reserves most.
    std::int64_t column_split = 1;     ///< A chip holds 1 / column_split of an expert's FFN columns.
    std::int64_t experts_per_chip = 0; ///< Experts (or slices of experts) resident on the fullest chip.
    std::int64_t weight_reads_per_chip =
        0;              ///< Different experts (or slices) that the rows can touch, at most.
    bool exact = false; ///< true: every assignment is computed whatever the routing; nothing is dropped.
};

/// Throws ValueError unless tokens >= 0, 1 <= experts_per_token <= experts and chips >= 1, and when a count
/// overflows.
[[nodiscard]] StrategyCost reserved(Strategy strategy, std::int64_t tokens, std::int64_t experts,
                                    std::int64_t experts_per_token, std::int64_t chips);

/// Rows reserved on each chip; `reserved` reports their largest.
[[nodiscard]] std::vector<std::int64_t> rows_reserved(Strategy strategy, std::int64_t tokens,
                                                      std::int64_t experts, std::int64_t experts_per_token,
                                                      std::int64_t chips);

/// Rows that one routing really puts on each chip; `offsets` as in ExpertOrder. Never above `rows_reserved`.
[[nodiscard]] std::vector<std::int64_t> rows_used(Strategy strategy, std::span<const std::int64_t> offsets,
                                                  std::int64_t chips);

} // namespace lpusim::moe
