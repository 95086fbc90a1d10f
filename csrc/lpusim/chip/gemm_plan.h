#pragma once

#include <cstdint>

#include "lpusim/chip/kernels.h"

/// What the planner and the builder of a matrix product both need to know about its timing.
namespace lpusim::chip {

inline constexpr std::int64_t kSumBytes = 4; ///< streams and slices of one int32 vector

/// Load instructions that fill one tile of `plane` (of a hemisphere).
[[nodiscard]] std::int64_t load_cycles(const GemmPlan& plan, std::size_t plane);

/// Cycles between the end of a plane's loads and the next use of its weights queue.
[[nodiscard]] std::int64_t install_gap_cycles(const ChipSpec& spec);

/// With an install latency of 0 the next weights are active one cycle before their pass begins: 1, otherwise
/// 0.
[[nodiscard]] std::int64_t early_swap_cycles(const ChipSpec& spec);

} // namespace lpusim::chip
