#include <algorithm>
#include <vector>

#include "lpusim/net/crowd.h"
#include "lpusim/net/place_rules.h"
#include "lpusim/net/run_lines.h"

namespace lpusim::net {
namespace {

class Chips {
  public:
    Chips(const Topology& topology, const Timetable& timetable, const LinkTable& links,
          const RunsByTransfer& by_transfer, const RunsByLink& by_link, const ChipPorts& ports,
          std::int64_t last_cycle)
        : topology_(topology), timetable_(timetable), links_(links), by_transfer_(by_transfer),
          by_link_(by_link), ports_(ports), last_cycle_(last_cycle) {}

    [[nodiscard]] std::optional<Violation> search() {
        const std::int64_t transit_vectors = ports_.transit_bytes / topology_.link().vector_bytes;
        const std::vector<std::int64_t> relayed = count_relayed();
        for (std::int32_t chip = 0; chip < topology_.chip_count(); ++chip) {
            // A legal link starts one vector a cycle, holds one, and brings one.
            std::int64_t links = 0;
            for (const Bundle& bundle : topology_.bundles_from(chip))
                links += bundle.width;
            if (links > ports_.out_vectors_per_cycle)
                check(chip, Rule::streams_out, ports_.out_vectors_per_cycle);
            if (links > ports_.in_vectors_per_cycle)
                check(chip, Rule::streams_in, ports_.in_vectors_per_cycle);
            if (links > ports_.links_fed)
                check(chip, Rule::links_fed, ports_.links_fed);
            if (relayed[static_cast<std::size_t>(chip)] > transit_vectors)
                check(chip, Rule::transit_memory, transit_vectors);
        }
        return first_;
    }

  private:
    [[nodiscard]] bool is_relayed(const Run& run) const {
        return run.hop + 1 < by_transfer_.hop_count(run.transfer);
    }

    [[nodiscard]] std::vector<std::int64_t> count_relayed() const {
        std::vector<std::int64_t> relayed(static_cast<std::size_t>(topology_.chip_count()), 0);
        for (const Run& run : timetable_.runs) {
            if (is_relayed(run)) {
                std::int64_t& count = relayed[static_cast<std::size_t>(links_.to(run.link))];
                count += std::min(run.vector_count, Violation::kNever - count); // Never beyond what fits.
            }
        }
        return relayed;
    }

    template <class Visit>
    void for_leaving(std::int32_t chip, const Visit& visit) const {
        for (const Bundle& bundle : topology_.bundles_from(chip)) {
            for (std::int32_t k = 0; k < bundle.width; ++k) {
                for (const std::uint32_t row : by_link_.of(bundle.first_link + k))
                    visit(timetable_.runs[row]);
            }
        }
    }
    template <class Visit>
    void for_entering(std::int32_t chip, const Visit& visit) const {
        for (const Bundle& bundle : topology_.bundles_from(chip)) {
            const Bundle& back = topology_.bundles()[static_cast<std::size_t>(bundle.reverse)];
            for (std::int32_t k = 0; k < back.width; ++k) {
                for (const std::uint32_t row : by_link_.of(back.first_link + k))
                    visit(timetable_.runs[row]);
            }
        }
    }

    void check(std::int32_t chip, Rule rule, std::int64_t limit) {
        steps_.clear();
        const auto add = [&](const Run& run, std::int64_t later_cycles, std::int64_t delta) {
            const std::int64_t count = vectors_until(run, last_cycle_).count;
            if (count > 0)
                steps_.push_back({run.start_cycle + later_cycles, run.period_cycles, count, delta});
        };
        const auto add_stay = [&](const Run& run, std::int64_t from, std::int64_t until) {
            add(run, from, 1);
            add(run, until, -1);
        };
        switch (rule) {
        case Rule::streams_out:
            for_leaving(chip, [&](const Run& run) { add_stay(run, 0, 1); });
            break;
        case Rule::streams_in:
            for_entering(chip, [&](const Run& run) {
                add_stay(run, links_.hop_cycles(run.link), links_.hop_cycles(run.link) + 1);
            });
            break;
        case Rule::links_fed:
            for_leaving(chip, [&](const Run& run) { add_stay(run, 0, links_.vector_cycles(run.link)); });
            break;
        default:
            for_entering(chip, [&](const Run& run) {
                if (is_relayed(run))
                    add(run, links_.hop_cycles(run.link), 1);
            });
            for_leaving(chip, [&](const Run& run) {
                if (run.hop > 0)
                    add(run, 0, -1);
            });
        }
        if (const auto cycle = first_cycle_above(steps_, limit, last_cycle_))
            note(chip, rule, limit, *cycle);
    }

    void note(std::int32_t chip, Rule rule, std::int64_t limit, std::int64_t cycle) {
        const Run& run = one_too_many(chip, rule, limit, cycle);
        const std::int64_t start = cycle - (brings(rule) ? links_.hop_cycles(run.link) : 0);
        const Violation seen{.cycle = cycle,
                             .rule = rule,
                             .place = chip,
                             .link = run.link,
                             .transfer = run.transfer,
                             .hop = run.hop,
                             .vector = *vector_starting(run, start)};
        if (!first_ || seen < *first_)
            first_ = seen;
        last_cycle_ = std::min(last_cycle_, cycle);
    }

    [[nodiscard]] static bool brings(Rule rule) {
        return rule == Rule::streams_in || rule == Rule::transit_memory;
    }

    /// In order of links, the slot with which the chip has too many; for transit_memory the last that
    /// arrives.
    [[nodiscard]] const Run& one_too_many(std::int32_t chip, Rule rule, std::int64_t limit,
                                          std::int64_t cycle) const {
        std::vector<const Run*> now;
        std::int64_t held = 0;
        const auto visit = [&](const Run& run) {
            const std::int64_t start = cycle - (brings(rule) ? links_.hop_cycles(run.link) : 0);
            if (vector_starting(run, start)) {
                if (rule != Rule::transit_memory || is_relayed(run))
                    now.push_back(&run);
            } else if (rule == Rule::links_fed) {
                const Line begun = vectors_until(run, cycle);
                held +=
                    begun.count > 0 && start_of(run, begun.last()) + links_.vector_cycles(run.link) > cycle;
            }
        };
        if (brings(rule)) {
            for_entering(chip, visit);
        } else {
            for_leaving(chip, visit);
        }
        std::ranges::sort(now, {}, [](const Run* run) { return run->link; });
        return rule == Rule::transit_memory ? *now.back() : *now[static_cast<std::size_t>(limit - held)];
    }

    const Topology& topology_;
    const Timetable& timetable_;
    const LinkTable& links_;
    const RunsByTransfer& by_transfer_;
    const RunsByLink& by_link_;
    const ChipPorts& ports_;
    std::int64_t last_cycle_;
    std::vector<Steps> steps_;
    std::optional<Violation> first_;
};

} // namespace

std::optional<Violation> first_crowded_chip(const Topology& topology, const Timetable& timetable,
                                            const LinkTable& links, const RunsByTransfer& by_transfer,
                                            const RunsByLink& by_link, const ChipPorts& ports,
                                            std::int64_t last_cycle) {
    return Chips(topology, timetable, links, by_transfer, by_link, ports, last_cycle).search();
}

} // namespace lpusim::net
