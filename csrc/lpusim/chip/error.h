#pragma once

#include <cstdint>
#include <optional>
#include <tuple>

#include "lpusim/chip/isa.h"

namespace lpusim::chip {

/// Which rule a program breaks. The order decides between violations of one cycle. In brackets: the tau of
/// the violation, and which of several instances is named when two clash (always the greater in queue, run,
/// repeat).
enum class ViolationClass : std::uint8_t {
    QueueBusy,       ///< Two instances of one queue issue in one cycle [issue].
    QueueParked,     ///< An issue after a Sync and before its queue is free again [the first such issue].
    SyncLost,        ///< A Sync that no Notify releases [the Sync's issue].
    AddressRange,    ///< SRAM address, weight column or accumulator slot outside, or a window that is not in
                     ///< one bank [access, load, accumulate].
    StreamEmpty,     ///< A read finds nothing on the (first such) stream of its group [read].
    OperandGone,     ///< A chained ALU result or an MXM column sum is not there in this very cycle [read].
    ReceiveEmpty,    ///< A receive of a vector that no send put there [receive].
    StreamCollision, ///< Two drives of one cell in one cycle [drive].
    ResultCollision, ///< Two results of one ALU in one cycle: their operations take different times [that
                     ///< cycle].
    BankConflict,    ///< A read and a write of one slice hit one bank in one cycle, or two reads or two
                     ///< writes one slice [access].
    ResourceBusy,    ///< Two instances need one MXM array or link at once [first cycle of the later one].
    ShadowBusy,      ///< Loading a column that awaits install, or while an install is under way [load].
    LoadsUnfinished, ///< Install with a load under way, or with none since the last install [install].
    WeightsMissing,  ///< Activation before any weights are active [enter].
    Data, ///< A Gather or Scatter takes an address outside its window [access]; never reported by a
          ///< run without values.
};

/// One broken rule. `run` and `repeat` (flat, program order) name the instance; `other_*` the one it clashes
/// with.
struct ScheduleViolation {
    std::int64_t tau = 0;
    ViolationClass kind = ViolationClass::QueueBusy;
    QueueId queue;
    std::int64_t run = 0;
    std::int64_t repeat = 0;
    /// The first stream of the instance's group that is empty or driven twice. Data: the first one of the
    /// map.
    std::optional<StreamRef> stream;
    /// AddressRange, BankConflict: the named instance's SRAM address (or slot, or first column). Data: the
    /// address of the first superlane outside, a Gather's before a Scatter's. ShadowBusy: the first column.
    /// OperandGone: the ALU or plane it waits for. Elsewhere -1.
    std::int64_t address = -1;
    /// QueueBusy: the least instance of the queue in that cycle. QueueParked: the Sync. StreamCollision: the
    /// least drive of the cell. ResultCollision: the other result. BankConflict: the other access.
    /// ResourceBusy: who has it already, or the least of those that begin in that cycle. Elsewhere empty.
    std::optional<QueueId> other_queue;
    std::int64_t other_run = -1;
    std::int64_t other_repeat = -1;

    [[nodiscard]] auto order() const { return std::tie(tau, kind, queue, run, repeat); }
    friend bool operator==(const ScheduleViolation&, const ScheduleViolation&) = default;
};

/// Keeps in `first` the lesser of the two by rule 16: (tau, class, queue, run, repeat).
void keep_first(std::optional<ScheduleViolation>& first, const ScheduleViolation& candidate);

} // namespace lpusim::chip
