#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/net/timetable.h"

namespace lpusim::net {

/// Vectors becoming ready: the i-th is there by first_cycle + (i / width) * period_cycles.
struct Readiness {
    std::int64_t first_cycle = 0;
    /// 0: all at once.
    std::int64_t period_cycles = 0;
    std::int64_t width = 1;
    /// When all are there; exact, and so perhaps sooner than the staircase says.
    std::int64_t last_cycle = 0;
};

/// The same, `cycles` later.
[[nodiscard]] inline Readiness later(Readiness ready, std::int64_t cycles) {
    ready.first_cycle += cycles;
    ready.last_cycle += cycles;
    return ready;
}

/// When both have happened for each of `vector_count` vectors: never before, and by the staircase of the two
/// that ends sooner once it is moved behind the other.
[[nodiscard]] Readiness latest(const Readiness& a, const Readiness& b, std::int64_t vector_count);

/// Hands out slots of every link, each link in the order in which it is asked.
///
/// Vectors are dealt to the parallel links of a bundle in turn, and a run never starts before the link's last
/// booking has ended, one period of that booking after its last vector, so no slot is ever given twice
/// and a chip fed at a slower pace is never fed faster. Cost of a booking: O(links used), no allocation
/// unless recorded.
class Booking {
  public:
    /// Runs are appended to `record` unless it is null.
    Booking(const Topology& topology, Timetable* record);

    struct Vectors {
        std::int64_t transfer = 0;
        std::int64_t hop = 0;
        std::int64_t first_vector = 0;
        std::int64_t vector_count = 0;
    };

    /// Sends `vectors` over bundle `bundle` (an index of topology.bundles()) as soon as they are ready and
    /// the links are free, one vector a link every `period_cycles`, or as fast as the link can where that is
    /// slower. Returns when they are in the far chip's memory.
    Readiness send(std::int32_t bundle, const Vectors& vectors, const Readiness& ready,
                   std::int64_t period_cycles = 0);

    /// The latest arrival so far.
    [[nodiscard]] std::int64_t last_arrival_cycle() const { return last_arrival_cycle_; }

  private:
    /// Every width-th vector from the k-th, on one link.
    Readiness send_on_link(std::int64_t link, std::int64_t k, std::int64_t width, const Vectors& vectors,
                           std::int64_t earliest_cycle, const LinkTiming& timing);

    const Topology& topology_;
    Timetable* record_;
    std::int64_t last_arrival_cycle_ = 0;
    std::vector<std::int64_t> link_free_cycle_;
    std::vector<std::int32_t> next_lane_;
};

} // namespace lpusim::net
