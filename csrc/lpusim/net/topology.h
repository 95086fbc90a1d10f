#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/net/link.h"

namespace lpusim::net {

/// `links` parallel links between two chips. Every link carries both directions at once.
struct Cable {
    std::int32_t a = 0;
    std::int32_t b = 0;
    std::int32_t links = 1;
    /// From a to b, and from b to a, where they are not the topology's common timing.
    std::optional<LinkTiming> forward = std::nullopt;
    std::optional<LinkTiming> backward = std::nullopt;
};

/// All links from one chip to another, in that direction: directed links first_link .. first_link + width
/// - 1, all of one timing.
struct Bundle {
    std::int32_t from = 0;
    std::int32_t to = 0;
    std::int32_t width = 0;
    std::int32_t first_link = 0;
    /// The bundle of the opposite direction, of the same width.
    std::int32_t reverse = 0;
    LinkTiming timing = {};
};

/// What is known of a topology beside its cables.
struct Arrangement {
    /// Chips that stay together where the bisection cuts, consecutive ids.
    std::int32_t chips_per_node = 1;
    /// See Topology::symmetry_chips.
    std::int32_t symmetry_chips = 0;
    /// Chips that do not work. They keep their ids, have no links and take part in nothing.
    std::vector<std::int32_t> down_chips = {};
};

/// The chips that work cannot all reach each other, so that no timetable could serve them. The message says
/// which cannot reach which.
class DisconnectedError : public ValueError {
  public:
    using ValueError::ValueError;
};

/// Chips and the links between them. Immutable; the chips that are up are connected.
class Topology {
  public:
    static constexpr std::int64_t kChipMax = 65'536;
    static constexpr std::int64_t kLinkMax = 16'777'216;

    /// Cables between the same two chips are joined; those of a chip that is down are left out. Throws
    /// ValueError for a chip that is not there, a cable from a chip to itself, a link count below 1, too many
    /// of either, a timing that cannot be, and cables of different timing between the same two chips;
    /// DisconnectedError where the chips that are up are not connected.
    Topology(std::string name, std::int64_t chip_count, std::span<const Cable> cables, const LinkSpec& link,
             const Arrangement& arrangement = {});

    [[nodiscard]] const std::string& name() const { return name_; }
    /// What all links have in common. The timing of one link is its bundle's.
    [[nodiscard]] const LinkSpec& link() const { return link_; }
    /// The least vector_cycles and the least hop_cycles of any link; the common timing where there is none.
    [[nodiscard]] LinkTiming fastest() const { return fastest_; }
    /// Chips, those that are down included.
    [[nodiscard]] std::int32_t chip_count() const { return chip_count_; }
    /// In order.
    [[nodiscard]] std::span<const std::int32_t> down_chips() const { return down_chips_; }
    /// In order.
    [[nodiscard]] std::vector<std::int32_t> up_chips() const;
    [[nodiscard]] bool is_up(std::int32_t chip) const {
        return !std::ranges::binary_search(down_chips_, chip);
    }
    [[nodiscard]] std::int32_t chips_per_node() const { return chips_per_node_; }
    /// Adding this to every chip id maps cables to cables, as long as all ids stay below the largest multiple
    /// of it; 0 where no such number is known. Equal groups that differ by a multiple of it cost the same.
    [[nodiscard]] std::int32_t symmetry_chips() const { return symmetry_chips_; }
    /// Links, each counted once although it carries both directions.
    [[nodiscard]] std::int32_t link_count() const { return directed_link_count_ / 2; }
    [[nodiscard]] std::int32_t directed_link_count() const { return directed_link_count_; }
    /// The most links that end at one chip.
    [[nodiscard]] std::int32_t links_per_chip_max() const;

    /// Ordered by (from, to).
    [[nodiscard]] std::span<const Bundle> bundles() const { return bundles_; }
    /// The bundles that leave `chip`, and the id of the first of them.
    [[nodiscard]] std::span<const Bundle> bundles_from(std::int32_t chip) const;
    [[nodiscard]] std::int32_t first_bundle(std::int32_t chip) const {
        return first_bundle_[static_cast<std::size_t>(chip)];
    }
    /// The bundle that directed link `link` belongs to. Cost: a binary search.
    [[nodiscard]] const Bundle& bundle_of_link(std::int32_t link) const;

    /// Fewest hops from `source` to every chip, by breadth-first search; -1 to a chip that is down.
    [[nodiscard]] std::vector<std::int32_t> distances(std::int32_t source) const;
    /// The longest of all shortest paths, in hops. Cost: one search a chip.
    [[nodiscard]] std::int32_t diameter() const;
    /// Directed links in one direction across the narrowest of these cuts into halves (rounded down): every
    /// arc of consecutive nodes (of chips where there is one node), and the halves of every node. That is the
    /// true minimum on a ring, a full mesh and a ring of nodes with symmetric reach, and never below it.
    [[nodiscard]] std::int64_t bisection_links() const;
    /// What bisection_links() carry in one direction.
    [[nodiscard]] double bisection_bytes_per_s() const;

    /// Throws ValueError naming `what`, the chip and the chips there are, or that it is down.
    void require_chip(std::string_view what, std::int64_t chip) const;

  private:
    void take_down_chips();
    void lay_cables(std::span<const Cable> cables);
    void require_connected() const;

    std::string name_;
    LinkSpec link_;
    std::int32_t chip_count_ = 0;
    std::int32_t chips_per_node_ = 1;
    std::int32_t symmetry_chips_ = 0;
    std::int32_t directed_link_count_ = 0;
    LinkTiming fastest_;
    std::vector<std::int32_t> down_chips_;
    std::vector<Bundle> bundles_;
    std::vector<std::int32_t> first_bundle_;
};

} // namespace lpusim::net
