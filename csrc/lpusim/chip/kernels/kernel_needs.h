#pragma once

#include <functional>

#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// build(spec). Where that finds NoRoom, throws ValueError saying with how many positions, slices, SXM
/// queues, streams and ALUs the kernel would fit, as near as can be to those that the chip has, and how many
/// it has. Cost of the error: a few dozen builds.
[[nodiscard]] Program build_or_say_needs(const ChipSpec& spec,
                                         const std::function<Program(const ChipSpec&)>& build);

} // namespace lpusim::chip
