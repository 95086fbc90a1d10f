#include "lpusim/chip/kernels/row_kernel.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "lpusim/base/integers.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/kernels/kernel_needs.h"
#include "lpusim/chip/kernels/kernel_parts.h"
#include "lpusim/chip/kernels/lane_reduction.h"

namespace lpusim::chip {

RowTensor column_mask(const ChipSpec& spec, std::int64_t columns, DType dtype) {
    if (columns > spec.mem_bytes() / dtype_bytes(dtype)) {
        throw CapacityError("a row of " + std::to_string(columns) + " " + to_string(dtype) +
                                " does not fit in SRAM",
                            checked_multiply(columns, dtype_bytes(dtype)), spec.mem_bytes());
    }
    RowTensor mask{"columns", Tensor::Role::Constant, dtype, true};
    const bool real = dtype == DType::Fp32;
    const std::uint8_t one[4] = {static_cast<std::uint8_t>(real ? 0 : 1), 0,
                                 static_cast<std::uint8_t>(real ? 0x80 : 0),
                                 static_cast<std::uint8_t>(real ? 0x3f : 0)};
    for (std::int64_t column = 0; column < columns; ++column) {
        mask.data.insert(mask.data.end(), std::begin(one), std::end(one));
    }
    return mask;
}

RowWay::RowWay(KernelSchedule& schedule, std::vector<std::size_t> blocks, std::vector<bool> shared,
               std::int64_t rows, std::int64_t parts, std::int64_t period_cycles, std::int64_t first_cycle)
    : schedule_(schedule), blocks_(std::move(blocks)), shared_(std::move(shared)), rows_(rows), parts_(parts),
      first_cycle_(first_cycle),
      levels_{{rows, period_cycles, parts}, {parts, schedule.spec().vxm_alu_latency_cycles, 1}} {}

std::int64_t RowWay::ready(const Flow& flow) const {
    return schedule_.arrival(flow, vxm_position(schedule_.spec()));
}

Flow RowWay::read(std::size_t tensor, std::int64_t cycle) {
    std::vector<Level> levels = levels_;
    if (shared_[tensor]) {
        levels.front().address_stride = 0;
    }
    return schedule_.read(blocks_[tensor], vxm_position(schedule_.spec()), cycle, levels);
}

Flow RowWay::read_fp32(std::size_t tensor, std::int64_t cycle) {
    if (schedule_.dtype(blocks_[tensor]) == DType::Fp32) {
        return read(tensor, cycle);
    }
    return schedule_.vxm(VxmOp::Convert, {read(tensor, cycle - schedule_.spec().vxm_alu_latency_cycles)},
                         DType::Fp32);
}

void RowWay::write(std::size_t tensor, const Flow& parts) {
    schedule_.write(blocks_[tensor], parts);
}

std::size_t RowWay::keep(const Flow& parts) {
    const std::size_t block = schedule_.scratch(parts.dtype, {{rows_}, {parts_}});
    schedule_.write(block, parts);
    return block;
}

RowWay::Beside RowWay::for_each_part(const Flow& row_value, std::size_t kept) {
    const std::int64_t vxm = vxm_position(schedule_.spec());
    const std::int64_t latency = schedule_.spec().vxm_alu_latency_cycles;
    const std::int64_t written = schedule_.readable(kept, vxm);
    // A held value is there one operation later.
    const std::int64_t soonest = ready(row_value) + latency;
    const std::int64_t passes_min = written > soonest ? div_ceil(written - soonest, latency) : 0;
    // One pass more each time; where it takes many, steps grow to a part of that.
    for (std::int64_t more = 0; more < 2 * parts_; more += 1 + more / 64) {
        const std::int64_t passes = passes_min + more;
        const std::int64_t cycle = soonest + passes * latency;
        if (!schedule_.can_read(kept, vxm, cycle, levels_))
            continue;
        const Flow waited = schedule_.delayed(row_value, passes);
        return {for_each_part(waited), schedule_.read(kept, vxm, cycle, levels_)};
    }
    throw NoRoom("SRAM is too busy to read values in between");
}

Flow RowWay::reduce(VxmOp op, const Flow& parts) {
    return reduce_lanes(schedule_, op, schedule_.fold_innermost(op, parts));
}

namespace {

Program build_row_kernel(const ChipSpec& spec, std::int64_t rows, std::int64_t columns,
                         const std::vector<RowTensor>& tensors, const std::function<void(RowWay&)>& body) {
    check_sizes(spec, {{"rows", rows}, {"columns", columns}});
    const std::int64_t lanes = spec.lanes();
    const std::int64_t parts = div_ceil(columns, lanes);
    const auto build = [&](std::int64_t ways, std::int64_t period_cycles) {
        KernelSchedule schedule(spec);
        std::vector<std::size_t> numbers;
        std::vector<std::size_t> blocks;
        std::vector<bool> shared;
        const auto columns_of = [&](const RowTensor& tensor) {
            return tensor.columns == 0 ? columns : tensor.columns;
        };
        for (const RowTensor& tensor : tensors) {
            numbers.push_back(schedule.tensor({tensor.name,
                                               tensor.role,
                                               tensor.dtype,
                                               tensor.shared ? 1 : rows,
                                               columns_of(tensor),
                                               false,
                                               lanes,
                                               {},
                                               tensor.data}));
            blocks.push_back(schedule.block(numbers.back(), 0, 0, {{parts, 0, lanes}}));
            shared.push_back(tensor.shared);
        }
        const std::int64_t height = div_ceil(rows, ways);
        for (std::int64_t row = 0; row < rows; row += height) {
            const std::int64_t mine = std::min(height, rows - row);
            for (std::size_t i = 0; i < tensors.size(); ++i) {
                if (!tensors[i].shared) {
                    const std::int64_t vectors = div_ceil(columns_of(tensors[i]), lanes);
                    blocks[i] = schedule.block(numbers[i], row, 0, {{mine, 1, 0}, {vectors, 0, lanes}});
                }
            }
            // Ways take turns within a period, so that they meet less.
            RowWay way(schedule, blocks, shared, mine, parts, period_cycles,
                       row / height * period_cycles / ways);
            body(way);
        }
        return schedule.finish();
    };
    // A period too short for some queue is followed by a longer one, at the end in leaps.
    const std::int64_t period_min = parts * spec.vxm_alu_latency_cycles;
    const std::int64_t period_max = 16 * period_min + 64;
    std::optional<Program> best;
    std::int64_t best_cycles = 0;
    for (std::int64_t ways = 1; ways <= std::min<std::int64_t>(rows, 2); ++ways) {
        std::int64_t period = period_min;
        for (;;) {
            if (best && (div_ceil(rows, ways) - 1) * period >= best_cycles) {
                break;
            }
            try {
                Program program = build(ways, period);
                const std::int64_t cycles = program_cycles(program, spec);
                if (!best || cycles < best_cycles) {
                    best = std::move(program);
                    best_cycles = cycles;
                }
                break;
            } catch (const NoRoom&) {
                if (period >= period_max && !best) {
                    throw;
                }
            } catch (const CapacityError&) {
                if (period >= period_max && !best) {
                    throw;
                }
            }
            if (period >= period_max) {
                break;
            }
            period = period < period_min + 64 ? period + 1 : std::min(2 * period, period_max);
        }
    }
    return *std::move(best);
}

} // namespace

Program row_kernel(const ChipSpec& spec, std::int64_t rows, std::int64_t columns,
                   const std::vector<RowTensor>& tensors, const std::function<void(RowWay&)>& body) {
    return build_or_say_needs(
        spec, [&](const ChipSpec& chip) { return build_row_kernel(chip, rows, columns, tensors, body); });
}

} // namespace lpusim::chip
