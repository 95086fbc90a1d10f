#include <bit>
#include <cmath>

#include "lpusim/chip/kernels/attention_side.h"

namespace lpusim::chip {

template <class Visit>
void AttentionSide::for_blocks(std::int64_t cycle, const Visit& visit) const {
    std::int64_t unit_cycles = 0;
    for (const AttentionBlock& block : round_->blocks) {
        unit_cycles += block.queries * plan_.rows * block.tiles * timing_.alu();
    }
    for (const AttentionBlock& block : round_->blocks) {
        const std::int64_t rows = block.queries * plan_.rows, row_cycles = block.tiles * timing_.alu();
        visit(block, cycle, [=, this](std::int64_t unit_stride) {
            return Loops{{units_, unit_cycles, unit_stride}, {rows, row_cycles, 1}};
        });
        cycle += rows * row_cycles;
    }
}

void AttentionSide::fold_tiles(std::int64_t alu, std::int64_t cycle, std::int64_t tiles, const Loops& rows,
                               VxmCompute first, VxmCompute next, std::optional<StreamRef> drive) {
    const std::int64_t every = timing_.alu();
    if (tiles == 1) {
        first.to = drive;
    }
    emit_.vxm(alu, cycle, first, rows);
    const std::int64_t silent = drive ? tiles - 2 : tiles - 1;
    if (silent > 0) {
        emit_.vxm(alu, cycle + every, next, rows + Loops{{silent, every, 0}});
    }
    if (drive && tiles > 1) {
        next.to = drive;
        emit_.vxm(alu, cycle + (tiles - 1) * every, next, rows);
    }
}

void AttentionSide::maxima() {
    for_blocks(round_->maxima_cycle, [&](const AttentionBlock& block, std::int64_t cycle, const auto& rows) {
        const std::int64_t row = block.first * plan_.rows;
        emit_.read_in(AttentionWork::scores, row, 0, cycle,
                      rows(unit_words()) + Loops{{block.tiles, timing_.alu(), rows_}});
        fold_tiles(
            2, cycle, block.tiles, rows(0), {VxmOp::Pass, DType::Fp32, DType::Fp32, emit_.taken(0), {}, {}},
            {VxmOp::Max, DType::Fp32, DType::Fp32, emit_.taken(0), emit_.chained(2), {}}, emit_.out(0));
        emit_.write(AttentionWork::lane_maxima, work_.row_word + row, 0, cycle + block.tiles * timing_.alu(),
                    rows(rows_));
    });
}

/// Each trip compares a vector with copies of it, rotated by 1 and 2, then 3 and 6, then 9 and 18 lanes and
/// so on. A lane may count twice; the maximum is the same. The result goes straight into the next trip.
void AttentionSide::lanes() {
    const std::int64_t rows = units_ * rows_, together = timing_.lane_trip();
    compare_lanes(round_->lanes_cycle, 0, rows / together, together);
    compare_lanes(round_->lanes_cycle + rows / together * timing_.lane_trips() * together,
                  rows / together * together, 1, rows % together);
}

void AttentionSide::compare_lanes(std::int64_t cycle, std::int64_t row, std::int64_t times,
                                  std::int64_t rows) {
    if (times < 1 || rows < 1) {
        return;
    }
    const std::int64_t copies = timing_.lane_copies(), trips = timing_.lane_trips();
    const Loops once{{times, trips * timing_.lane_trip(), rows}, {rows, 1, 1}};
    const Loops every{{times, trips * timing_.lane_trip(), 0}, {trips, timing_.lane_trip(), 0}, {rows, 1, 0}};
    emit_.read_out(AttentionWork::lane_maxima, work_.row_word + row, 0, timing_.sxm_hops(), cycle, once);
    for (std::int64_t byte = 0; byte < 4; ++byte) {
        const auto move = [&](std::int64_t copy, std::int64_t map, std::int64_t at, const Loops& loops) {
            emit_.run(Unit::Sxm, 4 * copy + byte, at,
                      SxmMove{SxmOp::Permute, map, emit_.out(byte), {}, emit_.in(4 * copy + byte)},
                      in_place(loops));
        };
        move(0, 0, cycle, every);
        for (std::int64_t trip = 0; trip < trips; ++trip) {
            for (std::int64_t copy = 1; copy < copies; ++copy) {
                move(copy, trip * (copies - 1) + copy, cycle + trip * timing_.lane_trip(), once);
            }
        }
    }
    const std::int64_t arrives = cycle + spec_.sxm_permute_latency_cycles + timing_.sxm_hops();
    const DType wide = DType::Fp32;
    VxmCompute pair{VxmOp::Max, wide, wide, emit_.taken(0), emit_.taken(4), {}};
    if (copies > 2) {
        emit_.vxm(1, arrives, {VxmOp::Pass, wide, wide, emit_.taken(8), {}, {}}, every);
        emit_.vxm(2, arrives + timing_.alu(),
                  {VxmOp::Max, wide, wide, emit_.chained(0), emit_.chained(1), emit_.out(0)}, every);
    } else {
        pair.to = emit_.out(0);
    }
    emit_.vxm(0, arrives, pair, every);
    emit_.write(AttentionWork::maxima, row, 0,
                cycle + (trips - 1) * timing_.lane_trip() + timing_.lane_latency(), once);
}

void AttentionSide::powers() {
    const float scale = plan_.shape.scale
                            ? *plan_.shape.scale
                            : static_cast<float>(1.0 / std::sqrt(static_cast<double>(plan_.shape.kv.qk_dim)));
    const DType wide = DType::Fp32, half = DType::Fp16;
    for_blocks(round_->powers_cycle, [&](const AttentionBlock& block, std::int64_t cycle, const auto& rows) {
        const std::int64_t row = block.first * plan_.rows;
        const Loop tiles{block.tiles, timing_.alu(), rows_};
        const Loops all = rows(unit_words()) + Loops{tiles};
        emit_.read_in(AttentionWork::scores, row, 0, cycle, all);
        emit_.read_in(AttentionWork::maxima, row, 4, cycle,
                      rows(rows_) + Loops{{tiles.count, tiles.cycles, 0}});
        emit_.vxm(0, cycle, {VxmOp::Sub, wide, wide, emit_.taken(0), emit_.taken(4), {}}, all);
        emit_.vxm(
            1, cycle + timing_.alu(),
            {VxmOp::Mul, wide, wide, emit_.chained(0), VxmImmediate{std::bit_cast<std::int32_t>(scale)}, {}},
            all);
        emit_.vxm(2, cycle + 2 * timing_.alu(), {VxmOp::Exp, wide, wide, emit_.chained(1), {}, {}}, all);
        const std::int64_t probability = cycle + timing_.probability_issue();
        emit_.vxm(3, probability, {VxmOp::Convert, wide, half, emit_.chained(2), {}, emit_.out(0)}, all);
        emit_.write(AttentionWork::probabilities, row, 0, probability + timing_.alu(), all);
        emit_.vxm(4, probability + timing_.alu(), {VxmOp::Convert, half, wide, emit_.chained(3), {}, {}},
                  all);
        fold_tiles(5, cycle + timing_.add_issue(), block.tiles, rows(0),
                   {VxmOp::Pass, wide, wide, emit_.chained(4), {}, {}},
                   {VxmOp::Add, wide, wide, emit_.chained(5), emit_.chained(4), {}}, {});
        const std::int64_t sum = cycle + timing_.sum_issue() + (block.tiles - 1) * timing_.alu();
        emit_.vxm(6, sum, {VxmOp::Convert, wide, half, emit_.chained(5), {}, emit_.out(2)}, rows(0));
        emit_.write(AttentionWork::extra, work_.row_word + row, 2, sum + timing_.alu(), rows(rows_));
    });
}

} // namespace lpusim::chip
