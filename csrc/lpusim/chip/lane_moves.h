#pragma once

#include <cstdint>

#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

/// What an SXM instruction does to lanes, the same for both engines.
namespace lpusim::chip {

/// Moves the lanes of `rows` vectors. `a` holds the streams of the operand one after another, each `rows` *
/// lanes bytes (sxm_shape says how many), `b` the one of the second operand (null without), and `out` takes
/// the streams of the result likewise. `out` overlaps neither. Preconditions: `move` belongs to a valid
/// `program`, which has its lane map. Cost: linear in the bytes taken and made.
void move_lanes(const SxmMove& move, const Program& program, const ChipSpec& spec, const std::uint8_t* a,
                const std::uint8_t* b, std::int64_t rows, std::uint8_t* out);

} // namespace lpusim::chip
