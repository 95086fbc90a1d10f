#include "lpusim/net/message_schedule.h"

#include <algorithm>
#include <cassert>
#include <deque>
#include <utility>

#include "lpusim/base/integers.h"

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

} // namespace

void MessageSchedule::run(const Next& next, std::int64_t wave_messages_min, std::int64_t period_cycles) {
    std::deque<Wave> waves;
    bool is_more = true;
    while (is_more || !waves.empty()) {
        if (is_more) {
            waves.emplace_back();
            is_more = fill(waves.back(), next, wave_messages_min);
        }
        for (Wave& wave : waves)
            advance(wave, period_cycles);
        while (!waves.empty() && waves.front().empty())
            waves.pop_front();
    }
}

/// Slots that all links have in the time of one hop.
std::int64_t MessageSchedule::wave_slots() const {
    const Topology& topology = booking_.topology();
    const std::int32_t bundle_count = booking_.rotation().bundle_class_count();
    const Bundle& last = topology.bundles()[at(bundle_count - 1)];
    const LinkTiming timing = topology.fastest();
    return (last.first_link + last.width) * div_ceil(timing.hop_cycles, timing.vector_cycles);
}

bool MessageSchedule::fill(Wave& wave, const Next& next, std::int64_t message_count_min) {
    const std::int64_t hops =
        std::max<std::int64_t>(1, routes_.slot_count() / std::max<std::int64_t>(1, routes_.vector_count()));
    const std::int64_t vector_max = wave_slots() / hops;
    std::int64_t vector_count = 0, message_count = 0;
    Message message;
    while (vector_count < vector_max || message_count < message_count_min) {
        message = {};
        if (!next(message))
            return false;
        wave.push_back(enter(message));
        vector_count += message.vector_count;
        ++message_count;
    }
    return true;
}

MessageSchedule::Travelling MessageSchedule::enter(const Message& message) {
    assert(message.vector_count > 0 && message.source != message.target);
    Travelling start{.ready = produced(message.made, 0, message.vector_count),
                     .message = message_count_++,
                     .first_vector = message.first_vector,
                     .vector_count = message.vector_count,
                     .chip = message.source,
                     .row = routes_.row_of(message.target)};
    if (message.via >= 0)
        start.next_row = std::exchange(start.row, routes_.row_of(message.via));
    if (Ledger* const ledger = booking_.ledger()) {
        start.transfer = ledger->add_transfer({.source = message.source,
                                               .target = message.target,
                                               .first_vector = message.first_vector,
                                               .vector_count = message.vector_count,
                                               .release_cycle = message.made.first_cycle,
                                               .release_period_cycles = message.made.period_cycles},
                                              -1);
    }
    if (keeps_arrivals_)
        arrivals_.emplace_back();
    return start;
}

void MessageSchedule::advance(Wave& wave, std::int64_t period_cycles) {
    std::size_t kept = 0;
    for (Travelling& message : wave) {
        const std::int32_t bundle = routes_.next_bundle(message.row, message.chip);
        message.chip = booking_.topology().bundles()[at(bundle)].to;
        const bool ends_row = message.chip == routes_.target(message.row);
        const bool arrives = ends_row && message.next_row < 0;
        message.ready = booking_.send(
            bundle, {message.transfer, message.hop++, message.first_vector, message.vector_count},
            message.ready, arrives ? period_cycles : 0);
        if (arrives) {
            if (keeps_arrivals_)
                arrivals_[at(message.message)] = message.ready;
            continue;
        }
        if (ends_row)
            message.row = std::exchange(message.next_row, -1);
        wave[kept++] = message;
    }
    wave.resize(kept);
}

} // namespace lpusim::net
