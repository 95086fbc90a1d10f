#include "lpusim/chip/text/lists.h"

#include <limits>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"

namespace lpusim::chip {

namespace {

constexpr std::string_view kDataExpected = "bytes as hexadecimal digits, such as 00ff, or repeated, 00ff*160";
constexpr std::string_view kLaneExpected =
    "lanes: a number, '.' for zero, a range such as 319..0 or 0..304/16, or a repeat such as 7*16";

/// Lines of about a hundred columns.
class WrappedWords {
  public:
    WrappedWords(std::string& text, std::string_view head, std::string_view head_later)
        : text_(text), line_from_(text.size()), head_later_(head_later) {
        text_ += head;
    }

    void add(std::string_view word) {
        constexpr std::size_t kColumns = 100;
        if (text_.size() - line_from_ + 1 + word.size() > kColumns) {
            text_ += '\n';
            line_from_ = text_.size();
            text_ += head_later_;
        }
        text_.append(1, ' ').append(word);
    }

    void end() { text_ += '\n'; }

  private:
    std::string& text_;
    std::size_t line_from_;
    std::string_view head_later_;
};

std::string hexadecimal(std::span<const std::uint8_t> bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : bytes) {
        text.append(1, kDigits[byte / 16U]).append(1, kDigits[byte % 16U]);
    }
    return text;
}

int digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const int letter = c | 0x20; // lower case
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/// "A*N" as A and N; N is 1 without a star.
std::int64_t cut_count(const Line& line, std::string_view& word, std::string_view expected) {
    const std::size_t star = word.find('*');
    if (star == std::string_view::npos) {
        return 1;
    }
    const std::int64_t count = line.integer_of(word.substr(star + 1), expected);
    if (count < 1) {
        line.refuse_taken(expected, "; a count is at least 1");
    }
    word = word.substr(0, star);
    return count;
}

void spend(const Line& line, std::int64_t count, std::int64_t size_bytes, ExpansionBudget& budget) {
    const bool fits = count <= kExpandedBytesMax / size_bytes;
    if (count > 1 && !(fits && budget.take(count * size_bytes))) {
        line.refuse_taken("repeats that come to at most " + std::to_string(kExpandedBytesMax) +
                          " bytes in the whole text");
    }
}

std::int16_t lane_of(const Line& line, std::string_view word) {
    if (word == ".") {
        return -1;
    }
    const std::int64_t lane = line.integer_of(word, kLaneExpected);
    if (lane < -1 || lane > std::numeric_limits<std::int16_t>::max()) {
        line.refuse_taken("a lane from -1 to 32767");
    }
    return static_cast<std::int16_t>(lane);
}

/// "FIRST..LAST" or "FIRST..LAST/STEP", up or down.
void append_range(const Line& line, std::string_view word, std::size_t dots, std::vector<std::int16_t>& lanes,
                  ExpansionBudget& budget) {
    const std::string_view rest = word.substr(dots + 2);
    const std::size_t slash = rest.find('/');
    const std::int64_t first = lane_of(line, word.substr(0, dots));
    const std::int64_t last = lane_of(line, rest.substr(0, slash));
    const std::int64_t step =
        slash == std::string_view::npos ? 1 : line.integer_of(rest.substr(slash + 1), kLaneExpected);
    const std::int64_t distance = last < first ? first - last : last - first;
    if (first < 0 || last < 0 || step < 1 || distance % step != 0) {
        line.refuse_taken(kLaneExpected, "; a range goes from one lane to another in equal steps");
    }
    const std::int64_t count = distance / step + 1;
    spend(line, count, sizeof(std::int16_t), budget);
    for (std::int64_t i = 0; i < count; ++i) {
        lanes.push_back(static_cast<std::int16_t>(first + (last < first ? -i : i) * step));
    }
}

} // namespace

void append_data(std::string& text, std::span<const std::uint8_t> data, ExpansionBudget& budget) {
    if (data.empty()) {
        return;
    }
    WrappedWords words(text, "data", "data");
    const auto literal = [&](std::span<const std::uint8_t> bytes) {
        constexpr std::size_t kWordBytes = 8;
        for (std::size_t at = 0; at < bytes.size(); at += kWordBytes) {
            words.add(hexadecimal(bytes.subspan(at, std::min(kWordBytes, bytes.size() - at))));
        }
    };
    split_data(data, budget, literal, [&](const DataRun& run) {
        words.add(hexadecimal(run.pattern) + "*" + std::to_string(run.count));
    });
    words.end();
}

void append_lanes(std::string& text, const std::string& head, std::span<const std::int16_t> lanes,
                  ExpansionBudget& budget) {
    WrappedWords words(text, head, "lanes");
    split_lanes(lanes, budget, [&](const LaneRun& run) {
        std::string word = run.first == -1 ? "." : std::to_string(run.first);
        if (run.count > 1 && run.step == 0) {
            word += "*" + std::to_string(run.count);
        } else if (run.count > 1) {
            word += ".." + std::to_string(run.first + (run.count - 1) * run.step);
            word += run.step * run.step == 1 ? "" : "/" + std::to_string(run.step < 0 ? -run.step : run.step);
        }
        words.add(word);
    });
    words.end();
}

void parse_data(Line& line, std::vector<std::uint8_t>& data, ExpansionBudget& budget) {
    do {
        std::string_view word = line.next(kDataExpected);
        const std::int64_t count = cut_count(line, word, kDataExpected);
        if (word.empty() || word.size() % 2 != 0) {
            line.refuse_taken(kDataExpected, "; a byte is two digits");
        }
        spend(line, count, static_cast<std::int64_t>(word.size() / 2), budget);
        const std::size_t from = data.size();
        for (std::size_t i = 0; i < word.size(); i += 2) {
            const int high = digit_of(word[i]), low = digit_of(word[i + 1]);
            if (high < 0 || low < 0) {
                line.refuse_taken(kDataExpected);
            }
            data.push_back(static_cast<std::uint8_t>(16 * high + low));
        }
        const std::size_t pattern = data.size() - from;
        data.resize(from + pattern * static_cast<std::size_t>(count));
        for (std::size_t at = from + pattern; at < data.size(); ++at) {
            data[at] = data[at - pattern];
        }
    } while (!line.done());
}

void parse_lanes(Line& line, std::vector<std::int16_t>& lanes, ExpansionBudget& budget) {
    while (!line.done()) {
        std::string_view word = line.next(kLaneExpected);
        if (const std::size_t dots = word.find(".."); dots != std::string_view::npos) {
            append_range(line, word, dots, lanes, budget);
            continue;
        }
        const std::int64_t count = cut_count(line, word, kLaneExpected);
        spend(line, count, sizeof(std::int16_t), budget);
        lanes.insert(lanes.end(), static_cast<std::size_t>(count), lane_of(line, word));
    }
}

} // namespace lpusim::chip
