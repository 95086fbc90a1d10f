#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/net/collective.h"
#include "lpusim/net/traffic.h"

/// Every pair of chips its own data: the all-to-all, and what is a special case of it. All messages are
/// booked together, hop by hop.
namespace lpusim::net {

/// What one chip sends another.
struct PairVectors {
    std::int32_t source = 0;
    std::int32_t target = 0;
    std::int64_t vector_count = 0;
};

struct MessageOptions {
    /// minimal: by shortest routes that spread the messages over the links. spread: a message may go over a
    /// third chip where that keeps it off busy links; at most 2^17 messages. automatic: the sooner of both,
    /// minimal where there are more.
    Routing routing = Routing::automatic;
    bool record = false;
    /// Of every message, vector i.
    Production made = {};
    Symmetry symmetry = Symmetry::automatic;
};

/// Each chip of the group has a buffer of `size_bytes` in equal parts, one for each chip of the group, and
/// sends every other its part. Parts are rounded up to whole vectors. An empty group is all chips.
///
/// Throws ValueError for a size below 1 or beyond kVectorMax vectors, an unknown chip or one named twice;
/// CapacityError beyond 2^29 pairs where no symmetry helps. By symmetry routing is minimal. Cost: O(pairs x
/// hops), and O(classes x chips x hops) by symmetry; memory is that of the messages on the way.
[[nodiscard]] Collective all_to_all(const Topology& topology, std::span<const std::int32_t> chips,
                                    std::int64_t size_bytes, const MessageOptions& options = {});

/// What each pair says, such as the expert dispatch of a routing. Pairs without vectors send nothing, and no
/// pairs take 0 cycles. Vectors are numbered through in the order of the pairs.
///
/// Throws ValueError for a negative count or more than kVectorMax vectors together, an unknown chip, a pair
/// of a chip with itself that sends something, or a pair named twice.
[[nodiscard]] Collective all_to_all_v(const Topology& topology, std::span<const PairVectors> pairs,
                                      const MessageOptions& options = {});

/// The way back of an expert dispatch: every pair of `pairs` (source, target) sends as much from the target
/// to the source, which adds all that it gets to its own.
[[nodiscard]] Collective combine(const Topology& topology, std::span<const PairVectors> pairs,
                                 const ReduceCost& reduce, const MessageOptions& options = {});

/// `source` has a buffer of `size_bytes` in shards, one a chip of the group, and sends each chip its own.
[[nodiscard]] Collective scatter(const Topology& topology, std::int32_t source,
                                 std::span<const std::int32_t> chips, std::int64_t size_bytes,
                                 const MessageOptions& options = {});
/// Each chip of the group has its shard of a buffer of `size_bytes` and sends it to `target`.
[[nodiscard]] Collective gather(const Topology& topology, std::int32_t target,
                                std::span<const std::int32_t> chips, std::int64_t size_bytes,
                                const MessageOptions& options = {});

/// The stages of a pipeline hand on: chip i of each stage sends `size_bytes` to chip i of the next, all at
/// once. Throws ValueError where stages have different numbers of chips, share one, or are fewer than two.
[[nodiscard]] Collective pipeline(const Topology& topology, std::span<const std::vector<std::int32_t>> stages,
                                  std::int64_t size_bytes, const MessageOptions& options = {});

} // namespace lpusim::net
