#include "lpusim/chip/fold/fold.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <string>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/chip/access.h"
#include "lpusim/chip/fold/checks.h"
#include "lpusim/chip/fold/runs.h"
#include "lpusim/chip/fold/streams.h"
#include "lpusim/chip/fold/values.h"
#include "lpusim/chip/tensor.h"

namespace lpusim::chip {
namespace {

/// About a minute of computing.
constexpr std::int64_t kMovesMax = std::int64_t{1} << 31U;

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

/// What `fold_values` will go through before cycle `end`; anything beyond 2^62 counts as that.
[[nodiscard]] std::int64_t moves_to_compute(const Program& program, const std::vector<QueueRun>& runs,
                                            const ChipSpec& spec, std::int64_t end) {
    constexpr std::int64_t kEndless = std::int64_t{1} << 62U;
    std::int64_t moves = 0;
    for (const QueueRun& run : runs) {
        const std::int64_t of_each =
            moves_of(program.runs[static_cast<std::size_t>(run.run)].instruction, spec);
        const std::int64_t instances = end == kNever ? run.issue.size() : run.issue.index_from(end);
        if (instances > (kEndless - moves) / of_each)
            return kEndless;
        moves += of_each * instances;
    }
    return moves;
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

std::optional<ScheduleViolation> first_broken_rule(const Program& program, const std::vector<QueueRun>& runs,
                                                   const ChipSpec& spec) {
    std::optional<ScheduleViolation> first;
    for (const auto& found : {check_queues(program, runs, spec), check_holds(program, runs, spec),
                              check_addresses(program, runs, spec), check_banks(program, runs, spec),
                              check_planes(program, runs, spec)}) {
        if (found)
            keep_first(first, *found);
    }
    return first;
}

Run fold(const Program& program, const ChipSpec& spec, Memory initial, bool values, const Progress& progress,
         SimdLevel level) {
    assert(level <= best_simd_level());
    validate(program, spec);
    Run result;
    result.cycles = program_cycles(program, spec);

    const std::vector<QueueRun> runs = queue_runs(program, spec);
    result.error = first_broken_rule(program, runs, spec);

    // Progress counts queue runs as they are matched, then moves of vectors as they are computed.
    const auto run_count = static_cast<std::int64_t>(runs.size());
    const std::int64_t data_from = first_data_cycle(program, runs);
    // With a broken rule values matter only until then, and only if one of them may be the first error.
    const auto end = [&] { return result.error ? result.error->tau : kNever; };
    const auto needs_values = [&] { return values && (!result.error || data_from < end()); };
    const std::int64_t move_count = needs_values() ? moves_to_compute(program, runs, spec, end()) : 0;
    const auto matched = [&](std::int64_t done, std::int64_t) { progress(done, run_count + move_count); };
    const auto computed = [&](std::int64_t done, std::int64_t) {
        progress(run_count + done, run_count + move_count);
    };

    SourceTable sources(runs);
    const bool keeps_sources = needs_values() && move_count <= kMovesMax;
    const MatchSummary matches = match_streams(
        program, runs, spec,
        keeps_sources ? MatchVisitor([&](const StreamMatch& match) { sources.add(match); }) : MatchVisitor(),
        progress ? Progress(matched) : Progress());
    result.pieces = matches.pieces;
    if (matches.error)
        keep_first(result.error, *matches.error);
    if (needs_values()) {
        if (!keeps_sources) {
            throw CapacityError(
                "all repeats of this program move " + std::to_string(move_count) +
                    " vectors (a multiplication counts for several); fold computes the values "
                    "of at most " +
                    std::to_string(kMovesMax) + ", about a minute: run it without values, or a part of it",
                saturating_multiply(move_count, spec.lanes()), kMovesMax * spec.lanes());
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
