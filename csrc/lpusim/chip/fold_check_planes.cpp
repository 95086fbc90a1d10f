#include "lpusim/chip/fold_checks.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

namespace lpusim::chip {
namespace {

/// The weight columns of a shadow buffer that wait for an install.
class ColumnSet {
  public:
    explicit ColumnSet(std::int64_t lanes) : words_(static_cast<std::size_t>((lanes + 63) / 64)) {}

    void clear() { std::fill(words_.begin(), words_.end(), 0); }

    /// Is one of the columns first .. first + count - 1 there?
    [[nodiscard]] bool any(std::int64_t first, std::int64_t count) const {
        bool found = false;
        for_words(first, count,
                  [&](std::size_t word, std::uint64_t mask) { found = found || (words_[word] & mask) != 0; });
        return found;
    }

    void add(std::int64_t first, std::int64_t count) {
        for_words(first, count, [&](std::size_t word, std::uint64_t mask) { words_[word] |= mask; });
    }

  private:
    template <class Visit>
    static void for_words(std::int64_t first, std::int64_t count, const Visit& visit) {
        const std::int64_t end = first + count;
        while (first < end) {
            const std::int64_t bit = first % 64;
            const std::int64_t taken = std::min(end - first, 64 - bit);
            visit(static_cast<std::size_t>(first / 64),
                  (~std::uint64_t{0} >> static_cast<unsigned>(64 - taken)) << static_cast<unsigned>(bit));
            first += taken;
        }
    }

    std::vector<std::uint64_t> words_;
};

/// Rule 15 for one plane; weights are loaded and installed by one queue, in order.
class PlaneChecker {
  public:
    explicit PlaneChecker(const ChipSpec& spec) : lanes_(spec.lanes()), awaiting_(lanes_) {}

    void load(const QueueRun& run, const InstructionRun& what, std::optional<ScheduleViolation>& first) {
        if (broken_)
            return;
        const PlaneUse& use = *run.use.plane;
        const AffineAddress column(what, use.index, AffineAddress::Side::Read);
        const std::int64_t count = run.issue.size();
        if (add_row(run, what, column)) {
            any_loaded_ = true;
            loads_done_at_ = run.issue.last() + use.done_offset;
            return;
        }
        for (std::int64_t i = 0; i < count; ++i) {
            const std::int64_t tau = run.issue.at(i) + use.offset;
            const std::int64_t at = column.at(i);
            if (at < 0 || at + use.width > lanes_) { // AddressRange is reported elsewhere.
                broken_ = true;
                return;
            }
            const bool was_there = awaiting_.any(at, use.width);
            awaiting_.add(at, use.width);
            if (was_there || swap_at_ > tau) {
                ScheduleViolation busy = run.violation(ViolationClass::ShadowBusy, tau, i);
                busy.address = at;
                keep_first(first, busy);
                broken_ = true;
                return;
            }
        }
        any_loaded_ = true;
        loads_done_at_ = run.issue.last() + use.done_offset;
    }

    void install(const QueueRun& run, std::optional<ScheduleViolation>& first) {
        if (broken_)
            return;
        const PlaneUse& use = *run.use.plane;
        const std::int64_t tau = run.issue.first() + use.offset;
        if (!any_loaded_ || loads_done_at_ > tau) {
            keep_first(first, run.violation(ViolationClass::LoadsUnfinished, tau, 0));
            broken_ = true;
        } else if (run.issue.size() > 1) { // Nothing is loaded between two repeats.
            keep_first(first,
                       run.violation(ViolationClass::LoadsUnfinished, run.issue.at(1) + use.offset, 1));
            broken_ = true;
        }
        any_loaded_ = false;
        awaiting_.clear();
        swap_at_ = run.issue.first() + use.done_offset;
        active_from_ = std::min(active_from_, swap_at_);
    }

    void activate(const QueueRun& run, std::optional<ScheduleViolation>& first) const {
        const std::int64_t tau = run.issue.first() + run.use.plane->offset;
        if (tau < active_from_)
            keep_first(first, run.violation(ViolationClass::WeightsMissing, tau, 0));
    }

  private:
    /// Adds a run that fills one contiguous row of free columns as a whole; false if it is not one.
    bool add_row(const QueueRun& run, const InstructionRun& what, const AffineAddress& column) {
        const PlaneUse& use = *run.use.plane;
        if (run.issue.rank() > 1 || swap_at_ > run.issue.first() + use.offset)
            return false;
        for (const Level& level : what.repeat) {
            if (level.count > 1 && std::abs(level.address_stride) != use.width)
                return false;
        }
        const auto [least, greatest] = column.range();
        if (least < 0 || greatest + use.width > lanes_ ||
            awaiting_.any(least, greatest + use.width - least)) {
            return false;
        }
        awaiting_.add(least, greatest + use.width - least);
        return true;
    }

    std::int64_t lanes_;
    ColumnSet awaiting_;
    bool any_loaded_ = false;
    /// An error was found; what follows it on this plane is later.
    bool broken_ = false;
    std::int64_t loads_done_at_ = 0;
    std::int64_t swap_at_ = -1;
    std::int64_t active_from_ = std::numeric_limits<std::int64_t>::max();
};

} // namespace

std::optional<ScheduleViolation> check_planes(const Program& program, const std::vector<QueueRun>& runs,
                                              const ChipSpec& spec) {
    std::vector<PlaneChecker> planes(static_cast<std::size_t>(spec.mxm_planes()), PlaneChecker(spec));
    std::optional<ScheduleViolation> first;
    const auto for_each = [&](auto&& visit) {
        for (const QueueRun& run : runs) {
            if (run.use.plane)
                visit(run, planes[static_cast<std::size_t>(run.use.plane->plane)]);
        }
    };
    for_each([&](const QueueRun& run, PlaneChecker& plane) {
        if (run.use.plane->kind == PlaneUse::Kind::Load) {
            plane.load(run, program.runs[static_cast<std::size_t>(run.run)], first);
        } else if (run.use.plane->kind == PlaneUse::Kind::Install) {
            plane.install(run, first);
        }
    });
    for_each([&](const QueueRun& run, PlaneChecker& plane) {
        if (run.use.plane->kind == PlaneUse::Kind::Activate)
            plane.activate(run, first);
    });
    return first;
}

} // namespace lpusim::chip
