#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lpusim/chip/run_lengths.h"
#include "lpusim/chip/text/line.h"

/// The long lists of a program's text: a constant's data and lane maps.
namespace lpusim::chip {

/// "data" lines: bytes as hexadecimal digits, `00*320` for 320 times the bytes before the star.
void append_data(std::string& text, std::span<const std::uint8_t> data, ExpansionBudget& budget);

/// `head` and the lanes, on further "lanes" lines where they are many: `5`, `.` for a zero, `319..0`,
/// `0..304/16` in steps of 16, `7*16` for 16 times lane 7.
void append_lanes(std::string& text, const std::string& head, std::span<const std::int16_t> lanes,
                  ExpansionBudget& budget);

/// The rest of the line. Beyond the budget, or for what is no such list, complaints.
void parse_data(Line& line, std::vector<std::uint8_t>& data, ExpansionBudget& budget);
void parse_lanes(Line& line, std::vector<std::int16_t>& lanes, ExpansionBudget& budget);

} // namespace lpusim::chip
