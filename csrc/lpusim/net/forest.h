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
    /// `chips` empty: all that are up. Throws ValueError for a chip that is unknown, down or named twice.
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

  private:
    const Topology* topology_;
    std::vector<std::int32_t> members_;
    std::vector<std::uint8_t> is_member_;
    bool relays_ = false;
};

/// One chip's place in one tree.
struct TreeNode {
    std::int32_t chip = 0;
    /// Index in Forest::nodes; -1 at the root.
    std::int32_t parent = -1;
    /// The bundle from the parent's chip to this one.
    std::int32_t bundle = -1;
    std::int32_t depth = 0;
    /// Hops to the farthest chip below.
    std::int32_t height = 0;
    /// Values added here when summing towards the root: its own if a member, and one a child.
    std::int32_t operands = 0;
};

/// One shortest-path tree a root, spanning the group, with what the trees carry spread over the links.
struct Forest {
    /// Tree by tree, each from its root outwards.
    std::vector<TreeNode> nodes;
    /// Where each tree begins; one more entry than trees.
    std::vector<std::int32_t> tree_begin;
    /// The non-root nodes, nearest the root first and nearest the leaves first; ties in order of `nodes`.
    std::vector<std::int32_t> outward;
    std::vector<std::int32_t> inward;
    std::int32_t depth = 0;

    [[nodiscard]] std::int32_t tree_count() const { return static_cast<std::int32_t>(tree_begin.size()) - 1; }
};

/// Tree t carries `vector_counts[t]` vectors from or to chip `roots[t]`, a member. Every chip is as few hops
/// from the root as the group's links allow; among equally near parents it takes the one whose link would be
/// loaded least so far. Cost: O(trees x links of the group).
[[nodiscard]] Forest grow_forest(const Group& group, std::span<const std::int32_t> roots,
                                 std::span<const std::int64_t> vector_counts);

/// A route with the fewest hops, as bundles; at each chip the bundle least loaded per link, then the lowest.
/// `load` (vectors a bundle) may be empty. Both ends must be open and connected.
[[nodiscard]] std::vector<std::int32_t> find_route(const Group& group, std::int32_t source,
                                                   std::int32_t target,
                                                   std::span<const std::int64_t> load = {});

} // namespace lpusim::net
