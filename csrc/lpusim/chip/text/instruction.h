#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "lpusim/chip/isa.h"
#include "lpusim/chip/text/line.h"

namespace lpusim::chip {

/// The lane maps above a line: names and numbers.
using NumberedMaps = std::map<std::string, std::int64_t, std::less<>>;

/// The instruction of a line, after its queue.
[[nodiscard]] Instruction take_instruction(Line& line, Unit unit, const NumberedMaps& maps);

} // namespace lpusim::chip
