#include "lpusim/moe/router/router.h"

#include <algorithm>
#include <cassert>
#include <string>

#include "lpusim/base/number_text.h"
#include "lpusim/moe/router/fast_rows.h"
#include "lpusim/moe/router/row_router.h"
#include "lpusim/moe/router/score_rows.h"
#include "lpusim/moe/router/weigher.h"

namespace lpusim::moe {
namespace {

void check_bias(const RouterSpec& spec, std::span<const float> bias) {
    if (bias.empty()) {
        return;
    }
    if (!takes_bias(spec)) {
        throw ValueError("route: bias steers selection with score softmax, sigmoid or sqrt_softplus and "
                         "selection scores only");
    }
    if (bias.size() != static_cast<std::size_t>(spec.experts)) {
        throw ValueError("route: bias must hold one value for each of " + std::to_string(spec.experts) +
                         " experts, got " + std::to_string(bias.size()));
    }
    if (const std::size_t e = first_not_finite(bias); e != bias.size()) {
        throw ValueError("route: bias[expert " + std::to_string(e) + "] is " + number_text(double{bias[e]}) +
                         "; biases must be finite");
    }
}

void check_table(const RouterSpec& spec, const RouterInput& input, std::size_t tokens) {
    const auto chosen = static_cast<std::size_t>(spec.experts_per_token);
    if (spec.selection != Selection::token_table) {
        if (!input.token_ids.empty() || !input.table.empty()) {
            throw ValueError("route: token_ids and table are for selection token_table only");
        }
        return;
    }
    if (input.token_ids.size() != tokens) {
        throw ValueError("route: token_ids must hold one id for each of " + std::to_string(tokens) +
                         " tokens, got " + std::to_string(input.token_ids.size()));
    }
    if (input.table.size() % chosen != 0) {
        throw ValueError("route: table must be [token ids, " + std::to_string(chosen) + "], got " +
                         std::to_string(input.table.size()) + " values");
    }
}

/// The table's row of a token, checked and copied to `ids`.
void look_up(const RouterSpec& spec, const RouterInput& input, std::size_t token,
             std::span<std::int32_t> ids) {
    const std::int64_t row_count = static_cast<std::int64_t>(input.table.size() / ids.size());
    const std::int64_t token_id = input.token_ids[token];
    if (token_id < 0 || token_id >= row_count) {
        throw ValueError("route: token_ids[token " + std::to_string(token) + "] must be from 0 to " +
                         std::to_string(row_count - 1) + ", got " + std::to_string(token_id));
    }
    const auto row = input.table.subspan(static_cast<std::size_t>(token_id) * ids.size(), ids.size());
    for (std::size_t slot = 0; slot < row.size(); ++slot) {
        const auto where = [&] {
            return "route: table[token id " + std::to_string(token_id) + ", slot " + std::to_string(slot) +
                   "]";
        };
        if (row[slot] < 0 || row[slot] >= spec.experts) {
            throw ValueError(where() + " must be from 0 to " + std::to_string(spec.experts - 1) + ", got " +
                             std::to_string(row[slot]));
        }
        if (std::ranges::find(row.first(slot), row[slot]) !=
            row.begin() + static_cast<std::ptrdiff_t>(slot)) {
            throw ValueError(where() + " repeats expert " + std::to_string(row[slot]) +
                             "; a token must name different experts");
        }
    }
    std::ranges::copy(row, ids.begin());
}

void check_row(std::span<const float> row, std::size_t token) {
    if (const std::size_t e = first_not_finite(row); e != row.size()) {
        throw ValueError("route: logits[token " + std::to_string(token) + ", expert " + std::to_string(e) +
                         "] is " + number_text(double{row[e]}) + "; router logits must be finite");
    }
}

} // namespace

void route(const RouterSpec& spec, const RouterInput& input, std::span<std::int32_t> ids,
           std::span<float> weights, SimdLevel level) {
    assert(level <= best_simd_level());
    validate(spec);
    check_bias(spec, input.bias);
    const auto experts = static_cast<std::size_t>(spec.experts);
    const auto chosen = static_cast<std::size_t>(spec.experts_per_token);
    const std::size_t tokens = input.logits.size() / experts;
    if (input.logits.size() % experts != 0 || ids.size() != tokens * chosen || weights.size() != ids.size()) {
        throw ValueError("route: logits must be [tokens, " + std::to_string(experts) +
                         "] and ids and weights [tokens, " + std::to_string(chosen) + "], got " +
                         std::to_string(input.logits.size()) + ", " + std::to_string(ids.size()) + " and " +
                         std::to_string(weights.size()) + " values");
    }
    check_table(spec, input, tokens);
    RowRouter plain(spec, input.bias, level);
    const std::size_t rows_max = std::min(FastRows::kRows, tokens);
    FastRows fast(spec, input.bias, rows_max, level);
    Weigher weigher(spec, rows_max, level);
    for (std::size_t first = 0; first < tokens; first += FastRows::kRows) {
        const std::size_t rows = std::min(rows_max, tokens - first);
        const auto logits = input.logits.subspan(first * experts, rows * experts);
        const auto row_ids = ids.subspan(first * chosen, rows * chosen);
        const std::uint32_t done = fast.choose(logits, row_ids);
        for (std::size_t r = 0; r < rows; ++r) {
            if ((done >> r & 1U) != 0) {
                continue;
            }
            const auto row = logits.subspan(r * experts, experts);
            check_row(row, first + r);
            if (spec.selection == Selection::token_table) {
                look_up(spec, input, first + r, row_ids.subspan(r * chosen, chosen));
            } else {
                plain.choose(row, row_ids.subspan(r * chosen, chosen));
            }
        }
        weigher.weigh(logits, row_ids, weights.subspan(first * chosen, rows * chosen));
    }
}

} // namespace lpusim::moe
