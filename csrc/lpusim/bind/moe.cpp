#include "lpusim/bind/rooms.h"

namespace lpusim::bind {

void bind_moe(py::module_& core) {
    core.def_submodule("moe");
}

} // namespace lpusim::bind
