#pragma once

#include "lpusim/chip/program.h"

namespace lpusim::chip {

/// What repeats of one fuzzed input may come to.
inline constexpr std::int64_t kFuzzExpandedBytesMax = 1 << 16;

/// Stops the process if `holds` is false: that is how a fuzzer sees it.
void require(bool holds);

/// Whatever a reader accepts is refused by `validate` or goes through `verify`, where that is cheap: a few
/// runs and instances on a small chip.
void meet_the_verifier(const Program& program);

} // namespace lpusim::chip
