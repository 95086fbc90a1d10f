#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "lpusim/net/group.h"
#include "lpusim/net/rotation.h"

namespace lpusim::net {

/// For each of some targets, the bundle on which every chip sends on what is bound there: a shortest-path
/// tree a target, with the traffic expected spread over the links.
class RouteTable {
  public:
    /// Adds to `vectors_from`, which has an entry a chip and is all zero, what each chip sends to target
    /// `target_index`.
    using AddTraffic = std::function<void(std::size_t target_index, std::span<std::int64_t> vectors_from)>;

    /// Among equally near neighbours a chip takes the one whose link is loaded least by all targets so far.
    /// Under a rotation a target stands for its images, and their load is counted. Throws CapacityError
    /// beyond 2^29 pairs of target and chip. Cost: O(targets x links), 2 bytes a target and chip.
    RouteTable(const Group& group, const Rotation& rotation, std::span<const std::int32_t> targets,
               const AddTraffic& add_traffic);

    [[nodiscard]] std::int32_t target(std::int32_t row) const {
        return targets_[static_cast<std::size_t>(row)];
    }
    /// The row of a target; -1 for another chip.
    [[nodiscard]] std::int32_t row_of(std::int32_t chip) const {
        return row_of_[static_cast<std::size_t>(chip)];
    }
    /// The bundle from `chip`, which is not the target, towards the row's target.
    [[nodiscard]] std::int32_t next_bundle(std::int32_t row, std::int32_t chip) const {
        const auto place =
            static_cast<std::size_t>(row) * first_bundle_.size() + static_cast<std::size_t>(chip);
        return first_bundle_[static_cast<std::size_t>(chip)] + next_[place];
    }
    /// Hops on the way.
    [[nodiscard]] std::int32_t hops(std::int32_t row, std::int32_t chip) const;

    /// Vectors expected on a bundle that stands for itself.
    [[nodiscard]] std::span<const std::int64_t> load() const { return load_; }
    /// Vectors expected, and each times its hops. Of one turn, under a rotation.
    [[nodiscard]] std::int64_t vector_count() const { return vector_count_; }
    [[nodiscard]] std::int64_t slot_count() const { return slot_count_; }
    /// Links into the target that is fed from the most links at once.
    [[nodiscard]] std::int64_t busiest_fan_in() const;
    /// Cycles for which the busiest bundle is needed by what is expected: no schedule over these routes is
    /// shorter.
    [[nodiscard]] std::int64_t busiest_cycles() const;

  private:
    void lay_row(std::int32_t row, std::span<std::int64_t> traffic);
    void search(std::int32_t target);

    const Group& group_;
    const Rotation& rotation_;
    std::vector<std::int32_t> targets_;
    std::vector<std::int32_t> row_of_;
    std::vector<std::int32_t> first_bundle_;
    /// By bundle: where it leads, and the bundle that stands for it.
    std::vector<std::int32_t> to_;
    std::vector<std::uint16_t> next_;
    /// By bundle that stands for itself: vectors that it carries, and those that it brings to their target.
    std::vector<std::int64_t> load_;
    std::vector<std::int64_t> brought_;
    std::vector<std::int32_t> order_;
    std::vector<std::int32_t> hops_;
    std::int64_t vector_count_ = 0;
    std::int64_t slot_count_ = 0;
};

} // namespace lpusim::net
