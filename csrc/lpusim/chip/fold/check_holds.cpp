#include <algorithm>
#include <array>
#include <span>
#include <tuple>
#include <utility>

#include "lpusim/chip/fold/checks.h"
#include "lpusim/chip/fold/meetings.h"

namespace lpusim::chip {
namespace {

/// What a run holds, as the cycles it is busy in: one more level inside those of the issues, so that two runs
/// need one resource at once exactly where their busy cycles meet.
struct Hold {
    const QueueRun* run = nullptr;
    std::int64_t cycles = 1;
    Progression busy; ///< of the instances before one that meets another of its own run

    /// The instance that is busy in `tau`, one of `busy`.
    [[nodiscard]] std::int64_t repeat_at(std::int64_t tau) const { return *busy.find(tau) / cycles; }
};

/// An array or a link. Not contested: one queue holds it for a cycle each time, so two that want it at once
/// issue at once, which is an earlier error.
struct Resource {
    MeetingIndex holds;
    std::optional<QueueId> queue;
    bool contested = false;
};

class HoldChecker {
  public:
    HoldChecker(const Program& program, const std::vector<QueueRun>& runs, const ChipSpec& spec)
        : arrays_(static_cast<std::size_t>(program.chips * spec.mxm_planes())),
          links_(static_cast<std::size_t>(program.chips * 2 * spec.c2c_links_per_hemisphere)) {
        for (const QueueRun& run : runs) {
            for (const HoldUse& hold : run.use.holds)
                add(run, hold);
        }
    }

    std::optional<ScheduleViolation> check() {
        for (auto* resources : {&arrays_, &links_}) {
            for (Resource& resource : *resources) {
                if (!resource.contested)
                    continue;
                resource.holds.build();
                check_pairs(resource.holds);
            }
        }
        return first_;
    }

  private:
    void add(const QueueRun& run, const HoldUse& hold) {
        // Level by level from inside: the first step that is too short for what it repeats.
        std::array<ProgressionLevel, Progression::kRankMax> levels; // innermost last
        std::size_t used = 0;
        const auto push = [&](const ProgressionLevel& level) { levels[levels.size() - ++used] = level; };
        if (hold.cycles > 1)
            push({1, hold.cycles});
        std::int64_t instances = 1;
        for (int k = run.issue.rank(); k-- > 0;) {
            const auto [stride, count] = run.issue.level(k);
            const std::int64_t gap = run.issue.at(instances) - run.issue.at(instances - 1);
            if (gap < hold.cycles) {
                ScheduleViolation broken = run.violation(ViolationClass::ResourceBusy,
                                                         run.issue.at(instances) + hold.offset, instances);
                name_other(broken, run, instances - 1);
                keep_first(first_, broken);
                break; // What comes later is no first error.
            }
            push({stride, count});
            instances *= count;
        }
        const Progression busy(run.issue.first() + hold.offset,
                               std::span<const ProgressionLevel>(levels.data() + levels.size() - used, used));
        auto& resources = hold.kind == HoldUse::Kind::Array ? arrays_ : links_;
        Resource& resource = resources[static_cast<std::size_t>(hold.index)];
        resource.contested =
            resource.contested || hold.cycles > 1 || resource.queue.value_or(run.use.queue) != run.use.queue;
        resource.queue = run.use.queue;
        resource.holds.add(busy, holds_.size());
        holds_.push_back({&run, hold.cycles, busy.merged()});
    }

    /// Meets every two runs that may be busy at once, unless a violation is known that theirs cannot precede:
    /// in the first cycle of a run the one that is named is that run or a greater one.
    void check_pairs(MeetingIndex& holds) {
        for (const IntervalIndex::Entry& entry : holds.entries()) {
            const QueueRun& next = *holds_[entry.payload].run;
            if (first_ && std::tuple(entry.first, ViolationClass::ResourceBusy, next.use.queue, next.run) >=
                              std::tuple(first_->tau, first_->kind, first_->queue, first_->run)) {
                continue;
            }
            const Hold& hold = holds_[entry.payload];
            const auto busy_of = [&](std::size_t at) { return holds_[at].busy; };
            holds.for_each_candidate(entry.first, entry.first, hold.busy, busy_of, [&](std::size_t at) {
                if (std::pair(holds_[at].busy.first(), at) < std::pair(entry.first, entry.payload))
                    check_pair(holds_[at], hold);
            });
        }
    }

    void check_pair(const Hold& a, const Hold& b) {
        const auto tau = first_common(a.busy, b.busy);
        if (!tau)
            return;
        const auto key = [&](const Hold& hold) {
            const std::int64_t repeat = hold.repeat_at(*tau);
            return std::tuple(hold.busy.at(repeat * hold.cycles), hold.run->use.queue, hold.run->run, repeat);
        };
        const bool a_named = key(a) > key(b);
        const Hold& named = a_named ? a : b;
        const Hold& other = a_named ? b : a;
        ScheduleViolation broken =
            named.run->violation(ViolationClass::ResourceBusy, *tau, named.repeat_at(*tau));
        name_other(broken, *other.run, other.repeat_at(*tau));
        keep_first(first_, broken);
    }

    std::vector<Hold> holds_;
    std::vector<Resource> arrays_; ///< by plane
    std::vector<Resource> links_;  ///< by link
    std::optional<ScheduleViolation> first_;
};

} // namespace

std::optional<ScheduleViolation> check_holds(const Program& program, const std::vector<QueueRun>& runs,
                                             const ChipSpec& spec) {
    return HoldChecker(program, runs, spec).check();
}

} // namespace lpusim::chip
