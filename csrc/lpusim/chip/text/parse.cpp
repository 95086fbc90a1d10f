#include "lpusim/chip/text/text.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/run_lengths.h"
#include "lpusim/chip/text/instruction.h"
#include "lpusim/chip/text/labels.h"
#include "lpusim/chip/text/line.h"
#include "lpusim/chip/text/lists.h"
#include "lpusim/chip/text/names.h"
#include "lpusim/chip/text/places.h"

namespace lpusim::chip {

namespace {

constexpr std::array<std::string_view, 8> kStatements{"chips", "map",  "lanes", "tensor",
                                                      "piece", "data", "label", "let"};
/// What may come after an instruction or a piece's place.
constexpr std::array<std::string_view, 12> kLaterWords{"each",   "cycles",       "address", "write_address",
                                                       "stream", "write_stream", "follow",  "repeat",
                                                       "loop",   "column",       "slice",   "byte_slices"};
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

class Parser {
  public:
    explicit Parser(std::int64_t expanded_bytes_max) : budget_(expanded_bytes_max) {}

    Program parse(std::string_view text) {
        std::int64_t number = 0;
        if (text.starts_with(kByteOrderMark)) {
            text.remove_prefix(kByteOrderMark.size());
        }
        while (!text.empty()) {
            const std::size_t end = text.find('\n');
            Line line(text.substr(0, end), ++number, named_words_);
            text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
            if (!line.done()) {
                statement(line);
            }
            if (!line.done()) {
                const std::string hint = nearest_hint(line.peek(), kLaterWords);
                line.next("the end of the line");
                line.refuse_taken("the end of the line", hint);
            }
        }
        if (!waiting_labels_.empty()) {
            fail_at(waiting_labels_.front().second, "label " + quoted(waiting_labels_.front().first) +
                                                        " names the cycle of the next run, but none follows");
        }
        resolve();
        return std::move(program_);
    }

  private:
    void statement(Line& line) {
        while (line.peek().ends_with(':')) {
            std::string_view name = line.next("a label");
            name.remove_suffix(1);
            check_name(line, name, "a label such as load_done:");
            waiting_labels_.emplace_back(name, line.taken_place());
        }
        if (line.done()) {
            return;
        }
        if (line.take("tensor")) {
            tensor(line);
        } else if (line.take("piece")) {
            piece(line);
        } else if (line.take("data")) {
            data(line);
        } else if (line.take("map")) {
            map(line);
        } else if (line.take("lanes")) {
            lanes(line);
        } else if (line.take("label")) {
            label(line);
        } else if (line.take("let")) {
            let(line);
        } else if (line.take("chips")) {
            chips(line);
        } else {
            run(line);
        }
    }

    /// Letters, digits and '_', no digit first.
    static void check_name(const Line& line, std::string_view name, std::string_view expected) {
        constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
        constexpr std::string_view kDigits = "0123456789";
        const auto good = [&](char c) {
            return kLetters.find(c) != std::string_view::npos || kDigits.find(c) != std::string_view::npos;
        };
        if (name.empty() || kDigits.find(name.front()) != std::string_view::npos ||
            !std::all_of(name.begin(), name.end(), good)) {
            line.refuse_taken(expected, "; a name has letters, digits and '_'");
        }
    }

    // ---- what is not a run

    void chips(Line& line) {
        if (std::exchange(chips_given_, true)) {
            fail_at(line.taken_place(), "the number of chips is already given");
        }
        program_.chips = line.integer_at_least(1, "a number of chips");
    }

    void let(Line& line) {
        const std::string_view name = line.next("a name, as in 'let act = w.31'");
        check_name(line, name, "a name, as in 'let act = w.31'");
        const TextPlace place = line.taken_place();
        line.expect("=", " and a word, as in 'let act = w.31'");
        const std::string_view word = line.value("a word");
        if (!named_words_.emplace(name, word).second) {
            fail_at(place, quoted(name) + " is already named");
        }
    }

    void label(Line& line) {
        const std::string_view name = line.next("a name, as in 'label load_done @38'");
        check_name(line, name, "a name, as in 'label load_done @38'");
        const TextPlace place = line.taken_place();
        labels_.define(name, cycle(line), place);
    }

    void map(Line& line) {
        LaneMap parsed;
        parsed.name = line.next("a name");
        if (!is_name(parsed.name)) {
            line.refuse_taken("a name of letters, digits, '_', '.' and '-'");
        }
        const auto number = static_cast<std::int64_t>(program_.maps.size());
        if (!numbered_maps_.emplace(parsed.name, number).second) {
            fail_at(line.taken_place(), "lane map " + quoted(parsed.name) + " is already there");
        }
        program_.maps.push_back(std::move(parsed));
        parse_lanes(line, program_.maps.back().lanes, budget_);
    }

    void lanes(Line& line) {
        if (program_.maps.empty()) {
            fail_at(line.taken_place(), "lanes need a map line above them");
        }
        parse_lanes(line, program_.maps.back().lanes, budget_);
    }

    void tensor(Line& line) {
        Tensor parsed;
        parsed.name = line.next("a name");
        if (!is_name(parsed.name)) {
            line.refuse_taken("a name of letters, digits, '_', '.' and '-'");
        }
        parsed.role = static_cast<Tensor::Role>(one_of(line, kRoleNames));
        parsed.dtype = take_dtype(line);
        parsed.rows = line.integer_at_least(1, "a number of rows");
        line.expect("x", " and the number of columns");
        parsed.columns = line.integer_at_least(1, "a number of columns");
        line.expect("lanes", " and how many of a vector are used");
        parsed.lanes = line.integer_at_least(1, "a number of lanes");
        parsed.lanes_along_rows = one_of(line, kAxisNames) == 0;
        program_.tensors.push_back(std::move(parsed));
    }

    template <std::size_t Count>
    static std::size_t one_of(Line& line, const std::array<std::string_view, Count>& names) {
        const std::string expected = list_of(names);
        const std::string_view word = line.next(expected);
        const auto* const found = std::find(names.begin(), names.end(), word);
        if (found == names.end()) {
            line.refuse_taken(expected, nearest_hint(word, names));
        }
        return static_cast<std::size_t>(found - names.begin());
    }

    void piece(Line& line) {
        if (program_.tensors.empty()) {
            fail_at(line.taken_place(), "a piece needs a tensor line above it");
        }
        TensorPiece parsed;
        const QueueId slice = take_slice(line);
        parsed.hemisphere = slice.hemisphere;
        parsed.slice = slice.index;
        parsed.chip = slice.chip;
        line.expect("address");
        parsed.address = line.integer_at_least(0, "an address");
        line.expect("row");
        parsed.row = line.integer_at_least(0, "a row");
        line.expect("column");
        parsed.column = line.integer_at_least(0, "a column");
        field(line, "byte_slices", parsed.byte_slices);
        field(line, "lane", parsed.lane);
        while (line.take("loop")) {
            TensorLoop loop;
            loop.count = line.integer_at_least(1, "a count");
            while (field(line, "row", loop.row_stride) || field(line, "column", loop.column_stride) ||
                   field(line, "slice", loop.slice_stride) || field(line, "address", loop.address_stride)) {
            }
            parsed.loops.push_back(loop);
        }
        program_.tensors.back().pieces.push_back(std::move(parsed));
    }

    void data(Line& line) {
        if (program_.tensors.empty() || program_.tensors.back().role != Tensor::Role::Constant) {
            fail_at(line.taken_place(), "data needs a constant's tensor line above it");
        }
        parse_data(line, program_.tensors.back().data, budget_);
    }

    static bool field(Line& line, std::string_view name, std::int64_t& value) {
        if (!line.take(name)) {
            return false;
        }
        value = line.integer(name);
        return true;
    }

    // ---- runs

    /// "@38", "@load_done", "@load_done+5"
    TextCycle cycle(Line& line) {
        constexpr std::string_view kExpected = "a cycle such as @12 or @load_done+5";
        std::string_view word = line.next(kExpected);
        if (!word.starts_with('@')) {
            line.refuse_taken(kExpected);
        }
        word.remove_prefix(1);
        const std::size_t sign = word.find_first_of("+-", 1);
        const std::string_view base = word.substr(0, sign);
        const bool number =
            !base.empty() && (base.front() == '-' || (base.front() >= '0' && base.front() <= '9'));
        const TextPlace place = line.taken_place();
        TextCycle parsed;
        if (number) {
            parsed.offset = line.integer_of(base, kExpected);
        } else {
            check_name(line, base, kExpected);
            parsed = labels_.use(base, place);
        }
        if (sign != std::string_view::npos) {
            const bool plus = word[sign] == '+';
            const std::string_view digits = word.substr(plus ? sign + 1 : sign);
            if (plus && digits.starts_with('-')) {
                line.refuse_taken(kExpected);
            }
            parsed = later(parsed, line.integer_of(digits, kExpected), place);
        }
        if (line.peek() == "+" || line.peek() == "-") {
            line.refuse_next("a queue: a cycle is one word, such as @load_done+5");
        }
        return parsed;
    }

    void run(Line& line) {
        const std::optional<TextCycle> given =
            line.peek().starts_with('@') ? std::optional(cycle(line)) : std::nullopt;
        const TextPlace given_at = line.taken_place();
        const QueueRange range = queue(line, given.has_value());
        InstructionRun& parsed = program_.runs.emplace_back();
        parsed.queue = range.queue;
        parsed.slices.count = range.count;
        program_.origin.lines.push_back(line.place().line);
        TextCycle& free_at = free_at_[parsed.queue];
        if (line.take("nop")) {
            program_.runs.pop_back();
            program_.origin.lines.pop_back();
            if (given) {
                fail_at(given_at, "a nop has no cycle of its own: drop the '@'");
            }
            const std::int64_t cycles = line.integer_at_least(0, "a number of cycles");
            free_at = later(free_at, cycles, line.taken_place());
            return;
        }
        if (!given && range.count != 1) {
            fail_at(line.taken_place(), "a run over several slices needs its cycle: put '@cycle' first");
        }
        const TextCycle issue = given.value_or(free_at);
        for (const auto& [name, place] : waiting_labels_) {
            labels_.define(name, issue, place);
        }
        if (!waiting_labels_.empty()) {
            program_.origin.labels.emplace(program_.runs.size() - 1, waiting_labels_.front().first);
            waiting_labels_.clear();
        }
        parsed.issue = issue.offset;
        if (!issue.known()) {
            waiting_runs_.push_back({program_.runs.size() - 1, issue, given ? given_at : line.taken_place()});
        }
        parsed.instruction = take_instruction(line, parsed.queue.unit, numbered_maps_);
        if (line.take("each")) {
            each(line, parsed.slices);
        }
        repeats(line, parsed);
        if (range.count == 1) {
            free_at = after(line, issue, parsed);
        }
    }

    QueueRange queue(Line& line, bool cycle_given) {
        const std::string_view word = line.peek();
        const bool unit = std::find(kUnitNames.begin(), kUnitNames.end(), word) != kUnitNames.end();
        if (cycle_given || unit || word.find('.') != std::string_view::npos || named_words_.contains(word)) {
            return take_queue(line);
        }
        if (!nearest_hint(word, kStatements).empty()) {
            line.next("a queue");
            line.refuse_taken("a queue such as mem.w.3, or " + list_of(kStatements),
                              nearest_hint(word, kStatements));
        }
        return take_queue(line, ", or " + list_of(kStatements));
    }

    static void repeats(Line& line, InstructionRun& run) {
        while (line.take("repeat")) {
            Level level;
            level.count = line.integer_at_least(1, "a count");
            line.expect("every", " and a number of cycles, as in 'repeat 20 every 1'");
            level.cycles = line.integer_at_least(0, "a number of cycles");
            while (field(line, "address", level.address_stride) ||
                   field(line, "write_address", level.write_address_stride)) {
            }
            run.repeat.push_back(level);
        }
    }

    /// The cycle after the last issue of a run.
    static TextCycle after(const Line& line, const TextCycle& issue, const InstructionRun& run) {
        std::int64_t cycles = 1;
        try {
            cycles = checked_add(cycles, repeat_span_cycles(run));
        } catch (const ValueError&) {
            fail_at(line.taken_place(), "the queue would be free only beyond the largest 64-bit cycle");
        }
        return later(issue, cycles, line.taken_place());
    }

    static void each(Line& line, SliceRange& range) {
        for (;;) {
            if (line.take("follow")) {
                const std::string_view direction = line.next("'e' or 'w'");
                if (direction != "e" && direction != "w") {
                    line.refuse_taken("'e' or 'w'");
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

    void resolve() {
        labels_.resolve();
        for (const WaitingRun& waiting : waiting_runs_) {
            program_.runs[waiting.run].issue = labels_.cycle_of(waiting.issue, waiting.place);
        }
    }

    /// A run whose cycle waits for a label.
    struct WaitingRun {
        std::size_t run = 0;
        TextCycle issue;
        TextPlace place;
    };

    Program program_;
    bool chips_given_ = false;
    ExpansionBudget budget_;
    NamedWords named_words_;
    NumberedMaps numbered_maps_;
    Labels labels_;
    std::vector<std::pair<std::string_view, TextPlace>> waiting_labels_;
    std::vector<WaitingRun> waiting_runs_;
    std::map<QueueId, TextCycle> free_at_;
};

} // namespace

Program parse(std::string_view text, std::int64_t expanded_bytes_max) {
    return Parser(expanded_bytes_max).parse(text);
}

} // namespace lpusim::chip
