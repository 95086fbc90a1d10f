#include "lpusim/net/measures.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "lpusim/base/integers.h"
#include "lpusim/net/rotation.h"

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

/// All links from one router to another.
struct Trunk {
    std::int32_t to = 0;
    std::int64_t links = 0;
    double bytes_per_s = 0;
    /// The first of those that rotations map to it, by router and place in its list.
    std::pair<std::int32_t, std::size_t> first_alike = {};
};

/// A topology's nodes and the trunks between them.
struct Routers {
    std::int32_t chips_each = 1;
    /// Adding this to every router maps trunks to trunks.
    std::int32_t rotation = 1;
    std::vector<std::vector<Trunk>> trunks = {};
    std::vector<std::int64_t> endpoints = {};

    [[nodiscard]] std::int32_t count() const { return static_cast<std::int32_t>(trunks.size()); }
};

[[nodiscard]] bool is_one_node(const Topology& topology) {
    const std::int32_t size = topology.chips_per_node();
    const std::vector<std::int32_t> chips = topology.endpoints();
    return chips.front() / size == chips.back() / size;
}

void find_alike(Routers& routers) {
    const std::int32_t count = routers.count();
    for (std::int32_t router = 0; router < count; ++router) {
        const std::int32_t first = router % routers.rotation;
        for (Trunk& trunk : routers.trunks[at(router)]) {
            const std::int32_t to = (trunk.to - (router - first) + count) % count;
            const auto& others = routers.trunks[at(first)];
            const auto found = std::ranges::lower_bound(others, to, {}, &Trunk::to);
            trunk.first_alike = {first, at(found - others.begin())};
        }
    }
}

[[nodiscard]] Routers routers_of(const Topology& topology) {
    Routers routers;
    routers.chips_each = is_one_node(topology) ? 1 : topology.chips_per_node();
    const std::int64_t count = div_ceil(topology.chip_count(), routers.chips_each);
    routers.trunks.resize(at(count));
    routers.endpoints.resize(at(count));
    for (const std::int32_t chip : topology.endpoints())
        ++routers.endpoints[at(chip / routers.chips_each)];
    for (const Bundle& bundle : topology.bundles()) {
        const std::int32_t from = bundle.from / routers.chips_each, to = bundle.to / routers.chips_each;
        if (from != to) {
            routers.trunks[at(from)].push_back(
                {to, bundle.width, bundle.width * link_bytes_per_s(topology.link(), bundle.timing)});
        }
    }
    for (std::vector<Trunk>& trunks : routers.trunks) {
        std::ranges::stable_sort(trunks, {}, &Trunk::to);
        std::size_t kept = 0;
        for (const Trunk& trunk : trunks) {
            if (kept == 0 || trunks[kept - 1].to != trunk.to) {
                trunks[kept++] = trunk;
                continue;
            }
            trunks[kept - 1].links += trunk.links;
            trunks[kept - 1].bytes_per_s += trunk.bytes_per_s;
        }
        trunks.resize(kept);
    }
    const std::int32_t rotation = Rotation::finest(topology).step_chips();
    const bool keeps_nodes = rotation % routers.chips_each == 0;
    routers.rotation = keeps_nodes ? rotation / routers.chips_each : routers.count();
    find_alike(routers);
    return routers;
}

/// Routers nearest first; fewest hops to each in `hops`, -1 where there is no way.
[[nodiscard]] std::vector<std::int32_t> nearest_first(const Routers& routers, std::int32_t source,
                                                      std::vector<std::int32_t>& hops) {
    hops.assign(routers.trunks.size(), -1);
    hops[at(source)] = 0;
    std::vector<std::int32_t> order{source};
    order.reserve(hops.size());
    for (std::size_t head = 0; head < order.size(); ++head) {
        const std::int32_t router = order[head];
        for (const Trunk& trunk : routers.trunks[at(router)]) {
            if (hops[at(trunk.to)] < 0) {
                hops[at(trunk.to)] = hops[at(router)] + 1;
                order.push_back(trunk.to);
            }
        }
    }
    return order;
}

/// How much each trunk carries while every endpoint sends 1 to every endpoint of other routers. Trunks that
/// are alike carry alike; only the first of them is counted.
[[nodiscard]] std::vector<std::vector<double>> uniform_loads(const Routers& routers) {
    std::vector<std::vector<double>> loads;
    loads.reserve(routers.trunks.size());
    for (const std::vector<Trunk>& trunks : routers.trunks)
        loads.emplace_back(trunks.size(), 0.0);
    std::vector<double> flow(routers.trunks.size());
    std::vector<std::int32_t> hops;
    for (std::int32_t target = 0; target < routers.rotation; ++target) {
        const std::vector<std::int32_t> order = nearest_first(routers, target, hops);
        const auto wanted = static_cast<double>(routers.endpoints[at(target)]);
        for (std::size_t router = 0; router < flow.size(); ++router)
            flow[router] = static_cast<double>(routers.endpoints[router]) * wanted;
        for (std::size_t i = order.size(); i-- > 1;) {
            const std::int32_t router = order[i];
            const auto leads_on = [&](const Trunk& trunk) {
                return hops[at(trunk.to)] == hops[at(router)] - 1;
            };
            std::int64_t links = 0;
            for (const Trunk& trunk : routers.trunks[at(router)])
                links += leads_on(trunk) ? trunk.links : 0;
            for (const Trunk& trunk : routers.trunks[at(router)]) {
                if (!leads_on(trunk))
                    continue;
                const double share =
                    flow[at(router)] * static_cast<double>(trunk.links) / static_cast<double>(links);
                flow[at(trunk.to)] += share;
                const auto [first, place] = trunk.first_alike;
                loads[at(first)][place] += share;
            }
        }
    }
    return loads;
}

} // namespace

std::int32_t router_diameter(const Topology& topology) {
    const Routers routers = routers_of(topology);
    std::int32_t longest = 0;
    std::vector<std::int32_t> hops;
    for (std::int32_t source = 0; source < routers.rotation; ++source) {
        if (routers.endpoints[at(source)] == 0)
            continue;
        for (const std::int32_t router : nearest_first(routers, source, hops)) {
            if (routers.endpoints[at(router)] > 0)
                longest = std::max(longest, hops[at(router)]);
        }
    }
    return routers.chips_each > 1 ? longest + 2 : longest;
}

double global_bytes_per_s(const Topology& topology) {
    const Routers routers = routers_of(topology);
    const auto total = std::reduce(routers.endpoints.begin(), routers.endpoints.end());
    const std::int64_t others = total - std::ranges::max(routers.endpoints);
    if (others == 0)
        return 0;
    const auto loads = uniform_loads(routers);
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t router = 0; router < loads.size(); ++router) {
        for (std::size_t i = 0; i < loads[router].size(); ++i) {
            if (loads[router][i] > 0)
                least = std::min(least, routers.trunks[router][i].bytes_per_s / loads[router][i]);
        }
    }
    return least * static_cast<double>(others);
}

} // namespace lpusim::net
