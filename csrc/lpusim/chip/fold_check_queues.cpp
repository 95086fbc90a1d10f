#include "lpusim/chip/fold_checks.h"

#include <algorithm>

namespace lpusim::chip {
std::optional<ScheduleViolation> check_queues(const std::vector<QueueRun>& runs, const ChipSpec& spec) {
    struct Tail {
        std::int64_t last_issue = -1;
        std::int64_t parked_until = 0;
        const QueueRun* parking = nullptr;
    };
    std::vector<std::int64_t> notifies;
    for (const QueueRun& run : runs) {
        if (run.use.barrier == BarrierRole::Notify)
            notifies.push_back(run.use.issue);
    }
    std::sort(notifies.begin(), notifies.end());

    const QueueNumbers numbers(spec);
    std::vector<Tail> tails(numbers.count());
    std::optional<ScheduleViolation> first;
    for (const QueueRun& run : runs) {
        Tail& tail = tails[numbers.of(run.use.queue)];
        const std::int64_t start = run.issue.first();
        if (tail.last_issue >= start) {
            keep_first(first, run.violation(ViolationClass::QueueOrder, start, 0));
        } else if (tail.parked_until > start) {
            ScheduleViolation broken = run.violation(ViolationClass::QueueParked, start, 0);
            name_other(broken, *tail.parking, 0);
            keep_first(first, broken);
        }
        tail.last_issue = std::max(tail.last_issue, run.issue.last());
        tail.parked_until = 0;
        if (run.use.barrier == BarrierRole::Sync) {
            const auto notify = std::lower_bound(notifies.begin(), notifies.end(), start);
            if (notify == notifies.end()) {
                keep_first(first, run.violation(ViolationClass::SyncLost, start, 0));
            } else {
                tail.parked_until = *notify + spec.sync_latency_cycles;
                tail.parking = &run;
            }
        }
    }
    if (first && first->kind == ViolationClass::QueueOrder) {
        const auto other = std::find_if(runs.begin(), runs.end(), [&](const QueueRun& earlier) {
            return earlier.use.queue == first->queue && earlier.issue.last() >= first->tau;
        });
        name_other(*first, *other, other->issue.size() - 1);
    }
    return first;
}

} // namespace lpusim::chip
