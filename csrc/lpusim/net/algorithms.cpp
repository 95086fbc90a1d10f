#include "lpusim/net/algorithms.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <vector>

#include "lpusim/base/integers.h"
#include "lpusim/net/forest_schedule.h"
#include "lpusim/net/hierarchy_schedule.h"
#include "lpusim/net/message_schedule.h"
#include "lpusim/net/ring_schedule.h"

namespace lpusim::net {
namespace {

/// Nodes of the forests that are in memory at a time: 2^22 take 150 MB.
constexpr std::int64_t kForestNodeMax = std::int64_t{1} << 22U;

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

/// Shards, the members that own them, and when the last of each class begins.
struct Ownership {
    Shards shards;
    std::vector<std::int32_t> owners;
    std::vector<std::int64_t> last_first_vector;
};

/// One shard a member or, where there are fewer vectors, one a vector, spread evenly over the group. Under a
/// rotation: those of the first turn, of owners whose images own as many; all of them go to `pieces`.
[[nodiscard]] Ownership share_out(const Group& group, std::int64_t vector_count, const Rotation& rotation,
                                  Shards& pieces) {
    Ownership ownership;
    if (rotation.is_identity()) {
        const std::int64_t shard_count = std::min<std::int64_t>(group.size(), vector_count);
        ownership.shards = split_evenly(vector_count, shard_count);
        ownership.last_first_vector = ownership.shards.first_vector;
        for (std::int64_t i = 0; i < shard_count; ++i)
            ownership.owners.push_back(group.members()[at(i * group.size() / shard_count)]);
        return ownership;
    }
    const std::int64_t step = rotation.step_chips(), turns = rotation.turn_count();
    const std::int64_t owner_count = std::min(step, div_ceil(vector_count, turns));
    const Shards all = split_evenly(vector_count, owner_count * turns);
    pieces.first_vector.assign(at(group.size()), 0);
    pieces.vector_count.assign(at(group.size()), 0);
    for (std::int64_t i = 0; i < owner_count; ++i) {
        const std::int64_t chip = i * step / owner_count;
        ownership.owners.push_back(static_cast<std::int32_t>(chip));
        ownership.shards.first_vector.push_back(all.first_vector[at(i)]);
        ownership.shards.vector_count.push_back(all.vector_count[at(i)]);
        ownership.last_first_vector.push_back(all.first_vector[at((turns - 1) * owner_count + i)]);
        for (std::int64_t turn = 0; turn < turns; ++turn) {
            pieces.first_vector[at(turn * step + chip)] = all.first_vector[at(turn * owner_count + i)];
            pieces.vector_count[at(turn * step + chip)] = all.vector_count[at(turn * owner_count + i)];
        }
    }
    return ownership;
}

/// `shards` first .. first + count - 1.
[[nodiscard]] Shards part_of(const Shards& shards, std::size_t first, std::size_t count) {
    const auto cut = [&](const std::vector<std::int64_t>& column) {
        const auto begin = column.begin() + static_cast<std::ptrdiff_t>(first);
        return std::vector<std::int64_t>(begin, begin + static_cast<std::ptrdiff_t>(count));
    };
    return {cut(shards.first_vector), cut(shards.vector_count)};
}

/// Calls run(first, forest, shards) for one forest after the other, each over as many trees as fit into
/// memory, from tree `first` on. Trees span the whole group.
template <class Run>
void for_each_forest(const Operation& operation, const Rotation& rotation,
                     const std::vector<std::int32_t>& roots, const Shards& shards, const Run& run) {
    const Group& group = operation.group();
    const auto batch = at(std::max<std::int64_t>(1, kForestNodeMax / group.size()));
    for (std::size_t first = 0; first < roots.size(); first += batch) {
        const Shards part = part_of(shards, first, std::min(batch, roots.size() - first));
        std::vector<Tree> trees;
        trees.reserve(part.vector_count.size());
        for (std::size_t i = 0; i < part.vector_count.size(); ++i)
            trees.push_back({roots[first + i], part.vector_count[i], group.members()});
        run(first, grow_forest(group, trees, rotation), part);
    }
}

/// The most links into one chip over which the group's vectors may come.
[[nodiscard]] std::int64_t widest_fan_in(const Group& group) {
    std::int64_t widest = 0;
    for (const std::int32_t chip : group.members()) {
        std::int64_t links = 0;
        for (const Bundle& bundle : group.topology().bundles_from(chip))
            links += group.is_open(bundle.to) ? bundle.width : 0;
        widest = std::max(widest, links);
    }
    return widest;
}

/// The most parallel links between two chips that the group's vectors may pass.
[[nodiscard]] std::int64_t widest_bundle(const Group& group) {
    std::int32_t widest = 1;
    const auto widen = [&](std::span<const Bundle> bundles) {
        for (const Bundle& bundle : bundles)
            widest = std::max(widest, bundle.width);
    };
    if (!group.is_closed())
        widen(group.topology().bundles());
    for (const std::int32_t chip : group.members())
        widen(group.topology().bundles_from(chip));
    return widest;
}

/// The pace of adders that one forest feeds, or several, whose traffic may meet.
[[nodiscard]] Pace pace_of_forests(const Operation& operation, const Forest& first, const Shards& shards,
                                   bool are_more, bool towards_root, const Rotation& rotation) {
    if (operation.reduce().cycles_per_vector == 0)
        return pace_of(operation.reduce(), 0);
    return pace_of(operation.reduce(), are_more
                                           ? widest_fan_in(operation.group())
                                           : busiest_fan_in(operation.topology(), first, shards.vector_count,
                                                            towards_root, rotation));
}

/// A member from which the farthest chip is near: half way between two that are far apart.
[[nodiscard]] std::int32_t middle_member(const Group& group) {
    Search search(group), back(group);
    search.everywhere_from(group.members().front());
    const std::int32_t one_end = search.order().back();
    search.everywhere_from(one_end);
    back.everywhere_from(search.order().back());
    const auto reach = [&](std::int32_t chip) { return std::max(search.hops(chip), back.hops(chip)); };
    return *std::ranges::min_element(group.members(), {}, reach);
}

} // namespace

Collective run_two_phase(const Operation& operation, Half half) {
    const Group& group = operation.group();
    const std::int64_t tree_count = std::min<std::int64_t>(group.size(), operation.vector_count());
    const Rotation& rotation = operation.rotation(tree_count * group.size());
    Draft draft(operation, rotation);
    const Ownership ownership = share_out(group, operation.vector_count(), rotation, draft.turning().pieces);
    std::int64_t last_sum_cycle = 0;
    for_each_forest(
        operation, rotation, ownership.owners, ownership.shards,
        [&](std::size_t first, const Forest& forest, const Shards& shards) {
            ForestSchedule schedule(draft.booking(), forest, shards, {});
            for (std::size_t tree = 0; tree < shards.vector_count.size(); ++tree) {
                const std::int64_t made_from =
                    half == Half::spread ? 0 : ownership.last_first_vector[first + tree];
                const Readiness own = produced(operation.made(), made_from, shards.vector_count[tree]);
                for (auto i = forest.tree_begin[tree]; i < forest.tree_begin[tree + 1]; ++i)
                    schedule.ready()[at(i)] = forest.nodes[at(i)].is_member ? own : Readiness{};
            }
            if (half != Half::spread) {
                const bool are_more = shards.vector_count.size() < ownership.owners.size();
                schedule.sum_inward(pace_of_forests(operation, forest, shards, are_more, true, rotation));
                last_sum_cycle = std::max(last_sum_cycle, schedule.last_sum_cycle());
            }
            if (half != Half::sum)
                schedule.spread_outward();
        });
    return draft.finish(Algorithm::two_phase,
                        half == Half::sum ? last_sum_cycle : draft.booking().last_arrival_cycle());
}

Collective run_exchange(const Operation& operation) {
    const Group& group = operation.group();
    const std::int64_t vector_count = operation.vector_count();
    const Rotation& rotation = operation.rotation(std::int64_t{group.size()} * group.size());
    Draft draft(operation, rotation);
    const Shards buffers = split_evenly(vector_count * group.size(), group.size());
    const auto root_count = at(rotation.is_identity() ? group.size() : rotation.step_chips());
    const std::vector<std::int32_t> roots(group.members().begin(),
                                          group.members().begin() + static_cast<std::ptrdiff_t>(root_count));
    if (!rotation.is_identity())
        draft.turning().pieces = buffers;
    const Readiness own = produced(operation.made(), 0, vector_count);
    Pace pace;
    for_each_forest(operation, rotation, roots, part_of(buffers, 0, root_count),
                    [&](std::size_t, const Forest& forest, const Shards& shards) {
                        const bool are_more = shards.vector_count.size() < root_count;
                        pace = pace_of_forests(operation, forest, shards, are_more, false, rotation);
                        ForestSchedule schedule(draft.booking(), forest, shards, {});
                        for (std::int32_t tree = 0; tree < forest.tree_count(); ++tree)
                            schedule.ready()[at(forest.tree_begin[at(tree)])] = own;
                        schedule.spread_outward(pace.period_cycles);
                    });
    const std::int64_t there = std::max(draft.booking().last_arrival_cycle(), own.last_cycle);
    return draft.finish(Algorithm::exchange, there + pace.delay_cycles);
}

Collective run_ring(const Operation& operation, Half half) {
    const Group& group = operation.group();
    const Rotation& rotation = operation.rotation(std::int64_t{group.size()} * group.size());
    Draft draft(operation, rotation);
    if (!rotation.is_identity())
        draft.turning().pieces = split_evenly(operation.vector_count(), group.size());
    RingSchedule schedule(group, draft.booking(), operation.vector_count(), operation.made());
    if (half == Half::spread) {
        schedule.copy_own();
        return draft.finish(Algorithm::ring, draft.booking().last_arrival_cycle());
    }
    const Pace pace = pace_of(operation.reduce(), schedule.busiest_fan_in());
    if (half == Half::sum) {
        schedule.sum(pace, 0);
        return draft.finish(Algorithm::ring, schedule.last_sum_cycle());
    }
    schedule.sum(pace, 1);
    schedule.copy_sums();
    return draft.finish(Algorithm::ring, draft.booking().last_arrival_cycle());
}

Collective run_tree(const Operation& operation) {
    const Group& group = operation.group();
    const Rotation& identity = operation.identity();
    Draft draft(operation, identity);
    const Shards whole = split_evenly(operation.vector_count(), 1);
    const std::array<Tree, 1> trees{Tree{middle_member(group), operation.vector_count(), group.members()}};
    const Forest forest = grow_forest(group, trees, identity);
    ForestSchedule schedule(draft.booking(), forest, whole, {});
    for (std::size_t i = 0; i < forest.nodes.size(); ++i) {
        if (forest.nodes[i].is_member)
            schedule.ready()[i] = produced(operation.made(), 0, operation.vector_count());
    }
    schedule.sum_inward(pace_of_forests(operation, forest, whole, false, true, identity));
    schedule.spread_outward();
    return draft.finish(Algorithm::tree, draft.booking().last_arrival_cycle());
}

Collective run_hierarchical(const Operation& operation, const Hierarchy& hierarchy) {
    const Group& group = operation.group();
    std::int64_t parts = 0;
    for (std::int32_t level = 0; level < hierarchy.level_count(); ++level)
        parts += hierarchy.parts(level);
    const Rotation rotation =
        operation.turns(group.size() * parts) ? hierarchy.rotation(group) : operation.identity();
    Draft draft(operation, rotation);
    HierarchySchedule schedule(group, hierarchy, draft.booking(), operation.vector_count(), operation.made());
    if (!rotation.is_identity())
        draft.turning().pieces = schedule.pieces();
    schedule.run(operation.reduce());
    return draft.finish(Algorithm::hierarchical, draft.booking().last_arrival_cycle());
}

Collective run_broadcast_tree(const Operation& operation, std::int32_t source) {
    const Group& group = operation.group();
    const Rotation& identity = operation.identity();
    Draft draft(operation, identity);
    const Shards whole = split_evenly(operation.vector_count(), 1);
    const std::array<Tree, 1> trees{Tree{source, operation.vector_count(), group.members()}};
    const Forest forest = grow_forest(group, trees, identity);
    ForestSchedule schedule(draft.booking(), forest, whole, {});
    schedule.ready().front() = produced(operation.made(), 0, operation.vector_count());
    schedule.spread_outward();
    return draft.finish(Algorithm::tree, draft.booking().last_arrival_cycle());
}

Collective run_broadcast_shards(const Operation& operation, std::int32_t source) {
    const Group& group = operation.group();
    const Rotation& identity = operation.identity();
    Draft draft(operation, identity);
    Shards unused;
    const Ownership ownership = share_out(group, operation.vector_count(), identity, unused);
    const std::size_t shard_count = ownership.owners.size();

    std::vector<std::size_t> sent;
    std::vector<std::int32_t> targets;
    for (std::size_t i = 0; i < shard_count; ++i) {
        if (ownership.owners[i] == source)
            continue;
        sent.push_back(i);
        targets.push_back(ownership.owners[i]);
    }
    const RouteTable routes(group, identity, targets,
                            [&](std::size_t target, std::span<std::int64_t> vectors_from) {
                                vectors_from[at(source)] += ownership.shards.vector_count[sent[target]];
                            });
    MessageSchedule scatter(draft.booking(), routes);
    scatter.keep_arrivals();
    std::size_t next = 0;
    scatter.run(
        [&](Message& message) {
            if (next == sent.size())
                return false;
            const std::size_t shard = sent[next++];
            const std::int64_t first = ownership.shards.first_vector[shard];
            message = {.source = source,
                       .target = ownership.owners[shard],
                       .first_vector = first,
                       .vector_count = ownership.shards.vector_count[shard],
                       .made = {operation.made().cycle_of(first), operation.made().period_cycles}};
            return true;
        },
        static_cast<std::int64_t>(sent.size()));

    Provenance provenance(identity);
    std::vector<Readiness> there(shard_count);
    for (std::size_t i = 0; i < sent.size(); ++i) {
        there[sent[i]] = scatter.arrivals()[i];
        provenance.add(targets[i], static_cast<std::int64_t>(i), 0);
    }
    for_each_forest(operation, identity, ownership.owners, ownership.shards,
                    [&](std::size_t first, const Forest& forest, const Shards& shards) {
                        ForestSchedule schedule(draft.booking(), forest, shards,
                                                {.are_made = false, .provenance = &provenance});
                        for (std::int32_t tree = 0; tree < forest.tree_count(); ++tree) {
                            const std::size_t shard = first + at(tree);
                            const bool is_source = ownership.owners[shard] == source;
                            schedule.ready()[at(forest.tree_begin[at(tree)])] =
                                is_source ? produced(operation.made(), ownership.shards.first_vector[shard],
                                                     ownership.shards.vector_count[shard])
                                          : there[shard];
                        }
                        schedule.spread_outward();
                    });
    return draft.finish(Algorithm::two_phase, draft.booking().last_arrival_cycle());
}

std::int64_t bound_cycles(Algorithm algorithm, const Operation& operation) {
    const Group& group = operation.group();
    const LinkTiming link = group.topology().fastest();
    const std::int64_t others = group.size() - 1, vector_count = operation.vector_count();
    const auto after_last = [&](std::int64_t vectors, std::int64_t links) {
        return link.hop_cycles + (div_ceil(vectors, links) - 1) * link.vector_cycles;
    };
    if (algorithm == Algorithm::exchange) {
        std::int64_t links_in = 0;
        for (const Bundle& bundle : group.topology().bundles_from(group.members().front()))
            links_in += group.is_open(bundle.to) ? bundle.width : 0;
        return after_last(others * vector_count, links_in);
    }
    switch (algorithm) {
    case Algorithm::ring:
        // Some vector crosses 2 x others links one after the other; that many shards come in by one bundle.
        return std::max(2 * others * link.hop_cycles,
                        after_last(std::max<std::int64_t>(1, 2 * others * (vector_count / group.size())),
                                   widest_bundle(group)));
    case Algorithm::tree:
        // Everything comes in over one bundle at least, and goes out again.
        return link.hop_cycles + after_last(vector_count, widest_bundle(group));
    case Algorithm::hierarchical:
        // Two levels at least, each crossed both ways.
        return 4 * link.hop_cycles;
    default:
        return 0;
    }
}

std::int64_t half_bound_cycles(Algorithm algorithm, const Operation& operation) {
    const std::int64_t others = operation.group().size() - 1;
    // A shard of the first size goes all the way round.
    return algorithm == Algorithm::ring ? others * operation.topology().fastest().hop_cycles : 0;
}

} // namespace lpusim::net
