#pragma once

#include <cstdint>

#include "lpusim/chip/program.h"

/// Programs that mean nothing, to try their written forms on; compiled into the tests only. Pure functions of
/// the seed.
namespace lpusim::chip {

/// Every instruction with every field, of any size that the text can spell: no negative places, counts of at
/// least 1.
[[nodiscard]] Program arbitrary_program(std::uint64_t seed);

/// As above, but any integer anywhere, instructions on queues that cannot issue them, operands without the
/// ones before.
[[nodiscard]] Program absurd_program(std::uint64_t seed);

} // namespace lpusim::chip
