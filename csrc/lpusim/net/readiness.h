#pragma once

#include <cstdint>
#include <span>

#include "lpusim/base/field.h"

namespace lpusim::net {

/// How a chip makes what it contributes to an operation: vector i exists at first_cycle + i * period_cycles.
struct Production {
    std::int64_t first_cycle = 0;
    /// 0: all at once.
    std::int64_t period_cycles = 0;

    /// When vector i exists.
    [[nodiscard]] std::int64_t cycle_of(std::int64_t i) const { return first_cycle + i * period_cycles; }
};

[[nodiscard]] std::span<const Field<Production>> production_fields();
/// Throws ValueError naming the field, the value and the range.
void validate(const Production& production);

/// Vectors becoming ready: the i-th is there by first_cycle + (i / width) * period_cycles.
struct Readiness {
    std::int64_t first_cycle = 0;
    /// 0: all at once.
    std::int64_t period_cycles = 0;
    std::int64_t width = 1;
    /// When all are there; exact, and so perhaps sooner than the staircase says.
    std::int64_t last_cycle = 0;
};

/// Vectors first_vector .. first_vector + vector_count - 1 of what `production` makes; at least one.
[[nodiscard]] inline Readiness produced(const Production& production, std::int64_t first_vector,
                                        std::int64_t vector_count) {
    return {.first_cycle = production.cycle_of(first_vector),
            .period_cycles = production.period_cycles,
            .last_cycle = production.cycle_of(first_vector + vector_count - 1)};
}

/// All at `cycle`.
[[nodiscard]] inline Readiness all_at(std::int64_t cycle) {
    return {.first_cycle = cycle, .last_cycle = cycle};
}

/// The same, `cycles` later.
[[nodiscard]] inline Readiness later(Readiness ready, std::int64_t cycles) {
    ready.first_cycle += cycles;
    ready.last_cycle += cycles;
    return ready;
}

/// The least delay d such that floor(i / width) * period + d is never before `ready` (from its own first
/// cycle), for all i < vector_count. Exact while widening at no longer a period, and where nothing is lost;
/// else at most one period of `ready` too large.
[[nodiscard]] std::int64_t lag_cycles(const Readiness& ready, std::int64_t vector_count, std::int64_t width,
                                      std::int64_t period_cycles);

/// When both have happened for each of `vector_count` vectors: never before, and by the staircase of the two
/// that ends sooner once it is moved behind the other.
[[nodiscard]] Readiness latest(const Readiness& a, const Readiness& b, std::int64_t vector_count);

/// From vector `offset` on, as its own sequence of `vector_count`: never before, and at most one row late.
[[nodiscard]] Readiness from_vector(const Readiness& ready, std::int64_t offset, std::int64_t vector_count);

} // namespace lpusim::net
