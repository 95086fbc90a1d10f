#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lpusim/net/readiness.h"
#include "lpusim/net/rotation.h"
#include "lpusim/net/turning.h"

namespace lpusim::net {

/// Hands out slots of every link, each link in the order in which it is asked.
///
/// Vectors are dealt to the parallel links of a bundle in turn, and a run never starts before the link's last
/// booking has ended, one period of its pace after its last vector, so no slot is ever given twice and a chip
/// fed at a slower pace is never fed faster. Under a rotation a booking holds the slots of all
/// links of the class. Cost of a booking: O(links used), no allocation unless recorded.
class Booking {
  public:
    /// Both must outlive it. Runs are taken down in `ledger` unless it is null.
    Booking(const Topology& topology, const Rotation& rotation, Ledger* ledger);

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
    /// When all links of a bundle are free for good.
    [[nodiscard]] std::int64_t free_cycle(std::int32_t bundle) const;

    [[nodiscard]] const Topology& topology() const { return topology_; }
    [[nodiscard]] const Rotation& rotation() const { return rotation_; }
    [[nodiscard]] Ledger* ledger() const { return ledger_; }

  private:
    /// The links that vectors are dealt to in turn, and when: the k-th vector's link starts at start_cycle +
    /// k * step_cycles, or when it is free.
    struct Lanes {
        const Bundle& bundle;
        /// The first link of the bundle that stands for it.
        std::int32_t booked = 0;
        std::int32_t first = 0;
        std::int64_t width = 1;
        std::int64_t hop_cycles = 0;
        /// How long a link is held after its last vector, and between two vectors.
        std::int64_t pace_cycles = 0;
        std::int64_t period_cycles = 0;
        std::int64_t start_cycle = 0;
        std::int64_t step_cycles = 0;

        [[nodiscard]] std::int64_t lane(std::int64_t k) const {
            return bundle.width == 1 ? 0 : (first + k) % bundle.width;
        }
        [[nodiscard]] std::int64_t booked_link(std::int64_t k) const { return booked + lane(k); }
    };

    bool follow(const Readiness& ready, Lanes& lanes) const;
    Readiness book(const Lanes& lanes, const Vectors& vectors);

    const Topology& topology_;
    const Rotation& rotation_;
    Ledger* ledger_;
    std::int64_t last_arrival_cycle_ = 0;
    /// By link that stands for itself.
    std::vector<std::int64_t> link_free_cycle_;
    /// By bundle that stands for itself.
    std::vector<std::int32_t> next_lane_;
};

} // namespace lpusim::net
