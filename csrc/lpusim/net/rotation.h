#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lpusim/net/topology.h"

namespace lpusim::net {

/// A symmetry of a topology: adding `step_chips` to every chip id, modulo the chips there are, maps each
/// bundle to one of the same width and timing, and endpoints to endpoints.
///
/// What is booked the same way for a chip and for all its images under the rotation is booked once. A link
/// and its images form a class; the link that leaves one of the first `step_chips` chips stands for them.
class Rotation {
  public:
    /// The one that turns nothing: every link stands for itself.
    explicit Rotation(const Topology& topology);

    /// The rotation by the fewest chips; the one that turns nothing where there is no other, as with chips
    /// or links that are down. Cost: O(links) for a divisor of the chip count that succeeds, a few links for
    /// one that fails.
    [[nodiscard]] static Rotation finest(const Topology& topology);
    /// The rotation by `step_chips`, if that is a symmetry.
    [[nodiscard]] static std::optional<Rotation> by(const Topology& topology, std::int32_t step_chips);

    [[nodiscard]] std::int32_t step_chips() const { return step_chips_; }
    /// How often a step fits; 1: it turns nothing.
    [[nodiscard]] std::int32_t turn_count() const { return chip_count_ / step_chips_; }
    [[nodiscard]] bool is_identity() const { return step_chips_ == chip_count_; }

    /// The bundle that stands for `bundle`.
    [[nodiscard]] std::int32_t bundle_class(std::int32_t bundle) const {
        return classes_.empty() ? bundle : classes_[static_cast<std::size_t>(bundle)];
    }
    /// Bundles that stand for themselves: 0 to this - 1.
    [[nodiscard]] std::int32_t bundle_class_count() const { return class_count_; }

    /// `chip` after `turns` steps; `turns` may be negative.
    [[nodiscard]] std::int32_t turned_chip(std::int32_t chip, std::int32_t turns) const {
        const std::int64_t moved = chip + std::int64_t{turns} * step_chips_;
        return static_cast<std::int32_t>((moved % chip_count_ + chip_count_) % chip_count_);
    }
    /// The directed link that `link` of the same topology becomes. Cost: two binary searches.
    [[nodiscard]] std::int32_t turned_link(const Topology& topology, std::int32_t link,
                                           std::int32_t turns) const;

  private:
    std::int32_t chip_count_ = 1;
    std::int32_t step_chips_ = 1;
    std::int32_t class_count_ = 0;
    /// By bundle; empty where nothing turns.
    std::vector<std::int32_t> classes_;
};

} // namespace lpusim::net
