#include "lpusim/chip/text.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>
#include <map>
#include <utility>

#include "lpusim/base/integers.h"
#include "lpusim/chip/text_names.h"

namespace lpusim::chip {

namespace {

/// One line as words; a comma is a word of its own.
class Line {
  public:
    Line(std::string_view text, std::int64_t number) : text_(text), number_(number) { skip(); }

    [[nodiscard]] bool done() const { return at_ == text_.size(); }

    [[nodiscard]] std::string_view peek() const {
        if (done()) {
            return {};
        }
        std::size_t end = at_ + 1;
        if (text_[at_] != ',') {
            while (end < text_.size() && !is_space(text_[end]) && text_[end] != ',') {
                ++end;
            }
        }
        return text_.substr(at_, end - at_);
    }

    std::string_view next(const std::string& expected) {
        const std::string_view word = peek();
        if (word.empty()) {
            refuse("expected " + expected + ", got the end of the line");
        }
        word_at_ = at_;
        at_ += word.size();
        skip();
        return word;
    }

    bool take(std::string_view word) {
        if (peek() != word) {
            return false;
        }
        next(std::string(word));
        return true;
    }

    void expect(std::string_view word) {
        if (next(quoted(word)) != word) {
            refuse_word("expected " + quoted(word));
        }
    }

    std::int64_t integer(const std::string& expected) {
        return integer_of(next(expected), expected + " (an integer)");
    }

    std::int64_t integer_of(std::string_view digits, const std::string& expected) {
        std::int64_t value = 0;
        const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (digits.empty() || result.ec != std::errc{} || result.ptr != digits.data() + digits.size()) {
            refuse_word("expected " + expected);
        }
        return value;
    }

    /// Complains about the word taken last.
    [[noreturn]] void refuse_word(const std::string& what) const {
        std::size_t end = word_at_;
        while (end < text_.size() && !is_space(text_[end])) {
            ++end;
        }
        fail(word_at_, what + ", got " + quoted(text_.substr(word_at_, end - word_at_)));
    }

    [[noreturn]] void refuse(const std::string& what) const { fail(at_, what); }

    /// As it stands in a message: what is very long is cut, at the start of a UTF-8 character.
    static std::string quoted(std::string_view word) {
        constexpr std::size_t kShown = 60;
        std::size_t end = std::min(word.size(), kShown);
        while (end > 0 && end < word.size() && (static_cast<unsigned char>(word[end]) & 0xc0U) == 0x80U) {
            --end;
        }
        std::string text("'");
        return text.append(word.substr(0, end)).append(end < word.size() ? "...'" : "'");
    }

  private:
    static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

    void skip() {
        while (at_ < text_.size() && is_space(text_[at_])) {
            ++at_;
        }
    }

    [[noreturn]] void fail(std::size_t column, const std::string& what) const {
        throw ValueError(std::string("line ") + std::to_string(number_) + ", column " +
                         std::to_string(column + 1) + ": " + what);
    }

    std::string_view text_;
    std::int64_t number_;
    std::size_t at_ = 0;
    std::size_t word_at_ = 0;
};

class Parser {
  public:
    Program parse(std::string_view text) {
        std::int64_t line_number = 0;
        while (!text.empty()) {
            const std::size_t end = text.find('\n');
            std::string_view content = text.substr(0, end);
            text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
            Line line(content.substr(0, content.find('#')), ++line_number);
            if (!line.done()) {
                statement(line);
                if (!line.done()) {
                    line.refuse("expected the end of the line, got " + Line::quoted(line.peek()));
                }
            }
        }
        return std::move(program_);
    }

  private:
    void statement(Line& line) {
        if (line.take("tensor")) {
            tensor(line);
        } else if (line.take("piece")) {
            piece(line);
        } else {
            run(line);
        }
    }

    void tensor(Line& line) {
        Tensor parsed;
        parsed.name = line.next("a name");
        const std::string_view role = line.next("'input' or 'output'");
        if (role != "input" && role != "output") {
            line.refuse_word("expected 'input' or 'output'");
        }
        parsed.role = role == "input" ? Tensor::Role::Input : Tensor::Role::Output;
        parsed.dtype = dtype(line);
        parsed.rows = line.integer("the number of rows");
        line.expect("x");
        parsed.columns = line.integer("the number of columns");
        line.expect("lanes");
        parsed.lanes = line.integer("a number of lanes");
        const std::string_view axis = line.next("'rows' or 'columns'");
        if (axis != "rows" && axis != "columns") {
            line.refuse_word("expected 'rows' or 'columns'");
        }
        parsed.lanes_along_rows = axis == "rows";
        program_.tensors.push_back(std::move(parsed));
    }

    void piece(Line& line) {
        if (program_.tensors.empty()) {
            line.refuse("a piece needs a tensor line above it");
        }
        TensorPiece parsed;
        const auto [direction, slice] = dotted(line, "a slice such as w.3");
        parsed.hemisphere = direction == 'w' ? Hemisphere::West : Hemisphere::East;
        parsed.slice = slice;
        line.expect("address");
        parsed.address = line.integer("an address");
        line.expect("row");
        parsed.row = line.integer("a row");
        line.expect("column");
        parsed.column = line.integer("a column");
        static_cast<void>(field(line, "byte_slices", parsed.byte_slices));
        static_cast<void>(field(line, "lane", parsed.lane));
        while (line.take("loop")) {
            TensorLoop loop;
            loop.count = line.integer("a count");
            while (field(line, "row", loop.row_stride) || field(line, "column", loop.column_stride) ||
                   field(line, "slice", loop.slice_stride) || field(line, "address", loop.address_stride)) {
            }
            parsed.loops.push_back(loop);
        }
        program_.tensors.back().pieces.push_back(std::move(parsed));
    }

    static bool field(Line& line, std::string_view name, std::int64_t& value) {
        if (!line.take(name)) {
            return false;
        }
        value = line.integer(std::string(name));
        return true;
    }

    void run(Line& line) {
        InstructionRun parsed;
        std::optional<std::int64_t> issue;
        if (line.peek().starts_with('@')) {
            const std::string_view word = line.next("a cycle");
            issue = line.integer_of(word.substr(1), "a cycle such as @12");
        }
        queue(line, parsed);
        std::int64_t& free_at = free_at_[parsed.queue];
        if (line.take("nop")) {
            if (issue) {
                line.refuse("a nop has no cycle of its own: drop the '@'");
            }
            const std::int64_t cycles = line.integer("a number of cycles");
            if (cycles < 0) {
                line.refuse_word("expected a number of cycles that is not negative");
            }
            free_at = in_time(line, [&] { return checked_add(free_at, cycles); });
            return;
        }
        if (!issue && parsed.slices.count != 1) {
            line.refuse("a run over several slices needs its cycle: put '@cycle' first");
        }
        parsed.issue = issue.value_or(free_at);
        instruction(line, parsed);
        if (line.take("each")) {
            each(line, parsed.slices);
        }
        while (line.take("repeat")) {
            Level level;
            level.count = line.integer("a count");
            line.expect("every");
            level.cycles = line.integer("a number of cycles");
            while (field(line, "address", level.address_stride) ||
                   field(line, "write_address", level.write_address_stride)) {
            }
            if (level.count < 1 || level.cycles < 0) {
                line.refuse("a repeat needs a count of at least 1 and cycles that are not negative");
            }
            parsed.repeat.push_back(level);
        }
        if (parsed.slices.count == 1) {
            free_at = in_time(
                line, [&] { return checked_add(checked_add(parsed.issue, repeat_span_cycles(parsed)), 1); });
        }
        program_.runs.push_back(std::move(parsed));
    }

    /// A cycle that `compute` adds up; beyond 64 bits is this line's mistake.
    template <class Compute>
    static std::int64_t in_time(const Line& line, const Compute& compute) {
        try {
            return compute();
        } catch (const ValueError&) {
            line.refuse("the queue would be free only beyond the largest 64-bit cycle");
        }
    }

    static void each(Line& line, SliceRange& range) {
        for (;;) {
            if (line.take("follow")) {
                const std::string_view direction = line.next("'e' or 'w'");
                if (direction != "e" && direction != "w") {
                    line.refuse_word("expected 'e' or 'w'");
                }
                range.follow = direction == "e" ? Direction::East : Direction::West;
            } else if (!field(line, "cycles", range.cycles) &&
                       !field(line, "address", range.address_stride) &&
                       !field(line, "write_address", range.write_address_stride) &&
                       !field(line, "stream", range.stream_stride) &&
                       !field(line, "write_stream", range.write_stream_stride)) {
                return;
            }
        }
    }

    /// "mem.w.3", "mem.w.3..8", "mxm.e.0.weights", "vxm.5"
    static void queue(Line& line, InstructionRun& parsed) {
        const std::string expected = "a queue such as mem.w.3, mem.e.4..9, mxm.w.0.weights or vxm.5";
        const std::string_view word = line.next(expected);
        std::string_view rest = word;
        const auto cut = [&rest]() {
            const std::size_t dot = rest.find('.');
            const std::string_view part = rest.substr(0, dot);
            rest = dot == std::string_view::npos ? std::string_view{} : rest.substr(dot + 1);
            return part;
        };
        const std::string_view unit = cut();
        if (unit == "vxm") {
            parsed.queue = {Unit::Vxm, Hemisphere::West, line.integer_of(rest, expected)};
            return;
        }
        const std::string_view hemisphere = cut();
        if ((unit != "mem" && unit != "mxm") || (hemisphere != "w" && hemisphere != "e")) {
            line.refuse_word("expected " + expected);
        }
        parsed.queue.hemisphere = hemisphere == "w" ? Hemisphere::West : Hemisphere::East;
        parsed.queue.index = line.integer_of(cut(), expected);
        if (unit == "mem") {
            parsed.queue.unit = Unit::Mem;
            if (!rest.empty()) {
                if (rest.front() != '.') {
                    line.refuse_word("expected " + expected);
                }
                const std::int64_t last = line.integer_of(rest.substr(1), expected);
                if (parsed.queue.index < 0 || last < parsed.queue.index ||
                    last == std::numeric_limits<std::int64_t>::max()) {
                    line.refuse_word("expected a range of slices that rises, such as mem.e.4..9");
                }
                parsed.slices.count = last - parsed.queue.index + 1;
            }
        } else if (rest == "weights") {
            parsed.queue.unit = Unit::MxmWeights;
        } else if (rest == "activations") {
            parsed.queue.unit = Unit::MxmActivations;
        } else if (rest == "accumulators") {
            parsed.queue.unit = Unit::MxmAccumulators;
        } else {
            line.refuse_word("expected " + expected);
        }
    }

    static std::pair<char, std::int64_t> dotted(Line& line, const std::string& expected) {
        const std::string_view word = line.next(expected);
        if (word.size() < 3 || (word[0] != 'w' && word[0] != 'e') || word[1] != '.') {
            line.refuse_word("expected " + expected);
        }
        return {word[0], line.integer_of(word.substr(2), expected)};
    }

    static StreamRef stream(Line& line) {
        const auto [direction, index] = dotted(line, "a stream such as e.3");
        return {direction == 'e' ? Direction::East : Direction::West, index};
    }

    static std::optional<StreamRef> target(Line& line) {
        return line.take("->") ? std::optional(stream(line)) : std::nullopt;
    }

    static DType dtype(Line& line) {
        const std::string_view word = line.next("a type");
        for (const DType known : {DType::Int8, DType::Int32, DType::Fp32, DType::Fp16, DType::Fp8}) {
            if (word == to_string(known)) {
                return known;
            }
        }
        line.refuse_word("expected int8, int32, fp32, fp16 or fp8");
    }

    static void instruction(Line& line, InstructionRun& parsed) {
        if (line.take("sync")) {
            parsed.instruction = Sync{};
        } else if (line.take("notify")) {
            parsed.instruction = Notify{};
        } else {
            switch (parsed.queue.unit) {
            case Unit::Mem:
                parsed.instruction = mem_access(line);
                break;
            case Unit::MxmWeights:
                parsed.instruction = weights(line);
                break;
            case Unit::MxmActivations:
                line.expect("activate");
                parsed.instruction = activate(line);
                break;
            case Unit::MxmAccumulators:
                parsed.instruction = accumulate(line);
                break;
            case Unit::Vxm:
                parsed.instruction = compute(line);
                break;
            case Unit::Sxm:
            case Unit::C2c:
                line.refuse_word("expected another queue");
            }
        }
    }

    static MemAccess mem_access(Line& line) {
        MemAccess access;
        if (line.take("read")) {
            const std::int64_t address = line.integer("an address");
            line.expect("->");
            access.read = MemRead{address, stream(line)};
        }
        if (line.take("write")) {
            const std::int64_t address = line.integer("an address");
            line.expect("<-");
            access.write = MemWrite{address, stream(line)};
        }
        if (!access.read && !access.write) {
            line.next("'read', 'write', 'sync', 'notify' or 'nop'");
            line.refuse_word("expected 'read', 'write', 'sync', 'notify' or 'nop'");
        }
        return access;
    }

    static Instruction weights(Line& line) {
        if (line.take("install")) {
            return MxmInstall{};
        }
        line.expect("load");
        MxmLoad load;
        load.column = line.integer("a column");
        line.expect("<-");
        load.from = stream(line);
        line.expect("streams");
        load.streams = line.integer("a number of streams");
        return load;
    }

    static MxmActivate activate(Line& line) {
        MxmActivate parsed;
        parsed.dtype = dtype(line);
        line.expect("<-");
        parsed.from = stream(line);
        return parsed;
    }

    static MxmAccumulate accumulate(Line& line) {
        MxmAccumulate parsed;
        parsed.start = line.take("start");
        if (!parsed.start) {
            line.expect("add");
        }
        parsed.slot = line.integer("a slot");
        parsed.to = target(line);
        return parsed;
    }

    static VxmCompute compute(Line& line) {
        VxmCompute parsed;
        const std::string_view word = line.next("an operation");
        bool known = false;
        std::string names;
        for (const auto& [op, name] : kVxmOpNames) {
            names += (names.empty() ? "" : ", ") + std::string(name);
            if (word == name) {
                parsed.op = op;
                known = true;
            }
        }
        if (!known) {
            line.refuse_word("expected one of " + names);
        }
        parsed.dtype = dtype(line);
        parsed.result = line.take("to") ? dtype(line) : parsed.dtype;
        parsed.a = operand(line);
        if (line.take(",")) {
            parsed.b = operand(line);
        }
        parsed.to = target(line);
        return parsed;
    }

    static VxmOperand operand(Line& line) {
        const std::string expected = "an operand such as e.4, alu.3, =7 or =1.5f";
        const std::string_view word = line.peek();
        if (word.starts_with("alu.")) {
            return VxmChain{line.integer_of(line.next(expected).substr(4), expected)};
        }
        if (word.starts_with('=')) {
            return VxmImmediate{immediate(line, line.next(expected).substr(1), expected)};
        }
        return VxmStream{stream(line)};
    }

    static std::int32_t immediate(Line& line, std::string_view digits, const std::string& expected) {
        std::from_chars_result result{};
        std::int32_t bits = 0;
        if (digits.starts_with("0x")) {
            digits.remove_prefix(2);
            std::uint32_t raw = 0;
            result = std::from_chars(digits.data(), digits.data() + digits.size(), raw, 16);
            bits = std::bit_cast<std::int32_t>(raw);
        } else if (digits.ends_with('f')) {
            digits.remove_suffix(1);
            float value = 0;
            result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
            bits = std::bit_cast<std::int32_t>(value);
        } else {
            result = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
        }
        if (digits.empty() || result.ec != std::errc{} || result.ptr != digits.data() + digits.size()) {
            line.refuse_word("expected " + expected);
        }
        return bits;
    }

    Program program_;
    std::map<QueueId, std::int64_t> free_at_;
};

} // namespace

Program parse(std::string_view text) {
    return Parser().parse(text);
}

} // namespace lpusim::chip
