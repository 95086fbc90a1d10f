#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/chip/kernels/embedding_parts.h"
#include "lpusim/chip/kernels/kernel_needs.h"
#include "lpusim/chip/kernels/kernel_parts.h"
#include "lpusim/chip/kernels/kernels_model.h"
#include "lpusim/chip/kernels/lane_reduction.h"

namespace lpusim::chip {

namespace {

/// Every slice of the table takes the id as it passes on its way from the VXM: all of it is in one bank.
void look_up(const EmbeddingShape& shape, EmbeddingSchedule& lookup) {
    KernelSchedule& schedule = lookup.schedule;
    const std::int64_t lanes = schedule.spec().lanes();
    const Flow address = checked_address(schedule, lookup.id, shape.entries, -1);
    const std::array<Flow, 2> maps{schedule.vxm(VxmOp::Pass, {address}),
                                   schedule.vxm(VxmOp::Pass, {address})};
    const std::vector<TensorLoop> each_token{{shape.tokens, 1, 0}};
    std::vector<Flow> entry;
    for (std::int64_t column = 0; column < shape.columns; column += lanes) {
        const std::size_t block = schedule.block(lookup.table, 0, column, {{shape.entries, 1, 0}});
        const std::size_t side = entry.size() % 2;
        entry.push_back(schedule.gather(block, maps[side], static_cast<Hemisphere>(side)));
    }
    schedule.leave_positions();
    for (std::size_t part = 0; part < entry.size(); ++part) {
        const std::int64_t column = static_cast<std::int64_t>(part) * lanes;
        schedule.write(schedule.block(lookup.out, 0, column, each_token), entry[part]);
    }
}

} // namespace

Flow checked_address(KernelSchedule& schedule, const Flow& id, std::int64_t entries, std::int32_t mask) {
    const auto whole = [](std::int64_t value) { return VxmImmediate{static_cast<std::int32_t>(value)}; };
    const auto passed = [&](const Flow& value) { return schedule.vxm(VxmOp::Pass, {value}); };
    // The sign of either is set: the id is negative or past the last entry.
    const Flow left = schedule.vxm(VxmOp::Sub, {whole(entries - 1), id});
    Flow same = passed(id);
    const Flow either = schedule.vxm(VxmOp::Or, {left, same});
    same = passed(same);
    const Flow outside = schedule.vxm(VxmOp::Less, {either, whole(0)});
    same = schedule.vxm(VxmOp::And, {same, whole(mask)});
    return schedule.vxm(VxmOp::Select, {whole(-1), same, outside});
}

namespace {

Program build_embedding(const ChipSpec& spec, std::int64_t tokens, std::int64_t entries, std::int64_t columns,
                        DType dtype) {
    check_sizes(spec, {{"tokens", tokens}, {"entries", entries}, {"columns", columns}});
    if (dtype != DType::Int8 && dtype != DType::Fp16) {
        throw ValueError("an embedding table is int8 or fp16, not " + to_string(dtype));
    }
    constexpr std::int64_t kPeriodMax = 64;
    constexpr std::int64_t kGapMax = 4;
    const EmbeddingShape shape{tokens, entries, columns, dtype};
    const std::int64_t lanes = spec.lanes();
    const bool one_bank = entries <= embedding_window_max(spec);
    const TableSpread spread = one_bank ? TableSpread{} : spread_table(spec, shape);
    const auto build = [&](std::int64_t period, std::int64_t gap) {
        KernelSchedule schedule(spec);
        const std::size_t ids =
            schedule.tensor({"ids", Tensor::Role::Input, DType::Int32, tokens, 1, false, lanes, {}});
        const std::size_t table =
            schedule.tensor({"table", Tensor::Role::Input, dtype, entries, columns, false, lanes, {}});
        const std::size_t out =
            schedule.tensor({"out", Tensor::Role::Output, dtype, tokens, columns, false, lanes, {}});
        const Flow id = schedule.read(schedule.block(ids, 0, 0, {{tokens, 1, 0}}), vxm_position(spec), 0,
                                      {{tokens, period, 1}});
        // Lanes past the first are padding: zero. So the sum is the id, on every lane.
        EmbeddingSchedule lookup{schedule, table, out, period, gap, reduce_lanes(schedule, VxmOp::Add, id)};
        if (one_bank) {
            look_up(shape, lookup);
        } else {
            look_up_spread(shape, spread, lookup);
        }
        return schedule.finish();
    };
    const auto with_any_gap = [&](std::int64_t period) {
        return first_fitting(1, one_bank ? 1 : kGapMax, 1,
                             [&](std::int64_t gap) { return build(period, gap); });
    };
    return first_fitting(1, kPeriodMax, 1, with_any_gap);
}

} // namespace

Program embedding(const ChipSpec& spec, std::int64_t tokens, std::int64_t entries, std::int64_t columns,
                  DType dtype) {
    return build_or_say_needs(
        spec, [&](const ChipSpec& chip) { return build_embedding(chip, tokens, entries, columns, dtype); });
}

} // namespace lpusim::chip
