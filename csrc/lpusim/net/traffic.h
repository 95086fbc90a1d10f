#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lpusim/net/collective.h"

/// Any messages between any chips in one timetable.
namespace lpusim::net {

/// Which way a message goes.
enum class Routing : std::uint8_t {
    /// All of it over one route of fewest hops, at every chip the least loaded so far.
    minimal,
    /// Over up to 16 routes that share no link, shorter and longer, as long as one more makes the last vector
    /// arrive sooner; each found by when its links are free.
    spread,
    /// Whichever of the two ends sooner for all messages together; minimal on a tie.
    automatic,
};

[[nodiscard]] std::string_view routing_name(Routing routing);
/// Throws ValueError listing the names.
[[nodiscard]] Routing routing_named(std::string_view name);

/// One message of a traffic pattern.
struct Request {
    std::int32_t source = 0;
    std::int32_t target = 0;
    std::int64_t size_bytes = 0;
    std::int64_t release_cycle = 0;
    /// Vector i leaves no earlier than i times this after the release and all of `after`.
    std::int64_t release_period_cycles = 0;
    /// Requests, by index, that must have arrived whole before this one leaves.
    std::vector<std::int64_t> after = {};
};

struct TrafficOptions {
    Routing routing = Routing::minimal;
    bool record = false;
};

struct Traffic {
    /// The latest arrival; 0 for no requests.
    std::int64_t cycles = 0;
    /// All requests in whole vectors.
    std::int64_t vector_count = 0;
    /// The one used.
    Routing routing = Routing::minimal;
    /// By request, when all of it is there.
    std::vector<std::int64_t> arrival_cycle = {};
    /// Empty unless recorded.
    Timetable timetable = {};
    /// By transfer of the timetable, the request that it is a part of. Parts are consecutive vectors, and a
    /// request on one route is one transfer.
    std::vector<std::int64_t> request_of = {};
};

/// Requests are booked in the order given, those that wait for others behind them. Vectors of a request are
/// numbered from 0. Throws ValueError for a request from a chip to itself, an unknown chip or one that is
/// down, a size below 1 or beyond kVectorMax vectors together, a release before 0 or beyond 2^40, a request
/// that is not there, and requests that wait for each other in a circle, naming it.
/// Cost of minimal: a search a target and a booking a hop; of spread: a search a route.
[[nodiscard]] Traffic schedule(const Topology& topology, std::span<const Request> requests,
                               const TrafficOptions& options = {});

/// One chip to another.
[[nodiscard]] Traffic send(const Topology& topology, std::int32_t source, std::int32_t target,
                           std::int64_t size_bytes, const TrafficOptions& options = {});

/// The cycles alone, by the shortest way.
[[nodiscard]] inline std::int64_t send_cycles(const Topology& topology, std::int32_t source,
                                              std::int32_t target, std::int64_t size_bytes) {
    return send(topology, source, target, size_bytes).cycles;
}

} // namespace lpusim::net
