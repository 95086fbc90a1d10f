#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/chip/kernels/kernel_schedule.h"

namespace lpusim::chip {

/// The lane count as a product of small factors, one for each trip through the SXM: fours first, then the
/// primes from 2 on. Throws ValueError if a factor needs more SXM queues than there are: 4 for each copy, at
/// most that many copies at a time in either hemisphere.
[[nodiscard]] std::vector<std::int64_t> lane_factors(const ChipSpec& spec);

/// All lanes of each vector combined by `op` (Add, Max or Min, fp32 or int32), the result on every lane.
///
/// Order: with s = lanes, for each factor f: s becomes s / f, every lane l takes v_k = lane
/// (l + k s) % lanes of the value for k = 0 .. f - 1, and combines the first half with the second,
/// v_i with v_(i + f / 2), an odd last one unchanged, until one is left. For factors 2 and 4 that is the same
/// sum on every lane; where a factor is odd, lanes add in different orders and may differ in the last bits.
///
/// Each trip takes one operation (the first one passes the value on), the hops from the VXM to the SXM and
/// back, a permute, and ceil(log2 f) operations; it costs 4 f SXM queues and about f + 1 ALUs a vector. A
/// factor too large for one SXM uses both.
[[nodiscard]] Flow reduce_lanes(KernelSchedule& schedule, VxmOp op, const Flow& value);

} // namespace lpusim::chip
