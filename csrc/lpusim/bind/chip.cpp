#include "lpusim/bind/rooms.h"

namespace lpusim::bind {

void bind_chip(py::module_& core) {
    core.def_submodule("chip");
}

} // namespace lpusim::bind
