#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lpusim::chip {

/// Closed intervals that can be asked "which of you touch [low, high]?".
///
/// A sorted array read as a balanced tree, each node knowing the largest end below it: building costs a sort,
/// a query O(log n + answers). Answers come in order of their first value.
class IntervalIndex {
  public:
    struct Entry {
        std::int64_t first = 0;
        std::int64_t last = 0;
        std::size_t payload = 0;
    };

    void add(std::int64_t first, std::int64_t last, std::size_t payload) {
        entries_.push_back({first, last, payload});
    }

    /// Call once, after the last add and before the first query.
    void build() {
        std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
            return a.first != b.first ? a.first < b.first : a.payload < b.payload;
        });
        last_max_.resize(entries_.size());
        if (!entries_.empty())
            build_node(0, entries_.size());
    }

    [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }

    /// Calls visit(payload) for every interval that touches [low, high].
    template <class Visit>
    void for_each_touching(std::int64_t low, std::int64_t high, const Visit& visit) const {
        visit_node(0, entries_.size(), low, high, visit);
    }

  private:
    std::int64_t build_node(std::size_t begin, std::size_t end) {
        const std::size_t middle = begin + (end - begin) / 2;
        std::int64_t last = entries_[middle].last;
        if (begin < middle)
            last = std::max(last, build_node(begin, middle));
        if (middle + 1 < end)
            last = std::max(last, build_node(middle + 1, end));
        return last_max_[middle] = last;
    }

    template <class Visit>
    void visit_node(std::size_t begin, std::size_t end, std::int64_t low, std::int64_t high,
                    const Visit& visit) const {
        if (begin == end)
            return;
        const std::size_t middle = begin + (end - begin) / 2;
        if (last_max_[middle] < low)
            return;
        visit_node(begin, middle, low, high, visit);
        const Entry& entry = entries_[middle];
        if (entry.first > high)
            return;
        if (entry.last >= low)
            visit(entry.payload);
        visit_node(middle + 1, end, low, high, visit);
    }

    std::vector<Entry> entries_;
    std::vector<std::int64_t> last_max_;
};

} // namespace lpusim::chip
