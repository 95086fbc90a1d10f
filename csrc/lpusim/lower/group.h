#pragma once

#include <cstdint>
#include <map>
#include <tuple>

#include "lpusim/net/link.h"
#include "lpusim/net/topology.h"

namespace lpusim::lower {

enum class CollectiveKind : std::uint8_t {
    all_reduce,     ///< Sums a buffer over all chips, result on all.
    all_gather,     ///< A buffer in equal parts, one a chip; afterwards each chip has all.
    reduce_scatter, ///< A buffer on each chip; afterwards each has its part of the sum.
    shift,          ///< Every chip sends a buffer to its counterpart in the next group, all at once.
};

/// Exact costs of the collectives of one tensor-parallel group of consecutive chips, in cycles of the chip
/// clock. Every cost is the length of a verified link timetable, remembered by size.
class GroupCosts {
  public:
    /// The group is chips first_chip .. first_chip + chip_count - 1 of `topology`, which must outlive this
    /// object.
    GroupCosts(const net::Topology& topology, std::int32_t first_chip, std::int32_t chip_count,
               const net::ReduceCost& reduce);

    [[nodiscard]] std::int32_t chip_count() const { return chip_count_; }

    /// `size_bytes` is the whole buffer; `part_count` chips from the group's first take part (a shift moves
    /// all). Zero for one chip, for an empty buffer, and for a shift out of the last group of the topology.
    [[nodiscard]] std::int64_t cycles(CollectiveKind kind, std::int64_t part_count, std::int64_t size_bytes);

  private:
    using Key = std::tuple<CollectiveKind, std::int64_t, std::int64_t>;

    const net::Topology* topology_;
    std::int32_t first_chip_;
    std::int32_t chip_count_;
    net::ReduceCost reduce_;
    std::map<Key, std::int64_t> cycles_;
};

} // namespace lpusim::lower
