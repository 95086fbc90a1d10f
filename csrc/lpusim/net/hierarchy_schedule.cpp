#include "lpusim/net/hierarchy_schedule.h"

#include <algorithm>
#include <cassert>

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

} // namespace

HierarchySchedule::HierarchySchedule(const Group& group, const Hierarchy& hierarchy, Booking& booking,
                                     std::int64_t vector_count, const Production& production)
    : group_(group), hierarchy_(hierarchy), booking_(booking), vector_count_(vector_count),
      production_(production), provenance_(booking.rotation()) {
    const Rotation& rotation = booking.rotation();
    member_count_ = rotation.is_identity() ? group.size() : rotation.step_chips();
    assert(rotation.is_identity() || group.is_everyone());
    state_.assign(at(member_count_), produced(production, 0, vector_count));
    pieces_.first_vector.assign(at(group.topology().chip_count()), 0);
    pieces_.vector_count.assign(at(group.topology().chip_count()), 0);
    for (std::int32_t member = 0; member < group.size(); ++member) {
        const Range own = range_of(member, hierarchy.level_count());
        const auto chip = at(hierarchy.members()[at(member)]);
        pieces_.first_vector[chip] = own.first;
        pieces_.vector_count[chip] = own.count;
    }
}

void HierarchySchedule::run(const ReduceCost& reduce) {
    std::int64_t fan_in = 0;
    for (std::int32_t level = 0; level < hierarchy_.level_count(); ++level) {
        levels_.push_back(grow(level));
        const Level& grown = levels_.back();
        // A chip may be fed by its next level before its last is over.
        fan_in += busiest_fan_in(group_.topology(), grown.forest, grown.shards.vector_count, true,
                                 booking_.rotation());
    }
    const Pace pace = pace_of(reduce, fan_in);
    for (std::int32_t level = 0; level < hierarchy_.level_count(); ++level)
        sum_level(level, pace);
    for (std::int32_t level = hierarchy_.level_count(); level-- > 0;)
        spread_level(level);
}

HierarchySchedule::Range HierarchySchedule::range_of(std::int32_t member, std::int32_t levels) const {
    Range range{0, vector_count_};
    for (std::int32_t level = 0; level < levels; ++level) {
        const std::int64_t parts = hierarchy_.parts(level), digit = hierarchy_.digit(member, level);
        const std::int64_t each = range.count / parts, larger = range.count % parts;
        range = {range.first + digit * each + std::min(digit, larger), each + (digit < larger ? 1 : 0)};
    }
    return range;
}

std::int32_t HierarchySchedule::member_of(std::int32_t chip) const {
    const auto& members = hierarchy_.members();
    return static_cast<std::int32_t>(std::ranges::lower_bound(members, chip) - members.begin());
}

/// Where the range of the member's last image begins, the one that is ready last.
std::int64_t HierarchySchedule::last_turn_first(std::int32_t member, std::int32_t level) const {
    const bool turns = member_count_ < group_.size() && level + 1 == hierarchy_.level_count();
    return range_of(member + (turns ? group_.size() - member_count_ : 0), level + 1).first;
}

HierarchySchedule::Level HierarchySchedule::grow(std::int32_t level) const {
    Level grown;
    std::vector<std::vector<std::int32_t>> peers;
    std::vector<Tree> trees;
    // Under a rotation the members of one turn have the outermost digit 0, so the largest shard of any turn.
    for (std::int32_t member = 0; member < member_count_; ++member) {
        const Range own = range_of(member, level + 1);
        if (own.count == 0)
            continue;
        grown.owners.push_back(member);
        grown.shards.first_vector.push_back(own.first);
        grown.shards.vector_count.push_back(own.count);
        peers.push_back(hierarchy_.peers(member, level));
    }
    trees.reserve(peers.size());
    for (std::size_t i = 0; i < grown.owners.size(); ++i) {
        trees.push_back({hierarchy_.members()[at(grown.owners[i])], grown.shards.vector_count[i], peers[i]});
    }
    grown.forest = grow_forest(group_, trees, booking_.rotation());
    return grown;
}

ForestSchedule::Operands HierarchySchedule::operands(std::int32_t level, bool are_made) {
    return {.are_made = are_made,
            .are_pieces = level + 1 == hierarchy_.level_count(),
            .provenance = &provenance_};
}

void HierarchySchedule::sum_level(std::int32_t level, const Pace& pace) {
    const Level& grown = levels_[at(level)];
    ForestSchedule schedule(booking_, grown.forest, grown.shards, operands(level, level == 0));
    std::vector<Readiness> next(state_.size());
    for (std::int32_t tree = 0; tree < grown.forest.tree_count(); ++tree) {
        const Range before = range_of(grown.owners[at(tree)], level);
        const std::int64_t offset = last_turn_first(grown.owners[at(tree)], level) - before.first;
        for (auto i = grown.forest.tree_begin[at(tree)]; i < grown.forest.tree_begin[at(tree) + 1]; ++i) {
            const TreeNode& node = grown.forest.nodes[at(i)];
            if (!node.is_member)
                continue;
            const Readiness& held = state_[at(member_of(node.chip) % member_count_)];
            schedule.ready()[at(i)] = from_vector(held, offset, grown.shards.vector_count[at(tree)]);
        }
    }
    schedule.sum_inward(pace);
    for (std::int32_t tree = 0; tree < grown.forest.tree_count(); ++tree)
        next[at(grown.owners[at(tree)])] = schedule.root_ready(tree);
    state_ = std::move(next);
}

/// A chip sends on when all that this level brings it is there.
void HierarchySchedule::spread_level(std::int32_t level) {
    const Level& grown = levels_[at(level)];
    ForestSchedule schedule(booking_, grown.forest, grown.shards, operands(level, false));
    for (std::int32_t tree = 0; tree < grown.forest.tree_count(); ++tree)
        schedule.ready()[at(grown.forest.tree_begin[at(tree)])] = state_[at(grown.owners[at(tree)])];
    schedule.spread_outward();
    std::vector<std::int64_t> all_there(state_.size(), 0);
    for (std::size_t i = 0; i < grown.forest.nodes.size(); ++i) {
        const TreeNode& node = grown.forest.nodes[i];
        if (!node.is_member)
            continue;
        std::int64_t& last = all_there[at(member_of(node.chip) % member_count_)];
        last = std::max(last, schedule.ready()[i].last_cycle);
    }
    for (std::size_t member = 0; member < state_.size(); ++member)
        state_[member] = all_at(all_there[member]);
}

} // namespace lpusim::net
