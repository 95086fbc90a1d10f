#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "lpusim/net/timetable.h"

/// The vectors of a run as a line of integers, and when each of them moves.
namespace lpusim::net {

/// first, first + step, ...: `count` of them.
struct Line {
    std::int64_t first = 0;
    std::int64_t step = 1;
    std::int64_t count = 0;

    [[nodiscard]] std::int64_t last() const { return first + (count - 1) * step; }
    [[nodiscard]] bool contains(std::int64_t value) const {
        return value >= first && value <= last() && (value - first) % step == 0;
    }
};

[[nodiscard]] inline Line vectors_of(const Run& run) {
    return {run.first_vector, run.vector_step, run.vector_count};
}
[[nodiscard]] inline Line vectors_of(const Transfer& transfer) {
    return {transfer.first_vector, 1, transfer.vector_count};
}
/// The vectors of a run whose slots start no later than `last_cycle`; count 0 where there is none.
[[nodiscard]] Line vectors_until(const Run& run, std::int64_t last_cycle);

/// When `vector`, one of the run's, starts.
[[nodiscard]] inline std::int64_t start_of(const Run& run, std::int64_t vector) {
    return run.start_cycle + (vector - run.first_vector) / run.vector_step * run.period_cycles;
}

/// When `vector`, one of the transfer's, may leave the source.
[[nodiscard]] inline std::int64_t release_of(const Transfer& transfer, std::int64_t vector) {
    return transfer.release_cycle + (vector - transfer.first_vector) * transfer.release_period_cycles;
}

/// The vector that starts in `cycle`, if one does.
[[nodiscard]] std::optional<std::int64_t> vector_starting(const Run& run, std::int64_t cycle);

/// What both lines hold, which is a line (of step 1 where it is a single value); nothing where either is
/// empty.
[[nodiscard]] std::optional<Line> common(const Line& a, const Line& b);

/// The least of `whole` that is in none of `parts`, each of which came from common(whole, ...) and which do
/// not overlap.
[[nodiscard]] std::optional<std::int64_t> first_missing(const Line& whole, std::span<const Line> parts);

/// The least cycle in which slots of both runs, of `vector_cycles` each on one link, hold it. `a` starts no
/// later than `b`.
[[nodiscard]] std::optional<std::int64_t> first_collision(const Run& a, const Run& b,
                                                          std::int64_t vector_cycles);

} // namespace lpusim::net
