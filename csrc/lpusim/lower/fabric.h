#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>
#include <vector>

#include "lpusim/net/link.h"
#include "lpusim/net/topology.h"

namespace lpusim::lower {

enum class CollectiveKind : std::uint8_t {
    all_reduce,     ///< Sums a buffer over all chips, result on all.
    all_gather,     ///< A buffer in equal parts, one a chip; afterwards each chip has all.
    reduce_scatter, ///< A buffer on each chip; afterwards each has its part of the sum.
    shift,          ///< Every chip sends a buffer to its counterpart in the next group, all at once.
};

/// A collective over the first `part_count` chips of a group (a shift moves all). `size_bytes` is the whole
/// buffer.
struct CollectiveCall {
    CollectiveKind kind = CollectiveKind::all_reduce;
    std::int64_t part_count = 1;
    std::int64_t size_bytes = 0;
};

/// Chips first_chip .. first_chip + chip_count - 1.
struct Group {
    std::int32_t first_chip = 0;
    std::int32_t chip_count = 1;
};

/// What collectives take among chips wired in some way, wherever those are: on machines of any size, as long
/// as their links are the same. Safe to use from several threads.
class WiringCosts {
  public:
    explicit WiringCosts(const net::LinkSpec& link) : link_(link) {}

    [[nodiscard]] const net::LinkSpec& link() const { return link_; }

    /// Chips of a group counted from its first: (from, to, links, and the timing of each direction) for each
    /// pair with links, in order.
    using Wiring = std::vector<std::int64_t>;
    /// The collective, its size, and what a sum costs.
    using Key = std::tuple<CollectiveKind, std::int64_t, std::int64_t, std::int64_t>;

    [[nodiscard]] std::optional<std::int64_t> find(const Wiring& wiring, const Key& key);
    void insert(const Wiring& wiring, const Key& key, std::int64_t cycles);

  private:
    net::LinkSpec link_;
    std::mutex mutex_;
    std::map<Wiring, std::map<Key, std::int64_t>> cycles_;
};

/// The links of a machine, and what every collective asked for so far takes on them: the length of a link
/// timetable in cycles of the chip clock. Many plans of one machine share one. Safe to use from several
/// threads.
class Fabric {
  public:
    /// `costs` may be shared with machines of other sizes; null for its own. Throws ValueError where they are
    /// of other links than the topology's.
    explicit Fabric(std::shared_ptr<const net::Topology> topology,
                    std::shared_ptr<WiringCosts> costs = nullptr);

    [[nodiscard]] const net::Topology& topology() const { return *topology_; }

    /// Zero for one chip, for an empty buffer, and for a shift out of the last group of the topology. Groups
    /// that the topology's symmetry maps onto each other share one timetable.
    [[nodiscard]] std::int64_t cycles(Group group, const CollectiveCall& call, const net::ReduceCost& reduce);

  private:
    using Key = std::tuple<std::int32_t, std::int32_t, CollectiveKind, std::int64_t, std::int64_t,
                           std::int64_t, std::int64_t>;

    [[nodiscard]] Group representative(Group group) const;
    [[nodiscard]] std::int64_t group_cycles(Group group, const CollectiveCall& call,
                                            const net::ReduceCost& reduce) const;
    [[nodiscard]] std::int64_t shift_cycles(Group group, std::int64_t size_bytes) const;
    [[nodiscard]] WiringCosts::Wiring wiring(Group group) const;

    std::shared_ptr<const net::Topology> topology_;
    std::shared_ptr<WiringCosts> costs_;
    std::mutex mutex_;
    std::map<Key, std::int64_t> cycles_;
};

} // namespace lpusim::lower
