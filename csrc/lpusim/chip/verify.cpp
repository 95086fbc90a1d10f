#include "lpusim/chip/verify.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "lpusim/base/errors.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/fold.h"

namespace lpusim::chip {
namespace {

constexpr std::array<Unit, 7> kUnits{
    Unit::Mem, Unit::MxmWeights, Unit::MxmActivations, Unit::MxmAccumulators, Unit::Vxm,
    Unit::Sxm, Unit::C2c};

[[nodiscard]] std::int64_t queue_count(const ChipSpec& spec, Unit unit) {
    switch (unit) {
    case Unit::Mem:
        return spec.mem_slices();
    case Unit::Vxm:
        return spec.vxm_alus;
    case Unit::Sxm:
        return 2 * spec.sxm_queues_per_hemisphere;
    case Unit::C2c:
        return 2 * spec.c2c_links_per_hemisphere;
    default:
        return spec.mxm_planes();
    }
}

/// From the first to just after the last issue of one or more runs of a queue, without a gap between them.
struct Occupied {
    QueueId queue;
    std::int64_t first = 0;
    std::int64_t end = 0;
};

/// When queues are occupied, by queue, then time. Runs of one queue that interleave occupy it together.
[[nodiscard]] std::vector<Occupied> occupied_spans(const Program& program, const ChipSpec& spec) {
    std::vector<Occupied> spans;
    spans.reserve(program.runs.size());
    for (const InstructionRun& run : program.runs) {
        const std::int64_t span = repeat_span_cycles(run) + 1;
        for (std::int64_t slice = 0; slice < run.slices.count; ++slice) {
            const std::int64_t first = issue_on_slice(run, slice, spec);
            spans.push_back({run.queue, first, first + span});
            spans.back().queue.index += slice;
        }
    }
    std::sort(spans.begin(), spans.end(), [](const Occupied& a, const Occupied& b) {
        return std::tie(a.queue, a.first) < std::tie(b.queue, b.first);
    });
    std::size_t kept = 0;
    for (const Occupied& next : spans) {
        if (kept > 0 && spans[kept - 1].queue == next.queue && next.first <= spans[kept - 1].end) {
            spans[kept - 1].end = std::max(spans[kept - 1].end, next.end);
        } else {
            spans[kept++] = next;
        }
    }
    spans.resize(kept);
    return spans;
}

/// The most queues of a kind occupied at once.
[[nodiscard]] std::int64_t occupied_peak(const std::vector<Occupied>& spans, Unit unit) {
    std::vector<std::pair<std::int64_t, std::int64_t>> changes; // (cycle, +1 or -1); ends sort before starts.
    for (const Occupied& span : spans) {
        if (span.queue.unit != unit)
            continue;
        changes.emplace_back(span.first, 1);
        changes.emplace_back(span.end, -1);
    }
    std::sort(changes.begin(), changes.end());
    std::int64_t now = 0, peak = 0;
    for (const auto& [cycle, change] : changes)
        peak = std::max(peak, now += change);
    return peak;
}

} // namespace

Verdict verify(const Program& program, const ChipSpec& spec, const Progress& progress) {
    const Run run = fold(program, spec, {}, false, progress);
    Verdict verdict;
    verdict.cycles = run.cycles;
    verdict.violation = run.error;
    verdict.pieces = run.pieces;
    if (run.error)
        verdict.message = describe(*run.error, program, spec);

    const std::vector<Occupied> spans = occupied_spans(program, spec);
    for (const Unit unit : kUnits) {
        std::int64_t busy_cycles = 0;
        for (const QueueUse& use : run.units)
            busy_cycles += use.queue.unit == unit ? use.busy_cycles : 0;
        UnitUse row{unit, program.chips * queue_count(spec, unit), occupied_peak(spans, unit), 0.0};
        if (run.cycles > 0)
            row.busy_mean = static_cast<double>(busy_cycles) / static_cast<double>(run.cycles);
        verdict.units.push_back(row);
    }
    return verdict;
}

void require_legal(const Program& program, const ChipSpec& spec) {
    const Run run = fold(program, spec, {}, false);
    if (run.error)
        throw ScheduleError(describe(*run.error, program, spec));
}

} // namespace lpusim::chip
