#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/kernel_parts.h"
#include "lpusim/chip/kernels/kernel_schedule.h"
#include "lpusim/chip/kernels/kernels_model.h"
#include "lpusim/chip/kernels/lane_reduction.h"

namespace lpusim::chip {

Program embedding(const ChipSpec& spec, std::int64_t tokens, std::int64_t entries, std::int64_t columns,
                  DType dtype) {
    check_sizes(spec, {{"tokens", tokens}, {"entries", entries}, {"columns", columns}});
    if (dtype != DType::Int8 && dtype != DType::Fp16) {
        throw ValueError("an embedding table is int8 or fp16, not " + to_string(dtype));
    }
    const std::int64_t lanes = spec.lanes();
    const std::int64_t parts = div_ceil(columns, lanes);
    const auto build = [&](std::int64_t period) {
        KernelSchedule schedule(spec);
        const std::vector<TensorLoop> each_token{{tokens, 1, 0}};
        const std::size_t ids =
            schedule.tensor({"ids", Tensor::Role::Input, DType::Int32, tokens, 1, false, lanes, {}});
        const std::size_t table =
            schedule.tensor({"table", Tensor::Role::Input, dtype, entries, columns, false, lanes, {}});
        const std::size_t out =
            schedule.tensor({"out", Tensor::Role::Output, dtype, tokens, columns, false, lanes, {}});
        const Flow id = schedule.read(schedule.block(ids, 0, 0, each_token), vxm_position(spec), 0,
                                      {{tokens, period, 1}});
        // Lanes past the first are padding: zero. So the sum is the id, on every lane.
        const Flow everywhere = reduce_lanes(schedule, VxmOp::Add, id);
        const std::array<Flow, 2> maps{schedule.vxm(VxmOp::Pass, {everywhere}),
                                       schedule.vxm(VxmOp::Pass, {everywhere})};
        std::vector<Flow> entry;
        for (std::int64_t part = 0; part < parts; ++part) {
            const std::size_t block = schedule.block(table, 0, part * lanes, {{entries, 1, 0}});
            entry.push_back(schedule.gather(block, maps[static_cast<std::size_t>(part % 2)],
                                            static_cast<Hemisphere>(part % 2)));
        }
        schedule.leave_positions();
        for (std::int64_t part = 0; part < parts; ++part) {
            schedule.write(schedule.block(out, 0, part * lanes, each_token),
                           entry[static_cast<std::size_t>(part)]);
        }
        return schedule.finish();
    };
    return first_fitting(1, 16, 1, build);
}

} // namespace lpusim::chip
