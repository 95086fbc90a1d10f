#include "lpusim/chip/kernels/lane_reduction.h"

#include "lpusim/chip/kernels/kernel_parts.h"
#include <algorithm>
#include <optional>

namespace lpusim::chip {

namespace {

/// Copies of a four-byte value that one SXM can make in a cycle.
std::int64_t copies_max(const ChipSpec& spec) {
    return spec.sxm_queues_per_hemisphere / dtype_bytes(DType::Fp32);
}

/// Combines values by pairs until at most two are left.
std::vector<Flow> down_to_two(KernelSchedule& schedule, VxmOp op, std::vector<Flow> values) {
    while (values.size() > 2) {
        const std::size_t half = values.size() / 2;
        std::vector<Flow> next;
        next.reserve(half + 1);
        for (std::size_t i = 0; i < half; ++i) {
            next.push_back(schedule.vxm(op, {values[i], values[i + half]}));
        }
        if (values.size() % 2 != 0) {
            next.push_back(schedule.vxm(VxmOp::Pass, {values.back()}));
        }
        values = std::move(next);
    }
    return values;
}

} // namespace

std::vector<std::int64_t> lane_factors(const ChipSpec& spec) {
    std::vector<std::int64_t> factors;
    std::int64_t left = spec.lanes();
    const auto divide_by = [&](std::int64_t factor) {
        for (; left % factor == 0; left /= factor) {
            if (factor > 2 * copies_max(spec)) {
                throw ValueError("a reduction over " + std::to_string(spec.lanes()) + " lanes needs " +
                                 std::to_string(4 * ((factor + 1) / 2)) +
                                 " SXM queues a hemisphere; there are " +
                                 std::to_string(spec.sxm_queues_per_hemisphere));
            }
            factors.push_back(factor);
        }
    };
    if (copies_max(spec) >= 2) {
        divide_by(4);
    }
    for (std::int64_t factor = 2; left > 1; ++factor) {
        divide_by(factor);
    }
    return factors;
}

namespace {

/// Which copies of a trip each SXM makes: the first `west`, then `east`.
struct Trip {
    std::int64_t west = 0;
    std::int64_t east = 0;
};

/// A trip that finds SXM queues free for vectors that leave the VXM in `cycle`.
std::optional<Trip> find_trip(const KernelSchedule& schedule, std::int64_t factor, std::int64_t cycle,
                              const std::vector<Level>& levels) {
    const ChipSpec& spec = schedule.spec();
    const auto copies = [&](Hemisphere hemisphere) {
        const std::int64_t hops = vxm_position(spec) - sxm_position(spec, Hemisphere::West);
        return schedule.sxm_queues_free(hemisphere, cycle + hops, levels) / dtype_bytes(DType::Fp32);
    };
    const std::int64_t west = copies(Hemisphere::West);
    const std::int64_t east = copies(Hemisphere::East);
    if (west >= factor) {
        return Trip{factor, 0};
    }
    if (east >= factor) {
        return Trip{0, factor};
    }
    if (west + east < factor) {
        return {};
    }
    const std::int64_t in_west = std::clamp(factor - factor / 2, factor - east, west);
    return Trip{in_west, factor - in_west};
}

} // namespace

Flow reduce_lanes(KernelSchedule& schedule, VxmOp op, const Flow& value) {
    constexpr int kPassesMax = 64; // beyond that another period is the better way
    const ChipSpec& spec = schedule.spec();
    std::vector<Flow> parts{value}; // one or two flows, whose combination the value is
    const auto combined = [&] {
        return parts.size() == 1 ? schedule.vxm(VxmOp::Pass, {parts[0]})
                                 : schedule.vxm(op, {parts[0], parts[1]});
    };
    std::int64_t stride = spec.lanes();
    for (const std::int64_t factor : lane_factors(spec)) {
        const auto trip_now = [&] {
            const std::int64_t leaves =
                schedule.arrival(parts[0], vxm_position(spec)) + spec.vxm_alu_latency_cycles;
            return find_trip(schedule, factor, leaves, value.levels);
        };
        std::optional<Trip> trip = trip_now();
        for (int passes = 0; !trip && passes < kPassesMax; ++passes) {
            for (Flow& part : parts) {
                part = schedule.vxm(VxmOp::Pass, {part});
            }
            trip = trip_now();
        }
        if (!trip) {
            throw NoRoom("the SXMs are too busy for a reduction over lanes");
        }
        // A value flows one way only: for both SXMs it is made twice.
        const Flow first = combined();
        const Flow second = trip->west > 0 && trip->east > 0 ? combined() : first;
        stride /= factor;
        std::vector<Flow> copies;
        for (std::int64_t k = 0; k < factor; ++k) {
            const bool east = k >= trip->west;
            copies.push_back(schedule.sxm(east ? Hemisphere::East : Hemisphere::West, SxmOp::Permute,
                                          schedule.lane_map(rotation(spec.lanes(), k * stride)),
                                          east ? second : first));
        }
        parts = down_to_two(schedule, op, std::move(copies));
    }
    return combined();
}

} // namespace lpusim::chip
