#include "lpusim/lower/reduce.h"

#include "lpusim/chip/access.h"
#include "lpusim/chip/kernels/kernels.h"

namespace lpusim::lower {

net::ReduceCost measured_reduce_cost(const chip::ChipSpec& spec) {
    constexpr std::int64_t kVectors = 65;
    const std::int64_t one = chip::program_cycles(chip::pointwise_add(spec, 1), spec);
    const std::int64_t many = chip::program_cycles(chip::pointwise_add(spec, kVectors), spec);
    return {.first_cycles = one, .cycles_per_vector = (many - one) / (kVectors - 1)};
}

} // namespace lpusim::lower
