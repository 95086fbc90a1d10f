#include "lpusim/net/all_to_all.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/net/detours.h"
#include "lpusim/net/message_schedule.h"
#include "lpusim/net/operation.h"

namespace lpusim::net {
namespace {

/// Messages up to which detours are thought of: some hundred times the work of shortest routes.
constexpr std::size_t kDetourMessageMax = std::size_t{1} << 17U;

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

[[nodiscard]] Options options_of(const MessageOptions& options, bool record) {
    return {.record = record, .made = options.made, .symmetry = options.symmetry};
}

/// Messages in the order in which they enter.
struct Batch {
    std::vector<Message> messages = {};
    std::int64_t vector_count = 0;
    /// What a target does with what comes.
    ReduceCost reduce = {};
    /// Messages that at least travel together.
    std::int64_t wave_messages_min = 0;
};

[[nodiscard]] Collective run_batch(const Group& group, const Batch& batch, const MessageOptions& options,
                                   Routing routing, bool record) {
    const Operation operation(group, batch.vector_count, batch.reduce, options_of(options, record));
    const Rotation& identity = operation.identity();
    // Detours may end a first leg at any chip.
    std::vector<std::int32_t> targets;
    if (routing == Routing::spread) {
        targets = group.topology().up_chips();
        std::erase_if(targets, [&](std::int32_t chip) { return !group.is_open(chip); });
    } else {
        for (const Message& message : batch.messages)
            targets.push_back(message.target);
        std::ranges::sort(targets);
        const auto twice = std::ranges::unique(targets);
        targets.erase(twice.begin(), twice.end());
    }
    std::vector<std::vector<std::pair<std::int32_t, std::int64_t>>> senders(
        at(group.topology().chip_count()));
    for (const Message& message : batch.messages)
        senders[at(message.target)].emplace_back(message.source, message.vector_count);
    const RouteTable routes(group, identity, targets,
                            [&](std::size_t target, std::span<std::int64_t> vectors_from) {
                                for (const auto& [source, vector_count] : senders[at(targets[target])])
                                    vectors_from[at(source)] += vector_count;
                            });
    std::vector<Message> messages = batch.messages;
    if (routing == Routing::spread)
        choose_detours(group.topology(), routes, messages);

    Draft draft(operation, identity);
    MessageSchedule schedule(draft.booking(), routes);
    const Pace pace = pace_of(batch.reduce, routes.busiest_fan_in());
    std::size_t next = 0;
    schedule.run(
        [&](Message& message) {
            if (next == messages.size())
                return false;
            message = messages[next++];
            return true;
        },
        batch.wave_messages_min, pace.period_cycles);
    return draft.finish(routing == Routing::spread ? Algorithm::spread : Algorithm::minimal,
                        draft.booking().last_arrival_cycle() + pace.delay_cycles);
}

[[nodiscard]] Collective run_messages(const Group& group, const Batch& batch, const MessageOptions& options) {
    if (batch.messages.empty())
        return {.vector_count = batch.vector_count, .algorithm = Algorithm::minimal};
    const bool is_small = batch.messages.size() <= kDetourMessageMax;
    if (options.routing == Routing::spread && !is_small) {
        throw ValueError("routing 'spread' takes at most " + std::to_string(kDetourMessageMax) +
                         " messages, got " + std::to_string(batch.messages.size()) + "; use 'minimal'");
    }
    if (options.routing != Routing::automatic || !is_small) {
        const bool detours = options.routing == Routing::spread;
        return run_batch(group, batch, options, detours ? Routing::spread : Routing::minimal, options.record);
    }
    Collective direct = run_batch(group, batch, options, Routing::minimal, false);
    const bool is_sooner = run_batch(group, batch, options, Routing::spread, false).cycles < direct.cycles;
    if (!is_sooner && !options.record)
        return direct;
    return run_batch(group, batch, options, is_sooner ? Routing::spread : Routing::minimal, options.record);
}

/// Checks the pairs and numbers their vectors through. `returns`: targets send to sources.
[[nodiscard]] Batch batch_of(const Topology& topology, std::span<const PairVectors> pairs,
                             const Production& made, bool returns) {
    Batch batch;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const PairVectors& pair = pairs[i];
        const std::string where = "pairs[" + std::to_string(i) + "]";
        topology.require_chip(where + ".source", pair.source);
        topology.require_chip(where + ".target", pair.target);
        if (pair.vector_count < 0 || pair.vector_count > kVectorMax - batch.vector_count) {
            throw ValueError(where + ".vector_count must be at least 0 and all together at most 2^40, got " +
                             std::to_string(pair.vector_count));
        }
        if (pair.vector_count == 0)
            continue;
        if (pair.source == pair.target) {
            throw ValueError(where + " sends from chip " + std::to_string(pair.source) + " to itself");
        }
        batch.messages.push_back({.source = returns ? pair.target : pair.source,
                                  .target = returns ? pair.source : pair.target,
                                  .first_vector = batch.vector_count,
                                  .vector_count = pair.vector_count,
                                  .made = made});
        batch.vector_count += pair.vector_count;
    }
    std::vector<std::pair<std::int32_t, std::int32_t>> ends;
    ends.reserve(batch.messages.size());
    for (const Message& message : batch.messages)
        ends.emplace_back(message.source, message.target);
    std::ranges::sort(ends);
    if (const auto twice = std::ranges::adjacent_find(ends); twice != ends.end()) {
        throw ValueError("the pairs name chip " + std::to_string(twice->first) + " and chip " +
                         std::to_string(twice->second) + " twice");
    }
    return batch;
}

/// Chips that are as far apart in the ring of ids send in the same round, so that each round asks as much of
/// every link of a symmetric machine.
void order_by_distance(const Topology& topology, Batch& batch) {
    const auto ahead = [&](const Message& message) {
        return std::pair((message.target - message.source + topology.chip_count()) % topology.chip_count(),
                         message.source);
    };
    std::ranges::sort(batch.messages, {}, ahead);
}

/// One shard a chip of the group, or one a vector; where they begin and whose they are.
[[nodiscard]] std::vector<Message> shards_of(const Group& group, std::int64_t vector_count) {
    const std::int64_t shard_count = std::min<std::int64_t>(group.size(), vector_count);
    const Shards shards = split_evenly(vector_count, shard_count);
    std::vector<Message> messages;
    for (std::int64_t i = 0; i < shard_count; ++i) {
        const std::int32_t owner = group.members()[at(i * group.size() / shard_count)];
        messages.push_back({.source = owner,
                            .target = owner,
                            .first_vector = shards.first_vector[at(i)],
                            .vector_count = shards.vector_count[at(i)]});
    }
    return messages;
}

/// The chips of a group and one more; messages may pass through all of them.
[[nodiscard]] Group with_chip(const Topology& topology, std::span<const std::int32_t> chips,
                              std::int32_t chip) {
    std::vector<std::int32_t> members(chips.begin(), chips.end());
    if (!members.empty() && std::ranges::find(members, chip) == members.end())
        members.push_back(chip);
    return Group(topology, members);
}

/// All pairs of a group with `vector_count` vectors each, without a list of them.
[[nodiscard]] Collective run_uniform(const Operation& operation, std::int64_t vector_count) {
    const Group& group = operation.group();
    const std::int64_t size = group.size();
    const Rotation& rotation = operation.rotation(size * size);
    const std::int64_t target_count = rotation.is_identity() ? size : rotation.step_chips();
    const auto targets = group.members().first(at(target_count));
    const RouteTable routes(group, rotation, targets, [&](std::size_t, std::span<std::int64_t> vectors_from) {
        for (const std::int32_t chip : group.members())
            vectors_from[at(chip)] = vector_count;
    });
    Draft draft(operation, rotation);
    if (!rotation.is_identity())
        draft.turning().pair_vectors = vector_count;
    MessageSchedule schedule(draft.booking(), routes);
    std::int64_t ahead = 1, rank = 0;
    schedule.run(
        [&](Message& message) {
            if (rank == target_count) {
                rank = 0;
                ++ahead;
            }
            if (ahead == size)
                return false;
            const std::int64_t source = (rank - ahead + size) % size;
            message = {.source = group.members()[at(source)],
                       .target = group.members()[at(rank)],
                       .first_vector = (source * size + rank) * vector_count,
                       .vector_count = vector_count,
                       .made = operation.made()};
            ++rank;
            return true;
        },
        target_count);
    return draft.finish(Algorithm::minimal, draft.booking().last_arrival_cycle());
}

} // namespace

Collective all_to_all(const Topology& topology, std::span<const std::int32_t> chips, std::int64_t size_bytes,
                      const MessageOptions& options) {
    const Group group(topology, chips);
    const std::int64_t size = group.size();
    // Refuses what is too small or too large whatever the rounding.
    (void)vectors_of(topology, size_bytes, size);
    const std::int64_t part = vectors_of(topology, div_ceil(size_bytes, size), size * size);
    const Operation operation(group, part * size, {}, options_of(options, options.record));
    if (size == 1)
        return {.vector_count = part, .algorithm = Algorithm::minimal};
    if (options.routing == Routing::minimal || operation.turns(size * size) ||
        (options.routing == Routing::automatic && at(size * size) > kDetourMessageMax)) {
        return run_uniform(operation, part);
    }
    Batch batch{.vector_count = part * size, .wave_messages_min = size};
    for (std::int64_t ahead = 1; ahead < size; ++ahead) {
        for (std::int64_t rank = 0; rank < size; ++rank) {
            const std::int64_t source = (rank - ahead + size) % size;
            batch.messages.push_back({.source = group.members()[at(source)],
                                      .target = group.members()[at(rank)],
                                      .first_vector = (source * size + rank) * part,
                                      .vector_count = part,
                                      .made = options.made});
        }
    }
    return run_messages(group, batch, options);
}

Collective all_to_all_v(const Topology& topology, std::span<const PairVectors> pairs,
                        const MessageOptions& options) {
    Batch batch = batch_of(topology, pairs, options.made, false);
    order_by_distance(topology, batch);
    return run_messages(Group(topology, {}), batch, options);
}

Collective combine(const Topology& topology, std::span<const PairVectors> pairs, const ReduceCost& reduce,
                   const MessageOptions& options) {
    validate(reduce);
    Batch batch = batch_of(topology, pairs, options.made, true);
    batch.reduce = reduce;
    order_by_distance(topology, batch);
    return run_messages(Group(topology, {}), batch, options);
}

Collective scatter(const Topology& topology, std::int32_t source, std::span<const std::int32_t> chips,
                   std::int64_t size_bytes, const MessageOptions& options) {
    topology.require_chip("source", source);
    const Group receivers(topology, chips);
    const Group group = with_chip(topology, chips, source);
    Batch batch{.vector_count = vectors_of(topology, size_bytes, 1)};
    batch.messages = shards_of(receivers, batch.vector_count);
    std::erase_if(batch.messages, [&](const Message& message) { return message.target == source; });
    for (Message& message : batch.messages) {
        message.source = source;
        message.made = {options.made.cycle_of(message.first_vector), options.made.period_cycles};
    }
    // The last to leave should have the shortest way.
    Search search(group);
    search.everywhere_from(source);
    std::ranges::stable_sort(batch.messages, std::ranges::greater{},
                             [&](const Message& message) { return search.hops(message.target); });
    batch.wave_messages_min = std::ssize(batch.messages);
    return run_messages(group, batch, options);
}

Collective gather(const Topology& topology, std::int32_t target, std::span<const std::int32_t> chips,
                  std::int64_t size_bytes, const MessageOptions& options) {
    topology.require_chip("target", target);
    const Group senders(topology, chips);
    const Group group = with_chip(topology, chips, target);
    Batch batch{.vector_count = vectors_of(topology, size_bytes, 1)};
    batch.messages = shards_of(senders, batch.vector_count);
    std::erase_if(batch.messages, [&](const Message& message) { return message.source == target; });
    for (Message& message : batch.messages) {
        message.target = target;
        message.made = options.made;
    }
    batch.wave_messages_min = std::ssize(batch.messages);
    return run_messages(group, batch, options);
}

Collective pipeline(const Topology& topology, std::span<const std::vector<std::int32_t>> stages,
                    std::int64_t size_bytes, const MessageOptions& options) {
    if (stages.size() < 2) {
        throw ValueError("a pipeline has at least 2 stages, got " + std::to_string(stages.size()));
    }
    std::vector<std::int32_t> chips;
    for (std::size_t i = 0; i < stages.size(); ++i) {
        if (stages[i].size() != stages[0].size()) {
            throw ValueError("stages of a pipeline have equal numbers of chips; stage 0 has " +
                             std::to_string(stages[0].size()) + " and stage " + std::to_string(i) + " has " +
                             std::to_string(stages[i].size()));
        }
        chips.insert(chips.end(), stages[i].begin(), stages[i].end());
    }
    // Refuses chips that are unknown, down or named twice; an empty list would mean everyone.
    if (chips.empty()) {
        throw ValueError("a stage of a pipeline has at least 1 chip");
    }
    const Group named(topology, chips);
    const auto width = static_cast<std::int64_t>(stages[0].size());
    const auto hand_overs = std::ssize(stages) - 1;
    const std::int64_t vector_count = vectors_of(topology, size_bytes, width * hand_overs);
    Batch batch{.vector_count = vector_count * width * hand_overs};
    for (std::size_t stage = 0; stage + 1 < stages.size(); ++stage) {
        for (std::size_t i = 0; i < stages[stage].size(); ++i) {
            batch.messages.push_back({.source = stages[stage][i],
                                      .target = stages[stage + 1][i],
                                      .first_vector = std::ssize(batch.messages) * vector_count,
                                      .vector_count = vector_count,
                                      .made = options.made});
        }
    }
    batch.wave_messages_min = std::ssize(batch.messages);
    return run_messages(Group(topology, {}), batch, options);
}

} // namespace lpusim::net
