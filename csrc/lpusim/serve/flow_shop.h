#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lpusim::serve {

/// Items that pass the same stages in the same order, each at one pace in all of them; an item waits in front
/// of a stage whose last item is slower (a permutation flow shop with proportionate times).
///
/// The last of items s..i, of paces p, leaves the last stage at the maximum over s of
///   r_s + (p_s + ... + p_i) + (stages - 1) max(p_s .. p_i),
/// r_s being its entry into stage 0. Only those s are kept that can still be the maximum.
class FlowShop {
  public:
    explicit FlowShop(std::int64_t stage_count) : later_stages_(stage_count - 1) { assert(stage_count >= 1); }

    /// `count` >= 1 equal items enter stage 0, the first at `entry_ps` (not before stage 0 is free), the
    /// others right behind. Returns how long the last of them waits inside in all. Cost: amortised O(1).
    std::int64_t enter(std::int64_t entry_ps, std::int64_t pace_ps, std::int64_t count) {
        Start start{entry_ps - sum_ps_, pace_ps};
        while (!starts_.empty() && starts_.back().pace_ps <= pace_ps) {
            start.offset_ps =
                start.offset_ps > starts_.back().offset_ps ? start.offset_ps : starts_.back().offset_ps;
            starts_.pop_back();
        }
        while (!starts_.empty() && reach_ps(starts_.back()) <= reach_ps(start)) {
            starts_.pop_back();
        }
        starts_.push_back(start);
        sum_ps_ += count * pace_ps;
        const std::int64_t exit_ps = sum_ps_ + reach_ps(starts_.front());
        return exit_ps - (entry_ps + (count - 1) * pace_ps) - (later_stages_ + 1) * pace_ps;
    }

  private:
    /// Paces fall and reaches fall from front to back.
    struct Start {
        std::int64_t offset_ps = 0; ///< r_s less the paces of everything before s
        std::int64_t pace_ps = 0;   ///< the greatest since s
    };

    [[nodiscard]] std::int64_t reach_ps(const Start& start) const {
        return start.offset_ps + later_stages_ * start.pace_ps;
    }

    std::int64_t later_stages_;
    std::int64_t sum_ps_ = 0;
    std::vector<Start> starts_;
};

} // namespace lpusim::serve
