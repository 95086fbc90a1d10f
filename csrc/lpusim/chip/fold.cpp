#include "lpusim/chip/fold.h"

#include <utility>

#include "lpusim/chip/access.h"
#include "lpusim/chip/fold_checks.h"
#include "lpusim/chip/fold_runs.h"
#include "lpusim/chip/fold_streams.h"
#include "lpusim/chip/fold_values.h"

namespace lpusim::chip {

Run fold(const Program& program, const ChipSpec& spec, Memory initial, bool values,
         const Progress& progress) {
    validate(program, spec);
    Run result;
    result.cycles = program_cycles(program, spec);
    result.units = queue_uses(program);

    const std::vector<QueueRun> runs = queue_runs(program, spec);
    for (const auto& found : {check_queues(runs, spec), check_addresses(program, runs, spec),
                              check_planes(program, runs, spec)}) {
        if (found)
            keep_first(result.error, *found);
    }
    SourceTable sources(runs);
    const MatchVisitor keep_sources =
        values && !result.error ? MatchVisitor([&](const StreamMatch& match) { sources.add(match); })
                                : MatchVisitor();
    const MatchSummary matches = match_streams(runs, spec, keep_sources);
    result.pieces = matches.pieces;
    if (matches.error)
        keep_first(result.error, *matches.error);
    if (values && !result.error) {
        if (initial.slice_count() == 0)
            initial = Memory(spec);
        sources.finish();
        result.memory = fold_values(program, spec, runs, sources, std::move(initial), progress);
    }
    return result;
}

} // namespace lpusim::chip
