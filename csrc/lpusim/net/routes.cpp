#include "lpusim/net/routes.h"

#include <algorithm>
#include <cassert>
#include <functional>
#include <limits>
#include <queue>
#include <tuple>
#include <utility>

#include "lpusim/base/integers.h"

namespace lpusim::net {
namespace {

/// Entries of all kept searches: 256 MB.
constexpr std::int64_t kKeptMax = std::int64_t{1} << 27U;
constexpr std::size_t kShareMax = 16;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

/// Nearer the target with every hop; at each chip over the bundle that would be through soonest with one
/// vector more a link, then the lowest.
template <class HopsOf, class LoadOf>
[[nodiscard]] Route walk(const Topology& topology, std::int32_t source, std::int32_t target,
                         const HopsOf& hops_of, const LoadOf& load_of) {
    Route route;
    for (std::int32_t chip = source; chip != target; chip = topology.bundles()[at(route.back())].to) {
        std::int32_t best = -1;
        const std::int32_t first = topology.first_bundle(chip);
        const auto outs = topology.bundles_from(chip);
        for (std::size_t i = 0; i < outs.size(); ++i) {
            if (hops_of(outs[i].to) != hops_of(chip) - 1)
                continue;
            const std::int32_t bundle = first + static_cast<std::int32_t>(i);
            if (best < 0 ||
                is_lighter(load_of(bundle) + 1, outs[i], load_of(best) + 1, topology.bundles()[at(best)]))
                best = bundle;
        }
        assert(best >= 0);
        route.push_back(best);
    }
    return route;
}

/// How a route brings vectors: `width` of them every `period_cycles`, the first at first_cycle.
struct Flow {
    std::int64_t first_cycle = 0;
    std::int64_t period_cycles = 0;
    std::int64_t width = 1;

    /// Vectors there by `cycle`.
    [[nodiscard]] std::int64_t brought(std::int64_t cycle) const {
        return cycle < first_cycle ? 0 : ((cycle - first_cycle) / period_cycles + 1) * width;
    }
};

/// The earliest route over links that are not yet taken.
class EarliestRoute {
  public:
    EarliestRoute(const Group& group, const Booking& booking)
        : group_(group), booking_(booking), is_taken_(group.topology().bundles().size(), 0) {}

    void take(const Route& route) {
        for (const std::int32_t bundle : route)
            is_taken_[at(bundle)] = 1;
    }

    /// Empty where there is none. Ties: fewer hops, then the lowest bundle into each chip.
    [[nodiscard]] Route find(std::int32_t source, std::int32_t target, std::int64_t release_cycle,
                             std::int64_t& arrival_cycle) const {
        const Topology& topology = group_.topology();
        using Reached = std::tuple<std::int64_t, std::int32_t, std::int32_t>;
        std::priority_queue<Reached, std::vector<Reached>, std::greater<>> frontier;
        std::vector<std::pair<std::int64_t, std::int32_t>> best(
            at(topology.chip_count()), {kNever, std::numeric_limits<std::int32_t>::max()});
        std::vector<std::int32_t> into(at(topology.chip_count()), -1);
        best[at(source)] = {release_cycle, 0};
        frontier.emplace(release_cycle, 0, source);
        while (!frontier.empty()) {
            const auto [cycle, hops, chip] = frontier.top();
            frontier.pop();
            if (std::pair(cycle, hops) != best[at(chip)])
                continue;
            if (chip == target)
                break;
            const std::int32_t first = topology.first_bundle(chip);
            const auto outs = topology.bundles_from(chip);
            for (std::size_t i = 0; i < outs.size(); ++i) {
                const std::int32_t bundle = first + static_cast<std::int32_t>(i);
                if (is_taken_[at(bundle)] != 0 || !group_.is_open(outs[i].to))
                    continue;
                const std::pair there(
                    std::max(cycle, booking_.free_cycle(bundle)) + outs[i].timing.hop_cycles, hops + 1);
                if (there < best[at(outs[i].to)]) {
                    best[at(outs[i].to)] = there;
                    into[at(outs[i].to)] = bundle;
                    frontier.emplace(there.first, there.second, outs[i].to);
                }
            }
        }
        Route route;
        if (into[at(target)] < 0)
            return route;
        arrival_cycle = best[at(target)].first;
        for (std::int32_t chip = target; chip != source; chip = topology.bundles()[at(route.back())].from)
            route.push_back(into[at(chip)]);
        std::ranges::reverse(route);
        return route;
    }

  private:
    const Group& group_;
    const Booking& booking_;
    std::vector<std::uint8_t> is_taken_;
};

/// The slowest of its bundles.
[[nodiscard]] Flow flow_of(const Topology& topology, const Route& route, std::int64_t first_cycle) {
    const Bundle* slowest = &topology.bundles()[at(route.front())];
    for (const std::int32_t bundle : route) {
        if (is_lighter(1, *slowest, 1, topology.bundles()[at(bundle)]))
            slowest = &topology.bundles()[at(bundle)];
    }
    return {first_cycle, slowest->timing.vector_cycles, slowest->width};
}

[[nodiscard]] std::int64_t brought(const std::vector<Flow>& flows, std::int64_t cycle) {
    std::int64_t total = 0;
    for (const Flow& flow : flows)
        total += flow.brought(cycle);
    return total;
}

/// When all flows together have brought `vector_count`.
[[nodiscard]] std::int64_t finish_cycle(const std::vector<Flow>& flows, std::int64_t vector_count) {
    std::int64_t low = flows.front().first_cycle;
    std::int64_t high = low + vector_count * flows.front().period_cycles;
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        if (brought(flows, middle) >= vector_count)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

} // namespace

ShortestRoutes::ShortestRoutes(const Group& group)
    : group_(group), search_(group), load_(group.topology().bundles().size(), 0),
      hops_(at(group.topology().chip_count())) {}

const std::vector<std::uint16_t>& ShortestRoutes::hops_to(std::int32_t target) {
    auto& hops = hops_[at(target)];
    if (!hops.empty())
        return hops;
    const std::int32_t chip_count = group_.topology().chip_count();
    if (kept_count_ + chip_count > kKeptMax) {
        for (auto& kept : hops_)
            kept = {};
        kept_count_ = 0;
    }
    kept_count_ += chip_count;
    search_.everywhere_from(target);
    hops.resize(at(chip_count));
    for (std::int32_t chip = 0; chip < chip_count; ++chip)
        hops[at(chip)] = static_cast<std::uint16_t>(search_.hops(chip));
    return hops;
}

Route ShortestRoutes::find(std::int32_t source, std::int32_t target, std::int64_t vector_count) {
    const auto& hops = hops_to(target);
    Route route = walk(
        group_.topology(), source, target, [&](std::int32_t chip) { return std::int32_t{hops[at(chip)]}; },
        [&](std::int32_t bundle) { return load_[at(bundle)]; });
    for (const std::int32_t bundle : route)
        load_[at(bundle)] += vector_count;
    return route;
}

Route shortest_route(const Group& group, std::int32_t source, std::int32_t target) {
    Search search(group);
    search.from(target, [source](std::int32_t chip) { return chip == source; });
    return walk(
        group.topology(), source, target, [&](std::int32_t chip) { return search.hops(chip); },
        [](std::int32_t) { return 0; });
}

std::vector<Share> spread_routes(const Group& group, const Booking& booking, std::int32_t source,
                                 std::int32_t target, std::int64_t vector_count, const Production& made) {
    EarliestRoute search(group, booking);
    std::vector<Share> shares;
    std::vector<Flow> flows;
    while (shares.size() < kShareMax && std::cmp_less(shares.size(), vector_count)) {
        std::int64_t arrival_cycle = 0;
        Route route = search.find(source, target, made.first_cycle, arrival_cycle);
        if (route.empty() || (!flows.empty() && arrival_cycle >= finish_cycle(flows, vector_count)))
            break;
        search.take(route);
        flows.push_back(flow_of(group.topology(), route, arrival_cycle));
        shares.push_back({std::move(route), 0});
    }
    const std::int64_t end = finish_cycle(flows, vector_count);
    // At the last cycle more may come than is left; the first routes take it.
    std::int64_t left = vector_count;
    for (std::size_t i = 0; i < shares.size(); ++i) {
        shares[i].vector_count = std::min(left, flows[i].brought(end));
        left -= shares[i].vector_count;
    }
    std::erase_if(shares, [](const Share& share) { return share.vector_count == 0; });
    assert(left == 0 && !shares.empty());
    return shares;
}

} // namespace lpusim::net
