#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/net/group.h"
#include "lpusim/net/rotation.h"

namespace lpusim::net {

/// A tree that is wanted: from `root`, to all of `members`, for `vector_count` vectors.
struct Tree {
    std::int32_t root = 0;
    std::int64_t vector_count = 0;
    /// Chips of the group; the root is one.
    std::span<const std::int32_t> members;
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
    /// Is the chip one of the tree's members, or does it only pass vectors on?
    bool is_member = false;
};

/// One shortest-path tree a root, spanning its members, with what the trees carry spread over the links.
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

/// Every chip is as few hops from the root as the group's links allow; among equally near parents it takes
/// the one whose link would be loaded least so far. Under a rotation each tree stands for all its images, and
/// their load is counted. Cost: O(trees x links of the group).
[[nodiscard]] Forest grow_forest(const Group& group, std::span<const Tree> trees, const Rotation& rotation);

} // namespace lpusim::net
