#include "lpusim/bind/rooms.h"

namespace lpusim::bind {

void bind_lower(py::module_& core) {
    core.def_submodule("lower");
}

} // namespace lpusim::bind
