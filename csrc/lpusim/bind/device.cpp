#include "lpusim/bind/rooms.h"

namespace lpusim::bind {

void bind_device(py::module_& core) {
    core.def_submodule("device");
}

} // namespace lpusim::bind
