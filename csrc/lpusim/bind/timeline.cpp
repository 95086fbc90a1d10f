#include "lpusim/bind/rooms.h"

namespace lpusim::bind {

void bind_timeline(py::module_& core) {
    core.def_submodule("timeline");
}

} // namespace lpusim::bind
