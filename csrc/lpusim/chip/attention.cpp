#include "lpusim/chip/attention.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/attention_parts.h"
#include "lpusim/chip/side_schedule.h"

namespace lpusim::chip {

namespace {

/// Emits the rounds of one hemisphere. Cycles are the plan's.
class SideBuilder {
  public:
    SideBuilder(const ChipSpec& spec, const AttentionPlan& plan, Hemisphere side, Program& program)
        : spec_(spec), plan_(plan), kv_(plan.kv), work_(work_of(plan, spec)), timing_{spec},
          emit_(spec, side, plan.first_cycle, side == Hemisphere::West ? 0 : kSideAlus, program),
          activation_stream_(2 * kv_.width) {}

    void emit(const AttentionRound& round) {
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

  private:
    /// Weight tiles from `word` on into both planes: the first is active at `active`.
    void load(std::int64_t word, std::int64_t loads, std::int64_t active, const Loops& tiles) {
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

    /// Fp16 vectors as activations, the first at the MXM at `cycle`.
    void activate(SliceGroup group, std::int64_t word, std::int64_t cycle, const Loops& loops) {
        emit_.read_out(group, word, activation_stream_, timing_.mxm_hops(), cycle, loops);
        emit_.run(Unit::MxmActivations, 0, cycle, MxmActivate{DType::Fp16, emit_.out(activation_stream_)},
                  in_place(loops));
    }

    /// Sums of the activation at `cycle`; driven, they are on inward streams 0 to 3.
    void accumulate(std::int64_t cycle, std::int64_t slot, bool start, bool drive, const Loops& loops) {
        MxmAccumulate add{slot, start, {}, DType::Fp32};
        if (drive) {
            add.to = emit_.in(0);
        }
        emit_.run(Unit::MxmAccumulators, 0,
                  cycle + spec_.mxm_activate_latency_cycles + timing_.row_cycles() - 1, add, loops);
    }

    // ---- shapes of loops

    /// A unit's vectors in scores and probabilities: tile by tile, rows inside.
    [[nodiscard]] std::int64_t unit_words() const { return tiles_ * rows_; }

    struct TilePass {
        TileGroup tiles;
        std::int64_t cycle = 0; ///< of the first unit's first activation
        std::int64_t pass_cycles = 0;
        std::int64_t row_first = 0;
        std::int64_t rows = 0;
    };

    /// The weight tiles of one unit, `times` for each tile of keys, from `cycle` on. Returns the cycle after.
    std::int64_t tile_passes(std::int64_t cycle, std::int64_t times, std::int64_t loads,
                             std::vector<TilePass>& passes) const {
        for (const TileGroup& group : tile_groups(*round_)) {
            const std::int64_t rows = group.queries * plan_.rows;
            const std::int64_t pass_cycles = timing_.pass(loads, rows);
            passes.push_back({group, cycle, pass_cycles, group.query_first * plan_.rows, rows});
            cycle += group.tiles * times * pass_cycles;
        }
        return cycle;
    }

    // ---- phases

    /// q k^T, masked, into SRAM.
    void scores() {
        std::vector<TilePass> passes;
        const std::int64_t unit_cycles =
            tile_passes(round_->scores_cycle, kv_.k_steps, kv_.k_loads, passes) - round_->scores_cycle;
        const std::int64_t steps = kv_.k_steps;
        const std::int64_t query_words = plan_.shape.queries * plan_.rows; // of one step of a unit
        for (const TilePass& pass : passes) {
            const std::int64_t tile_cycles = steps * pass.pass_cycles;
            const Loop rows{pass.rows, timing_.row_cycles(), 1};
            const auto units = [&](std::int64_t stride) { return Loop{units_, unit_cycles, stride}; };
            const auto tiles = [&](std::int64_t stride) {
                return Loop{pass.tiles.tiles, tile_cycles, stride};
            };
            load(kv_.k_word(round_->unit_first, pass.tiles.tile, 0), kv_.k_loads, pass.cycle,
                 {units(kv_.k_word(1, 0, 0)),
                  tiles(kv_.k_word(0, 1, 0)),
                  {steps, pass.pass_cycles, kv_.k_loads}});
            activate(AttentionWork::queries,
                     round_->unit_first * steps * query_words + round_->query_first * plan_.rows +
                         pass.row_first,
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

    /// A mask for each row of a pass: the queries for which the tile is the last see a part of it.
    void mask(const TilePass& pass, std::int64_t arrives, const Loops& each) {
        const auto read = [&](std::int64_t query, std::int64_t queries, std::int64_t keys,
                              std::int64_t stride) {
            if (queries < 1) {
                return;
            }
            const std::int64_t later = (query - pass.tiles.query_first) * plan_.rows * timing_.row_cycles();
            emit_.read_in(AttentionWork::extra, work_.mask_word(kv_, keys), 4,
                          arrives - timing_.alu() + later,
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

    /// Calls visit(block, first cycle of its first unit, its loops over units and rows with the given
    /// address strides) for the blocks of rows that see equally many tiles, a vector an ALU latency.
    template <class Visit>
    void for_blocks(std::int64_t cycle, const Visit& visit) const {
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

    /// `first` on the first vector of each row, `next` on the others; only the last result is driven, if any.
    void fold_tiles(std::int64_t alu, std::int64_t cycle, std::int64_t tiles, const Loops& rows,
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

    /// The greatest score of each lane over the tiles of a row.
    void maxima() {
        for_blocks(
            round_->maxima_cycle, [&](const AttentionBlock& block, std::int64_t cycle, const auto& rows) {
                const std::int64_t row = block.first * plan_.rows;
                emit_.read_in(AttentionWork::scores, row, 0, cycle,
                              rows(unit_words()) + Loops{{block.tiles, timing_.alu(), rows_}});
                fold_tiles(2, cycle, block.tiles, rows(0),
                           {VxmOp::Pass, DType::Fp32, DType::Fp32, emit_.taken(0), {}, {}},
                           {VxmOp::Max, DType::Fp32, DType::Fp32, emit_.taken(0), emit_.chained(2), {}},
                           emit_.out(0));
                emit_.write(AttentionWork::lane_maxima, work_.row_word + row, 0,
                            cycle + block.tiles * timing_.alu(), rows(rows_));
            });
    }

    /// The greatest lane of each row, on every lane: each trip compares a vector with copies of it, rotated
    /// by 1 and 2, then 3 and 6, then 9 and 18 lanes and so on. A lane may count twice; the maximum is the
    /// same. The result goes straight into the next trip.
    void lanes() {
        const std::int64_t rows = units_ * rows_, together = timing_.lane_trip();
        lanes(round_->lanes_cycle, 0, rows / together, together);
        lanes(round_->lanes_cycle + rows / together * timing_.lane_trips() * together,
              rows / together * together, 1, rows % together);
    }

    /// `rows` at a time, from `row` on.
    void lanes(std::int64_t cycle, std::int64_t row, std::int64_t times, std::int64_t rows) {
        if (times < 1 || rows < 1) {
            return;
        }
        const std::int64_t copies = timing_.lane_copies(), trips = timing_.lane_trips();
        const Loops once{{times, trips * timing_.lane_trip(), rows}, {rows, 1, 1}};
        const Loops every{
            {times, trips * timing_.lane_trip(), 0}, {trips, timing_.lane_trip(), 0}, {rows, 1, 0}};
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

    /// Probabilities, fp16, and their sums over the tiles.
    void powers() {
        const float scale =
            plan_.shape.scale
                ? *plan_.shape.scale
                : static_cast<float>(1.0 / std::sqrt(static_cast<double>(plan_.shape.kv.qk_dim)));
        const DType wide = DType::Fp32, half = DType::Fp16;
        for_blocks(round_->powers_cycle, [&](const AttentionBlock& block, std::int64_t cycle,
                                             const auto& rows) {
            const std::int64_t row = block.first * plan_.rows;
            const Loop tiles{block.tiles, timing_.alu(), rows_};
            const Loops all = rows(unit_words()) + Loops{tiles};
            emit_.read_in(AttentionWork::scores, row, 0, cycle, all);
            emit_.read_in(AttentionWork::maxima, row, 4, cycle,
                          rows(rows_) + Loops{{tiles.count, tiles.cycles, 0}});
            emit_.vxm(0, cycle, {VxmOp::Sub, wide, wide, emit_.taken(0), emit_.taken(4), {}}, all);
            emit_.vxm(1, cycle + timing_.alu(),
                      {VxmOp::Mul,
                       wide,
                       wide,
                       emit_.chained(0),
                       VxmImmediate{std::bit_cast<std::int32_t>(scale)},
                       {}},
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

    /// 1 / sum of each row's probabilities, on every lane: columns of ones are the weights.
    void sums() {
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

    /// p v / sum, into SRAM. A row leaves with the last tile it sees.
    void outputs() {
        std::vector<TilePass> passes;
        const std::int64_t part_cycles =
            tile_passes(round_->outputs_cycle, 1, kv_.v_loads, passes) - round_->outputs_cycle;
        const auto parts = [&](std::int64_t unit_stride, std::int64_t part_stride) {
            return Loops{{units_, kv_.v_parts * part_cycles, unit_stride},
                         {kv_.v_parts, part_cycles, part_stride}};
        };
        const std::int64_t value_words = kv_.v_word(0, 1, 0) - kv_.v_word(0, 0, 0);
        for (const TilePass& pass : passes) {
            const std::int64_t tile = pass.tiles.tile;
            const Loop rows{pass.rows, timing_.row_cycles(), 1};
            const auto tiles = [&](std::int64_t stride) {
                return Loops{{pass.tiles.tiles, pass.pass_cycles, stride}};
            };
            load(kv_.v_word(round_->unit_first, 0, tile), kv_.v_loads, pass.cycle,
                 parts(kv_.v_parts * value_words, value_words) + tiles(kv_.v_loads));
            activate(AttentionWork::probabilities, tile * rows_ + pass.row_first, pass.cycle,
                     parts(unit_words(), 0) + tiles(rows_) + Loops{rows});
            std::int64_t leaving = 0; // rows for which this tile is the last
            for (const AttentionBlock& block : round_->blocks) {
                leaving += block.tiles == tile + pass.tiles.tiles ? block.queries * plan_.rows : 0;
            }
            const auto add = [&](std::int64_t skipped_tiles, std::int64_t count, std::int64_t row,
                                 std::int64_t row_count, bool drive) {
                if (count > 0 && row_count > 0) {
                    accumulate(pass.cycle + skipped_tiles * pass.pass_cycles + row * timing_.row_cycles(),
                               pass.row_first + row, tile + skipped_tiles == 0, drive,
                               parts(0, 0) +
                                   Loops{{count, pass.pass_cycles, 0}, {row_count, timing_.row_cycles(), 1}});
                }
            };
            const std::int64_t alone = tile == 0 ? 1 : 0; // the first tile starts the sums
            assert(leaving == 0 || pass.tiles.tiles == 1);
            add(0, alone, leaving, pass.rows - leaving, false);
            add(alone, pass.tiles.tiles - alone, leaving, pass.rows - leaving, false);
            add(0, 1, 0, leaving, true);
            if (leaving > 0) {
                leave(pass, leaving, parts);
            }
        }
    }

    template <class Parts>
    void leave(const TilePass& pass, std::int64_t leaving, const Parts& parts) {
        const DType wide = DType::Fp32;
        const Loops rows{{leaving, timing_.row_cycles(), 1}};
        const std::int64_t arrives = pass.cycle + timing_.sums_latency();
        const std::int64_t part_words = plan_.shape.queries * plan_.rows;
        emit_.read_in(AttentionWork::maxima, pass.row_first, 4, arrives, parts(rows_, 0) + rows);
        VxmCompute scaled{VxmOp::Mul, wide, wide, emit_.taken(0), emit_.taken(4), {}};
        const bool half = plan_.shape.output == DType::Fp16;
        if (!half) {
            scaled.to = emit_.out(0);
        }
        emit_.vxm(0, arrives, scaled, parts(0, 0) + rows);
        if (half) {
            emit_.vxm(1, arrives + timing_.alu(),
                      {VxmOp::Convert, wide, DType::Fp16, emit_.chained(0), {}, emit_.out(0)},
                      parts(0, 0) + rows);
        }
        emit_.write(work_.out,
                    work_.out_word + round_->unit_first * kv_.v_parts * part_words +
                        round_->query_first * plan_.rows + pass.row_first,
                    0, arrives + timing_.output_latency(plan_.shape.output),
                    parts(kv_.v_parts * part_words, part_words) + rows);
    }

    const ChipSpec& spec_;
    const AttentionPlan& plan_;
    const KvLayout& kv_;
    AttentionWork work_;
    AttentionTiming timing_;
    SideSchedule emit_;
    std::int64_t activation_stream_;
    const AttentionRound* round_ = nullptr;
    std::int64_t units_ = 0; ///< of the round, in this hemisphere
    std::int64_t rows_ = 0;  ///< of a unit in the round
    std::int64_t tiles_ = 0; ///< that the round's last query sees
};

constexpr std::uint16_t kInfinity = 0x7c00, kMinusInfinity = 0xfc00, kOne = 0x3c00; // fp16

void append(std::vector<std::uint8_t>& bytes, std::uint16_t half) {
    bytes.push_back(static_cast<std::uint8_t>(half));
    bytes.push_back(static_cast<std::uint8_t>(half >> 8U));
}

/// One vector a mask: the lesser of a score and +infinity is the score, of a score and -infinity nothing.
Tensor mask_tensor(const ChipSpec& spec, const AttentionPlan& plan, const AttentionWork& work) {
    Tensor mask{"mask", Tensor::Role::Constant, DType::Fp16, work.mask_words, spec.lanes(),
                false,  spec.lanes(),           {}};
    const std::int64_t some = last_tile_keys(plan.shape, plan.kv, plan.shape.queries - 1);
    for (std::int64_t word = 0; word < work.mask_words; ++word) {
        const std::int64_t keys = work.every_mask ? word + 1 : word == 1 ? plan.kv.tile_keys : some;
        for (std::int64_t lane = 0; lane < spec.lanes(); ++lane) {
            append(mask.data, lane < keys ? kInfinity : kMinusInfinity);
        }
    }
    for (const Hemisphere side : {Hemisphere::West, Hemisphere::East}) {
        mask.pieces.push_back({side, AttentionWork::extra.first, 0, 0, 0, {{work.mask_words, 1, 0, 0, 1}}});
    }
    return mask;
}

Tensor ones_tensor(const ChipSpec& spec, const KvLayout& kv) {
    Tensor ones{"ones", Tensor::Role::Constant, DType::Fp16, 1, spec.lanes(), false, spec.lanes(), {}};
    for (std::int64_t lane = 0; lane < spec.lanes(); ++lane) {
        append(ones.data, kOne);
    }
    for (const Hemisphere side : {Hemisphere::West, Hemisphere::East}) {
        TensorPiece piece{side, kv.first, kv.ones_word,
                          0,    0,        {{kv.v_loads, 0, 0, 0, 1}, {kv.width, 0, 0, 1, 0}}};
        piece.byte_slices = kv.width;
        ones.pieces.push_back(piece);
    }
    return ones;
}

/// Calls visit(side, unit's place, first query head, heads in a row, row of the first one in the unit, KV
/// head of the unit) for the query heads that share a KV head.
template <class Visit>
void for_heads(const AttentionPlan& plan, const Visit& visit) {
    const KvLayout& kv = plan.kv;
    const std::int64_t shared = plan.shape.heads / kv.shape.kv_heads;
    for (const Hemisphere side : {Hemisphere::West, Hemisphere::East}) {
        for (std::int64_t index = 0; index < kv.units_of(side); ++index) {
            if (kv.on_both_sides()) {
                const std::int64_t first = side == Hemisphere::West ? 0 : plan.rows;
                if (first < shared) {
                    visit(side, index, first, std::min(plan.rows, shared - first), 0, 0);
                }
                continue;
            }
            const std::int64_t unit = kv.unit(side, index);
            for (std::int64_t j = 0; j < kv.heads_of(unit); ++j) {
                visit(side, index, (unit * kv.stacked + j) * shared, shared, j * shared, j);
            }
        }
    }
}

Tensor query_tensor(const AttentionPlan& plan) {
    const AttentionShape& shape = plan.shape;
    const KvLayout& kv = plan.kv;
    const std::int64_t lanes = std::min(shape.kv.qk_dim, kv.k_step_lanes);
    Tensor queries{
        "q", Tensor::Role::Input, DType::Fp16, shape.queries * shape.heads, shape.kv.qk_dim, false, lanes,
        {}};
    for_heads(plan, [&](Hemisphere side, std::int64_t index, std::int64_t head, std::int64_t heads,
                        std::int64_t row, std::int64_t j) {
        for (std::int64_t step = 0; step < kv.k_steps; ++step) {
            TensorPiece piece{side,
                              AttentionWork::queries.first,
                              (index * kv.k_steps + step) * shape.queries * plan.rows + row,
                              head,
                              step * kv.k_step_lanes,
                              {{shape.queries, shape.heads, 0, 0, plan.rows}, {heads, 1, 0, 0, 1}}};
            piece.lane = j * shape.kv.qk_dim;
            queries.pieces.push_back(piece);
        }
    });
    return queries;
}

Tensor output_tensor(const AttentionPlan& plan, const AttentionWork& work) {
    const AttentionShape& shape = plan.shape;
    const KvLayout& kv = plan.kv;
    const std::int64_t lanes = std::min(shape.kv.v_dim, kv.v_part_columns);
    Tensor out{
        "out", Tensor::Role::Output, shape.output, shape.queries * shape.heads, shape.kv.v_dim, false, lanes,
        {}};
    for_heads(plan, [&](Hemisphere side, std::int64_t index, std::int64_t head, std::int64_t heads,
                        std::int64_t row, std::int64_t j) {
        for (std::int64_t part = 0; part < kv.v_parts; ++part) {
            TensorPiece piece{side,
                              work.out.first,
                              work.out_word + (index * kv.v_parts + part) * shape.queries * plan.rows + row,
                              head,
                              part * kv.v_part_columns,
                              {{shape.queries, shape.heads, 0, 0, plan.rows}, {heads, 1, 0, 0, 1}}};
            piece.lane = j * shape.kv.v_dim;
            out.pieces.push_back(piece);
        }
    });
    return out;
}

/// The identity, then for each trip the rotations of its copies.
std::vector<LaneMap> lane_maps(const ChipSpec& spec) {
    const AttentionTiming timing{spec};
    const auto rotation = [&](std::int64_t by) {
        LaneMap map{"rotate" + std::to_string(by), {}};
        for (std::int64_t lane = 0; lane < spec.lanes(); ++lane) {
            map.lanes.push_back(static_cast<std::int16_t>((lane + by) % spec.lanes()));
        }
        return map;
    };
    std::vector<LaneMap> maps{rotation(0)};
    std::int64_t step = 1;
    for (std::int64_t trip = 0; trip < timing.lane_trips(); ++trip) {
        for (std::int64_t copy = 1; copy < timing.lane_copies(); ++copy) {
            maps.push_back(rotation(copy * step));
        }
        step *= timing.lane_copies();
    }
    return maps;
}

} // namespace

Program attention(const ChipSpec& spec, const AttentionShape& shape) {
    const AttentionPlan plan = plan_attention(spec, shape);
    const AttentionWork work = work_of(plan, spec);
    Program program;
    program.tensors = {query_tensor(plan),
                       key_tensor(plan.kv, Tensor::Role::Input),
                       value_tensor(plan.kv, Tensor::Role::Input),
                       mask_tensor(spec, plan, work),
                       ones_tensor(spec, plan.kv),
                       output_tensor(plan, work)};
    program.maps = lane_maps(spec);
    for (const Hemisphere side : {Hemisphere::West, Hemisphere::East}) {
        SideBuilder builder(spec, plan, side, program);
        for (const AttentionRound& round : plan.rounds) {
            builder.emit(round);
        }
    }
    return program;
}

} // namespace lpusim::chip
