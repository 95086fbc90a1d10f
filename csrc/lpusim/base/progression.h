#pragma once

#include <array>
#include <cassert>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

/// The algebra of nested arithmetic progressions: exact, and its cost does not depend on repeat counts unless
/// two periods do not align.
namespace lpusim {

struct ProgressionLevel {
    std::int64_t stride = 1;
    std::int64_t count = 1;

    friend constexpr bool operator==(const ProgressionLevel&, const ProgressionLevel&) = default;
};

/// The strictly increasing values start + sum of stride_k * i_k, 0 <= i_k < count_k, levels outer to inner.
///
/// Levels do not overlap: a stride is larger than the span of the levels inside it. So the index of a value
/// (last level fastest) grows with the value, and an index never depends on how levels are written.
/// Levels of count 1 are dropped. Values lie within +-2^60, so no difference overflows. Storage is inline.
class Progression {
  public:
    static constexpr int kRankMax = 8;
    static constexpr std::int64_t kValueMax = std::int64_t{1} << 60U;

    /// The single value `start`.
    explicit Progression(std::int64_t start = 0);

    /// Throws ValueError for a count below 1, levels that overlap, too many levels or values beyond +-2^60.
    Progression(std::int64_t start, std::span<const ProgressionLevel> levels);
    Progression(std::int64_t start, std::initializer_list<ProgressionLevel> levels)
        : Progression(start, std::span<const ProgressionLevel>(levels.begin(), levels.size())) {}

    [[nodiscard]] int rank() const { return rank_; }
    /// Level k of 0..rank-1, outermost first.
    [[nodiscard]] ProgressionLevel level(int k) const {
        assert(k >= 0 && k < rank_);
        return {levels_[index_of(k)].stride, levels_[index_of(k)].count};
    }
    [[nodiscard]] std::int64_t first() const { return start_; }
    [[nodiscard]] std::int64_t last() const { return start_ + span(); }
    /// last - first.
    [[nodiscard]] std::int64_t span() const { return rank_ == 0 ? 0 : levels_[top()].span(); }
    [[nodiscard]] std::int64_t size() const;
    /// The value at `index`, 0 <= index < size().
    [[nodiscard]] std::int64_t at(std::int64_t index) const;
    /// The index of `value`, if it is one of the values.
    [[nodiscard]] std::optional<std::int64_t> find(std::int64_t value) const;
    [[nodiscard]] bool contains(std::int64_t value) const { return find(value).has_value(); }
    /// The index of the least value that is not below `value`; size() if all are. Cost: linear in rank.
    [[nodiscard]] std::int64_t index_from(std::int64_t value) const;

    /// The same progression, every value moved by `offset`.
    [[nodiscard]] Progression shifted(std::int64_t offset) const;
    /// Blocks first_block .. first_block + count - 1 of the outermost level. Precondition: rank() > 0, and
    /// they exist.
    [[nodiscard]] Progression blocks(std::int64_t first_block, std::int64_t count) const;
    /// The same values in as few levels as possible: a level whose stride continues the one inside it joins
    /// it.
    [[nodiscard]] Progression merged() const;

    /// Equal as written: same start and same levels. Equal sets of values are `merged() == merged()`.
    friend bool operator==(const Progression& a, const Progression& b);

  private:
    friend class ProgressionMeet;
    friend void subtract(const Progression& whole, const Progression& piece, std::vector<Progression>& rest);

    struct Stored {
        std::int64_t stride = 1;
        std::int64_t count = 1;
        std::int64_t inner_span = 0;

        [[nodiscard]] std::int64_t span() const { return inner_span + stride * (count - 1); }
    };

    [[nodiscard]] std::size_t top() const { return static_cast<std::size_t>(rank_ - 1); }
    [[nodiscard]] std::size_t index_of(int k) const { return static_cast<std::size_t>(rank_ - 1 - k); }
    void push_outer(std::int64_t stride, std::int64_t count);
    void keep_blocks(std::int64_t first_block, std::int64_t count);
    [[nodiscard]] Progression block(std::int64_t index) const { return blocks(index, 1); }

    std::int64_t start_ = 0;
    int rank_ = 0;
    std::array<Stored, kRankMax> levels_{}; // Innermost first.
};

/// The least value that both have. Cost as `intersect`, but it stops at the first find.
[[nodiscard]] std::optional<std::int64_t> first_common(const Progression& a, const Progression& b);

/// Appends to `pieces` disjoint progressions that together hold exactly the common values.
///
/// Each level of a piece steps through one level of `a` and one level of `b` by a fixed number of places, so
/// anything affine in the level indices of `a` (an address, say) is affine in the levels of the piece.
/// Cost: O(rank^2) where each stride divides the next larger one of the other side; where periods do not
/// align, one step per block of the coarser side within one common period.
void intersect(const Progression& a, const Progression& b, std::vector<Progression>& pieces);
[[nodiscard]] std::vector<Progression> intersect(const Progression& a, const Progression& b);

/// Is every value of `part` one of `whole`?
[[nodiscard]] bool includes(const Progression& whole, const Progression& part);

/// Appends to `rest` disjoint progressions: the values of `whole` that are not in `piece`. `piece` must have
/// come from intersect(whole, ...), or be built of the same steps. At most O(rank^2) progressions.
void subtract(const Progression& whole, const Progression& piece, std::vector<Progression>& rest);

/// The values of `whole` in none of `pieces`, which intersect(whole, ...) made.
[[nodiscard]] std::vector<Progression> without(const Progression& whole, std::span<const Progression> pieces);

struct ProgressionSplit {
    std::vector<Progression> below;
    std::vector<Progression> from;
};

/// The values below `value`, and the others; at most rank + 1 progressions each.
[[nodiscard]] ProgressionSplit split(const Progression& whole, std::int64_t value);

struct ProgressionPeel {
    std::vector<Progression> matched;
    std::vector<Progression> rest;
};

/// `whole` cut into what it shares with `other` and what it does not.
[[nodiscard]] ProgressionPeel peel(const Progression& whole, const Progression& other);

} // namespace lpusim
