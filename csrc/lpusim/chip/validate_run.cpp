#include "lpusim/chip/validate_run.h"

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/progression.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/kernels/layout.h"

namespace lpusim::chip {
namespace {

/// No time, count or address of a valid program comes near the end of int64, so engines may add without
/// checks.
constexpr std::int64_t kMagnitudeMax = std::int64_t{1} << 56;

/// Checks one run; every message starts with its number and queue.
class RunChecker {
  public:
    RunChecker(const Program& program, std::size_t number, const ChipSpec& spec)
        : program_(program), run_(program.runs[number]), number_(number), spec_(spec) {}

    void check() const {
        check_queue(run_.queue);
        check_slices();
        check_levels();
        check_issue();
        std::visit([this](const auto& instruction) { check(instruction); }, run_.instruction);
        check_movable();
    }

  private:
    [[noreturn]] void refuse(const std::string& what) const {
        throw ValueError(run_name(program_, static_cast<std::int64_t>(number_)) + " on " +
                         to_string(run_.queue) + ": " + what);
    }

    /// Messages are made only when they are needed: a check costs a comparison.
    void need(bool holds, const char* what) const {
        if (!holds) {
            refuse(what);
        }
    }

    template <class Message>
    void need(bool holds, const Message& message) const {
        if (!holds) {
            refuse(message());
        }
    }

    void within(const char* name, std::int64_t value, std::int64_t low, std::int64_t high) const {
        if (value < low || value > high) {
            refuse(std::string(name) + " must be from " + std::to_string(low) + " to " +
                   std::to_string(high) + ", got " + std::to_string(value));
        }
    }

    void check_queue(const QueueId& queue) const {
        within("the chip", queue.chip, 0, program_.chips - 1);
        const std::int64_t last = queues_side_by_side(spec_, queue.unit) - 1;
        switch (queue.unit) {
        case Unit::Mem:
            return within("the slice", queue.index, 0, last);
        case Unit::MxmWeights:
        case Unit::MxmActivations:
        case Unit::MxmAccumulators:
            return within("the plane", queue.index, 0, last);
        case Unit::Vxm:
            within("the ALU", queue.index, 0, last);
            return need(queue.hemisphere == Hemisphere::West, "the VXM has no hemisphere");
        case Unit::Sxm:
            return within("the SXM queue", queue.index, 0, last);
        case Unit::C2c:
            return within("the link", queue.index, 0, last);
        }
    }

    void check_slices() const {
        const SliceRange& range = run_.slices;
        need(range.count >= 1,
             [&] { return "a slice range needs at least one slice, got " + std::to_string(range.count); });
        if (range != SliceRange{}) {
            need(std::holds_alternative<MemAccess>(run_.instruction), "only MEM instructions span slices");
        }
        within("the number of slices", range.count, 1, spec_.mem_slices_per_hemisphere);
        if (run_.queue.unit == Unit::Mem) {
            within("the last slice", run_.queue.index + range.count - 1, 0,
                   spec_.mem_slices_per_hemisphere - 1);
        }
        for (const std::int64_t stride : {range.cycles, range.address_stride, range.write_address_stride,
                                          range.stream_stride, range.write_stream_stride}) {
            within("a stride", stride, -kStrideMax, kStrideMax);
        }
    }

    [[nodiscard]] std::int64_t nested_repeats() const {
        return std::count_if(run_.repeat.begin(), run_.repeat.end(),
                             [](const Level& level) { return level.count > 1; });
    }

    void check_levels() const {
        const std::int64_t nested = nested_repeats();
        within("the number of nested repeats", nested, 0, Progression::kRankMax);
        std::int64_t inner_cycles = 1; // what one step of the next outer level must cover
        for (auto level = run_.repeat.rbegin(); level != run_.repeat.rend(); ++level) {
            within("a repeat count", level->count, 1, kMagnitudeMax);
            within("a repeat's cycles", level->cycles, 0, kMagnitudeMax);
            within("an address stride", level->address_stride, -kStrideMax, kStrideMax);
            within("a write address stride", level->write_address_stride, -kStrideMax, kStrideMax);
            if (level->count > 1) {
                need(level->cycles >= inner_cycles, [&] {
                    return "repeat levels overlap: every " + std::to_string(level->cycles) +
                           " cycles, but what is repeated takes " + std::to_string(inner_cycles);
                });
            }
            need(level->cycles == 0 || level->count - 1 <= (kMagnitudeMax - inner_cycles) / level->cycles,
                 [&] { return "repeats must span at most " + std::to_string(kMagnitudeMax) + " cycles"; });
            inner_cycles += (level->count - 1) * level->cycles;
        }
    }

    void check_issue() const {
        within("the issue cycle", run_.issue, 0, kMagnitudeMax);
        for (std::int64_t slice = 0; slice < run_.slices.count; ++slice) {
            need(issue_on_slice(run_, slice, spec_) >= 0, [&] {
                return "slice " + std::to_string(run_.queue.index + slice) +
                       " of the range would issue before cycle 0";
            });
        }
    }

    /// A stride that moves nothing was meant for something else.
    void check_movable() const {
        const Movable can = movable(run_.instruction);
        const auto addresses = [&](const char* where, std::int64_t address, std::int64_t write_address) {
            check_moves(where, "address", address, can.address, "write_address", can.write_address);
            check_moves(where, "write_address", write_address, can.write_address, "address", can.address);
        };
        for (const Level& level : run_.repeat) {
            addresses("a repeat", level.address_stride, level.write_address_stride);
        }
        const SliceRange& range = run_.slices;
        addresses("'each'", range.address_stride, range.write_address_stride);
        check_moves("'each'", "stream", range.stream_stride, can.stream, "write_stream", can.write_stream);
        check_moves("'each'", "write_stream", range.write_stream_stride, can.write_stream, "stream",
                    can.stream);
    }

    void check_moves(const char* where, const char* name, std::int64_t stride, bool can,
                     const char* other_name, bool other_can) const {
        need(stride == 0 || can, [&] {
            const auto words = [stride](const char* word) {
                return "'" + std::string(word) + " " + std::to_string(stride) + "'";
            };
            return std::string(where) + " says " + words(name) + ", which moves nothing of this instruction" +
                   (other_can ? "; did you mean " + words(other_name) + "?" : "");
        });
    }

    /// Engines count the cycles that something is held for as one more level.
    void check_held(std::int64_t cycles) const {
        if (cycles > 1) {
            within("the number of nested repeats of what keeps its unit for several cycles", nested_repeats(),
                   0, Progression::kRankMax - 1);
        }
    }

    void check_unit(Unit unit, const char* instruction) const {
        need(run_.queue.unit == unit,
             [&] { return std::string("this queue does not issue ") + instruction; });
    }

    /// `what` is what messages call the group of `width` streams from `stream` on, such as "operand a".
    void check_stream(const char* what, const StreamRef& stream, std::int64_t stride, std::int64_t width,
                      bool aligned) const {
        within("the stream", stream.stream, -kStrideMax, kStrideMax);
        for (const std::int64_t slice : {std::int64_t{0}, run_.slices.count - 1}) {
            const StreamRef first{stream.direction, stream.stream + slice * stride};
            if (first.stream < 0 || first.stream + width > spec_.streams_per_direction) {
                refuse(group_name(what, first, width, slice) + " must lie in " +
                       streams_text({first.direction, 0}, spec_.streams_per_direction));
            }
            if (aligned && first.stream % width != 0) {
                refuse_start(what, first, width, width, slice);
            }
        }
    }

    /// "operand a, e.30 to e.33,"
    [[nodiscard]] std::string group_name(const char* what, const StreamRef& first, std::int64_t width,
                                         std::int64_t slice) const {
        const std::string on_slice =
            slice == 0 ? "" : " on slice " + std::to_string(run_.queue.index + slice) + " of the range";
        return what + on_slice + ", " + streams_text(first, width) + ",";
    }

    [[noreturn]] void refuse_start(const char* what, const StreamRef& first, std::int64_t width,
                                   std::int64_t multiple, std::int64_t slice) const {
        const std::int64_t below = first.stream / multiple * multiple;
        const bool above_fits = below + multiple + width <= spec_.streams_per_direction;
        refuse(group_name(what, first, width, slice) + " is a group of " + std::to_string(width) +
               " streams, which must start at a multiple of " + std::to_string(multiple) +
               "; nearest: " + to_string(StreamRef{first.direction, below}) +
               (above_fits ? " or " + to_string(StreamRef{first.direction, below + multiple}) : ""));
    }

    void check(const MemAccess& access) const {
        check_unit(Unit::Mem, "read or write");
        need(access.read || access.write, "a MEM instruction needs a read, a write or both");
        if (access.read) {
            within("the address", access.read->address, -kStrideMax, kStrideMax);
            check_stream("the target of the read", access.read->to, run_.slices.stream_stride, 1, true);
            check_map("the map of the gather", access.read->gather);
        }
        if (access.write) {
            within("the address", access.write->address, -kStrideMax, kStrideMax);
            check_stream("the source of the write", access.write->from, run_.slices.write_stream_stride, 1,
                         true);
            check_map("the map of the scatter", access.write->scatter);
        }
    }

    void check_map(const char* what, const std::optional<AddressMap>& map) const {
        if (map) {
            check_stream(what, map->map, 0, 2, true);
            within("the window", map->window_words, 1, spec_.mem_words_per_slice / spec_.mem_banks_per_slice);
        }
    }

    void check(const MxmLoad& load) const {
        check_unit(Unit::MxmWeights, "load");
        within("the number of load streams", load.streams, 1, spec_.mxm_load_streams);
        within("the column", load.column, -kStrideMax, kStrideMax);
        check_stream("the source of the load", load.from, 0, load.streams, false);
    }

    void check(const MxmInstall&) const { check_unit(Unit::MxmWeights, "install"); }

    void check(const MxmActivate& activate) const {
        check_unit(Unit::MxmActivations, "activate");
        const bool pair = activate.dtype == DType::Fp16;
        need(pair || activate.dtype == DType::Int8 || activate.dtype == DType::Fp8,
             [&] { return "the MXM multiplies int8, fp8 and fp16, not " + to_string(activate.dtype); });
        need(!pair || (run_.queue.index % 2 == 0 && run_.queue.index + 1 < spec_.mxm_planes_per_hemisphere),
             "fp16 takes an even plane and the one after it");
        need(activate.roundings == 1 || (pair && activate.roundings == 2 && spec_.lanes() % 2 == 0), [&] {
            return "a column sum is rounded once, or twice for fp16 on an even number of lanes, got " +
                   std::to_string(activate.roundings) + " roundings";
        });
        check_stream("the source of the activations", activate.from, 0, dtype_bytes(activate.dtype), true);
        check_held(pair ? spec_.mxm_fp16_cycles : 1);
    }

    void check(const MxmAccumulate& accumulate) const {
        check_unit(Unit::MxmAccumulators, "accumulate");
        within("the slot", accumulate.slot, -kStrideMax, kStrideMax);
        need(accumulate.dtype == DType::Int32 || accumulate.dtype == DType::Fp32,
             [&] { return "accumulators hold int32 or fp32, not " + to_string(accumulate.dtype); });
        if (accumulate.to) {
            check_stream("the target of the sums", *accumulate.to, 0, dtype_bytes(DType::Int32), true);
        }
    }

    void check_operand(const VxmOperand& operand, DType dtype, const char* name, bool needed) const {
        const bool there = !std::holds_alternative<std::monostate>(operand);
        need(there == needed, [&] {
            return std::string(name) + (needed ? " is missing" : " is one too many for this operation");
        });
        if (const auto* stream = std::get_if<VxmStream>(&operand)) {
            check_stream(name, stream->from, 0, dtype_bytes(dtype), true);
        } else if (const auto* chain = std::get_if<VxmChain>(&operand)) {
            within("the chained ALU", chain->alu, 0, spec_.vxm_alus - 1);
        }
    }

    void check(const VxmCompute& compute) const {
        check_unit(Unit::Vxm, "point-wise operations");
        need(compute.dtype != DType::Int16 && compute.result != DType::Int16, "the VXM has no int16");
        const bool integer = compute.dtype == DType::Int8 || compute.dtype == DType::Int32;
        const int operands = operand_count(compute.op);
        bool converts = false;
        switch (compute.op) {
        case VxmOp::Convert:
            converts = true;
            break;
        case VxmOp::Exp:
        case VxmOp::Rsqrt:
        case VxmOp::Tanh:
            need(!integer, "exp, rsqrt and tanh are for fp16 and fp32");
            break;
        case VxmOp::AddSat:
        case VxmOp::SubSat:
        case VxmOp::MulSat:
            need(integer, "saturating arithmetic is for int8 and int32; floating point does not wrap");
            break;
        case VxmOp::And:
        case VxmOp::Or:
        case VxmOp::Xor:
            need(integer, "bitwise operations are for int8 and int32");
            break;
        case VxmOp::ShiftRight:
            need(integer && (compute.result == DType::Int8 || compute.result == DType::Int32),
                 "a shift is for int8 and int32");
            if (const auto* places = std::get_if<VxmImmediate>(&compute.b)) {
                within("the places of a shift", places->bits, 0, 31);
            }
            converts = true;
            break;
        case VxmOp::Scale:
            need(compute.dtype == DType::Int32 || compute.dtype == DType::Fp32,
                 "a scale takes int32 or fp32; convert others first");
            converts = true;
            break;
        default:
            break;
        }
        need(compute.dtype != DType::Fp8 || compute.op == VxmOp::Pass || compute.op == VxmOp::Convert,
             "fp8 only passes and converts; convert it first");
        need(converts || compute.result == compute.dtype, [&] {
            return "only convert, shift_right and scale change the type, from " + to_string(compute.dtype) +
                   " to " + to_string(compute.result);
        });
        check_operand(compute.a, compute.dtype, "operand a", true);
        check_operand(compute.b, operand_b_dtype(compute), "operand b", operands >= 2);
        check_operand(compute.c, compute.dtype, "operand c", operands == 3);
        if (compute.to) {
            check_stream("the result", *compute.to, 0, dtype_bytes(compute.result), true);
        }
    }

    void check(const SxmMove& move) const {
        check_unit(Unit::Sxm, "lane moves");
        need(move.b.has_value() == (move.op == SxmOp::Select),
             "a select takes two operands, every other lane move one");
        const std::int64_t lanes = spec_.lanes();
        switch (move.op) {
        case SxmOp::Shift:
            within("the shift", move.argument, 1 - lanes, lanes - 1);
            break;
        case SxmOp::Select:
            within("the first lane of the second operand", move.argument, 0, lanes);
            break;
        case SxmOp::Permute:
            check_lane_map(move.argument, lanes, true);
            break;
        case SxmOp::Distribute:
            check_lane_map(move.argument, spec_.lanes_per_superlane, false);
            break;
        case SxmOp::Rotate:
            within("the side of the square", move.argument, 3, 4);
            need(move.argument * move.argument <= spec_.lanes_per_superlane, [&] {
                return "a square of side " + std::to_string(move.argument) + " needs more than the " +
                       std::to_string(spec_.lanes_per_superlane) + " lanes of a superlane";
            });
            break;
        case SxmOp::Transpose:
            need(move.argument == 0, "a transpose has no argument");
            break;
        }
        const SxmShape shape = sxm_shape(move, spec_);
        const auto group = [](std::int64_t streams) {
            return static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(streams)));
        };
        check_stream("operand a", move.a, 0, shape.input_streams, true);
        if (move.b) {
            check_stream("operand b", *move.b, 0, 1, true);
        }
        check_stream("the result", move.to, 0, shape.output_streams, false);
        if (move.to.stream % group(shape.output_streams) != 0) {
            refuse_start("the result", move.to, shape.output_streams, group(shape.output_streams), 0);
        }
    }

    void check_lane_map(std::int64_t number, std::int64_t lanes, bool once) const {
        within("the lane map", number, 0, static_cast<std::int64_t>(program_.maps.size()) - 1);
        const LaneMap& map = program_.maps[static_cast<std::size_t>(number)];
        need(static_cast<std::int64_t>(map.lanes.size()) == lanes, [&] {
            return "lane map " + map.name + " must have " + std::to_string(lanes) + " lanes, got " +
                   std::to_string(map.lanes.size());
        });
        std::vector<bool> taken(static_cast<std::size_t>(lanes));
        for (const std::int16_t lane : map.lanes) {
            within("a lane of the map", lane, -1, lanes - 1);
            if (lane >= 0 && once) {
                need(!taken[static_cast<std::size_t>(lane)], [&] {
                    return "lane map " + map.name + " takes lane " + std::to_string(lane) +
                           " twice; a permute takes each lane at most once";
                });
                taken[static_cast<std::size_t>(lane)] = true;
            }
        }
    }

    void check(const C2cSend& send) const {
        check_unit(Unit::C2c, "send");
        check_held(spec_.c2c_vector_cycles);
        check_stream("the source of the send", send.from, 0, 1, true);
    }

    void check(const C2cReceive& receive) const {
        check_unit(Unit::C2c, "receive");
        need(receive.peer.unit == Unit::C2c,
             "a receive names the link at the other end, such as chip1.c2c.w.0");
        check_queue(receive.peer);
        within("the cycles a vector is held", receive.held_cycles, 0, spec_.c2c_hold_cycles);
        check_stream("the target of the receive", receive.to, 0, 1, true);
    }

    void check(const Deskew&) const {
        check_unit(Unit::C2c, "deskew");
        check_single("deskew");
    }

    void check(const Config& config) const {
        check_single("config");
        within("the superlanes", config.superlanes, 1, spec_.superlanes);
    }

    void check(const Ifetch& fetch) const {
        check_single("ifetch");
        check_stream("the source of the fetch", fetch.from, 0, 1, true);
    }

    void check(const Sync&) const { check_single("sync"); }
    void check(const Notify&) const { check_single("notify"); }

    void check_single(const char* name) const {
        need(run_.repeat.empty() && run_.slices == SliceRange{},
             [&] { return std::string(name) + " cannot be repeated"; });
    }

    static constexpr std::int64_t kStrideMax = std::int64_t{1} << 40;

    const Program& program_;
    const InstructionRun& run_;
    std::size_t number_;
    const ChipSpec& spec_;
};

} // namespace

void validate_run(const Program& program, std::size_t number, const ChipSpec& spec) {
    RunChecker(program, number, spec).check();
}

} // namespace lpusim::chip
