#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "lpusim/base/progression.h"
#include "lpusim/chip/fold/intervals.h"

namespace lpusim::chip {

/// The values of a progression lie in start + [0, span] + modulus * whole numbers. A modulus of 0: one value;
/// of 1: nothing is known.
struct Residues {
    std::int64_t start = 0;
    std::int64_t span = 0;
    std::int64_t modulus = 1;
};

/// Of all levels at which a progression can be cut, the one that leaves the least share of the residues.
[[nodiscard]] Residues residues_of(const Progression& values);

/// Progressions that can be asked "which of you may share a value with this one between low and high?".
///
/// They are told apart by their first and last values and, where there are many, by residues: runs of one
/// queue that take turns have one period and different places in it, so that none of them is looked at but
/// those that meet. The caller keeps the progressions themselves, by payload. Cost: building a sort; a
/// question O(log n + answers) where periods have a common divisor larger than the bursts inside them, else
/// all that touch [low, high].
class MeetingIndex {
  public:
    void add(const Progression& values, std::size_t payload) {
        by_value_.add(values.first(), values.last(), payload);
    }

    /// Call once, after the last add and before the first question.
    void build() { by_value_.build(); }

    /// In order of first values.
    [[nodiscard]] const std::vector<IntervalIndex::Entry>& entries() const { return by_value_.entries(); }

    /// Calls visit(payload), once each and in no order to rely on, for all that touch [low, high] and may
    /// share a value with `values`. `values_of(payload)` is what was added, each time the same.
    template <class ValuesOf, class Visit>
    void for_each_candidate(std::int64_t low, std::int64_t high, const Progression& values,
                            const ValuesOf& values_of, const Visit& visit) {
        if (entries().size() < kFew) {
            by_value_.for_each_touching(low, high, visit);
            return;
        }
        if (groups_.empty()) {
            for (const IntervalIndex::Entry& entry : entries())
                residues_.push_back(residues_of(values_of(entry.payload)));
            make_groups();
        }
        find(low, high, residues_of(values));
        for (const std::size_t payload : found_)
            visit(payload);
    }

    /// All of them that touch [low, high].
    template <class Visit>
    void for_each_touching(std::int64_t low, std::int64_t high, const Visit& visit) const {
        by_value_.for_each_touching(low, high, visit);
    }

  private:
    static constexpr std::size_t kFew = 64;

    /// Members of a group by what is left of them modulo some divisor of their period, in cells of
    /// neighbours.
    struct Cells {
        std::int64_t divisor = 1;
        std::int64_t width = 1; ///< residues of a cell; the last one may have less
        std::vector<IntervalIndex> cells;
        IntervalIndex wide; ///< in too many cells

        /// The cells of start + [0, span]: from the first one on, past the last one round to 0 again.
        [[nodiscard]] std::pair<std::int64_t, std::int64_t> of(std::int64_t start, std::int64_t span) const;
        [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(cells.size()); }
    };
    /// All of one period.
    struct Group {
        std::vector<std::size_t> members; ///< places among the entries
        IntervalIndex by_value;
        std::map<std::int64_t, Cells> cells; ///< by divisor
    };

    void make_groups();
    void find(std::int64_t low, std::int64_t high, const Residues& asked);
    void find_in(Group& group, std::int64_t modulus, std::int64_t low, std::int64_t high,
                 const Residues& asked);
    [[nodiscard]] Cells make_cells(const Group& group, std::int64_t divisor) const;

    IntervalIndex by_value_;
    std::vector<Residues> residues_;       ///< by place among the entries
    std::map<std::int64_t, Group> groups_; ///< by modulus; made when there is a question and many to ask
    std::vector<std::size_t> found_;
};

} // namespace lpusim::chip
