#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace lpusim {

/// A caller's mistake: wrong value, wrong name, wrong shape. Becomes Python's ValueError.
/// The message says what, where, what was seen and what is allowed.
class ValueError : public std::invalid_argument {
  public:
    using std::invalid_argument::invalid_argument;
};

/// Something does not fit. Becomes lpusim.CapacityError with the same fields as attributes.
class CapacityError : public std::runtime_error {
  public:
    CapacityError(const std::string& message, std::int64_t required, std::int64_t available,
                  std::int64_t chips_enough = 0)
        : std::runtime_error(message), required_bytes(required), available_bytes(available),
          smallest_chip_count(chips_enough) {}

    std::int64_t required_bytes;
    std::int64_t available_bytes;
    /// The fewest chips of the same kind that would do; 0 when that is not known.
    std::int64_t smallest_chip_count;
};

/// A program or a timetable breaks a rule of the machine. Becomes lpusim.ScheduleError.
class ScheduleError : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

} // namespace lpusim
