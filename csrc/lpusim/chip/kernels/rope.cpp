#include <algorithm>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/kernel_needs.h"
#include "lpusim/chip/kernels/kernel_parts.h"
#include "lpusim/chip/kernels/kernel_schedule.h"
#include "lpusim/chip/kernels/kernels_model.h"

namespace lpusim::chip {

namespace {

/// Exchanges the elements of each pair; lanes past the last whole head stay.
LaneMap pair_swap(const ChipSpec& spec, std::int64_t head_columns, RopePairing pairing) {
    LaneMap map{"swap", {}};
    const std::int64_t half = head_columns / 2;
    const std::int64_t used = rope_vector_columns(spec, head_columns);
    for (std::int64_t lane = 0; lane < spec.lanes(); ++lane) {
        std::int64_t from = lane;
        if (lane < used) {
            const bool first =
                pairing == RopePairing::Interleaved ? lane % 2 == 0 : lane % head_columns < half;
            const std::int64_t step = pairing == RopePairing::Interleaved ? 1 : half;
            from = first ? lane + step : lane - step;
        }
        map.lanes.push_back(static_cast<std::int16_t>(from));
    }
    return map;
}

} // namespace

std::int64_t rope_vector_columns(const ChipSpec& spec, std::int64_t head_columns) {
    if (head_columns < 2 || head_columns % 2 != 0 || head_columns > spec.lanes()) {
        throw ValueError("a head must have an even number of columns from 2 to the chip's " +
                         std::to_string(spec.lanes()) + " lanes, got " + std::to_string(head_columns));
    }
    return spec.lanes() / head_columns * head_columns;
}

namespace {

Program build_rope(const ChipSpec& spec, std::int64_t rows, std::int64_t heads, std::int64_t head_columns,
                   RopePairing pairing) {
    check_sizes(spec, {{"rows", rows}, {"heads", heads}, {"head_columns", head_columns}});
    const std::int64_t width = rope_vector_columns(spec, head_columns);
    const std::int64_t columns = checked_multiply(heads, head_columns);
    const std::int64_t parts = div_ceil(columns, width);
    const std::int64_t vxm = vxm_position(spec);
    const auto build = [&](std::int64_t ways) {
        KernelSchedule schedule(spec);
        const auto tensor = [&](const char* name, Tensor::Role role, DType dtype, std::int64_t size) {
            return schedule.tensor({name, role, dtype, rows, size, false, width, {}});
        };
        const std::size_t x = tensor("x", Tensor::Role::Input, DType::Fp16, columns);
        const std::size_t cos = tensor("cos", Tensor::Role::Input, DType::Fp32, width);
        const std::size_t sin = tensor("sin", Tensor::Role::Input, DType::Fp32, width);
        const std::size_t out = tensor("out", Tensor::Role::Output, DType::Fp16, columns);
        const std::int64_t swap = schedule.lane_map(pair_swap(spec, head_columns, pairing));
        const std::int64_t height = div_ceil(rows, ways);
        for (std::int64_t row = 0; row < rows; row += height) {
            const std::int64_t mine = std::min(height, rows - row);
            const std::vector<TensorLoop> loops{{mine, 1, 0}, {parts, 0, width}};
            const std::vector<Level> elements{{mine, parts, parts}, {parts, 1, 1}};
            const std::vector<Level> tables{{mine, parts, 1}, {parts, 1, 0}};
            const std::size_t block = schedule.block(x, row, 0, loops);
            const auto hemisphere = static_cast<Hemisphere>(row / height % 2);
            const Flow moved =
                schedule.sxm(hemisphere, SxmOp::Permute, swap,
                             schedule.read(block, sxm_position(spec, hemisphere), 0, elements));
            const std::int64_t begin = schedule.arrival(moved, vxm);
            const Flow swapped = schedule.vxm(VxmOp::Convert, {moved}, DType::Fp32);
            const Flow plain =
                schedule.vxm(VxmOp::Convert, {schedule.read(block, vxm, begin, elements)}, DType::Fp32);
            const auto times = [&](const Flow& value, std::size_t table) {
                const std::size_t factors = schedule.block(table, row, 0, {{mine, 1, 0}});
                return schedule.vxm(VxmOp::Mul, {value, schedule.read(factors, vxm, value.cycle, tables)});
            };
            const Flow sum = schedule.vxm(VxmOp::Add, {times(plain, cos), times(swapped, sin)});
            schedule.write(schedule.block(out, row, 0, loops),
                           schedule.vxm(VxmOp::Convert, {sum}, DType::Fp16));
        }
        return schedule.finish();
    };
    return first_fitting(std::min(rows, spec.vxm_alus), 1, -1, build);
}

} // namespace

Program rope(const ChipSpec& spec, std::int64_t rows, std::int64_t heads, std::int64_t head_columns,
             RopePairing pairing) {
    return build_or_say_needs(
        spec, [&](const ChipSpec& chip) { return build_rope(chip, rows, heads, head_columns, pairing); });
}

} // namespace lpusim::chip
