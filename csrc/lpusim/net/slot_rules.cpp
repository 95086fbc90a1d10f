#include "lpusim/net/slot_rules.h"

#include <algorithm>
#include <vector>

namespace lpusim::net {
namespace {

/// The least i < count with first + i * step < 0.
[[nodiscard]] std::optional<std::int64_t> first_negative(std::int64_t first, std::int64_t step,
                                                         std::int64_t count) {
    if (first < 0)
        return 0;
    if (count == 1 || step >= 0 || first / -step + 1 >= count)
        return std::nullopt;
    return first / -step + 1;
}

/// The first vector of `piece`, which both runs carry, that `leaving` starts before it has arrived.
[[nodiscard]] std::optional<std::int64_t> first_too_early(const Line& piece, const Run& leaving,
                                                          const Run& arriving, std::int64_t lag_cycles) {
    const std::int64_t spare = start_of(leaving, piece.first) - start_of(arriving, piece.first) - lag_cycles;
    const std::int64_t gain = piece.step / leaving.vector_step * leaving.period_cycles -
                              piece.step / arriving.vector_step * arriving.period_cycles;
    const auto place = first_negative(spare, gain, piece.count);
    return place ? std::optional(piece.first + *place * piece.step) : std::nullopt;
}

[[nodiscard]] const Transfer& transfer_of(const Timetable& timetable, std::int64_t index) {
    return timetable.transfers[static_cast<std::size_t>(index)];
}

} // namespace

void SlotRules::note(Rule rule, std::int64_t cycle, const Run& run, std::int64_t vector, std::int64_t other) {
    const Violation seen{.cycle = cycle,
                         .rule = rule,
                         .place = run.link,
                         .link = run.link,
                         .transfer = run.transfer,
                         .hop = run.hop,
                         .vector = vector,
                         .other_transfer = other};
    if (!first_ || seen < *first_)
        first_ = seen;
    bound_cycle_ = std::min(bound_cycle_, first_->cycle);
}

void SlotRules::check_alone() {
    for (std::size_t i = 0; i < timetable_.transfers.size(); ++i) {
        const auto transfer = static_cast<std::int64_t>(i);
        const std::int64_t hop_count = runs_.hop_count(transfer);
        for (std::int64_t hop = 0; hop < hop_count; ++hop) {
            const Rows carriers = runs_.hop(transfer, hop);
            for (const std::uint32_t row : carriers) {
                check_range(run(row));
                if (hop == 0)
                    check_first_hop(run(row));
                if (hop == hop_count - 1)
                    check_last_hop(run(row));
            }
            if (carriers.size() > 1)
                check_twice(carriers);
        }
    }
}

void SlotRules::check_range(const Run& run) {
    const Line has = vectors_of(transfer_of(timetable_, run.transfer));
    const Line carries = vectors_of(run);
    if (carries.first < has.first) {
        note(Rule::no_such_vector, run.start_cycle, run, carries.first);
    } else if (carries.last() > has.last()) {
        const std::int64_t inside =
            carries.first > has.last() ? 0 : (has.last() - carries.first) / carries.step + 1;
        const std::int64_t vector = carries.first + inside * carries.step;
        note(Rule::no_such_vector, start_of(run, vector), run, vector);
    }
}

void SlotRules::check_first_hop(const Run& run) {
    const Transfer& transfer = transfer_of(timetable_, run.transfer);
    if (links_.from(run.link) != transfer.source)
        note(Rule::wrong_chip, run.start_cycle, run, run.first_vector);
    const auto piece = common(vectors_of(run), vectors_of(transfer));
    if (!piece)
        return;
    const std::int64_t spare = start_of(run, piece->first) - release_of(transfer, piece->first);
    const std::int64_t gain =
        piece->step / run.vector_step * run.period_cycles - piece->step * transfer.release_period_cycles;
    if (const auto place = first_negative(spare, gain, piece->count)) {
        const std::int64_t vector = piece->first + *place * piece->step;
        note(Rule::before_release, start_of(run, vector), run, vector);
    }
}

void SlotRules::check_last_hop(const Run& run) {
    if (links_.to(run.link) != transfer_of(timetable_, run.transfer).target)
        note(Rule::wrong_target, run.start_cycle + links_.hop_cycles(run.link), run, run.first_vector);
}

/// Of two slots with the same vector the later one is at fault; in one cycle the one of the higher link.
void SlotRules::check_twice(Rows carriers) {
    std::vector<std::uint32_t> by_vector(carriers.begin(), carriers.end());
    std::ranges::sort(by_vector, {}, [&](std::uint32_t row) { return run(row).first_vector; });
    std::vector<std::uint32_t> open;
    for (const std::uint32_t row : by_vector) {
        std::erase_if(
            open, [&](std::uint32_t other) { return vectors_of(run(other)).last() < run(row).first_vector; });
        for (const std::uint32_t other : open) {
            const auto both = common(vectors_of(run(row)), vectors_of(run(other)));
            if (!both)
                continue;
            const auto order = [&](std::uint32_t index) {
                return std::pair(start_of(run(index), both->first), run(index).link);
            };
            const std::uint32_t later = order(row) < order(other) ? other : row;
            note(Rule::sent_twice, start_of(run(later), both->first), run(later), both->first);
        }
        open.push_back(row);
    }
}

void SlotRules::check_arrivals(std::int64_t bound_cycle) {
    bound_cycle_ = std::min(bound_cycle_, bound_cycle);
    for (std::size_t i = 0; i < timetable_.transfers.size(); ++i) {
        const auto transfer = static_cast<std::int64_t>(i);
        const std::int64_t hop_count = runs_.hop_count(transfer);
        for (std::int64_t hop = 1; hop < hop_count; ++hop) {
            const Rows arriving = runs_.hop(transfer, hop - 1);
            for (const std::uint32_t row : runs_.hop(transfer, hop)) {
                if (is_early_enough(run(row).start_cycle))
                    check_relay(run(row), arriving);
            }
        }
    }
    for (const Dependency& dependency : timetable_.dependencies) {
        if (runs_.hop_count(dependency.transfer) == 0)
            continue;
        for (const std::uint32_t row : runs_.hop(dependency.transfer, 0)) {
            if (is_early_enough(run(row).start_cycle))
                check_dependency(dependency, run(row));
        }
    }
}

void SlotRules::check_relay(const Run& leaving, Rows arriving) {
    const Line needed = vectors_until(leaving, bound_cycle_);
    std::vector<Line> brought;
    std::int64_t brought_count = 0;
    for (const std::uint32_t row : arriving) {
        // What starts in the cycle of the bound can arrive in none that matters.
        const auto piece = common(needed, vectors_until(run(row), bound_cycle_ - 1));
        if (!piece)
            continue;
        brought.push_back(*piece);
        brought_count += piece->count;
        const std::int64_t hop_cycles = links_.hop_cycles(run(row).link);
        if (links_.to(run(row).link) != links_.from(leaving.link)) {
            const std::int64_t leaves = start_of(leaving, piece->first);
            const bool is_there = start_of(run(row), piece->first) + hop_cycles <= leaves;
            note(is_there ? Rule::wrong_chip : Rule::not_arrived, leaves, leaving, piece->first);
        } else if (const auto early = first_too_early(*piece, leaving, run(row), hop_cycles)) {
            note(Rule::not_arrived, start_of(leaving, *early), leaving, *early);
        }
    }
    if (brought_count < needed.count) {
        const std::int64_t vector = *first_missing(needed, brought);
        note(Rule::not_arrived, start_of(leaving, vector), leaving, vector);
    }
}

void SlotRules::check_dependency(const Dependency& dependency, const Run& leaving) {
    const auto needed =
        common(vectors_until(leaving, bound_cycle_), vectors_of(transfer_of(timetable_, dependency.on)));
    if (!needed)
        return;
    std::vector<Line> brought;
    std::int64_t brought_count = 0;
    for (const std::uint32_t row : last_hop(dependency.on)) {
        const auto piece = common(*needed, vectors_until(run(row), bound_cycle_ - 1));
        if (!piece)
            continue;
        brought.push_back(*piece);
        brought_count += piece->count;
        const std::int64_t lag_cycles = links_.hop_cycles(run(row).link) + dependency.delay_cycles;
        if (const auto early = first_too_early(*piece, leaving, run(row), lag_cycles))
            note(Rule::before_dependency, start_of(leaving, *early), leaving, *early, dependency.on);
    }
    if (brought_count < needed->count) {
        const std::int64_t vector = *first_missing(*needed, brought);
        note(Rule::before_dependency, start_of(leaving, vector), leaving, vector, dependency.on);
    }
}

std::optional<Violation> SlotRules::check_end() const {
    for (std::size_t i = 0; i < timetable_.transfers.size(); ++i) {
        const auto transfer = static_cast<std::int64_t>(i);
        const Line all = vectors_of(timetable_.transfers[i]);
        const std::int64_t hop_count = runs_.hop_count(transfer);
        std::int64_t arrived_count = 0;
        std::vector<Line> arrived;
        if (hop_count > 0) {
            for (const std::uint32_t row : last_hop(transfer)) {
                arrived.push_back(vectors_of(run(row)));
                arrived_count += arrived.back().count;
            }
        }
        if (arrived_count == all.count)
            continue;
        Violation lost{.transfer = transfer, .hop = 0, .vector = *first_missing(all, arrived)};
        const auto is_carried = [&](std::int64_t hop) {
            return std::ranges::any_of(runs_.hop(transfer, hop), [&](std::uint32_t row) {
                return vectors_of(run(row)).contains(lost.vector);
            });
        };
        while (lost.hop < hop_count && is_carried(lost.hop))
            ++lost.hop;
        return lost;
    }
    return std::nullopt;
}

} // namespace lpusim::net
