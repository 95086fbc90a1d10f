#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/kernels/reservations.h"
#include "lpusim/chip/program.h"
#include "lpusim/chip/spec.h"

namespace lpusim::chip {

/// A queue or stream is missing for the schedule asked for; a slower one may still fit.
class NoRoom : public ValueError {
  public:
    using ValueError::ValueError;
};

/// The first schedule that fits: build(first), build(first + step) ... build(last). Throws what build(last)
/// throws.
template <class Build>
[[nodiscard]] Program first_fitting(std::int64_t first, std::int64_t last, std::int64_t step,
                                    const Build& build) {
    for (std::int64_t i = first; i != last; i += step) {
        try {
            return build(i);
        } catch (const NoRoom&) {
            continue;
        } catch (const CapacityError&) {
            continue;
        }
    }
    return build(last);
}

/// Values on their way from the unit that made them: vectors side by side on `streams` streams, the first at
/// `cycle` (the cycle in which it is driven, or in which an ALU's result can be chained), the others as
/// `levels` say, whose strides mean nothing here.
struct Flow {
    std::size_t source = 0;
    std::int64_t cycle = 0;
    std::vector<Level> levels;
    DType dtype = DType::Int8;
    std::int64_t streams = 1;
    std::int64_t plane = 0; ///< of the source's streams, the first that this is
};

/// Of a VXM operation: values, or one number on every lane.
using Operand = std::variant<Flow, VxmImmediate>;

/// An fp32 immediate.
[[nodiscard]] inline VxmImmediate number(float value) {
    return {std::bit_cast<std::int32_t>(value)};
}

/// The cycles of a loop whose first turn is in cycle `first`.
[[nodiscard]] Progression loop_cycles(std::int64_t first, std::span<const Level> levels);

/// Writes a schedule as data flow. The author says what is computed from what, in which loop, and when each
/// tensor is read; hops and latencies become issue cycles, and ALUs, SXM queues, streams and SRAM slices are
/// found so that nothing meets. A block of a tensor has slices of its own, byte planes side by side, nearest
/// to the VXM first; one that must be read twice in a cycle is stored twice. Cycles may be negative until
/// `finish`, which moves the first issue to 0. The same calls give the same program.
///
/// A flow is routed when it is first used: the first user fixes its direction. An ALU result used by another
/// ALU is chained, so it must be used in the very cycle it is ready. Throws NoRoom when a queue or stream is
/// short, CapacityError when slices are.
/// Cost: runs x what the same queue or stream already holds, never loop counts.
class KernelSchedule {
  public:
    explicit KernelSchedule(const ChipSpec& spec) : spec_(spec) {}

    [[nodiscard]] const ChipSpec& spec() const { return spec_; }

    /// Adds a tensor (its pieces follow from its blocks), or a lane map if it is new; the number to name it
    /// by. Throws CapacityError for a tensor larger than all SRAM.
    std::size_t tensor(Tensor tensor);
    std::int64_t lane_map(LaneMap map);

    /// A part of a tensor, from (row, column) on, one vector for each point of `loops` in order, one after
    /// the other in SRAM: the loops' address strides are filled in. `across` lays
    /// further elements in neighbouring slices. Where one slice is too small, the outermost loop goes on in
    /// others. Slices are found at the first use.
    std::size_t block(std::size_t tensor, std::int64_t row, std::int64_t column,
                      std::vector<TensorLoop> loops, TensorLoop across = {});
    /// Slices found from now on are farther out than all before, so that they are downstream of them.
    void leave_positions();
    /// As much SRAM for values in between; written before it is read.
    std::size_t scratch(DType dtype, std::vector<TensorLoop> loops);

    /// Vectors of a block, the first one `first_word` into it, the others along `levels` (address_stride in
    /// vectors of the block), so that the first is at `position` in `cycle`.
    [[nodiscard]] Flow read(std::size_t block, std::int64_t position, std::int64_t cycle,
                            const std::vector<Level>& levels, std::int64_t first_word = 0);
    /// A vector of the block for each of `map`, whose first lanes say, superlane by superlane, which one: the
    /// low two bytes are an address in `bank` of slices in `hemisphere`, which hold the block from their
    /// first word on. The map passes the block's slices on its way, and the vectors go on in its direction.
    [[nodiscard]] Flow gather(std::size_t block, const Flow& map, Hemisphere hemisphere,
                              std::int64_t bank = 0);
    /// Writes a flow into a block: one vector after the other, or along `strides`, one for each level.
    void write(std::size_t block, const Flow& flow, std::vector<std::int64_t> strides = {},
               std::int64_t first_word = 0);

    [[nodiscard]] DType dtype(std::size_t block) const { return blocks_[block].dtype; }
    /// The cycle in which the first vector is at `position`.
    [[nodiscard]] std::int64_t arrival(const Flow& flow, std::int64_t position) const;
    /// The vectors of a flow from `cycles` later on along other levels: some of those that it has.
    [[nodiscard]] static Flow part(Flow flow, std::int64_t cycles, std::vector<Level> levels);

    /// Byte plane `plane` of a flow from a stream.
    [[nodiscard]] static Flow byte_plane(Flow flow, std::int64_t plane);
    /// Results of ALUs that are there in the same cycles as one flow: what they drive is side by side.
    [[nodiscard]] Flow beside(const std::vector<Flow>& results, DType dtype);

    /// One operation, on all vectors of its operands (which arrive together), typed by the first of them.
    [[nodiscard]] Flow vxm(VxmOp op, const std::vector<Operand>& operands, std::optional<DType> result = {});
    /// The innermost level folded in order, op(op(x0, x1), x2) ..., on one ALU that chains its own result:
    /// its cycles must be vxm_alu_latency_cycles.
    [[nodiscard]] Flow fold_innermost(VxmOp op, const Flow& flow);
    /// Each vector `count` times, every vxm_alu_latency_cycles, from an ALU that chains its own result.
    [[nodiscard]] Flow hold(const Flow& flow, std::int64_t count);

    /// 0, 1, 2, ... in int32 on every lane, `count` numbers every vxm_alu_latency_cycles, the first one ready
    /// in `cycle`, anew in each turn of `levels`.
    [[nodiscard]] Flow counting(std::int64_t cycle, std::vector<Level> levels, std::int64_t count);
    /// The same vectors so many vxm_alu_latency_cycles later: passed on by an ALU each time, or, where it
    /// takes long, held by one until the next vector comes.
    [[nodiscard]] Flow delayed(Flow flow, std::int64_t passes);

    /// Every plane of `a` (and `b`) moved in the SXM of a hemisphere, on as many queues; Transpose takes and
    /// Rotate makes all streams with one.
    [[nodiscard]] Flow sxm(Hemisphere hemisphere, SxmOp op, std::int64_t argument, const Flow& a,
                           const Flow* b = nullptr);

    /// The first cycle in which a block that was written in the same order can be read at `position`.
    [[nodiscard]] std::int64_t readable(std::size_t block, std::int64_t position) const;
    /// Is a read possible without another copy of the block?
    [[nodiscard]] bool can_read(std::size_t block, std::int64_t position, std::int64_t cycle,
                                const std::vector<Level>& levels) const;
    /// SXM queues of a hemisphere that could take vectors there in these cycles.
    [[nodiscard]] std::int64_t sxm_queues_free(Hemisphere hemisphere, std::int64_t cycle,
                                               const std::vector<Level>& levels) const;

    /// The MXM's queues are the author's to keep apart. `columns` has a weight column a stream; along its
    /// levels the column moves by `strides`.
    void load(Hemisphere hemisphere, std::int64_t plane, const Flow& columns, std::int64_t first_column,
              std::span<const std::int64_t> strides);
    void install(Hemisphere hemisphere, std::int64_t plane, std::int64_t cycle, std::vector<Level> levels);
    /// The cycle in which the first column sums are there to be accumulated.
    std::int64_t activate(Hemisphere hemisphere, std::int64_t plane, const Flow& activations,
                          std::int64_t roundings = 1);
    /// `cycle` is that of the first column sums; address strides of `levels` move the slot. The flow is the
    /// slot's new content; unused it is not driven.
    Flow accumulate(Hemisphere hemisphere, std::int64_t plane, std::int64_t cycle, std::vector<Level> levels,
                    std::int64_t slot, bool start, DType dtype);

    [[nodiscard]] Program finish();

  private:
    /// What drives a flow: runs whose destination is still open until it is routed.
    struct Source {
        struct Drive {
            std::size_t run = 0;
            std::int64_t plane = 0; ///< which stream of the flow's this run drives first
        };
        std::int64_t position = 0;
        std::int64_t cycle = 0;
        std::vector<Level> levels;
        std::int64_t streams = 1;
        std::optional<std::int64_t> alu{};
        std::vector<Drive> drives{};
        std::optional<Direction> bound{}; ///< the only way it can go
        std::optional<StreamRef> routed{};
        std::int64_t routed_end = 0; ///< hops downstream up to which the stream is its own
    };
    struct Copy {
        Hemisphere hemisphere = Hemisphere::West;
        std::int64_t slice = 0;
    };
    struct Block {
        std::optional<std::size_t> tensor; ///< none: scratch
        DType dtype = DType::Int8;
        std::int64_t row = 0;
        std::int64_t column = 0;
        std::vector<TensorLoop> loops;
        TensorLoop across;
        std::int64_t set_slices = 1; ///< slices side by side
        std::int64_t set_steps = 1;  ///< steps of the outermost loop that a set of slices holds
        std::int64_t sets = 1;
        std::vector<Copy> copies{};
        std::int64_t written = 0; ///< cycle in which the first vector is in SRAM
    };
    /// What one set of slices does in one read or write.
    struct SetAccess {
        std::int64_t slice = 0;
        std::int64_t key = 0; ///< diagonal of the first vector
        std::int64_t address = 0;
        std::vector<Level> levels;
    };
    /// From a vector's drive or arrival at a slice to the issue, and to the SRAM access.
    struct Offsets {
        std::int64_t issue = 0;
        std::int64_t access = 0;
    };

    /// Positions of the outermost slices of a copy.
    struct Reach {
        std::int64_t west = 0;
        std::int64_t east = 0;
    };

    [[nodiscard]] Offsets read_offsets() const {
        return {-spec_.mem_read_latency_cycles, -spec_.mem_read_latency_cycles};
    }
    std::size_t add_block(Block block);
    [[nodiscard]] std::string name_of(const Block& block) const;
    [[nodiscard]] std::optional<Copy> room(const Block& block, Hemisphere hemisphere) const;
    /// Where the block can be put, best place first. Throws CapacityError if nowhere.
    [[nodiscard]] std::vector<Copy> fresh_copies(const Block& block, std::int64_t position) const;
    void keep(Block& block, const Copy& copy);
    [[nodiscard]] Reach reach(const Block& block, const Copy& copy) const;
    [[nodiscard]] std::vector<SetAccess> accesses(const Block& block, const Copy& copy, std::int64_t key,
                                                  const std::vector<Level>& levels,
                                                  std::int64_t first_word) const;
    [[nodiscard]] bool slices_free(const Block& block, const Copy& copy, Direction direction,
                                   const std::vector<SetAccess>& sets, Offsets offsets) const;
    void take_slices(const Block& block, const Copy& copy, Direction direction,
                     const std::vector<SetAccess>& sets, Offsets offsets);
    /// A read that a copy could serve: still without drives.
    struct ReadPlan {
        Source source;
        StreamRef stream;
        std::vector<SetAccess> sets;
    };
    [[nodiscard]] std::optional<ReadPlan> plan_read(const Block& block, const Copy& copy,
                                                    std::int64_t position, std::int64_t cycle,
                                                    const std::vector<Level>& levels,
                                                    std::int64_t first_word) const;
    [[nodiscard]] Flow do_read(const Block& block, const Copy& copy, std::int64_t position, ReadPlan plan);
    [[nodiscard]] bool try_write(Block& block, const Copy& copy, bool fresh, const Flow& flow,
                                 const std::vector<Level>& levels, std::int64_t first_word);

    [[nodiscard]] std::optional<StreamRef> free_stream(const Source& source, Direction direction,
                                                       Reservations::Extent extent) const;
    [[nodiscard]] std::optional<StreamRef> find_route(const Source& source, std::int64_t position) const;
    void take_route(Source& source, StreamRef stream, std::int64_t position);
    StreamRef route(const Flow& flow, std::int64_t position);
    using Resource = Reservations::Resource;
    [[nodiscard]] Resource sxm_queue(Hemisphere hemisphere, std::int64_t queue) const;
    [[nodiscard]] std::int64_t pick_alu(const Progression& issues, std::int64_t latency_cycles) const;
    void take_alu(std::int64_t alu, const Progression& issues, std::int64_t latency_cycles);
    [[nodiscard]] VxmOperand operand(const Operand& value, const Progression& issues);
    std::size_t emit(QueueId queue, std::int64_t issue, const Instruction& instruction,
                     std::vector<Level> levels, SliceRange slices = {});
    Flow add_source(Source source, DType dtype);

    ChipSpec spec_;
    Program program_;
    Reservations taken_;
    std::vector<Source> sources_;
    std::vector<Block> blocks_;
    std::array<std::int64_t, 2> slices_used_{};
};

} // namespace lpusim::chip
