#include "lpusim/chip/fold/meetings.h"

#include <algorithm>
#include <numeric>

#include "lpusim/base/integers.h"

namespace lpusim::chip {
namespace {

constexpr std::int64_t kCellsOfOneMax = 4;   // entries in more cells are looked at in every question
constexpr std::int64_t kCellsAskedMax = 16;  // beyond that a question asks all members of a group
constexpr std::size_t kDivisorsMax = 4;      // sets of cells a group has
constexpr std::size_t kGroupMembersMin = 16; // smaller groups are one

[[nodiscard]] std::int64_t residue(std::int64_t value, std::int64_t divisor) {
    return value - div_floor(value, divisor) * divisor;
}

/// Does [a, a + a_span] meet [b, b + b_span] modulo `divisor`?
[[nodiscard]] bool meet(std::int64_t a, std::int64_t a_span, std::int64_t b, std::int64_t b_span,
                        std::int64_t divisor) {
    const std::int64_t after = residue(b - a, divisor);
    return after <= a_span || divisor - after <= b_span;
}

} // namespace

Residues residues_of(const Progression& values) {
    if (values.rank() == 0)
        return {values.first(), 0, 0};
    // Innermost level last: what is inside a cut at level k spans the values of the levels from k on.
    std::int64_t span = values.span(), modulus = 0, share_best = 1;
    Residues best{values.first(), 0, 1};
    for (int k = 0; k < values.rank(); ++k) {
        const auto [stride, count] = values.level(k);
        span -= stride * (count - 1);
        modulus = std::gcd(modulus, stride);
        if (modulus / (span + 1) > share_best) {
            share_best = modulus / (span + 1);
            best = {values.first(), span, modulus};
        }
    }
    return best;
}

std::pair<std::int64_t, std::int64_t> MeetingIndex::Cells::of(std::int64_t start, std::int64_t span) const {
    const std::int64_t first = residue(start, divisor), last = first + span;
    // Going round, the last cell counts in full, though it may be shorter.
    return {first / width, last / width + (last >= divisor ? 1 : 0)};
}

void MeetingIndex::make_groups() {
    std::map<std::int64_t, std::vector<std::size_t>> members;
    for (std::size_t i = 0; i < residues_.size(); ++i)
        members[residues_[i].modulus].push_back(i);
    for (auto& [modulus, list] : members) {
        std::vector<std::size_t>& all = groups_[list.size() < kGroupMembersMin ? 1 : modulus].members;
        all.insert(all.end(), list.begin(), list.end());
    }
    for (auto& [modulus, group] : groups_) {
        for (const std::size_t i : group.members)
            group.by_value.add(entries()[i].first, entries()[i].last, i);
        group.by_value.build();
    }
}

void MeetingIndex::find(std::int64_t low, std::int64_t high, const Residues& asked) {
    found_.clear();
    for (auto& [modulus, group] : groups_)
        find_in(group, modulus, low, high, asked);
}

void MeetingIndex::find_in(Group& group, std::int64_t modulus, std::int64_t low, std::int64_t high,
                           const Residues& asked) {
    const auto keep = [&](std::size_t i) { found_.push_back(entries()[i].payload); };
    const std::int64_t divisor = std::gcd(modulus, asked.modulus); // 0: single values meet single values.
    const bool apart = divisor > 1 && asked.span < divisor / 2;
    auto cells = group.cells.find(divisor);
    if (!apart || (cells == group.cells.end() && group.cells.size() == kDivisorsMax)) {
        group.by_value.for_each_touching(low, high, keep);
        return;
    }
    if (cells == group.cells.end())
        cells = group.cells.emplace(divisor, make_cells(group, divisor)).first;
    const Cells& table = cells->second;
    const auto [first, last] = table.of(asked.start, asked.span);
    if (last - first >= std::min(kCellsAskedMax, table.count())) {
        group.by_value.for_each_touching(low, high, keep);
        return;
    }
    const std::size_t before = found_.size();
    const auto keep_if_near = [&](std::size_t i) {
        const Residues& has = residues_[i];
        if (meet(asked.start, asked.span, has.start, has.span, divisor))
            keep(i);
    };
    for (std::int64_t cell = first; cell <= last; ++cell)
        table.cells[static_cast<std::size_t>(cell % table.count())].for_each_touching(low, high,
                                                                                      keep_if_near);
    table.wide.for_each_touching(low, high, keep_if_near);
    // Some stand in several of these cells.
    const auto begin = found_.begin() + static_cast<std::ptrdiff_t>(before);
    std::sort(begin, found_.end());
    found_.erase(std::unique(begin, found_.end()), found_.end());
}

MeetingIndex::Cells MeetingIndex::make_cells(const Group& group, std::int64_t divisor) const {
    Cells table;
    table.divisor = divisor;
    table.width = div_ceil(divisor, std::min(divisor, static_cast<std::int64_t>(group.members.size())));
    table.cells.resize(static_cast<std::size_t>(div_ceil(divisor, table.width)));
    for (const std::size_t i : group.members) {
        const IntervalIndex::Entry& member = entries()[i];
        const auto [first, last] = table.of(residues_[i].start, residues_[i].span);
        if (last - first >= std::min(kCellsOfOneMax, table.count())) {
            table.wide.add(member.first, member.last, i);
            continue;
        }
        for (std::int64_t cell = first; cell <= last; ++cell)
            table.cells[static_cast<std::size_t>(cell % table.count())].add(member.first, member.last, i);
    }
    for (IntervalIndex& cell : table.cells)
        cell.build();
    table.wide.build();
    return table;
}

} // namespace lpusim::chip
