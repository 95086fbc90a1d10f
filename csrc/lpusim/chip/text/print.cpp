#include <array>
#include <charconv>

#include "lpusim/chip/text/immediate.h"
#include "lpusim/chip/text/lists.h"
#include "lpusim/chip/text/names.h"
#include "lpusim/chip/text/text.h"

namespace lpusim::chip {

namespace {

/// Appends words, each after a space.
class Words {
  public:
    explicit Words(std::string& text) : text_(text) {}

    Words& operator<<(std::string_view word) {
        text_.append(1, ' ').append(word);
        return *this;
    }

    Words& operator<<(std::int64_t number) {
        std::array<char, 21> digits{};
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
        return *this << std::string_view(digits.data(), end);
    }

    Words& operator<<(const StreamRef& stream) {
        *this << (stream.direction == Direction::East ? "e." : "w.");
        text_ += std::to_string(stream.stream);
        return *this;
    }

    /// A number and its name, unless it is what the reader takes for granted.
    Words& field(std::string_view name, std::int64_t value, std::int64_t granted = 0) {
        return value == granted ? *this : *this << name << value;
    }

  private:
    std::string& text_;
};

template <class Op, std::size_t Count>
std::string_view name_of(Op op, const std::array<std::pair<Op, std::string_view>, Count>& table) {
    for (const auto& [each, name] : table) {
        if (each == op) {
            return name;
        }
    }
    return {};
}

std::string_view name_of(DType dtype) {
    return kDTypeNames[static_cast<std::size_t>(dtype)];
}

class InstructionPrinter {
  public:
    InstructionPrinter(std::string& text, const std::vector<LaneMap>& maps)
        : text_(text), words_(text), maps_(maps) {}

    void operator()(const MemAccess& access) {
        if (access.read) {
            words_ << "read" << access.read->address << "->" << access.read->to;
            address_map("gather", access.read->gather);
        }
        if (access.write) {
            words_ << "write" << access.write->address << "<-" << access.write->from;
            address_map("scatter", access.write->scatter);
        }
    }

    void operator()(const MxmLoad& load) {
        words_ << "load" << load.column << "<-" << load.from << "streams" << load.streams;
    }

    void operator()(const MxmInstall&) { words_ << "install"; }

    void operator()(const MxmActivate& activate) {
        words_ << "activate" << name_of(activate.dtype) << "<-" << activate.from;
        words_.field("roundings", activate.roundings, 1);
    }

    void operator()(const MxmAccumulate& accumulate) {
        words_ << (accumulate.start ? "start" : "add");
        if (accumulate.dtype != DType::Int32) {
            words_ << name_of(accumulate.dtype);
        }
        words_ << accumulate.slot;
        target(accumulate.to);
    }

    void operator()(const VxmCompute& compute) {
        words_ << name_of(compute.op, kVxmOpNames) << name_of(compute.dtype);
        if (compute.result != compute.dtype) {
            words_ << "to" << name_of(compute.result);
        }
        operand("", compute.a, compute.dtype);
        operand(",", compute.b, operand_b_dtype(compute));
        operand(",", compute.c, compute.dtype);
        target(compute.to);
    }

    void operator()(const SxmMove& move) {
        words_ << name_of(move.op, kSxmOpNames);
        const bool by_map = move.op == SxmOp::Permute || move.op == SxmOp::Distribute;
        if (by_map && move.argument >= 0 && move.argument < static_cast<std::int64_t>(maps_.size())) {
            words_ << std::string_view(maps_[static_cast<std::size_t>(move.argument)].name);
        } else if (move.op != SxmOp::Transpose) {
            words_ << move.argument;
        }
        words_ << move.a;
        if (move.b) {
            text_ += ',';
            words_ << *move.b;
        }
        words_ << "->" << move.to;
    }

    void operator()(const C2cSend& send) { words_ << "send" << "<-" << send.from; }

    void operator()(const C2cReceive& receive) {
        words_ << "receive" << to_string(receive.peer);
        words_.field("held", receive.held_cycles) << "->" << receive.to;
    }

    void operator()(const Deskew&) { words_ << "deskew"; }
    void operator()(const Config& config) { words_ << "config" << config.superlanes; }
    void operator()(const Ifetch& fetch) { words_ << "ifetch" << "<-" << fetch.from; }
    void operator()(const Sync&) { words_ << "sync"; }
    void operator()(const Notify&) { words_ << "notify"; }

  private:
    void address_map(std::string_view name, const std::optional<AddressMap>& map) {
        if (map) {
            words_ << name << map->window_words << "<-" << map->map;
        }
    }

    void target(const std::optional<StreamRef>& to) {
        if (to) {
            words_ << "->" << *to;
        }
    }

    void operand(std::string_view before, const VxmOperand& operand, DType dtype) {
        if (std::holds_alternative<std::monostate>(operand)) {
            return;
        }
        text_ += before;
        if (const auto* stream = std::get_if<VxmStream>(&operand)) {
            words_ << stream->from;
        } else if (const auto* chain = std::get_if<VxmChain>(&operand)) {
            words_ << "alu.";
            text_ += std::to_string(chain->alu);
        } else {
            words_ << "=";
            text_ += immediate_text(std::get<VxmImmediate>(operand).bits, dtype);
        }
    }

    std::string& text_;
    Words words_;
    const std::vector<LaneMap>& maps_;
};

void append_run(std::string& text, const InstructionRun& run, const std::vector<LaneMap>& maps) {
    Words words(text);
    text.append(1, '@').append(std::to_string(run.issue));
    words << to_string(run.queue);
    const SliceRange& range = run.slices;
    if (range.count != 1) {
        text.append("..").append(std::to_string(run.queue.index + range.count - 1));
    }
    std::visit(InstructionPrinter(text, maps), run.instruction);
    SliceRange only_count;
    only_count.count = range.count;
    if (range != only_count) {
        words << "each";
        words.field("cycles", range.cycles)
            .field("address", range.address_stride)
            .field("write_address", range.write_address_stride)
            .field("stream", range.stream_stride)
            .field("write_stream", range.write_stream_stride);
        if (range.follow) {
            words << "follow" << (*range.follow == Direction::East ? "e" : "w");
        }
    }
    for (const Level& level : run.repeat) {
        words << "repeat" << level.count << "every" << level.cycles;
        words.field("address", level.address_stride).field("write_address", level.write_address_stride);
    }
    text += '\n';
}

void append_tensor(std::string& text, const Tensor& tensor, ExpansionBudget& budget) {
    Words words(text);
    text += "tensor";
    words << tensor.name << kRoleNames[static_cast<std::size_t>(tensor.role)] << name_of(tensor.dtype)
          << tensor.rows << "x" << tensor.columns << "lanes" << tensor.lanes
          << kAxisNames[tensor.lanes_along_rows ? 0 : 1];
    text += '\n';
    for (const TensorPiece& piece : tensor.pieces) {
        text += "piece ";
        text += piece.chip == 0 ? "" : "chip" + std::to_string(piece.chip) + ".";
        text += piece.hemisphere == Hemisphere::West ? "w." : "e.";
        text += std::to_string(piece.slice);
        words << "address" << piece.address << "row" << piece.row << "column" << piece.column;
        words.field("byte_slices", piece.byte_slices, 1).field("lane", piece.lane);
        for (const TensorLoop& loop : piece.loops) {
            words << "loop" << loop.count;
            words.field("row", loop.row_stride)
                .field("column", loop.column_stride)
                .field("slice", loop.slice_stride)
                .field("address", loop.address_stride);
        }
        text += '\n';
    }
    append_data(text, tensor.data, budget);
}

} // namespace

std::string instruction_text(const Instruction& instruction, const std::vector<LaneMap>& maps) {
    std::string text;
    std::visit(InstructionPrinter(text, maps), instruction);
    return text.substr(1);
}

std::string to_text(const Program& program) {
    std::string text;
    ExpansionBudget budget(kExpandedBytesMax);
    if (program.chips != 1) {
        text += "chips " + std::to_string(program.chips) + "\n";
    }
    for (const LaneMap& map : program.maps) {
        append_lanes(text, "map " + map.name, map.lanes, budget);
    }
    for (const Tensor& tensor : program.tensors) {
        append_tensor(text, tensor, budget);
    }
    for (const InstructionRun& run : program.runs) {
        append_run(text, run, program.maps);
    }
    return text;
}

} // namespace lpusim::chip
