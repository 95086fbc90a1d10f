#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/net/topology.h"

namespace lpusim::net {

/// The chips of a collective, and which links it may use.
///
/// Where the members are connected among themselves, nothing else is used, so collectives of disjoint groups
/// do not meet. Where they are not, any chip may pass vectors on.
class Group {
  public:
    /// `chips` empty: all endpoints. Throws ValueError for a chip that is unknown, down, a relay or named
    /// twice.
    Group(const Topology& topology, std::span<const std::int32_t> chips);

    [[nodiscard]] const Topology& topology() const { return *topology_; }
    /// In the order given.
    [[nodiscard]] std::span<const std::int32_t> members() const { return members_; }
    [[nodiscard]] std::int32_t size() const { return static_cast<std::int32_t>(members_.size()); }
    [[nodiscard]] bool is_member(std::int32_t chip) const {
        return is_member_[static_cast<std::size_t>(chip)] != 0;
    }
    /// Do its vectors pass through members only? Then its collectives take what they would on any topology
    /// whose links between such members are the same.
    [[nodiscard]] bool is_closed() const { return !relays_; }
    /// May the group's vectors pass through `chip`?
    [[nodiscard]] bool is_open(std::int32_t chip) const { return relays_ || is_member(chip); }
    /// Is it every chip, in the order of ids?
    [[nodiscard]] bool is_everyone() const;

  private:
    const Topology* topology_;
    std::vector<std::int32_t> members_;
    std::vector<std::uint8_t> is_member_;
    bool relays_ = false;
};

/// A breadth-first search over a group's open chips that keeps its memory between searches.
class Search {
  public:
    explicit Search(const Group& group)
        : group_(group), hops_(static_cast<std::size_t>(group.topology().chip_count()), -1) {}

    /// Reaches chips, nearest first, until `is_last(chip)` says so or there are no more. By then every chip
    /// nearer than the last one has been reached.
    template <class IsLast>
    void from(std::int32_t source, IsLast is_last) {
        for (const std::int32_t chip : order_)
            hops_[static_cast<std::size_t>(chip)] = -1;
        order_.assign(1, source);
        hops_[static_cast<std::size_t>(source)] = 0;
        if (is_last(source))
            return;
        for (std::size_t head = 0; head < order_.size(); ++head) {
            const std::int32_t chip = order_[head];
            for (const Bundle& bundle : group_.topology().bundles_from(chip)) {
                std::int32_t& hops = hops_[static_cast<std::size_t>(bundle.to)];
                if (hops >= 0 || !group_.is_open(bundle.to))
                    continue;
                hops = hops_[static_cast<std::size_t>(chip)] + 1;
                order_.push_back(bundle.to);
                if (is_last(bundle.to))
                    return;
            }
        }
    }
    void everywhere_from(std::int32_t source) {
        from(source, [](std::int32_t) { return false; });
    }

    /// Chips reached, nearest first.
    [[nodiscard]] std::span<const std::int32_t> order() const { return order_; }
    /// -1: not reached.
    [[nodiscard]] std::int32_t hops(std::int32_t chip) const { return hops_[static_cast<std::size_t>(chip)]; }

  private:
    const Group& group_;
    std::vector<std::int32_t> hops_;
    std::vector<std::int32_t> order_;
};

/// Would bundle a be through with `load_a` vectors before bundle b with `load_b`?
[[nodiscard]] bool is_lighter(std::int64_t load_a, const Bundle& a, std::int64_t load_b, const Bundle& b);

} // namespace lpusim::net
