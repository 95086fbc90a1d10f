#include "lpusim/net/collective.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/net/booking.h"
#include "lpusim/net/forest.h"
#include "lpusim/net/forest_schedule.h"
#include "lpusim/net/ring_schedule.h"
#include "lpusim/net/shards.h"

namespace lpusim::net {
namespace {

constexpr std::array<std::pair<Algorithm, std::string_view>, 4> kAlgorithmNames{{
    {Algorithm::automatic, "automatic"},
    {Algorithm::tree, "tree"},
    {Algorithm::exchange, "exchange"},
    {Algorithm::ring, "ring"},
}};

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

/// The whole vectors of `size_bytes`, of which `copies` buffers move.
[[nodiscard]] std::int64_t vectors_of(const Topology& topology, std::int64_t size_bytes,
                                      std::int64_t copies) {
    if (size_bytes < 1) {
        throw ValueError("size_bytes must be at least 1, got " + std::to_string(size_bytes));
    }
    const std::int64_t vector_count = div_ceil(size_bytes, topology.link().vector_bytes);
    if (vector_count > kVectorMax / copies) {
        throw ValueError("size_bytes of " + std::to_string(size_bytes) + " on " + std::to_string(copies) +
                         " chips is beyond 2^40 vectors of " + std::to_string(topology.link().vector_bytes) +
                         " bytes");
    }
    return vector_count;
}

/// Shards and the members that own them, spread evenly over the group.
struct Ownership {
    Shards shards;
    std::vector<std::int32_t> owners;
};

[[nodiscard]] Ownership share_out(const Group& group, std::int64_t vector_count) {
    const std::int64_t shard_count = std::min<std::int64_t>(group.size(), vector_count);
    Ownership ownership{split_evenly(vector_count, shard_count), {}};
    for (std::int64_t i = 0; i < shard_count; ++i)
        ownership.owners.push_back(group.members()[at(i * group.size() / shard_count)]);
    return ownership;
}

enum class Half : std::uint8_t { both, sum, spread };

[[nodiscard]] Collective run_tree(const Group& group, std::int64_t vector_count, const ReduceCost& reduce,
                                  Half half, bool record) {
    const Topology& topology = group.topology();
    const Ownership ownership = share_out(group, vector_count);
    const Forest forest = grow_forest(group, ownership.owners, ownership.shards.vector_count);
    Collective result{.vector_count = vector_count, .algorithm = Algorithm::tree};
    ForestSchedule schedule(topology, forest, ownership.shards, record ? &result.timetable : nullptr);
    if (half != Half::spread) {
        schedule.sum_inward(
            pace_of(reduce, busiest_fan_in(topology, forest, ownership.shards.vector_count, true)));
        result.cycles = schedule.last_sum_cycle();
    }
    if (half != Half::sum) {
        schedule.spread_outward();
        result.cycles = schedule.last_arrival_cycle();
    }
    return result;
}

/// Payload: the buffers of all members one after the other, in the group's order.
[[nodiscard]] Collective run_exchange(const Group& group, std::int64_t vector_count, const ReduceCost& reduce,
                                      bool record) {
    const Topology& topology = group.topology();
    const Shards buffers = split_evenly(vector_count * group.size(), group.size());
    const Forest forest = grow_forest(group, group.members(), buffers.vector_count);
    const Pace pace = pace_of(reduce, busiest_fan_in(topology, forest, buffers.vector_count, false));
    Collective result{.vector_count = vector_count, .algorithm = Algorithm::exchange};
    ForestSchedule schedule(topology, forest, buffers, record ? &result.timetable : nullptr);
    schedule.spread_outward(pace.period_cycles);
    result.cycles = schedule.last_arrival_cycle() + pace.delay_cycles;
    return result;
}

[[nodiscard]] Collective run_ring(const Group& group, std::int64_t vector_count, const ReduceCost& reduce,
                                  bool record) {
    Collective result{.vector_count = vector_count, .algorithm = Algorithm::ring};
    RingSchedule schedule(group, vector_count, record ? &result.timetable : nullptr);
    schedule.sum(pace_of(reduce, schedule.busiest_fan_in()));
    schedule.copy();
    result.cycles = schedule.last_arrival_cycle();
    return result;
}

[[nodiscard]] Collective run(Algorithm algorithm, const Group& group, std::int64_t vector_count,
                             const ReduceCost& reduce, bool record) {
    switch (algorithm) {
    case Algorithm::exchange:
        return run_exchange(group, vector_count, reduce, record);
    case Algorithm::ring:
        return run_ring(group, vector_count, reduce, record);
    case Algorithm::tree:
    case Algorithm::automatic:
        break;
    }
    return run_tree(group, vector_count, reduce, Half::both, record);
}

/// Cycles that an algorithm cannot beat, found without scheduling it: the hops that some vector must take, or
/// the slots that the vectors into one chip need.
[[nodiscard]] std::int64_t bound_cycles(Algorithm algorithm, const Group& group, std::int64_t vector_count) {
    const LinkTiming link = group.topology().fastest();
    const std::int64_t others = group.size() - 1;
    if (algorithm == Algorithm::ring) {
        std::int32_t widest = 0;
        for (const Bundle& bundle : group.topology().bundles())
            widest = std::max(widest, bundle.width);
        const std::int64_t shard = vector_count / group.size();
        // Some vector crosses 2 x others links one after the other; that many shards come in by one bundle.
        return std::max(2 * others * link.hop_cycles,
                        link.hop_cycles + (div_ceil(2 * others * shard, widest) - 1) * link.vector_cycles);
    }
    std::int64_t links_in = 0;
    for (const Bundle& bundle : group.topology().bundles_from(group.members().front())) {
        if (group.is_open(bundle.to))
            links_in += bundle.width;
    }
    return link.hop_cycles + (div_ceil(others * vector_count, links_in) - 1) * link.vector_cycles;
}

[[nodiscard]] Collective run_one_chip(std::int64_t vector_count) {
    return {.cycles = 0, .vector_count = vector_count, .algorithm = Algorithm::tree, .timetable = {}};
}

} // namespace

std::string_view algorithm_name(Algorithm algorithm) {
    return std::ranges::find(kAlgorithmNames, algorithm, &std::pair<Algorithm, std::string_view>::first)
        ->second;
}

Algorithm algorithm_named(std::string_view name) {
    const auto found =
        std::ranges::find(kAlgorithmNames, name, &std::pair<Algorithm, std::string_view>::second);
    if (found == kAlgorithmNames.end()) {
        throw ValueError("unknown algorithm '" + std::string(name) +
                         "'; known algorithms: automatic, tree, exchange, ring");
    }
    return found->first;
}

Collective all_reduce(const Topology& topology, std::span<const std::int32_t> chips, std::int64_t size_bytes,
                      const ReduceCost& reduce, const Options& options) {
    validate(reduce);
    const Group group(topology, chips);
    const std::int64_t vector_count = vectors_of(topology, size_bytes, group.size());
    if (group.size() == 1)
        return run_one_chip(vector_count);
    if (options.algorithm != Algorithm::automatic)
        return run(options.algorithm, group, vector_count, reduce, options.record);
    Collective best = run(Algorithm::tree, group, vector_count, reduce, false);
    for (const Algorithm algorithm : {Algorithm::exchange, Algorithm::ring}) {
        if (bound_cycles(algorithm, group, vector_count) >= best.cycles)
            continue;
        Collective other = run(algorithm, group, vector_count, reduce, false);
        if (other.cycles < best.cycles)
            best = std::move(other);
    }
    return options.record ? run(best.algorithm, group, vector_count, reduce, true) : best;
}

Collective reduce_scatter(const Topology& topology, std::span<const std::int32_t> chips,
                          std::int64_t size_bytes, const ReduceCost& reduce, const Options& options) {
    validate(reduce);
    const Group group(topology, chips);
    const std::int64_t vector_count = vectors_of(topology, size_bytes, group.size());
    if (group.size() == 1)
        return run_one_chip(vector_count);
    return run_tree(group, vector_count, reduce, Half::sum, options.record);
}

Collective all_gather(const Topology& topology, std::span<const std::int32_t> chips, std::int64_t size_bytes,
                      const Options& options) {
    const Group group(topology, chips);
    const std::int64_t vector_count = vectors_of(topology, size_bytes, group.size());
    if (group.size() == 1)
        return run_one_chip(vector_count);
    return run_tree(group, vector_count, {}, Half::spread, options.record);
}

Collective broadcast(const Topology& topology, std::int32_t source, std::span<const std::int32_t> chips,
                     std::int64_t size_bytes, const Options& options) {
    topology.require_chip("source", source);
    std::vector<std::int32_t> members(chips.begin(), chips.end());
    if (!members.empty() && std::ranges::find(members, source) == members.end())
        members.push_back(source);
    const Group group(topology, members);
    const std::int64_t vector_count = vectors_of(topology, size_bytes, group.size());
    if (group.size() == 1)
        return run_one_chip(vector_count);
    const Shards whole = split_evenly(vector_count, 1);
    const std::array<std::int32_t, 1> roots{source};
    const Forest forest = grow_forest(group, roots, whole.vector_count);
    Collective result{.vector_count = vector_count, .algorithm = Algorithm::tree};
    ForestSchedule schedule(topology, forest, whole, options.record ? &result.timetable : nullptr);
    schedule.spread_outward();
    result.cycles = schedule.last_arrival_cycle();
    return result;
}

Collective schedule(const Topology& topology, std::span<const Request> requests, const Options& options) {
    const Group everyone(topology, {});
    Collective result{.algorithm = Algorithm::tree};
    Timetable* const record = options.record ? &result.timetable : nullptr;
    Booking booking(topology, record);
    std::vector<std::int64_t> load(topology.bundles().size(), 0);
    for (std::size_t i = 0; i < requests.size(); ++i) {
        const Request& request = requests[i];
        const std::string where = "requests[" + std::to_string(i) + "]";
        topology.require_chip(where + ".source", request.source);
        topology.require_chip(where + ".target", request.target);
        if (request.source == request.target) {
            throw ValueError(where + " goes from chip " + std::to_string(request.source) + " to itself");
        }
        if (request.release_cycle < 0 || request.release_cycle > kVectorMax) {
            throw ValueError(where + ".release_cycle must be from 0 to 2^40, got " +
                             std::to_string(request.release_cycle));
        }
        const std::int64_t count = vectors_of(topology, request.size_bytes, 1);
        if (count > kVectorMax - result.vector_count) {
            throw ValueError("the requests are beyond 2^40 vectors together");
        }
        result.vector_count += count;
        if (record != nullptr) {
            record->transfers.push_back({.source = request.source,
                                         .target = request.target,
                                         .first_vector = 0,
                                         .vector_count = count,
                                         .release_cycle = request.release_cycle});
        }
        Readiness ready{.first_cycle = request.release_cycle, .last_cycle = request.release_cycle};
        std::int64_t hop = 0;
        for (const std::int32_t bundle : find_route(everyone, request.source, request.target, load)) {
            ready = booking.send(bundle, {static_cast<std::int64_t>(i), hop++, 0, count}, ready);
            load[at(bundle)] += count;
        }
    }
    result.cycles = booking.last_arrival_cycle();
    return result;
}

Collective send(const Topology& topology, std::int32_t source, std::int32_t target, std::int64_t size_bytes,
                const Options& options) {
    topology.require_chip("source", source);
    topology.require_chip("target", target);
    if (source == target) {
        throw ValueError("source and target are both chip " + std::to_string(source) +
                         "; a chip does not send to itself");
    }
    const std::array<Request, 1> request{Request{source, target, size_bytes, 0}};
    return schedule(topology, request, options);
}

} // namespace lpusim::net
