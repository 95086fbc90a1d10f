#include "lpusim/net/booking.h"

#include <cassert>

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

} // namespace

Booking::Booking(const Topology& topology, const Rotation& rotation, Ledger* ledger)
    : topology_(topology), rotation_(rotation), ledger_(ledger),
      next_lane_(at(rotation.bundle_class_count()), 0) {
    if (!next_lane_.empty()) {
        const Bundle& last = topology.bundles()[next_lane_.size() - 1];
        link_free_cycle_.assign(at(last.first_link + last.width), 0);
    }
}

Readiness Booking::send(std::int32_t bundle_index, const Vectors& vectors, const Readiness& ready,
                        std::int64_t period_cycles) {
    const Bundle& bundle = topology_.bundles()[at(bundle_index)];
    assert(vectors.vector_count > 0 && period_cycles >= 0);
    const std::int64_t pace_cycles = std::max(period_cycles, bundle.timing.vector_cycles);
    const std::int32_t class_index = rotation_.bundle_class(bundle_index);
    const std::int64_t width = std::min<std::int64_t>(bundle.width, vectors.vector_count);
    Lanes lanes{.bundle = bundle,
                .booked = topology_.bundles()[at(class_index)].first_link,
                .first = bundle.width == 1 ? 0 : next_lane_[at(class_index)],
                .width = width,
                .hop_cycles = bundle.timing.hop_cycles,
                .pace_cycles = pace_cycles,
                .period_cycles = pace_cycles};
    if (bundle.width > 1) {
        next_lane_[at(class_index)] =
            static_cast<std::int32_t>((lanes.first + vectors.vector_count) % bundle.width);
    }
    if (vectors.vector_count > 1 && follow(ready, lanes))
        return book(lanes, vectors);
    lanes.start_cycle = ready.first_cycle + lag_cycles(ready, vectors.vector_count, width, pace_cycles);
    return book(lanes, vectors);
}

/// Where vectors are made more slowly than the links could take them, and the links are free, each leaves as
/// it is made. Else all leave together, so late that none has to be waited for.
bool Booking::follow(const Readiness& ready, Lanes& lanes) const {
    const bool alike = ready.width == lanes.width;
    if ((!alike && ready.width != 1) || ready.period_cycles == 0)
        return false;
    const std::int64_t period_cycles = ready.period_cycles * (alike ? 1 : lanes.width);
    if (period_cycles <= lanes.pace_cycles)
        return false;
    const std::int64_t step_cycles = alike ? 0 : ready.period_cycles;
    for (std::int64_t k = 0; k < lanes.width; ++k) {
        if (link_free_cycle_[at(lanes.booked_link(k))] > ready.first_cycle + k * step_cycles)
            return false;
    }
    lanes.start_cycle = ready.first_cycle;
    lanes.step_cycles = step_cycles;
    lanes.period_cycles = period_cycles;
    return true;
}

Readiness Booking::book(const Lanes& lanes, const Vectors& vectors) {
    Readiness sent{.first_cycle = 0, .period_cycles = lanes.period_cycles, .width = lanes.width};
    for (std::int64_t k = 0; k < lanes.width; ++k) {
        std::int64_t& free_cycle = link_free_cycle_[at(lanes.booked_link(k))];
        const std::int64_t start = std::max(lanes.start_cycle + k * lanes.step_cycles, free_cycle);
        const std::int64_t count = lanes.width == 1
                                       ? vectors.vector_count
                                       : (vectors.vector_count - k + lanes.width - 1) / lanes.width;
        const std::int64_t last = start + (count - 1) * lanes.period_cycles;
        free_cycle = last + lanes.pace_cycles;
        if (ledger_ != nullptr) {
            ledger_->add_run({.transfer = vectors.transfer,
                              .hop = vectors.hop,
                              .link = lanes.bundle.first_link + lanes.lane(k),
                              .first_vector = vectors.first_vector + k,
                              .vector_step = lanes.width,
                              .vector_count = count,
                              .start_cycle = start,
                              .period_cycles = lanes.period_cycles});
        }
        sent.first_cycle = std::max(sent.first_cycle, start + lanes.hop_cycles - k * lanes.step_cycles);
        sent.last_cycle = std::max(sent.last_cycle, last + lanes.hop_cycles);
    }
    last_arrival_cycle_ = std::max(last_arrival_cycle_, sent.last_cycle);
    if (lanes.step_cycles > 0) {
        sent.period_cycles = lanes.step_cycles;
        sent.width = 1;
    }
    return sent;
}

std::int64_t Booking::free_cycle(std::int32_t bundle_index) const {
    const Bundle& bundle = topology_.bundles()[at(rotation_.bundle_class(bundle_index))];
    const auto first = link_free_cycle_.begin() + bundle.first_link;
    return *std::max_element(first, first + bundle.width);
}

} // namespace lpusim::net
