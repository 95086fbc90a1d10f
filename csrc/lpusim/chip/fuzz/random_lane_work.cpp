#include "lpusim/chip/fuzz/random_work.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "lpusim/chip/access.h"

// Work of the VXM and the SXM.
namespace lpusim::chip {

VxmOperand RandomWork::random_operand(DType dtype, std::int64_t alu) {
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

void RandomWork::pointwise() {
    const std::int64_t alu = draw_.below(spec_.vxm_alus);
    static constexpr DType kTypes[] = {DType::Int8, DType::Int32, DType::Fp32, DType::Fp16, DType::Fp8};
    VxmCompute compute;
    compute.dtype = draw_.chance(40) ? DType::Int8 : kTypes[draw_.between(1, 3)];
    compute.result = compute.dtype;
    const bool integer = compute.dtype == DType::Int8 || compute.dtype == DType::Int32;
    static constexpr VxmOp kBoth[] = {VxmOp::Pass, VxmOp::Add,  VxmOp::Sub,   VxmOp::Mul,     VxmOp::Max,
                                      VxmOp::Min,  VxmOp::Relu, VxmOp::Mask,  VxmOp::Convert, VxmOp::Scale,
                                      VxmOp::Abs,  VxmOp::Neg,  VxmOp::Equal, VxmOp::Less,    VxmOp::Select};
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
                       compute.op == VxmOp::Convert || compute.op == VxmOp::Abs || compute.op == VxmOp::Neg ||
                       is_function(compute.op);
    if (!unary)
        compute.b = random_operand(operand_b_dtype(compute), alu);
    if (auto* places = std::get_if<VxmImmediate>(&compute.b);
        places != nullptr && compute.op == VxmOp::ShiftRight)
        places->bits &= 31;
    if (compute.op == VxmOp::Select)
        compute.c = random_operand(compute.dtype, alu);
    const std::int64_t width = dtype_bytes(compute.result);
    const StreamRef to{random_direction(), random_stream(width)};
    compute.to = to;
    runs_.push_back({{Unit::Vxm, Hemisphere::West, alu}, arrival_, compute, plain_levels(), {}});
    store(to, width, vxm_position(spec_), arrival_ + latency(compute.op));
}

void RandomWork::take_turns() {
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

void RandomWork::lane_move() {
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

std::int64_t RandomWork::add_map(std::int64_t lanes, bool once) {
    LaneMap map{"map" + std::to_string(maps_.size()), {}};
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
        const auto from = static_cast<std::int16_t>(draw_.between(-1, lanes - 1));
        const bool taken = std::find(map.lanes.begin(), map.lanes.end(), from) != map.lanes.end();
        map.lanes.push_back(once && taken ? std::int16_t{-1} : from);
    }
    maps_.push_back(map);
    return static_cast<std::int64_t>(maps_.size()) - 1;
}

void RandomWork::running_sum() {
    const DType dtype = draw_.chance(50) ? DType::Int8 : DType::Int32;
    const std::int64_t width = dtype_bytes(dtype), latency = spec_.vxm_alu_latency_cycles;
    const std::int64_t alu = draw_.below(spec_.vxm_alus);
    const std::int64_t relay = draw_.chance(30) ? draw_.below(spec_.vxm_alus) : alu;
    const auto queue = [](std::int64_t index) { return QueueId{Unit::Vxm, Hemisphere::West, index}; };
    levels_ = {{draw_.between(2, 9), relay == alu ? latency : 2 * latency}};
    const StreamRef from{random_direction(), random_stream(width)};
    const StreamRef to{random_direction(), random_stream(width)};
    bring(from, width, vxm_position(spec_), arrival_);
    const VxmCompute start{VxmOp::Pass, dtype, dtype, VxmImmediate{static_cast<std::int32_t>(draw_.below(9))},
                           {},          {}};
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

} // namespace lpusim::chip
