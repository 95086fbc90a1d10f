#include "lpusim/bind/rooms.h"

namespace lpusim::bind {

void bind_net(py::module_& core) {
    core.def_submodule("net");
}

} // namespace lpusim::bind
