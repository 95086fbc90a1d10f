#include <algorithm>
#include <cassert>
#include <vector>

#include "lpusim/chip/kernels/attention_side.h"

namespace lpusim::chip {

void AttentionSide::scores() {
    std::vector<TilePass> passes;
    const std::int64_t unit_cycles =
        tile_passes(round_->scores_cycle, kv_.k_steps, kv_.k_loads, passes) - round_->scores_cycle;
    const std::int64_t steps = kv_.k_steps;
    const std::int64_t query_words = plan_.shape.queries * plan_.rows; // of one step of a unit
    for (const TilePass& pass : passes) {
        const std::int64_t tile_cycles = steps * pass.pass_cycles;
        const Loop rows{pass.rows, timing_.row_cycles(), 1};
        const auto units = [&](std::int64_t stride) { return Loop{units_, unit_cycles, stride}; };
        const auto tiles = [&](std::int64_t stride) { return Loop{pass.tiles.tiles, tile_cycles, stride}; };
        load(
            kv_.k_word(round_->unit_first, pass.tiles.tile, 0), kv_.k_loads, pass.cycle,
            {units(kv_.k_word(1, 0, 0)), tiles(kv_.k_word(0, 1, 0)), {steps, pass.pass_cycles, kv_.k_loads}});
        activate(AttentionWork::queries,
                 round_->unit_first * steps * query_words + round_->query_first * plan_.rows + pass.row_first,
                 pass.cycle,
                 {units(steps * query_words), tiles(0), {steps, pass.pass_cycles, query_words}, rows});
        const Loops each{units(0), tiles(0)};
        for (std::int64_t step = 0; step < steps;) {
            const bool first = step == 0, last = step + 1 == steps;
            const std::int64_t same = first || last ? 1 : steps - 2;
            accumulate(pass.cycle + step * pass.pass_cycles, pass.row_first, first, last,
                       each + Loops{{same, pass.pass_cycles, 0}, rows});
            step += same;
        }
        const std::int64_t arrives = pass.cycle + (steps - 1) * pass.pass_cycles + timing_.sums_latency();
        const Loops in_all{units(unit_words()), tiles(rows_), rows};
        mask(pass, arrives, each);
        emit_.vxm(0, arrives - timing_.alu(),
                  {VxmOp::Convert, DType::Fp16, DType::Fp32, emit_.taken(4), {}, {}}, in_all);
        emit_.vxm(1, arrives,
                  {VxmOp::Min, DType::Fp32, DType::Fp32, emit_.taken(0), emit_.chained(0), emit_.out(0)},
                  in_all);
        emit_.write(AttentionWork::scores, pass.tiles.tile * rows_ + pass.row_first, 0,
                    arrives + timing_.alu(), in_all);
    }
}

void AttentionSide::mask(const TilePass& pass, std::int64_t arrives, const Loops& each) {
    const auto read = [&](std::int64_t query, std::int64_t queries, std::int64_t keys, std::int64_t stride) {
        if (queries < 1) {
            return;
        }
        const std::int64_t later = (query - pass.tiles.query_first) * plan_.rows * timing_.row_cycles();
        emit_.read_in(AttentionWork::extra, work_.mask_word(kv_, keys), 4, arrives - timing_.alu() + later,
                      each + Loops{{queries, plan_.rows * timing_.row_cycles(), stride},
                                   {plan_.rows, timing_.row_cycles(), 0}});
    };
    std::int64_t whole_from = pass.tiles.query_first;
    for (const AttentionBlock& block : round_->blocks) {
        if (block.tiles == pass.tiles.tile + 1) {
            read(block.first, block.queries,
                 last_tile_keys(plan_.shape, kv_, round_->query_first + block.first),
                 work_.every_mask ? 1 : 0);
            whole_from = block.first + block.queries;
        }
    }
    read(whole_from, round_->queries - whole_from, kv_.tile_keys, 0);
}

void AttentionSide::sums() {
    const Loops rows{{units_ * rows_, timing_.row_cycles(), 1}};
    const std::int64_t cycle = round_->sums_cycle;
    load(kv_.ones_word, kv_.v_loads, cycle, {});
    activate(AttentionWork::extra, work_.row_word, cycle, rows);
    accumulate(cycle, 0, true, true, in_place(rows));
    const std::int64_t arrives = cycle + timing_.sums_latency();
    const DType wide = DType::Fp32;
    emit_.vxm(0, arrives, {VxmOp::Rsqrt, wide, wide, emit_.taken(0), {}, {}}, rows);
    emit_.vxm(1, arrives + timing_.function(),
              {VxmOp::Mul, wide, wide, emit_.chained(0), emit_.chained(0), emit_.out(0)}, rows);
    emit_.write(AttentionWork::maxima, 0, 0, arrives + timing_.function() + timing_.alu(), rows);
}

Loops AttentionSide::parts(std::int64_t part_cycles, std::int64_t unit_stride,
                           std::int64_t part_stride) const {
    return {{units_, kv_.v_parts * part_cycles, unit_stride}, {kv_.v_parts, part_cycles, part_stride}};
}

void AttentionSide::outputs() {
    std::vector<TilePass> passes;
    const std::int64_t part_cycles =
        tile_passes(round_->outputs_cycle, 1, kv_.v_loads, passes) - round_->outputs_cycle;
    const std::int64_t value_words = kv_.v_word(0, 1, 0) - kv_.v_word(0, 0, 0);
    for (const TilePass& pass : passes) {
        const std::int64_t tile = pass.tiles.tile;
        const Loop rows{pass.rows, timing_.row_cycles(), 1};
        const auto tiles = [&](std::int64_t stride) {
            return Loops{{pass.tiles.tiles, pass.pass_cycles, stride}};
        };
        load(kv_.v_word(round_->unit_first, 0, tile), kv_.v_loads, pass.cycle,
             parts(part_cycles, kv_.v_parts * value_words, value_words) + tiles(kv_.v_loads));
        activate(AttentionWork::probabilities, tile * rows_ + pass.row_first, pass.cycle,
                 parts(part_cycles, unit_words(), 0) + tiles(rows_) + Loops{rows});
        std::int64_t leaving = 0; // rows for which this tile is the last
        for (const AttentionBlock& block : round_->blocks) {
            leaving += block.tiles == tile + pass.tiles.tiles ? block.queries * plan_.rows : 0;
        }
        const auto add = [&](std::int64_t skipped_tiles, std::int64_t count, std::int64_t row,
                             std::int64_t row_count, bool drive) {
            if (count > 0 && row_count > 0) {
                accumulate(pass.cycle + skipped_tiles * pass.pass_cycles + row * timing_.row_cycles(),
                           pass.row_first + row, tile + skipped_tiles == 0, drive,
                           parts(part_cycles, 0, 0) +
                               Loops{{count, pass.pass_cycles, 0}, {row_count, timing_.row_cycles(), 1}});
            }
        };
        const std::int64_t alone = tile == 0 ? 1 : 0; // the first tile starts the sums
        assert(leaving == 0 || pass.tiles.tiles == 1);
        add(0, alone, leaving, pass.rows - leaving, false);
        add(alone, pass.tiles.tiles - alone, leaving, pass.rows - leaving, false);
        add(0, 1, 0, leaving, true);
        if (leaving > 0) {
            leave(pass, leaving, part_cycles);
        }
    }
}

void AttentionSide::leave(const TilePass& pass, std::int64_t leaving, std::int64_t part_cycles) {
    const DType wide = DType::Fp32;
    const Loops rows{{leaving, timing_.row_cycles(), 1}};
    const std::int64_t arrives = pass.cycle + timing_.sums_latency();
    const std::int64_t part_words = plan_.shape.queries * plan_.rows;
    emit_.read_in(AttentionWork::maxima, pass.row_first, 4, arrives, parts(part_cycles, rows_, 0) + rows);
    VxmCompute scaled{VxmOp::Mul, wide, wide, emit_.taken(0), emit_.taken(4), {}};
    const bool half = plan_.shape.output == DType::Fp16;
    if (!half) {
        scaled.to = emit_.out(0);
    }
    emit_.vxm(0, arrives, scaled, parts(part_cycles, 0, 0) + rows);
    if (half) {
        emit_.vxm(1, arrives + timing_.alu(),
                  {VxmOp::Convert, wide, DType::Fp16, emit_.chained(0), {}, emit_.out(0)},
                  parts(part_cycles, 0, 0) + rows);
    }
    emit_.write(work_.out,
                work_.out_word + round_->unit_first * kv_.v_parts * part_words +
                    round_->query_first * plan_.rows + pass.row_first,
                0, arrives + timing_.output_latency(plan_.shape.output),
                parts(part_cycles, kv_.v_parts * part_words, part_words) + rows);
}

} // namespace lpusim::chip
