#pragma once

#include <cstdint>

#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// The part of `validate` that looks at one tensor: its name, its size, where its pieces lie in the SRAM of
/// `chips` chips, and that every element is in one of them. Throws ValueError naming it. Cost: a byte for
/// each vector, and a step for each run of neighbouring rows (columns, where lanes run along rows) of a
/// piece.
void validate_tensor(const Tensor& tensor, std::int64_t chips, const ChipSpec& spec);

} // namespace lpusim::chip
