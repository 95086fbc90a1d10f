#include "lpusim/bind/rooms.h"

PYBIND11_MODULE(_core, core) {
    core.doc() = "The C++ core of lpusim, one submodule a room.";
    using namespace lpusim::bind;
    bind_base(core);
    bind_chip(core);
    bind_net(core);
    bind_moe(core);
    bind_model(core);
    bind_device(core);
    bind_lower(core);
    bind_serve(core);
    bind_timeline(core);
}
