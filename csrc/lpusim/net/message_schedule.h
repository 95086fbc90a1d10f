#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lpusim/net/booking.h"
#include "lpusim/net/route_table.h"

namespace lpusim::net {

/// Vectors first_vector .. first_vector + vector_count - 1, at least one, from `source` to `target`, another
/// chip; vector first_vector + i exists at made.cycle_of(i).
struct Message {
    std::int32_t source = 0;
    std::int32_t target = 0;
    std::int64_t first_vector = 0;
    std::int64_t vector_count = 0;
    Production made = {};
    /// Over this chip, which has a row in the table; -1: the shortest way.
    std::int32_t via = -1;
};

/// Books many messages at once, each hop by hop over a table's routes.
///
/// Messages enter in waves of about as many as all links carry in the time of one hop. All waves on the way
/// take one hop in turn, the oldest first, so that a link serves what has arrived before what has not. Memory
/// is that of the waves on the way, not of all messages. Cost: one booking a message and hop.
class MessageSchedule {
  public:
    /// Fills in the next message; false when there is none left.
    using Next = std::function<bool(Message&)>;

    /// Both must outlive it.
    MessageSchedule(Booking& booking, const RouteTable& routes) : booking_(booking), routes_(routes) {}

    /// Into their targets vectors come at most every `period_cycles` a link. A wave has at least
    /// `wave_messages_min`.
    void run(const Next& next, std::int64_t wave_messages_min, std::int64_t period_cycles = 0);

    /// By message, when it is in its target's memory; only where asked for before.
    void keep_arrivals() { keeps_arrivals_ = true; }
    [[nodiscard]] const std::vector<Readiness>& arrivals() const { return arrivals_; }

  private:
    struct Travelling {
        Readiness ready;
        std::int64_t message = 0;
        std::int64_t transfer = 0;
        std::int64_t first_vector = 0;
        std::int64_t vector_count = 0;
        std::int32_t chip = 0;
        std::int32_t hop = 0;
        std::int32_t row = 0;
        /// The row to turn to at the end of this one; -1 for none.
        std::int32_t next_row = -1;
    };
    using Wave = std::vector<Travelling>;

    [[nodiscard]] std::int64_t wave_slots() const;
    bool fill(Wave& wave, const Next& next, std::int64_t message_count_min);
    [[nodiscard]] Travelling enter(const Message& message);
    void advance(Wave& wave, std::int64_t period_cycles);

    Booking& booking_;
    const RouteTable& routes_;
    bool keeps_arrivals_ = false;
    std::vector<Readiness> arrivals_;
    std::int64_t message_count_ = 0;
};

} // namespace lpusim::net
