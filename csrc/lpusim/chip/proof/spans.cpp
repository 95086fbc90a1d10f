#include "lpusim/chip/proof/spans.h"

#include <algorithm>
#include <tuple>

#include "lpusim/chip/fold/runs.h"

namespace lpusim::chip {
namespace {

/// Instances that follow each other without a gap.
[[nodiscard]] std::int64_t instances_together(const Progression& issues) {
    const Progression merged = issues.merged();
    const int rank = merged.rank();
    return rank > 0 && merged.level(rank - 1).stride == 1 ? merged.level(rank - 1).count : 1;
}

/// The most spans one run may show so that all runs together show at most `spans_max`; at least 1.
[[nodiscard]] std::int64_t spans_of_each(const std::vector<std::int64_t>& wanted, std::int64_t spans_max) {
    const auto total = [&](std::int64_t most) {
        std::int64_t sum = 0;
        for (const std::int64_t spans : wanted)
            sum = std::min(sum + std::min(spans, most), spans_max + 1);
        return sum;
    };
    std::int64_t low = 1, high = spans_max;
    while (low < high) {
        const std::int64_t middle = low + (high - low + 1) / 2;
        if (total(middle) <= spans_max) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

/// Lanes of the `rest` spans of a queue, which may overlap: the first free one from 1 on.
void assign_lanes(std::vector<QueueSpan>& spans) {
    std::vector<std::int64_t> free_at; // By lane - 1 of the queue at hand.
    const QueueSpan* before = nullptr;
    for (QueueSpan& span : spans) {
        if (before == nullptr || !(before->queue == span.queue))
            free_at.clear();
        before = &span;
        if (!span.rest)
            continue;
        const auto lane = std::find_if(free_at.begin(), free_at.end(),
                                       [&](std::int64_t cycle) { return cycle <= span.first_cycle; });
        span.lane = 1 + (lane - free_at.begin());
        const std::int64_t end = span.first_cycle + span.duration_cycles;
        if (lane == free_at.end()) {
            free_at.push_back(end);
        } else {
            *lane = end;
        }
    }
}

} // namespace

std::vector<QueueSpan> queue_spans(const Program& program, const ChipSpec& spec, std::int64_t spans_max) {
    const std::vector<QueueRun> runs = queue_runs(program, spec);
    std::vector<std::int64_t> wanted;
    wanted.reserve(runs.size());
    for (const QueueRun& run : runs)
        wanted.push_back(run.issue.size() / instances_together(run.issue));
    const std::int64_t most = spans_of_each(wanted, spans_max);

    std::vector<QueueSpan> spans;
    for (std::size_t index = 0; index < runs.size(); ++index) {
        const QueueRun& run = runs[index];
        const std::int64_t together = instances_together(run.issue);
        const std::int64_t shown = std::min(wanted[index], most);
        for (std::int64_t span = 0; span < shown; ++span) {
            spans.push_back(
                {run.use.queue, run.run, run.issue.at(span * together), together, together, false, 0});
        }
        if (shown < wanted[index]) {
            const std::int64_t first = run.issue.at(shown * together);
            spans.push_back({run.use.queue, run.run, first, run.issue.last() + 1 - first,
                             run.issue.size() - shown * together, true, 0});
        }
    }
    std::sort(spans.begin(), spans.end(), [](const QueueSpan& a, const QueueSpan& b) {
        return std::tie(a.queue, a.rest, a.first_cycle, a.run) <
               std::tie(b.queue, b.rest, b.first_cycle, b.run);
    });
    assign_lanes(spans);
    std::stable_sort(spans.begin(), spans.end(), [](const QueueSpan& a, const QueueSpan& b) {
        return std::tie(a.queue, a.lane) < std::tie(b.queue, b.lane);
    });
    return spans;
}

std::vector<SpanFlow> span_flows(const std::vector<QueueSpan>& spans, const std::vector<ValueFlow>& flows) {
    constexpr std::int64_t kNotShown = -1;
    constexpr std::int64_t kShownLane = 0;
    const auto span_at = [&](const QueueId& queue, std::int64_t cycle) {
        const auto after = std::partition_point(spans.begin(), spans.end(), [&](const QueueSpan& span) {
            return std::tie(span.queue, span.lane, span.first_cycle) <= std::tie(queue, kShownLane, cycle);
        });
        if (after == spans.begin())
            return kNotShown;
        const QueueSpan& span = *(after - 1);
        const bool inside = span.queue == queue && cycle < span.first_cycle + span.duration_cycles;
        return inside ? static_cast<std::int64_t>(after - 1 - spans.begin()) : kNotShown;
    };
    std::vector<SpanFlow> arrows;
    for (const ValueFlow& flow : flows) {
        const SpanFlow arrow{span_at(flow.driver, flow.driver_issue),
                             span_at(flow.reader, flow.reader_issue)};
        if (arrow.source == kNotShown || arrow.target == kNotShown || arrow.source == arrow.target)
            continue;
        const std::int64_t left = spans[static_cast<std::size_t>(arrow.source)].first_cycle;
        if (left <= spans[static_cast<std::size_t>(arrow.target)].first_cycle)
            arrows.push_back(arrow);
    }
    std::sort(arrows.begin(), arrows.end());
    arrows.erase(std::unique(arrows.begin(), arrows.end()), arrows.end());
    return arrows;
}

} // namespace lpusim::chip
