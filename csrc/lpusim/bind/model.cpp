#include "lpusim/bind/rooms.h"

namespace lpusim::bind {

void bind_model(py::module_& core) {
    core.def_submodule("model");
}

} // namespace lpusim::bind
