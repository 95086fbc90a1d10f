#include "lpusim/chip/proof/flows.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "lpusim/chip/fold/streams.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/proof/verify.h"
#include "lpusim/chip/text/text.h"

namespace lpusim::chip {
namespace {

[[nodiscard]] ValueFlow flow_of(const StreamMatch& match, const std::vector<QueueRun>& runs) {
    const QueueRun& driver = runs[match.driver];
    const QueueRun& reader = runs[match.reader];
    ValueFlow flow;
    flow.driver = driver.use.queue;
    flow.driver_run = driver.run;
    flow.reader = reader.use.queue;
    flow.reader_run = reader.run;
    flow.on_stream = match.operand < reader.use.stream_reads.size;
    std::int64_t driven_after, read_after;
    if (flow.on_stream) {
        const StreamUse& drive = *driver.use.stream_drive;
        const StreamUse& read = reader.use.stream_reads.items[match.operand];
        flow.stream = {read.direction, read.first + match.member};
        flow.drive_position = drive.position;
        flow.read_position = read.position;
        flow.drive_cycles = match.keys.shifted(hops_along(drive.direction, drive.position));
        flow.read_cycles = match.keys.shifted(hops_along(read.direction, read.position));
        driven_after = drive.offset;
        read_after = read.offset;
    } else {
        flow.drive_cycles = flow.read_cycles = match.keys;
        driven_after = driver.use.moment_drive->offset;
        read_after = reader.use.moment_reads.items[match.operand - reader.use.stream_reads.size].offset;
    }
    flow.driver_issue = flow.drive_cycles.first() - driven_after;
    flow.reader_issue = flow.read_cycles.first() - read_after;
    return flow;
}

/// Results of a run that nobody takes: of one queue and stream, or the same of several.
struct Finding {
    Lint::Kind kind = Lint::Kind::UnreadStream;
    QueueId queue; ///< the first one
    std::int64_t run = 0;
    std::int64_t repeat = 0; ///< the first instance
    std::int64_t count = 0;
    std::int64_t made = 0; ///< of so many
    std::int64_t issue = 0;
    std::int64_t slices = 1;
    std::optional<StreamRef> stream{};
    std::optional<StreamRef> last_stream{};
};

/// Findings of a run that differ only in stream, or in slice (and then perhaps in stream and issue), are one.
std::vector<Finding> folded(const std::vector<Finding>& found) {
    std::vector<Finding> folds;
    for (const Finding& next : found) {
        if (!folds.empty()) {
            Finding& last = folds.back();
            const bool equal = std::tie(last.kind, last.run, last.repeat, last.count, last.made) ==
                               std::tie(next.kind, next.run, next.repeat, next.count, next.made);
            QueueId beside = last.queue;
            beside.index += last.slices;
            if (equal && (next.queue == beside || (next.queue == last.queue && last.slices == 1))) {
                last.slices += next.queue == beside ? 1 : 0;
                last.issue = std::min(last.issue, next.issue);
                last.last_stream = next.stream;
                continue;
            }
        }
        folds.push_back(next);
    }
    return folds;
}

Lint lint_of(const Finding& finding, const Program& program) {
    const std::string several =
        finding.slices == 1 ? "" : ".." + std::to_string(finding.queue.index + finding.slices - 1);
    const auto what = [&]() -> std::string {
        switch (finding.kind) {
        case Lint::Kind::UnreadStream:
            return "on " + to_string(*finding.stream) +
                   (finding.stream == finding.last_stream ? "" : " to " + to_string(*finding.last_stream)) +
                   " are read by nobody";
        case Lint::Kind::UnreceivedVector:
            return "are sent and never received";
        case Lint::Kind::UnusedResult:
            break;
        }
        return finding.queue.unit == Unit::Vxm ? "are neither driven nor chained"
                                               : "are column sums that nobody accumulates";
    };
    const auto& instruction = program.runs[static_cast<std::size_t>(finding.run)].instruction;
    return {finding.kind,
            finding.queue,
            finding.run,
            finding.repeat,
            finding.count,
            finding.slices,
            run_name(program, finding.run) + " on " + to_string(finding.queue) + several + " (" +
                instruction_text(instruction, program.maps) + "): " + std::to_string(finding.count) + " of " +
                std::to_string(finding.made) + " results " + (finding.slices == 1 ? "" : "of each ") +
                what() + ", the first one issued in cycle " + std::to_string(finding.issue)};
}

/// What has been taken of everything that is driven.
class Leftovers {
  public:
    explicit Leftovers(const std::vector<QueueRun>& runs) : runs_(runs), taken_(runs.size()) {
        for (std::size_t index = 0; index < runs.size(); ++index) {
            const RunUse& use = runs[index].use;
            taken_[index].resize(static_cast<std::size_t>(use.stream_drive ? use.stream_drive->width : 0) +
                                 1);
        }
    }

    void take(const StreamMatch& match) {
        const bool on_stream = match.operand < runs_[match.reader].use.stream_reads.size;
        Taken& taken = on_stream ? taken_[match.driver][static_cast<std::size_t>(match.driver_member)]
                                 : taken_[match.driver].back();
        if (taken.all)
            return;
        if (match.keys == match.driver_keys) {
            taken = {true, {}};
        } else {
            taken.pieces.push_back(match.keys);
        }
    }

    void report(std::size_t index, std::vector<Finding>& found) const {
        const QueueRun& run = runs_[index];
        const std::vector<Taken>& taken = taken_[index];
        if (const auto& drive = run.use.stream_drive) {
            const Progression keys =
                run.issue.merged().shifted(drive->offset - hops_along(drive->direction, drive->position));
            for (std::int64_t member = 0; member < drive->width; ++member) {
                const StreamRef stream{drive->direction, drive->first + member};
                add(Lint::Kind::UnreadStream, run, keys, taken[static_cast<std::size_t>(member)], stream,
                    found);
            }
        } else if (const auto& made = run.use.moment_drive) {
            const bool link = made->kind == MomentUse::Kind::Link;
            add(link ? Lint::Kind::UnreceivedVector : Lint::Kind::UnusedResult, run,
                run.issue.merged().shifted(made->offset), taken.back(), {}, found);
        }
    }

  private:
    struct Taken {
        bool all = false;
        std::vector<Progression> pieces;
    };

    static void add(Lint::Kind kind, const QueueRun& run, const Progression& keys, const Taken& taken,
                    const std::optional<StreamRef>& stream, std::vector<Finding>& found) {
        if (taken.all)
            return;
        std::int64_t count = 0, first = 0;
        for (const Progression& part : without(keys, taken.pieces)) {
            first = count == 0 ? part.first() : std::min(first, part.first());
            count += part.size();
        }
        if (count == 0)
            return;
        const std::int64_t repeat = *keys.find(first);
        found.push_back({kind, run.use.queue, run.run, repeat, count, keys.size(), run.issue.at(repeat), 1,
                         stream, stream});
    }

    const std::vector<QueueRun>& runs_;
    std::vector<std::vector<Taken>> taken_; ///< by run: each stream of its drive, then its moment
};

} // namespace

std::vector<ValueFlow> flows(const Program& program, const ChipSpec& spec, const Progress& progress) {
    validate(program, spec);
    const std::vector<QueueRun> runs = queue_runs(program, spec);
    std::vector<ValueFlow> found;
    require_legal(
        program, runs, spec, [&](const StreamMatch& match) { found.push_back(flow_of(match, runs)); },
        progress);
    return found;
}

std::vector<Lint> lint(const Program& program, const ChipSpec& spec, const Progress& progress) {
    validate(program, spec);
    const std::vector<QueueRun> runs = queue_runs(program, spec);
    Leftovers leftovers(runs);
    require_legal(program, runs, spec, [&](const StreamMatch& match) { leftovers.take(match); }, progress);
    std::vector<Finding> found;
    for (std::size_t index = 0; index < runs.size(); ++index)
        leftovers.report(index, found);
    std::vector<Lint> lints;
    for (const Finding& finding : folded(found))
        lints.push_back(lint_of(finding, program));
    return lints;
}

} // namespace lpusim::chip
