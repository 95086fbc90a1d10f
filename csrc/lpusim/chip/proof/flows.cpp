#include "lpusim/chip/proof/flows.h"

#include <algorithm>

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

    void report(std::size_t index, const Program& program, std::vector<Lint>& found) const {
        const QueueRun& run = runs_[index];
        const std::vector<Taken>& taken = taken_[index];
        if (const auto& drive = run.use.stream_drive) {
            const Progression keys =
                run.issue.merged().shifted(drive->offset - hops_along(drive->direction, drive->position));
            for (std::int64_t member = 0; member < drive->width; ++member) {
                const StreamRef stream{drive->direction, drive->first + member};
                add(Lint::Kind::UnreadStream, run, keys, taken[static_cast<std::size_t>(member)],
                    "on " + to_string(stream) + " are read by nobody", program, found);
            }
        } else if (const auto& made = run.use.moment_drive) {
            const Progression cycles = run.issue.merged().shifted(made->offset);
            switch (made->kind) {
            case MomentUse::Kind::Alu:
                return add(Lint::Kind::UnusedResult, run, cycles, taken.back(),
                           "are neither driven nor chained", program, found);
            case MomentUse::Kind::ColumnSums:
                return add(Lint::Kind::UnusedResult, run, cycles, taken.back(),
                           "are column sums that nobody accumulates", program, found);
            case MomentUse::Kind::Link:
                return add(Lint::Kind::UnreceivedVector, run, cycles, taken.back(),
                           "are sent and never received", program, found);
            }
        }
    }

  private:
    struct Taken {
        bool all = false;
        std::vector<Progression> pieces;
    };

    static void add(Lint::Kind kind, const QueueRun& run, const Progression& keys, const Taken& taken,
                    const std::string& what, const Program& program, std::vector<Lint>& found) {
        if (taken.all)
            return;
        const std::vector<Progression> left = without(keys, taken.pieces);
        Lint lint{kind, run.use.queue, run.run, 0, 0, {}};
        std::int64_t first = 0;
        for (const Progression& part : left) {
            first = lint.count == 0 ? part.first() : std::min(first, part.first());
            lint.count += part.size();
        }
        if (lint.count == 0)
            return;
        lint.repeat = *keys.find(first);
        lint.message =
            "run " + std::to_string(run.run) + " on " + to_string(run.use.queue) + " (" +
            instruction_text(program.runs[static_cast<std::size_t>(run.run)].instruction, program.maps) +
            "): " + std::to_string(lint.count) + " of " + std::to_string(keys.size()) + " results " + what +
            ", the first one issued in cycle " + std::to_string(run.issue.at(lint.repeat));
        found.push_back(std::move(lint));
    }

    const std::vector<QueueRun>& runs_;
    std::vector<std::vector<Taken>> taken_; ///< by run: each stream of its drive, then its moment
};

} // namespace

std::vector<ValueFlow> flows(const Program& program, const ChipSpec& spec, const Progress& progress) {
    require_legal(program, spec);
    const std::vector<QueueRun> runs = queue_runs(program, spec);
    std::vector<ValueFlow> found;
    (void)match_streams(
        program, runs, spec, [&](const StreamMatch& match) { found.push_back(flow_of(match, runs)); },
        progress);
    return found;
}

std::vector<Lint> lint(const Program& program, const ChipSpec& spec, const Progress& progress) {
    require_legal(program, spec);
    const std::vector<QueueRun> runs = queue_runs(program, spec);
    Leftovers leftovers(runs);
    (void)match_streams(
        program, runs, spec, [&](const StreamMatch& match) { leftovers.take(match); }, progress);
    std::vector<Lint> found;
    for (std::size_t index = 0; index < runs.size(); ++index)
        leftovers.report(index, program, found);
    return found;
}

} // namespace lpusim::chip
