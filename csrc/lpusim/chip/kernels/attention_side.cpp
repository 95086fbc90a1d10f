#include "lpusim/chip/kernels/attention_side.h"

#include <algorithm>

namespace lpusim::chip {

AttentionSide::AttentionSide(const ChipSpec& spec, const AttentionPlan& plan, Hemisphere side,
                             Program& program)
    : spec_(spec), plan_(plan), kv_(plan.kv), work_(work_of(plan, spec)), timing_{spec},
      emit_(spec, side, plan.first_cycle, side == Hemisphere::West ? 0 : kSideAlus, program),
      activation_stream_(2 * kv_.width) {}

void AttentionSide::emit(const AttentionRound& round) {
    round_ = &round;
    units_ = std::min(round.units, kv_.units_of(emit_.side()) - round.unit_first);
    if (units_ < 1) {
        return;
    }
    rows_ = round.queries * plan_.rows;
    tiles_ = round.blocks.back().tiles;
    scores();
    maxima();
    lanes();
    powers();
    sums();
    outputs();
}

void AttentionSide::load(std::int64_t word, std::int64_t loads, std::int64_t active, const Loops& tiles) {
    const std::int64_t begin = active - timing_.load_lead(loads);
    for (std::int64_t plane = 0; plane < 2; ++plane) {
        const std::int64_t stream = plane * kv_.width;
        emit_.read_out(kv_.slices(plane), word, stream, timing_.mxm_hops(), begin,
                       tiles + Loops{{loads, 1, 1}});
        emit_.run(Unit::MxmWeights, plane, begin, MxmLoad{0, emit_.out(stream), kv_.width},
                  in_place(tiles) + Loops{{loads, 1, kv_.width}});
        emit_.run(Unit::MxmWeights, plane, active - spec_.mxm_install_latency_cycles, MxmInstall{},
                  in_place(tiles));
    }
}

void AttentionSide::activate(SliceGroup group, std::int64_t word, std::int64_t cycle, const Loops& loops) {
    emit_.read_out(group, word, activation_stream_, timing_.mxm_hops(), cycle, loops);
    emit_.run(Unit::MxmActivations, 0, cycle, MxmActivate{DType::Fp16, emit_.out(activation_stream_)},
              in_place(loops));
}

void AttentionSide::accumulate(std::int64_t cycle, std::int64_t slot, bool start, bool drive,
                               const Loops& loops) {
    MxmAccumulate add{slot, start, {}, DType::Fp32};
    if (drive) {
        add.to = emit_.in(0);
    }
    emit_.run(Unit::MxmAccumulators, 0, cycle + spec_.mxm_activate_latency_cycles + timing_.row_cycles() - 1,
              add, loops);
}

// ---- shapes of loops
std::int64_t AttentionSide::tile_passes(std::int64_t cycle, std::int64_t times, std::int64_t loads,
                                        std::vector<TilePass>& passes) const {
    for (const TileGroup& group : tile_groups(*round_)) {
        const std::int64_t rows = group.queries * plan_.rows;
        const std::int64_t pass_cycles = timing_.pass(loads, rows);
        passes.push_back({group, cycle, pass_cycles, group.query_first * plan_.rows, rows});
        cycle += group.tiles * times * pass_cycles;
    }
    return cycle;
}

} // namespace lpusim::chip
