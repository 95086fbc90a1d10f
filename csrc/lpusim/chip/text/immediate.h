#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lpusim/chip/isa.h"
#include "lpusim/chip/text/line.h"

namespace lpusim::chip {

/// An immediate of a type without its '=': "7" for integers, "1.5f" for fp32, "1.5h" for fp16, in the fewest
/// digits that read back as the same bits; else raw bits, "0x7fc00000".
[[nodiscard]] std::string immediate_text(std::int32_t bits, DType dtype);

/// Reads what `immediate_text` writes, any other decimal of the type (rounded to nearest even), and raw bits
/// of every type. `digits` is the word that `line` gave last, without its '='.
[[nodiscard]] std::int32_t parse_immediate(const Line& line, std::string_view digits, DType dtype);

/// The immediate (without '=') that a bare number of this type was meant to be; empty if it is none.
[[nodiscard]] std::string immediate_meant(std::string_view word, DType dtype);

} // namespace lpusim::chip
