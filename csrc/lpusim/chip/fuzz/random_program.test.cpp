#include "lpusim/chip/fuzz/random_program.h"

#include <algorithm>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/rng.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/tick/tick.h"

namespace lpusim::chip {
namespace {

class Draw {
  public:
    explicit Draw(std::uint64_t seed) : seed_(seed) {}

    [[nodiscard]] std::int64_t below(std::int64_t bound) {
        return static_cast<std::int64_t>(random_bits(seed_, 11, drawn_++) %
                                         static_cast<std::uint64_t>(bound));
    }
    [[nodiscard]] std::int64_t between(std::int64_t low, std::int64_t high) {
        return low + below(high - low + 1);
    }
    [[nodiscard]] bool chance(std::int64_t percent) { return below(100) < percent; }

  private:
    std::uint64_t seed_;
    std::uint64_t drawn_ = 0;
};

void move_address(InstructionRun& run, const Level& level, std::int64_t steps) {
    if (auto* access = std::get_if<MemAccess>(&run.instruction)) {
        if (access->read)
            access->read->address += steps * level.address_stride;
        if (access->write)
            access->write->address += steps * level.write_address_stride;
    } else if (auto* load = std::get_if<MxmLoad>(&run.instruction)) {
        load->column += steps * level.address_stride;
    } else if (auto* add = std::get_if<MxmAccumulate>(&run.instruction)) {
        add->slot += steps * level.address_stride;
    }
}

/// The same instances as two runs: every second one of a level, or the first ones and the others; or one
/// level written as two.
std::vector<InstructionRun> split_run(const InstructionRun& run, Draw& draw) {
    if (run.repeat.empty())
        return {run};
    const auto at = static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(run.repeat.size())));
    const Level whole = run.repeat[at];
    if (whole.count < 2)
        return {run};
    InstructionRun first = run, second = run;
    Level& left = first.repeat[at];
    Level& right = second.repeat[at];
    const std::int64_t way = draw.below(whole.count % 2 == 0 && run.repeat.size() < 6 ? 3 : 2);
    if (way == 2) {
        first.repeat.insert(
            first.repeat.begin() + static_cast<std::ptrdiff_t>(at),
            {whole.count / 2, 2 * whole.cycles, 2 * whole.address_stride, 2 * whole.write_address_stride});
        first.repeat[at + 1].count = 2;
        return {first};
    }
    std::int64_t steps = 1;
    if (way == 1) { // Odd and even.
        for (Level* level : {&left, &right}) {
            level->cycles *= 2;
            level->address_stride *= 2;
            level->write_address_stride *= 2;
        }
        left.count = (whole.count + 1) / 2;
    } else {
        steps = left.count = draw.between(1, whole.count - 1);
    }
    right.count = whole.count - left.count;
    second.issue += steps * whole.cycles;
    move_address(second, whole, steps);
    return {first, second};
}

/// Lays out one piece of work: operands arrive at `arrival` (of the first instance) at a position.
class Builder {
  public:
    /// Lane maps are added to `maps`.
    Builder(const ChipSpec& spec, Draw& draw, std::vector<LaneMap>& maps)
        : spec_(spec), draw_(draw), maps_(maps) {}

    /// A gather, a scatter, or vectors sent from chip `from` to chip `to`.
    std::vector<InstructionRun> build_linked(std::int64_t from, std::int64_t to) {
        arrival_ = spec_.mem_read_latency_cycles + spec_.positions + draw_.below(120);
        levels_ = random_levels();
        if (draw_.chance(50)) {
            through_maps();
            place_on(from);
        } else {
            transfer(from, to);
        }
        return std::move(runs_);
    }

    /// Two that want one ALU's result cycle or one MXM array, and get it or not.
    std::vector<InstructionRun> build_contest() {
        arrival_ = spec_.mem_read_latency_cycles + spec_.positions + draw_.below(120);
        spec_.mxm_planes_per_hemisphere == 2 && draw_.chance(60) ? share_pair() : take_turns();
        return std::move(runs_);
    }

    std::vector<InstructionRun> build() {
        arrival_ = spec_.mem_read_latency_cycles + spec_.positions + draw_.below(120);
        levels_ = random_levels();
        const std::int64_t kind = draw_.below(18);
        if (kind < 3) {
            copy();
        } else if (kind == 10) {
            swap_banks();
        } else if (kind == 13) {
            parked_repeat();
        } else if (kind == 14) {
            fetch();
        } else if (kind == 17) {
            running_sum();
        } else if (kind > 14) {
            lane_move();
        } else if (kind > 10) {
            weights_in_turn();
        } else if (kind < 7) {
            draw_.chance(70) ? pointwise() : take_turns();
        } else if (kind < 9) {
            if (draw_.chance(25) && spec_.mxm_planes_per_hemisphere == 2) {
                share_pair();
            } else {
                draw_.chance(60) ? product() : stream_through_installs();
            }
        } else {
            slice_range();
        }
        if (draw_.chance(8))
            barrier();
        std::vector<InstructionRun> pieces;
        for (const InstructionRun& run : runs_) {
            for (const InstructionRun& half : draw_.chance(25) ? split_run(run, draw_) : std::vector{run}) {
                const auto quarters = draw_.chance(25) ? split_run(half, draw_) : std::vector{half};
                pieces.insert(pieces.end(), quarters.begin(), quarters.end());
            }
        }
        return pieces;
    }

  private:
    struct Steps {
        std::int64_t count = 1;
        std::int64_t cycles = 0;
    };

    std::vector<Steps> random_levels() {
        std::vector<Steps> levels;
        std::int64_t covered = 1;
        const std::int64_t depth = draw_.below(4);
        for (std::int64_t k = 0; k < depth; ++k) {
            const std::int64_t cycles = covered + draw_.below(2) * draw_.below(6);
            const std::int64_t count = draw_.between(1, k == 0 ? 7 : 4);
            levels.insert(levels.begin(), {count, cycles});
            covered += (count - 1) * cycles;
        }
        return levels;
    }

    /// Repeat levels with address strides, and a base so that (mostly) all addresses are in range.
    std::vector<Level> placed_levels(std::int64_t words, bool writes, std::int64_t& base) {
        std::vector<Level> repeat;
        std::int64_t low = 0, high = 0;
        for (const Steps& steps : levels_) {
            const std::int64_t stride = draw_.chance(25) ? 0 : draw_.between(-1, 3);
            repeat.push_back({steps.count, steps.cycles, writes ? 0 : stride, writes ? stride : 0});
            (stride < 0 ? low : high) += stride * (steps.count - 1);
        }
        if (high - low >= words) { // Too far: stay in place.
            for (Level& level : repeat)
                level.address_stride = level.write_address_stride = 0;
            low = high = 0;
        }
        base = draw_.between(-low, words - 1 - high);
        return repeat;
    }

    QueueId random_slice() {
        return {Unit::Mem, draw_.chance(50) ? Hemisphere::West : Hemisphere::East,
                draw_.below(spec_.mem_slices_per_hemisphere)};
    }

    [[nodiscard]] std::int64_t position(const QueueId& queue) const { return queue_position(spec_, queue); }

    std::int64_t random_stream(std::int64_t width) {
        return draw_.below(spec_.streams_per_direction / width) * width;
    }

    /// Reads that make `width` streams arrive at `target` in cycle `arrival`.
    void bring(const StreamRef& group, std::int64_t width, std::int64_t target, std::int64_t arrival,
               const QueueId* fixed = nullptr) {
        for (std::int64_t i = 0; i < width; ++i) {
            QueueId from = fixed != nullptr ? *fixed : random_slice();
            for (int tries = 0; tries < 50 && fixed == nullptr; ++tries) {
                const bool upstream =
                    group.direction == Direction::East ? position(from) < target : position(from) > target;
                if (upstream)
                    break;
                from = random_slice();
            }
            const std::int64_t distance = std::abs(position(from) - target);
            std::int64_t base = 0;
            InstructionRun run{from, arrival - distance - spec_.mem_read_latency_cycles, {}, {}, {}};
            run.repeat = placed_levels(spec_.mem_words_per_slice, false, base);
            run.instruction = MemAccess{MemRead{base, {group.direction, group.stream + i}}, std::nullopt};
            runs_.push_back(run);
        }
    }

    /// Writes that take `width` streams driven at `origin` in cycle `driven` into slices downstream.
    void store(const StreamRef& group, std::int64_t width, std::int64_t origin, std::int64_t driven) {
        for (std::int64_t i = 0; i < width; ++i) {
            QueueId to = random_slice();
            for (int tries = 0; tries < 50; ++tries) {
                const bool downstream =
                    group.direction == Direction::East ? position(to) > origin : position(to) < origin;
                if (downstream)
                    break;
                to = random_slice();
            }
            std::int64_t base = 0;
            InstructionRun run{to, driven + std::abs(position(to) - origin), {}, {}, {}};
            run.repeat = placed_levels(spec_.mem_words_per_slice, true, base);
            run.instruction = MemAccess{std::nullopt, MemWrite{base, {group.direction, group.stream + i}}};
            runs_.push_back(run);
        }
    }

    void copy() {
        QueueId from = random_slice(), to = random_slice();
        for (int tries = 0; tries < 50 && position(from) == position(to); ++tries)
            to = random_slice();
        const Direction direction = position(to) > position(from) ? Direction::East : Direction::West;
        const StreamRef stream{direction, random_stream(1)};
        bring(stream, 1, position(to), arrival_, &from);
        std::int64_t base = 0;
        InstructionRun write{to, arrival_, {}, placed_levels(spec_.mem_words_per_slice, true, base), {}};
        MemAccess access{std::nullopt, MemWrite{base, stream}};
        if (draw_.chance(30)) { // The same instruction also reads on.
            std::int64_t read_base = 0;
            const auto moves = placed_levels(spec_.mem_words_per_slice, false, read_base);
            for (std::size_t k = 0; k < moves.size(); ++k)
                write.repeat[k].address_stride = moves[k].address_stride;
            access.read = MemRead{read_base, {direction, random_stream(1)}};
        }
        write.instruction = access;
        runs_.push_back(write);
    }

    /// One instruction that reads one bank while it writes the other, and turns round: its reads meet its own
    /// earlier and later writes.
    void swap_banks() {
        const QueueId here = random_slice();
        const Direction direction = random_direction();
        const StreamRef in{direction, random_stream(1)};
        const std::int64_t bank = spec_.mem_words_per_slice / spec_.mem_banks_per_slice;
        const std::int64_t inner = draw_.between(1, 6);
        levels_ = {{draw_.between(1, 3), 40}, {2, draw_.between(8, 12)}, {inner, 1}};
        bring(in, 1, position(here), arrival_);
        const std::int64_t low = draw_.below(bank - inner), lower = draw_.between(0, low);
        InstructionRun run{here, arrival_, {}, {}, {}};
        run.instruction =
            MemAccess{MemRead{low, {random_direction(), random_stream(1)}}, MemWrite{bank + lower, in}};
        run.repeat = {{levels_[0].count, 40, 0, 0}, {2, levels_[1].cycles, bank, -bank}, {inner, 1, 1, 1}};
        runs_.push_back(run);
        const auto& read = *std::get<MemAccess>(run.instruction).read;
        store(read.to, 1, position(here), arrival_ + spec_.mem_read_latency_cycles);
    }

    std::vector<Level> plain_levels() const {
        std::vector<Level> repeat;
        for (const Steps& steps : levels_)
            repeat.push_back({steps.count, steps.cycles, 0, 0});
        return repeat;
    }

    Direction random_direction() { return draw_.chance(50) ? Direction::East : Direction::West; }

    VxmOperand random_operand(DType dtype, std::int64_t alu) {
        const std::int64_t width = dtype_bytes(dtype);
        const std::int64_t pick = draw_.below(10);
        if (pick < 2)
            return VxmImmediate{draw_.chance(70)
                                    ? static_cast<std::int32_t>(draw_.between(-3, 9))
                                    : static_cast<std::int32_t>(draw_.below(std::int64_t{1} << 32U))};
        if (pick < 4 && spec_.vxm_alus > 1) { // Another ALU finishes in this very cycle.
            const std::int64_t other = (alu + 1 + draw_.below(spec_.vxm_alus - 1)) % spec_.vxm_alus;
            if (draw_.chance(30))
                dtype = DType::Int8; // Another width than the consumer's.
            const std::int64_t made = dtype_bytes(dtype);
            const StreamRef from{random_direction(), random_stream(made)};
            const bool floating = dtype == DType::Fp32 || dtype == DType::Fp16;
            const VxmOp op = floating && draw_.chance(40) ? VxmOp::Rsqrt : VxmOp::Pass;
            const std::int64_t issue = arrival_ - latency(op);
            bring(from, made, vxm_position(spec_), issue);
            runs_.push_back({{Unit::Vxm, Hemisphere::West, other},
                             issue,
                             VxmCompute{op, dtype, dtype, VxmStream{from}, {}, std::nullopt},
                             plain_levels(),
                             {}});
            return VxmChain{other};
        }
        const StreamRef from{random_direction(), random_stream(width)};
        bring(from, width, vxm_position(spec_), arrival_);
        return VxmStream{from};
    }

    [[nodiscard]] std::int64_t latency(VxmOp op) const {
        return is_function(op) ? spec_.vxm_function_latency_cycles : spec_.vxm_alu_latency_cycles;
    }

    void pointwise() {
        const std::int64_t alu = draw_.below(spec_.vxm_alus);
        static constexpr DType kTypes[] = {DType::Int8, DType::Int32, DType::Fp32, DType::Fp16, DType::Fp8};
        VxmCompute compute;
        compute.dtype = draw_.chance(40) ? DType::Int8 : kTypes[draw_.between(1, 3)];
        compute.result = compute.dtype;
        const bool integer = compute.dtype == DType::Int8 || compute.dtype == DType::Int32;
        static constexpr VxmOp kBoth[] = {VxmOp::Pass,    VxmOp::Add,   VxmOp::Sub,   VxmOp::Mul,
                                          VxmOp::Max,     VxmOp::Min,   VxmOp::Relu,  VxmOp::Mask,
                                          VxmOp::Convert, VxmOp::Scale, VxmOp::Abs,   VxmOp::Neg,
                                          VxmOp::Equal,   VxmOp::Less,  VxmOp::Select};
        static constexpr VxmOp kIntegers[] = {VxmOp::ShiftRight, VxmOp::AddSat, VxmOp::SubSat, VxmOp::MulSat,
                                              VxmOp::And,        VxmOp::Or,     VxmOp::Xor};
        static constexpr VxmOp kFunctions[] = {VxmOp::Exp, VxmOp::Rsqrt, VxmOp::Tanh};
        if (draw_.chance(65)) {
            compute.op = kBoth[draw_.below(15)];
        } else {
            compute.op = integer ? kIntegers[draw_.below(7)] : kFunctions[draw_.below(3)];
        }
        if (compute.op == VxmOp::Convert) {
            compute.dtype = kTypes[draw_.below(5)];
            compute.result = kTypes[draw_.below(5)];
        } else if (compute.op == VxmOp::ShiftRight) {
            compute.result = draw_.chance(50) ? DType::Int8 : DType::Int32;
        } else if (compute.op == VxmOp::Scale) {
            compute.dtype = compute.dtype == DType::Int32 ? DType::Int32 : DType::Fp32;
            compute.result = kTypes[draw_.below(5)];
        }
        arrival_ += std::max(spec_.vxm_alu_latency_cycles, spec_.vxm_function_latency_cycles);
        compute.a = random_operand(compute.dtype, alu);
        const bool unary = compute.op == VxmOp::Pass || compute.op == VxmOp::Relu ||
                           compute.op == VxmOp::Convert || compute.op == VxmOp::Abs ||
                           compute.op == VxmOp::Neg || is_function(compute.op);
        if (!unary)
            compute.b = random_operand(operand_b_dtype(compute), alu);
        if (compute.op == VxmOp::Select)
            compute.c = random_operand(compute.dtype, alu);
        const std::int64_t width = dtype_bytes(compute.result);
        const StreamRef to{random_direction(), random_stream(width)};
        compute.to = to;
        runs_.push_back({{Unit::Vxm, Hemisphere::West, alu}, arrival_, compute, plain_levels(), {}});
        store(to, width, vxm_position(spec_), arrival_ + latency(compute.op));
    }

    /// A function and a plain operation on one ALU, in turns: their results may meet.
    void take_turns() {
        const QueueId queue{Unit::Vxm, Hemisphere::West, draw_.below(spec_.vxm_alus)};
        levels_ = {{draw_.between(1, 5), draw_.between(1, 6)}};
        for (const VxmOp op : {VxmOp::Exp, VxmOp::Neg}) {
            const StreamRef to{random_direction(), random_stream(4)};
            runs_.push_back({queue,
                             arrival_,
                             VxmCompute{op, DType::Fp32, DType::Fp32, VxmImmediate{1}, {}, to},
                             plain_levels(),
                             {}});
            store(to, 4, vxm_position(spec_), arrival_ + latency(op));
            arrival_ += draw_.between(1, 6);
        }
    }

    /// Fp16 on a pair of planes, and int8 on the second of them when it is free, or not.
    void share_pair() {
        const Hemisphere side = random_side();
        const std::int64_t end = mxm_position(spec_, side);
        std::int64_t at = load_weights(side, 0, arrival_);
        at = load_weights(side, 1, at + draw_.below(4)) + spec_.mxm_install_latency_cycles;
        const std::int64_t every = spec_.mxm_fp16_cycles + draw_.below(2), count = draw_.between(1, 5);
        const StreamRef from{outward(side), random_stream(2)};
        levels_ = {{every * count + 4, 1}};
        bring(from, 2, end, at);
        const auto activate = [&](std::int64_t plane, DType dtype, std::int64_t late) {
            runs_.push_back({{Unit::MxmActivations, side, plane},
                             at + late,
                             MxmActivate{dtype, from},
                             {{count, every, 0, 0}},
                             {}});
        };
        activate(0, DType::Fp16, 0);
        activate(draw_.below(2), DType::Int8, draw_.below(every + 2));
    }

    /// The SXM takes what leaves the VXM behind and sends it back.
    void lane_move() {
        const Hemisphere side = random_side();
        const QueueId queue{Unit::Sxm, side, draw_.below(spec_.sxm_queues_per_hemisphere)};
        const StreamRef in{outward(side), 0}, out{inward(side), 0};
        static constexpr SxmOp kOps[] = {SxmOp::Shift,      SxmOp::Select,    SxmOp::Permute,
                                         SxmOp::Distribute, SxmOp::Transpose, SxmOp::Rotate};
        SxmMove move{kOps[draw_.below(spec_.lanes_per_superlane >= 9 ? 6 : 5)], 0, in, std::nullopt, out};
        switch (move.op) {
        case SxmOp::Shift:
            move.argument = draw_.between(1 - spec_.lanes(), spec_.lanes() - 1);
            break;
        case SxmOp::Select:
            move.argument = draw_.between(0, spec_.lanes());
            move.b = StreamRef{in.direction, random_stream(1)};
            bring(*move.b, 1, position(queue), arrival_);
            break;
        case SxmOp::Permute:
            move.argument = add_map(spec_.lanes(), true);
            break;
        case SxmOp::Distribute:
            move.argument = add_map(spec_.lanes_per_superlane, false);
            break;
        case SxmOp::Rotate:
            move.argument = 3;
            break;
        case SxmOp::Transpose:
            break;
        }
        const SxmShape shape = sxm_shape(move, spec_);
        move.a.stream = random_stream(shape.input_streams);
        if (shape.output_streams == 1)
            move.to.stream = random_stream(1);
        bring(move.a, shape.input_streams, position(queue), arrival_);
        runs_.push_back({queue, arrival_, move, plain_levels(), {}});
        store(move.to, std::min<std::int64_t>(shape.output_streams, 4), position(queue),
              arrival_ + shape.latency_cycles);
    }

    /// A map of so many lanes; returns its number.
    std::int64_t add_map(std::int64_t lanes, bool once) {
        LaneMap map{"map" + std::to_string(maps_.size()), {}};
        for (std::int64_t lane = 0; lane < lanes; ++lane) {
            const auto from = static_cast<std::int16_t>(draw_.between(-1, lanes - 1));
            const bool taken = std::find(map.lanes.begin(), map.lanes.end(), from) != map.lanes.end();
            map.lanes.push_back(once && taken ? std::int16_t{-1} : from);
        }
        maps_.push_back(map);
        return static_cast<std::int64_t>(maps_.size()) - 1;
    }

    void fetch() {
        const QueueId queue = random_slice();
        const StreamRef from{random_direction(), random_stream(1)};
        levels_ = {{2, 1}};
        bring(from, 1, position(queue), arrival_);
        runs_.push_back({queue, arrival_, Ifetch{from}, {}, {}});
        runs_.push_back(
            {queue, arrival_ + draw_.between(1, 3), Config{draw_.between(1, spec_.superlanes)}, {}, {}});
    }

    Hemisphere random_side() { return draw_.chance(50) ? Hemisphere::West : Hemisphere::East; }
    /// From the VXM to the end of the line, and back.
    [[nodiscard]] static Direction outward(Hemisphere side) {
        return side == Hemisphere::West ? Direction::West : Direction::East;
    }
    [[nodiscard]] static Direction inward(Hemisphere side) {
        return side == Hemisphere::West ? Direction::East : Direction::West;
    }

    /// An ALU that takes its own last result, sometimes through another ALU and back.
    void running_sum() {
        const DType dtype = draw_.chance(50) ? DType::Int8 : DType::Int32;
        const std::int64_t width = dtype_bytes(dtype), latency = spec_.vxm_alu_latency_cycles;
        const std::int64_t alu = draw_.below(spec_.vxm_alus);
        const std::int64_t relay = draw_.chance(30) ? draw_.below(spec_.vxm_alus) : alu;
        const auto queue = [](std::int64_t index) { return QueueId{Unit::Vxm, Hemisphere::West, index}; };
        levels_ = {{draw_.between(2, 9), relay == alu ? latency : 2 * latency}};
        const StreamRef from{random_direction(), random_stream(width)};
        const StreamRef to{random_direction(), random_stream(width)};
        bring(from, width, vxm_position(spec_), arrival_);
        const VxmCompute start{
            VxmOp::Pass, dtype, dtype, VxmImmediate{static_cast<std::int32_t>(draw_.below(9))}, {}, {}};
        runs_.push_back({queue(relay), arrival_ - latency, start, {}, {}});
        runs_.push_back({queue(alu),
                         arrival_,
                         VxmCompute{VxmOp::Add, dtype, dtype, VxmStream{from}, VxmChain{relay}, to},
                         plain_levels(),
                         {}});
        if (relay != alu) {
            const VxmCompute back{VxmOp::Pass, dtype, dtype, VxmChain{alu}, {}, {}};
            runs_.push_back({queue(relay), arrival_ + latency, back, plain_levels(), {}});
        }
        store(to, width, vxm_position(spec_), arrival_ + latency);
    }

    /// Loads weights from `arrival` on and installs them; returns the cycle of the install.
    std::int64_t load_weights(Hemisphere side, std::int64_t plane, std::int64_t arrival) {
        const QueueId queue{Unit::MxmWeights, side, plane};
        const Direction in = side == Hemisphere::West ? Direction::West : Direction::East;
        const std::int64_t group = draw_.between(1, std::min(spec_.mxm_load_streams, spec_.lanes()));
        const std::int64_t columns = draw_.between(1, spec_.lanes() / group);
        const std::int64_t first_column = draw_.below(spec_.lanes() - columns * group + 1);
        const bool backwards = draw_.chance(25);
        const StreamRef weights{in, draw_.below(spec_.streams_per_direction - group + 1)};
        const std::int64_t cycles = draw_.between(1, 2);
        levels_ = {{columns, cycles}};
        bring(weights, group, mxm_position(spec_, side), arrival);
        const std::int64_t start = first_column + (backwards ? (columns - 1) * group : 0);
        runs_.push_back({queue,
                         arrival,
                         MxmLoad{start, weights, group},
                         {{columns, cycles, backwards ? -group : group, 0}},
                         {}});
        const std::int64_t install =
            arrival + (columns - 1) * cycles + std::max<std::int64_t>(1, spec_.mxm_load_latency_cycles);
        runs_.push_back({queue, install, MxmInstall{}, {}, {}});
        return install;
    }

    /// Load, install, activate, accumulate, store; sometimes two passes into the same slots.
    void product() {
        const Hemisphere side = random_side();
        static constexpr DType kTypes[] = {DType::Int8, DType::Fp8, DType::Fp16};
        const DType dtype = kTypes[draw_.below(spec_.mxm_planes_per_hemisphere == 2 ? 3 : 2)];
        const bool pair = dtype == DType::Fp16;
        const std::int64_t plane = pair ? 0 : draw_.below(spec_.mxm_planes_per_hemisphere);
        const std::int64_t end = mxm_position(spec_, side);
        const std::int64_t busy_cycles = pair ? spec_.mxm_fp16_cycles : 1;
        std::vector<Steps> activations = levels_;
        for (Steps& steps : activations)
            steps.cycles *= busy_cycles;
        for (std::int64_t pass = 0; pass < draw_.between(1, 2); ++pass) {
            std::int64_t at = load_weights(side, plane, arrival_);
            if (pair)
                at = load_weights(side, plane + 1, at + draw_.below(4));
            at += spec_.mxm_install_latency_cycles + draw_.below(3);

            levels_ = activations;
            const StreamRef from{outward(side), random_stream(dtype_bytes(dtype))};
            bring(from, dtype_bytes(dtype), end, at);
            const std::int64_t roundings = pair && spec_.lanes() % 2 == 0 ? draw_.between(1, 2) : 1;
            runs_.push_back({{Unit::MxmActivations, side, plane},
                             at,
                             MxmActivate{dtype, from, roundings},
                             plain_levels(),
                             {}});
            const std::int64_t sums = at + spec_.mxm_activate_latency_cycles + busy_cycles - 1;
            const StreamRef to{inward(side), random_stream(4)};
            std::int64_t slot = 0;
            InstructionRun add{{Unit::MxmAccumulators, side, plane}, sums, {}, {}, {}};
            add.repeat = placed_levels(spec_.mxm_accumulator_vectors, false, slot);
            const bool drives = draw_.chance(80);
            const bool floating = (dtype == DType::Int8) == draw_.chance(10);
            add.instruction = MxmAccumulate{slot, draw_.chance(60), drives ? std::optional(to) : std::nullopt,
                                            floating ? DType::Fp32 : DType::Int32};
            runs_.push_back(add);
            if (drives)
                store(to, 4, end, sums + spec_.mxm_accumulate_latency_cycles);
            arrival_ = sums + draw_.below(30);
            for (const Steps& steps : activations)
                arrival_ += (steps.count - 1) * steps.cycles;
        }
    }

    /// One activation run under several installs: each swaps in the weights loaded meanwhile.
    void stream_through_installs() {
        const Hemisphere side = draw_.chance(50) ? Hemisphere::West : Hemisphere::East;
        const std::int64_t plane = draw_.below(spec_.mxm_planes_per_hemisphere);
        const std::int64_t end = mxm_position(spec_, side);
        const Direction in = side == Hemisphere::West ? Direction::West : Direction::East;
        const std::int64_t first =
            load_weights(side, plane, arrival_) + spec_.mxm_install_latency_cycles + draw_.below(2);
        std::int64_t last = first;
        for (std::int64_t more = draw_.between(1, 3); more > 0; --more)
            last = load_weights(side, plane, last + spec_.mxm_install_latency_cycles + draw_.below(4));

        levels_ = {{last - first + draw_.between(1, 9), 1}};
        const StreamRef from{in, random_stream(1)};
        bring(from, 1, end, first);
        runs_.push_back(
            {{Unit::MxmActivations, side, plane}, first, MxmActivate{DType::Int8, from}, plain_levels(), {}});
        const std::int64_t sums = first + spec_.mxm_activate_latency_cycles;
        // Only the last few are kept: one slot for all of them, so that each replaces or adds.
        const StreamRef to{side == Hemisphere::West ? Direction::East : Direction::West, random_stream(4)};
        runs_.push_back({{Unit::MxmAccumulators, side, plane},
                         sums,
                         MxmAccumulate{0, draw_.chance(50), to},
                         plain_levels(),
                         {}});
        store(to, 4, end, sums + spec_.mxm_accumulate_latency_cycles);
    }

    /// Load, install, load, install: a repeat each. Sometimes the loads move on by columns, or start later
    /// than the installs' first turn allows, or activations run beside them.
    void weights_in_turn() {
        const Hemisphere side = draw_.chance(50) ? Hemisphere::West : Hemisphere::East;
        const std::int64_t plane = draw_.below(spec_.mxm_planes_per_hemisphere);
        const std::int64_t end = mxm_position(spec_, side);
        const Direction in = side == Hemisphere::West ? Direction::West : Direction::East;
        const std::int64_t group = draw_.between(1, std::min(spec_.mxm_load_streams, spec_.lanes()));
        const std::int64_t columns = draw_.between(1, spec_.lanes() / group);
        const std::int64_t cycles = draw_.between(1, 3), turns = draw_.between(2, 7);
        const std::int64_t install =
            (columns - 1) * cycles + std::max<std::int64_t>(1, spec_.mxm_load_latency_cycles);
        const std::int64_t period =
            install + std::max<std::int64_t>(1, spec_.mxm_install_latency_cycles) + draw_.below(4);
        const std::int64_t spare = spec_.lanes() - columns * group;
        const std::int64_t drift = draw_.chance(70) ? 0 : draw_.between(-1, 1);
        const bool fits = (turns - 1) * std::abs(drift) <= spare;
        const std::int64_t first_column =
            fits ? draw_.between(std::max<std::int64_t>(0, -drift) * (turns - 1),
                                 spare - std::max<std::int64_t>(0, drift) * (turns - 1))
                 : draw_.below(spare + 1);
        std::vector<Level> outer;
        if (draw_.chance(30))
            outer.push_back({draw_.between(2, 3), turns * period + draw_.below(5), 0, 0});
        const auto nested = [&](std::vector<Level> inner) {
            inner.insert(inner.begin(), outer.begin(), outer.end());
            return inner;
        };
        const auto stream_levels = [&](std::int64_t count, std::int64_t every) {
            levels_.clear();
            for (const Level& level : outer)
                levels_.push_back({level.count, level.cycles});
            levels_.push_back({turns, period});
            levels_.push_back({count, every});
        };
        const QueueId queue{Unit::MxmWeights, side, plane};
        const StreamRef weights{in, draw_.below(spec_.streams_per_direction - group + 1)};
        stream_levels(columns, cycles);
        bring(weights, group, end, arrival_);
        runs_.push_back({queue,
                         arrival_,
                         MxmLoad{first_column, weights, group},
                         nested({{turns, period, drift, 0}, {columns, cycles, group, 0}}),
                         {}});
        runs_.push_back({queue,
                         arrival_ + install,
                         MxmInstall{},
                         nested({{turns - draw_.below(2) * draw_.below(2), period, 0, 0}}),
                         {}});
        if (draw_.chance(40))
            return;
        const std::int64_t entered = arrival_ + install + spec_.mxm_install_latency_cycles + draw_.below(3);
        const StreamRef from{in, random_stream(1)};
        stream_levels(draw_.between(1, std::min<std::int64_t>(period, 5)), 1);
        bring(from, 1, end, entered);
        runs_.push_back({{Unit::MxmActivations, side, plane},
                         entered,
                         MxmActivate{DType::Int8, from},
                         plain_levels(),
                         {}});
        const std::int64_t sums = entered + spec_.mxm_activate_latency_cycles;
        const StreamRef to{side == Hemisphere::West ? Direction::East : Direction::West, random_stream(4)};
        std::int64_t slot = 0;
        InstructionRun add{{Unit::MxmAccumulators, side, plane}, sums, {}, {}, {}};
        add.repeat = placed_levels(spec_.mxm_accumulator_vectors, false, slot);
        add.instruction = MxmAccumulate{slot, draw_.chance(40), to};
        runs_.push_back(add);
        store(to, 4, end, sums + spec_.mxm_accumulate_latency_cycles);
    }

    /// A queue that is parked once or twice in the middle of a repeat, with or without room for it.
    void parked_repeat() {
        const QueueId parked = random_slice();
        const std::int64_t every = spec_.sync_latency_cycles + draw_.between(1, 5);
        const std::int64_t count = draw_.between(2, 5), first = draw_.below(60);
        runs_.push_back({parked,
                         first,
                         MemAccess{MemRead{0, {random_direction(), random_stream(1)}}, std::nullopt},
                         {{count, every, 1, 0}},
                         {}});
        for (std::int64_t syncs = draw_.between(1, 2); syncs > 0; --syncs) {
            const std::int64_t at = first + draw_.below(count) * every + draw_.between(1, 3);
            runs_.push_back({parked, at, Sync{}, {}, {}});
            runs_.push_back({random_slice(), at + draw_.below(3), Notify{}, {}, {}});
        }
    }

    /// Puts the runs that were added since the last call on a chip.
    void place_on(std::int64_t chip) {
        for (; placed_ < runs_.size(); ++placed_)
            runs_[placed_].queue.chip = chip;
    }

    /// A gather, a scatter, or both in one instruction, sometimes a plain access beside them.
    void through_maps() {
        const QueueId here = random_slice();
        const std::int64_t blocks = spec_.mem_words_per_slice / 8;
        InstructionRun run{here, arrival_, {}, plain_levels(), {}};
        MemAccess access;
        // One level may walk through the blocks, its maps with it.
        const std::int64_t block = draw_.below(blocks);
        std::size_t walking = levels_.size();
        for (std::size_t k = 0; k < levels_.size(); ++k) {
            if (levels_[k].count <= blocks - block && draw_.chance(60))
                walking = k;
        }
        const auto bring_map = [&](const StreamRef& group) {
            const std::int64_t offset = block + (draw_.chance(30) ? blocks / 2 : 0);
            for (std::int64_t byte = 0; byte < 2; ++byte) {
                bring({group.direction, group.stream + byte}, 1, position(here), arrival_);
                InstructionRun& from = runs_.back();
                std::get<MemAccess>(from.instruction).read->address = 4 * (offset % blocks) + 2 + byte;
                from.repeat = plain_levels();
                if (walking < levels_.size())
                    from.repeat[walking].address_stride = 4;
            }
        };
        const auto window = [&](std::int64_t& address) {
            address = 8 * block - (draw_.chance(8) ? draw_.between(0, 3) : 0);
            return draw_.chance(10) ? draw_.between(1, 8) : std::int64_t{8};
        };
        const bool gathers = draw_.chance(60);
        if (gathers || draw_.chance(20)) {
            const StreamRef map{random_direction(), random_stream(2)};
            const StreamRef to{random_direction(), random_stream(1)};
            MemRead read{draw_.below(spec_.mem_words_per_slice), to};
            if (gathers) {
                bring_map(map);
                read.gather = AddressMap{map, window(read.address)};
                if (walking < levels_.size())
                    run.repeat[walking].address_stride = 8;
            }
            access.read = read;
            store(to, 1, position(here),
                  arrival_ + (gathers ? spec_.mem_map_latency_cycles : 0) + spec_.mem_read_latency_cycles);
        }
        if (!gathers || draw_.chance(25)) {
            const StreamRef from{random_direction(), random_stream(1)};
            bring(from, 1, position(here), arrival_);
            MemWrite write{draw_.below(spec_.mem_words_per_slice), from};
            if (!gathers || draw_.chance(40)) {
                const StreamRef map{random_direction(), random_stream(2)};
                bring_map(map);
                write.scatter = AddressMap{map, window(write.address)};
                if (walking < levels_.size())
                    run.repeat[walking].write_address_stride = 8;
            }
            access.write = write;
        }
        run.instruction = access;
        runs_.push_back(run);
    }

    /// From a slice of one chip over a link into a slice of another one: links stand in a ring.
    void transfer(std::int64_t from, std::int64_t to) {
        for (Steps& steps : levels_)
            steps.cycles *= spec_.c2c_vector_cycles;
        const Hemisphere side =
            to > from || (to == from && draw_.chance(50)) ? Hemisphere::West : Hemisphere::East;
        const std::int64_t index = draw_.below(spec_.c2c_links_per_hemisphere);
        const QueueId sender{Unit::C2c, side, index, from};
        const QueueId receiver{Unit::C2c, side == Hemisphere::West ? Hemisphere::East : Hemisphere::West,
                               index, to};
        const StreamRef out{side == Hemisphere::West ? Direction::West : Direction::East, random_stream(1)};
        const StreamRef in{side == Hemisphere::West ? Direction::West : Direction::East, random_stream(1)};
        if (draw_.chance(30)) {
            runs_.push_back({sender, draw_.below(arrival_), Deskew{}, {}, {}});
            place_on(from);
            arrival_ += spec_.c2c_epoch_cycles;
        }
        bring(out, 1, position(sender), arrival_);
        place_on(from);
        runs_.push_back({sender, arrival_, C2cSend{out}, plain_levels(), {}});
        placed_ = runs_.size();
        const std::int64_t held = draw_.below(spec_.c2c_hold_cycles + 1);
        const std::int64_t issue = arrival_ + spec_.c2c_link_latency_cycles + held;
        runs_.push_back({receiver, issue, C2cReceive{sender, held, in}, plain_levels(), {}});
        placed_ = runs_.size();
        store(in, 1, position(receiver), issue + spec_.c2c_receive_latency_cycles);
        place_on(to);
    }

    /// A range of slices on one diagonal, read in one hemisphere and written in the other.
    void slice_range() {
        const std::int64_t count =
            draw_.between(1, std::min(spec_.mem_slices_per_hemisphere, spec_.streams_per_direction));
        const Hemisphere from = draw_.chance(50) ? Hemisphere::West : Hemisphere::East;
        const Hemisphere to = from == Hemisphere::West ? Hemisphere::East : Hemisphere::West;
        const Direction direction = from == Hemisphere::West ? Direction::East : Direction::West;
        const QueueId source{Unit::Mem, from, 0}, target{Unit::Mem, to, 0};
        const StreamRef stream{direction, draw_.below(spec_.streams_per_direction - count + 1)};
        std::int64_t base = 0;
        InstructionRun read{source, 0, {}, placed_levels(spec_.mem_words_per_slice, false, base), {}};
        read.instruction = MemAccess{MemRead{base, stream}, std::nullopt};
        read.slices = {count, 0, 0, 0, 1, 0, direction};
        read.issue = arrival_ + spec_.positions;
        InstructionRun write{target, 0, {}, placed_levels(spec_.mem_words_per_slice, true, base), {}};
        write.instruction = MemAccess{std::nullopt, MemWrite{base, stream}};
        write.slices = {count, 0, 0, 0, 0, 1, direction};
        write.issue =
            read.issue + spec_.mem_read_latency_cycles + std::abs(position(target) - position(source));
        runs_.push_back(read);
        runs_.push_back(write);
    }

    void barrier() {
        const QueueId parked = random_slice();
        const std::int64_t at = draw_.below(60), first = at + draw_.below(5);
        runs_.push_back({parked, at, Sync{}, {}, {}});
        runs_.push_back({random_slice(), first, Notify{}, {}, {}});
        if (draw_.chance(50)) // A second one does not matter, in whatever order the program lists them.
            runs_.insert(runs_.end() - draw_.below(2),
                         {random_slice(), first + draw_.between(1, 9), Notify{}, {}, {}});
        if (draw_.chance(50)) {
            runs_.push_back({parked,
                             first + spec_.sync_latency_cycles + draw_.below(3),
                             MemAccess{MemRead{0, {random_direction(), random_stream(1)}}, std::nullopt},
                             {},
                             {}});
        }
    }

    const ChipSpec& spec_;
    Draw& draw_;
    std::vector<LaneMap>& maps_;
    std::int64_t arrival_ = 0;
    std::vector<Steps> levels_;
    std::vector<InstructionRun> runs_;
    std::size_t placed_ = 0; ///< runs that have their chip
};

void sort_by_issue(Program& program) {
    std::stable_sort(program.runs.begin(), program.runs.end(),
                     [](const InstructionRun& a, const InstructionRun& b) { return a.issue < b.issue; });
}

[[nodiscard]] bool is_valid(const Program& program, const ChipSpec& spec) {
    try {
        validate(program, spec);
        return true;
    } catch (const ValueError&) {
        return false;
    }
}

/// One random change to one run.
void mutate(Program& program, const ChipSpec& spec, Draw& draw) {
    auto& runs = program.runs;
    if (runs.empty())
        return;
    const auto at = static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(runs.size())));
    InstructionRun& run = runs[at];
    const auto nudge = [&](StreamRef& stream) {
        if (draw.chance(30)) {
            stream.direction = stream.direction == Direction::East ? Direction::West : Direction::East;
        } else {
            stream.stream = draw.below(spec.streams_per_direction);
        }
    };
    const auto nudge_group = [&](StreamRef& group, std::int64_t width) {
        nudge(group);
        group.stream -= group.stream % width;
    };
    switch (draw.below(28)) {
    case 0:
        run.issue += draw.between(-3, 3);
        break;
    case 1:
        run.issue = draw.below(150);
        break;
    case 2:
        if (!run.repeat.empty()) {
            run.repeat[static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(run.repeat.size())))]
                .count += draw.between(-2, 3);
        }
        break;
    case 3:
        if (!run.repeat.empty()) {
            run.repeat[static_cast<std::size_t>(draw.below(static_cast<std::int64_t>(run.repeat.size())))]
                .cycles += draw.between(-1, 3);
        }
        break;
    case 4:
        if (!run.repeat.empty()) {
            Level& level = run.repeat[static_cast<std::size_t>(
                draw.below(static_cast<std::int64_t>(run.repeat.size())))];
            level.address_stride += draw.between(-3, 3);
            level.write_address_stride += draw.between(-3, 3);
        }
        break;
    case 5:
        if (auto* access = std::get_if<MemAccess>(&run.instruction)) {
            if (access->read)
                nudge(access->read->to);
            if (access->write)
                nudge(access->write->from);
        } else if (auto* load = std::get_if<MxmLoad>(&run.instruction)) {
            nudge(load->from);
        } else if (auto* activate = std::get_if<MxmActivate>(&run.instruction)) {
            nudge(activate->from);
        } else if (auto* add = std::get_if<MxmAccumulate>(&run.instruction)) {
            if (add->to)
                nudge_group(*add->to, dtype_bytes(DType::Int32));
        } else if (auto* compute = std::get_if<VxmCompute>(&run.instruction)) {
            if (auto* stream = std::get_if<VxmStream>(&compute->a))
                nudge_group(stream->from, dtype_bytes(compute->dtype));
            if (auto* chain = std::get_if<VxmChain>(&compute->b))
                chain->alu = draw.below(spec.vxm_alus);
            if (compute->to)
                nudge_group(*compute->to, dtype_bytes(compute->result));
        } else if (auto* move = std::get_if<SxmMove>(&run.instruction)) {
            nudge(draw.chance(50) ? move->a : move->to);
        } else if (auto* fetch = std::get_if<Ifetch>(&run.instruction)) {
            nudge(fetch->from);
        }
        break;
    case 6:
        if (auto* access = std::get_if<MemAccess>(&run.instruction)) {
            if (access->read)
                access->read->address += draw.between(-20, 20);
            if (access->write)
                access->write->address += draw.between(-20, 20);
        } else if (auto* load = std::get_if<MxmLoad>(&run.instruction)) {
            load->column += draw.between(-2, 2);
        } else if (auto* add = std::get_if<MxmAccumulate>(&run.instruction)) {
            add->slot += draw.between(-3, 3);
        }
        break;
    case 20: // An operation that takes another time, and one more of it.
        if (auto* compute = std::get_if<VxmCompute>(&run.instruction);
            compute != nullptr && (compute->dtype == DType::Fp32 || compute->dtype == DType::Fp16) &&
            (compute->op == VxmOp::Pass || is_function(compute->op))) {
            InstructionRun twin = run;
            twin.issue += draw.between(1, 5);
            auto& other = std::get<VxmCompute>(twin.instruction);
            other.op = other.op == VxmOp::Pass ? VxmOp::Tanh : VxmOp::Pass;
            other.to.reset();
            if (draw.chance(50))
                other.a = VxmImmediate{1};
            runs.insert(runs.begin() + static_cast<std::ptrdiff_t>(at) + 1, twin);
        }
        break;
    case 21: // Another plane, or another type.
        if (auto* activate = std::get_if<MxmActivate>(&run.instruction); activate != nullptr) {
            if (draw.chance(60)) {
                run.queue.index = draw.below(spec.mxm_planes_per_hemisphere);
            } else if (activate->dtype != DType::Fp16) {
                activate->dtype = activate->dtype == DType::Int8 ? DType::Fp8 : DType::Int8;
            }
        } else if (auto* add = std::get_if<MxmAccumulate>(&run.instruction)) {
            add->dtype = add->dtype == DType::Int32 ? DType::Fp32 : DType::Int32;
        }
        break;
    case 22:
    case 23: // Another piece of work, whatever it meets.
        for (InstructionRun& more : draw.chance(40) ? Builder(spec, draw, program.maps).build()
                                                    : Builder(spec, draw, program.maps).build_contest())
            runs.push_back(std::move(more));
        break;
    case 7: {
        InstructionRun twin = run;
        twin.issue += draw.between(0, 9);
        runs.insert(runs.begin() + static_cast<std::ptrdiff_t>(at) + 1, twin);
        break;
    }
    case 24: // Another window, or another map.
        if (auto* access = std::get_if<MemAccess>(&run.instruction)) {
            for (auto* map : {access->read ? &access->read->gather : nullptr,
                              access->write ? &access->write->scatter : nullptr}) {
                if (map == nullptr || !*map)
                    continue;
                (*map)->window_words += draw.between(-2, 2);
                if (draw.chance(30))
                    nudge_group((*map)->map, 2);
            }
        } else if (auto* receive = std::get_if<C2cReceive>(&run.instruction)) {
            receive->held_cycles += draw.between(-2, 2);
        } else if (auto* send = std::get_if<C2cSend>(&run.instruction)) {
            nudge(send->from);
        }
        break;
    case 25: // An access through a map becomes a plain one, or a plain one goes through a map.
        if (auto* access = std::get_if<MemAccess>(&run.instruction); access != nullptr && access->read) {
            if (access->read->gather) {
                access->read->gather.reset();
            } else {
                access->read->gather = AddressMap{{Direction::East, 0}, draw.between(1, 8)};
                nudge_group(access->read->gather->map, 2);
            }
        }
        break;
    case 26: // To another chip.
        run.queue.chip = draw.below(program.chips);
        break;
    case 27: // A plain read that meets a gather of the same slice.
        if (auto* access = std::get_if<MemAccess>(&run.instruction); access != nullptr) {
            InstructionRun plain = run;
            plain.issue += spec.mem_map_latency_cycles;
            MemAccess& other = std::get<MemAccess>(plain.instruction);
            if (other.read)
                other.read->gather.reset();
            if (other.write)
                other.write->scatter.reset();
            runs.push_back(plain);
        }
        break;
    case 8:
        runs.erase(runs.begin() + static_cast<std::ptrdiff_t>(at));
        break;
    case 9:
        if (run.queue.unit == Unit::Mem)
            run.queue.index = draw.below(spec.mem_slices_per_hemisphere);
        break;
    case 10: // A read beside the write, often in its bank.
        if (auto* access = std::get_if<MemAccess>(&run.instruction); access != nullptr && access->write) {
            access->read = MemRead{access->write->address + draw.between(-4, 4),
                                   {Direction::East, draw.below(spec.streams_per_direction)}};
        }
        break;
    case 12: // Every second one of what arrives, or two of it at once.
        if (!run.repeat.empty()) {
            Level& level = run.repeat.back();
            level.count = std::max<std::int64_t>(1, level.count / 2);
            level.cycles *= 2;
        }
        break;
    case 13: // The same first and last instance, others between.
        if (!run.repeat.empty() && run.repeat.back().count > 2 && run.repeat.back().cycles > 0) {
            Level& level = run.repeat.back();
            const std::int64_t span = (level.count - 1) * level.cycles;
            const std::int64_t steps = draw.between(1, span);
            if (span % steps == 0) {
                level.cycles = span / steps;
                level.count = steps + 1;
            }
        }
        break;
    case 17: { // The same in other words.
        const auto parts = split_run(run, draw);
        runs.insert(runs.erase(runs.begin() + static_cast<std::ptrdiff_t>(at)), parts.begin(), parts.end());
        break;
    }
    case 18: { // A barrier in the middle of whatever the queue does.
        const std::int64_t sync = run.issue + draw.below(40);
        const QueueId parked = run.queue;
        runs.push_back({parked, sync, Sync{}, {}, {}});
        if (draw.chance(85))
            runs.push_back({{Unit::Vxm, Hemisphere::West, 0}, sync + draw.below(3), Notify{}, {}, {}});
        break;
    }
    case 19: // Weights in turn, one load or install more or less, or all of it again.
        for (InstructionRun& other : runs) {
            if (other.queue.unit != Unit::MxmWeights)
                continue;
            if (draw.chance(50) && !other.repeat.empty()) {
                other.repeat[0].count =
                    std::max<std::int64_t>(1, other.repeat[0].count + draw.between(-1, 1));
            } else if (draw.chance(30)) {
                other.repeat.insert(other.repeat.begin(),
                                    {draw.between(2, 40), draw.between(1, 60), draw.below(2), 0});
            }
        }
        break;
    case 14: // An install or an activation once more.
        if (run.queue.unit == Unit::MxmWeights || run.queue.unit == Unit::MxmActivations)
            run.repeat.push_back({draw.between(1, 3), draw.between(1, 9), 0, 0});
        break;
    case 15: // A twin in another slice: a third drive of the same cell, perhaps.
        if (run.queue.unit == Unit::Mem) {
            InstructionRun twin = run;
            twin.queue.index = draw.below(spec.mem_slices_per_hemisphere);
            runs.insert(runs.begin() + static_cast<std::ptrdiff_t>(at) + 1, twin);
        }
        break;
    case 11: // The same weight columns again.
        if (std::holds_alternative<MxmLoad>(run.instruction) && !run.repeat.empty()) {
            run.repeat[0].address_stride += draw.between(-2, 2);
        }
        break;
    default:
        if (run.queue.unit == Unit::Mem && std::holds_alternative<MemAccess>(run.instruction)) {
            run.slices.count = draw.between(1, 3);
            run.slices.stream_stride = draw.between(-1, 1);
            run.slices.write_stream_stride = draw.between(-1, 1);
            run.slices.cycles = draw.between(0, 2);
            run.slices.address_stride = draw.between(-1, 1);
            run.slices.write_address_stride = draw.between(-1, 1);
        } else {
            run.issue += draw.between(-9, 9);
        }
        break;
    }
    if (draw.chance(80))
        sort_by_issue(program);
}

} // namespace

ChipSpec random_spec(std::uint64_t seed) {
    Draw draw(seed);
    ChipSpec spec;
    spec.superlanes = draw.between(1, 4);
    // Nine lanes hold a square to rotate, which is driven on nine streams.
    const bool squares = draw.chance(15);
    spec.lanes_per_superlane = squares ? draw.between(9, 10) : draw.between(1, 3);
    spec.streams_per_direction = squares ? 16 : 8;
    spec.positions = 7 + 2 * draw.below(4);
    spec.mem_slices_per_hemisphere = draw.between(2, 7);
    spec.mem_words_per_slice = 32;
    spec.mem_banks_per_slice = draw.chance(70) ? 2 : 4;
    spec.mxm_planes_per_hemisphere = draw.between(1, 2);
    spec.mxm_load_streams = draw.between(1, 4);
    spec.mxm_accumulator_vectors = 12;
    spec.vxm_alus = draw.between(1, 4);
    spec.mem_read_latency_cycles = draw.between(1, 3);
    spec.mem_write_latency_cycles = draw.between(0, 2);
    spec.mxm_load_latency_cycles = draw.between(0, 3);
    spec.mxm_install_latency_cycles = draw.between(0, 3);
    spec.mxm_activate_latency_cycles = std::max<std::int64_t>(1, spec.superlanes - 1) + draw.below(4);
    spec.mxm_accumulate_latency_cycles = draw.between(1, 3);
    spec.mxm_fp16_cycles = draw.between(1, 3);
    spec.mxm_wide_accumulate = draw.below(2);
    spec.vxm_alu_latency_cycles = draw.between(1, 3);
    spec.vxm_function_latency_cycles = draw.between(1, 5);
    spec.sxm_queues_per_hemisphere = draw.between(1, 3);
    spec.sxm_shift_latency_cycles = spec.superlanes + draw.below(3);
    spec.sxm_select_latency_cycles = draw.between(1, 3);
    spec.sxm_permute_latency_cycles = spec.superlanes + draw.below(3);
    spec.sxm_distribute_latency_cycles = draw.between(1, 3);
    spec.sxm_rotate_latency_cycles = draw.between(1, 3);
    spec.sxm_transpose_latency_cycles = draw.between(1, 5);
    spec.sync_latency_cycles = draw.between(1, 6);
    spec.mem_map_latency_cycles = draw.between(0, 3);
    spec.c2c_links_per_hemisphere = draw.between(1, 2);
    spec.c2c_link_latency_cycles = draw.between(1, 12);
    spec.c2c_receive_latency_cycles = draw.between(1, 3);
    spec.c2c_vector_cycles = draw.between(1, 3);
    spec.c2c_hold_cycles = draw.between(0, 6);
    spec.c2c_epoch_cycles = draw.between(1, 20);
    return spec;
}

namespace {

std::vector<InstructionRun> on_chip(std::vector<InstructionRun> runs, std::int64_t chip) {
    for (InstructionRun& run : runs)
        run.queue.chip = chip;
    return runs;
}

/// Adds pieces that `make` makes, each if the oracle finds no error with it.
template <class Make>
Program legal_program(const ChipSpec& spec, Draw& draw, std::int64_t chips, const Make& make) {
    Program program;
    program.chips = chips;
    const std::int64_t wanted = draw.between(1, 6);
    std::int64_t kept = 0;
    for (int tries = 0; tries < 40 && kept < wanted; ++tries) {
        Program longer = program;
        for (InstructionRun& run : make(longer.maps))
            longer.runs.push_back(std::move(run));
        sort_by_issue(longer);
        if (!is_valid(longer, spec) || tick(longer, spec, {}, false).error)
            continue;
        program = std::move(longer);
        ++kept;
    }
    return program;
}

} // namespace

Program random_weights(const ChipSpec& spec, std::uint64_t seed) {
    Draw draw(seed);
    const QueueId queue{Unit::MxmWeights, Hemisphere::West, 0};
    const auto random_load = [&] {
        const std::int64_t width =
            draw.between(1, std::min<std::int64_t>({spec.mxm_load_streams, spec.lanes(), 2}));
        return MxmLoad{draw.below(spec.lanes() - width + 1), {Direction::West, 0}, width};
    };
    std::vector<InstructionRun> runs;
    std::int64_t at = draw.below(9) + spec.positions + spec.mem_read_latency_cycles;
    const auto install = [&] {
        at += spec.mxm_load_latency_cycles;
        runs.push_back({queue, at, MxmInstall{}, {}, {}});
        at += std::max<std::int64_t>(1, spec.mxm_install_latency_cycles) + draw.below(2);
    };
    const bool installs_first = draw.chance(40);
    std::vector<InstructionRun> before;
    if (installs_first) {
        before.push_back({queue, at++, random_load(), {}, {}});
    }
    // One period: sections of one or two loads, each with an install.
    const std::int64_t start = at;
    for (std::int64_t sections = draw.between(1, 2); sections > 0; --sections) {
        if (installs_first)
            install();
        for (std::int64_t loads = draw.between(1, 2); loads > 0; --loads) {
            const MxmLoad load = random_load();
            const std::int64_t room = (spec.lanes() - load.column) / load.streams;
            const std::int64_t count = draw.between(1, std::min<std::int64_t>(room, 3));
            runs.push_back({queue, at, load, {{count, 1, load.streams, 0}}, {}});
            at += draw.chance(20) && count > 1 ? 1 : count;
        }
        if (!installs_first)
            install();
    }
    std::int64_t period = at - start;
    for (std::int64_t depth = draw.between(1, 3); depth > 0; --depth) {
        const std::int64_t count = draw.between(1, depth == 1 ? 20 : 5);
        for (InstructionRun& run : runs)
            run.repeat.insert(run.repeat.begin(), {count, period, 0, 0});
        if (draw.chance(25)) {
            const std::int64_t stride = draw.between(-1, 1), most = draw.chance(70) ? 100 : 70;
            for (InstructionRun& run : runs) {
                if (draw.chance(most))
                    run.repeat.front().address_stride = stride;
            }
        }
        period = count * period + draw.below(3) * draw.below(7);
    }
    if (draw.chance(40)) // Meets what the last period left.
        before.push_back({queue, start + period + draw.below(3), random_load(), {}, {}});
    runs.insert(runs.end(), before.begin(), before.end());
    for (std::int64_t changes = draw.below(5); changes > 0; --changes) {
        const auto index = draw.below(static_cast<std::int64_t>(runs.size()));
        InstructionRun& run = runs[static_cast<std::size_t>(index)];
        const std::int64_t way = draw.below(10);
        if (way < 6) {
            const auto parts = split_run(run, draw);
            runs.insert(runs.erase(runs.begin() + index), parts.begin(), parts.end());
        } else if (way < 8 && !run.repeat.empty()) {
            Level& level = run.repeat[static_cast<std::size_t>(
                draw.below(static_cast<std::int64_t>(run.repeat.size())))];
            (draw.chance(70) ? level.count : level.cycles) += draw.between(-1, 1);
        } else if (way == 8) {
            run.issue += draw.between(-1, 1);
        } else {
            const std::int64_t when = start + draw.below(period);
            if (draw.chance(50)) {
                runs.push_back({queue, when, random_load(), {}, {}});
            } else {
                runs.push_back({queue, when, MxmInstall{}, {}, {}});
            }
        }
    }
    Program program;
    program.runs = runs;
    for (std::int64_t stream = 0; stream < 2; ++stream) { // From the middle to the west end, in every cycle.
        program.runs.push_back({{Unit::Mem, Hemisphere::East, stream},
                                0,
                                MemAccess{MemRead{0, {Direction::West, stream}}, std::nullopt},
                                {{2 * period + 60, 1, 0, 0}},
                                {}});
    }
    return is_valid(program, spec) ? program : Program{};
}

Program random_legal_program(const ChipSpec& spec, std::uint64_t seed, std::int64_t chips) {
    Draw draw(seed);
    return legal_program(spec, draw, chips, [&](std::vector<LaneMap>& maps) {
        return on_chip(Builder(spec, draw, maps).build(), draw.below(chips));
    });
}

Program random_linked_program(const ChipSpec& spec, std::uint64_t seed, std::int64_t chips) {
    Draw draw(seed);
    return legal_program(spec, draw, chips, [&](std::vector<LaneMap>& maps) {
        const std::int64_t chip = draw.below(chips);
        if (draw.chance(30))
            return on_chip(Builder(spec, draw, maps).build(), chip);
        return Builder(spec, draw, maps).build_linked(chip, (chip + 1) % chips);
    });
}

Program mutated(const Program& program, const ChipSpec& spec, std::uint64_t seed) {
    Draw draw(seed);
    for (int tries = 0; tries < 30; ++tries) {
        Program changed = program;
        const std::int64_t changes = draw.between(1, 3);
        for (std::int64_t i = 0; i < changes; ++i)
            mutate(changed, spec, draw);
        if (is_valid(changed, spec))
            return changed;
    }
    return program;
}

Memory random_memory(const ChipSpec& spec, std::uint64_t seed, std::int64_t chips) {
    Memory memory(spec, chips);
    std::uint64_t drawn = 0;
    for (std::int64_t slice = 0; slice < memory.slice_count(); ++slice) {
        for (std::int64_t address = 0; address < spec.mem_words_per_slice; ++address) {
            std::uint8_t* bytes = memory.write(slice, address);
            for (std::int64_t lane = 0; lane < spec.lanes(); ++lane) {
                bytes[lane] = static_cast<std::uint8_t>(random_bits(seed, 12, drawn++));
            }
        }
    }
    return memory;
}

Memory memory_with_maps(const ChipSpec& spec, std::uint64_t seed, std::int64_t chips) {
    Memory memory = random_memory(spec, seed, chips);
    const std::int64_t blocks = spec.mem_words_per_slice / 8;
    for (std::int64_t slice = 0; slice < memory.slice_count(); ++slice) {
        for (std::int64_t address = 0; address + 1 < spec.mem_words_per_slice; address += 4) {
            std::uint8_t* low = memory.write(slice, address + 2);
            std::uint8_t* high = memory.write(slice, address + 3);
            for (std::int64_t lane = 0; lane < spec.lanes(); ++lane) {
                low[lane] = static_cast<std::uint8_t>(8 * (address / 4 % blocks) + low[lane] % 8);
                high[lane] = 0;
            }
        }
    }
    return memory;
}

} // namespace lpusim::chip
