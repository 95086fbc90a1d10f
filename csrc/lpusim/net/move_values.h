#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "lpusim/net/timetable.h"

namespace lpusim::net {

/// What elements are while they travel and wait in memory, and how a chip adds them.
enum class Carried : std::uint8_t {
    /// Moved, never added.
    int8,
    /// Added modulo 2^32, as the chip's modulo add: exact while the sum fits.
    int32,
    /// A chip adds in fp32, each addition rounding once, and rounds once to fp16 what it sends or keeps.
    fp16,
    /// Each addition rounds once, nearest even.
    fp32,
    /// Exact sums of fp16 numbers (WideSum), rounded once to fp32 when all is done.
    wide,
};

[[nodiscard]] std::string_view carried_name(Carried carried);
/// Throws ValueError with the nearest name and all of them.
[[nodiscard]] Carried carried_named(std::string_view name);

/// Bytes of one element on a link. A wide partial is charged 16: the 100 bits of marketing texts, rounded up
/// to a whole group of streams.
[[nodiscard]] std::int64_t element_bytes(Carried carried);

/// A chip's whole payload, elements in order: fp16 numbers as bits where wide is carried, else what is
/// carried.
struct ChipInput {
    std::int32_t chip = 0;
    std::span<const std::byte> payload;
};
/// fp32 where wide is carried, else what is carried.
struct ChipOutput {
    std::int32_t chip = 0;
    std::span<std::byte> payload;
};

/// Runs a timetable with data: `outputs` gets what its chips hold in the end.
///
/// Vector v is elements v * n to (v + 1) * n - 1, n = vector_bytes / element_bytes. A slot carries what its
/// chip holds as it starts, arrivals of that cycle included. A transfer that adds gives the target one more
/// operand; the target's value is its own, then its operands in the order of their transfers' rows, added one
/// by one, whenever they came: bits depend on the plan, not on links or cycles. A transfer that does not add
/// replaces value and operands. A chip that is no input holds nothing at first; nothing is sent and kept as
/// zeros, and its first operand is its value. Elements that the timetable does not move stay. NaN that comes
/// out of an addition is canonical.
///
/// The bits do not depend on `threads` (at least 1): vectors do not meet. Throws ScheduleError where the
/// timetable is not legal, ValueError for a vector that is no whole number of elements, a payload of another
/// length than the first, a chip twice or unknown, and a transfer that adds int8.
/// Cost: one pass over the elements a slot, and a sort of each vector's slots.
void move_values(const Topology& topology, const Timetable& timetable, Carried carried,
                 std::span<const ChipInput> inputs, std::span<const ChipOutput> outputs,
                 std::int64_t threads);

} // namespace lpusim::net
