#include "lpusim/chip/text/line.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/nearest_name.h"

namespace lpusim::chip {

namespace {

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

bool is_arrow(std::string_view text) {
    return text.starts_with("->") || text.starts_with("<-");
}

bool continues_character(char c) {
    return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U;
}

} // namespace

void fail_at(const TextPlace& place, const std::string& what) {
    throw ValueError("line " + std::to_string(place.line) + ", column " + std::to_string(place.column) +
                     ": " + what);
}

std::string quoted(std::string_view word) {
    constexpr std::size_t kShown = 60;
    std::size_t end = std::min(word.size(), kShown);
    while (end > 0 && end < word.size() && continues_character(word[end])) {
        --end;
    }
    std::string text("'");
    for (const char c : word.substr(0, end)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f) {
            text += c;
        } else {
            constexpr std::string_view kDigits = "0123456789abcdef";
            text.append("\\x").append(1, kDigits[byte / 16U]).append(1, kDigits[byte % 16U]);
        }
    }
    return text.append(end < word.size() ? "...'" : "'");
}

std::string list_of(std::span<const std::string_view> words) {
    std::string text;
    for (std::size_t i = 0; i < words.size(); ++i) {
        text.append(i == 0 ? "" : i + 1 == words.size() ? " or " : ", ").append(words[i]);
    }
    return text;
}

std::string nearest_hint(std::string_view seen, std::span<const std::string_view> known) {
    const std::string_view name = nearest_name(seen, known);
    return name.empty() ? "" : "; did you mean " + quoted(name) + "?";
}

Line::Line(std::string_view text, std::int64_t number, const NamedWords& named)
    : text_(text.substr(0, text.find('#'))), number_(number), named_(named), word_(text_.substr(0, 0)) {
    advance();
}

void Line::advance() {
    taken_ = word_;
    taken_at_ = at_;
    std::size_t from = at_ + word_.size();
    while (from < text_.size() && is_space(text_[from])) {
        ++from;
    }
    at_ = from;
    const std::string_view rest = text_.substr(from);
    std::size_t end = 0;
    if (is_arrow(rest)) {
        end = 2;
    } else if (!rest.empty()) {
        end = 1;
        while (rest[0] != ',' && end < rest.size() && !is_space(rest[end]) && rest[end] != ',' &&
               !is_arrow(rest.substr(end, 2))) {
            ++end;
        }
    }
    word_ = rest.substr(0, end);
}

TextPlace Line::place_of(std::size_t offset) const {
    const std::string_view before = text_.substr(0, offset);
    const auto inside = std::count_if(before.begin(), before.end(), continues_character);
    return {number_, static_cast<std::int64_t>(offset) - inside + 1};
}

std::string_view Line::next(std::string_view expected) {
    if (done()) {
        refuse_next(expected);
    }
    advance();
    return taken_;
}

std::string_view Line::value(std::string_view expected) {
    const std::string_view word = next(expected);
    if (named_.empty()) {
        return word;
    }
    const auto found = named_.find(word);
    return found == named_.end() ? word : std::string_view(found->second);
}

void Line::expect(std::string_view word, std::string_view after) {
    if (!take(word)) {
        refuse_next(quoted(word).append(after));
    }
}

std::int64_t Line::integer(std::string_view expected) {
    return integer_of(value(expected), expected);
}

std::int64_t Line::integer_at_least(std::int64_t low, std::string_view expected) {
    const std::int64_t number = integer(expected);
    if (number < low) {
        refuse_taken(std::string(expected) + " of at least " + std::to_string(low));
    }
    return number;
}

std::int64_t Line::integer_of(std::string_view digits, std::string_view expected) const {
    std::int64_t number = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (result.ptr != digits.data() + digits.size() || digits.empty()) {
        refuse_taken(std::string(expected) + " (an integer)");
    }
    if (result.ec != std::errc{}) {
        refuse_taken(std::string(expected) + " (a 64-bit integer)");
    }
    return number;
}

void Line::refuse_next(std::string_view expected) const {
    fail_at(place(), "expected " + std::string(expected) + ", got " +
                         (done() ? std::string("the end of the line") : quoted(word_)));
}

void Line::refuse_taken(std::string_view expected, const std::string& hint) const {
    std::string seen = quoted(taken_);
    if (const auto found = named_.find(taken_); found != named_.end()) {
        seen += ", which stands for " + quoted(found->second);
    } else if (hint.empty()) {
        std::vector<std::string_view> names;
        for (const auto& [name, word] : named_) {
            names.push_back(name);
        }
        seen += nearest_hint(taken_, names);
    }
    fail_at(taken_place(), "expected " + std::string(expected) + ", got " + seen + hint);
}

} // namespace lpusim::chip
