#pragma once

#include "lpusim/device/timing.h"
#include "lpusim/lower/plan.h"

namespace lpusim::device {

/// The timing table of a plan for contexts of up to `context_tokens`. Cycles become picoseconds once, rounded
/// up.
[[nodiscard]] PipelineTiming pipeline_timing(lower::Plan& plan, std::int64_t context_tokens);

} // namespace lpusim::device
