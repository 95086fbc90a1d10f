#include "lpusim/moe/plan.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <string>

#include "lpusim/base/integers.h"

namespace lpusim::moe {
namespace {

/// offsets[e + 1] becomes the number of assignments of expert e. `last_token` remembers who named an expert
/// last.
void count_and_check(std::span<const std::int32_t> ids, std::int64_t experts, std::size_t experts_per_token,
                     std::span<std::int64_t> offsets) {
    std::vector<std::int32_t> last_token(static_cast<std::size_t>(experts), -1);
    const auto where = [&](std::size_t assignment) {
        return "ids[token " + std::to_string(assignment / experts_per_token) + ", slot " +
               std::to_string(assignment % experts_per_token) + "]";
    };
    std::int32_t token = 0;
    for (std::size_t row = 0; row < ids.size(); row += experts_per_token, ++token) {
        for (std::size_t i = row; i < row + experts_per_token; ++i) {
            const std::int64_t id = ids[i];
            if (id < 0 || id >= experts) {
                throw ValueError(where(i) + " must be from 0 to " + std::to_string(experts - 1) + ", got " +
                                 std::to_string(id));
            }
            const auto e = static_cast<std::size_t>(id);
            if (last_token[e] == token) {
                throw ValueError(where(i) + " repeats expert " + std::to_string(id) +
                                 "; a token must name different experts");
            }
            last_token[e] = token;
            ++offsets[e + 1];
        }
    }
}

} // namespace

ExpertRange contiguous_experts(std::int64_t experts, std::int64_t chips, std::int64_t chip) {
    assert(experts >= 1 && chips >= 1 && chip >= 0 && chip < chips);
    return {multiply_divide_floor(chip, experts, chips), multiply_divide_floor(chip + 1, experts, chips)};
}

std::int64_t tile_bound(std::int64_t rows, std::int64_t experts, std::int64_t tile_rows) {
    assert(rows >= 0 && experts >= 0 && tile_rows >= 1);
    if (rows == 0 || experts == 0) {
        return 0;
    }
    return std::min(rows, div_ceil(rows, tile_rows) + std::min(experts, rows) - 1);
}

std::int64_t tile_count(std::span<const std::int64_t> offsets, std::int64_t tile_rows) {
    assert(!offsets.empty() && tile_rows >= 1);
    const std::int64_t first_row = offsets.front();
    std::int64_t tiles = 0;
    for (std::size_t e = 0; e + 1 < offsets.size(); ++e) {
        if (offsets[e] < offsets[e + 1]) {
            tiles += div_ceil(offsets[e + 1] - first_row, tile_rows) - (offsets[e] - first_row) / tile_rows;
        }
    }
    return tiles;
}

ExpertOrder order_by_expert(std::span<const std::int32_t> ids, std::int64_t experts,
                            std::int64_t experts_per_token) {
    if (experts < 1 || experts_per_token < 1 || experts_per_token > experts) {
        throw ValueError(
            "plan: experts_per_token must be from 1 to experts, got experts = " + std::to_string(experts) +
            ", experts_per_token = " + std::to_string(experts_per_token));
    }
    const auto k = static_cast<std::size_t>(experts_per_token);
    if (ids.size() % k != 0) {
        throw ValueError("plan: ids must be [tokens, " + std::to_string(k) + "], got " +
                         std::to_string(ids.size()) + " values");
    }
    if (ids.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
        throw ValueError("plan: at most 2147483647 assignments fit one plan, got " +
                         std::to_string(ids.size()));
    }
    ExpertOrder order;
    order.offsets.assign(static_cast<std::size_t>(experts) + 1, 0);
    count_and_check(ids, experts, k, order.offsets);
    for (std::size_t e = 1; e < order.offsets.size(); ++e) {
        order.offsets[e] += order.offsets[e - 1];
    }
    order.permutation.resize(ids.size());
    order.inverse.resize(ids.size());
    std::vector<std::int32_t> next_row(static_cast<std::size_t>(experts));
    std::transform(order.offsets.begin(), order.offsets.end() - 1, next_row.begin(),
                   [](std::int64_t offset) { return static_cast<std::int32_t>(offset); });
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const std::int32_t row = next_row[static_cast<std::size_t>(ids[i])]++;
        order.inverse[i] = row;
        order.permutation[static_cast<std::size_t>(row)] = static_cast<std::int32_t>(i);
    }
    return order;
}

} // namespace lpusim::moe
