#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lpusim/net/link.h"
#include "lpusim/net/timetable.h"
#include "lpusim/net/topology.h"

/// Data movements between chips as timetables, and their exact cycles. Pure functions of their arguments: the
/// same call gives the same bytes, so results may be kept and reused. Nothing else runs on the links
/// meanwhile.
namespace lpusim::net {

/// How an all-reduce goes about it. Sizes are whole vectors, split as evenly as they go into one shard a chip
/// (or one a vector, where there are fewer).
enum class Algorithm : std::uint8_t {
    /// Whichever of the others takes the fewest cycles; the first of them on a tie.
    automatic,
    /// Each shard is summed towards the chip that owns it along a shortest-path tree, then spread back along
    /// the same tree. Partial sums are formed on the way: within a node before they cross to the next. In a
    /// fully connected group that is reduce-scatter and all-gather over direct links.
    tree,
    /// Every chip sends everything to every other, which adds for itself: one crossing, much more traffic.
    exchange,
    /// Around the group in the order given: size - 1 steps of adding, size - 1 of copying.
    ring,
};

[[nodiscard]] std::string_view algorithm_name(Algorithm algorithm);
/// Throws ValueError listing the names.
[[nodiscard]] Algorithm algorithm_named(std::string_view name);

struct Options {
    Algorithm algorithm = Algorithm::automatic;
    /// Write down the timetable; without it only the cycles are found, in less time and memory.
    bool record = false;
};

struct Collective {
    /// From the first slot to the last vector in memory, summed where the operation sums. 0 for one chip.
    std::int64_t cycles = 0;
    /// What the operation's size comes to in whole vectors.
    std::int64_t vector_count = 0;
    Algorithm algorithm = Algorithm::tree;
    /// Empty unless recorded.
    Timetable timetable = {};
};

/// The most vectors an operation may move between chips, all together.
inline constexpr std::int64_t kVectorMax = std::int64_t{1} << 40U;

/// Every chip of the group ends with the sum of all buffers of `size_bytes`. An empty group is all chips.
///
/// Throws ValueError for a size below 1 or beyond kVectorMax vectors, an unknown chip or one named twice.
/// Cost: O(chips^2 + chips x links), without regard to size.
[[nodiscard]] Collective all_reduce(const Topology& topology, std::span<const std::int32_t> chips,
                                    std::int64_t size_bytes, const ReduceCost& reduce = {},
                                    const Options& options = {});

/// The first half of an all-reduce: each chip ends with the sum of its own shard.
[[nodiscard]] Collective reduce_scatter(const Topology& topology, std::span<const std::int32_t> chips,
                                        std::int64_t size_bytes, const ReduceCost& reduce = {},
                                        const Options& options = {});

/// The second half: each chip has one shard of a buffer of `size_bytes` and ends with all of it.
[[nodiscard]] Collective all_gather(const Topology& topology, std::span<const std::int32_t> chips,
                                    std::int64_t size_bytes, const Options& options = {});

/// `source` sends a buffer of `size_bytes` to all other chips of the group, of which it need not be one.
[[nodiscard]] Collective broadcast(const Topology& topology, std::int32_t source,
                                   std::span<const std::int32_t> chips, std::int64_t size_bytes,
                                   const Options& options = {});

/// One chip to another over a route of fewest hops, on all its parallel links.
[[nodiscard]] Collective send(const Topology& topology, std::int32_t source, std::int32_t target,
                              std::int64_t size_bytes, const Options& options = {});

/// One message of a traffic pattern.
struct Request {
    std::int32_t source = 0;
    std::int32_t target = 0;
    std::int64_t size_bytes = 0;
    std::int64_t release_cycle = 0;
};

/// All requests in one timetable, booked in the order given; each takes a route of fewest hops, at every chip
/// the least loaded. Transfer i is request i.
[[nodiscard]] Collective schedule(const Topology& topology, std::span<const Request> requests,
                                  const Options& options = {});

/// The cycles alone.
[[nodiscard]] inline std::int64_t all_reduce_cycles(const Topology& topology,
                                                    std::span<const std::int32_t> chips,
                                                    std::int64_t size_bytes, const ReduceCost& reduce = {}) {
    return all_reduce(topology, chips, size_bytes, reduce).cycles;
}
[[nodiscard]] inline std::int64_t send_cycles(const Topology& topology, std::int32_t source,
                                              std::int32_t target, std::int64_t size_bytes) {
    return send(topology, source, target, size_bytes).cycles;
}

} // namespace lpusim::net
