#include "lpusim/chip/fold_values.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <queue>
#include <tuple>

#include "lpusim/chip/fold_results.h"
#include "lpusim/chip/fold_work.h"

namespace lpusim::chip {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

/// Actors that touch one slice or one plane, in order of time, and the first that is not finished.
struct Pending {
    std::vector<std::size_t> actors;
    std::size_t head = 0;
};

/// Decides what may go next, and how far ahead.
class Executor {
  public:
    Executor(const Program& program, const ChipSpec& spec, const std::vector<QueueRun>& runs,
             const SourceTable& sources, Memory memory)
        : program_(program), runs_(runs), work_(program, spec, runs, sources, std::move(memory)),
          producer_(runs.size(), 0), slice_reads_(static_cast<std::size_t>(spec.mem_slices())),
          slice_writes_(static_cast<std::size_t>(spec.mem_slices())),
          plane_installs_(static_cast<std::size_t>(spec.mxm_planes())) {
        for (std::size_t index = 0; index < runs.size(); ++index)
            add_actors(index);
    }

    Memory run(const Progress& progress) {
        using Entry = std::tuple<std::int64_t, Work, std::size_t>;
        std::priority_queue<Entry, std::vector<Entry>, std::greater<>> next;
        std::int64_t total = 0, done = 0, reported = 0;
        for (std::size_t index = 0; index < actors_.size(); ++index) {
            next.emplace(actors_[index].next_tau, actors_[index].work, index);
            total += actors_[index].count;
        }
        while (!next.empty()) {
            const std::size_t index = std::get<2>(next.top());
            next.pop();
            Actor& actor = actors_[index];
            const std::int64_t count = batch_size(actor);
            assert(count > 0);
            work_.execute(actor, count);
            done += count;
            actor.cursor += count;
            if (actor.cursor < actor.count) {
                actor.next_tau = tau_at(actor, actor.cursor);
                next.emplace(actor.next_tau, actor.work, index);
            } else {
                actor.next_tau = kNever;
            }
            if (progress && done - reported > 1 << 14) {
                progress(done, total);
                reported = done;
            }
        }
        return work_.take_memory();
    }

  private:
    [[nodiscard]] const InstructionRun& what(std::size_t run) const {
        return program_.runs[static_cast<std::size_t>(runs_[run].run)];
    }
    [[nodiscard]] std::int64_t tau_at(const Actor& actor, std::int64_t instance) const {
        return runs_[actor.run].issue.at(instance) + actor.offset;
    }

    // ---- set-up

    void add(std::size_t run, Work work, std::int64_t offset, const AffineAddress& address, bool produces) {
        const std::int64_t count = runs_[run].issue.size();
        if (produces)
            producer_[run] = actors_.size();
        actors_.push_back(
            {run, work, offset, 0, count, runs_[run].issue.first() + offset, address, address.range()});
    }

    void add_actors(std::size_t index) {
        const RunUse& use = runs_[index].use;
        const auto address = [&](std::int64_t base, AffineAddress::Side side) {
            return AffineAddress(what(index), base, side);
        };
        if (use.sram_read) {
            slice_reads_[static_cast<std::size_t>(use.sram_read->slice)].actors.push_back(actors_.size());
            add(index, Work::Read, use.sram_read->offset,
                address(use.sram_read->address, AffineAddress::Side::Read), true);
        }
        if (use.sram_write) {
            slice_writes_[static_cast<std::size_t>(use.sram_write->slice)].actors.push_back(actors_.size());
            add(index, Work::Write, use.sram_write->offset,
                address(use.sram_write->address, AffineAddress::Side::Write), false);
        }
        if (use.plane) {
            const auto inside = address(use.plane->index, AffineAddress::Side::Read);
            switch (use.plane->kind) {
            case PlaneUse::Kind::Load:
                add(index, Work::Load, use.plane->offset, inside, false);
                break;
            case PlaneUse::Kind::Install:
                plane_installs_[static_cast<std::size_t>(use.plane->plane)].actors.push_back(actors_.size());
                add(index, Work::Install, use.plane->done_offset, inside, false);
                break;
            case PlaneUse::Kind::Activate:
                add(index, Work::Activate, use.plane->offset, inside, true);
                break;
            case PlaneUse::Kind::Accumulate:
                add(index, Work::Accumulate, use.plane->offset, inside, true);
                break;
            }
        }
        if (std::holds_alternative<VxmCompute>(what(index).instruction)) {
            add(index, Work::Compute, 0, address(0, AffineAddress::Side::Read), true);
        }
    }

    // ---- how far an actor may go

    /// Instances from the cursor on that can be done now; at least 1 for the earliest pending instance.
    [[nodiscard]] std::int64_t batch_size(const Actor& actor) {
        std::int64_t end = std::min(actor.count, (actor.cursor / Results::kBlock + 1) * Results::kBlock);
        const auto [first_input, last_input] = work_.inputs(actor);
        for (std::size_t input = first_input; input < last_input; ++input) {
            end = std::min(end, inputs_ready_until(actor, input, end));
        }
        if (end <= actor.cursor)
            return 0;
        const std::int64_t last_tau = tau_at(actor, end - 1);
        std::int64_t limit = kNever; // The last cycle that may be done.
        if (actor.work == Work::Read) {
            limit = first_overlap(slice_writes_[slice_of(actor)], actor, last_tau);
        } else if (actor.work == Work::Write) {
            limit = first_overlap(slice_reads_[slice_of(actor)], actor, last_tau);
            if (limit != kNever)
                --limit;
        } else if (actor.work == Work::Activate) {
            limit = next_install(actor);
            if (limit != kNever)
                --limit;
        }
        if (last_tau > limit) {
            std::int64_t low = actor.cursor, high = end; // Instances below `low` may, from `high` on may not.
            while (low < high) {
                const std::int64_t middle = low + (high - low) / 2;
                if (tau_at(actor, middle) <= limit) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            end = low;
        }
        return end - actor.cursor;
    }

    [[nodiscard]] std::int64_t inputs_ready_until(const Actor& actor, std::size_t input, std::int64_t end) {
        for (const SourceSegment& segment : work_.sources_from(input, actor.cursor)) {
            if (segment.first >= end)
                break;
            const std::int64_t done = actors_[producer_[segment.driver]].cursor;
            const std::int64_t ready =
                done <= segment.driver_first
                    ? 0
                    : (done - segment.driver_first + segment.driver_step - 1) / segment.driver_step;
            if (ready < segment.count)
                return segment.first + ready;
        }
        return end;
    }

    [[nodiscard]] std::size_t slice_of(const Actor& actor) const {
        const RunUse& use = runs_[actor.run].use;
        return static_cast<std::size_t>(actor.work == Work::Read ? use.sram_read->slice
                                                                 : use.sram_write->slice);
    }

    void skip_finished(Pending& pending) const {
        while (pending.head < pending.actors.size() &&
               actors_[pending.actors[pending.head]].next_tau == kNever) {
            ++pending.head;
        }
    }

    /// The first pending cycle of an actor in `pending` whose addresses may overlap, if it is not after
    /// `last_tau`.
    [[nodiscard]] std::int64_t first_overlap(Pending& pending, const Actor& actor,
                                             std::int64_t last_tau) const {
        constexpr std::size_t kLookAhead = 64; // Beyond that, any pending work counts as overlapping.
        skip_finished(pending);
        for (std::size_t at = pending.head; at < pending.actors.size(); ++at) {
            const Actor& other = actors_[pending.actors[at]];
            if (other.next_tau > last_tau)
                return kNever;
            const bool apart =
                other.range.greatest < actor.range.least || actor.range.greatest < other.range.least;
            if (!apart || at - pending.head == kLookAhead)
                return other.next_tau;
        }
        return kNever;
    }

    [[nodiscard]] std::int64_t next_install(const Actor& actor) {
        Pending& pending = plane_installs_[static_cast<std::size_t>(runs_[actor.run].use.plane->plane)];
        skip_finished(pending);
        return pending.head == pending.actors.size() ? kNever
                                                     : actors_[pending.actors[pending.head]].next_tau;
    }

    const Program& program_;
    const std::vector<QueueRun>& runs_;
    FoldWork work_;
    std::vector<Actor> actors_;
    std::vector<std::size_t> producer_; ///< by run: the actor whose cursor says what is there
    std::vector<Pending> slice_reads_, slice_writes_, plane_installs_;
};

} // namespace

Memory fold_values(const Program& program, const ChipSpec& spec, const std::vector<QueueRun>& runs,
                   const SourceTable& sources, Memory memory, const Progress& progress) {
    return Executor(program, spec, runs, sources, std::move(memory)).run(progress);
}

} // namespace lpusim::chip
