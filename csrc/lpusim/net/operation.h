#pragma once

#include <cstdint>
#include <utility>

#include "lpusim/net/booking.h"
#include "lpusim/net/collective.h"
#include "lpusim/net/group.h"

/// What the algorithms of all collectives are given and give back.
namespace lpusim::net {

/// Bookings below which each chip is scheduled for itself even where the machine is symmetric.
inline constexpr std::int64_t kDirectBookingMax = std::int64_t{1} << 18U;

/// The whole vectors of `size_bytes`, of which `copies` buffers move. Throws ValueError for a size below 1 or
/// beyond kVectorMax vectors.
[[nodiscard]] std::int64_t vectors_of(const Topology& topology, std::int64_t size_bytes, std::int64_t copies);

/// One operation, whatever the algorithm.
class Operation {
  public:
    /// All must outlive it.
    Operation(const Group& group, std::int64_t vector_count, const ReduceCost& reduce,
              const Options& options);

    /// The same, written down or not.
    [[nodiscard]] Operation recording(bool record) const {
        Operation copy(*this);
        copy.options_.record = record;
        return copy;
    }

    [[nodiscard]] const Group& group() const { return group_; }
    [[nodiscard]] const Topology& topology() const { return group_.topology(); }
    [[nodiscard]] std::int64_t vector_count() const { return vector_count_; }
    [[nodiscard]] const ReduceCost& reduce() const { return reduce_; }
    [[nodiscard]] const Production& made() const { return options_.made; }
    [[nodiscard]] bool record() const { return options_.record; }

    /// May an algorithm that makes `booking_count` bookings without it turn?
    [[nodiscard]] bool turns(std::int64_t booking_count) const;
    /// The rotation for so many bookings: the finest there is, or the one that turns nothing.
    [[nodiscard]] const Rotation& rotation(std::int64_t booking_count) const {
        return turns(booking_count) ? finest_ : identity_;
    }
    [[nodiscard]] const Rotation& identity() const { return identity_; }

  private:
    const Group& group_;
    std::int64_t vector_count_;
    ReduceCost reduce_;
    Options options_;
    Rotation identity_;
    Rotation finest_;
};

/// A result being written.
class Draft {
  public:
    Draft(const Operation& operation, const Rotation& rotation)
        : result_{.vector_count = operation.vector_count(),
                  .turning = {.step_chips = rotation.step_chips(), .turn_count = rotation.turn_count()}},
          ledger_(result_.timetable, result_.turning),
          booking_(operation.topology(), rotation, operation.record() ? &ledger_ : nullptr) {}
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;

    [[nodiscard]] Booking& booking() { return booking_; }
    [[nodiscard]] Turning& turning() { return result_.turning; }

    [[nodiscard]] Collective finish(Algorithm algorithm, std::int64_t cycles) {
        result_.algorithm = algorithm;
        result_.cycles = cycles;
        return std::move(result_);
    }

  private:
    Collective result_;
    Ledger ledger_;
    Booking booking_;
};

} // namespace lpusim::net
