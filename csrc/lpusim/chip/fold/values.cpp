#include "lpusim/chip/fold/values.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <numeric>
#include <queue>
#include <tuple>

#include "lpusim/chip/fold/results.h"
#include "lpusim/chip/fold/work.h"

namespace lpusim::chip {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

/// Actors that touch one slice or one plane and are not finished, in order of their first cycle: a list
/// through `after_` and `before_` of the executor.
struct Pending {
    std::size_t head = kNone;
};

/// What is still to be installed into one plane: (cycle, actor), earliest first; entries go stale.
using Installs = std::priority_queue<std::pair<std::int64_t, std::size_t>,
                                     std::vector<std::pair<std::int64_t, std::size_t>>, std::greater<>>;

/// Decides what may go next, and how far ahead.
class Executor {
  public:
    Executor(const Program& program, const ChipSpec& spec, const std::vector<QueueRun>& runs,
             const SourceTable& sources, Memory memory, std::int64_t end, SimdLevel level)
        : program_(program), spec_(spec), runs_(runs), end_(end),
          work_(program, spec, runs, sources, std::move(memory), level), producer_(runs.size(), 0),
          slice_reads_(static_cast<std::size_t>(program.chips * spec.mem_slices())),
          slice_writes_(slice_reads_.size()),
          plane_accumulates_(static_cast<std::size_t>(program.chips * spec.mxm_planes())),
          plane_installs_(plane_accumulates_.size()) {
        for (std::size_t index = 0; index < runs.size(); ++index)
            add_actors(index);
        link_pending();
    }

    Values run(const Progress& progress) {
        using Entry = std::tuple<std::int64_t, Work, std::size_t>;
        std::priority_queue<Entry, std::vector<Entry>, std::greater<>> next;
        std::int64_t total = 0, done = 0, reported = 0;
        for (std::size_t index = 0; index < actors_.size(); ++index) {
            next.emplace(actors_[index].next_tau, actors_[index].work, index);
            total += actors_[index].count * actors_[index].moves;
        }
        while (!next.empty()) {
            if (std::get<0>(next.top()) >= end_)
                break;
            const std::size_t index = std::get<2>(next.top());
            next.pop();
            Actor& actor = actors_[index];
            const std::int64_t count = batch_size(actor);
            assert(count > 0);
            work_.execute(actor, count);
            if (work_.error()) // Another one of the same cycle may come before it.
                end_ = std::min(end_, work_.error()->tau + 1);
            done += count * actor.moves;
            actor.cursor += count;
            if (actor.cursor < actor.count) {
                actor.next_tau = tau_at(actor, actor.cursor);
                next.emplace(actor.next_tau, actor.work, index);
            } else {
                actor.next_tau = kNever;
                unlink(index);
            }
            if (actor.work == Work::Install && actor.next_tau != kNever)
                plane_installs_[plane_of(actor)].emplace(actor.next_tau, index);
            if (progress && done - reported > 1 << 14) {
                progress(done, total);
                reported = done;
            }
        }
        return {work_.take_memory(), work_.error()};
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
        const bool is_half = work == Work::Read || work == Work::Write; // of an instruction
        actors_.push_back({run, work, offset, 0, count, runs_[run].issue.first() + offset, address,
                           address.range(), is_half ? 1 : moves_of(what(run).instruction, spec_)});
    }

    void add_access(std::size_t run, Work work, const SramUse& use, AffineAddress::Side side) {
        add(run, work, use.offset, AffineAddress(what(run), use.address, side), work == Work::Read);
        actors_.back().range.greatest += use.words - 1;
    }

    void add_actors(std::size_t index) {
        const RunUse& use = runs_[index].use;
        const auto address = [&](std::int64_t base, AffineAddress::Side side) {
            return AffineAddress(what(index), base, side);
        };
        if (use.sram_read) {
            add_access(index, Work::Read, *use.sram_read, AffineAddress::Side::Read);
        }
        if (use.sram_write) {
            add_access(index, Work::Write, *use.sram_write, AffineAddress::Side::Write);
        }
        if (use.plane) {
            const auto inside = address(use.plane->index, AffineAddress::Side::Read);
            switch (use.plane->kind) {
            case PlaneUse::Kind::Load:
                add(index, Work::Load, use.plane->offset, inside, false);
                break;
            case PlaneUse::Kind::Install:
                plane_installs_[static_cast<std::size_t>(use.plane->plane)].emplace(
                    runs_[index].issue.first() + use.plane->done_offset, actors_.size());
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
        if (std::holds_alternative<C2cSend>(what(index).instruction) ||
            std::holds_alternative<C2cReceive>(what(index).instruction)) {
            add(index, Work::Pass, 0, address(0, AffineAddress::Side::Read), true);
        } else if (std::holds_alternative<VxmCompute>(what(index).instruction)) {
            add(index, Work::Compute, 0, address(0, AffineAddress::Side::Read), true);
        } else if (std::holds_alternative<SxmMove>(what(index).instruction)) {
            add(index, Work::Move, 0, address(0, AffineAddress::Side::Read), true);
        }
    }

    /// The list that an actor stands in while it is not finished; null: in none.
    [[nodiscard]] Pending* pending_of(const Actor& actor) {
        switch (actor.work) {
        case Work::Read:
            return &slice_reads_[slice_of(actor)];
        case Work::Write:
            return &slice_writes_[slice_of(actor)];
        case Work::Accumulate:
            return &plane_accumulates_[plane_of(actor)];
        default:
            return nullptr;
        }
    }

    void link_pending() {
        before_.assign(actors_.size(), kNone);
        after_.assign(actors_.size(), kNone);
        std::vector<std::size_t> latest_first(actors_.size());
        std::iota(latest_first.begin(), latest_first.end(), std::size_t{0});
        std::stable_sort(latest_first.begin(), latest_first.end(), [this](std::size_t a, std::size_t b) {
            return actors_[a].next_tau > actors_[b].next_tau;
        });
        for (const std::size_t index : latest_first) {
            Pending* pending = pending_of(actors_[index]);
            if (pending == nullptr)
                continue;
            after_[index] = pending->head;
            if (pending->head != kNone)
                before_[pending->head] = index;
            pending->head = index;
        }
    }

    void unlink(std::size_t index) {
        Pending* pending = pending_of(actors_[index]);
        if (pending == nullptr)
            return;
        (before_[index] == kNone ? pending->head : after_[before_[index]]) = after_[index];
        if (after_[index] != kNone)
            before_[after_[index]] = before_[index];
    }

    // ---- how far an actor may go

    /// Instances from the cursor on that can be done now; at least 1 for the earliest pending instance.
    [[nodiscard]] std::int64_t batch_size(const Actor& actor) {
        std::int64_t end = std::min(actor.count, (actor.cursor / Results::kBlock + 1) * Results::kBlock);
        if (end_ != kNever)
            end = std::min(end, runs_[actor.run].issue.index_from(end_ - actor.offset));
        const auto [first_input, last_input] = work_.inputs(actor);
        for (std::size_t input = first_input; input < last_input; ++input) {
            end = std::min(end, inputs_ready_until(actor, input, end));
        }
        if (end <= actor.cursor)
            return 0;
        const std::int64_t last_tau = tau_at(actor, end - 1);
        std::int64_t limit = kNever; // The last cycle that may be done.
        switch (actor.work) {
        case Work::Install:
            limit = actor.next_tau;
            break;
        case Work::Load:
        case Work::Activate:
            limit = next_install(actor) - 1;
            break;
        case Work::Accumulate:
            limit = first_overlap(plane_accumulates_[plane_of(actor)], actor, last_tau) - 1;
            break;
        case Work::Compute:
        case Work::Move:
        case Work::Pass:
            break;
        case Work::Read:
            limit = first_overlap(slice_writes_[slice_of(actor)], actor, last_tau);
            break;
        case Work::Write:
            limit = std::min(first_overlap(slice_reads_[slice_of(actor)], actor, last_tau),
                             first_overlap(slice_writes_[slice_of(actor)], actor, last_tau)) -
                    1;
            break;
        }
        if (last_tau > limit)
            end = std::min(end, runs_[actor.run].issue.index_from(limit - actor.offset + 1));
        return end - actor.cursor;
    }

    [[nodiscard]] std::int64_t inputs_ready_until(const Actor& actor, std::size_t input, std::int64_t end) {
        for (const SourceSegment& segment : work_.sources_from(input, actor.cursor)) {
            if (segment.first >= end)
                break;
            const Actor& producer = actors_[producer_[segment.driver]];
            if (&producer == &actor)
                continue; // Each instance takes what an earlier one, perhaps of the same batch, has made.
            const std::int64_t done = producer.cursor;
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

    [[nodiscard]] std::size_t plane_of(const Actor& actor) const {
        return static_cast<std::size_t>(runs_[actor.run].use.plane->plane);
    }

    [[nodiscard]] std::size_t planes_used(const Actor& activation) const {
        return static_cast<std::size_t>(runs_[activation.run].use.plane->width);
    }

    /// The first pending cycle of another actor in `pending` whose addresses may overlap, or kNever if that
    /// is after `last_tau`. Looks at runs that have started and at what starts until `last_tau`, but only so
    /// many.
    [[nodiscard]] std::int64_t first_overlap(const Pending& pending, const Actor& actor,
                                             std::int64_t last_tau) const {
        constexpr int kLookAhead = 64;
        std::int64_t first = kNever;
        int looked_at = 0;
        for (std::size_t at = pending.head; at != kNone; at = after_[at]) {
            const Actor& other = actors_[at];
            const std::int64_t starts_at = runs_[other.run].issue.first() + other.offset;
            if (starts_at > std::min(last_tau, first))
                break;
            // Whatever stands further back starts no earlier, and nothing is pending before `actor`: at its
            // own cycle only writes, which come after a read.
            if (++looked_at > kLookAhead) {
                const std::int64_t next = actor.next_tau + (actor.work == Work::Read ? 0 : 1);
                return std::min(first, std::max(starts_at, next));
            }
            const bool apart =
                other.range.greatest < actor.range.least || actor.range.greatest < other.range.least;
            if (!apart && &other != &actor)
                first = std::min(first, other.next_tau);
        }
        return first > last_tau ? kNever : first;
    }

    /// Into the plane that a load fills, or one that an activation uses.
    [[nodiscard]] std::int64_t next_install(const Actor& actor) {
        const std::size_t begin = plane_of(actor);
        const std::size_t end = begin + (actor.work == Work::Activate ? planes_used(actor) : 1);
        std::int64_t next = kNever;
        for (std::size_t plane = begin; plane < end; ++plane) {
            Installs& installs = plane_installs_[plane];
            while (!installs.empty() && actors_[installs.top().second].next_tau != installs.top().first)
                installs.pop();
            if (!installs.empty())
                next = std::min(next, installs.top().first);
        }
        return next;
    }

    const Program& program_;
    const ChipSpec& spec_;
    const std::vector<QueueRun>& runs_;
    std::int64_t end_; ///< nothing from this cycle on is done
    FoldWork work_;
    std::vector<Actor> actors_;
    std::vector<std::size_t> producer_; ///< by run: the actor whose cursor says what is there
    std::vector<Pending> slice_reads_, slice_writes_, plane_accumulates_;
    std::vector<Installs> plane_installs_;
    std::vector<std::size_t> before_, after_; ///< by actor: its neighbours in its list
};

} // namespace

std::int64_t moves_of(const Instruction& instruction, const ChipSpec& spec) {
    if (const auto* access = std::get_if<MemAccess>(&instruction))
        return access->read && access->write ? 2 : 1;
    if (const auto* activate = std::get_if<MxmActivate>(&instruction)) {
        // `lanes` multiply-adds for each byte moved; exact floating-point sums take four times as long.
        return 1 + spec.lanes() / (activate->dtype == DType::Int8 ? 8 : 2);
    }
    return 1;
}

Values fold_values(const Program& program, const ChipSpec& spec, const std::vector<QueueRun>& runs,
                   const SourceTable& sources, Memory memory, std::int64_t end, const Progress& progress,
                   SimdLevel level) {
    return Executor(program, spec, runs, sources, std::move(memory), end, level).run(progress);
}

} // namespace lpusim::chip
