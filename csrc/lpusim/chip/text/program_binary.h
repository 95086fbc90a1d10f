#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/chip/program.h"
#include "lpusim/chip/run_lengths.h"

/// The compact form of a program: the same bytes on every machine.
///
///     "LPUP", version 1, chips
///     lane maps:  count, each a name and its lanes as ranges
///     tensors:    count, each its name, shape, pieces and, run-length coded, its data
///     runs:       count, each a head byte, then only what the head does not say
///
/// A count is a varint (base 128, low digits first), any other integer a zig-zag varint, a name its length
/// and characters. A run's head holds its kind of instruction and whether its queue is the one before or the
/// next of its kind, whether its repeats are those of the run before, and whether it spans slices; its issue
/// is the difference from the issue before.
namespace lpusim::chip {

/// decode(encode(p)) == p for every program whose names are names. Cost: linear.
[[nodiscard]] std::vector<std::uint8_t> encode(const Program& program);

/// Throws ValueError with the offset of the first byte that it cannot read. Does not check against any spec.
/// Memory: linear in the bytes plus `expanded_bytes_max`, beyond which repeated data and lanes are refused.
/// Cost: linear.
[[nodiscard]] Program decode(std::span<const std::uint8_t> bytes,
                             std::int64_t expanded_bytes_max = kExpandedBytesMax);

} // namespace lpusim::chip
