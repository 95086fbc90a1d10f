#include <algorithm>
#include <utility>

#include "lpusim/chip/fold/checks.h"
#include "lpusim/chip/fold/meetings.h"

namespace lpusim::chip {
namespace {

class QueueChecker {
  public:
    QueueChecker(const Program& program, const std::vector<QueueRun>& runs, const ChipSpec& spec)
        : runs_(runs), numbers_(spec, program.chips), releases_(program, spec) {}

    std::optional<ScheduleViolation> check() {
        std::vector<std::vector<std::size_t>> queues(numbers_.count());
        for (std::size_t index = 0; index < runs_.size(); ++index)
            queues[numbers_.of(runs_[index].use.queue)].push_back(index);
        for (const std::vector<std::size_t>& queue : queues) {
            MeetingIndex times;
            for (const std::size_t index : queue)
                times.add(runs_[index].issue, index);
            times.build();
            check_pairs(times);
            check_parks(times);
        }
        return first_;
    }

  private:
    /// Meets every two runs that may issue at once, unless a violation is known that theirs cannot precede.
    void check_pairs(MeetingIndex& times) {
        for (const IntervalIndex::Entry& entry : times.entries()) {
            const QueueRun& next = runs_[entry.payload];
            if (first_ && std::tuple(entry.first, ViolationClass::QueueBusy, next.use.queue, next.run) >=
                              std::tuple(first_->tau, first_->kind, first_->queue, first_->run)) {
                continue;
            }
            const auto issues_of = [&](std::size_t at) { return runs_[at].issue; };
            times.for_each_candidate(entry.first, entry.first, next.issue, issues_of, [&](std::size_t at) {
                if (std::pair(runs_[at].issue.first(), at) < std::pair(entry.first, entry.payload))
                    check_pair(runs_[std::min(at, entry.payload)], runs_[std::max(at, entry.payload)]);
            });
        }
    }

    void check_pair(const QueueRun& lesser, const QueueRun& greater) {
        const auto tau = first_common(lesser.issue, greater.issue);
        if (!tau)
            return;
        ScheduleViolation busy =
            greater.violation(ViolationClass::QueueBusy, *tau, *greater.issue.find(*tau));
        name_other(busy, lesser, *lesser.issue.find(*tau));
        keep_first(first_, busy);
    }

    void check_parks(const MeetingIndex& times) {
        for (const IntervalIndex::Entry& entry : times.entries()) {
            const QueueRun& parking = runs_[entry.payload];
            if (!parks(parking.use.barrier))
                continue;
            if (first_ && first_->tau < entry.first)
                return; // Nothing from here on is as early.
            const auto released = releases_.after(parking.use);
            if (!released) {
                keep_first(first_, parking.violation(ViolationClass::SyncLost, entry.first, 0));
                continue;
            }
            if (first_ && first_->tau <= entry.first)
                continue; // What is parked comes later than this.
            const std::int64_t free_at = *released;
            times.for_each_touching(entry.first + 1, free_at - 1, [&](std::size_t index) {
                const QueueRun& run = runs_[index];
                const std::int64_t repeat = run.issue.index_from(entry.first + 1);
                const std::int64_t tau = run.issue.at(repeat);
                if (tau >= free_at)
                    return;
                ScheduleViolation parked = run.violation(ViolationClass::QueueParked, tau, repeat);
                name_other(parked, parking, 0);
                keep_first(first_, parked);
            });
        }
    }

    const std::vector<QueueRun>& runs_;
    QueueNumbers numbers_;
    Releases releases_;
    std::optional<ScheduleViolation> first_;
};

} // namespace

std::optional<ScheduleViolation> check_queues(const Program& program, const std::vector<QueueRun>& runs,
                                              const ChipSpec& spec) {
    return QueueChecker(program, runs, spec).check();
}

} // namespace lpusim::chip
