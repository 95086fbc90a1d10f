#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string_view>

#include "lpusim/chip/text/line.h"

namespace lpusim::chip {

/// A cycle of a program's text: `offset` cycles after a label that is defined further down, or after 0.
struct TextCycle {
    std::int64_t offset = 0;
    std::int64_t label = -1; ///< -1: none, the cycle is known

    [[nodiscard]] bool known() const { return label < 0; }
};

/// `cycle` moved by `cycles`; at `place` if that overflows.
[[nodiscard]] TextCycle later(const TextCycle& cycle, std::int64_t cycles, const TextPlace& place);

/// The names of cycles. A label may be used before it is defined: `resolve` at the end finds its value.
/// Names are views into the text.
class Labels {
  public:
    /// Throws at `place` if the name is taken.
    void define(std::string_view name, const TextCycle& cycle, const TextPlace& place);

    /// What the label stands for as far as that is known here.
    [[nodiscard]] TextCycle use(std::string_view name, const TextPlace& place);

    /// Throws at the use of a label that is nowhere defined, or at the definition of one that leads back to
    /// itself. Cost: linear in labels.
    void resolve();

    /// After `resolve`. Throws at `place` if the cycle overflows.
    [[nodiscard]] std::int64_t cycle_of(const TextCycle& cycle, const TextPlace& place) const;

  private:
    struct Label {
        std::string_view name;
        TextPlace place; ///< of the definition; until then of the first use
        bool defined = false;
        TextCycle cycle{};
        bool visited = false;
    };

    Label& named(std::string_view name, const TextPlace& place, std::int64_t& number);

    std::deque<Label> labels_;
    std::map<std::string_view, std::int64_t> numbers_;
};

} // namespace lpusim::chip
