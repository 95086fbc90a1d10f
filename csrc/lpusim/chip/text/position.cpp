#include "lpusim/chip/text/position.h"

#include <array>
#include <string>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/text/line.h"
#include "lpusim/chip/text/places.h"

namespace lpusim::chip {

namespace {

/// The queue that stands where a part of a name says: "vxm" is where "vxm.0" is.
std::string whole_name(std::string_view name) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kParts{{
        {"vxm", ".0"},
        {"sxm.w", ".0"},
        {"sxm.e", ".0"},
        {"c2c.w", ".0"},
        {"c2c.e", ".0"},
        {"mxm.w", ".0.weights"},
        {"mxm.e", ".0.weights"},
    }};
    for (const auto& [part, rest] : kParts) {
        if (name == part) {
            return std::string(part).append(rest);
        }
        const bool plane = part.starts_with("mxm") && name.starts_with(part) && name.size() > part.size() + 1;
        if (plane && name.find('.', part.size() + 1) == std::string_view::npos) {
            return std::string(name) + ".weights";
        }
    }
    return std::string(name);
}

} // namespace

std::int64_t position_of(std::string_view name, const ChipSpec& spec) {
    QueueId queue = queue_named(whole_name(name), "a unit such as mem.w.3, mxm.e.0, vxm, sxm.w or c2c.e.0");
    const std::int64_t count = queues_side_by_side(spec, queue.unit);
    if (queue.index >= count) {
        const std::string seen = quoted(name) + " is not on this chip: ";
        if (count == 0) {
            throw ValueError(seen + "it has none of that kind");
        }
        const std::int64_t index = std::exchange(queue.index, 0);
        const std::string first = to_string(queue);
        queue.index = count - 1;
        throw ValueError(seen + "there are " + first + " to " + to_string(queue) + ", got number " +
                         std::to_string(index) + "; nearest: " + to_string(queue));
    }
    return queue_position(spec, queue);
}

} // namespace lpusim::chip
