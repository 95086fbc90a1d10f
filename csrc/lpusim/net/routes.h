#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/net/booking.h"
#include "lpusim/net/group.h"

namespace lpusim::net {

/// Bundles from a source to a target, in order.
using Route = std::vector<std::int32_t>;

/// A route of fewest hops; at each chip the bundle soonest through with a vector on each, then the lowest.
/// Cost: a search that ends at the source.
[[nodiscard]] Route shortest_route(const Group& group, std::int32_t source, std::int32_t target);

/// Finds routes of fewest hops, and remembers how far every chip is from the targets asked for.
class ShortestRoutes {
  public:
    /// Must outlive it.
    explicit ShortestRoutes(const Group& group);

    /// At each chip the bundle least loaded per link by what was found before, then the lowest. The route's
    /// bundles are then loaded with `vector_count` more. Cost: a search for a new target; else the bundles of
    /// the chips on the way.
    [[nodiscard]] Route find(std::int32_t source, std::int32_t target, std::int64_t vector_count);

  private:
    [[nodiscard]] const std::vector<std::uint16_t>& hops_to(std::int32_t target);

    const Group& group_;
    Search search_;
    std::vector<std::int64_t> load_;
    /// By target; empty where not asked for, or forgotten to save memory.
    std::vector<std::vector<std::uint16_t>> hops_;
    std::int64_t kept_count_ = 0;
};

/// One of several routes of one message, with what it carries.
struct Share {
    Route route;
    std::int64_t vector_count = 0;
};

/// Routes without a common link over which `vector_count` vectors, made as `made` says, arrive as soon as
/// such routes let them. The first brings a vector first of all; each further one is the earliest on links
/// still unused, and is taken only if its first vector comes before the others bring their last. Every share
/// has at least one vector. Cost: a search over the links a route, at most 16.
[[nodiscard]] std::vector<Share> spread_routes(const Group& group, const Booking& booking,
                                               std::int32_t source, std::int32_t target,
                                               std::int64_t vector_count, const Production& made);

} // namespace lpusim::net
