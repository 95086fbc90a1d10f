#include "lpusim/net/crowd.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <queue>
#include <utility>
#include <vector>

#include "lpusim/base/integers.h"

namespace lpusim::net {
namespace {

/// a multiple of both, or `cap` where the least one is larger.
[[nodiscard]] std::int64_t least_common_multiple(std::int64_t a, std::int64_t b, std::int64_t cap) {
    const std::int64_t factor = b / std::gcd(a, b);
    return a >= cap || factor > cap / a ? cap : std::min(cap, a * factor);
}

class Crowd {
  public:
    Crowd(std::span<const Steps> steps, std::int64_t limit, std::int64_t last_cycle)
        : steps_(steps), limit_(limit), end_cycle_(last_cycle + 1) {}

    [[nodiscard]] std::optional<std::int64_t> search() {
        std::vector<std::int64_t> ends;
        std::vector<std::size_t> waiting(steps_.size());
        std::iota(waiting.begin(), waiting.end(), std::size_t{0});
        for (const Steps& row : steps_) {
            assert(row.count > 0 && row.period_cycles > 0);
            ends.push_back(row.first_cycle);
            ends.push_back(row.last_cycle() + 1);
        }
        std::ranges::sort(ends);
        ends.erase(std::ranges::unique(ends).begin(), ends.end());
        std::ranges::sort(waiting, {}, [&](std::size_t i) { return std::pair(steps_[i].first_cycle, i); });

        std::size_t next = 0;
        for (std::size_t i = 0; i + 1 < ends.size() && ends[i] < end_cycle_; ++i) {
            std::erase_if(active_, [&](std::size_t row) { return steps_[row].last_cycle() < ends[i]; });
            while (next < waiting.size() && steps_[waiting[next]].first_cycle == ends[i])
                active_.push_back(waiting[next++]);
            if (const auto found = search_stretch(ends[i], std::min(ends[i + 1], end_cycle_)))
                return found;
        }
        return std::nullopt;
    }

  private:
    /// Changes of `row`, under way since `begin` at the latest, in cycles begin .. end - 1.
    [[nodiscard]] std::int64_t changes_in(const Steps& row, std::int64_t begin, std::int64_t end) const {
        const auto before = [&](std::int64_t cycle) {
            return cycle <= row.first_cycle
                       ? 0
                       : std::min(row.count, div_ceil(cycle - row.first_cycle, row.period_cycles));
        };
        return before(end) - before(begin);
    }

    /// Cycles begin .. end - 1, in which no row begins late or ends early.
    [[nodiscard]] std::optional<std::int64_t> search_stretch(std::int64_t begin, std::int64_t end) {
        std::int64_t rise = 0, change = 0, period = 1;
        for (const std::size_t i : active_) {
            const std::int64_t moved = changes_in(steps_[i], begin, end) * steps_[i].delta;
            rise += std::max<std::int64_t>(moved, 0);
            change += moved;
            period = least_common_multiple(period, steps_[i].period_cycles, end - begin);
        }
        const std::int64_t level = std::exchange(level_, level_ + change);
        if (level + rise <= limit_)
            return std::nullopt;
        const Walk first = walk(begin, std::min(end, begin + period), level);
        if (first.above)
            return first.above;
        // From here on the level repeats, moved by the same amount each period.
        const std::int64_t drift = first.level - level;
        if (drift <= 0)
            return std::nullopt;
        const std::int64_t periods = (limit_ - first.highest) / drift + 1;
        if (periods > (end - 1 - begin) / period)
            return std::nullopt;
        const std::int64_t again = begin + periods * period;
        return walk(again, std::min(end, again + period), level + periods * drift).above;
    }

    struct Walk {
        std::optional<std::int64_t> above;
        std::int64_t level = 0;
        std::int64_t highest = 0;
    };

    /// Change by change from `begin`, where the level is `level`, until it is above the limit.
    [[nodiscard]] Walk walk(std::int64_t begin, std::int64_t end, std::int64_t level) const {
        using Change = std::pair<std::int64_t, std::size_t>;
        std::priority_queue<Change, std::vector<Change>, std::greater<>> due;
        const auto push = [&](std::size_t i, std::int64_t cycle) {
            if (cycle < end && cycle <= steps_[i].last_cycle())
                due.emplace(cycle, i);
        };
        for (const std::size_t i : active_) {
            const Steps& row = steps_[i];
            const std::int64_t done =
                begin <= row.first_cycle ? 0 : div_ceil(begin - row.first_cycle, row.period_cycles);
            push(i, row.first_cycle + done * row.period_cycles);
        }
        Walk result{std::nullopt, level, level};
        while (!due.empty()) {
            const std::int64_t cycle = due.top().first;
            while (!due.empty() && due.top().first == cycle) {
                const std::size_t i = due.top().second;
                due.pop();
                result.level += steps_[i].delta;
                push(i, cycle + steps_[i].period_cycles);
            }
            result.highest = std::max(result.highest, result.level);
            if (result.level > limit_) {
                result.above = cycle;
                return result;
            }
        }
        return result;
    }

    std::span<const Steps> steps_;
    std::int64_t limit_;
    std::int64_t end_cycle_;
    std::int64_t level_ = 0;
    /// Rows that change the level now or later in the stretch.
    std::vector<std::size_t> active_;
};

} // namespace

std::optional<std::int64_t> first_cycle_above(std::span<const Steps> steps, std::int64_t limit,
                                              std::int64_t last_cycle) {
    assert(limit >= 0);
    return Crowd(steps, limit, last_cycle).search();
}

} // namespace lpusim::net
