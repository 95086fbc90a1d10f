#include "lpusim/net/min_cut.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

/// Flow from all chips of the first side to all of the second. What a bundle carries one way may be taken
/// back the other way, so residual capacities live on the bundles themselves.
class Flow {
  public:
    Flow(const Topology& topology, std::span<const std::int64_t> capacity, std::span<const Side> sides)
        : topology_(topology), sides_(sides), residual_(capacity.begin(), capacity.end()),
          level_(at(topology.chip_count())), next_(at(topology.chip_count())) {}

    void fill() {
        while (find_levels()) {
            std::ranges::fill(next_, 0);
            for (std::int32_t chip = 0; chip < topology_.chip_count(); ++chip) {
                while (sides_[at(chip)] == Side::first && augment(chip)) {
                }
            }
        }
    }

    /// After fill(): can more flow still get here?
    [[nodiscard]] bool is_reached(std::int32_t chip) const { return level_[at(chip)] >= 0; }

  private:
    /// Fewest hops with capacity left from the first side. Does any chip of the second side have one?
    bool find_levels() {
        std::ranges::fill(level_, -1);
        std::vector<std::int32_t> queue;
        for (std::int32_t chip = 0; chip < topology_.chip_count(); ++chip) {
            if (sides_[at(chip)] == Side::first) {
                level_[at(chip)] = 0;
                queue.push_back(chip);
            }
        }
        bool is_connected = false;
        for (std::size_t head = 0; head < queue.size(); ++head) {
            const std::int32_t chip = queue[head];
            is_connected = is_connected || sides_[at(chip)] == Side::second;
            const auto outs = topology_.bundles_from(chip);
            for (std::size_t i = 0; i < outs.size(); ++i) {
                if (residual_[at(topology_.first_bundle(chip)) + i] > 0 && level_[at(outs[i].to)] < 0) {
                    level_[at(outs[i].to)] = level_[at(chip)] + 1;
                    queue.push_back(outs[i].to);
                }
            }
        }
        return is_connected;
    }

    /// One path from `source` down the levels to the second side; false where there is none left.
    bool augment(std::int32_t source) {
        std::vector<std::size_t> path;
        std::int32_t chip = source;
        while (sides_[at(chip)] != Side::second) {
            const auto outs = topology_.bundles_from(chip);
            std::size_t& i = next_[at(chip)];
            const auto leads_on = [&] {
                return residual_[at(topology_.first_bundle(chip)) + i] > 0 &&
                       level_[at(outs[i].to)] == level_[at(chip)] + 1;
            };
            while (i < outs.size() && !leads_on())
                ++i;
            if (i < outs.size()) {
                path.push_back(at(topology_.first_bundle(chip)) + i);
                chip = outs[i].to;
                continue;
            }
            if (path.empty())
                return false;
            // A dead end: step back, and take the next way from there.
            chip = topology_.bundles()[path.back()].from;
            path.pop_back();
            ++next_[at(chip)];
        }
        std::int64_t amount = std::numeric_limits<std::int64_t>::max();
        for (const std::size_t bundle : path)
            amount = std::min(amount, residual_[bundle]);
        for (const std::size_t bundle : path) {
            residual_[bundle] -= amount;
            residual_[at(topology_.bundles()[bundle].reverse)] += amount;
        }
        return true;
    }

    const Topology& topology_;
    std::span<const Side> sides_;
    std::vector<std::int64_t> residual_;
    std::vector<std::int32_t> level_;
    std::vector<std::size_t> next_;
};

} // namespace

void place_free_chips(const Topology& topology, std::span<const std::int64_t> capacity,
                      std::vector<Side>& sides) {
    assert(capacity.size() == topology.bundles().size() && std::ssize(sides) == topology.chip_count());
    Flow flow(topology, capacity, sides);
    flow.fill();
    for (std::int32_t chip = 0; chip < topology.chip_count(); ++chip) {
        if (sides[at(chip)] == Side::free)
            sides[at(chip)] = flow.is_reached(chip) ? Side::first : Side::second;
    }
}

} // namespace lpusim::net
