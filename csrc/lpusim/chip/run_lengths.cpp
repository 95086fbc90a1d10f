#include "lpusim/chip/run_lengths.h"

#include <cassert>

namespace lpusim::chip {

DataRun leading_repeat(std::span<const std::uint8_t> data) {
    DataRun longest{data.first(0), 0};
    for (const std::size_t width : {std::size_t{1}, std::size_t{2}, std::size_t{4}}) {
        std::size_t end = std::min(width, data.size());
        while (end < data.size() && data[end] == data[end - width]) {
            ++end;
        }
        const std::size_t count = end / width;
        if (count * width > longest.pattern.size() * static_cast<std::size_t>(longest.count)) {
            longest = {data.first(width), static_cast<std::int64_t>(count)};
        }
    }
    return longest;
}

LaneRun leading_range(std::span<const std::int16_t> lanes) {
    assert(!lanes.empty());
    LaneRun run{lanes.front(), 0, 1};
    if (lanes.size() < 3) {
        return run;
    }
    run.step = std::int64_t{lanes[1]} - lanes[0];
    const auto follows = [&](std::size_t at) {
        return lanes[at] - lanes[at - 1] == run.step && (run.step == 0 || (lanes[at] >= 0 && lanes[0] >= 0));
    };
    std::size_t end = 1;
    while (end < lanes.size() && follows(end)) {
        ++end;
    }
    if (end < 3) {
        return {lanes.front(), 0, 1};
    }
    run.count = static_cast<std::int64_t>(end);
    return run;
}

} // namespace lpusim::chip
