#include "lpusim/net/timetable.h"

#include <algorithm>
#include <string>

#include "lpusim/base/errors.h"
#include "lpusim/net/link_table.h"

namespace lpusim::net {
namespace {

/// Larger numbers would leave no room for sums of two.
constexpr std::int64_t kValueMax = std::int64_t{1} << 59U;
constexpr std::size_t kRowMax = std::size_t{1} << 31U;

/// One row of one table, checked column by column.
template <class Row, std::size_t Count>
class RowCheck {
  public:
    RowCheck(std::string_view table, const std::array<Column<Row>, Count>& columns)
        : table_(table), columns_(columns) {}

    void operator()(std::size_t index, const Row& row, std::int64_t Row::* member, std::int64_t min,
                    std::int64_t max) const {
        const std::int64_t value = row.*member;
        if (value >= min && value <= max)
            return;
        const auto column = std::ranges::find(columns_, member, &Column<Row>::member);
        throw ValueError(name(index) + "." + std::string(column->name) + " must be from " +
                         std::to_string(min) + " to " + std::to_string(max) + ", got " +
                         std::to_string(value));
    }

    [[nodiscard]] std::string name(std::size_t index) const {
        return std::string(table_) + "[" + std::to_string(index) + "]";
    }

  private:
    std::string_view table_;
    const std::array<Column<Row>, Count>& columns_;
};

void require_row_count(std::string_view table, std::size_t count) {
    if (count > kRowMax) {
        throw ValueError(std::string(table) + " must have at most 2^31 rows, got " + std::to_string(count));
    }
}

void validate_transfers(const Topology& topology, std::span<const Transfer> transfers) {
    const RowCheck check("transfers", kTransferColumns);
    const std::int64_t chip_last = topology.chip_count() - 1;
    for (std::size_t i = 0; i < transfers.size(); ++i) {
        const Transfer& row = transfers[i];
        check(i, row, &Transfer::source, 0, chip_last);
        check(i, row, &Transfer::target, 0, chip_last);
        check(i, row, &Transfer::first_vector, 0, kValueMax);
        check(i, row, &Transfer::vector_count, 1, kValueMax - row.first_vector);
        check(i, row, &Transfer::release_cycle, 0, kValueMax);
        check(i, row, &Transfer::release_period_cycles, 0,
              (kValueMax - row.release_cycle) / row.vector_count);
        check(i, row, &Transfer::adds, 0, 1);
        if (row.source == row.target) {
            throw ValueError(check.name(i) + " goes from chip " + std::to_string(row.source) + " to itself");
        }
    }
}

void validate_runs(const LinkTable& links, std::span<const Run> runs, std::int64_t transfer_last) {
    const RowCheck check("runs", kRunColumns);
    const std::int64_t link_count = links.size();
    for (std::size_t i = 0; i < runs.size(); ++i) {
        const Run& row = runs[i];
        check(i, row, &Run::transfer, 0, transfer_last);
        check(i, row, &Run::hop, 0, link_count);
        check(i, row, &Run::link, 0, link_count - 1);
        check(i, row, &Run::first_vector, 0, kValueMax);
        check(i, row, &Run::vector_step, 1, kValueMax);
        check(i, row, &Run::vector_count, 1, (kValueMax - row.first_vector) / row.vector_step + 1);
        check(i, row, &Run::start_cycle, 0, kValueMax);
        // Closer than a vector is long, a run would collide with itself.
        const std::int64_t period_min = row.vector_count > 1 ? links.vector_cycles(row.link) : 1;
        check(i, row, &Run::period_cycles, period_min, kValueMax);
        check(i, row, &Run::vector_count, 1, (kValueMax - row.start_cycle) / row.period_cycles + 1);
    }
}

void validate_dependencies(const Timetable& timetable, std::int64_t transfer_last) {
    const RowCheck check("dependencies", kDependencyColumns);
    for (std::size_t i = 0; i < timetable.dependencies.size(); ++i) {
        const Dependency& row = timetable.dependencies[i];
        check(i, row, &Dependency::transfer, 0, transfer_last);
        check(i, row, &Dependency::on, 0, transfer_last);
        check(i, row, &Dependency::delay_cycles, 0, kValueMax);
        const std::int64_t starts = timetable.transfers[static_cast<std::size_t>(row.transfer)].source;
        const std::int64_t arrives = timetable.transfers[static_cast<std::size_t>(row.on)].target;
        if (starts != arrives) {
            throw ValueError(check.name(i) + ": transfer " + std::to_string(row.transfer) +
                             " starts on chip " + std::to_string(starts) + ", but waits for transfer " +
                             std::to_string(row.on) + ", which arrives on chip " + std::to_string(arrives));
        }
    }
}

} // namespace

void validate(const Topology& topology, const Timetable& timetable) {
    require_row_count("transfers", timetable.transfers.size());
    require_row_count("runs", timetable.runs.size());
    require_row_count("dependencies", timetable.dependencies.size());
    const auto transfer_last = static_cast<std::int64_t>(timetable.transfers.size()) - 1;
    validate_transfers(topology, timetable.transfers);
    validate_runs(LinkTable(topology), timetable.runs, transfer_last);
    validate_dependencies(timetable, transfer_last);
}

} // namespace lpusim::net
