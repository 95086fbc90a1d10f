#include "lpusim/chip/kernels/kernel_needs.h"

#include <algorithm>
#include <array>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/kernel_schedule.h"

namespace lpusim::chip {

namespace {

/// A field of the spec that schedules run short of, how many are plenty, and in which steps there are more.
struct Resource {
    std::int64_t ChipSpec::* count;
    std::int64_t plenty;
    std::int64_t step;
    const char* name;
    const char* field;
};

/// What is named first is the first that is brought back to what the chip has.
constexpr std::array<Resource, 5> kResources{{
    {&ChipSpec::positions, 45, 2, "positions", "positions"},
    {&ChipSpec::mem_slices_per_hemisphere, 88, 1, "SRAM slices in each hemisphere",
     "mem_slices_per_hemisphere"},
    {&ChipSpec::sxm_queues_per_hemisphere, 64, 1, "SXM queues in each hemisphere",
     "sxm_queues_per_hemisphere"},
    {&ChipSpec::streams_per_direction, 64, 1, "streams in each direction", "streams_per_direction"},
    {&ChipSpec::vxm_alus, 64, 1, "ALUs", "vxm_alus"},
}};

using Build = std::function<Program(const ChipSpec&)>;

bool fits(const Build& build, const ChipSpec& spec) {
    try {
        (void)build(spec);
        return true;
    } catch (const ValueError&) {
        return false;
    } catch (const CapacityError&) {
        return false;
    }
}

/// Brings a field of `large`, on which the kernel fits, as near to that of `spec` as it still fits.
void shrink(const Build& build, const ChipSpec& spec, ChipSpec& large, const Resource& resource) {
    const std::int64_t there = spec.*resource.count;
    std::int64_t low = 0, high = (large.*resource.count - there) / resource.step;
    ChipSpec other = large;
    other.*resource.count = there;
    if (fits(build, other)) {
        high = 0;
    }
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        other.*resource.count = there + middle * resource.step;
        if (fits(build, other)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    large.*resource.count = there + high * resource.step;
}

} // namespace

Program build_or_say_needs(const ChipSpec& spec, const Build& build) {
    try {
        return build(spec);
    } catch (const NoRoom& missing) {
        ChipSpec large = spec;
        for (const Resource& resource : kResources) {
            const std::int64_t there = spec.*resource.count;
            large.*resource.count =
                there + round_up(std::max<std::int64_t>(0, resource.plenty - there), resource.step);
        }
        if (!fits(build, large)) {
            throw ValueError("this kernel does not fit on this chip, nor on a larger one: " +
                             std::string(missing.what()));
        }
        std::string needs;
        for (const Resource& resource : kResources) {
            shrink(build, spec, large, resource);
            if (large.*resource.count > spec.*resource.count) {
                needs += (needs.empty() ? "" : ", ") + std::to_string(large.*resource.count) + " " +
                         resource.name + " (" + resource.field + ", here " +
                         std::to_string(spec.*resource.count) + ")";
            }
        }
        throw ValueError("this kernel does not fit on this chip; it would with " + needs);
    }
}

} // namespace lpusim::chip
