#include "lpusim/chip/fold/runs.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstdlib>

namespace lpusim::chip {
namespace {

/// The issue cycles as a progression, one level for each repeat level that repeats.
[[nodiscard]] Progression issue_cycles(const InstructionRun& run) {
    std::array<ProgressionLevel, Progression::kRankMax> levels;
    std::size_t used = 0;
    for (const Level& level : run.repeat) {
        if (level.count == 1)
            continue;
        assert(used < levels.size());
        levels[used++] = {level.cycles, level.count};
    }
    return Progression(run.issue, std::span<const ProgressionLevel>(levels.data(), used));
}

} // namespace

std::vector<QueueRun> queue_runs(const Program& program, const ChipSpec& spec) {
    std::vector<QueueRun> runs;
    std::size_t count = 0;
    for (const InstructionRun& run : program.runs)
        count += static_cast<std::size_t>(run.slices.count);
    runs.reserve(count);
    for (std::size_t number = 0; number < program.runs.size(); ++number) {
        const InstructionRun& run = program.runs[number];
        const auto at = static_cast<std::int64_t>(number);
        const Progression issue = issue_cycles(run);
        for (std::int64_t slice = 0; slice < run.slices.count; ++slice) {
            QueueRun& made = runs.emplace_back(QueueRun{at, slice, use_of(run, slice, spec), issue});
            if (made.use.issue != run.issue)
                made.issue = issue.shifted(made.use.issue - run.issue);
        }
    }
    return runs;
}

std::int64_t AffineAddress::at(std::int64_t flat) const {
    std::int64_t address = base_;
    for (auto level = run_->repeat.rbegin(); level != run_->repeat.rend(); ++level) {
        address += flat % level->count * stride(*level);
        flat /= level->count;
    }
    return address;
}

AffineAddress::Range AffineAddress::range_inside(std::int64_t base, std::size_t outermost) const {
    constexpr std::int64_t kEnd = std::int64_t{1} << 60U;
    Range range{base, base};
    for (std::size_t k = outermost; k < run_->repeat.size(); ++k) {
        const std::int64_t step = stride(run_->repeat[k]);
        const std::int64_t steps = run_->repeat[k].count - 1;
        if (step == 0 || steps == 0)
            continue;
        const std::int64_t reach = std::abs(step) > kEnd / steps ? kEnd : std::abs(step) * steps;
        if (step > 0) {
            range.greatest = std::min(range.greatest + reach, kEnd);
        } else {
            range.least = std::max(range.least - reach, -kEnd);
        }
    }
    return range;
}

std::optional<std::int64_t> AffineAddress::first_outside(std::int64_t low, std::int64_t high) const {
    const Range whole = range();
    if (whole.least >= low && whole.greatest <= high)
        return std::nullopt;
    // Level by level from outside: the first index from which some instance inside can leave the range.
    std::int64_t flat = 0, address = base_;
    for (std::size_t k = 0; k < run_->repeat.size(); ++k) {
        const Level& level = run_->repeat[k];
        const std::int64_t step = stride(level);
        const Range inside = range_inside(address, k + 1);
        std::int64_t index = 0;
        if (inside.least >= low && inside.greatest <= high) {
            assert(step != 0);
            index = step > 0 ? (high - inside.greatest) / step + 1 : (inside.least - low) / -step + 1;
        }
        address += index * step;
        flat = flat * level.count + index;
    }
    assert(address < low || address > high);
    return flat;
}

} // namespace lpusim::chip
