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
                            std::span<const std::int64_t> vector_counts, bool towards_root,
                            const Rotation& rotation) {
    std::vector<std::int64_t> used(at(rotation.bundle_class_count()), 0);
    for (std::int32_t tree = 0; tree < forest.tree_count(); ++tree) {
        for (auto i = forest.tree_begin[at(tree)] + 1; i < forest.tree_begin[at(tree) + 1]; ++i) {
            const std::int32_t down = forest.nodes[at(i)].bundle;
            const Bundle& bundle = topology.bundles()[at(down)];
            std::int64_t& links = used[at(rotation.bundle_class(towards_root ? bundle.reverse : down))];
            links = std::min<std::int64_t>(bundle.width, links + vector_counts[at(tree)]);
        }
    }
    // Images of a chip are fed alike, so a class's links count at the first of them.
    std::vector<std::int64_t> fan_in(at(rotation.step_chips()), 0);
    for (std::size_t i = 0; i < used.size(); ++i)
        fan_in[at(topology.bundles()[i].to % rotation.step_chips())] += used[i];
    return std::ranges::max(fan_in);
}

ForestSchedule::ForestSchedule(Booking& booking, const Forest& forest, const Shards& shards,
                               const Operands& operands)
    : booking_(booking), forest_(forest), shards_(shards), operands_(operands), ledger_(booking.ledger()),
      ready_(forest.nodes.size()), tree_of_(forest.nodes.size()) {
    for (std::int32_t tree = 0; tree < forest.tree_count(); ++tree) {
        std::fill(tree_of_.begin() + forest.tree_begin[at(tree)],
                  tree_of_.begin() + forest.tree_begin[at(tree) + 1], tree);
    }
}

void ForestSchedule::sum_inward(const Pace& pace) {
    if (ledger_ != nullptr)
        add_inward_transfers(pace);
    const auto bundles = booking_.topology().bundles();
    for (const std::int32_t index : forest_.inward) {
        const TreeNode& node = forest_.nodes[at(index)];
        const TreeNode& parent = forest_.nodes[at(node.parent)];
        const Booking::Vectors shard = vectors(index, inward_begin_);
        const Readiness summed = later(ready_[at(index)], delay_at(node, pace));
        const Readiness arrived =
            booking_.send(bundles[at(node.bundle)].reverse, shard, summed, pace.period_cycles);
        Readiness& there = ready_[at(node.parent)];
        there = latest(there, arrived, shard.vector_count);
        if (ledger_ != nullptr && parent.parent >= 0) {
            ledger_->add_dependency(
                {transfer_id(node.parent, inward_begin_), shard.transfer, delay_at(parent, pace)});
        }
    }
    sum_at_roots(pace);
}

void ForestSchedule::sum_at_roots(const Pace& pace) {
    for (std::int32_t tree = 0; tree < forest_.tree_count(); ++tree) {
        const std::int32_t root = forest_.tree_begin[at(tree)];
        const TreeNode& node = forest_.nodes[at(root)];
        root_delay_.push_back(delay_at(node, pace));
        ready_[at(root)] = later(ready_[at(root)], root_delay_.back());
        last_sum_cycle_ = std::max(last_sum_cycle_, ready_[at(root)].last_cycle);
    }
    if (ledger_ == nullptr || operands_.provenance == nullptr)
        return;
    for (std::int32_t tree = 0; tree < forest_.tree_count(); ++tree) {
        const std::int32_t root = forest_.tree_begin[at(tree)];
        const std::int32_t chip = forest_.nodes[at(root)].chip;
        operands_.provenance->delay(chip, root_delay_[at(tree)]);
        for (std::int32_t in = root + 1; in < forest_.tree_begin[at(tree) + 1]; ++in) {
            if (forest_.nodes[at(in)].parent == root)
                operands_.provenance->add(chip, transfer_id(in, inward_begin_), root_delay_[at(tree)]);
        }
    }
}

void ForestSchedule::spread_outward(std::int64_t period_cycles) {
    if (ledger_ != nullptr)
        add_outward_transfers();
    for (const std::int32_t index : forest_.outward) {
        const TreeNode& node = forest_.nodes[at(index)];
        ready_[at(index)] = booking_.send(node.bundle, vectors(index, outward_begin_),
                                          ready_[at(node.parent)], period_cycles);
    }
}

/// Transfers are numbered as the nodes are, roots left out.
std::int64_t ForestSchedule::transfer_id(std::int32_t node, std::int64_t begin) const {
    return begin + node - tree_of_[at(node)] - 1;
}

Booking::Vectors ForestSchedule::vectors(std::int32_t node, std::int64_t begin) const {
    const auto tree = at(tree_of_[at(node)]);
    return {transfer_id(node, begin), 0, shards_.first_vector[tree], shards_.vector_count[tree]};
}

std::int32_t ForestSchedule::piece_chip(std::size_t tree) const {
    return operands_.are_pieces ? forest_.nodes[at(forest_.tree_begin[tree])].chip : -1;
}

void ForestSchedule::add_inward_transfers(const Pace& pace) {
    inward_begin_ = ledger_->transfer_count();
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(forest_.nodes.size()); ++i) {
        const TreeNode& node = forest_.nodes[at(i)];
        const auto tree = at(tree_of_[at(i)]);
        const Readiness& own = ready_[at(i)];
        const bool is_made = node.is_member && operands_.are_made;
        if (node.parent < 0) {
            root_release_.push_back(is_made ? Production{own.first_cycle, own.period_cycles} : Production{});
            continue;
        }
        const std::int64_t transfer =
            ledger_->add_transfer({.source = node.chip,
                                   .target = forest_.nodes[at(node.parent)].chip,
                                   .first_vector = shards_.first_vector[tree],
                                   .vector_count = shards_.vector_count[tree],
                                   .release_cycle = is_made ? own.first_cycle + delay_at(node, pace) : 0,
                                   .release_period_cycles = is_made ? own.period_cycles : 0,
                                   .adds = 1},
                                  piece_chip(tree));
        if (node.is_member && operands_.provenance != nullptr)
            operands_.provenance->depend(node.chip, transfer, delay_at(node, pace), *ledger_);
    }
}

void ForestSchedule::add_outward_transfers() {
    outward_begin_ = ledger_->transfer_count();
    const bool is_summed = inward_begin_ >= 0;
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(forest_.nodes.size()); ++i) {
        const TreeNode& node = forest_.nodes[at(i)];
        if (node.parent < 0)
            continue;
        const auto tree = at(tree_of_[at(i)]);
        const bool leaves_root = forest_.nodes[at(node.parent)].parent < 0;
        Production release;
        if (leaves_root && operands_.are_made) {
            const Readiness& own = ready_[at(node.parent)];
            release = is_summed ? Production{root_release_[tree].first_cycle + root_delay_[tree],
                                             root_release_[tree].period_cycles}
                                : Production{own.first_cycle, own.period_cycles};
        }
        const std::int64_t transfer = ledger_->add_transfer({.source = forest_.nodes[at(node.parent)].chip,
                                                             .target = node.chip,
                                                             .first_vector = shards_.first_vector[tree],
                                                             .vector_count = shards_.vector_count[tree],
                                                             .release_cycle = release.first_cycle,
                                                             .release_period_cycles = release.period_cycles,
                                                             .adds = 0},
                                                            piece_chip(tree));
        if (!leaves_root)
            ledger_->add_dependency({transfer, transfer_id(node.parent, outward_begin_), 0});
        else if (operands_.provenance != nullptr)
            operands_.provenance->depend(forest_.nodes[at(node.parent)].chip, transfer, 0, *ledger_);
    }
    for (std::int32_t tree = 0; is_summed && tree < forest_.tree_count(); ++tree)
        depend_on_root(tree);
    if (operands_.provenance != nullptr)
        note_arrivals();
}

/// What leaves a root waits for all that was summed there. A root's children are the nodes right behind it.
void ForestSchedule::depend_on_root(std::int32_t tree) {
    const std::int32_t begin = forest_.tree_begin[at(tree)] + 1;
    std::int32_t end = begin;
    while (end < forest_.tree_begin[at(tree) + 1] && forest_.nodes[at(end)].depth == 1)
        ++end;
    for (std::int32_t out = begin; out < end; ++out) {
        for (std::int32_t in = begin; in < end; ++in) {
            ledger_->add_dependency(
                {transfer_id(out, outward_begin_), transfer_id(in, inward_begin_), root_delay_[at(tree)]});
        }
    }
}

void ForestSchedule::note_arrivals() {
    for (std::int32_t i = 0; i < static_cast<std::int32_t>(forest_.nodes.size()); ++i) {
        const TreeNode& node = forest_.nodes[at(i)];
        if (node.parent >= 0 && node.is_member)
            operands_.provenance->add(node.chip, transfer_id(i, outward_begin_), 0);
    }
}

} // namespace lpusim::net
