#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
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

/// What is known of a topology beside its cables. All lists of chips may be empty.
struct Arrangement {
    /// Chips with consecutive ids that make a node.
    std::int32_t chips_per_node = 1;
    /// See Topology::symmetry_chips.
    std::int32_t symmetry_chips = 0;
    /// How ids are counted, the last size fastest: racks, nodes a rack, chips a node, or the sizes of a
    /// torus. Empty: nodes and the chips of a node. The last of the first size may be partly filled.
    std::vector<std::int32_t> axes = {};
    /// Chips that do not work. They keep their ids, have no links and take part in nothing.
    std::vector<std::int32_t> down_chips = {};
    /// Chips that only pass on (and add up) what others send: switches, and spares that wait for their turn.
    std::vector<std::int32_t> relay_chips = {};
    /// By chip: the chip of the machine that goes by this id. Empty: each its own.
    std::vector<std::int32_t> physical_chips = {};
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
    /// of either, a timing that cannot be, cables of different timing between the same two chips, and axes or
    /// physical chips that do not fit; DisconnectedError where the chips that are up are not connected.
    Topology(std::string name, std::int64_t chip_count, std::span<const Cable> cables, const LinkSpec& link,
             const Arrangement& arrangement = {});

    [[nodiscard]] const std::string& name() const { return name_; }
    /// What all links have in common. The timing of one link is its bundle's.
    [[nodiscard]] const LinkSpec& link() const { return link_; }
    /// The least vector_cycles and the least hop_cycles of any link; the common timing where there is none.
    [[nodiscard]] LinkTiming fastest() const { return fastest_; }
    /// Chips, those that are down or relays included.
    [[nodiscard]] std::int32_t chip_count() const { return chip_count_; }
    /// Chips that are not down, and those of them that are no relays: what a collective over "all chips" is
    /// about. In order.
    [[nodiscard]] std::vector<std::int32_t> up_chips() const;
    [[nodiscard]] std::vector<std::int32_t> endpoints() const;
    [[nodiscard]] bool is_up(std::int32_t chip) const { return role(chip) != Role::down; }
    [[nodiscard]] bool is_endpoint(std::int32_t chip) const { return role(chip) == Role::endpoint; }
    [[nodiscard]] std::int32_t chips_per_node() const { return arrangement_.chips_per_node; }
    /// With every list sorted, no axes left out and physical_chips spelt out.
    [[nodiscard]] const Arrangement& arrangement() const { return arrangement_; }
    /// Adding this to every chip id maps cables to cables, as long as all ids stay below the largest multiple
    /// of it; 0 where no such number is known. Equal groups that differ by a multiple of it cost the same.
    [[nodiscard]] std::int32_t symmetry_chips() const { return arrangement_.symmetry_chips; }
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
    /// The longest of all shortest paths between endpoints, in hops. Cost: one search for each chip that no
    /// rotation maps to an earlier one.
    [[nodiscard]] std::int32_t diameter() const;

    /// Every cable once, from its lower chip, in order: the topology over again.
    [[nodiscard]] std::vector<Cable> cables() const;

    /// Throws ValueError naming `what`, the chip and the chips there are, or that it is down.
    void require_chip(std::string_view what, std::int64_t chip) const;
    /// The same, also where the chip is a relay.
    void require_endpoint(std::string_view what, std::int64_t chip) const;

  private:
    enum class Role : std::uint8_t { endpoint, relay, down };

    [[nodiscard]] Role role(std::int32_t chip) const { return roles_[static_cast<std::size_t>(chip)]; }
    void require_known(std::string_view what, std::int64_t chip) const;
    void check_arrangement();
    void assign_roles();
    void lay_cables(std::span<const Cable> cables);
    void require_connected() const;

    std::string name_;
    LinkSpec link_;
    Arrangement arrangement_;
    std::int32_t chip_count_ = 0;
    std::int32_t directed_link_count_ = 0;
    LinkTiming fastest_;
    std::vector<Role> roles_;
    std::vector<Bundle> bundles_;
    std::vector<std::int32_t> first_bundle_;
};

} // namespace lpusim::net
