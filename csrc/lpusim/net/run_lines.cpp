#include "lpusim/net/run_lines.h"

#include <algorithm>
#include <cassert>
#include <vector>

#include "lpusim/base/progression.h"

namespace lpusim::net {
namespace {

[[nodiscard]] Progression to_progression(const Line& line) {
    return Progression(line.first, {{line.step, line.count}});
}

/// The cycles in which a run holds its link.
[[nodiscard]] Progression cycles_of(const Run& run, std::int64_t vector_cycles) {
    return Progression(run.start_cycle, {{run.period_cycles, run.vector_count}, {1, vector_cycles}});
}

} // namespace

Line vectors_until(const Run& run, std::int64_t last_cycle) {
    Line line = vectors_of(run);
    if (run.start_cycle > last_cycle) {
        line.count = 0;
    } else if (run.last_cycle() > last_cycle) {
        line.count = (last_cycle - run.start_cycle) / run.period_cycles + 1;
    }
    return line;
}

std::optional<std::int64_t> vector_starting(const Run& run, std::int64_t cycle) {
    const Line starts{run.start_cycle, run.period_cycles, run.vector_count};
    if (!starts.contains(cycle))
        return std::nullopt;
    return run.first_vector + (cycle - run.start_cycle) / run.period_cycles * run.vector_step;
}

std::optional<Line> common(const Line& a, const Line& b) {
    if (a.count == 0 || b.count == 0)
        return std::nullopt;
    if (a.count == 1)
        return b.contains(a.first) ? std::optional(Line{a.first, 1, 1}) : std::nullopt;
    if (b.count == 1)
        return common(b, a);
    if (a.step == b.step) {
        const std::int64_t first = std::max(a.first, b.first);
        const std::int64_t last = std::min(a.last(), b.last());
        if (first > last || (a.first - b.first) % a.step != 0)
            return std::nullopt;
        return last == first ? Line{first, 1, 1} : Line{first, a.step, (last - first) / a.step + 1};
    }
    std::vector<Progression> pieces;
    intersect(to_progression(a), to_progression(b), pieces);
    if (pieces.empty())
        return std::nullopt;
    assert(pieces.size() == 1 && pieces.front().rank() <= 1);
    const Progression& piece = pieces.front();
    return piece.rank() == 0 ? Line{piece.first(), 1, 1}
                             : Line{piece.first(), piece.level(0).stride, piece.level(0).count};
}

std::optional<std::int64_t> first_missing(const Line& whole, std::span<const Line> parts) {
    std::vector<Progression> pieces;
    pieces.reserve(parts.size());
    for (const Line& part : parts)
        pieces.push_back(to_progression(part));
    std::optional<std::int64_t> least;
    for (const Progression& rest : without(to_progression(whole), pieces))
        least = std::min(least.value_or(rest.first()), rest.first());
    return least;
}

std::optional<std::int64_t> first_collision(const Run& a, const Run& b, std::int64_t vector_cycles) {
    assert(a.start_cycle <= b.start_cycle);
    if (a.vector_count > 1 && b.vector_count > 1 && a.period_cycles != b.period_cycles)
        return first_common(cycles_of(a, vector_cycles), cycles_of(b, vector_cycles));
    // In step: whether any two slots meet is decided where the later run begins.
    const std::int64_t ahead = b.start_cycle - a.start_cycle;
    const std::int64_t period =
        a.vector_count > 1 ? a.period_cycles : std::max(b.period_cycles, vector_cycles);
    const std::int64_t before = std::min(ahead / period, a.vector_count - 1);
    if (ahead - before * period < vector_cycles)
        return b.start_cycle;
    const std::int64_t next = (before + 1) * period - ahead;
    if (before + 1 < a.vector_count && next < vector_cycles)
        return b.start_cycle + next;
    return std::nullopt;
}

} // namespace lpusim::net
