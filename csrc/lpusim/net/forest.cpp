#include "lpusim/net/forest.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <string>

#include "lpusim/base/errors.h"

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int32_t index) {
    return static_cast<std::size_t>(index);
}

/// A breadth-first search over a group's open chips that keeps its memory between searches.
class Search {
  public:
    explicit Search(const Group& group) : group_(group), hops_(at(group.topology().chip_count()), -1) {}

    /// Reaches chips, nearest first, until `is_last(chip)` says so or there are no more. By then every chip
    /// nearer than the last one has been reached.
    template <class IsLast>
    void from(std::int32_t source, IsLast is_last) {
        for (const std::int32_t chip : order_)
            hops_[at(chip)] = -1;
        order_.assign(1, source);
        hops_[at(source)] = 0;
        if (is_last(source))
            return;
        for (std::size_t head = 0; head < order_.size(); ++head) {
            const std::int32_t chip = order_[head];
            for (const Bundle& bundle : group_.topology().bundles_from(chip)) {
                if (hops_[at(bundle.to)] >= 0 || !group_.is_open(bundle.to))
                    continue;
                hops_[at(bundle.to)] = hops_[at(chip)] + 1;
                order_.push_back(bundle.to);
                if (is_last(bundle.to))
                    return;
            }
        }
    }

    /// Until all members are reached, which are connected.
    void members_from(std::int32_t source) {
        std::int32_t left = group_.size();
        from(source, [&](std::int32_t chip) { return group_.is_member(chip) && --left == 0; });
    }

    /// Chips reached, nearest first.
    [[nodiscard]] std::span<const std::int32_t> order() const { return order_; }
    /// -1: not reached.
    [[nodiscard]] std::int32_t hops(std::int32_t chip) const { return hops_[at(chip)]; }

  private:
    const Group& group_;
    std::vector<std::int32_t> hops_;
    std::vector<std::int32_t> order_;
};

/// Is bundle a less loaded per link than bundle b?
[[nodiscard]] bool is_lighter(std::int64_t load_a, std::int32_t width_a, std::int64_t load_b,
                              std::int32_t width_b) {
    return load_a * width_b < load_b * width_a;
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

} // namespace

Group::Group(const Topology& topology, std::span<const std::int32_t> chips)
    : topology_(&topology), members_(chips.begin(), chips.end()), is_member_(at(topology.chip_count()), 0) {
    if (members_.empty())
        members_ = topology.up_chips();
    for (const std::int32_t chip : members_) {
        topology.require_chip("a chip of the group", chip);
        if (is_member_[at(chip)] != 0) {
            throw ValueError("the group names chip " + std::to_string(chip) + " twice");
        }
        is_member_[at(chip)] = 1;
    }
    if (members_.size() + topology.down_chips().size() == at(topology.chip_count()))
        return; // What is up is connected.
    Search search(*this);
    search.from(members_.front(), [](std::int32_t) { return false; });
    relays_ = search.order().size() < members_.size();
}

Forest grow_forest(const Group& group, std::span<const std::int32_t> roots,
                   std::span<const std::int64_t> vector_counts) {
    assert(roots.size() == vector_counts.size());
    const Topology& topology = group.topology();
    Forest forest;
    forest.nodes.reserve(roots.size() * group.members().size());
    forest.tree_begin.push_back(0);
    Search search(group);
    // Indexed by bundle in the direction away from the root; the way back loads the same wire's other half
    // alike.
    std::vector<std::int64_t> load(topology.bundles().size(), 0);
    std::vector<std::int32_t> bundle_into(at(topology.chip_count()), -1);
    std::vector<std::uint8_t> is_needed(at(topology.chip_count()), 0);
    std::vector<std::int32_t> node_of(at(topology.chip_count()), -1);

    for (std::size_t tree = 0; tree < roots.size(); ++tree) {
        search.members_from(roots[tree]);
        const auto order = search.order();
        for (const std::int32_t chip : order)
            is_needed[at(chip)] = group.is_member(chip) ? 1 : 0;
        // From the farthest in, so that a chip without members below it is known before its turn.
        for (std::size_t i = order.size(); i-- > 1;) {
            const std::int32_t chip = order[i];
            if (is_needed[at(chip)] == 0)
                continue;
            std::int32_t best = -1;
            for (const Bundle& out : topology.bundles_from(chip)) {
                if (search.hops(out.to) != search.hops(chip) - 1)
                    continue;
                if (best < 0 || is_lighter(load[at(out.reverse)], out.width, load[at(best)],
                                           topology.bundles()[at(best)].width)) {
                    best = out.reverse;
                }
            }
            assert(best >= 0);
            load[at(best)] += vector_counts[tree];
            bundle_into[at(chip)] = best;
            is_needed[at(topology.bundles()[at(best)].from)] = 1;
        }
        for (const std::int32_t chip : order) {
            if (is_needed[at(chip)] == 0)
                continue;
            const bool is_root = chip == roots[tree];
            node_of[at(chip)] = static_cast<std::int32_t>(forest.nodes.size());
            forest.nodes.push_back(
                {.chip = chip,
                 .parent = is_root ? -1 : node_of[at(topology.bundles()[at(bundle_into[at(chip)])].from)],
                 .bundle = is_root ? -1 : bundle_into[at(chip)],
                 .depth = search.hops(chip),
                 .operands = group.is_member(chip) ? 1 : 0});
            forest.depth = std::max(forest.depth, search.hops(chip));
        }
        for (std::size_t i = forest.nodes.size(); i-- > at(forest.tree_begin.back()) + 1;) {
            TreeNode& parent = forest.nodes[at(forest.nodes[i].parent)];
            parent.height = std::max(parent.height, forest.nodes[i].height + 1);
            ++parent.operands;
        }
        forest.tree_begin.push_back(static_cast<std::int32_t>(forest.nodes.size()));
    }
    forest.outward = sorted_by(forest, &TreeNode::depth);
    forest.inward = sorted_by(forest, &TreeNode::height);
    return forest;
}

std::vector<std::int32_t> find_route(const Group& group, std::int32_t source, std::int32_t target,
                                     std::span<const std::int64_t> load) {
    const Topology& topology = group.topology();
    Search search(group);
    search.from(target, [source](std::int32_t chip) { return chip == source; });
    assert(search.hops(source) >= 0);
    std::vector<std::int32_t> route;
    for (std::int32_t chip = source; chip != target; chip = topology.bundles()[at(route.back())].to) {
        std::int32_t best = -1;
        const std::int32_t first = topology.first_bundle(chip);
        const auto outs = topology.bundles_from(chip);
        for (std::size_t i = 0; i < outs.size(); ++i) {
            if (search.hops(outs[i].to) != search.hops(chip) - 1)
                continue;
            const std::int32_t bundle = first + static_cast<std::int32_t>(i);
            const auto loaded = [&](std::int32_t index) { return load.empty() ? 1 : load[at(index)] + 1; };
            if (best < 0 ||
                is_lighter(loaded(bundle), outs[i].width, loaded(best), topology.bundles()[at(best)].width)) {
                best = bundle;
            }
        }
        assert(best >= 0);
        route.push_back(best);
    }
    return route;
}

} // namespace lpusim::net
