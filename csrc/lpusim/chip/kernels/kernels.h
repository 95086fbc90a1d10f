#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/chip/kernels/kernels_matmul.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"
#include "lpusim/chip/tensor.h"

/// Builders: a shape in, a whole schedule with named tensors out. Every schedule passes `verify`.
namespace lpusim::chip {

/// c[vectors, lanes] = a + b, int8, saturating. One vector a cycle through one ALU. Tensors "a", "b", "c".
[[nodiscard]] Program pointwise_add(const ChipSpec& spec, std::int64_t vectors);

} // namespace lpusim::chip
