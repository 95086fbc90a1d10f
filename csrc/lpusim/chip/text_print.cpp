#include "lpusim/chip/text.h"

#include <bit>
#include <charconv>

#include "lpusim/chip/text_names.h"

namespace lpusim::chip {

namespace {

std::string number(std::int64_t value) {
    return std::to_string(value);
}

std::string optional_field(const char* name, std::int64_t value) {
    return value == 0 ? "" : std::string(" ") + name + " " + number(value);
}

std::string place(Hemisphere hemisphere, std::int64_t slice) {
    return std::string(hemisphere == Hemisphere::West ? "w." : "e.") + number(slice);
}

std::string operand_text(const VxmOperand& operand, DType dtype) {
    if (const auto* stream = std::get_if<VxmStream>(&operand)) {
        return to_string(stream->from);
    }
    if (const auto* chain = std::get_if<VxmChain>(&operand)) {
        return std::string("alu.") + number(chain->alu);
    }
    const auto bits = std::get<VxmImmediate>(operand).bits;
    if (dtype != DType::Fp32) {
        return std::string("=") + number(bits);
    }
    std::array<char, 8> digits{};
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), std::bit_cast<std::uint32_t>(bits), 16);
    return std::string("=0x") + std::string(digits.data(), end.ptr);
}

struct InstructionText {
    std::string operator()(const MemAccess& access) const {
        std::string text;
        if (access.read) {
            text +=
                std::string(" read ") + number(access.read->address) + " -> " + to_string(access.read->to);
            text += map_text(" gather ", access.read->gather);
        }
        if (access.write) {
            text += std::string(" write ") + number(access.write->address) + " <- " +
                    to_string(access.write->from);
            text += map_text(" scatter ", access.write->scatter);
        }
        return text;
    }

    static std::string map_text(const char* name, const std::optional<AddressMap>& map) {
        return map ? name + number(map->window_words) + " <- " + to_string(map->map) : "";
    }

    std::string operator()(const MxmLoad& load) const {
        return std::string(" load ") + number(load.column) + " <- " + to_string(load.from) + " streams " +
               number(load.streams);
    }

    std::string operator()(const MxmInstall&) const { return " install"; }

    std::string operator()(const MxmActivate& activate) const {
        return std::string(" activate ") + to_string(activate.dtype) + " <- " + to_string(activate.from) +
               (activate.roundings == 1 ? "" : std::string(" roundings ") + number(activate.roundings));
    }

    std::string operator()(const MxmAccumulate& accumulate) const {
        return std::string(accumulate.start ? " start " : " add ") +
               (accumulate.dtype == DType::Int32 ? "" : to_string(accumulate.dtype) + " ") +
               number(accumulate.slot) + target(accumulate.to);
    }

    std::string operator()(const VxmCompute& compute) const {
        std::string text = " ";
        for (const auto& [op, name] : kVxmOpNames) {
            text += op == compute.op ? std::string(name) : "";
        }
        text += std::string(" ") + to_string(compute.dtype);
        if (compute.result != compute.dtype) {
            text += std::string(" to ") + to_string(compute.result);
        }
        text.append(" ").append(operand_text(compute.a, compute.dtype));
        if (!std::holds_alternative<std::monostate>(compute.b)) {
            text.append(", ").append(operand_text(compute.b, operand_b_dtype(compute)));
        }
        if (!std::holds_alternative<std::monostate>(compute.c)) {
            text.append(", ").append(operand_text(compute.c, compute.dtype));
        }
        return text + target(compute.to);
    }

    std::string operator()(const SxmMove& move) const {
        std::string text = " ";
        for (const auto& [op, name] : kSxmOpNames) {
            text += op == move.op ? std::string(name) : "";
        }
        if (move.op != SxmOp::Transpose) {
            text += std::string(" ") + number(move.argument);
        }
        text += std::string(" ") + to_string(move.a);
        if (move.b) {
            text += std::string(", ") + to_string(*move.b);
        }
        return text + " -> " + to_string(move.to);
    }

    std::string operator()(const C2cSend& send) const { return " send <- " + to_string(send.from); }

    std::string operator()(const C2cReceive& receive) const {
        return " receive " + to_string(receive.peer) + optional_field("held", receive.held_cycles) + " -> " +
               to_string(receive.to);
    }

    std::string operator()(const Deskew&) const { return " deskew"; }
    std::string operator()(const Config& config) const { return " config " + number(config.superlanes); }
    std::string operator()(const Ifetch& fetch) const { return " ifetch <- " + to_string(fetch.from); }
    std::string operator()(const Sync&) const { return " sync"; }
    std::string operator()(const Notify&) const { return " notify"; }

    static std::string target(const std::optional<StreamRef>& to) {
        return to ? std::string(" -> ") + to_string(*to) : "";
    }
};

std::string run_text(const InstructionRun& run) {
    std::string text = std::string("@") + number(run.issue) + " " + to_string(run.queue);
    const SliceRange& range = run.slices;
    if (range.count != 1) {
        text += std::string("..") + number(run.queue.index + range.count - 1);
    }
    text += std::visit(InstructionText{}, run.instruction);
    SliceRange only_count;
    only_count.count = range.count;
    if (range != only_count) {
        text += " each" + optional_field("cycles", range.cycles) +
                optional_field("address", range.address_stride) +
                optional_field("write_address", range.write_address_stride) +
                optional_field("stream", range.stream_stride) +
                optional_field("write_stream", range.write_stream_stride);
        if (range.follow) {
            text += *range.follow == Direction::East ? " follow e" : " follow w";
        }
    }
    for (const Level& level : run.repeat) {
        text += std::string(" repeat ") + number(level.count) + " every " + number(level.cycles) +
                optional_field("address", level.address_stride) +
                optional_field("write_address", level.write_address_stride);
    }
    return text + "\n";
}

std::string role_name(Tensor::Role role) {
    switch (role) {
    case Tensor::Role::Input:
        return "input";
    case Tensor::Role::Output:
        return "output";
    case Tensor::Role::Constant:
        break;
    }
    return "constant";
}

std::string tensor_text(const Tensor& tensor) {
    std::string text = "tensor " + tensor.name + " " + role_name(tensor.role) + " " +
                       to_string(tensor.dtype) + " " + number(tensor.rows) + " x " + number(tensor.columns) +
                       " lanes " + number(tensor.lanes) + (tensor.lanes_along_rows ? " rows" : " columns") +
                       "\n";
    for (const TensorPiece& piece : tensor.pieces) {
        text += std::string("piece ") + place(piece.hemisphere, piece.slice) + " address " +
                number(piece.address) + std::string(" row ") + number(piece.row) + " column " +
                number(piece.column) +
                (piece.byte_slices == 1 ? "" : std::string(" byte_slices ") + number(piece.byte_slices)) +
                optional_field("lane", piece.lane);
        for (const TensorLoop& loop : piece.loops) {
            text += std::string(" loop ") + number(loop.count) + optional_field("row", loop.row_stride) +
                    optional_field("column", loop.column_stride) +
                    optional_field("slice", loop.slice_stride) +
                    optional_field("address", loop.address_stride);
        }
        text += '\n';
    }
    return text;
}

} // namespace

std::string instruction_text(const Instruction& instruction) {
    return std::visit(InstructionText{}, instruction).substr(1);
}

std::string to_text(const Program& program) {
    std::string text;
    for (const Tensor& tensor : program.tensors) {
        text += tensor_text(tensor);
    }
    for (const InstructionRun& run : program.runs) {
        text += run_text(run);
    }
    return text;
}

} // namespace lpusim::chip
