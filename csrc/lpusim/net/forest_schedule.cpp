#include "lpusim/net/forest_schedule.h"

#include <algorithm>

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

/// A chip with a single operand passes it on untouched.
[[nodiscard]] std::int64_t delay_at(const TreeNode& node, const Pace& pace) {
    return node.operands >= 2 ? pace.delay_cycles : 0;
}

} // namespace

std::int64_t busiest_fan_in(const Topology& topology, const Forest& forest,
                            std::span<const std::int64_t> vector_counts, bool towards_root) {
    std::vector<std::int64_t> used(topology.bundles().size(), 0);
    for (std::int32_t tree = 0; tree < forest.tree_count(); ++tree) {
        for (auto i = forest.tree_begin[at(tree)] + 1; i < forest.tree_begin[at(tree) + 1]; ++i) {
            const std::int32_t down = forest.nodes[at(i)].bundle;
            const Bundle& bundle = topology.bundles()[at(down)];
            std::int64_t& links = used[at(towards_root ? bundle.reverse : down)];
            links = std::min<std::int64_t>(bundle.width, links + vector_counts[at(tree)]);
        }
    }
    std::vector<std::int64_t> fan_in(at(topology.chip_count()), 0);
    for (std::size_t i = 0; i < used.size(); ++i)
        fan_in[at(topology.bundles()[i].to)] += used[i];
    return std::ranges::max(fan_in);
}

ForestSchedule::ForestSchedule(const Topology& topology, const Forest& forest, const Shards& shards,
                               Timetable* record)
    : topology_(topology), forest_(forest), shards_(shards), record_(record), booking_(topology, record),
      ready_(forest.nodes.size()), tree_of_(forest.nodes.size()) {
    for (std::int32_t tree = 0; tree < forest.tree_count(); ++tree) {
        std::fill(tree_of_.begin() + forest.tree_begin[at(tree)],
                  tree_of_.begin() + forest.tree_begin[at(tree) + 1], tree);
    }
}

void ForestSchedule::sum_inward(const Pace& pace) {
    add_transfers(true);
    for (const std::int32_t index : forest_.inward) {
        const TreeNode& node = forest_.nodes[at(index)];
        const TreeNode& parent = forest_.nodes[at(node.parent)];
        const Booking::Vectors shard = vectors(index, inward_begin_);
        const Readiness summed = later(ready_[at(index)], delay_at(node, pace));
        const Readiness arrived =
            booking_.send(topology_.bundles()[at(node.bundle)].reverse, shard, summed, pace.period_cycles);
        ready_[at(node.parent)] = latest(ready_[at(node.parent)], arrived, shard.vector_count);
        if (record_ != nullptr && parent.parent >= 0) {
            record_->dependencies.push_back(
                {transfer_id(node.parent, inward_begin_), shard.transfer, delay_at(parent, pace)});
        }
    }
    for (std::int32_t tree = 0; tree < forest_.tree_count(); ++tree) {
        const auto root = at(forest_.tree_begin[at(tree)]);
        root_delay_.push_back(delay_at(forest_.nodes[root], pace));
        ready_[root] = later(ready_[root], root_delay_.back());
        last_sum_cycle_ = std::max(last_sum_cycle_, ready_[root].last_cycle);
    }
}

void ForestSchedule::spread_outward(std::int64_t period_cycles) {
    add_transfers(false);
    for (const std::int32_t index : forest_.outward) {
        const TreeNode& node = forest_.nodes[at(index)];
        ready_[at(index)] = booking_.send(node.bundle, vectors(index, outward_begin_),
                                          ready_[at(node.parent)], period_cycles);
        if (record_ != nullptr && forest_.nodes[at(node.parent)].parent >= 0) {
            record_->dependencies.push_back(
                {transfer_id(index, outward_begin_), transfer_id(node.parent, outward_begin_), 0});
        }
    }
    if (record_ != nullptr && inward_begin_ >= 0)
        tie_phases();
}

/// Transfers are numbered as the nodes are, roots left out.
std::int64_t ForestSchedule::transfer_id(std::int32_t node, std::int64_t begin) const {
    return begin + node - tree_of_[at(node)] - 1;
}

Booking::Vectors ForestSchedule::vectors(std::int32_t node, std::int64_t begin) const {
    const auto tree = at(tree_of_[at(node)]);
    return {transfer_id(node, begin), 0, shards_.first_vector[tree], shards_.vector_count[tree]};
}

void ForestSchedule::add_transfers(bool towards_root) {
    if (record_ == nullptr)
        return;
    (towards_root ? inward_begin_ : outward_begin_) = static_cast<std::int64_t>(record_->transfers.size());
    for (std::size_t i = 0; i < forest_.nodes.size(); ++i) {
        const TreeNode& node = forest_.nodes[i];
        if (node.parent < 0)
            continue;
        const std::int64_t parent_chip = forest_.nodes[at(node.parent)].chip;
        const auto tree = at(tree_of_[i]);
        record_->transfers.push_back({.source = towards_root ? node.chip : parent_chip,
                                      .target = towards_root ? parent_chip : node.chip,
                                      .first_vector = shards_.first_vector[tree],
                                      .vector_count = shards_.vector_count[tree],
                                      .adds = towards_root ? 1 : 0});
    }
}

/// What leaves a root waits for all that was summed there. A root's children are the nodes right behind it.
void ForestSchedule::tie_phases() {
    for (std::int32_t tree = 0; tree < forest_.tree_count(); ++tree) {
        const std::int32_t begin = forest_.tree_begin[at(tree)] + 1;
        std::int32_t end = begin;
        while (end < forest_.tree_begin[at(tree) + 1] && forest_.nodes[at(end)].depth == 1)
            ++end;
        for (std::int32_t out = begin; out < end; ++out) {
            for (std::int32_t in = begin; in < end; ++in) {
                record_->dependencies.push_back({transfer_id(out, outward_begin_),
                                                 transfer_id(in, inward_begin_), root_delay_[at(tree)]});
            }
        }
    }
}

} // namespace lpusim::net
