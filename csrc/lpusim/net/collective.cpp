#include "lpusim/net/collective.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/net/algorithms.h"
#include "lpusim/net/enum_names.h"

namespace lpusim::net {
namespace {

constexpr EnumNames<Algorithm, 8> kAlgorithmNames{"algorithm",
                                                  {{{Algorithm::automatic, "automatic"},
                                                    {Algorithm::two_phase, "two_phase"},
                                                    {Algorithm::exchange, "exchange"},
                                                    {Algorithm::tree, "tree"},
                                                    {Algorithm::hierarchical, "hierarchical"},
                                                    {Algorithm::ring, "ring"},
                                                    {Algorithm::minimal, "minimal"},
                                                    {Algorithm::spread, "spread"}}}};
constexpr EnumNames<Symmetry, 3> kSymmetryNames{
    "symmetry",
    {{{Symmetry::automatic, "automatic"}, {Symmetry::ignored, "ignored"}, {Symmetry::used, "used"}}}};

/// "automatic, two_phase, ring" or what else there is.
[[nodiscard]] std::string names_of(std::span<const Algorithm> algorithms) {
    std::string names = "automatic";
    for (const Algorithm algorithm : algorithms)
        names += ", " + std::string(algorithm_name(algorithm));
    return names;
}

/// Only one chip takes part: nothing moves.
[[nodiscard]] Collective nothing(std::int64_t vector_count) {
    return {.cycles = 0, .vector_count = vector_count, .algorithm = Algorithm::two_phase};
}

/// The cheapest of `algorithms`, or the one asked for, which must be one of them. `run(algorithm, record)`
/// does one; `bound(algorithm)` is what it takes at least. The cheapest is run again where it is to be
/// written down.
template <class Run, class Bound>
[[nodiscard]] Collective choose(std::string_view what, const Options& options,
                                std::span<const Algorithm> algorithms, const Run& run, const Bound& bound) {
    if (options.algorithm != Algorithm::automatic) {
        if (std::ranges::find(algorithms, options.algorithm) == algorithms.end()) {
            throw ValueError(std::string(what) + " knows no algorithm '" +
                             std::string(algorithm_name(options.algorithm)) + "'; it knows " +
                             names_of(algorithms));
        }
        return run(options.algorithm, options.record);
    }
    std::optional<Collective> best;
    for (const Algorithm algorithm : algorithms) {
        if (best && bound(algorithm) >= best->cycles)
            continue;
        Collective other = run(algorithm, options.record && algorithms.size() == 1);
        if (!best || other.cycles < best->cycles)
            best = std::move(other);
    }
    return options.record && algorithms.size() > 1 ? run(best->algorithm, true) : *std::move(best);
}

[[nodiscard]] std::int64_t no_bound(Algorithm) {
    return 0;
}

} // namespace

std::string_view algorithm_name(Algorithm algorithm) {
    return kAlgorithmNames.name_of(algorithm);
}

Algorithm algorithm_named(std::string_view name) {
    return kAlgorithmNames.named(name);
}

std::string_view symmetry_name(Symmetry symmetry) {
    return kSymmetryNames.name_of(symmetry);
}

Symmetry symmetry_named(std::string_view name) {
    return kSymmetryNames.named(name);
}

Collective all_reduce(const Topology& topology, std::span<const std::int32_t> chips, std::int64_t size_bytes,
                      const ReduceCost& reduce, const Options& options) {
    const Group group(topology, chips);
    const std::int64_t vector_count = vectors_of(topology, size_bytes, group.size());
    const Operation operation(group, vector_count, reduce, options);
    if (group.size() == 1)
        return nothing(vector_count);
    const std::optional<Hierarchy> hierarchy = Hierarchy::of(group);
    if (options.algorithm == Algorithm::hierarchical && !hierarchy) {
        throw ValueError(
            "hierarchical needs nodes of equal numbers of chips and more than one of them, which "
            "this group of " +
            std::to_string(group.size()) + " chips of " + topology.name() + " has not");
    }
    std::vector<Algorithm> algorithms{Algorithm::two_phase, Algorithm::exchange, Algorithm::tree};
    if (hierarchy)
        algorithms.push_back(Algorithm::hierarchical);
    algorithms.push_back(Algorithm::ring);
    const auto run = [&](Algorithm algorithm, bool record) {
        const Operation own = operation.recording(record);
        switch (algorithm) {
        case Algorithm::exchange:
            return run_exchange(own);
        case Algorithm::tree:
            return run_tree(own);
        case Algorithm::hierarchical:
            return run_hierarchical(own, *hierarchy);
        case Algorithm::ring:
            return run_ring(own, Half::both);
        default:
            return run_two_phase(own, Half::both);
        }
    };
    return choose("all_reduce", options, algorithms, run,
                  [&](Algorithm algorithm) { return bound_cycles(algorithm, operation); });
}

Collective reduce_scatter(const Topology& topology, std::span<const std::int32_t> chips,
                          std::int64_t size_bytes, const ReduceCost& reduce, const Options& options) {
    const Group group(topology, chips);
    const std::int64_t vector_count = vectors_of(topology, size_bytes, group.size());
    const Operation operation(group, vector_count, reduce, options);
    if (group.size() == 1)
        return nothing(vector_count);
    const auto run = [&](Algorithm algorithm, bool record) {
        const Operation own = operation.recording(record);
        return algorithm == Algorithm::ring ? run_ring(own, Half::sum) : run_two_phase(own, Half::sum);
    };
    constexpr std::array kKnown{Algorithm::two_phase, Algorithm::ring};
    return choose("reduce_scatter", options, kKnown, run,
                  [&](Algorithm algorithm) { return half_bound_cycles(algorithm, operation); });
}

Collective all_gather(const Topology& topology, std::span<const std::int32_t> chips, std::int64_t size_bytes,
                      const Options& options) {
    const Group group(topology, chips);
    const std::int64_t vector_count = vectors_of(topology, size_bytes, group.size());
    const Operation operation(group, vector_count, {}, options);
    if (group.size() == 1)
        return nothing(vector_count);
    const auto run = [&](Algorithm algorithm, bool record) {
        const Operation own = operation.recording(record);
        return algorithm == Algorithm::ring ? run_ring(own, Half::spread) : run_two_phase(own, Half::spread);
    };
    constexpr std::array kKnown{Algorithm::two_phase, Algorithm::ring};
    return choose("all_gather", options, kKnown, run,
                  [&](Algorithm algorithm) { return half_bound_cycles(algorithm, operation); });
}

Collective broadcast(const Topology& topology, std::int32_t source, std::span<const std::int32_t> chips,
                     std::int64_t size_bytes, const Options& options) {
    topology.require_chip("source", source);
    std::vector<std::int32_t> members(chips.begin(), chips.end());
    if (!members.empty() && std::ranges::find(members, source) == members.end())
        members.push_back(source);
    const Group group(topology, members);
    const std::int64_t vector_count = vectors_of(topology, size_bytes, group.size());
    const Operation operation(group, vector_count, {}, options);
    if (group.size() == 1)
        return nothing(vector_count);
    const auto run = [&](Algorithm algorithm, bool record) {
        const Operation own = operation.recording(record);
        return algorithm == Algorithm::two_phase ? run_broadcast_shards(own, source)
                                                 : run_broadcast_tree(own, source);
    };
    constexpr std::array kKnown{Algorithm::tree, Algorithm::two_phase};
    return choose("broadcast", options, kKnown, run, no_bound);
}

} // namespace lpusim::net
