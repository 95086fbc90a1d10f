#include <algorithm>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "lpusim/base/errors.h"
#include "lpusim/chip/text/binary_format.h"
#include "lpusim/chip/text/names.h"
#include "lpusim/chip/text/program_binary.h"

namespace lpusim::chip {

namespace {

using namespace binary;

class Reader {
  public:
    explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    [[nodiscard]] bool done() const { return at_ == bytes_.size(); }

    /// Complains about what was taken last.
    [[noreturn]] void refuse(const std::string& what) const {
        throw ValueError("byte " + std::to_string(taken_at_) + ": " + what);
    }

    unsigned byte() {
        taken_at_ = at_;
        if (done()) {
            refuse("the program ends in the middle");
        }
        return bytes_[at_++];
    }

    /// A byte with no bits beside those of `mask`.
    unsigned flags(unsigned mask, const char* name) {
        const unsigned value = byte();
        if ((value & ~mask) != 0) {
            refuse("unknown " + std::string(name) + " " + std::to_string(value));
        }
        return value;
    }

    std::uint64_t varint() {
        const std::size_t from = at_;
        std::uint64_t value = 0;
        for (unsigned shift = 0;; shift += 7) {
            const std::uint64_t digit = byte();
            taken_at_ = from;
            if (shift == 63 && digit > 1) {
                refuse("an integer of more than 64 bits");
            }
            value |= (digit & 0x7fU) << shift;
            if (digit < 0x80U) {
                return value;
            }
        }
    }

    std::int64_t integer() {
        const std::uint64_t value = varint();
        return static_cast<std::int64_t>((value >> 1U) ^ (0 - (value & 1U)));
    }

    /// How many things of at least `bytes_each` bytes follow: no more than there is room for.
    std::size_t count(std::size_t bytes_each, const char* name) {
        const std::uint64_t value = varint();
        if (value > (bytes_.size() - at_) / bytes_each) {
            refuse(std::to_string(value) + " " + name + " do not fit in the " +
                   std::to_string(bytes_.size() - at_) + " bytes that are left");
        }
        return static_cast<std::size_t>(value);
    }

    std::span<const std::uint8_t> raw(std::size_t size) {
        taken_at_ = at_;
        if (size > bytes_.size() - at_) {
            refuse("the program ends in the middle");
        }
        at_ += size;
        return bytes_.subspan(at_ - size, size);
    }

    std::string name() {
        const std::size_t size = count(1, "characters of a name");
        const auto characters = raw(size);
        std::string text(characters.begin(), characters.end());
        if (!is_name(text)) {
            refuse("a name has letters, digits, '_', '.' and '-' only");
        }
        return text;
    }

    /// One of `count` values.
    template <class Enum>
    Enum choice(unsigned value, std::size_t count, const char* name) {
        if (value >= count) {
            refuse("unknown " + std::string(name) + " " + std::to_string(value));
        }
        return static_cast<Enum>(value);
    }

    DType dtype(unsigned value) { return choice<DType>(value, kDTypeNames.size(), "type"); }

    StreamRef stream() {
        const auto code = static_cast<std::int64_t>(byte());
        const Direction direction = code % 2 == 0 ? Direction::East : Direction::West;
        if (code > kWideStream + 1) {
            refuse("unknown stream " + std::to_string(code));
        }
        return {direction, code < kWideStream ? code / 2 : integer()};
    }

    QueueId queue() {
        QueueId queue;
        const unsigned code = byte();
        queue.unit = choice<Unit>(code & ~0x10U, static_cast<std::size_t>(Unit::C2c) + 1, "unit");
        queue.hemisphere = (code & 0x10U) == 0 ? Hemisphere::West : Hemisphere::East;
        queue.chip = integer();
        queue.index = integer();
        return queue;
    }

    /// The values whose bits are set, in order from bit 0 on.
    void sparse(unsigned bits, std::initializer_list<std::int64_t*> values) {
        for (std::int64_t* value : values) {
            if ((bits & 1U) != 0) {
                *value = integer();
            }
            bits >>= 1U;
        }
    }

  private:
    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
    std::size_t taken_at_ = 0;
};

// ---- instructions, one overload each

void read(Reader& from, std::optional<AddressMap>& map, bool there) {
    if (there) {
        map.emplace();
        map->window_words = from.integer();
        map->map = from.stream();
    }
}

void read(Reader& from, MemAccess& access) {
    const unsigned flags = from.flags(0x0f, "memory access");
    if ((flags & 3U) == 2U || (flags & 12U) == 8U) {
        from.refuse("a map for a read or write that is not there");
    }
    if ((flags & 1U) != 0) {
        access.read.emplace();
        access.read->address = from.integer();
        access.read->to = from.stream();
        read(from, access.read->gather, (flags & 2U) != 0);
    }
    if ((flags & 4U) != 0) {
        access.write.emplace();
        access.write->address = from.integer();
        access.write->from = from.stream();
        read(from, access.write->scatter, (flags & 8U) != 0);
    }
}

void read(Reader& from, MxmLoad& load) {
    load.column = from.integer();
    load.from = from.stream();
    load.streams = from.integer();
}

void read(Reader& from, MxmActivate& activate) {
    activate.dtype = from.dtype(from.byte());
    activate.from = from.stream();
    activate.roundings = from.integer();
}

void read(Reader& from, MxmAccumulate& accumulate) {
    const unsigned flags = from.flags(0x3f, "accumulate");
    accumulate.dtype = from.dtype(flags & 0x0fU);
    accumulate.start = (flags & 0x10U) != 0;
    accumulate.slot = from.integer();
    if ((flags & 0x20U) != 0) {
        accumulate.to = from.stream();
    }
}

VxmOperand read_operand(Reader& from, unsigned alternative) {
    switch (alternative & 3U) {
    case 0:
        return std::monostate{};
    case 1:
        return VxmStream{from.stream()};
    case 2:
        return VxmChain{from.integer()};
    default:
        break;
    }
    const std::int64_t bits = from.integer();
    if (bits != static_cast<std::int32_t>(bits)) {
        from.refuse("an immediate of more than 32 bits");
    }
    return VxmImmediate{static_cast<std::int32_t>(bits)};
}

void read(Reader& from, VxmCompute& compute) {
    compute.op = from.choice<VxmOp>(from.byte(), kVxmOpNames.size(), "VXM operation");
    const unsigned types = from.byte();
    compute.dtype = from.dtype(types & 0x0fU);
    compute.result = from.dtype(types >> 4U);
    const unsigned operands = from.flags(0x7f, "operands");
    compute.a = read_operand(from, operands);
    compute.b = read_operand(from, operands >> 2U);
    compute.c = read_operand(from, operands >> 4U);
    if ((operands & kHasTarget) != 0) {
        compute.to = from.stream();
    }
}

void read(Reader& from, SxmMove& move) {
    const unsigned code = from.byte();
    move.op = from.choice<SxmOp>(code & ~0x10U, kSxmOpNames.size(), "lane move");
    move.argument = from.integer();
    move.a = from.stream();
    if ((code & 0x10U) != 0) {
        move.b = from.stream();
    }
    move.to = from.stream();
}

void read(Reader& from, C2cSend& send) {
    send.from = from.stream();
}

void read(Reader& from, C2cReceive& receive) {
    receive.peer = from.queue();
    receive.held_cycles = from.integer();
    receive.to = from.stream();
}

void read(Reader& from, Config& config) {
    config.superlanes = from.integer();
}

void read(Reader& from, Ifetch& fetch) {
    fetch.from = from.stream();
}

void read(Reader&, MxmInstall&) {}
void read(Reader&, Deskew&) {}
void read(Reader&, Sync&) {}
void read(Reader&, Notify&) {}

template <std::size_t... Kinds>
void read_instruction(Reader& from, Instruction& instruction, std::size_t kind,
                      std::index_sequence<Kinds...>) {
    (void)((Kinds == kind && (read(from, instruction.emplace<Kinds>()), true)) || ...);
}

// ---- runs, maps and tensors

constexpr std::size_t kKinds = std::variant_size_v<Instruction>;

void read_queue(Reader& from, unsigned head, QueueId& queue, const QueueId& before) {
    if ((head & kQueueMask) == 0) {
        queue = from.queue();
        return;
    }
    queue = before;
    if ((head & kQueueMask) == kNextQueue) {
        queue.index = static_cast<std::int64_t>(static_cast<std::uint64_t>(queue.index) + 1);
    } else if ((head & kQueueMask) != kSameQueue) {
        from.refuse("a queue that is both the same and the next");
    }
}

void read_run(Reader& from, InstructionRun& run, const InstructionRun& before) {
    const unsigned head = from.byte();
    if ((head & kKindMask) >= kKinds) {
        from.refuse("unknown instruction " + std::to_string(head & kKindMask));
    }
    read_queue(from, head, run.queue, before.queue);
    run.issue = static_cast<std::int64_t>(static_cast<std::uint64_t>(before.issue) +
                                          static_cast<std::uint64_t>(from.integer()));
    read_instruction(from, run.instruction, head & kKindMask, std::make_index_sequence<kKinds>{});
    if ((head & kSlices) != 0) {
        SliceRange& range = run.slices;
        const unsigned bits = from.flags(0x7f, "slice range");
        from.sparse(bits, {&range.cycles, &range.address_stride, &range.write_address_stride,
                           &range.stream_stride, &range.write_stream_stride});
        if ((bits & (kFollow | kFollowWest)) == kFollowWest) {
            from.refuse("a direction for a range that follows none");
        }
        if ((bits & kFollow) != 0) {
            range.follow = (bits & kFollowWest) == 0 ? Direction::East : Direction::West;
        }
        range.count = from.integer();
    }
    if ((head & kSameRepeats) != 0) {
        if (before.repeat.size() > kSharedLevelsMax) {
            from.refuse("more than " + std::to_string(kSharedLevelsMax) + " repeats are not taken over");
        }
        run.repeat = before.repeat;
        return;
    }
    run.repeat.resize(from.count(3, "repeats"));
    for (Level& level : run.repeat) {
        from.sparse(from.flags(0x03, "repeat"), {&level.address_stride, &level.write_address_stride});
        level.count = from.integer();
        level.cycles = from.integer();
    }
}

void spend(Reader& from, std::uint64_t count, std::size_t size_bytes, ExpansionBudget& budget) {
    if (count > static_cast<std::uint64_t>(kExpandedBytesMax) / size_bytes ||
        !budget.take(static_cast<std::int64_t>(count * size_bytes))) {
        from.refuse("repeats come to more than " + std::to_string(kExpandedBytesMax) + " bytes");
    }
}

/// The lanes of a range, or ValueError for one that is none.
void append_lanes(Reader& from, std::vector<std::int16_t>& lanes, std::uint64_t left,
                  ExpansionBudget& budget) {
    const std::uint64_t count = from.varint();
    if (count == 0 || count > left) {
        from.refuse("a range of " + std::to_string(count) + " lanes, where " + std::to_string(left) +
                    " are left");
    }
    if (count > 1) {
        spend(from, count, sizeof(std::int16_t), budget);
    }
    using Limits = std::numeric_limits<std::int16_t>;
    const auto is_lane = [](std::int64_t lane) { return lane >= Limits::min() && lane <= Limits::max(); };
    std::int64_t lane = from.integer();
    bool good = is_lane(lane);
    const std::int64_t step = count > 1 ? from.integer() : 0;
    // Steps of more than all lanes leave them at once; up to there nothing overflows.
    good = good && step >= -65536 && step <= 65536 &&
           is_lane(lane + step * static_cast<std::int64_t>(count - 1));
    if (!good) {
        from.refuse("a range of lanes that leaves " + std::to_string(Limits::min()) + " to " +
                    std::to_string(Limits::max()));
    }
    for (std::uint64_t i = 0; i < count; ++i, lane += step) {
        lanes.push_back(static_cast<std::int16_t>(lane));
    }
}

void read_map(Reader& from, LaneMap& map, ExpansionBudget& budget) {
    map.name = from.name();
    const std::uint64_t lanes = from.varint();
    while (map.lanes.size() < lanes) {
        append_lanes(from, map.lanes, lanes - map.lanes.size(), budget);
    }
}

void append_data(Reader& from, std::vector<std::uint8_t>& data, std::uint64_t left, ExpansionBudget& budget) {
    const std::uint64_t head = from.varint();
    const std::uint64_t count = head >> 2U;
    const std::size_t width = kPatternBytes[head & 3U];
    if (count == 0 || count > left / std::max<std::size_t>(width, 1)) {
        from.refuse("a stretch of " + std::to_string(count) + " times " +
                    std::to_string(std::max<std::size_t>(width, 1)) + " bytes of data, where " +
                    std::to_string(left) + " are left");
    }
    if (width == 0) {
        const auto literal = from.raw(static_cast<std::size_t>(count));
        data.insert(data.end(), literal.begin(), literal.end());
        return;
    }
    spend(from, count, width, budget);
    const auto pattern = from.raw(width);
    const std::size_t begin = data.size();
    data.resize(begin + static_cast<std::size_t>(count) * width);
    for (std::size_t at = begin; at < data.size(); ++at) {
        data[at] = pattern[(at - begin) % width];
    }
}

void read_piece(Reader& from, TensorPiece& piece) {
    const unsigned bits = from.byte();
    piece.hemisphere = (bits & 0x80U) == 0 ? Hemisphere::West : Hemisphere::East;
    std::int64_t more_byte_slices = 0;
    from.sparse(bits, {&piece.chip, &piece.slice, &piece.address, &piece.row, &piece.column,
                       &more_byte_slices, &piece.lane});
    piece.byte_slices = static_cast<std::int64_t>(static_cast<std::uint64_t>(more_byte_slices) + 1);
    piece.loops.resize(from.count(2, "loops"));
    for (TensorLoop& loop : piece.loops) {
        from.sparse(from.flags(0x0f, "loop"),
                    {&loop.row_stride, &loop.column_stride, &loop.slice_stride, &loop.address_stride});
        loop.count = from.integer();
    }
}

void read_tensor(Reader& from, Tensor& tensor, ExpansionBudget& budget) {
    tensor.name = from.name();
    const unsigned code = from.flags(0x7f, "tensor");
    tensor.dtype = from.dtype(code & 0x0fU);
    tensor.role = from.choice<Tensor::Role>(code >> 4U & 0x03U, kRoleNames.size(), "role");
    tensor.lanes_along_rows = (code & 0x40U) != 0;
    tensor.rows = from.integer();
    tensor.columns = from.integer();
    tensor.lanes = from.integer();
    for (std::size_t left = from.count(2, "pieces"); left > 0; --left) {
        read_piece(from, tensor.pieces.emplace_back());
    }
    const std::uint64_t bytes = from.varint();
    while (tensor.data.size() < bytes) {
        append_data(from, tensor.data, bytes - tensor.data.size(), budget);
    }
}

} // namespace

Program decode(std::span<const std::uint8_t> bytes, std::int64_t expanded_bytes_max) {
    Reader from(bytes);
    ExpansionBudget budget(expanded_bytes_max);
    Program program;
    for (const char c : kMagic) {
        if (from.done() || from.byte() != static_cast<unsigned char>(c)) {
            from.refuse("this is no program: it does not start with " + std::string(kMagic));
        }
    }
    const unsigned version = from.byte();
    if (version != kVersion) {
        from.refuse("version " + std::to_string(version) + " is not known here; the newest is " +
                    std::to_string(kVersion));
    }
    program.chips = from.integer();
    for (std::size_t left = from.count(2, "lane maps"); left > 0; --left) {
        read_map(from, program.maps.emplace_back(), budget);
    }
    for (std::size_t left = from.count(8, "tensors"); left > 0; --left) {
        read_tensor(from, program.tensors.emplace_back(), budget);
    }
    const InstructionRun first;
    for (std::size_t left = from.count(2, "runs"); left > 0; --left) {
        InstructionRun run;
        read_run(from, run, program.runs.empty() ? first : program.runs.back());
        program.runs.push_back(std::move(run));
    }
    if (!from.done()) {
        from.byte();
        from.refuse("the program ends here, but more bytes follow");
    }
    return program;
}

} // namespace lpusim::chip
