#include "lpusim/chip/program.h"

#include <algorithm>
#include <set>
#include <type_traits>

#include "lpusim/base/integers.h"
#include "lpusim/base/progression.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/layout.h"

namespace lpusim::chip {

namespace {

/// No time, count or address of a valid program comes near the end of int64, so engines may add without
/// checks.
constexpr std::int64_t kMagnitudeMax = std::int64_t{1} << 56;

/// Checks one run; every message starts with its number and queue.
class RunChecker {
  public:
    RunChecker(const InstructionRun& run, std::size_t number, const ChipSpec& spec)
        : run_(run), number_(number), spec_(spec) {}

    void check() const {
        check_queue();
        check_slices();
        check_levels();
        check_issue();
        std::visit([this](const auto& instruction) { check(instruction); }, run_.instruction);
    }

  private:
    [[noreturn]] void refuse(const std::string& what) const {
        throw ValueError("run " + std::to_string(number_) + " on " + to_string(run_.queue) + ": " + what);
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

    void check_queue() const {
        switch (run_.queue.unit) {
        case Unit::Mem:
            within("the slice", run_.queue.index, 0, spec_.mem_slices_per_hemisphere - 1);
            break;
        case Unit::MxmWeights:
        case Unit::MxmActivations:
        case Unit::MxmAccumulators:
            within("the plane", run_.queue.index, 0, spec_.mxm_planes_per_hemisphere - 1);
            break;
        case Unit::Vxm:
            within("the ALU", run_.queue.index, 0, spec_.vxm_alus - 1);
            need(run_.queue.hemisphere == Hemisphere::West, "the VXM has no hemisphere");
            break;
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

    void check_levels() const {
        const auto nested = std::count_if(run_.repeat.begin(), run_.repeat.end(),
                                          [](const Level& level) { return level.count > 1; });
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

    void check_unit(Unit unit, const char* instruction) const {
        need(run_.queue.unit == unit,
             [&] { return std::string("this queue does not issue ") + instruction; });
    }

    void check_stream(const StreamRef& stream, std::int64_t stride, std::int64_t width, bool aligned) const {
        for (const std::int64_t slice : {std::int64_t{0}, run_.slices.count - 1}) {
            const std::int64_t first = stream.stream + slice * stride;
            if (first < 0 || first + width > spec_.streams_per_direction) {
                refuse("streams " + std::to_string(first) + " to " + std::to_string(first + width - 1) +
                       " must lie in 0 to " + std::to_string(spec_.streams_per_direction - 1));
            }
            need(!aligned || first % width == 0, [&] {
                return "a group of " + std::to_string(width) +
                       " streams must start at a multiple of it, got " + std::to_string(first);
            });
        }
    }

    void check(const MemAccess& access) const {
        check_unit(Unit::Mem, "read or write");
        need(access.read || access.write, "a MEM instruction needs a read, a write or both");
        if (access.read) {
            within("the address", access.read->address, -kStrideMax, kStrideMax);
            check_stream(access.read->to, run_.slices.stream_stride, 1, true);
        }
        if (access.write) {
            within("the address", access.write->address, -kStrideMax, kStrideMax);
            check_stream(access.write->from, run_.slices.write_stream_stride, 1, true);
        }
    }

    void check(const MxmLoad& load) const {
        check_unit(Unit::MxmWeights, "load");
        within("the number of load streams", load.streams, 1, spec_.mxm_load_streams);
        within("the column", load.column, -kStrideMax, kStrideMax);
        check_stream(load.from, 0, load.streams, false);
    }

    void check(const MxmInstall&) const { check_unit(Unit::MxmWeights, "install"); }

    void check(const MxmActivate& activate) const {
        check_unit(Unit::MxmActivations, "activate");
        need(activate.dtype == DType::Int8,
             [&] { return "the MXM multiplies int8; " + to_string(activate.dtype) + " is not there yet"; });
        check_stream(activate.from, 0, dtype_bytes(activate.dtype), true);
    }

    void check(const MxmAccumulate& accumulate) const {
        check_unit(Unit::MxmAccumulators, "accumulate");
        within("the slot", accumulate.slot, -kStrideMax, kStrideMax);
        if (accumulate.to) {
            check_stream(*accumulate.to, 0, dtype_bytes(DType::Int32), true);
        }
    }

    void check_operand(const VxmOperand& operand, DType dtype, const char* name, bool needed) const {
        const bool there = !std::holds_alternative<std::monostate>(operand);
        need(there == needed, [&] {
            return std::string("operand ") + name +
                   (needed ? " is missing" : " is one too many for this operation");
        });
        if (const auto* stream = std::get_if<VxmStream>(&operand)) {
            check_stream(stream->from, 0, dtype_bytes(dtype), true);
        } else if (const auto* chain = std::get_if<VxmChain>(&operand)) {
            within("the chained ALU", chain->alu, 0, spec_.vxm_alus - 1);
        }
    }

    void check(const VxmCompute& compute) const {
        check_unit(Unit::Vxm, "point-wise operations");
        for (const DType dtype : {compute.dtype, compute.result}) {
            need(dtype == DType::Int8 || dtype == DType::Int32 || dtype == DType::Fp32, [&] {
                return "the VXM computes int8, int32 and fp32; " + to_string(dtype) + " is not there yet";
            });
        }
        const bool integer = compute.dtype != DType::Fp32;
        bool binary = true;
        bool converts = false;
        switch (compute.op) {
        case VxmOp::Pass:
        case VxmOp::Relu:
            binary = false;
            break;
        case VxmOp::Convert:
            binary = false;
            converts = true;
            break;
        case VxmOp::AddSat:
        case VxmOp::SubSat:
        case VxmOp::MulSat:
            need(integer, "saturating arithmetic is for int8 and int32; fp32 does not wrap");
            break;
        case VxmOp::ShiftRight:
            need(integer && compute.result != DType::Fp32, "a shift is for int8 and int32");
            converts = true;
            break;
        case VxmOp::Scale:
            need(compute.dtype != DType::Int8, "a scale takes int32 or fp32; convert int8 first");
            converts = true;
            break;
        default:
            break;
        }
        need(converts || compute.result == compute.dtype, [&] {
            return "only convert, shift_right and scale change the type, from " + to_string(compute.dtype) +
                   " to " + to_string(compute.result);
        });
        check_operand(compute.a, compute.dtype, "a", true);
        check_operand(compute.b, operand_b_dtype(compute), "b", binary);
        if (compute.to) {
            check_stream(*compute.to, 0, dtype_bytes(compute.result), true);
        }
    }

    void check(const Sync&) const { check_barrier("sync"); }
    void check(const Notify&) const { check_barrier("notify"); }

    void check_barrier(const char* name) const {
        need(run_.repeat.empty() && run_.slices == SliceRange{},
             [&] { return std::string(name) + " cannot be repeated"; });
    }

    static constexpr std::int64_t kStrideMax = std::int64_t{1} << 40;

    const InstructionRun& run_;
    std::size_t number_;
    const ChipSpec& spec_;
};

void check_tensor(const Tensor& tensor, const ChipSpec& spec) {
    const auto need = [&](bool holds, const auto& message) {
        if (!holds) {
            if constexpr (std::is_invocable_v<decltype(message)>) {
                throw ValueError("tensor " + tensor.name + ": " + message());
            } else {
                throw ValueError("tensor " + tensor.name + ": " + message);
            }
        }
    };
    constexpr std::string_view kNameCharacters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    need(!tensor.name.empty() && tensor.name.find_first_not_of(kNameCharacters) == std::string::npos,
         "a name has letters, digits, '_', '.' and '-' only");
    constexpr std::int64_t kSideMax = std::int64_t{1} << 31;
    const auto side_fits = [](std::int64_t side) { return side >= 1 && side <= kSideMax; };
    need(side_fits(tensor.rows) && side_fits(tensor.columns), [&] {
        return "rows and columns must be from 1 to " + std::to_string(kSideMax) + ", got " +
               std::to_string(tensor.rows) + " x " + std::to_string(tensor.columns);
    });
    need(tensor.rows * dtype_bytes(tensor.dtype) <= spec.mem_bytes() / tensor.columns, [&] {
        return std::to_string(tensor.rows) + " x " + std::to_string(tensor.columns) + " " +
               to_string(tensor.dtype) + " is more than the " + std::to_string(spec.mem_bytes()) +
               " bytes of SRAM";
    });
    need(tensor.lanes >= 1 && tensor.lanes <= spec.lanes(), [&] {
        return "uses from 1 to " + std::to_string(spec.lanes()) + " lanes of a vector, got " +
               std::to_string(tensor.lanes);
    });
    const std::int64_t vectors_max = spec.mem_slices() * spec.mem_words_per_slice;
    for (const TensorPiece& piece : tensor.pieces) {
        std::int64_t slice_low = piece.slice, slice_high = piece.slice + dtype_bytes(tensor.dtype) - 1;
        std::int64_t address_low = piece.address, address_high = piece.address;
        need(piece.row >= 0 && piece.row < kSideMax && piece.column >= 0 && piece.column < kSideMax,
             "a piece starts outside");
        std::int64_t vectors = 1;
        for (const TensorLoop& loop : piece.loops) {
            need(loop.count >= 1 && loop.count <= vectors_max / vectors, [&] {
                return "the loops of a piece visit from 1 vector to all " + std::to_string(vectors_max) +
                       " of the SRAM, got a loop of " + std::to_string(loop.count) + " around " +
                       std::to_string(vectors);
            });
            vectors *= loop.count;
            for (const std::int64_t stride :
                 {loop.row_stride, loop.column_stride, loop.slice_stride, loop.address_stride}) {
                need(stride >= 0 && stride <= kSideMax, "strides must not be negative");
            }
            slice_high = checked_add(slice_high, checked_multiply(loop.count - 1, loop.slice_stride));
            address_high = checked_add(address_high, checked_multiply(loop.count - 1, loop.address_stride));
        }
        need(slice_low >= 0 && slice_high < spec.mem_slices_per_hemisphere, [&] {
            return "slices " + std::to_string(slice_low) + " to " + std::to_string(slice_high) +
                   " must lie in 0 to " + std::to_string(spec.mem_slices_per_hemisphere - 1);
        });
        need(address_low >= 0 && address_high < spec.mem_words_per_slice, [&] {
            return "addresses " + std::to_string(address_low) + " to " + std::to_string(address_high) +
                   " must lie in 0 to " + std::to_string(spec.mem_words_per_slice - 1);
        });
    }
}

} // namespace

void validate(const Program& program, const ChipSpec& spec) {
    validate(spec);
    for (std::size_t number = 0; number < program.runs.size(); ++number) {
        RunChecker(program.runs[number], number, spec).check();
    }
    std::set<std::string_view> names;
    for (const Tensor& tensor : program.tensors) {
        if (!names.insert(tensor.name).second) {
            throw ValueError("two tensors are named " + tensor.name);
        }
        check_tensor(tensor, spec);
    }
}

std::int64_t fetch_bytes(const Program& program, const ChipSpec& spec) {
    std::int64_t encoded = 0;
    for (const InstructionRun& run : program.runs) {
        const auto levels = static_cast<std::int64_t>(run.repeat.size());
        std::int64_t per_queue = 1 + levels;
        if (spec.nested_repeat == 0) {
            // A flat Repeat keeps its operands: it stands only for a level that moves no address.
            const bool flat_repeat = levels > 0 && run.repeat.back().address_stride == 0 &&
                                     run.repeat.back().write_address_stride == 0;
            per_queue =
                flat_repeat ? 2 * (instance_count(run) / run.repeat.back().count) : instance_count(run);
        }
        encoded = checked_add(encoded, checked_multiply(per_queue, run.slices.count));
    }
    return checked_multiply(encoded, spec.instruction_bytes);
}

} // namespace lpusim::chip
