#include "lpusim/chip/fold.h"

#include <algorithm>
#include <string>
#include <utility>

#include "lpusim/chip/access.h"
#include "lpusim/chip/fold_checks.h"
#include "lpusim/chip/fold_runs.h"
#include "lpusim/chip/fold_streams.h"
#include "lpusim/chip/fold_values.h"
#include "lpusim/chip/tensor.h"

namespace lpusim::chip {
namespace {

/// Hours of work, and more bookkeeping than memory.
constexpr std::int64_t kVectorsMax = std::int64_t{1} << 34U;

/// What `fold_values` will go through; a little more than kVectorsMax stands for anything beyond it.
[[nodiscard]] std::int64_t vectors_to_compute(const std::vector<QueueRun>& runs) {
    std::int64_t count = 0;
    for (const QueueRun& run : runs) {
        const std::int64_t of_each = run.use.sram_read && run.use.sram_write ? 2 : 1;
        if (run.issue.size() > kVectorsMax)
            return kVectorsMax + 1;
        count = std::min(count + of_each * run.issue.size(), kVectorsMax + 1);
    }
    return count;
}

} // namespace

Run fold(const Program& program, const ChipSpec& spec, Memory initial, bool values,
         const Progress& progress) {
    validate(program, spec);
    Run result;
    result.cycles = program_cycles(program, spec);
    result.units = queue_uses(program);

    const std::vector<QueueRun> runs = queue_runs(program, spec);
    for (const auto& found : {check_queues(program, runs, spec), check_holds(program, runs, spec),
                              check_addresses(program, runs, spec), check_planes(program, runs, spec)}) {
        if (found)
            keep_first(result.error, *found);
    }

    // Progress counts queue runs as they are matched, then vectors as they are computed.
    const auto run_count = static_cast<std::int64_t>(runs.size());
    const std::int64_t vector_count = values ? vectors_to_compute(runs) : 0;
    const auto matched = [&](std::int64_t done, std::int64_t) { progress(done, run_count + vector_count); };
    const auto computed = [&](std::int64_t done, std::int64_t) {
        progress(run_count + done, run_count + vector_count);
    };

    SourceTable sources(runs);
    const bool keeps_sources = values && !result.error && vector_count <= kVectorsMax;
    const MatchSummary matches = match_streams(
        program, runs, spec,
        keeps_sources ? MatchVisitor([&](const StreamMatch& match) { sources.add(match); }) : MatchVisitor(),
        progress ? Progress(matched) : Progress());
    result.pieces = matches.pieces;
    if (matches.error)
        keep_first(result.error, *matches.error);
    if (values && !result.error) {
        if (!keeps_sources) {
            throw ValueError("fold computes the values of at most " + std::to_string(kVectorsMax) +
                             " vectors, and all repeats of this program make more; run it without values");
        }
        sources.finish();
        result.memory =
            fold_values(program, spec, runs, sources, starting_memory(program, spec, std::move(initial)),
                        progress ? Progress(computed) : Progress());
    }
    return result;
}

} // namespace lpusim::chip
