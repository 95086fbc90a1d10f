#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "lpusim/net/chip_ports.h"
#include "lpusim/net/timetable.h"

namespace lpusim::net {

/// The rules of a timetable. In one cycle a violation of an earlier rule comes first.
enum class Rule : std::uint8_t {
    /// A vector's last hop ends on the transfer's target.
    wrong_target,
    /// A slot carries a vector of its transfer.
    no_such_vector,
    /// A vector crosses each hop once.
    sent_twice,
    /// A vector leaves the chip it is on.
    wrong_chip,
    /// A vector leaves a chip on the way no earlier than it arrives there.
    not_arrived,
    /// A vector leaves its source no earlier than its release.
    before_release,
    /// A vector leaves its source no earlier than its dependencies allow.
    before_dependency,
    /// A link carries one vector at a time.
    link_busy,
    /// ChipPorts, field by field.
    streams_out,
    streams_in,
    links_fed,
    transit_memory,
    /// Every vector reaches its target. Found when nothing moves any more.
    never_arrives,
};

[[nodiscard]] std::string_view rule_name(Rule rule);

/// One broken rule. The first violation of a timetable is the least, member by member in this order;
/// everything in earlier cycles is legal.
///
/// `place` is the link, or the chip where the rule is of ChipPorts. The slot that breaks the rule is named by
/// link, transfer, hop and vector; for streams_in and transit_memory it is the slot that brought the vector.
/// -1 is said of what a rule does not have.
struct Violation {
    static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

    std::int64_t cycle = kNever;
    Rule rule = Rule::never_arrives;
    std::int64_t place = -1;
    std::int64_t link = -1;
    std::int64_t transfer = -1;
    std::int64_t hop = -1;
    std::int64_t vector = -1;
    /// link_busy: the slot that holds the link. before_dependency: the transfer waited for, and nothing more.
    std::int64_t other_transfer = -1;
    std::int64_t other_hop = -1;
    std::int64_t other_vector = -1;

    friend auto operator<=>(const Violation&, const Violation&) = default;
};

/// One sentence: which vector of which transfer, which link between which chips, which cycle, and what stands
/// against it. Cost: a pass over the rows.
[[nodiscard]] std::string violation_text(const Topology& topology, const Timetable& timetable,
                                         const ChipPorts& ports, const Violation& violation);

} // namespace lpusim::net
