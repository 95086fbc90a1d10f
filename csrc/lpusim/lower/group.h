#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
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
/// clock. Every cost is the length of a verified link timetable, remembered by size. Safe to share between
/// threads.
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
    std::mutex mutex_;
    std::map<Key, std::int64_t> cycles_;
};

/// The costs of all groups on one topology, to be shared by plans whose chips differ in all but their links:
/// timetables do not depend on the rest. Safe to share between threads.
class CollectiveLibrary {
  public:
    explicit CollectiveLibrary(std::shared_ptr<const net::Topology> topology);

    [[nodiscard]] const std::shared_ptr<const net::Topology>& topology() const { return topology_; }

    /// The group of `chip_count` chips from `first_chip` on. Groups that the topology's symmetry maps onto
    /// each other are one. The reference is good as long as this object is.
    [[nodiscard]] GroupCosts& group(std::int32_t first_chip, std::int32_t chip_count,
                                    const net::ReduceCost& reduce);

  private:
    /// First chip, chips, and both costs of a reduction.
    using Key = std::tuple<std::int32_t, std::int32_t, std::int64_t, std::int64_t>;

    std::shared_ptr<const net::Topology> topology_;
    std::mutex mutex_;
    std::map<Key, GroupCosts> groups_;
};

} // namespace lpusim::lower
