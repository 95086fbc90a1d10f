#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "lpusim/chip/fuzz/draw.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// Lays out one random piece of work: operands arrive at `arrival_` (of the first instance) at a position.
class RandomWork {
  public:
    /// Lane maps are added to `maps`.
    RandomWork(const ChipSpec& spec, Draw& draw, std::vector<LaneMap>& maps)
        : spec_(spec), draw_(draw), maps_(maps) {}

    /// A gather, a scatter, or vectors sent from chip `from` to chip `to`.
    std::vector<InstructionRun> build_linked(std::int64_t from, std::int64_t to);

    /// Two that want one ALU's result cycle or one MXM array, and get it or not.
    std::vector<InstructionRun> build_contest();
    std::vector<InstructionRun> build();

  private:
    struct Steps {
        std::int64_t count = 1;
        std::int64_t cycles = 0;
    };

    std::vector<Steps> random_levels();

    /// Repeat levels with address strides, and a base so that (mostly) all addresses are in range.
    std::vector<Level> placed_levels(std::int64_t words, bool writes, std::int64_t& base);
    QueueId random_slice();
    [[nodiscard]] std::int64_t position(const QueueId& queue) const { return queue_position(spec_, queue); }
    std::int64_t random_stream(std::int64_t width) {
        return draw_.below(spec_.streams_per_direction / width) * width;
    }

    /// Reads that make `width` streams arrive at `target` in cycle `arrival`.
    void bring(const StreamRef& group, std::int64_t width, std::int64_t target, std::int64_t arrival,
               const QueueId* fixed = nullptr);

    /// Writes that take `width` streams driven at `origin` in cycle `driven` into slices downstream.
    void store(const StreamRef& group, std::int64_t width, std::int64_t origin, std::int64_t driven);
    void copy();

    /// One instruction that reads one bank while it writes the other, and turns round: its reads meet its own
    /// earlier and later writes.
    void swap_banks();
    std::vector<Level> plain_levels() const;
    Direction random_direction() { return draw_.chance(50) ? Direction::East : Direction::West; }
    VxmOperand random_operand(DType dtype, std::int64_t alu);
    [[nodiscard]] std::int64_t latency(VxmOp op) const {
        return is_function(op) ? spec_.vxm_function_latency_cycles : spec_.vxm_alu_latency_cycles;
    }
    void pointwise();

    /// A function and a plain operation on one ALU, in turns: their results may meet.
    void take_turns();

    /// Fp16 on a pair of planes, and int8 on the second of them when it is free, or not.
    void share_pair();

    /// The SXM takes what leaves the VXM behind and sends it back.
    void lane_move();

    /// A map of so many lanes; returns its number.
    std::int64_t add_map(std::int64_t lanes, bool once);
    void fetch();
    Hemisphere random_side() { return draw_.chance(50) ? Hemisphere::West : Hemisphere::East; }

    /// From the VXM to the end of the line, and back.
    [[nodiscard]] static Direction outward(Hemisphere side) {
        return side == Hemisphere::West ? Direction::West : Direction::East;
    }
    [[nodiscard]] static Direction inward(Hemisphere side) {
        return side == Hemisphere::West ? Direction::East : Direction::West;
    }

    /// An ALU that takes its own last result, sometimes through another ALU and back.
    void running_sum();

    /// Loads weights from `arrival` on and installs them; returns the cycle of the install.
    std::int64_t load_weights(Hemisphere side, std::int64_t plane, std::int64_t arrival);

    /// Load, install, activate, accumulate, store; sometimes two passes into the same slots.
    void product();

    /// One activation run under several installs: each swaps in the weights loaded meanwhile.
    void stream_through_installs();

    /// Load, install, load, install: a repeat each. Sometimes the loads move on by columns, or start later
    /// than the installs' first turn allows, or activations run beside them.
    void weights_in_turn();

    /// A queue that is parked once or twice in the middle of a repeat, with or without room for it.
    void parked_repeat();

    /// Puts the runs that were added since the last call on a chip.
    void place_on(std::int64_t chip);

    /// A gather, a scatter, or both in one instruction, sometimes a plain access beside them.
    void through_maps();

    /// From a slice of one chip over a link into a slice of another one: links stand in a ring.
    void transfer(std::int64_t from, std::int64_t to);

    /// A range of slices on one diagonal, read in one hemisphere and written in the other.
    void slice_range();
    void barrier();

    const ChipSpec& spec_;
    Draw& draw_;
    std::vector<LaneMap>& maps_;
    std::int64_t arrival_ = 0;
    std::vector<Steps> levels_;
    std::vector<InstructionRun> runs_;
    std::size_t placed_ = 0; ///< runs that have their chip
};

} // namespace lpusim::chip
