#pragma once

#include <cstdint>

#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// The part of `validate` that looks at one tensor: its name, its size, and where its pieces lie in the SRAM
/// of `chips` chips. Throws ValueError naming it.
void validate_tensor(const Tensor& tensor, std::int64_t chips, const ChipSpec& spec);

} // namespace lpusim::chip
