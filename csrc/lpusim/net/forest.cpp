#include "lpusim/net/forest.h"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

/// Stable counting sort of the non-root nodes by `key`.
[[nodiscard]] std::vector<std::int32_t> sorted_by(const Forest& forest, std::int32_t TreeNode::* key) {
    std::vector<std::int32_t> begin(at(forest.depth) + 2, 0);
    for (const TreeNode& node : forest.nodes) {
        if (node.parent >= 0)
            ++begin[at(node.*key) + 1];
    }
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    std::vector<std::int32_t> sorted(forest.nodes.size() - at(forest.tree_count()));
    for (std::size_t i = 0; i < forest.nodes.size(); ++i) {
        if (forest.nodes[i].parent >= 0)
            sorted[at(begin[at(forest.nodes[i].*key)]++)] = static_cast<std::int32_t>(i);
    }
    return sorted;
}

/// Grows one tree after the other, each where the ones before left room.
class Grower {
  public:
    Grower(const Group& group, const Rotation& rotation)
        : group_(group), rotation_(rotation), search_(group), load_(at(rotation.bundle_class_count()), 0),
          bundle_into_(chips(), -1), is_needed_(chips(), 0), is_member_(chips(), 0), node_of_(chips(), -1) {}

    void grow(const Tree& tree, Forest& forest) {
        for (const std::int32_t chip : tree.members)
            is_member_[at(chip)] = 1;
        auto left = std::ssize(tree.members);
        search_.from(tree.root, [&](std::int32_t chip) { return is_member_[at(chip)] != 0 && --left == 0; });
        choose_parents(tree.vector_count);
        add_nodes(tree.root, forest);
        for (const std::int32_t chip : tree.members)
            is_member_[at(chip)] = 0;
    }

  private:
    [[nodiscard]] std::size_t chips() const { return at(group_.topology().chip_count()); }
    [[nodiscard]] const Bundle& bundle(std::int32_t index) const {
        return group_.topology().bundles()[at(index)];
    }
    /// Indexed by bundle in the direction away from the root; the way back loads the same wire's other half
    /// alike.
    [[nodiscard]] std::int64_t& load(std::int32_t index) { return load_[at(rotation_.bundle_class(index))]; }

    /// From the farthest in, so that a chip without members below it is known before its turn.
    void choose_parents(std::int64_t vector_count) {
        const auto order = search_.order();
        for (const std::int32_t chip : order)
            is_needed_[at(chip)] = is_member_[at(chip)];
        for (std::size_t i = order.size(); i-- > 1;) {
            const std::int32_t chip = order[i];
            if (is_needed_[at(chip)] == 0)
                continue;
            std::int32_t best = -1;
            for (const Bundle& out : group_.topology().bundles_from(chip)) {
                if (search_.hops(out.to) != search_.hops(chip) - 1)
                    continue;
                if (best < 0 || is_lighter(load(out.reverse), bundle(out.reverse), load(best), bundle(best)))
                    best = out.reverse;
            }
            assert(best >= 0);
            load(best) += vector_count;
            bundle_into_[at(chip)] = best;
            is_needed_[at(bundle(best).from)] = 1;
        }
    }

    void add_nodes(std::int32_t root, Forest& forest) {
        const std::size_t begin = forest.nodes.size();
        for (const std::int32_t chip : search_.order()) {
            if (is_needed_[at(chip)] == 0)
                continue;
            const std::int32_t into = chip == root ? -1 : bundle_into_[at(chip)];
            node_of_[at(chip)] = static_cast<std::int32_t>(forest.nodes.size());
            forest.nodes.push_back({.chip = chip,
                                    .parent = into < 0 ? -1 : node_of_[at(bundle(into).from)],
                                    .bundle = into,
                                    .depth = search_.hops(chip),
                                    .operands = is_member_[at(chip)],
                                    .is_member = is_member_[at(chip)] != 0});
            forest.depth = std::max(forest.depth, search_.hops(chip));
        }
        for (std::size_t i = forest.nodes.size(); i-- > begin + 1;) {
            TreeNode& parent = forest.nodes[at(forest.nodes[i].parent)];
            parent.height = std::max(parent.height, forest.nodes[i].height + 1);
            ++parent.operands;
        }
        forest.tree_begin.push_back(static_cast<std::int32_t>(forest.nodes.size()));
    }

    const Group& group_;
    const Rotation& rotation_;
    Search search_;
    std::vector<std::int64_t> load_;
    std::vector<std::int32_t> bundle_into_;
    std::vector<std::uint8_t> is_needed_;
    std::vector<std::uint8_t> is_member_;
    std::vector<std::int32_t> node_of_;
};

} // namespace

Forest grow_forest(const Group& group, std::span<const Tree> trees, const Rotation& rotation) {
    Forest forest;
    std::size_t node_count = 0;
    for (const Tree& tree : trees)
        node_count += tree.members.size();
    forest.nodes.reserve(node_count);
    forest.tree_begin.push_back(0);
    Grower grower(group, rotation);
    for (const Tree& tree : trees)
        grower.grow(tree, forest);
    forest.outward = sorted_by(forest, &TreeNode::depth);
    forest.inward = sorted_by(forest, &TreeNode::height);
    return forest;
}

} // namespace lpusim::net
