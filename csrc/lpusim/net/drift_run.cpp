#include "lpusim/net/drift_run.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/net/jitter.h"
#include "lpusim/net/link_table.h"
#include "lpusim/net/run_groups.h"
#include "lpusim/net/verify.h"

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

/// A link that the timetable uses, and when: the first slot of the first time round, and the last of the
/// last.
struct UsedLink {
    std::int64_t link = 0;
    std::int32_t from = 0;
    std::int32_t to = 0;
    std::int64_t hop_cycles = 0;
    std::int64_t first_cycle = 0;
    std::int64_t last_cycle = 0;
};

class Clocks {
  public:
    Clocks(const Topology& topology, const Timetable& timetable, const ClockSpec& clock,
           const DriftOptions& options)
        : timetable_(timetable), clock_(clock), margin_cycles_(options.margin_cycles),
          tree_(grow_sync_tree(topology, options.root)), jitter_(clock, options.seed),
          by_link_(timetable, topology.directed_link_count()),
          length_cycles_(verify(topology, timetable).cycles) {
        check(options);
        result_.interval_count = options.interval_count;
        result_.resync_cycles = resync_cycles(clock, tree_);
        interval_cycles_ = clock.resync_interval_cycles + result_.resync_cycles;
        result_.iterations_per_interval =
            length_cycles_ == 0 ? 0 : clock.resync_interval_cycles / length_cycles_;
        if (length_cycles_ > 0 && result_.iterations_per_interval == 0) {
            throw ValueError("a timetable of " + std::to_string(length_cycles_) +
                             " cycles does not end within resync_interval_cycles = " +
                             std::to_string(clock.resync_interval_cycles));
        }
        result_.spare_nanocycles_min = std::numeric_limits<std::int64_t>::max();
        result_.exchange_min_cycles = std::numeric_limits<std::int64_t>::max();
        set_rates(topology, options);
        list_links(topology);
    }

    [[nodiscard]] DriftRun run() {
        for (interval_ = 0; interval_ < result_.interval_count && !result_.first_missed; ++interval_) {
            resynchronise();
            for (const UsedLink& used : links_)
                check_link(used);
            result_.vector_count += slots_per_iteration_ * result_.iterations_per_interval;
            // Until the end of the next wait, as the counters are compared then.
            for (std::size_t chip = 0; chip < late_.size(); ++chip)
                late_[chip] += rate_ppb_[chip] * interval_cycles_;
        }
        finish();
        return result_;
    }

  private:
    void check(const DriftOptions& options) const {
        const auto require = [](const char* what, std::int64_t value, std::int64_t min, std::int64_t max) {
            if (value < min || value > max) {
                throw ValueError(std::string(what) + " must be from " + std::to_string(min) + " to " +
                                 std::to_string(max) + ", got " + std::to_string(value));
            }
        };
        require("interval_count", options.interval_count, 1, 1'000'000'000);
        require("margin_cycles", options.margin_cycles, 0, 1'000'000);
        if (!options.drift_ppb.empty() && options.drift_ppb.size() != tree_.parent.size()) {
            throw ValueError("drift_ppb must have one entry a chip, " + std::to_string(tree_.parent.size()) +
                             ", got " + std::to_string(options.drift_ppb.size()));
        }
        for (std::size_t chip = 0; chip < options.drift_ppb.size(); ++chip) {
            require(("drift_ppb[" + std::to_string(chip) + "]").c_str(), options.drift_ppb[chip],
                    -clock_.drift_ppb_max, clock_.drift_ppb_max);
        }
    }

    /// Billionths of a root cycle by which a chip falls behind in a cycle.
    void set_rates(const Topology& topology, const DriftOptions& options) {
        const auto drift_ppb = [&](std::int32_t chip) {
            return options.drift_ppb.empty() ? drawn_drift_ppb(clock_, options.seed, chip)
                                             : options.drift_ppb[at(chip)];
        };
        for (std::int32_t chip = 0; chip < topology.chip_count(); ++chip)
            rate_ppb_.push_back(drift_ppb(tree_.root) - drift_ppb(chip));
        late_.assign(rate_ppb_.size(), 0);
    }

    void list_links(const Topology& topology) {
        const LinkTable table(topology);
        for (std::int64_t link = 0; link < by_link_.link_count(); ++link) {
            const auto rows = by_link_.of(link);
            if (rows.empty())
                continue;
            UsedLink used{link,
                          table.from(link),
                          table.to(link),
                          table.hop_cycles(link),
                          timetable_.runs[rows.front()].start_cycle,
                          0};
            for (const std::uint32_t row : rows) {
                used.last_cycle = std::max(used.last_cycle, timetable_.runs[row].last_cycle());
                slots_per_iteration_ = checked_add(slots_per_iteration_, timetable_.runs[row].vector_count);
            }
            if (used.hop_cycles <= margin_cycles_) {
                throw ValueError("margin_cycles of " + std::to_string(margin_cycles_) + " is all of the " +
                                 std::to_string(used.hop_cycles) + " hop_cycles of link " +
                                 std::to_string(link) + "; the margin is a part of them");
            }
            used.last_cycle += (result_.iterations_per_interval - 1) * length_cycles_;
            links_.push_back(used);
        }
        (void)checked_multiply(slots_per_iteration_,
                               result_.iterations_per_interval * result_.interval_count);
    }

    /// Hardware counters follow their parents', then programs their own counters.
    void resynchronise() {
        for (const std::int32_t chip : tree_.order) {
            std::int64_t counter_late = 0;
            if (chip != tree_.root) {
                const std::int64_t jitter = jitter_.of_exchange(chip, interval_);
                count_exchange(clock_.latency_cycles + jitter);
                // late_ of the parent is its counter's by now. The child hears at its own next edge.
                counter_late = late_[at(tree_.parent[at(chip)])] + jitter * kNanocycles;
                const std::int64_t edge = late_[at(chip)] - counter_late;
                counter_late += edge - div_floor(edge, kNanocycles) * kNanocycles;
            }
            if (interval_ == 0) {
                // Programs begin by DESKEW, at an epoch of their counter.
                late_[at(chip)] = counter_late;
                continue;
            }
            const std::int64_t sac = interval_ * interval_cycles_;
            const std::int64_t hac = sac - (counter_late - late_[at(chip)]) / kNanocycles;
            const std::int64_t wait = runtime_deskew_cycles(result_.resync_cycles, sac % clock_.epoch_cycles,
                                                            hac, clock_.epoch_cycles);
            late_[at(chip)] += (wait - result_.resync_cycles) * kNanocycles;
        }
    }

    void count_exchange(std::int64_t latency_cycles) {
        const std::int64_t off = latency_cycles - clock_.latency_cycles;
        ++result_.exchange_count;
        exchange_off_ += off;
        exchange_off_squared_ += off * off;
        result_.exchange_min_cycles = std::min(result_.exchange_min_cycles, latency_cycles);
        result_.exchange_max_cycles = std::max(result_.exchange_max_cycles, latency_cycles);
    }

    /// How much later than expected a vector without jitter is, seen by its receiver.
    [[nodiscard]] std::int64_t skew(const UsedLink& used, std::int64_t cycle) const {
        return late_[at(used.from)] - late_[at(used.to)] + rate_ppb_[at(used.from)] * cycle -
               rate_ppb_[at(used.to)] * (cycle + used.hop_cycles);
    }

    void check_link(const UsedLink& used) {
        // Skew is a straight line in time: its extremes are at the ends.
        const std::int64_t first = skew(used, used.first_cycle), last = skew(used, used.last_cycle);
        const std::int64_t least = std::min(first, last), most = std::max(first, last);
        const std::int64_t margin = margin_cycles_ * kNanocycles;
        const std::int64_t spare = margin - most - clock_.jitter_late_cycles * kNanocycles;
        const std::int64_t wait = margin - least + clock_.jitter_early_cycles * kNanocycles;
        result_.skew_nanocycles_max = std::max(result_.skew_nanocycles_max, most);
        result_.spare_nanocycles_min = std::min(result_.spare_nanocycles_min, spare);
        result_.wait_nanocycles_max = std::max(result_.wait_nanocycles_max, wait);
        if (spare < 0 || wait > clock_.hold_cycles * kNanocycles)
            look_at_vectors(used);
    }

    void look_at_vectors(const UsedLink& used) {
        for (std::int64_t iteration = 0; iteration < result_.iterations_per_interval; ++iteration) {
            const std::int64_t begin = iteration * length_cycles_;
            bool is_found = false;
            for (const std::uint32_t row : by_link_.of(used.link)) {
                const Run& run = timetable_.runs[row];
                for (std::int64_t i = 0; i < run.vector_count; ++i) {
                    const std::int64_t cycle = begin + run.start_cycle + i * run.period_cycles;
                    const auto& first = result_.first_missed;
                    if (first && cycle + used.hop_cycles > first->cycle)
                        break;
                    const std::int64_t late = late_by(used, cycle);
                    if (late <= 0 && -late <= clock_.hold_cycles * kNanocycles)
                        continue;
                    const MissedVector missed{.interval = interval_,
                                              .iteration = iteration,
                                              .cycle = cycle + used.hop_cycles,
                                              .link = used.link,
                                              .transfer = run.transfer,
                                              .hop = run.hop,
                                              .vector = run.first_vector + i * run.vector_step,
                                              .late_nanocycles = late};
                    if (!first || by_time(missed) < by_time(*first))
                        result_.first_missed = missed;
                    is_found = true;
                    break;
                }
            }
            if (is_found)
                return;
        }
    }

    [[nodiscard]] static std::pair<std::int64_t, std::int64_t> by_time(const MissedVector& missed) {
        return {missed.cycle, missed.link};
    }

    /// How long after it is taken the vector of a slot arrives.
    [[nodiscard]] std::int64_t late_by(const UsedLink& used, std::int64_t cycle) const {
        const std::int64_t jitter = jitter_.of_vector(used.link, interval_ * interval_cycles_ + cycle);
        return skew(used, cycle) + (jitter - margin_cycles_) * kNanocycles;
    }

    void finish() {
        if (links_.empty())
            result_.spare_nanocycles_min = margin_cycles_ * kNanocycles;
        result_.interval_count = interval_;
        if (result_.exchange_count == 0) {
            result_.exchange_min_cycles = 0;
            return;
        }
        const auto count = static_cast<double>(result_.exchange_count);
        const double mean = static_cast<double>(exchange_off_) / count;
        result_.exchange_mean_cycles = static_cast<double>(clock_.latency_cycles) + mean;
        result_.exchange_sigma_cycles =
            std::sqrt(static_cast<double>(exchange_off_squared_) / count - mean * mean);
    }

    const Timetable& timetable_;
    const ClockSpec& clock_;
    std::int64_t margin_cycles_;
    SyncTree tree_;
    Jitter jitter_;
    RunsByLink by_link_;
    std::int64_t length_cycles_;
    /// Traffic and the wait after it.
    std::int64_t interval_cycles_ = 0;
    std::vector<UsedLink> links_;
    std::int64_t slots_per_iteration_ = 0;
    std::vector<std::int64_t> rate_ppb_;
    /// By chip: how much later than the root's its program runs, in billionths of a cycle.
    std::vector<std::int64_t> late_;
    std::int64_t interval_ = 0;
    std::int64_t exchange_off_ = 0;
    std::int64_t exchange_off_squared_ = 0;
    DriftRun result_;
};

[[nodiscard]] std::string cycles_text(std::int64_t nanocycles) {
    const std::int64_t thousandths = div_ceil(nanocycles, kNanocycles / 1000);
    std::string part = std::to_string(thousandths % 1000);
    return std::to_string(thousandths / 1000) + "." + std::string(3 - part.size(), '0') + part + " cycles";
}

} // namespace

DriftRun run_drift(const Topology& topology, const Timetable& timetable, const ClockSpec& clock,
                   const DriftOptions& options) {
    validate(clock);
    return Clocks(topology, timetable, clock, options).run();
}

std::string missed_text(const Topology& topology, const Timetable& timetable, const ClockSpec& clock,
                        const MissedVector& missed) {
    const Transfer& transfer = timetable.transfers[at(missed.transfer)];
    const Bundle& bundle = topology.bundle_of_link(static_cast<std::int32_t>(missed.link));
    const std::string vector = "vector " + std::to_string(missed.vector) + " of transfer " +
                               std::to_string(missed.transfer) + " (chip " + std::to_string(transfer.source) +
                               " to chip " + std::to_string(transfer.target) + ")";
    const std::string place =
        " on link " + std::to_string(missed.link) + " (chip " + std::to_string(bundle.from) + " to chip " +
        std::to_string(bundle.to) + "), taken at cycle " + std::to_string(missed.cycle) + " of interval " +
        std::to_string(missed.interval) + " in iteration " + std::to_string(missed.iteration);
    if (missed.late_nanocycles > 0)
        return vector + " arrives " + cycles_text(missed.late_nanocycles) + " late" + place;
    return vector + " arrives " + cycles_text(-missed.late_nanocycles) + " early" + place +
           ", and can be held for " + std::to_string(clock.hold_cycles) + " cycles";
}

} // namespace lpusim::net
