#include <algorithm>
#include <vector>

#include "lpusim/net/place_rules.h"
#include "lpusim/net/run_lines.h"

namespace lpusim::net {
namespace {

struct Slot {
    std::int64_t transfer = 0;
    std::int64_t hop = 0;
    std::int64_t vector = 0;

    friend auto operator<=>(const Slot&, const Slot&) = default;
};

/// Who is at fault in `cycle`, the first with a collision on `link`: the least slot that starts although an
/// earlier one is still under way, or the second least of several that start at once.
[[nodiscard]] Violation collision_at(const Timetable& timetable, std::int64_t link,
                                     std::span<const std::uint32_t> rows, std::int64_t vector_cycles,
                                     std::int64_t cycle) {
    std::vector<Slot> starting, holding;
    for (const std::uint32_t row : rows) {
        const Run& run = timetable.runs[row];
        const Line begun = vectors_until(run, cycle);
        if (begun.count == 0)
            continue;
        const std::int64_t start = start_of(run, begun.last());
        if (start == cycle) {
            starting.push_back({run.transfer, run.hop, begun.last()});
        } else if (start > cycle - vector_cycles) {
            holding.push_back({run.transfer, run.hop, begun.last()});
        }
    }
    std::ranges::sort(starting);
    if (holding.empty()) {
        holding.push_back(starting.front());
        starting.erase(starting.begin());
    }
    return {.cycle = cycle,
            .rule = Rule::link_busy,
            .place = link,
            .link = link,
            .transfer = starting.front().transfer,
            .hop = starting.front().hop,
            .vector = starting.front().vector,
            .other_transfer = holding.front().transfer,
            .other_hop = holding.front().hop,
            .other_vector = holding.front().vector};
}

} // namespace

std::optional<Violation> first_double_booking(const Timetable& timetable, const LinkTable& links,
                                              const RunsByLink& runs, std::int64_t last_cycle) {
    std::optional<Violation> first;
    std::vector<std::uint32_t> open;
    for (std::int64_t link = 0; link < runs.link_count(); ++link) {
        const auto rows = runs.of(link);
        if (rows.size() < 2)
            continue;
        const std::int64_t vector_cycles = links.vector_cycles(link);
        std::optional<std::int64_t> collision;
        open.clear();
        for (const std::uint32_t row : rows) {
            const Run& run = timetable.runs[row];
            if (run.start_cycle > last_cycle)
                break;
            std::erase_if(open, [&](std::uint32_t other) {
                return timetable.runs[other].last_cycle() + vector_cycles <= run.start_cycle;
            });
            for (const std::uint32_t other : open) {
                if (const auto cycle = first_collision(timetable.runs[other], run, vector_cycles))
                    collision = std::min(collision.value_or(*cycle), *cycle);
            }
            open.push_back(row);
        }
        if (collision && *collision <= last_cycle) {
            first = collision_at(timetable, link, rows, vector_cycles, *collision);
            // Another link has to be wrong earlier; in the same cycle the lower link comes first.
            last_cycle = *collision - 1;
        }
    }
    return first;
}

} // namespace lpusim::net
