#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/base/values/simd_level.h"
#include "lpusim/moe/router/router_spec.h"
#include "lpusim/moe/router/row_kernels.h"

namespace lpusim::moe {

/// Chooses the experts that RowRouter would, or says that it cannot.
///
/// Two steps: a few candidates among which the chosen must be, by a bound (and, for sigmoids with a bias, by
/// rough scores with a proven error); then these alone, exactly. Ids do not depend on the instruction set: it
/// changes only who is looked at in vain. A few rows go through each step together, so that the processor
/// works on the next while it waits for one.
class FastRows {
  public:
    static constexpr std::size_t kRows = 8; ///< The most rows at once.

    /// `spec` must be valid and outlive this; no call may bring more than `rows_max` rows, at most kRows.
    FastRows(const RouterSpec& spec, std::span<const float> bias, std::size_t rows_max, SimdLevel level);

    /// Chooses for a few rows: `logits` is [rows, experts], `ids` [rows, experts_per_token], best
    /// first. Bit r of the result says that row r is done; `ids` of the others are unspecified: a logit is
    /// not finite, too many scores are too close together, or this router or this level is not covered.
    [[nodiscard]] std::uint32_t choose(std::span<const float> logits, std::span<std::int32_t> ids);

  private:
    enum class Way : std::uint8_t { none, logits, sigmoids, sigmoids_in_groups };

    /// The working memory of one row.
    struct Row {
        const float* logits = nullptr;   ///< In whole blocks.
        float least = 0;                 ///< What a candidate has at least.
        std::size_t candidates = 0;      ///< How many have been found.
        std::vector<float> padded;       ///< The logits, where a row does not end with a block.
        std::vector<float> rough;        ///< Rough scores with biases.
        std::vector<std::int32_t> kept;  ///< Where the blocks of the groups kept begin.
        std::vector<std::int32_t> found; ///< Candidates, ascending.
        bool sure = false;
    };

    [[nodiscard]] Way way_of(std::span<const float> bias) const;
    void begin(Row& row, std::span<const float> logits) const;
    void score_roughly(Row& row) const;
    void keep_groups(Row& row) const;
    void bound(Row& row) const;
    void collect(Row& row) const;
    [[nodiscard]] const float* values_of(const Row& row) const;
    [[nodiscard]] std::span<const std::int32_t> starts_of(const Row& row) const;
    void order_by_logit(const Row& row, std::span<std::int32_t> ids) const;
    void order_by_rough_score(const Row& row, std::span<std::int32_t> ids) const;
    void order_by_score(const Row& row, std::span<std::int32_t> ids) const;

    const RouterSpec& spec_;
    SimdLevel level_;
    Way way_;
    RowKernels kernels_;
    std::size_t chosen_;
    float slack_ = 0;                  ///< Rough scores with biases this far apart are so in truth.
    std::vector<float> bias_;          ///< In whole blocks.
    std::vector<std::int32_t> starts_; ///< Where the blocks of a row begin.
    std::vector<Row> rows_;
};

} // namespace lpusim::moe
