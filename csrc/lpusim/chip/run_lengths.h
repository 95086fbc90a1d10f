#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

/// How long lists are written short, in text and in bytes alike: a constant's data as repeated patterns, a
/// lane map as ranges.
namespace lpusim::chip {

/// What repeats and ranges of one program may come to when they are written out. Beyond that, writers write
/// every element and readers refuse: a short file cannot ask for endless memory. The published chip holds
/// 220 MiB.
inline constexpr std::int64_t kExpandedBytesMax = std::int64_t{1} << 28;

class ExpansionBudget {
  public:
    explicit ExpansionBudget(std::int64_t bytes_max) : left_(bytes_max) {}

    /// False, and nothing taken, if that is more than there is left.
    [[nodiscard]] bool take(std::int64_t bytes) {
        if (bytes > left_) {
            return false;
        }
        left_ -= bytes;
        return true;
    }

  private:
    std::int64_t left_;
};

/// `count` times the `pattern`.
struct DataRun {
    std::span<const std::uint8_t> pattern;
    std::int64_t count = 1;
};

/// The longest repeat of a pattern of 1, 2 or 4 bytes at the start of `data`; a count below 3 says that there
/// is none worth it. Cost: linear in what it covers.
[[nodiscard]] DataRun leading_repeat(std::span<const std::uint8_t> data);

/// Calls `literal(span)` and `repeat(run)` in order, so that they cover `data`. Cost: linear.
template <class Literal, class Repeat>
void split_data(std::span<const std::uint8_t> data, ExpansionBudget& budget, const Literal& literal,
                const Repeat& repeat) {
    std::size_t literal_from = 0, at = 0;
    while (at < data.size()) {
        const DataRun run = leading_repeat(data.subspan(at));
        const std::size_t covered = run.pattern.size() * static_cast<std::size_t>(run.count);
        if (run.count < 3 || covered < 8 || !budget.take(static_cast<std::int64_t>(covered))) {
            at += std::max<std::size_t>(covered, 1);
            continue;
        }
        if (literal_from < at) {
            literal(data.subspan(literal_from, at - literal_from));
        }
        repeat(run);
        at += covered;
        literal_from = at;
    }
    if (literal_from < data.size()) {
        literal(data.subspan(literal_from));
    }
}

/// Lanes first, first + step, ...
struct LaneRun {
    std::int64_t first = 0;
    std::int64_t step = 0;
    std::int64_t count = 1;
};

/// The longest such run at the start of `lanes`, which is not empty; ranges (step not 0) have no negative
/// lanes. A run of less than three is one lane.
[[nodiscard]] LaneRun leading_range(std::span<const std::int16_t> lanes);

/// Calls `each(run)` in order; beyond the budget every run is one lane.
template <class Each>
void split_lanes(std::span<const std::int16_t> lanes, ExpansionBudget& budget, const Each& each) {
    while (!lanes.empty()) {
        LaneRun run = leading_range(lanes);
        if (run.count > 1 && !budget.take(run.count * std::int64_t{sizeof(std::int16_t)})) {
            run = {lanes.front(), 0, 1};
        }
        each(run);
        lanes = lanes.subspan(static_cast<std::size_t>(run.count));
    }
}

} // namespace lpusim::chip
