#pragma once

#include <string>

#include "lpusim/bind/rooms.h"
#include "lpusim/chip/isa.h"

namespace lpusim::bind {

/// Throws ValueError that lists the types there are.
[[nodiscard]] chip::DType dtype_of(const std::string& name);

/// The builders of kernels_vector.h, kernels_rows.h, kernels_model.h and kernels_move.h.
void bind_chip_kernels(py::module_& room);

} // namespace lpusim::bind
