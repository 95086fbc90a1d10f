#include "lpusim/net/traffic.h"

#include <algorithm>
#include <array>
#include <functional>
#include <queue>
#include <string>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/net/enum_names.h"
#include "lpusim/net/operation.h"
#include "lpusim/net/routes.h"

namespace lpusim::net {
namespace {

constexpr EnumNames<Routing, 3> kRoutingNames{
    "routing",
    {{{Routing::automatic, "automatic"}, {Routing::minimal, "minimal"}, {Routing::spread, "spread"}}}};

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

[[nodiscard]] std::string request_text(std::size_t index) {
    return "requests[" + std::to_string(index) + "]";
}

/// Each request in vectors. Refuses what no timetable could do.
[[nodiscard]] std::vector<std::int64_t> checked_vector_counts(const Topology& topology,
                                                              std::span<const Request> requests) {
    std::vector<std::int64_t> counts;
    std::int64_t total = 0;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        const Request& request = requests[i];
        const std::string where = request_text(i);
        topology.require_chip(where + ".source", request.source);
        topology.require_chip(where + ".target", request.target);
        if (request.source == request.target) {
            throw ValueError(where + " goes from chip " + std::to_string(request.source) + " to itself");
        }
        const auto require = [&](const char* field, std::int64_t value, std::int64_t bits) {
            if (value < 0 || value > std::int64_t{1} << bits) {
                throw ValueError(where + "." + field + " must be from 0 to 2^" + std::to_string(bits) +
                                 ", got " + std::to_string(value));
            }
        };
        require("release_cycle", request.release_cycle, 40);
        require("release_period_cycles", request.release_period_cycles, 19);
        for (const std::int64_t other : request.after) {
            if (other < 0 || std::cmp_greater_equal(other, requests.size())) {
                throw ValueError(where + ".after must name requests 0 to " +
                                 std::to_string(requests.size() - 1) + ", got " + std::to_string(other));
            }
        }
        counts.push_back(vectors_of(topology, request.size_bytes, 1));
        if (counts.back() > kVectorMax - total) {
            throw ValueError("the requests are beyond 2^40 vectors together");
        }
        total += counts.back();
    }
    return counts;
}

/// "request 1 waits for 4, 4 for 2, 2 for 1".
[[noreturn]] void throw_circle(std::span<const Request> requests,
                               const std::vector<std::int64_t>& waits_left) {
    // Whoever is left waits for somebody who is left, so this walk comes round.
    const auto is_left = [&](std::int64_t index) { return waits_left[at(index)] > 0; };
    std::int64_t here = 0;
    while (!is_left(here))
        ++here;
    std::vector<std::int64_t> walk;
    while (std::ranges::find(walk, here) == walk.end()) {
        walk.push_back(here);
        here = *std::ranges::find_if(requests[at(here)].after, is_left);
    }
    walk.erase(walk.begin(), std::ranges::find(walk, here));
    std::string text;
    for (std::size_t i = 0; i < walk.size(); ++i) {
        text += (i == 0 ? "request " : ", ") + std::to_string(walk[i]) + (i == 0 ? " waits for " : " for ") +
                std::to_string(walk[(i + 1) % walk.size()]);
    }
    throw ValueError("requests wait for each other in a circle, so none of them can leave: " + text);
}

/// Lowest index first among those that wait for nobody any more.
[[nodiscard]] std::vector<std::size_t> booking_order(std::span<const Request> requests) {
    std::vector<std::int64_t> waits_left(requests.size(), 0);
    std::vector<std::vector<std::size_t>> waiting(requests.size());
    std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> free;
    for (std::size_t i = 0; i < requests.size(); ++i) {
        waits_left[i] = std::ssize(requests[i].after);
        for (const std::int64_t other : requests[i].after)
            waiting[at(other)].push_back(i);
        if (waits_left[i] == 0)
            free.push(i);
    }
    std::vector<std::size_t> order;
    while (!free.empty()) {
        order.push_back(free.top());
        free.pop();
        for (const std::size_t other : waiting[order.back()]) {
            if (--waits_left[other] == 0)
                free.push(other);
        }
    }
    if (order.size() < requests.size())
        throw_circle(requests, waits_left);
    return order;
}

class TrafficSchedule {
  public:
    TrafficSchedule(const Group& everyone, std::span<const Request> requests,
                    const std::vector<std::int64_t>& vector_counts, Routing routing, bool record)
        : group_(everyone), requests_(requests), vector_counts_(vector_counts),
          identity_(everyone.topology()), ledger_(result_.timetable, turning_),
          booking_(everyone.topology(), identity_, record ? &ledger_ : nullptr), shortest_(everyone),
          parts_(record ? requests.size() : 0) {
        result_.routing = routing;
        result_.arrival_cycle.assign(requests.size(), 0);
    }

    [[nodiscard]] Traffic run(const std::vector<std::size_t>& order) {
        for (const std::size_t index : order)
            book(index);
        result_.cycles = booking_.last_arrival_cycle();
        return std::move(result_);
    }

  private:
    void book(std::size_t index) {
        const Request& request = requests_[index];
        const std::int64_t count = vector_counts_[index];
        Production made{request.release_cycle, request.release_period_cycles};
        for (const std::int64_t other : request.after)
            made.first_cycle = std::max(made.first_cycle, result_.arrival_cycle[at(other)]);
        std::int64_t first_vector = 0;
        for (const Share& share : shares_of(request, count, made)) {
            const std::int64_t transfer = add_transfer(index, first_vector, share.vector_count, made);
            Readiness ready = produced(made, first_vector, share.vector_count);
            std::int64_t hop = 0;
            for (const std::int32_t bundle : share.route)
                ready = booking_.send(bundle, {transfer, hop++, first_vector, share.vector_count}, ready);
            result_.arrival_cycle[index] = std::max(result_.arrival_cycle[index], ready.last_cycle);
            first_vector += share.vector_count;
        }
        result_.vector_count += count;
    }

    [[nodiscard]] std::vector<Share> shares_of(const Request& request, std::int64_t vector_count,
                                               const Production& made) {
        if (result_.routing == Routing::spread) {
            return spread_routes(group_, booking_, request.source, request.target, vector_count, made);
        }
        return {{shortest_.find(request.source, request.target, vector_count), vector_count}};
    }

    std::int64_t add_transfer(std::size_t index, std::int64_t first_vector, std::int64_t vector_count,
                              const Production& made) {
        if (booking_.ledger() == nullptr)
            return 0;
        const Request& request = requests_[index];
        const std::int64_t transfer = ledger_.add_transfer({.source = request.source,
                                                            .target = request.target,
                                                            .first_vector = first_vector,
                                                            .vector_count = vector_count,
                                                            .release_cycle = made.cycle_of(first_vector),
                                                            .release_period_cycles = made.period_cycles},
                                                           -1);
        result_.request_of.push_back(static_cast<std::int64_t>(index));
        parts_[index].push_back(transfer);
        for (const std::int64_t other : request.after) {
            if (requests_[at(other)].target != request.source)
                continue;
            for (const std::int64_t on : parts_[at(other)])
                ledger_.add_dependency({transfer, on, 0});
        }
        return transfer;
    }

    const Group& group_;
    std::span<const Request> requests_;
    const std::vector<std::int64_t>& vector_counts_;
    Rotation identity_;
    Traffic result_;
    Turning turning_;
    Ledger ledger_;
    Booking booking_;
    ShortestRoutes shortest_;
    /// By request, its transfers.
    std::vector<std::vector<std::int64_t>> parts_;
};

} // namespace

std::string_view routing_name(Routing routing) {
    return kRoutingNames.name_of(routing);
}

Routing routing_named(std::string_view name) {
    return kRoutingNames.named(name);
}

Traffic schedule(const Topology& topology, std::span<const Request> requests, const TrafficOptions& options) {
    const std::vector<std::int64_t> vector_counts = checked_vector_counts(topology, requests);
    const std::vector<std::size_t> order = booking_order(requests);
    const Group everyone(topology, {});
    const auto run = [&](Routing routing, bool record) {
        return TrafficSchedule(everyone, requests, vector_counts, routing, record).run(order);
    };
    if (options.routing != Routing::automatic)
        return run(options.routing, options.record);
    const bool is_sooner = run(Routing::spread, false).cycles < run(Routing::minimal, false).cycles;
    return run(is_sooner ? Routing::spread : Routing::minimal, options.record);
}

Traffic send(const Topology& topology, std::int32_t source, std::int32_t target, std::int64_t size_bytes,
             const TrafficOptions& options) {
    topology.require_chip("source", source);
    topology.require_chip("target", target);
    if (source == target) {
        throw ValueError("source and target are both chip " + std::to_string(source) +
                         "; a chip does not send to itself");
    }
    const std::array<Request, 1> request{Request{source, target, size_bytes}};
    return schedule(topology, request, options);
}

} // namespace lpusim::net
