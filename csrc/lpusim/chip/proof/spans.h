#pragma once

#include <cstdint>
#include <vector>

#include "lpusim/chip/program.h"
#include "lpusim/chip/proof/flows.h"
#include "lpusim/chip/spec.h"

/// When each queue works, as intervals for a timeline.
namespace lpusim::chip {

/// `instances` of one run on one queue, issued cycle after cycle without a gap (`rest`: all that is not shown
/// by itself, gaps included).
struct QueueSpan {
    QueueId queue;
    std::int64_t run = 0;
    std::int64_t first_cycle = 0;
    std::int64_t duration_cycles = 0;
    std::int64_t instances = 0;
    bool rest = false;
    std::int64_t lane = 0; ///< spans of one queue and lane do not overlap; 0 unless `rest`

    friend bool operator==(const QueueSpan&, const QueueSpan&) = default;
};

/// By queue, then lane, then cycle. Where there would be more than about `spans_max`, the longest runs show
/// their first spans and one for the rest. Precondition: the program is legal.
[[nodiscard]] std::vector<QueueSpan> queue_spans(const Program& program, const ChipSpec& spec,
                                                 std::int64_t spans_max);

/// A value goes from one span to another (indices into the spans), a pair only once.
struct SpanFlow {
    std::int64_t source = 0;
    std::int64_t target = 0;

    friend auto operator<=>(const SpanFlow&, const SpanFlow&) = default;
};

/// For each flow the spans of its first instance on either side, if both are shown and the value arrives in a
/// span that begins no earlier than the one it comes from.
[[nodiscard]] std::vector<SpanFlow> span_flows(const std::vector<QueueSpan>& spans,
                                               const std::vector<ValueFlow>& flows);

} // namespace lpusim::chip
