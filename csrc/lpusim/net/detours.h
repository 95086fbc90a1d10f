#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/net/message_schedule.h"
#include "lpusim/net/route_table.h"

namespace lpusim::net {

/// Sends messages over a third chip (sets `via`) where that keeps them off busy links.
///
/// `routes` has a row for every chip that may be a third one, and counts the messages on their shortest ways.
/// One message after the other tries a few third chips, drawn by its number; it moves where the busiest link
/// of the way over one is then less busy than the busiest of its present way is now. Some rounds of that.
/// The same messages give the same ways. Cost: O(messages x tries x hops) a round.
void choose_detours(const Topology& topology, const RouteTable& routes, std::span<Message> messages);

} // namespace lpusim::net
