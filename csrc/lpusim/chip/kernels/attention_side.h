#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lpusim/chip/kernels/attention_parts.h"
#include "lpusim/chip/kernels/side_schedule.h"

namespace lpusim::chip {

/// Writes what attention does in one hemisphere, round by round, in the plan's cycles.
class AttentionSide {
  public:
    AttentionSide(const ChipSpec& spec, const AttentionPlan& plan, Hemisphere side, Program& program);

    void emit(const AttentionRound& round);

  private:
    /// Weight tiles that the same rows meet one after the other, in every unit.
    struct TilePass {
        TileGroup tiles;
        std::int64_t cycle = 0; ///< of the first unit's first activation
        std::int64_t pass_cycles = 0;
        std::int64_t row_first = 0;
        std::int64_t rows = 0;
    };

    // The phases of a round, in order.
    /// q k^T, masked, into SRAM.
    void scores();
    /// The greatest score of each lane over the tiles of a row.
    void maxima();
    /// The greatest lane of each row, on every lane.
    void lanes();
    /// Probabilities, fp16, and their sums over the tiles.
    void powers();
    /// 1 / sum of each row's probabilities, on every lane: columns of ones are the weights.
    void sums();
    /// p v / sum, into SRAM. A row leaves with the last tile it sees.
    void outputs();

    /// Weight tiles from `word` on into both planes: the first is active at `active`.
    void load(std::int64_t word, std::int64_t loads, std::int64_t active, const Loops& tiles);
    /// Fp16 vectors as activations, the first at the MXM at `cycle`.
    void activate(SliceGroup group, std::int64_t word, std::int64_t cycle, const Loops& loops);
    /// Sums of the activation at `cycle`; driven, they are on inward streams 0 to 3.
    void accumulate(std::int64_t cycle, std::int64_t slot, bool start, bool drive, const Loops& loops);

    /// A unit's vectors in scores and probabilities: tile by tile, rows inside.
    [[nodiscard]] std::int64_t unit_words() const { return tiles_ * rows_; }
    /// The weight tiles of one unit, `times` for each tile of keys, from `cycle` on. Returns the cycle after.
    std::int64_t tile_passes(std::int64_t cycle, std::int64_t times, std::int64_t loads,
                             std::vector<TilePass>& passes) const;
    /// Units, and the parts of their values, each of which takes `part_cycles`.
    [[nodiscard]] Loops parts(std::int64_t part_cycles, std::int64_t unit_stride,
                              std::int64_t part_stride) const;
    /// A mask for each row of a pass: the queries for which the tile is the last see a part of it.
    void mask(const TilePass& pass, std::int64_t arrives, const Loops& each);
    /// The first `leaving` rows of a pass, whose sums are complete, from the VXM to the output.
    void leave(const TilePass& pass, std::int64_t leaving, std::int64_t part_cycles);

    /// Calls visit(block, first cycle of its first unit, its loops over units and rows with a given unit
    /// stride) for the blocks of rows that see equally many tiles, a vector an ALU latency.
    template <class Visit>
    void for_blocks(std::int64_t cycle, const Visit& visit) const;
    /// `first` on the first vector of each row, `next` on the others; only the last result is driven, if any.
    void fold_tiles(std::int64_t alu, std::int64_t cycle, std::int64_t tiles, const Loops& rows,
                    VxmCompute first, VxmCompute next, std::optional<StreamRef> drive);
    /// `rows` vectors go round together, `times` times, from `row` on.
    void compare_lanes(std::int64_t cycle, std::int64_t row, std::int64_t times, std::int64_t rows);

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

} // namespace lpusim::chip
