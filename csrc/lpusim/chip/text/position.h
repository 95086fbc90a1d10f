#pragma once

#include <cstdint>
#include <string_view>

#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// Where a unit stands on the line x = 0 .. positions - 1. `name` is a queue's name in program text, or as
/// much of it as says where: "mem.w.3", "mxm.e.0.weights", "mxm.e.0", "mxm.e", "vxm.5", "vxm", "sxm.w",
/// "c2c.e.2". Throws ValueError with the name seen, what there is on this chip, and the nearest name.
[[nodiscard]] std::int64_t position_of(std::string_view name, const ChipSpec& spec);

} // namespace lpusim::chip
