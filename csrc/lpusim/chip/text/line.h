#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

/// One line of a program's text, word by word, and its complaints.
namespace lpusim::chip {

/// Both from 1; columns count characters.
struct TextPlace {
    std::int64_t line = 0;
    std::int64_t column = 0;
};

/// Throws ValueError "line 3, column 7: `what`".
[[noreturn]] void fail_at(const TextPlace& place, const std::string& what);

/// As it stands in a message: control characters as \xNN; what is very long is cut.
[[nodiscard]] std::string quoted(std::string_view word);

/// "a, b or c".
[[nodiscard]] std::string list_of(std::span<const std::string_view> words);

/// "; did you mean 'read'?", or nothing if no name is near.
[[nodiscard]] std::string nearest_hint(std::string_view seen, std::span<const std::string_view> known);

/// What `let` lines have named: a word for a word.
using NamedWords = std::map<std::string, std::string, std::less<>>;

/// Words are separated by spaces; a comma, "->" and "<-" are words of their own. Takes `text` without its
/// line end; from '#' on it is a comment. What is expected is told only when it is missing.
class Line {
  public:
    Line(std::string_view text, std::int64_t number, const NamedWords& named);

    [[nodiscard]] bool done() const { return word_.empty(); }
    /// The next word; empty at the end.
    [[nodiscard]] std::string_view peek() const { return word_; }
    [[nodiscard]] TextPlace place() const { return place_of(at_); }
    [[nodiscard]] TextPlace taken_place() const { return place_of(taken_at_); }

    std::string_view next(std::string_view expected);
    /// As `next`; a name gives the word that it stands for.
    std::string_view value(std::string_view expected);
    /// Takes the next word if it is this one.
    bool take(std::string_view word) {
        if (word_ != word) {
            return false;
        }
        advance();
        return true;
    }
    /// `after` says what comes then, as " and a stream such as e.3".
    void expect(std::string_view word, std::string_view after = {});

    std::int64_t integer(std::string_view expected);
    std::int64_t integer_at_least(std::int64_t low, std::string_view expected);
    std::int64_t integer_of(std::string_view digits, std::string_view expected) const;

    /// Complains about the next word.
    [[noreturn]] void refuse_next(std::string_view expected) const;
    /// Complains about the word taken last.
    [[noreturn]] void refuse_taken(std::string_view expected, const std::string& hint = {}) const;

  private:
    [[nodiscard]] TextPlace place_of(std::size_t offset) const;
    void advance();

    std::string_view text_;
    std::int64_t number_;
    const NamedWords& named_;
    std::string_view word_;
    std::size_t at_ = 0;
    std::string_view taken_;
    std::size_t taken_at_ = 0;
};

} // namespace lpusim::chip
