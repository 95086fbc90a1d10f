#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "lpusim/chip/isa.h"

/// What the writer and the reader of programs as bytes agree on, beside the order of fields.
namespace lpusim::chip::binary {

inline constexpr std::string_view kMagic = "LPUP";
inline constexpr std::uint8_t kVersion = 1;

/// Head of a run: the instruction's place in the variant, and these.
inline constexpr unsigned kKindMask = 0x0f;
inline constexpr unsigned kSameRepeats = 0x10;
inline constexpr unsigned kSlices = 0x20;
inline constexpr unsigned kSameQueue = 0x40;
inline constexpr unsigned kNextQueue = 0x80; ///< its index is one more
inline constexpr unsigned kQueueMask = 0xc0; ///< neither: the queue is spelled out

/// Repeats of the run before are taken over only up to this many levels, so that a long list is not
/// multiplied.
inline constexpr std::size_t kSharedLevelsMax = 16;

/// A stream is one byte where that is below this: 2 * number + direction. Else: this byte plus the direction,
/// then the number.
inline constexpr std::int64_t kWideStream = 126;

/// Slice ranges and repeat levels are a byte that tells which fields are not 0, then those.
inline constexpr unsigned kFollow = 0x20;
inline constexpr unsigned kFollowWest = 0x40;

/// How a stretch of data is coded, in the two low bits of its length: literal, or repeats of 1, 2 or 4 bytes.
inline constexpr std::array<std::size_t, 4> kPatternBytes{0, 1, 2, 4};

/// A variant's alternative of an operand, two bits each for a, b and c, then one for a target.
inline constexpr unsigned kHasTarget = 0x40;

} // namespace lpusim::chip::binary
