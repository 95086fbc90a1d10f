#include <algorithm>
#include <doctest/doctest.h>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/rng.h"
#include "lpusim/chip/fuzz/arbitrary_program.h"
#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/text/program_binary.h"
#include "lpusim/chip/text/text.h"

// Both readers understand or refuse whatever they are given, and what they understand they write back.

using namespace lpusim;
using namespace lpusim::chip;

namespace {

constexpr std::int64_t kExpandedMax = 4096;

class Mutator {
  public:
    explicit Mutator(std::uint64_t seed) : seed_(seed) {}

    std::size_t below(std::size_t bound) {
        return static_cast<std::size_t>(random_bits(seed_, 31, drawn_++) % bound);
    }

    /// One to four bytes changed, dropped, doubled or moved.
    template <class Text>
    void mutate(Text& text) {
        for (std::size_t changes = 1 + below(4); changes > 0 && !text.empty(); --changes) {
            const auto at = text.begin() + static_cast<std::ptrdiff_t>(below(text.size()));
            const auto length = static_cast<std::ptrdiff_t>(
                1 + below(std::min<std::size_t>(8, static_cast<std::size_t>(text.end() - at))));
            const Text part(at, at + length);
            const auto elsewhere = static_cast<std::ptrdiff_t>(below(text.size()));
            switch (below(5)) {
            case 0:
                *at = static_cast<typename Text::value_type>(below(256));
                break;
            case 1:
                *at = static_cast<typename Text::value_type>(*at ^ 1U << below(8));
                break;
            case 2:
                text.erase(at, at + length);
                break;
            case 3:
                text.insert(text.begin() + elsewhere, part.begin(), part.end());
                break;
            default:
                text.resize(static_cast<std::size_t>(at - text.begin()));
                break;
            }
        }
    }

    /// A word of the text replaced by one from another place, or by an awkward one.
    void mutate_words(std::string& text) {
        static constexpr std::string_view kAwkward[] = {"-1",
                                                        "9223372036854775807",
                                                        "-9223372036854775808",
                                                        "@x",
                                                        "x:",
                                                        "repeat",
                                                        "->",
                                                        ",",
                                                        "label",
                                                        "=1f",
                                                        "let",
                                                        "0..9*9"};
        const auto word_at = [&](std::size_t at) {
            const std::size_t from = text.find_first_not_of(" \n", at);
            return from == std::string::npos ? std::pair<std::size_t, std::size_t>{0, 0}
                                             : std::pair(from, text.find_first_of(" \n", from) - from);
        };
        for (std::size_t changes = 1 + below(2); changes > 0 && !text.empty(); --changes) {
            const auto [from, length] = word_at(below(text.size()));
            const auto [other, other_length] = word_at(below(text.size()));
            const std::string word(below(3) == 0 ? kAwkward[below(std::size(kAwkward))]
                                                 : std::string_view(text).substr(other, other_length));
            text.replace(from, length, word);
        }
    }

  private:
    std::uint64_t seed_;
    std::uint64_t drawn_ = 0;
};

/// The chip on which what was understood is checked: small, so that little is refused for its size.
ChipSpec small_spec() {
    ChipSpec spec;
    spec.mem_words_per_slice = 64;
    return spec;
}

void meet_validate(const Program& program, const ChipSpec& spec) {
    try {
        validate(program, spec);
    } catch (const ValueError&) { // NOLINT(bugprone-empty-catch): refusing is as good.
    }
}

} // namespace

TEST_CASE("mutated texts are understood or refused with a line, and what is understood is written back") {
    const ChipSpec spec = small_spec();
    const std::string kernel = to_text(pointwise_add(spec, 3));
    int understood = 0, refused = 0;
    for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
        Mutator mutator(seed);
        std::string text = seed % 4 == 0 ? kernel : to_text(arbitrary_program(seed / 8));
        if (seed % 2 == 0) {
            mutator.mutate(text);
        } else {
            mutator.mutate_words(text);
        }
        CAPTURE(text);
        try {
            const Program program = parse(text, kExpandedMax);
            ++understood;
            CHECK(parse(to_text(program)) == program);
            meet_validate(program, spec);
        } catch (const ValueError& error) {
            ++refused;
            const std::string message = error.what();
            CHECK(message.starts_with("line "));
            CHECK(message.size() < 500);
        }
    }
    CHECK(understood > 1000);
    CHECK(refused > 2000);
}

TEST_CASE("mutated bytes are understood or refused with an offset, and what is understood is written back") {
    const ChipSpec spec = small_spec();
    const std::vector<std::uint8_t> kernel = encode(pointwise_add(spec, 3));
    int understood = 0, refused = 0;
    for (std::uint64_t seed = 0; seed < 40'000; ++seed) {
        Mutator mutator(seed);
        std::vector<std::uint8_t> bytes = seed % 4 == 0   ? kernel
                                          : seed % 4 == 1 ? encode(absurd_program(seed / 8))
                                                          : encode(arbitrary_program(seed / 8));
        mutator.mutate(bytes);
        CAPTURE(seed);
        try {
            const Program program = decode(bytes, kExpandedMax);
            ++understood;
            CHECK(decode(encode(program)) == program);
            meet_validate(program, spec);
        } catch (const ValueError& error) {
            ++refused;
            CHECK(std::string(error.what()).starts_with("byte "));
        }
    }
    CHECK(understood > 2000);
    CHECK(refused > 2000);
}
