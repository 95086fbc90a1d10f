#include "lpusim/bind/rooms.h"

namespace lpusim::bind {

void bind_net(py::module_& core) {
    auto room = core.def_submodule("net", "The fabric: topologies, timetables, collectives.");
    bind_net_topology(room);
    bind_net_timetable(room);
    bind_net_collectives(room);
    bind_net_values(room);
    bind_net_clock(room);
}

} // namespace lpusim::bind
