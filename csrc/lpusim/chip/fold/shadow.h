#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace lpusim::chip {

/// A set of weight columns 0 .. lanes - 1.
class ColumnSet {
  public:
    explicit ColumnSet(std::int64_t lanes)
        : lanes_(lanes), words_(static_cast<std::size_t>((lanes + 63) / 64)) {}

    void clear() { std::fill(words_.begin(), words_.end(), 0); }

    /// Are first .. first + count - 1 columns at all?
    [[nodiscard]] bool in_range(std::int64_t first, std::int64_t count) const {
        return first >= 0 && first <= lanes_ - count;
    }

    /// Is one of the columns first .. first + count - 1 there?
    [[nodiscard]] bool any(std::int64_t first, std::int64_t count) const {
        bool found = false;
        for_words(first, count,
                  [&](std::size_t word, std::uint64_t mask) { found = found || (words_[word] & mask) != 0; });
        return found;
    }

    void add(std::int64_t first, std::int64_t count) {
        for_words(first, count, [&](std::size_t word, std::uint64_t mask) { words_[word] |= mask; });
    }

    /// Moves every column by `distance`; false, and nothing done, where one would leave the set's range.
    [[nodiscard]] bool move(std::int64_t distance) {
        ColumnSet moved(lanes_);
        for (std::int64_t column = 0; column < lanes_; ++column) {
            if (!any(column, 1))
                continue;
            if (distance < -column || distance >= lanes_ - column)
                return false;
            moved.add(column + distance, 1);
        }
        *this = std::move(moved);
        return true;
    }

  private:
    template <class Visit>
    static void for_words(std::int64_t first, std::int64_t count, const Visit& visit) {
        const std::int64_t end = first + count;
        while (first < end) {
            const std::int64_t bit = first % 64;
            const std::int64_t taken = std::min(end - first, 64 - bit);
            visit(static_cast<std::size_t>(first / 64),
                  (~std::uint64_t{0} >> static_cast<unsigned>(64 - taken)) << static_cast<unsigned>(bit));
            first += taken;
        }
    }

    std::int64_t lanes_;
    std::vector<std::uint64_t> words_;
};

/// The shadow weight buffer of one plane, as far as the rules see it.
struct ShadowBuffer {
    explicit ShadowBuffer(std::int64_t lanes) : awaiting(lanes) {}

    ColumnSet awaiting; ///< loaded since the last install
    bool any_loaded = false;
    std::int64_t loads_done_at = 0; ///< of the last load; means something only with `any_loaded`
    std::int64_t swap_at = -1;      ///< when the last install takes effect

    /// What is there after the same events `cycles` later and `columns` further; false if columns get lost.
    [[nodiscard]] bool move(std::int64_t cycles, std::int64_t columns) {
        loads_done_at += cycles;
        swap_at += cycles;
        return columns == 0 || awaiting.move(columns);
    }
};

} // namespace lpusim::chip
