#include "lpusim/chip/fold/fold.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <string>
#include <utility>

#include "lpusim/chip/access.h"
#include "lpusim/chip/fold/checks.h"
#include "lpusim/chip/fold/runs.h"
#include "lpusim/chip/fold/streams.h"
#include "lpusim/chip/fold/values.h"
#include "lpusim/chip/tensor.h"

namespace lpusim::chip {
namespace {

/// Hours of work, and more bookkeeping than memory.
constexpr std::int64_t kVectorsMax = std::int64_t{1} << 34U;

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

/// What `fold_values` will go through before cycle `end`; a little more than kVectorsMax stands for anything
/// beyond it.
[[nodiscard]] std::int64_t vectors_to_compute(const std::vector<QueueRun>& runs, std::int64_t end) {
    std::int64_t count = 0;
    for (const QueueRun& run : runs) {
        const std::int64_t of_each = run.use.sram_read && run.use.sram_write ? 2 : 1;
        const std::int64_t instances = end == kNever ? run.issue.size() : run.issue.index_from(end);
        if (instances > kVectorsMax)
            return kVectorsMax + 1;
        count = std::min(count + of_each * instances, kVectorsMax + 1);
    }
    return count;
}

/// When a value can first be found that is not allowed: the first access through a map.
[[nodiscard]] std::int64_t first_data_cycle(const Program& program, const std::vector<QueueRun>& runs) {
    std::int64_t first = kNever;
    for (const QueueRun& run : runs) {
        const auto* access =
            std::get_if<MemAccess>(&program.runs[static_cast<std::size_t>(run.run)].instruction);
        if (access == nullptr)
            continue;
        if (access->read && access->read->gather)
            first = std::min(first, run.issue.first() + run.use.sram_read->offset);
        if (access->write && access->write->scatter)
            first = std::min(first, run.issue.first() + run.use.sram_write->offset);
    }
    return first;
}

} // namespace

Run fold(const Program& program, const ChipSpec& spec, Memory initial, bool values, const Progress& progress,
         SimdLevel level) {
    assert(level <= best_simd_level());
    validate(program, spec);
    Run result;
    result.cycles = program_cycles(program, spec);

    const std::vector<QueueRun> runs = queue_runs(program, spec);
    for (const auto& found : {check_queues(program, runs, spec), check_holds(program, runs, spec),
                              check_addresses(program, runs, spec), check_banks(program, runs, spec),
                              check_planes(program, runs, spec)}) {
        if (found)
            keep_first(result.error, *found);
    }

    // Progress counts queue runs as they are matched, then vectors as they are computed.
    const auto run_count = static_cast<std::int64_t>(runs.size());
    const std::int64_t data_from = first_data_cycle(program, runs);
    // With a broken rule values matter only until then, and only if one of them may be the first error.
    const auto end = [&] { return result.error ? result.error->tau : kNever; };
    const auto needs_values = [&] { return values && (!result.error || data_from < end()); };
    const std::int64_t vector_count = needs_values() ? vectors_to_compute(runs, end()) : 0;
    const auto matched = [&](std::int64_t done, std::int64_t) { progress(done, run_count + vector_count); };
    const auto computed = [&](std::int64_t done, std::int64_t) {
        progress(run_count + done, run_count + vector_count);
    };

    SourceTable sources(runs);
    const bool keeps_sources = needs_values() && vector_count <= kVectorsMax;
    const MatchSummary matches = match_streams(
        program, runs, spec,
        keeps_sources ? MatchVisitor([&](const StreamMatch& match) { sources.add(match); }) : MatchVisitor(),
        progress ? Progress(matched) : Progress());
    result.pieces = matches.pieces;
    if (matches.error)
        keep_first(result.error, *matches.error);
    if (needs_values()) {
        if (!keeps_sources) {
            throw ValueError("fold computes the values of at most " + std::to_string(kVectorsMax) +
                             " vectors, and all repeats of this program make more; run it without values");
        }
        sources.finish();
        Values computed_values =
            fold_values(program, spec, runs, sources, starting_memory(program, spec, std::move(initial)),
                        end(), progress ? Progress(computed) : Progress(), level);
        if (computed_values.error)
            keep_first(result.error, *computed_values.error);
        if (!result.error)
            result.memory = std::move(computed_values.memory);
    }
    if (!result.error)
        result.accounting = account(program, runs, spec);
    return result;
}

} // namespace lpusim::chip
