#pragma once

#include "lpusim/bind/rooms.h"

namespace lpusim::bind {

/// The builders of kernels_matmul.h, and what their programs cost.
void bind_chip_products(py::module_& room);

} // namespace lpusim::bind
