#pragma once

#include <cstdint>

#include "lpusim/chip/memory.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

/// Random small chips and programs for differential tests.
/// Everything is a pure function of the seed.
namespace lpusim::chip {

[[nodiscard]] ChipSpec random_spec(std::uint64_t seed);

/// A program without errors: copies, point-wise work and matrix products between slices, added one at a time
/// at a random cycle of one of the chips and kept if the oracle finds no error.
[[nodiscard]] Program random_legal_program(const ChipSpec& spec, std::uint64_t seed, std::int64_t chips = 1);

/// Loads and installs of one plane only, over full streams: sections of loads and an install in nested
/// repeats, then split, moved, lengthened and joined by others, so that some break a rule late, some early,
/// some never.
[[nodiscard]] Program random_weights(const ChipSpec& spec, std::uint64_t seed);

/// The same with gathers and scatters, whose maps come from `memory_with_maps`, and with vectors sent from
/// chip to chip.
[[nodiscard]] Program random_linked_program(const ChipSpec& spec, std::uint64_t seed, std::int64_t chips = 1);

/// `program` with one to three random changes: cycles, streams, directions, addresses, counts, strides,
/// order. Still valid for the spec, hardly ever legal.
[[nodiscard]] Program mutated(const Program& program, const ChipSpec& spec, std::uint64_t seed);

/// Every vector of all chips random.
[[nodiscard]] Memory random_memory(const ChipSpec& spec, std::uint64_t seed, std::int64_t chips = 1);

/// The same, but the words 4 b + 2 hold low and the words 4 b + 3 hold high bytes of maps into the eight
/// words of a slice from 8 b on; b counts round and round.
[[nodiscard]] Memory memory_with_maps(const ChipSpec& spec, std::uint64_t seed, std::int64_t chips = 1);

} // namespace lpusim::chip
