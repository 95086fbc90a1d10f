#include "lpusim/chip/run.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "lpusim/chip/access.h"

namespace lpusim::chip {

std::vector<QueueUse> queue_uses(const Program& program) {
    std::map<QueueId, std::int64_t> busy;
    for (const InstructionRun& run : program.runs) {
        const std::int64_t instances = instance_count(run);
        for (std::int64_t slice = 0; slice < run.slices.count; ++slice) {
            QueueId queue = run.queue;
            queue.index += slice;
            busy[queue] += instances;
        }
    }
    std::vector<QueueUse> uses;
    uses.reserve(busy.size());
    for (const auto& [queue, cycles] : busy) {
        uses.push_back({queue, cycles});
    }
    return uses;
}

std::vector<QueueSpan> queue_spans(const Program& program, const ChipSpec& spec) {
    std::vector<QueueSpan> spans;
    for (std::size_t number = 0; number < program.runs.size(); ++number) {
        const InstructionRun& run = program.runs[number];
        for (std::int64_t slice = 0; slice < run.slices.count; ++slice) {
            QueueId queue = run.queue;
            queue.index += slice;
            spans.push_back({queue, static_cast<std::int64_t>(number), issue_on_slice(run, slice, spec),
                             repeat_span_cycles(run) + 1});
        }
    }
    std::sort(spans.begin(), spans.end(), [](const QueueSpan& a, const QueueSpan& b) {
        return std::tie(a.queue, a.first_cycle, a.run) < std::tie(b.queue, b.first_cycle, b.run);
    });
    std::vector<std::int64_t> free_at; // By lane of the queue at hand.
    for (std::size_t i = 0; i < spans.size(); ++i) {
        QueueSpan& span = spans[i];
        if (i > 0 && !(span.queue == spans[i - 1].queue))
            free_at.clear();
        const auto lane = std::find_if(free_at.begin(), free_at.end(),
                                       [&](std::int64_t cycle) { return cycle <= span.first_cycle; });
        span.lane = lane - free_at.begin();
        const std::int64_t end = span.first_cycle + span.duration_cycles;
        if (lane == free_at.end()) {
            free_at.push_back(end);
        } else {
            *lane = end;
        }
    }
    std::stable_sort(spans.begin(), spans.end(), [](const QueueSpan& a, const QueueSpan& b) {
        return std::tie(a.queue, a.lane) < std::tie(b.queue, b.lane);
    });
    return spans;
}

} // namespace lpusim::chip
