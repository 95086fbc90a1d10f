#pragma once

#include "lpusim/bind/rooms.h"

/// Routers, routing that is drawn, and how it spreads; part of the room of expert dispatch.
namespace lpusim::bind {

void bind_moe_routing(py::module_& room);

} // namespace lpusim::bind
