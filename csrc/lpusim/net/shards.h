#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/net/link.h"

/// What the collectives share.
namespace lpusim::net {

/// Consecutive pieces of `vector_count` vectors whose sizes differ by at most one.
struct Shards {
    std::vector<std::int64_t> first_vector;
    std::vector<std::int64_t> vector_count;
};

[[nodiscard]] inline Shards split_evenly(std::int64_t vector_count, std::int64_t shard_count) {
    Shards shards;
    std::int64_t first = 0;
    for (std::int64_t i = 0; i < shard_count; ++i) {
        const std::int64_t count = vector_count / shard_count + (i < vector_count % shard_count ? 1 : 0);
        shards.first_vector.push_back(first);
        shards.vector_count.push_back(count);
        first += count;
    }
    return shards;
}

/// How fast summing traffic may come at most, and how long a sum takes after its last operand. Links that are
/// slower keep their own pace.
struct Pace {
    std::int64_t period_cycles = 0;
    std::int64_t delay_cycles = 0;
};

/// The adder of a chip that `link_count` links feed at once must take one vector of each in a period. Then it
/// never falls behind, and a sum waits at most for one vector of each link.
[[nodiscard]] inline Pace pace_of(const ReduceCost& reduce, std::int64_t link_count) {
    const std::int64_t accept_cycles = reduce.cycles_per_vector * link_count;
    return {accept_cycles, reduce.first_cycles + accept_cycles};
}

} // namespace lpusim::net
