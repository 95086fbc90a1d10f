#pragma once

#include <cstddef>

#include "lpusim/base/values/simd_level.h"

namespace lpusim::moe {

/// memcpy that writes past the caches: for memory that is not read again soon and larger than they are.
/// Call finish_streams before another thread reads what was written.
void stream_copy(std::byte* to, const std::byte* from, std::size_t size_bytes, SimdLevel level);
void finish_streams();

} // namespace lpusim::moe
