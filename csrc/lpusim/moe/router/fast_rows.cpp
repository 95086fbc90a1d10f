#include "lpusim/moe/router/fast_rows.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

#include "lpusim/moe/router/row_router.h"
#include "lpusim/moe/router/score_rows.h"
#include "lpusim/moe/router/top_list.h"

namespace lpusim::moe {
namespace {

constexpr std::int64_t kMostExperts = 4096; // The rows at once would not stay in a near cache.
constexpr std::size_t kGroups = 8;          // That the kernels rank at once.

} // namespace

FastRows::FastRows(const RouterSpec& spec, std::span<const float> bias, std::size_t rows_max, SimdLevel level)
    : spec_(spec), level_(level), way_(way_of(bias)),
      chosen_(static_cast<std::size_t>(spec.experts_per_token)) {
    if (way_ == Way::none) {
        return;
    }
    kernels_ = level == SimdLevel::Avx2 ? row_kernels_avx2() : row_kernels_avx512();
    const auto experts = static_cast<std::size_t>(spec.experts);
    const auto groups_kept = static_cast<std::size_t>(spec.groups_kept);
    const std::size_t blocks = (experts + kBlock - 1) / kBlock;
    for (std::size_t block = 0; block < blocks; ++block) {
        starts_.push_back(static_cast<std::int32_t>(block * kBlock));
    }
    assert(rows_max <= kRows);
    rows_.resize(rows_max);
    for (Row& row : rows_) {
        row.found.resize(std::max((blocks + 1) * kBlock, kMostOrdered));
        row.padded.assign(experts % kBlock == 0 ? 0 : blocks * kBlock, kPadding);
        row.rough.resize(way_ == Way::logits ? 0 : blocks * kBlock);
        row.kept.resize(way_ == Way::sigmoids_in_groups ? blocks / kGroups * groups_kept : 0);
    }
    if (way_ != Way::logits) {
        bias_.assign(blocks * kBlock, kPadding);
        std::fill_n(bias_.begin(), experts, 0.0F);
        std::ranges::copy(bias, bias_.begin());
        float largest = 0;
        for (const float b : bias) {
            largest = std::max(largest, std::abs(b));
        }
        slack_ = 2.0F * (kRoughError + kRoughRounding * (1.0F + largest));
    }
}

FastRows::Way FastRows::way_of(std::span<const float> bias) const {
    if (level_ == SimdLevel::Portable || spec_.selection != Selection::scores ||
        spec_.score == Score::sparsemixer || spec_.experts > kMostExperts ||
        spec_.experts_per_token > static_cast<std::int64_t>(kMostChosen)) {
        return Way::none;
    }
    if (ranks_logits(spec_, bias)) {
        return Way::logits;
    }
    if (spec_.score != Score::sigmoid || spec_.score_type != ScoreType::fp64) {
        return Way::none;
    }
    if (spec_.groups_kept == spec_.groups) {
        return Way::sigmoids;
    }
    const bool whole_blocks = spec_.experts % static_cast<std::int64_t>(kGroups * kBlock) == 0;
    const bool as_ranked = spec_.groups == kGroups && spec_.group_score == GroupScore::top2_sum &&
                           spec_.dropped_groups == DroppedGroups::minus_infinity;
    return whole_blocks && as_ranked ? Way::sigmoids_in_groups : Way::none;
}

std::uint32_t FastRows::choose(std::span<const float> logits, std::span<std::int32_t> ids) {
    if (way_ == Way::none) {
        return 0;
    }
    const auto experts = static_cast<std::size_t>(spec_.experts);
    const std::size_t count = logits.size() / experts;
    assert(count <= rows_.size() && ids.size() == count * chosen_);
    const auto rows = std::span(rows_).first(count);
    for (std::size_t r = 0; r < count; ++r) {
        begin(rows[r], logits.subspan(r * experts, experts));
    }
    if (way_ != Way::logits) {
        std::ranges::for_each(rows, [this](Row& row) { score_roughly(row); });
    }
    if (way_ == Way::sigmoids_in_groups) {
        std::ranges::for_each(rows, [this](Row& row) { keep_groups(row); });
    }
    std::ranges::for_each(rows, [this](Row& row) { bound(row); });
    std::ranges::for_each(rows, [this](Row& row) { collect(row); });
    std::uint32_t done = 0;
    for (std::size_t r = 0; r < count; ++r) {
        const auto row_ids = ids.subspan(r * chosen_, chosen_);
        if (rows[r].sure && way_ == Way::logits) {
            order_by_logit(rows[r], row_ids);
        } else if (rows[r].sure) {
            order_by_rough_score(rows[r], row_ids);
        }
        done |= static_cast<std::uint32_t>(rows[r].sure) << r;
    }
    return done;
}

void FastRows::begin(Row& row, std::span<const float> logits) const {
    row.logits = logits.data();
    row.sure = true;
    if (!row.padded.empty()) {
        std::ranges::copy(logits, row.padded.begin());
        row.logits = row.padded.data();
    }
}

void FastRows::score_roughly(Row& row) const {
    row.sure = kernels_.rough_sigmoids(row.logits, bias_.data(), starts_.size(), row.rough.data());
}

/// Fills `kept`. Not sure where rough scores do not tell which groups they are.
void FastRows::keep_groups(Row& row) const {
    const std::size_t group_blocks = starts_.size() / kGroups;
    const auto group_count = static_cast<std::size_t>(spec_.groups_kept);
    float gap = 0;
    std::uint32_t groups = kernels_.best_of_8_groups(row.rough.data(), group_blocks, group_count, &gap);
    row.sure = row.sure && gap > 2.0F * slack_; // Each sum is off by up to the slack.
    for (auto to = row.kept.begin(); to != row.kept.end(); groups &= groups - 1) {
        const auto group = static_cast<std::size_t>(std::countr_zero(groups));
        for (std::size_t block = 0; block < group_blocks; ++block) {
            *to++ = starts_[group * group_blocks + block];
        }
    }
}

/// What candidates are sought in.
const float* FastRows::values_of(const Row& row) const {
    return way_ == Way::logits ? row.logits : row.rough.data();
}

std::span<const std::int32_t> FastRows::starts_of(const Row& row) const {
    return way_ == Way::sigmoids_in_groups ? row.kept : starts_;
}

void FastRows::bound(Row& row) const {
    row.least = kernels_.bound(values_of(row), starts_of(row), chosen_) - slack_;
    row.sure = row.sure && row.least == row.least;
}

/// Candidates, in ascending order.
void FastRows::collect(Row& row) const {
    row.candidates = kernels_.collect(values_of(row), starts_of(row), row.least, row.found.data());
    row.sure = row.sure && row.candidates <= kMostOrdered;
}

void FastRows::order_by_logit(const Row& row, std::span<std::int32_t> ids) const {
    std::int32_t ordered[kMostOrdered];
    kernels_.order(row.logits, row.found.data(), row.candidates, ordered);
    std::copy_n(ordered, ids.size(), ids.begin());
}

/// Rough scores decide where they are far enough apart, true ones elsewhere.
void FastRows::order_by_rough_score(const Row& row, std::span<std::int32_t> ids) const {
    std::int32_t ordered[kMostOrdered];
    const float* rough = row.rough.data();
    kernels_.order(rough, row.found.data(), row.candidates, ordered);
    const std::size_t pairs = std::min(ids.size(), row.candidates - 1);
    float gap = 1.0F;
    for (std::size_t slot = 0; slot < pairs; ++slot) {
        gap = std::min(gap, rough[ordered[slot]] - rough[ordered[slot + 1]]);
    }
    if (!(gap > slack_)) {
        order_by_score(row, ids);
        return;
    }
    std::copy_n(ordered, ids.size(), ids.begin());
}

void FastRows::order_by_score(const Row& row, std::span<std::int32_t> ids) const {
    const auto found = std::span<const std::int32_t>(row.found).first(row.candidates);
    double scores[kMostOrdered];
    double best[kMostChosen];
    const std::span near(scores, found.size());
    for (std::size_t i = 0; i < near.size(); ++i) {
        near[i] = row.logits[found[i]];
    }
    sigmoids(near, level_);
    for (std::size_t i = 0; i < near.size(); ++i) {
        near[i] += static_cast<double>(bias_[static_cast<std::size_t>(found[i])]);
    }
    TopList<double>(std::span(best, chosen_), ids).offer(std::span<const double>(near), 0);
    for (std::int32_t& id : ids) {
        id = found[static_cast<std::size_t>(id)];
    }
}

} // namespace lpusim::moe
