#include "lpusim/net/booking.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "lpusim/base/integers.h"

namespace lpusim::net {
namespace {

/// The least delay d such that floor(i / width) * period + d is never before `ready` (from its own first
/// cycle), for all i < vector_count. Exact while widening at no longer a period, and where nothing is lost;
/// else at most one period of `ready` too large.
[[nodiscard]] std::int64_t lag_cycles(const Readiness& ready, std::int64_t vector_count, std::int64_t width,
                                      std::int64_t period) {
    if (period == 0)
        return (vector_count - 1) / ready.width * ready.period_cycles;
    if (ready.period_cycles == 0 || (width <= ready.width && period >= ready.period_cycles))
        return 0;
    const auto lag_at = [&](std::int64_t i) {
        return i / ready.width * ready.period_cycles - i / width * period;
    };
    if (width >= ready.width && period <= ready.period_cycles) {
        // The gap grows along a row and from row to row, so the last row's end or the last full one has it.
        const std::int64_t last = vector_count - 1;
        const std::int64_t full_row_end = vector_count / width * width - 1;
        return std::max({std::int64_t{0}, lag_at(last), full_row_end >= 0 ? lag_at(full_row_end) : 0});
    }
    // Neither dominates: bound both staircases by lines, whose gap is largest at an end.
    const auto bound_at = [&](std::int64_t i) {
        return div_ceil(i * ready.period_cycles, ready.width) - div_floor((i - width + 1) * period, width);
    };
    return std::max({std::int64_t{0}, bound_at(0), bound_at(vector_count - 1)});
}

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

Booking::Booking(const Topology& topology, Timetable* record)
    : topology_(topology), record_(record),
      link_free_cycle_(static_cast<std::size_t>(topology.directed_link_count()), 0),
      next_lane_(topology.bundles().size(), 0) {}

Readiness Booking::send(std::int32_t bundle_index, const Vectors& vectors, const Readiness& ready,
                        std::int64_t period_cycles) {
    const Bundle& bundle = topology_.bundles()[static_cast<std::size_t>(bundle_index)];
    assert(vectors.vector_count > 0 && period_cycles >= 0);
    const LinkTiming paced{std::max(period_cycles, bundle.timing.vector_cycles), bundle.timing.hop_cycles};
    const std::int64_t width = std::min<std::int64_t>(bundle.width, vectors.vector_count);
    const std::int64_t earliest =
        ready.first_cycle + lag_cycles(ready, vectors.vector_count, width, paced.vector_cycles);
    if (bundle.width == 1)
        return send_on_link(bundle.first_link, 0, 1, vectors, earliest, paced);
    std::int32_t& lane = next_lane_[static_cast<std::size_t>(bundle_index)];
    Readiness sent{.first_cycle = 0, .period_cycles = paced.vector_cycles, .width = width};
    for (std::int64_t k = 0; k < width; ++k) {
        const Readiness part =
            send_on_link(bundle.first_link + (lane + k) % bundle.width, k, width, vectors, earliest, paced);
        sent.first_cycle = std::max(sent.first_cycle, part.first_cycle);
        sent.last_cycle = std::max(sent.last_cycle, part.last_cycle);
    }
    lane = static_cast<std::int32_t>((lane + vectors.vector_count) % bundle.width);
    return sent;
}

Readiness Booking::send_on_link(std::int64_t link, std::int64_t k, std::int64_t width, const Vectors& vectors,
                                std::int64_t earliest_cycle, const LinkTiming& timing) {
    const auto [period_cycles, hop_cycles] = timing;
    std::int64_t& free_cycle = link_free_cycle_[static_cast<std::size_t>(link)];
    const std::int64_t start = std::max(earliest_cycle, free_cycle);
    const std::int64_t count =
        width == 1 ? vectors.vector_count : (vectors.vector_count - k + width - 1) / width;
    const std::int64_t last = start + (count - 1) * period_cycles;
    free_cycle = last + period_cycles;
    last_arrival_cycle_ = std::max(last_arrival_cycle_, last + hop_cycles);
    if (record_ != nullptr) {
        record_->runs.push_back({.transfer = vectors.transfer,
                                 .hop = vectors.hop,
                                 .link = link,
                                 .first_vector = vectors.first_vector + k,
                                 .vector_step = width,
                                 .vector_count = count,
                                 .start_cycle = start,
                                 .period_cycles = period_cycles});
    }
    return {start + hop_cycles, period_cycles, width, last + hop_cycles};
}

} // namespace lpusim::net
