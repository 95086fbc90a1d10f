#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lpusim/net/group.h"
#include "lpusim/net/rotation.h"

namespace lpusim::net {

/// A group seen as equal parts of equal parts: chips of a node, nodes of a rack, racks of a system.
///
/// A member's digit of a level says which part of the next larger unit it is in. Members that differ in one
/// digit only are peers of that level.
class Hierarchy {
  public:
    /// The units are the topology's nodes, and where larger ones repeat (symmetry_chips) those, by id.
    /// Nothing where fewer than two levels have two parts or more, or where units hold different numbers of
    /// members.
    [[nodiscard]] static std::optional<Hierarchy> of(const Group& group);

    /// Inner to outer; every one has at least two parts.
    [[nodiscard]] std::int32_t level_count() const { return static_cast<std::int32_t>(parts_.size()); }
    [[nodiscard]] std::int32_t parts(std::int32_t level) const {
        return parts_[static_cast<std::size_t>(level)];
    }
    /// By id.
    [[nodiscard]] const std::vector<std::int32_t>& members() const { return members_; }
    [[nodiscard]] std::int32_t digit(std::int32_t member, std::int32_t level) const {
        return member / stride_[static_cast<std::size_t>(level)] % parts(level);
    }
    /// Chips of the members that differ from member `member` in this digit only, itself among them, by digit.
    [[nodiscard]] std::vector<std::int32_t> peers(std::int32_t member, std::int32_t level) const;

    /// The rotation whose turns change the outermost digit and no other; the one that turns nothing where
    /// that is no symmetry of the topology, or where the group is not everyone.
    [[nodiscard]] Rotation rotation(const Group& group) const;

  private:
    std::vector<std::int32_t> members_;
    std::vector<std::int32_t> parts_;
    /// Members from one digit to the next.
    std::vector<std::int32_t> stride_;
};

} // namespace lpusim::net
