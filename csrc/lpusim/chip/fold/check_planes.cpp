#include <algorithm>
#include <cstdlib>
#include <limits>
#include <span>

#include "lpusim/chip/fold/checks.h"
#include "lpusim/chip/fold/shadow.h"

namespace lpusim::chip {
namespace {

/// A load or install run, or some of its instances.
struct Events {
    const QueueRun* run = nullptr;
    const InstructionRun* what = nullptr;
    Progression times;

    [[nodiscard]] const PlaneUse& use() const { return *run->use.plane; }
    [[nodiscard]] bool loads() const { return use().kind == PlaneUse::Kind::Load; }
    [[nodiscard]] std::int64_t repeat(std::int64_t tau) const { return *run->issue.find(tau - use().offset); }
    [[nodiscard]] std::int64_t column(std::int64_t tau) const {
        return AffineAddress(*what, use().index, AffineAddress::Side::Read).at(repeat(tau));
    }
    [[nodiscard]] Events at(const Progression& some) const { return {run, what, some}; }
};

/// Events seen through windows of one period each: `block` in window `first`, and again in each of the
/// `count` - 1 windows after it. Uneven: periods that do not divide the window; block holds them all.
struct Part {
    Events block;
    std::int64_t first = 0;
    std::int64_t count = 1;
    std::int64_t column_step = 0; ///< from one window to the next
    bool uneven = false;

    [[nodiscard]] std::int64_t end() const { return first + count; }
};

/// Rule 15 for the shadow buffer of one plane: its loads and installs in order of time.
///
/// Runs that overlap in time are cut into windows of their longest outermost period. Windows that hold the
/// same events repeat, and of those with an install only two are looked at. For an install empties the
/// buffer: after a window with an install, the state (relative to the window's start, and to its columns
/// where all loads move by the same distance a window) follows from the window's events alone, whatever was
/// before. So the second of equal windows starts from the state that the third starts from, and the fourth:
/// if it breaks no rule none of them does, and all end alike. The first window starts from another state and
/// is looked at by itself. What has no install, or loads that move differently, is followed window by window,
/// at most `lanes` of them: after that a column is loaded twice or lies outside. So are periods that do not
/// divide the longest one. Within a window the same goes for the next shorter period.
class ShadowChecker {
  public:
    ShadowChecker(const ChipSpec& spec, std::optional<ScheduleViolation>& first)
        : shadow_(spec.lanes()), first_(first) {}

    /// Events in order of their first cycle, which come after all that was checked before. Calls may go on
    /// after a violation; they do nothing.
    void check(std::span<const Events> all) {
        for (std::size_t begin = 0; begin < all.size() && !stopped_;) {
            std::int64_t last = all[begin].times.last();
            std::size_t end = begin + 1;
            for (; end < all.size() && all[end].times.first() <= last; ++end)
                last = std::max(last, all[end].times.last());
            check_overlapping(all.subspan(begin, end - begin));
            begin = end;
        }
    }

  private:
    void check_overlapping(std::span<const Events> all) {
        std::int64_t period = 0;
        for (const Events& each : all) {
            if (each.times.rank() > 0)
                period = std::max(period, each.times.level(0).stride);
        }
        if (period == 0) {
            for (const Events& each : all)
                happen(each);
        } else if (!load_rows(all)) {
            check_windows(all, period);
        }
    }

    // ---- single events

    void happen(const Events& event) {
        if (stopped_)
            return;
        const PlaneUse& use = event.use();
        const std::int64_t tau = event.times.first();
        if (event.loads()) {
            const std::int64_t column = event.column(tau);
            if (!shadow_.awaiting.in_range(column, use.width)) {
                stopped_ = true; // AddressRange is reported elsewhere.
            } else if (shadow_.swap_at > tau || shadow_.awaiting.any(column, use.width)) {
                break_rule(event, ViolationClass::ShadowBusy, column);
            } else {
                shadow_.awaiting.add(column, use.width);
                loaded_until(event);
            }
            return;
        }
        if (!shadow_.any_loaded || shadow_.loads_done_at > tau) {
            break_rule(event, ViolationClass::LoadsUnfinished, -1);
            return;
        }
        shadow_.any_loaded = false;
        shadow_.awaiting.clear();
        shadow_.swap_at = tau - use.offset + use.done_offset;
    }

    void loaded_until(const Events& loads) {
        const std::int64_t done = loads.times.last() - loads.use().offset + loads.use().done_offset;
        shadow_.loads_done_at = shadow_.any_loaded ? std::max(shadow_.loads_done_at, done) : done;
        shadow_.any_loaded = true;
    }

    void break_rule(const Events& event, ViolationClass kind, std::int64_t column) {
        const std::int64_t tau = event.times.first();
        ScheduleViolation broken = event.run->violation(kind, tau, event.repeat(tau));
        broken.address = column;
        keep_first(first_, broken);
        stopped_ = true;
    }

    /// Takes loads that each fill a contiguous row of free columns as wholes; false, and nothing done, if one
    /// does not.
    [[nodiscard]] bool load_rows(std::span<const Events> all) {
        const auto row_of = [&](const Events& loads) {
            const auto [stride, count] = loads.times.level(0);
            const std::int64_t from = loads.column(loads.times.first()),
                               to = loads.column(loads.times.last());
            const bool contiguous =
                loads.times.rank() == 1 &&
                std::abs(loads.column(loads.times.first() + stride) - from) == loads.use().width;
            return contiguous ? std::pair(std::min(from, to), std::abs(to - from) + loads.use().width)
                              : std::pair(std::int64_t{-1}, std::int64_t{0});
        };
        if (shadow_.swap_at > all.front().times.first())
            return false;
        ColumnSet awaiting = shadow_.awaiting;
        for (const Events& each : all) {
            if (!each.loads())
                return false;
            const auto [column, width] = each.times.rank() == 0
                                             ? std::pair(each.column(each.times.first()), each.use().width)
                                             : row_of(each);
            if (!awaiting.in_range(column, width) || awaiting.any(column, width))
                return false;
            awaiting.add(column, width);
        }
        shadow_.awaiting = std::move(awaiting);
        for (const Events& each : all)
            loaded_until(each);
        return true;
    }

    // ---- windows

    void check_windows(std::span<const Events> all, std::int64_t period) {
        const std::int64_t origin = all.front().times.first();
        const std::vector<Part> parts = cut(all, origin, period);
        std::vector<const Part*> open;
        std::vector<Events> now;
        std::size_t next = 0;
        std::int64_t unchanged_since = 0;
        for (std::int64_t window = 0; (next < parts.size() || !open.empty()) && !stopped_; ++window) {
            if (std::erase_if(open, [&](const Part* part) { return part->end() == window; }) > 0)
                unchanged_since = window;
            for (; next < parts.size() && parts[next].first == window; ++next) {
                open.push_back(&parts[next]);
                unchanged_since = window;
            }
            now.clear();
            for (const Part* part : open)
                look(*part, window, origin, period, now);
            std::sort(now.begin(), now.end(),
                      [](const Events& a, const Events& b) { return a.times.first() < b.times.first(); });
            check(now);
            if (stopped_ || window == unchanged_since || !settled(open))
                continue;
            std::int64_t change = next < parts.size() ? parts[next].first : open.front()->end();
            std::int64_t step = 0;
            for (const Part* part : open) {
                change = std::min(change, part->end());
                step = part->block.loads() ? part->column_step : step;
            }
            const std::int64_t skipped = change - 1 - window;
            if (!shadow_.move(skipped * period, skipped * step))
                stopped_ = true; // AddressRange is reported elsewhere.
            window += skipped;
        }
    }

    /// Do windows with these parts all end alike, once they do it for the second time?
    [[nodiscard]] static bool settled(const std::vector<const Part*>& open) {
        bool installs = false;
        const Part* load = nullptr;
        for (const Part* part : open) {
            if (part->uneven)
                return false;
            if (!part->block.loads()) {
                installs = true;
            } else if (load == nullptr) {
                load = part;
            } else if (load->column_step != part->column_step) {
                return false;
            }
        }
        return installs;
    }

    /// The events of `part` in one window.
    static void look(const Part& part, std::int64_t window, std::int64_t origin, std::int64_t period,
                     std::vector<Events>& now) {
        const Progression& block = part.block.times;
        if (!part.uneven) {
            now.push_back(part.block.at(block.shifted((window - part.first) * period)));
            return;
        }
        const std::int64_t begin = origin + window * period, end = begin + period;
        for (const Progression& late : split(block, begin).from) {
            for (const Progression& inside : split(late, end).below)
                now.push_back(part.block.at(inside));
        }
    }

    /// Every event in windows of one period, none across the end of one; in order of first window.
    [[nodiscard]] static std::vector<Part> cut(std::span<const Events> all, std::int64_t origin,
                                               std::int64_t period) {
        std::vector<Part> parts;
        // `block` spans less than a period and repeats with it.
        const auto place = [&](const Events& events, const Progression& block, std::int64_t count) {
            const std::int64_t window = (block.first() - origin) / period;
            const std::int64_t step = count > 1 && events.loads() ? events.column(block.first() + period) -
                                                                        events.column(block.first())
                                                                  : 0;
            const auto halves = split(block, origin + (window + 1) * period);
            for (const Progression& part : halves.below)
                parts.push_back({events.at(part), window, count, step, false});
            for (const Progression& part : halves.from)
                parts.push_back({events.at(part), window + 1, count, step, false});
        };
        for (const Events& events : all) {
            const Progression& times = events.times;
            if (times.span() < period) {
                place(events, times, 1);
                continue;
            }
            const auto [stride, count] = times.level(0);
            const std::int64_t group = period / stride;
            if (period % stride != 0) {
                const std::int64_t window = (times.first() - origin) / period;
                parts.push_back({events, window, (times.last() - origin) / period - window + 1, 0, true});
                continue;
            }
            place(events, times.blocks(0, group), count / group);
            if (count % group != 0)
                place(events, times.blocks(count - count % group, count % group), 1);
        }
        std::stable_sort(parts.begin(), parts.end(),
                         [](const Part& a, const Part& b) { return a.first < b.first; });
        return parts;
    }

    ShadowBuffer shadow_;
    std::optional<ScheduleViolation>& first_;
    bool stopped_ = false; ///< what follows an error on this plane is later
};

/// What is checked of one plane.
struct PlaneRuns {
    std::vector<std::size_t> changes; ///< loads and installs
    std::int64_t active_from = std::numeric_limits<std::int64_t>::max();
};

} // namespace

std::optional<ScheduleViolation> check_planes(const Program& program, const std::vector<QueueRun>& runs,
                                              const ChipSpec& spec) {
    std::optional<ScheduleViolation> first;
    std::vector<PlaneRuns> planes(static_cast<std::size_t>(program.chips * spec.mxm_planes()));
    const auto for_each = [&](auto&& visit) {
        for (std::size_t index = 0; index < runs.size(); ++index) {
            if (const auto& use = runs[index].use.plane)
                visit(index, *use, planes[static_cast<std::size_t>(use->plane)]);
        }
    };
    for_each([&](std::size_t index, const PlaneUse& use, PlaneRuns& plane) {
        if (use.kind == PlaneUse::Kind::Load || use.kind == PlaneUse::Kind::Install)
            plane.changes.push_back(index);
        if (use.kind == PlaneUse::Kind::Install)
            plane.active_from = std::min(plane.active_from, runs[index].issue.first() + use.done_offset);
    });
    for_each([&](std::size_t index, const PlaneUse& use, PlaneRuns& plane) {
        if (use.kind != PlaneUse::Kind::Activate)
            return;
        const PlaneRuns& last = (&plane)[use.width - 1];
        const std::int64_t tau = runs[index].issue.first() + use.offset;
        if (tau < std::max(plane.active_from, last.active_from))
            keep_first(first, runs[index].violation(ViolationClass::WeightsMissing, tau, 0));
    });
    for (PlaneRuns& plane : planes) {
        const auto first_tau = [&](std::size_t index) {
            return runs[index].issue.first() + runs[index].use.plane->offset;
        };
        std::stable_sort(plane.changes.begin(), plane.changes.end(),
                         [&](std::size_t a, std::size_t b) { return first_tau(a) < first_tau(b); });
        ShadowChecker checker(spec, first);
        std::vector<Events> overlapping;
        std::int64_t last = 0;
        for (const std::size_t index : plane.changes) {
            const QueueRun& run = runs[index];
            const Progression times = run.issue.shifted(run.use.plane->offset);
            if (!overlapping.empty() && times.first() > last) {
                checker.check(overlapping);
                overlapping.clear();
            }
            last = overlapping.empty() ? times.last() : std::max(last, times.last());
            overlapping.push_back({&run, &program.runs[static_cast<std::size_t>(run.run)], times});
        }
        checker.check(overlapping);
    }
    return first;
}

} // namespace lpusim::chip
