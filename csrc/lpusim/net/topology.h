#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lpusim/net/link.h"

namespace lpusim::net {

/// `links` parallel links between two chips. Every link carries both directions at once.
struct Cable {
    std::int32_t a = 0;
    std::int32_t b = 0;
    std::int32_t links = 1;
};

/// All links from one chip to another, in that direction: directed links first_link .. first_link + width
/// - 1.
struct Bundle {
    std::int32_t from = 0;
    std::int32_t to = 0;
    std::int32_t width = 0;
    std::int32_t first_link = 0;
    /// The bundle of the opposite direction.
    std::int32_t reverse = 0;
};

/// Chips and the links between them. Immutable; connected.
class Topology {
  public:
    static constexpr std::int64_t kChipMax = 65'536;
    static constexpr std::int64_t kLinkMax = 16'777'216;

    /// Cables between the same two chips are joined. `chips_per_node`: the chips that stay together where the
    /// bisection cuts, consecutive ids. `symmetry_chips`: see below. Throws ValueError for a chip that is not
    /// there, a cable from a chip to itself, a link count below 1, too many of either, and a graph that is
    /// not connected.
    Topology(std::string name, std::int64_t chip_count, std::span<const Cable> cables, const LinkSpec& link,
             std::int32_t chips_per_node = 1, std::int32_t symmetry_chips = 0);

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] const LinkSpec& link() const { return link_; }
    [[nodiscard]] std::int32_t chip_count() const { return chip_count_; }
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

    /// Fewest hops from `source` to every chip, by breadth-first search.
    [[nodiscard]] std::vector<std::int32_t> distances(std::int32_t source) const;
    /// The longest of all shortest paths, in hops. Cost: one search a chip.
    [[nodiscard]] std::int32_t diameter() const;
    /// Directed links in one direction across the narrowest of these cuts into halves (rounded down): every
    /// arc of consecutive nodes (of chips where there is one node), and the halves of every node. That is the
    /// true minimum on a ring, a full mesh and a ring of nodes with symmetric reach, and never below it.
    [[nodiscard]] std::int64_t bisection_links() const;
    /// What bisection_links() carry in one direction.
    [[nodiscard]] double bisection_bytes_per_s() const;

    /// Throws ValueError naming `what`, the chip and the chips there are.
    void require_chip(std::string_view what, std::int64_t chip) const;

  private:
    std::string name_;
    LinkSpec link_;
    std::int32_t chip_count_ = 0;
    std::int32_t chips_per_node_ = 1;
    std::int32_t symmetry_chips_ = 0;
    std::int32_t directed_link_count_ = 0;
    std::vector<Bundle> bundles_;
    std::vector<std::int32_t> first_bundle_;
};

} // namespace lpusim::net
