#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

#include "lpusim/chip/text/binary_format.h"
#include "lpusim/chip/text/program_binary.h"

namespace lpusim::chip {

namespace {

using namespace binary;

class Writer {
  public:
    void byte(std::uint64_t value) { bytes_.push_back(static_cast<std::uint8_t>(value)); }

    void count(std::uint64_t value) {
        while (value >= 0x80U) {
            byte((value & 0x7fU) | 0x80U);
            value >>= 7U;
        }
        byte(value);
    }

    void integer(std::int64_t value) {
        count((static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63));
    }

    void raw(std::span<const std::uint8_t> values) {
        bytes_.insert(bytes_.end(), values.begin(), values.end());
    }

    void name(std::string_view text) {
        count(text.size());
        bytes_.insert(bytes_.end(), text.begin(), text.end());
    }

    void stream(const StreamRef& stream) {
        const std::int64_t direction = stream.direction == Direction::West ? 1 : 0;
        if (stream.stream >= 0 && stream.stream < kWideStream / 2) {
            byte(static_cast<std::uint64_t>(2 * stream.stream + direction));
        } else {
            byte(static_cast<std::uint64_t>(kWideStream + direction));
            integer(stream.stream);
        }
    }

    void queue(const QueueId& queue) {
        byte(static_cast<unsigned>(queue.unit) | (queue.hemisphere == Hemisphere::East ? 0x10U : 0U));
        integer(queue.chip);
        integer(queue.index);
    }

    /// One byte that tells which of the values are not 0, beside the flags it is given, then those values.
    void sparse(std::initializer_list<std::int64_t> values, unsigned flags = 0) {
        unsigned bit = 1;
        for (const std::int64_t value : values) {
            flags |= value == 0 ? 0 : bit;
            bit <<= 1U;
        }
        byte(flags);
        for (const std::int64_t value : values) {
            if (value != 0) {
                integer(value);
            }
        }
    }

    std::vector<std::uint8_t> finish() { return std::move(bytes_); }

  private:
    std::vector<std::uint8_t> bytes_;
};

struct InstructionWriter {
    Writer& to;

    void operator()(const MemAccess& access) {
        const auto& [read, write] = access;
        to.byte((read ? 1U : 0U) | (read && read->gather ? 2U : 0U) | (write ? 4U : 0U) |
                (write && write->scatter ? 8U : 0U));
        if (read) {
            to.integer(read->address);
            to.stream(read->to);
            address_map(read->gather);
        }
        if (write) {
            to.integer(write->address);
            to.stream(write->from);
            address_map(write->scatter);
        }
    }

    void operator()(const MxmLoad& load) {
        to.integer(load.column);
        to.stream(load.from);
        to.integer(load.streams);
    }

    void operator()(const MxmActivate& activate) {
        to.byte(static_cast<unsigned>(activate.dtype));
        to.stream(activate.from);
        to.integer(activate.roundings);
    }

    void operator()(const MxmAccumulate& accumulate) {
        to.byte(static_cast<unsigned>(accumulate.dtype) | (accumulate.start ? 0x10U : 0U) |
                (accumulate.to ? 0x20U : 0U));
        to.integer(accumulate.slot);
        if (accumulate.to) {
            to.stream(*accumulate.to);
        }
    }

    void operator()(const VxmCompute& compute) {
        to.byte(static_cast<unsigned>(compute.op));
        to.byte(static_cast<unsigned>(compute.dtype) | static_cast<unsigned>(compute.result) << 4U);
        to.byte(compute.a.index() | compute.b.index() << 2U | compute.c.index() << 4U |
                (compute.to ? kHasTarget : 0U));
        for (const VxmOperand* operand : {&compute.a, &compute.b, &compute.c}) {
            if (const auto* stream = std::get_if<VxmStream>(operand)) {
                to.stream(stream->from);
            } else if (const auto* chain = std::get_if<VxmChain>(operand)) {
                to.integer(chain->alu);
            } else if (const auto* immediate = std::get_if<VxmImmediate>(operand)) {
                to.integer(immediate->bits);
            }
        }
        if (compute.to) {
            to.stream(*compute.to);
        }
    }

    void operator()(const SxmMove& move) {
        to.byte(static_cast<unsigned>(move.op) | (move.b ? 0x10U : 0U));
        to.integer(move.argument);
        to.stream(move.a);
        if (move.b) {
            to.stream(*move.b);
        }
        to.stream(move.to);
    }

    void operator()(const C2cSend& send) { to.stream(send.from); }

    void operator()(const C2cReceive& receive) {
        to.queue(receive.peer);
        to.integer(receive.held_cycles);
        to.stream(receive.to);
    }

    void operator()(const Config& config) { to.integer(config.superlanes); }
    void operator()(const Ifetch& fetch) { to.stream(fetch.from); }
    void operator()(const MxmInstall&) {}
    void operator()(const Deskew&) {}
    void operator()(const Sync&) {}
    void operator()(const Notify&) {}

    void address_map(const std::optional<AddressMap>& map) {
        if (map) {
            to.integer(map->window_words);
            to.stream(map->map);
        }
    }
};

void write_run(Writer& to, const InstructionRun& run, const InstructionRun& before) {
    QueueId next = before.queue;
    next.index = static_cast<std::int64_t>(static_cast<std::uint64_t>(next.index) + 1);
    const unsigned queue = run.queue == before.queue ? kSameQueue : run.queue == next ? kNextQueue : 0U;
    const bool same_repeats = run.repeat.size() <= kSharedLevelsMax && run.repeat == before.repeat;
    const bool slices = run.slices != SliceRange{};
    to.byte(run.instruction.index() | queue | (same_repeats ? kSameRepeats : 0U) | (slices ? kSlices : 0U));
    if (queue == 0) {
        to.queue(run.queue);
    }
    to.integer(static_cast<std::int64_t>(static_cast<std::uint64_t>(run.issue) -
                                         static_cast<std::uint64_t>(before.issue)));
    std::visit(InstructionWriter{to}, run.instruction);
    if (slices) {
        const SliceRange& range = run.slices;
        const unsigned follow = !range.follow                      ? 0U
                                : *range.follow == Direction::West ? kFollow | kFollowWest
                                                                   : kFollow;
        to.sparse({range.cycles, range.address_stride, range.write_address_stride, range.stream_stride,
                   range.write_stream_stride},
                  follow);
        to.integer(range.count);
    }
    if (!same_repeats) {
        to.count(run.repeat.size());
        for (const Level& level : run.repeat) {
            to.sparse({level.address_stride, level.write_address_stride});
            to.integer(level.count);
            to.integer(level.cycles);
        }
    }
}

void write_map(Writer& to, const LaneMap& map, ExpansionBudget& budget) {
    to.name(map.name);
    to.count(map.lanes.size());
    split_lanes(map.lanes, budget, [&](const LaneRun& run) {
        to.count(static_cast<std::uint64_t>(run.count));
        to.integer(run.first);
        if (run.count > 1) {
            to.integer(run.step);
        }
    });
}

void write_tensor(Writer& to, const Tensor& tensor, ExpansionBudget& budget) {
    to.name(tensor.name);
    to.byte(static_cast<unsigned>(tensor.dtype) | static_cast<unsigned>(tensor.role) << 4U |
            (tensor.lanes_along_rows ? 0x40U : 0U));
    to.integer(tensor.rows);
    to.integer(tensor.columns);
    to.integer(tensor.lanes);
    to.count(tensor.pieces.size());
    for (const TensorPiece& piece : tensor.pieces) {
        to.sparse({piece.chip, piece.slice, piece.address, piece.row, piece.column,
                   static_cast<std::int64_t>(static_cast<std::uint64_t>(piece.byte_slices) - 1), piece.lane},
                  piece.hemisphere == Hemisphere::East ? 0x80U : 0U);
        to.count(piece.loops.size());
        for (const TensorLoop& loop : piece.loops) {
            to.sparse({loop.row_stride, loop.column_stride, loop.slice_stride, loop.address_stride});
            to.integer(loop.count);
        }
    }
    to.count(tensor.data.size());
    const auto stretch = [&](std::uint64_t count, unsigned coding, std::span<const std::uint8_t> bytes) {
        to.count(count << 2U | coding);
        to.raw(bytes);
    };
    split_data(
        tensor.data, budget, [&](std::span<const std::uint8_t> bytes) { stretch(bytes.size(), 0, bytes); },
        [&](const DataRun& run) {
            const unsigned coding = run.pattern.size() == 4 ? 3U : static_cast<unsigned>(run.pattern.size());
            stretch(static_cast<std::uint64_t>(run.count), coding, run.pattern);
        });
}

} // namespace

std::vector<std::uint8_t> encode(const Program& program) {
    Writer to;
    ExpansionBudget budget(kExpandedBytesMax);
    for (const char c : kMagic) {
        to.byte(static_cast<std::uint8_t>(c));
    }
    to.byte(kVersion);
    to.integer(program.chips);
    to.count(program.maps.size());
    for (const LaneMap& map : program.maps) {
        write_map(to, map, budget);
    }
    to.count(program.tensors.size());
    for (const Tensor& tensor : program.tensors) {
        write_tensor(to, tensor, budget);
    }
    to.count(program.runs.size());
    const InstructionRun first;
    const InstructionRun* before = &first;
    for (const InstructionRun& run : program.runs) {
        write_run(to, run, *before);
        before = &run;
    }
    return to.finish();
}

} // namespace lpusim::chip
