#include "lpusim/bind/rooms.h"

namespace lpusim::bind {

void bind_serve(py::module_& core) {
    core.def_submodule("serve");
}

} // namespace lpusim::bind
