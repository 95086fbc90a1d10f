#pragma once

#include <cstdint>
#include <optional>

#include "lpusim/net/chip_ports.h"
#include "lpusim/net/link_table.h"
#include "lpusim/net/run_groups.h"
#include "lpusim/net/violation.h"

namespace lpusim::net {

/// The first cycle in which two slots hold one link, and who they are. Nothing after `last_cycle` is looked
/// for.
///
/// Cost: pairs of runs where they overlap in time on one link; equal periods by a division, others by the
/// algebra of progressions.
[[nodiscard]] std::optional<Violation> first_double_booking(const Timetable& timetable,
                                                            const LinkTable& links, const RunsByLink& runs,
                                                            std::int64_t last_cycle);

/// The first violation of ChipPorts in cycles up to `last_cycle`, in which the timetable breaks no rule of
/// slots and links. A chip that could not break a rule whatever the timetable says costs nothing.
[[nodiscard]] std::optional<Violation> first_crowded_chip(const Topology& topology,
                                                          const Timetable& timetable, const LinkTable& links,
                                                          const RunsByTransfer& by_transfer,
                                                          const RunsByLink& by_link, const ChipPorts& ports,
                                                          std::int64_t last_cycle);

} // namespace lpusim::net
