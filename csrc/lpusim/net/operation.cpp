#include "lpusim/net/operation.h"

#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

namespace lpusim::net {

std::int64_t vectors_of(const Topology& topology, std::int64_t size_bytes, std::int64_t copies) {
    if (size_bytes < 1) {
        throw ValueError("size_bytes must be at least 1, got " + std::to_string(size_bytes));
    }
    const std::int64_t vector_count = div_ceil(size_bytes, topology.link().vector_bytes);
    if (vector_count > kVectorMax / copies) {
        throw ValueError("size_bytes of " + std::to_string(size_bytes) + " on " + std::to_string(copies) +
                         " chips is beyond 2^40 vectors of " + std::to_string(topology.link().vector_bytes) +
                         " bytes");
    }
    return vector_count;
}

Operation::Operation(const Group& group, std::int64_t vector_count, const ReduceCost& reduce,
                     const Options& options)
    : group_(group), vector_count_(vector_count), reduce_(reduce), options_(options),
      identity_(group.topology()), finest_(group.topology()) {
    validate(reduce);
    validate(options.made);
    const std::int64_t size = group.size();
    const bool is_wanted = options.symmetry == Symmetry::used ||
                           (options.symmetry == Symmetry::automatic && size * size > kDirectBookingMax);
    if (is_wanted && group.is_everyone())
        finest_ = Rotation::finest(group.topology());
}

bool Operation::turns(std::int64_t booking_count) const {
    return group_.is_everyone() &&
           (options_.symmetry == Symmetry::used ||
            (options_.symmetry == Symmetry::automatic && booking_count > kDirectBookingMax));
}

} // namespace lpusim::net
