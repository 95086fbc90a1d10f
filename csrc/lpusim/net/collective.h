#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "lpusim/net/link.h"
#include "lpusim/net/readiness.h"
#include "lpusim/net/timetable.h"
#include "lpusim/net/topology.h"
#include "lpusim/net/turning.h"

/// Data movements between chips as timetables, and their exact cycles. Pure functions of their arguments: the
/// same call gives the same bytes, so results may be kept and reused. Nothing else runs on the links
/// meanwhile.
namespace lpusim::net {

/// How a collective goes about it. Sizes are whole vectors, split as evenly as they go into one shard a chip
/// (or one a vector, where there are fewer).
enum class Algorithm : std::uint8_t {
    /// Whichever of the others takes the fewest cycles; the first of them on a tie.
    automatic,
    /// Each shard is summed towards the chip that owns it along a shortest-path tree, then spread back along
    /// the same tree. Partial sums are formed on the way: within a node before they cross to the next. In a
    /// fully connected group that is reduce-scatter and all-gather over direct links.
    two_phase,
    /// Every chip sends everything to every other, which adds for itself: one crossing, much more traffic.
    exchange,
    /// One tree: everything is summed towards one chip in the middle, then spread from it.
    tree,
    /// Shards are summed among the chips of a node, their shards among nodes of a rack, theirs among racks,
    /// and spread the same way back.
    hierarchical,
    /// Around the group in the order given: size - 1 steps of adding, size - 1 of copying.
    ring,
    /// Messages of their own for each pair of chips (all_to_all.h), by shortest routes or with detours.
    minimal,
    spread,
};

[[nodiscard]] std::string_view algorithm_name(Algorithm algorithm);
/// Throws ValueError listing the names.
[[nodiscard]] Algorithm algorithm_named(std::string_view name);

/// Whether what is the same all round a symmetric machine is scheduled once (see turning.h).
enum class Symmetry : std::uint8_t {
    /// Where the whole machine takes part and it saves much: beyond 2^18 bookings.
    automatic,
    ignored,
    /// Wherever there is one.
    used,
};

[[nodiscard]] std::string_view symmetry_name(Symmetry symmetry);
/// Throws ValueError listing the names.
[[nodiscard]] Symmetry symmetry_named(std::string_view name);

struct Options {
    Algorithm algorithm = Algorithm::automatic;
    /// Write down the timetable; without it only the cycles are found, in less time and memory.
    bool record = false;
    /// When each chip's contribution exists, vector by vector: a transfer starts when its first vector does.
    Production made = {};
    Symmetry symmetry = Symmetry::automatic;
};

struct Collective {
    /// From cycle 0 to the last vector in memory, summed where the operation sums. 0 for one chip.
    std::int64_t cycles = 0;
    /// What the operation's size comes to in whole vectors.
    std::int64_t vector_count = 0;
    Algorithm algorithm = Algorithm::two_phase;
    /// Empty unless recorded. Where the symmetry was used, the rows of one turn.
    Timetable timetable = {};
    Turning turning = {};
};

/// The most vectors an operation may move between chips, all together.
inline constexpr std::int64_t kVectorMax = std::int64_t{1} << 40U;

/// Every chip of the group ends with the sum of all buffers of `size_bytes`. An empty group is all chips.
///
/// `made`: vector i of every chip's buffer. Throws ValueError for a size below 1 or beyond kVectorMax
/// vectors, an unknown chip or one named twice, and hierarchical where the group has no two levels of equal
/// parts. Cost: O(chips^2 + chips x links), without regard to size; O(classes x (chips + links)) by symmetry.
[[nodiscard]] Collective all_reduce(const Topology& topology, std::span<const std::int32_t> chips,
                                    std::int64_t size_bytes, const ReduceCost& reduce = {},
                                    const Options& options = {});

/// The first half of an all-reduce: each chip ends with the sum of its own shard, the i-th chip of the group
/// with the i-th where there is one each. Knows two_phase and ring.
[[nodiscard]] Collective reduce_scatter(const Topology& topology, std::span<const std::int32_t> chips,
                                        std::int64_t size_bytes, const ReduceCost& reduce = {},
                                        const Options& options = {});

/// The second half: each chip has one shard of a buffer of `size_bytes` and ends with all of it. `made`:
/// vector i of every chip's shard. Knows two_phase and ring.
[[nodiscard]] Collective all_gather(const Topology& topology, std::span<const std::int32_t> chips,
                                    std::int64_t size_bytes, const Options& options = {});

/// `source` sends a buffer of `size_bytes` to all other chips of the group, of which it need not be one: a
/// multicast where the group is a part. Knows tree, and two_phase: a shard to each, and an all-gather.
[[nodiscard]] Collective broadcast(const Topology& topology, std::int32_t source,
                                   std::span<const std::int32_t> chips, std::int64_t size_bytes,
                                   const Options& options = {});

/// The cycles alone.
[[nodiscard]] inline std::int64_t all_reduce_cycles(const Topology& topology,
                                                    std::span<const std::int32_t> chips,
                                                    std::int64_t size_bytes, const ReduceCost& reduce = {}) {
    return all_reduce(topology, chips, size_bytes, reduce).cycles;
}

} // namespace lpusim::net
