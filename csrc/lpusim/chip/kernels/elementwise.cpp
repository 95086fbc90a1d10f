#include "lpusim/chip/kernels/elementwise.h"

#include <algorithm>

#include "lpusim/base/integers.h"
#include "lpusim/chip/kernels/kernel_needs.h"
#include "lpusim/chip/kernels/kernel_parts.h"

namespace lpusim::chip {

namespace {

/// How rows x parts vectors are shared: each way has at most `rows` rows of `parts` vectors.
struct Share {
    std::int64_t rows = 0;
    std::int64_t parts = 0;
};

Share share_among(std::int64_t ways, std::int64_t rows, std::int64_t parts) {
    const Share by_rows{div_ceil(rows, ways), parts};
    const Share by_parts{rows, div_ceil(parts, ways)};
    return by_rows.rows * by_rows.parts <= by_parts.rows * by_parts.parts ? by_rows : by_parts;
}

Program build_elementwise(const ChipSpec& spec, std::int64_t rows, std::int64_t columns,
                          const std::vector<ElementwiseInput>& inputs, DType result,
                          const std::function<Flow(ElementwiseWay&)>& body) {
    const std::int64_t lanes = spec.lanes();
    const std::int64_t parts = div_ceil(columns, lanes);
    const auto build = [&](std::int64_t ways) {
        KernelSchedule schedule(spec);
        std::vector<std::size_t> tensors;
        tensors.reserve(inputs.size());
        for (const ElementwiseInput& input : inputs) {
            tensors.push_back(schedule.tensor(
                {input.name, Tensor::Role::Input, input.dtype, rows, columns, false, lanes, {}}));
        }
        const std::size_t out =
            schedule.tensor({"out", Tensor::Role::Output, result, rows, columns, false, lanes, {}});
        const Share share = share_among(ways, rows, parts);
        for (std::int64_t row = 0; row < rows; row += share.rows) {
            for (std::int64_t first = 0; first < parts; first += share.parts) {
                const std::int64_t height = std::min(share.rows, rows - row);
                const std::int64_t width = std::min(share.parts, parts - first);
                const std::vector<TensorLoop> loops{{height, 1, 0}, {width, 0, lanes}};
                std::vector<std::size_t> blocks;
                blocks.reserve(tensors.size());
                for (const std::size_t tensor : tensors) {
                    blocks.push_back(schedule.block(tensor, row, first * lanes, loops));
                }
                ElementwiseWay way(schedule, blocks, {{height, width, width}, {width, 1, 1}});
                const Flow value = body(way);
                schedule.write(schedule.block(out, row, first * lanes, loops), value);
            }
        }
        return schedule.finish();
    };
    return first_fitting(spec.vxm_alus, 1, -1, build);
}

} // namespace

std::int64_t ElementwiseWay::ready(const Flow& flow) const {
    return schedule_.arrival(flow, vxm_position(schedule_.spec()));
}

Flow ElementwiseWay::read(std::size_t input, std::int64_t cycle) {
    return schedule_.read(inputs_[input], vxm_position(schedule_.spec()), cycle, levels_);
}

Flow ElementwiseWay::read_fp32(std::size_t input, std::int64_t cycle) {
    const Flow narrow = read(input, cycle - (schedule_.dtype(inputs_[input]) == DType::Fp32
                                                 ? 0
                                                 : schedule_.spec().vxm_alu_latency_cycles));
    return narrow.dtype == DType::Fp32 ? narrow : schedule_.vxm(VxmOp::Convert, {narrow}, DType::Fp32);
}

Program elementwise(const ChipSpec& spec, std::int64_t rows, std::int64_t columns,
                    const std::vector<ElementwiseInput>& inputs, DType result,
                    const std::function<Flow(ElementwiseWay&)>& body) {
    check_sizes(spec, {{"rows", rows}, {"columns", columns}});
    return build_or_say_needs(spec, [&](const ChipSpec& chip) {
        return build_elementwise(chip, rows, columns, inputs, result, body);
    });
}

} // namespace lpusim::chip
