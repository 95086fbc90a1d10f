#include "lpusim/chip/text/places.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "lpusim/base/errors.h"
#include "lpusim/base/nearest_name.h"
#include "lpusim/chip/text/names.h"

namespace lpusim::chip {

namespace {

constexpr std::string_view kQueueExpected =
    "a queue such as mem.w.3, mem.e.4..9, mxm.w.0.weights, vxm.5, sxm.e.0, c2c.w.1 or chip1.vxm.0";
constexpr std::string_view kSliceExpected = "a slice such as w.3";
constexpr std::array<std::string_view, 3> kPlaneQueues{"weights", "activations", "accumulators"};

/// A number from 0 to the largest int64, nothing else around it.
std::optional<std::int64_t> ordinal(std::string_view digits) {
    std::int64_t number = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    const bool good = !digits.empty() && digits.front() != '-' && result.ptr == digits.data() + digits.size();
    return good && result.ec == std::errc{} ? std::optional(number) : std::nullopt;
}

/// The part before the next dot; `rest` is what follows it.
std::string_view cut(std::string_view& rest) {
    const std::size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    rest = dot == std::string_view::npos ? std::string_view{} : rest.substr(dot + 1);
    return part;
}

/// Takes "chip3." off.
std::int64_t cut_chip(std::string_view& rest) {
    std::string_view after = rest;
    const std::string_view part = cut(after);
    if (!part.starts_with("chip") || after.empty()) {
        return 0;
    }
    const auto chip = ordinal(part.substr(4));
    if (!chip) {
        return 0;
    }
    rest = after;
    return *chip;
}

std::optional<Hemisphere> hemisphere_of(std::string_view word) {
    if (word == "w") {
        return Hemisphere::West;
    }
    return word == "e" ? std::optional(Hemisphere::East) : std::nullopt;
}

/// Takes one queue's word apart; complains through `refuse(hint)`.
template <class Refuse>
QueueRange queue_of(std::string_view word, const Refuse& refuse) {
    QueueRange range;
    std::string_view rest = word;
    if (word.ends_with('.')) {
        refuse("");
    }
    range.queue.chip = cut_chip(rest);
    const std::string_view unit = cut(rest);
    if (unit == "vxm") {
        const auto alu = ordinal(rest);
        if (!alu) {
            refuse("; an ALU is named like vxm.5: the VXM has no hemisphere");
        }
        range.queue = {Unit::Vxm, Hemisphere::West, *alu, range.queue.chip};
        return range;
    }
    if (std::find(kUnitNames.begin(), kUnitNames.end(), unit) == kUnitNames.end()) {
        const std::string_view nearest = nearest_name(unit, kUnitNames);
        const std::string dot = rest.empty() ? "" : ".";
        refuse(nearest.empty() ? ""
                               : "; did you mean " + quoted((std::string(nearest) + dot).append(rest)) + "?");
    }
    const auto hemisphere = hemisphere_of(cut(rest));
    if (!hemisphere) {
        refuse("; after " + std::string(unit) + " comes the hemisphere, w or e: " + std::string(unit) +
               ".w.0 or " + std::string(unit) + ".e.0");
    }
    range.queue.hemisphere = *hemisphere;
    const auto index = ordinal(cut(rest));
    if (!index) {
        refuse("; after the hemisphere comes a number from 0 on");
    }
    range.queue.index = *index;
    if (unit == "mxm") {
        const std::array<Unit, 3> units{Unit::MxmWeights, Unit::MxmActivations, Unit::MxmAccumulators};
        const auto* const part = std::find(kPlaneQueues.begin(), kPlaneQueues.end(), rest);
        if (part == kPlaneQueues.end()) {
            refuse("; a plane has three queues, " + list_of(kPlaneQueues) + nearest_hint(rest, kPlaneQueues));
        }
        range.queue.unit = units[static_cast<std::size_t>(part - kPlaneQueues.begin())];
        return range;
    }
    range.queue.unit = unit == "mem" ? Unit::Mem : unit == "sxm" ? Unit::Sxm : Unit::C2c;
    if (range.queue.unit == Unit::Mem && rest.starts_with('.')) {
        const auto last = ordinal(rest.substr(1));
        if (!last || *last < *index || *last == std::numeric_limits<std::int64_t>::max()) {
            refuse("; a range of slices rises, as in mem.e.4..9");
        }
        range.count = *last - *index + 1;
    } else if (!rest.empty()) {
        refuse("; nothing comes after the number");
    }
    return range;
}

} // namespace

QueueId queue_named(std::string_view name, std::string_view expected) {
    const auto refuse = [&](const std::string& hint) {
        throw ValueError("expected " + std::string(expected) + ", got " + quoted(name) + hint);
    };
    const QueueRange range = queue_of(name, refuse);
    if (range.count != 1) {
        refuse("; that is a range");
    }
    return range.queue;
}

QueueRange take_queue(Line& line, std::string_view others) {
    const std::string_view word = line.value(kQueueExpected);
    return queue_of(word, [&](const std::string& hint) {
        line.refuse_taken(std::string(kQueueExpected).append(others), hint);
    });
}

QueueId take_single_queue(Line& line) {
    const QueueRange range = take_queue(line);
    if (range.count != 1) {
        line.refuse_taken("a single queue");
    }
    return range.queue;
}

QueueId take_slice(Line& line) {
    std::string_view rest = line.value(kSliceExpected);
    QueueId slice;
    slice.chip = cut_chip(rest);
    const std::string_view name = rest;
    const auto hemisphere = hemisphere_of(cut(rest));
    const auto index = ordinal(rest);
    if (!hemisphere || !index) {
        const bool queue = name.starts_with("mem.");
        line.refuse_taken(kSliceExpected, queue ? "; here it goes without 'mem.'" : "");
    }
    slice.hemisphere = *hemisphere;
    slice.index = *index;
    return slice;
}

StreamRef take_stream(Line& line, std::string_view expected) {
    std::string_view rest = line.value(expected);
    const std::string_view direction = cut(rest);
    const auto index = ordinal(rest);
    if ((direction != "e" && direction != "w") || !index) {
        line.refuse_taken(expected);
    }
    return {direction == "e" ? Direction::East : Direction::West, *index};
}

StreamRef take_target(Line& line) {
    line.expect("->", " and the stream it drives, such as e.3");
    return take_stream(line);
}

StreamRef take_source(Line& line) {
    line.expect("<-", " and the stream it takes, such as e.3");
    return take_stream(line);
}

bool next_is_dtype(const Line& line) {
    return std::find(kDTypeNames.begin(), kDTypeNames.end(), line.peek()) != kDTypeNames.end();
}

DType take_dtype(Line& line) {
    constexpr std::string_view kExpected = "a type (int8, int32, fp32, fp16, fp8 or int16)";
    const std::string_view word = line.next(kExpected);
    const auto* const name = std::find(kDTypeNames.begin(), kDTypeNames.end(), word);
    if (name == kDTypeNames.end()) {
        line.refuse_taken(kExpected, nearest_hint(word, kDTypeNames));
    }
    return static_cast<DType>(name - kDTypeNames.begin());
}

} // namespace lpusim::chip
