#include "lpusim/chip/kernels/reservations.h"

#include <algorithm>

namespace lpusim::chip {

bool Reservations::is_free(const Resource& resource, const Progression& cycles, Extent extent) const {
    const auto found = taken_.find(resource);
    if (found == taken_.end()) {
        return true;
    }
    return std::ranges::none_of(found->second, [&](const Taken& taken) {
        return std::max(taken.extent.first, extent.first) < std::min(taken.extent.end, extent.end) &&
               first_common(taken.cycles, cycles).has_value();
    });
}

void Reservations::take(const Resource& resource, const Progression& cycles, Extent extent) {
    taken_[resource].push_back({cycles, extent});
}

} // namespace lpusim::chip
