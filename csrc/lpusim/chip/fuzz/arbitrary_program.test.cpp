#include "lpusim/chip/fuzz/arbitrary_program.h"

#include <limits>
#include <string>
#include <utility>

#include "lpusim/base/rng.h"
#include "lpusim/chip/text/names.h"

namespace lpusim::chip {
namespace {

class Maker {
  public:
    Maker(std::uint64_t seed, bool absurd) : seed_(seed), absurd_(absurd) {}

    Program program() {
        Program program;
        program.chips = chance(60) ? 1 : number_from(1);
        for (std::int64_t i = below(3); i > 0; --i) {
            program.maps.push_back(map(i));
        }
        maps_ = static_cast<std::int64_t>(program.maps.size());
        for (std::int64_t i = below(3); i > 0; --i) {
            program.tensors.push_back(tensor());
        }
        for (std::int64_t i = below(12); i > 0; --i) {
            const bool again = !program.runs.empty() && chance(30); // what the compact form takes over
            InstructionRun next = run();
            if (again && chance(50)) {
                next.repeat = program.runs.back().repeat;
            } else if (again) {
                next = program.runs.back();
                next.queue.index += next.queue.index < 9 ? below(2) : 0;
                next.issue = number_from(0) / 4;
            }
            program.runs.push_back(std::move(next));
        }
        return program;
    }

  private:
    std::uint64_t bits() { return random_bits(seed_, 21, drawn_++); }
    std::int64_t below(std::int64_t bound) {
        return static_cast<std::int64_t>(bits() % static_cast<std::uint64_t>(bound));
    }
    bool chance(std::int64_t percent) { return below(100) < percent; }

    /// Small, of any length in bits, or at an end of int64.
    std::int64_t number() {
        using Limits = std::numeric_limits<std::int64_t>;
        const std::int64_t kind = below(10);
        if (kind == 0) {
            return chance(50) ? Limits::min() : Limits::max();
        }
        const std::int64_t any = static_cast<std::int64_t>(bits() >> (kind < 6 ? 58 : bits() % 64));
        return chance(50) ? any : -(any / 2);
    }
    std::int64_t number_from(std::int64_t low) {
        const std::int64_t any = number();
        return absurd_ || any >= low ? any : low + (any < 0 ? -(any / 2) : 0);
    }

    std::string name() {
        constexpr std::string_view kLetters = "abcXYZ019_.-";
        std::string text;
        for (std::int64_t i = 1 + below(8); i > 0; --i) {
            text += kLetters[static_cast<std::size_t>(below(static_cast<std::int64_t>(kLetters.size())))];
        }
        return text;
    }

    LaneMap map(std::int64_t number) {
        LaneMap map{name() + std::to_string(number), {}};
        const std::int64_t run = 1 + below(9);
        for (std::int64_t i = below(60), lane = 0; i > 0; --i) {
            lane = i % run == 0 ? below(absurd_ ? 65536 : 400) : lane;
            map.lanes.push_back(chance(20) ? std::int16_t{-1} : static_cast<std::int16_t>(lane));
            lane += run % 4 - 1;
            lane = absurd_ || lane > -1 ? lane : 0;
        }
        return map;
    }

    Tensor tensor() {
        Tensor tensor;
        tensor.name = name();
        tensor.role = static_cast<Tensor::Role>(below(3));
        tensor.dtype = dtype();
        tensor.rows = number_from(1);
        tensor.columns = number_from(1);
        tensor.lanes = number_from(1);
        tensor.lanes_along_rows = chance(50);
        for (std::int64_t i = below(3); i > 0; --i) {
            TensorPiece piece{hemisphere(),
                              number_from(0),
                              number_from(0),
                              number_from(0),
                              number_from(0),
                              {},
                              number_from(0),
                              chance(50) ? 1 : number(),
                              chance(50) ? 0 : number_from(0)};
            for (std::int64_t loops = below(3); loops > 0; --loops) {
                piece.loops.push_back({number_from(1), number(), number(), number(), number()});
            }
            tensor.pieces.push_back(std::move(piece));
        }
        if (tensor.role == Tensor::Role::Constant || absurd_) {
            const std::int64_t period = 1 + below(40);
            for (std::int64_t i = below(200); i > 0; --i) {
                tensor.data.push_back(static_cast<std::uint8_t>(i / period * 37 + i % (period % 5 + 1)));
            }
        }
        return tensor;
    }

    DType dtype() { return static_cast<DType>(below(static_cast<std::int64_t>(kDTypeNames.size()))); }
    Hemisphere hemisphere() { return chance(50) ? Hemisphere::West : Hemisphere::East; }
    StreamRef stream() { return {chance(50) ? Direction::East : Direction::West, number_from(0)}; }
    std::optional<StreamRef> perhaps_stream() { return chance(50) ? std::optional(stream()) : std::nullopt; }
    std::optional<AddressMap> address_map() {
        return chance(30) ? std::optional(AddressMap{stream(), number_from(1)}) : std::nullopt;
    }
    QueueId queue(Unit unit) {
        const Hemisphere side = unit == Unit::Vxm && !absurd_ ? Hemisphere::West : hemisphere();
        return {unit, side, number_from(0), chance(60) ? 0 : number_from(0)};
    }

    VxmOperand operand() {
        switch (below(3)) {
        case 0:
            return VxmStream{stream()};
        case 1:
            return VxmChain{number_from(0)};
        default:
            return VxmImmediate{static_cast<std::int32_t>(bits() >> bits() % 64)};
        }
    }

    Instruction instruction(Unit unit) {
        switch (below(8)) { // what every queue issues
        case 0:
            return Sync{};
        case 1:
            return Notify{};
        case 2:
            return Config{number_from(0)};
        case 3:
            return Ifetch{stream()};
        default:
            break;
        }
        switch (unit) {
        case Unit::Mem: {
            MemAccess access;
            const std::int64_t kind = below(absurd_ ? 4 : 3);
            if (kind != 1) {
                access.read = MemRead{number(), stream(), address_map()};
            }
            if (kind != 0) {
                access.write = MemWrite{number(), stream(), address_map()};
            }
            return kind < 3 ? access : MemAccess{};
        }
        case Unit::MxmWeights:
            return chance(30) ? Instruction(MxmInstall{})
                              : Instruction(MxmLoad{number(), stream(), number_from(1)});
        case Unit::MxmActivations:
            return MxmActivate{dtype(), stream(), number_from(1)};
        case Unit::MxmAccumulators:
            return MxmAccumulate{number(), chance(50), perhaps_stream(), dtype()};
        case Unit::Vxm: {
            VxmCompute compute;
            compute.op = static_cast<VxmOp>(below(static_cast<std::int64_t>(kVxmOpNames.size())));
            compute.dtype = dtype();
            compute.result = chance(50) ? compute.dtype : dtype();
            compute.to = perhaps_stream();
            const std::int64_t operands = below(3);
            compute.a = absurd_ && chance(20) ? VxmOperand{} : operand();
            compute.b = operands > 0 && !(absurd_ && chance(20)) ? operand() : VxmOperand{};
            compute.c = operands > 1 ? operand() : VxmOperand{};
            return compute;
        }
        case Unit::Sxm: {
            SxmMove move;
            move.op = static_cast<SxmOp>(below(static_cast<std::int64_t>(kSxmOpNames.size())));
            const bool by_map = move.op == SxmOp::Permute || move.op == SxmOp::Distribute;
            move.argument = number();
            if (!absurd_ && (by_map || move.op == SxmOp::Transpose)) {
                move.argument = by_map && maps_ > 0 ? below(maps_) : 0;
            }
            move.a = stream();
            if (absurd_ ? chance(50) : move.op == SxmOp::Select) {
                move.b = stream();
            }
            move.to = stream();
            return move;
        }
        case Unit::C2c:
            break;
        }
        switch (below(3)) {
        case 0:
            return C2cSend{stream()};
        case 1:
            return C2cReceive{queue(absurd_ ? Unit::Mem : Unit::C2c), number_from(0), stream()};
        default:
            return Deskew{};
        }
    }

    InstructionRun run() {
        const auto unit = static_cast<Unit>(below(7));
        InstructionRun run;
        run.queue = queue(unit);
        run.instruction = instruction(absurd_ ? static_cast<Unit>(below(7)) : unit);
        // A text's queue is free before the end of time.
        run.issue = absurd_ ? number() : number() / 4;
        for (std::int64_t levels = below(absurd_ ? 20 : 4); levels > 0; --levels) {
            run.repeat.push_back({number_from(1), number_from(0), number(), number()});
            if (!absurd_) {
                run.repeat.back().count = 1 + below(1 << 20);
                run.repeat.back().cycles = below(std::int64_t{1} << 38);
            }
        }
        if (absurd_ ? chance(50) : unit == Unit::Mem && chance(50)) {
            SliceRange& range = run.slices;
            range = {number_from(1), number(), number(), number(), number(), number(), {}};
            if (!absurd_) {
                run.queue.index /= 2;
                range.count = 1 + below(100);
            }
            if (chance(50)) {
                range.follow = chance(50) ? Direction::East : Direction::West;
            }
        }
        return run;
    }

    std::uint64_t seed_;
    std::uint64_t drawn_ = 0;
    bool absurd_;
    std::int64_t maps_ = 0;
};

} // namespace

Program arbitrary_program(std::uint64_t seed) {
    return Maker(seed, false).program();
}

Program absurd_program(std::uint64_t seed) {
    return Maker(seed, true).program();
}

} // namespace lpusim::chip
