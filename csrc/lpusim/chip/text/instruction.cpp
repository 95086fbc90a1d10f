#include "lpusim/chip/text/instruction.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <vector>

#include "lpusim/chip/text/immediate.h"
#include "lpusim/chip/text/names.h"
#include "lpusim/chip/text/places.h"

namespace lpusim::chip {

namespace {

template <class Op, std::size_t Count>
constexpr std::array<std::string_view, Count>
names_of(const std::array<std::pair<Op, std::string_view>, Count>& table) {
    std::array<std::string_view, Count> names;
    for (std::size_t i = 0; i < Count; ++i) {
        names[i] = table[i].second;
    }
    return names;
}

constexpr std::array<std::string_view, 2> kMemWords{"read", "write"};
constexpr std::array<std::string_view, 2> kWeightsWords{"load", "install"};
constexpr std::array<std::string_view, 1> kActivationsWords{"activate"};
constexpr std::array<std::string_view, 2> kAccumulatorsWords{"start", "add"};
constexpr auto kVxmWords = names_of(kVxmOpNames);
constexpr auto kSxmWords = names_of(kSxmOpNames);
constexpr std::array<std::string_view, 3> kC2cWords{"send", "receive", "deskew"};
constexpr std::array<std::string_view, 5> kAnywhereWords{"sync", "notify", "config", "ifetch", "nop"};

struct UnitWords {
    Unit unit;
    std::string_view queues;
    std::span<const std::string_view> words;
};

constexpr std::array<UnitWords, 7> kUnitWords{{
    {Unit::Mem, "mem", kMemWords},
    {Unit::MxmWeights, "mxm weights", kWeightsWords},
    {Unit::MxmActivations, "mxm activations", kActivationsWords},
    {Unit::MxmAccumulators, "mxm accumulators", kAccumulatorsWords},
    {Unit::Vxm, "vxm", kVxmWords},
    {Unit::Sxm, "sxm", kSxmWords},
    {Unit::C2c, "c2c", kC2cWords},
}};

/// The next word is no instruction of this unit.
[[noreturn]] void refuse_instruction(Line& line, Unit unit) {
    std::vector<std::string_view> known;
    std::string elsewhere;
    for (const UnitWords& row : kUnitWords) {
        if (row.unit == unit) {
            known.assign(row.words.begin(), row.words.end());
        } else if (std::find(row.words.begin(), row.words.end(), line.peek()) != row.words.end()) {
            elsewhere = "; " + quoted(line.peek()) + " is for " + std::string(row.queues) + " queues";
        }
    }
    known.insert(known.end(), kAnywhereWords.begin(), kAnywhereWords.end());
    const std::string expected = "an instruction of this queue: " + list_of(known);
    const std::string_view word = line.next(expected);
    line.refuse_taken(expected, elsewhere.empty() ? nearest_hint(word, known) : elsewhere);
}

/// Takes the next word if the table has it.
template <class Op, std::size_t Count>
std::optional<Op> take_op(Line& line, const std::array<std::pair<Op, std::string_view>, Count>& table) {
    for (const auto& [op, name] : table) {
        if (line.take(name)) {
            return op;
        }
    }
    return std::nullopt;
}

/// "gather 64 <- e.4"
std::optional<AddressMap> take_address_map(Line& line, std::string_view name) {
    if (!line.take(name)) {
        return std::nullopt;
    }
    AddressMap map;
    map.window_words = line.integer_at_least(1, "a window in words, as in 'gather 64 <- e.4'");
    map.map = take_source(line);
    return map;
}

Instruction take_mem(Line& line) {
    MemAccess access;
    if (line.take("read")) {
        const std::int64_t address = line.integer("an address");
        access.read = MemRead{address, take_target(line), {}};
        access.read->gather = take_address_map(line, "gather");
    }
    if (line.take("write")) {
        const std::int64_t address = line.integer("an address");
        access.write = MemWrite{address, take_source(line), {}};
        access.write->scatter = take_address_map(line, "scatter");
    }
    if (!access.read && !access.write) {
        refuse_instruction(line, Unit::Mem);
    }
    return access;
}

Instruction take_weights(Line& line) {
    if (line.take("install")) {
        return MxmInstall{};
    }
    if (!line.take("load")) {
        refuse_instruction(line, Unit::MxmWeights);
    }
    MxmLoad load;
    load.column = line.integer("a column");
    load.from = take_source(line);
    line.expect("streams", " and how many of them");
    load.streams = line.integer_at_least(1, "a number of streams");
    return load;
}

Instruction take_activate(Line& line) {
    if (!line.take("activate")) {
        refuse_instruction(line, Unit::MxmActivations);
    }
    MxmActivate activate;
    activate.dtype = take_dtype(line);
    activate.from = take_source(line);
    if (line.take("roundings")) {
        activate.roundings = line.integer_at_least(1, "a number of roundings");
    }
    return activate;
}

std::optional<StreamRef> take_optional_target(Line& line) {
    return line.take("->") ? std::optional(take_stream(line)) : std::nullopt;
}

Instruction take_accumulate(Line& line) {
    MxmAccumulate accumulate;
    accumulate.start = line.take("start");
    if (!accumulate.start && !line.take("add")) {
        refuse_instruction(line, Unit::MxmAccumulators);
    }
    if (next_is_dtype(line)) {
        accumulate.dtype = take_dtype(line);
    }
    accumulate.slot = line.integer("a slot");
    accumulate.to = take_optional_target(line);
    return accumulate;
}

VxmOperand take_operand(Line& line, DType dtype) {
    constexpr std::string_view kExpected = "an operand such as e.4, alu.3, =7, =1.5f (fp32) or =1.5h (fp16)";
    if (line.peek().starts_with("alu.")) {
        const std::int64_t alu = line.integer_of(line.next(kExpected).substr(4), "an ALU such as alu.3");
        if (alu < 0) {
            line.refuse_taken("an ALU such as alu.3");
        }
        return VxmChain{alu};
    }
    if (line.peek().starts_with('=')) {
        return VxmImmediate{parse_immediate(line, line.next(kExpected).substr(1), dtype)};
    }
    if (line.done() || line.peek() == "->" || line.peek() == ",") {
        line.refuse_next(kExpected);
    }
    if (const std::string meant = immediate_meant(line.peek(), dtype); !meant.empty()) {
        line.next(kExpected);
        line.refuse_taken(kExpected, "; a number is an immediate: did you mean '=" + meant + "'?");
    }
    return VxmStream{take_stream(line, kExpected)};
}

Instruction take_compute(Line& line) {
    const auto op = take_op(line, kVxmOpNames);
    if (!op) {
        refuse_instruction(line, Unit::Vxm);
    }
    VxmCompute compute;
    compute.op = *op;
    compute.dtype = take_dtype(line);
    compute.result = line.take("to") ? take_dtype(line) : compute.dtype;
    compute.a = take_operand(line, compute.dtype);
    if (line.take(",")) {
        compute.b = take_operand(line, operand_b_dtype(compute));
    }
    if (line.take(",")) {
        compute.c = take_operand(line, compute.dtype);
    }
    compute.to = take_optional_target(line);
    return compute;
}

/// The name of a map, or its number in the program.
std::int64_t take_map(Line& line, const NumberedMaps& maps) {
    constexpr std::string_view kExpected = "the name of a lane map, from a 'map' line above";
    const std::string_view word = line.next(kExpected);
    if (const auto found = maps.find(word); found != maps.end()) {
        return found->second;
    }
    std::int64_t number = 0;
    const auto read = std::from_chars(word.data(), word.data() + word.size(), number);
    if (read.ec != std::errc{} || read.ptr != word.data() + word.size()) {
        std::vector<std::string_view> names;
        for (const auto& [name, any] : maps) {
            names.emplace_back(name);
        }
        line.refuse_taken(kExpected, names.empty() ? "; there is none" : nearest_hint(word, names));
    }
    return number;
}

Instruction take_move(Line& line, const NumberedMaps& maps) {
    const auto op = take_op(line, kSxmOpNames);
    if (!op) {
        refuse_instruction(line, Unit::Sxm);
    }
    SxmMove move;
    move.op = *op;
    switch (move.op) {
    case SxmOp::Shift:
        move.argument = line.integer("a number of lanes");
        break;
    case SxmOp::Select:
        move.argument = line.integer("the first lane of the second operand");
        break;
    case SxmOp::Permute:
    case SxmOp::Distribute:
        move.argument = take_map(line, maps);
        break;
    case SxmOp::Rotate:
        move.argument = line.integer("the side of the square, 3 or 4");
        break;
    case SxmOp::Transpose:
        break;
    }
    move.a = take_stream(line);
    if (move.op == SxmOp::Select) {
        line.expect(",", " and the second stream");
        move.b = take_stream(line);
    }
    move.to = take_target(line);
    return move;
}

Instruction take_link(Line& line) {
    if (line.take("send")) {
        return C2cSend{take_source(line)};
    }
    if (line.take("deskew")) {
        return Deskew{};
    }
    if (!line.take("receive")) {
        refuse_instruction(line, Unit::C2c);
    }
    C2cReceive receive;
    receive.peer = take_single_queue(line);
    if (line.take("held")) {
        receive.held_cycles = line.integer_at_least(0, "a number of cycles");
    }
    receive.to = take_target(line);
    return receive;
}

} // namespace

Instruction take_instruction(Line& line, Unit unit, const NumberedMaps& maps) {
    if (line.take("sync")) {
        return Sync{};
    }
    if (line.take("notify")) {
        return Notify{};
    }
    if (line.take("config")) {
        return Config{line.integer_at_least(0, "a number of superlanes")};
    }
    if (line.take("ifetch")) {
        return Ifetch{take_source(line)};
    }
    switch (unit) {
    case Unit::Mem:
        return take_mem(line);
    case Unit::MxmWeights:
        return take_weights(line);
    case Unit::MxmActivations:
        return take_activate(line);
    case Unit::MxmAccumulators:
        return take_accumulate(line);
    case Unit::Sxm:
        return take_move(line, maps);
    case Unit::C2c:
        return take_link(line);
    case Unit::Vxm:
        break;
    }
    return take_compute(line);
}

} // namespace lpusim::chip
