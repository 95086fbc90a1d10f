#pragma once

#include <pybind11/pybind11.h>

/// One function a room, each in the file of that name. module.cpp calls them in the order that signatures
/// need: a type is bound before any function that mentions it (a plan hands out device timings).
namespace lpusim::bind {

namespace py = pybind11;

void bind_base(py::module_& core);
void bind_chip(py::module_& core);
/// Called by bind_chip with its own module.
void bind_chip_attention(py::module_& chip_room);
void bind_chip_values(py::module_& chip_room);
void bind_net(py::module_& core);
/// Called by bind_net with its own module.
void bind_net_clock(py::module_& net_room);
void bind_net_collectives(py::module_& net_room);
void bind_net_timetable(py::module_& net_room);
void bind_net_topology(py::module_& net_room);
void bind_net_values(py::module_& net_room);
void bind_moe(py::module_& core);
/// Called by bind_moe with its own module.
void bind_moe_engine(py::module_& moe_room);
void bind_model(py::module_& core);
void bind_device(py::module_& core);
void bind_lower(py::module_& core);
void bind_serve(py::module_& core);
void bind_timeline(py::module_& core);

} // namespace lpusim::bind
