#include "lpusim/chip/verify.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "lpusim/base/errors.h"
#include "lpusim/chip/describe.h"
#include "lpusim/chip/fold.h"
#include "lpusim/chip/fold_runs.h"

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

/// The most queues of a kind occupied at once.
[[nodiscard]] std::int64_t occupied_peak(const std::vector<QueueRun>& runs, Unit unit) {
    struct Span {
        QueueId queue;
        std::int64_t first = 0;
        std::int64_t end = 0;
    };
    std::vector<Span> spans;
    for (const QueueRun& run : runs) {
        if (run.use.queue.unit == unit)
            spans.push_back({run.use.queue, run.issue.first(), run.issue.last() + 1});
    }
    std::sort(spans.begin(), spans.end(), [](const Span& a, const Span& b) {
        return std::tie(a.queue, a.first) < std::tie(b.queue, b.first);
    });
    std::vector<std::pair<std::int64_t, std::int64_t>> changes; // (cycle, +1 or -1); ends sort before starts.
    for (std::size_t begin = 0; begin < spans.size();) {
        std::int64_t end = spans[begin].end; // Runs of one queue that interleave occupy it together.
        std::size_t next = begin + 1;
        for (; next < spans.size() && spans[next].queue == spans[begin].queue && spans[next].first <= end;
             ++next) {
            end = std::max(end, spans[next].end);
        }
        changes.emplace_back(spans[begin].first, 1);
        changes.emplace_back(end, -1);
        begin = next;
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

    const std::vector<QueueRun> runs = queue_runs(program, spec);
    for (const Unit unit : kUnits) {
        std::int64_t busy_cycles = 0;
        for (const QueueUse& use : run.units)
            busy_cycles += use.queue.unit == unit ? use.busy_cycles : 0;
        UnitUse row{unit, program.chips * queue_count(spec, unit), occupied_peak(runs, unit), 0.0};
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
