#pragma once

#include <array>
#include <cstdint>
#include <numeric>
#include <string_view>
#include <vector>

#include "lpusim/lower/fabric.h"
#include "lpusim/lower/matmul.h"
#include "lpusim/lower/spec.h"
#include "lpusim/model/format.h"
#include "lpusim/model/operators.h"
#include "lpusim/moe/strategy.h"

namespace lpusim::lower {

/// Where the cycles of a step go.
enum class Category : std::uint8_t { matmul, experts, attention, vector, collective, hop };
inline constexpr std::size_t kCategoryCount = 6;
[[nodiscard]] std::string_view category_name(Category category);

struct CategoryCycles {
    std::array<std::int64_t, kCategoryCount> cycles{};

    [[nodiscard]] std::int64_t total() const {
        return std::accumulate(cycles.begin(), cycles.end(), std::int64_t{0});
    }
    std::int64_t& operator[](Category category) { return cycles[static_cast<std::size_t>(category)]; }
    CategoryCycles& operator+=(const CategoryCycles& other);
};

/// How weights, cache and experts lie on the chips of a group.
struct Layout {
    std::int64_t tensor_chips = 1;
    model::NumberFormat weights;
    model::NumberFormat kv;
    moe::Strategy strategy = moe::Strategy::sliced;
};

/// Chips that share the context of one KV head: each keeps every page's tokens / context_split. 1 while there
/// are at least as many KV heads as chips.
[[nodiscard]] std::int64_t context_split(const model::AttentionShape& attention, const Layout& layout);

/// Parameters of `op` that the fullest chip holds.
[[nodiscard]] std::int64_t shard_parameters(const model::Operator& op, const Layout& layout);

/// SRAM bytes of `op` on the fullest chip.
[[nodiscard]] std::int64_t shard_weight_bytes(const model::Operator& op, const Layout& layout);

/// SRAM bytes that one page of one sequence takes on the fullest chip, for one layer.
[[nodiscard]] std::int64_t shard_page_bytes(const model::AttentionShape& attention, const Layout& layout,
                                            std::int64_t page_tokens);

/// What one operator adds to the end of its block, for timelines. Pieces follow each other: an operator that
/// slips under the one before counts only what it adds. `collective` is an index into BlockCost::collectives
/// or -1.
struct Piece {
    std::string_view name;
    Category category = Category::vector;
    std::int64_t cycles = 0;
    std::int64_t collective = -1;
    bool is_attention_over_context = false;
};

/// What one item of `tokens` consecutive tokens of one sequence costs the fullest chip of a group, for a list
/// of operators (a layer, the embedding, the head). Collectives and attention have the chip to themselves, so
/// their cycles add to `chip` whatever the group and the context.
struct BlockCost {
    /// All but collectives and what depends on context. Composed from verified matmul programs and stated
    /// bounds.
    CategoryCycles chip;
    std::vector<CollectiveCall> collectives;
    std::vector<Piece> pieces;
};

[[nodiscard]] BlockCost block_cost(const std::vector<model::Operator>& operators,
                                   const model::AttentionShape* attention, std::int64_t tokens,
                                   const Layout& layout, const LowerSpec& spec, MatmulLibrary& matmuls);

/// The part of a layer's attention that depends on context: `tokens` new tokens against `context_tokens` in
/// the cache, their own included. A stated bound.
[[nodiscard]] std::int64_t layer_attention_cycles(const model::AttentionShape& attention, std::int64_t tokens,
                                                  std::int64_t context_tokens, const Layout& layout,
                                                  const LowerSpec& spec, const chip::ChipSpec& chip);

} // namespace lpusim::lower
