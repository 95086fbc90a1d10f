#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

/// Composition: where a verified program may start behind others without looking inside any of them again.
namespace lpusim::chip {

/// First and last use of something, in cycles (streams: in keys). Unused: first > last.
struct UseSpan {
    std::int64_t first = kUnusedFirst;
    std::int64_t last = kUnusedLast;

    static constexpr std::int64_t kUnusedFirst = std::int64_t{1} << 60U;
    static constexpr std::int64_t kUnusedLast = -(std::int64_t{1} << 60U);

    [[nodiscard]] bool used() const { return first <= last; }
    void include(std::int64_t from, std::int64_t to) {
        first = from < first ? from : first;
        last = to > last ? to : last;
    }
    friend bool operator==(const UseSpan&, const UseSpan&) = default;
};

struct TensorUse {
    std::string name;
    UseSpan reads;
    UseSpan writes;

    friend bool operator==(const TensorUse&, const TensorUse&) = default;
};

/// First and last use of everything a program can meet another one in, relative to its cycle 0: a few hundred
/// integers, whatever the length of the program. Also serves as frontier: the same for several programs
/// placed.
struct Footprint {
    /// Issues, by queue number, and what keeps the unit afterwards: a park until it ends, an activation that
    /// takes several cycles (on both planes for fp16), a function while a plain operation could catch up.
    std::vector<UseSpan> queues;
    /// Keys, by (east, west), stream and zone (west of the VXM, at it, east of it): driven in the zone, or on
    /// the way through it from drive to read. What is driven beyond a read's own drive never reaches the
    /// read.
    std::vector<UseSpan> streams;
    std::vector<UseSpan> bank_reads; ///< accesses, by slice ordinal * banks + bank
    std::vector<UseSpan> bank_writes;
    std::vector<UseSpan> shadows;   ///< by plane: first load to the end of the last install
    std::vector<UseSpan> weights;   ///< by plane: first install in effect to the last use
    std::vector<TensorUse> tensors; ///< named tensors, by the SRAM words they occupy
    std::int64_t cycles = 0;

    static constexpr std::size_t kZones = 3;

    friend bool operator==(const Footprint&, const Footprint&) = default;
};

/// Precondition: the program is legal. Throws ScheduleError if it could not follow another program unchanged:
/// it leaves loaded weights without an install, adds to accumulators that it did not start, brings constants,
/// has several chips or uses links. Cost: linear in runs, slices and banks touched, and in accumulator slots;
/// constant in repeat counts.
[[nodiscard]] Footprint footprint(const Program& program, const ChipSpec& spec);

/// The least offset >= 0 at which `next` meets nothing of `before`, so that both together are legal and leave
/// the SRAM as if run one after the other: every queue, stream key, shadow and active weight buffer is used
/// later than by `before`, and no bank is read before its last write there, or written before its last read.
/// Max-plus: a maximum of sums. Both must belong to one spec.
[[nodiscard]] std::int64_t least_offset(const Footprint& before, const Footprint& next);

/// Adds `next`, started at `offset`, to a frontier. An empty (default) frontier takes it over.
void extend(Footprint& frontier, const Footprint& next, std::int64_t offset);

struct PlacedProgram {
    const Program* program = nullptr;
    std::int64_t offset = 0;
};

/// One flat program of all, in the order given. A tensor name that occurs again is left out; lane maps are
/// all kept, under other names where they share one. Throws ScheduleError where constants of one name differ.
[[nodiscard]] Program flatten(std::span<const PlacedProgram> placed);

} // namespace lpusim::chip
