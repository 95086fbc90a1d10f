#include "lpusim/net/run_groups.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace lpusim::net {
namespace {

[[nodiscard]] std::size_t at(std::int64_t index) {
    return static_cast<std::size_t>(index);
}

/// Rows in order of `key`, 0 .. key_count - 1, else as written; `begin` gets where each key begins.
[[nodiscard]] std::vector<std::uint32_t> counted_order(std::span<const Run> runs, std::int64_t Run::* key,
                                                       std::int64_t key_count,
                                                       std::vector<std::uint32_t>& begin) {
    begin.assign(at(key_count) + 1, 0);
    for (const Run& run : runs)
        ++begin[at(run.*key) + 1];
    std::partial_sum(begin.begin(), begin.end(), begin.begin());
    std::vector<std::uint32_t> next(begin.begin(), begin.end() - 1);
    std::vector<std::uint32_t> order(runs.size());
    for (std::size_t row = 0; row < runs.size(); ++row)
        order[next[at(runs[row].*key)]++] = static_cast<std::uint32_t>(row);
    return order;
}

} // namespace

RunsByTransfer::RunsByTransfer(const Timetable& timetable)
    : runs_(timetable.runs),
      order_(counted_order(timetable.runs, &Run::transfer,
                           static_cast<std::int64_t>(timetable.transfers.size()), begin_)) {
    const auto hop_of = [this](std::uint32_t row) { return runs_[row].hop; };
    for (std::size_t transfer = 0; transfer + 1 < begin_.size(); ++transfer) {
        const std::span<std::uint32_t> rows(order_.data() + begin_[transfer],
                                            begin_[transfer + 1] - begin_[transfer]);
        if (!std::ranges::is_sorted(rows, {}, hop_of))
            std::ranges::stable_sort(rows, {}, hop_of);
    }
}

std::span<const std::uint32_t> RunsByTransfer::of(std::int64_t transfer) const {
    const std::uint32_t begin = begin_[at(transfer)];
    return std::span(order_).subspan(begin, begin_[at(transfer) + 1] - begin);
}

std::span<const std::uint32_t> RunsByTransfer::hop(std::int64_t transfer, std::int64_t hop) const {
    const auto rows = of(transfer);
    const auto found =
        std::ranges::equal_range(rows, hop, {}, [&](std::uint32_t row) { return runs_[row].hop; });
    return {found.begin(), found.end()};
}

std::int64_t RunsByTransfer::hop_count(std::int64_t transfer) const {
    const auto rows = of(transfer);
    return rows.empty() ? 0 : runs_[rows.back()].hop + 1;
}

RunsByLink::RunsByLink(const Timetable& timetable, std::int64_t link_count)
    : order_(counted_order(timetable.runs, &Run::link, link_count, begin_)) {
    const auto start_of = [&](std::uint32_t row) { return std::pair(timetable.runs[row].start_cycle, row); };
    for (std::size_t link = 0; link + 1 < begin_.size(); ++link) {
        const std::span<std::uint32_t> rows(order_.data() + begin_[link], begin_[link + 1] - begin_[link]);
        if (!std::ranges::is_sorted(rows, {}, start_of))
            std::ranges::sort(rows, {}, start_of);
    }
}

std::span<const std::uint32_t> RunsByLink::of(std::int64_t link) const {
    const std::uint32_t begin = begin_[at(link)];
    return std::span(order_).subspan(begin, begin_[at(link) + 1] - begin);
}

} // namespace lpusim::net
