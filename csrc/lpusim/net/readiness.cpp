#include "lpusim/net/readiness.h"

#include <algorithm>
#include <array>
#include <utility>

#include "lpusim/base/integers.h"

namespace lpusim::net {
namespace {

// With 2^40 vectors at most, the last one exists before 2^60.
constexpr std::array<Field<Production>, 2> kProductionFields{{
    {"first_cycle", "cycles", 0, 1LL << 40, "when the first vector exists", &Production::first_cycle},
    {"period_cycles", "cycles", 0, 1 << 19, "from one vector to the next; 0: all exist at once",
     &Production::period_cycles},
}};

/// `shape` moved until it is nowhere before `other`.
[[nodiscard]] Readiness behind(const Readiness& shape, const Readiness& other, std::int64_t vector_count) {
    Readiness moved = shape;
    moved.first_cycle =
        std::max(shape.first_cycle,
                 other.first_cycle + lag_cycles(other, vector_count, shape.width, shape.period_cycles));
    moved.last_cycle = std::max(shape.last_cycle, other.last_cycle);
    return moved;
}

} // namespace

std::span<const Field<Production>> production_fields() {
    return kProductionFields;
}

void validate(const Production& production) {
    validate_fields("Production", production, production_fields());
}

std::int64_t lag_cycles(const Readiness& ready, std::int64_t vector_count, std::int64_t width,
                        std::int64_t period_cycles) {
    if (period_cycles == 0)
        return (vector_count - 1) / ready.width * ready.period_cycles;
    if (ready.period_cycles == 0 || (width <= ready.width && period_cycles >= ready.period_cycles))
        return 0;
    const auto lag_at = [&](std::int64_t i) {
        return i / ready.width * ready.period_cycles - i / width * period_cycles;
    };
    if (width >= ready.width && period_cycles <= ready.period_cycles) {
        // The gap grows along a row and from row to row, so the last row's end or the last full one has it.
        const std::int64_t last = vector_count - 1;
        const std::int64_t full_row_end = vector_count / width * width - 1;
        return std::max({std::int64_t{0}, lag_at(last), full_row_end >= 0 ? lag_at(full_row_end) : 0});
    }
    // Neither dominates: bound both staircases by lines, whose gap is largest at an end.
    const auto bound_at = [&](std::int64_t i) {
        return div_ceil(i * ready.period_cycles, ready.width) -
               div_floor((i - width + 1) * period_cycles, width);
    };
    return std::max({std::int64_t{0}, bound_at(0), bound_at(vector_count - 1)});
}

Readiness latest(const Readiness& a, const Readiness& b, std::int64_t vector_count) {
    // The common cases, without a division: alike but for the start, or one over before the other begins.
    if (a.period_cycles == b.period_cycles && a.width == b.width) {
        return {std::max(a.first_cycle, b.first_cycle), a.period_cycles, a.width,
                std::max(a.last_cycle, b.last_cycle)};
    }
    if (a.last_cycle <= b.first_cycle)
        return b;
    if (b.last_cycle <= a.first_cycle)
        return a;
    const auto end = [&](const Readiness& ready) {
        return ready.first_cycle + (vector_count - 1) / ready.width * ready.period_cycles;
    };
    const Readiness as_a = behind(a, b, vector_count), as_b = behind(b, a, vector_count);
    return std::pair(end(as_b), as_b.first_cycle) < std::pair(end(as_a), as_a.first_cycle) ? as_b : as_a;
}

Readiness from_vector(const Readiness& ready, std::int64_t offset, std::int64_t vector_count) {
    Readiness rest = ready;
    rest.first_cycle += div_ceil(offset, ready.width) * ready.period_cycles;
    const std::int64_t end = rest.first_cycle + (vector_count - 1) / ready.width * ready.period_cycles;
    rest.last_cycle = std::min(ready.last_cycle, end);
    return rest;
}

} // namespace lpusim::net
