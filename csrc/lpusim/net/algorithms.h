#pragma once

#include <cstdint>
#include <optional>

#include "lpusim/net/hierarchy.h"
#include "lpusim/net/operation.h"

/// The algorithms of the collectives that sum and copy, each as one function, for groups of two chips or
/// more.
namespace lpusim::net {

enum class Half : std::uint8_t { both, sum, spread };

[[nodiscard]] Collective run_two_phase(const Operation& operation, Half half);
[[nodiscard]] Collective run_ring(const Operation& operation, Half half);
/// Payload: the buffers of all members one after the other, in the group's order.
[[nodiscard]] Collective run_exchange(const Operation& operation);
[[nodiscard]] Collective run_tree(const Operation& operation);
[[nodiscard]] Collective run_hierarchical(const Operation& operation, const Hierarchy& hierarchy);

/// From `source`, a member: along one tree, or a shard to each and an all-gather.
[[nodiscard]] Collective run_broadcast_tree(const Operation& operation, std::int32_t source);
[[nodiscard]] Collective run_broadcast_shards(const Operation& operation, std::int32_t source);

/// Cycles that an algorithm of an all-reduce cannot beat, found without scheduling it.
[[nodiscard]] std::int64_t bound_cycles(Algorithm algorithm, const Operation& operation);
/// The same of half of one.
[[nodiscard]] std::int64_t half_bound_cycles(Algorithm algorithm, const Operation& operation);

} // namespace lpusim::net
