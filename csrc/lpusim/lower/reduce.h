#pragma once

#include "lpusim/chip/spec.h"
#include "lpusim/net/link.h"

namespace lpusim::lower {

/// What adding received vectors to one's own costs a chip, measured on verified programs of two lengths: the
/// length of the shorter is the first sum's latency, the difference the rate.
[[nodiscard]] net::ReduceCost measured_reduce_cost(const chip::ChipSpec& spec);

} // namespace lpusim::lower
