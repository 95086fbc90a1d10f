#include "lpusim/chip/error.h"

namespace lpusim::chip {

void keep_first(std::optional<ScheduleViolation>& first, const ScheduleViolation& candidate) {
    if (!first || candidate.order() < first->order()) {
        first = candidate;
    }
}

} // namespace lpusim::chip
