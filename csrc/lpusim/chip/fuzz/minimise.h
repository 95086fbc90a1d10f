#pragma once

#include <functional>

#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

using ProgramProperty = std::function<bool(const Program&)>;

/// A small program with the same property, for a person to read: runs, chips, tensors and lane maps are
/// dropped, repeats and slice ranges cut at either end, strides, periods, addresses, windows and groups made
/// smaller and everything moved to earlier cycles, until no such change alone keeps the property.
///
/// Preconditions: `program` is valid for the spec and has the property. Only valid programs are asked about.
/// `has` must depend on its argument alone. Cost: at best n log n questions in the number of runs, in hard
/// cases n^2, and some more for each run that stays.
[[nodiscard]] Program minimised(const Program& program, const ChipSpec& spec, const ProgramProperty& has);

} // namespace lpusim::chip
