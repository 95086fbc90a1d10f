#pragma once

#include <cstddef>

#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// The part of `validate` that looks at run `number` of a program alone, and at the lane map it names. Throws
/// ValueError whose message starts with the run and its queue.
void validate_run(const Program& program, std::size_t number, const ChipSpec& spec);

} // namespace lpusim::chip
