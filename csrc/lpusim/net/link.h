#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "lpusim/base/field.h"

namespace lpusim::net {

/// How fast one link is in one direction.
///
/// A vector that starts at cycle t holds the link for t .. t + vector_cycles - 1 and is in the far chip's
/// memory, ready to be used or sent on, at t + hop_cycles. The hop is memory to memory: it contains the wire,
/// both ends of the link and the vector's own length, so none of them is added again.
struct LinkTiming {
    std::int64_t vector_cycles = 27;
    std::int64_t hop_cycles = 270;

    friend bool operator==(const LinkTiming&, const LinkTiming&) = default;
};

/// What the links of a topology have in common, and the timing of every link that has none of its own.
struct LinkSpec {
    std::int64_t vector_bytes = 320;
    /// Header and check bytes that travel with a vector; vector_cycles contains them.
    std::int64_t overhead_bytes = 8;
    std::int64_t vector_cycles = 27;
    std::int64_t hop_cycles = 270;
    std::int64_t clock_hz = 900'000'000;

    [[nodiscard]] LinkTiming timing() const { return {vector_cycles, hop_cycles}; }
    friend bool operator==(const LinkSpec&, const LinkSpec&) = default;
};

[[nodiscard]] std::span<const Field<LinkSpec>> link_spec_fields();

/// Throws ValueError naming the field, the value and the range; also where a vector would arrive before it
/// has left (hop_cycles below vector_cycles).
void validate(const LinkSpec& link);
/// The same of a timing; `what` names it.
void validate(std::string_view what, const LinkTiming& timing);

/// The same link from times instead of cycles, each rounded up to whole cycles of `clock_hz`. Validated.
[[nodiscard]] LinkSpec link_from_ps(std::int64_t vector_bytes, std::int64_t vector_ps, std::int64_t hop_ps,
                                    std::int64_t clock_hz);

/// Payload bytes a second that one link carries in one direction, at the common timing.
[[nodiscard]] double link_bytes_per_s(const LinkSpec& link);
/// The same at a link's own timing.
[[nodiscard]] double link_bytes_per_s(const LinkSpec& link, const LinkTiming& timing);
/// Payload over all bytes that travel: 320 / 328 by default (ISCA'22, Abts et al.).
[[nodiscard]] double payload_share(const LinkSpec& link);

/// What a chip needs to add received vectors to its own; measured elsewhere, passed in.
///
/// The chip accepts one received vector every `cycles_per_vector` cycles, from whichever link, and a sum can
/// leave `first_cycles` after its last operand was accepted. 0 and 0 means that adding is free.
struct ReduceCost {
    std::int64_t first_cycles = 0;
    std::int64_t cycles_per_vector = 0;
};

[[nodiscard]] std::span<const Field<ReduceCost>> reduce_cost_fields();
void validate(const ReduceCost& cost);

} // namespace lpusim::net
