#include "lpusim/net/verify.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/base/progression.h"

namespace lpusim::net {
namespace {

constexpr std::int64_t kValueMax = std::int64_t{1} << 59U;

template <class Row, std::size_t Count>
void require_range(std::string_view table, std::size_t row_index, const Row& row,
                   const std::array<Column<Row>, Count>& columns, std::int64_t Row::* member,
                   std::int64_t min, std::int64_t max) {
    const std::int64_t value = row.*member;
    if (value >= min && value <= max)
        return;
    const auto column = std::ranges::find(columns, member, &Column<Row>::member);
    throw ValueError(std::string(table) + "[" + std::to_string(row_index) + "]." + std::string(column->name) +
                     " must be from " + std::to_string(min) + " to " + std::to_string(max) + ", got " +
                     std::to_string(value));
}

/// The vectors that a run carries.
[[nodiscard]] Progression vectors_of(const Run& run) {
    return Progression(run.first_vector, {{run.vector_step, run.vector_count}});
}

/// The cycles in which a run holds its link.
[[nodiscard]] Progression cycles_of(const Run& run, std::int64_t vector_cycles) {
    return Progression(run.start_cycle, {{run.period_cycles, run.vector_count}, {1, vector_cycles}});
}

[[nodiscard]] std::int64_t leave_cycle(const Run& run, std::int64_t vector) {
    return run.start_cycle + (vector - run.first_vector) / run.vector_step * run.period_cycles;
}

[[nodiscard]] std::int64_t last_vector(const Run& run) {
    return run.first_vector + (run.vector_count - 1) * run.vector_step;
}

class Verifier {
  public:
    Verifier(const Topology& topology, const Timetable& timetable)
        : topology_(topology), timetable_(timetable) {}

    Verification run() {
        check_rows();
        group_runs();
        for (std::size_t transfer = 0; transfer < timetable_.transfers.size(); ++transfer)
            check_route(transfer);
        for (const Dependency& dependency : timetable_.dependencies)
            check_dependency(dependency);
        for (std::size_t transfer = 0; transfer < timetable_.transfers.size(); ++transfer)
            check_hops(transfer);
        check_slots();
        return result_;
    }

  private:
    using RunSpan = std::span<const std::size_t>;

    [[nodiscard]] const Run& run_at(std::size_t index) const { return timetable_.runs[index]; }
    [[nodiscard]] const Bundle& bundle_of(const Run& run) const {
        return topology_.bundle_of_link(static_cast<std::int32_t>(run.link));
    }
    [[nodiscard]] std::int64_t arrival_cycle(const Run& run, std::int64_t vector) const {
        return leave_cycle(run, vector) + bundle_of(run).timing.hop_cycles;
    }

    [[nodiscard]] std::string transfer_text(std::size_t index) const {
        const Transfer& transfer = timetable_.transfers[index];
        return "transfer " + std::to_string(index) + " (chip " + std::to_string(transfer.source) +
               " to chip " + std::to_string(transfer.target) + ")";
    }
    [[nodiscard]] std::string link_text(const Run& run) const {
        const Bundle& bundle = bundle_of(run);
        return "link " + std::to_string(run.link) + " (chip " + std::to_string(bundle.from) + " to chip " +
               std::to_string(bundle.to) + ")";
    }

    void check_rows() const {
        const std::int64_t chip_last = topology_.chip_count() - 1;
        const auto transfer_last = static_cast<std::int64_t>(timetable_.transfers.size()) - 1;
        for (std::size_t i = 0; i < timetable_.transfers.size(); ++i) {
            const Transfer& row = timetable_.transfers[i];
            const auto check = [&](std::int64_t Transfer::* member, std::int64_t min, std::int64_t max) {
                require_range("transfers", i, row, kTransferColumns, member, min, max);
            };
            check(&Transfer::source, 0, chip_last);
            check(&Transfer::target, 0, chip_last);
            check(&Transfer::first_vector, 0, kValueMax);
            check(&Transfer::vector_count, 1, kValueMax - row.first_vector);
            check(&Transfer::release_cycle, 0, kValueMax);
            check(&Transfer::release_period_cycles, 0, (kValueMax - row.release_cycle) / row.vector_count);
            check(&Transfer::adds, 0, 1);
        }
        for (std::size_t i = 0; i < timetable_.runs.size(); ++i) {
            const Run& row = timetable_.runs[i];
            const auto check = [&](std::int64_t Run::* member, std::int64_t min, std::int64_t max) {
                require_range("runs", i, row, kRunColumns, member, min, max);
            };
            check(&Run::transfer, 0, transfer_last);
            check(&Run::hop, 0, topology_.directed_link_count());
            check(&Run::link, 0, topology_.directed_link_count() - 1);
            check(&Run::first_vector, 0, kValueMax);
            check(&Run::vector_step, 1, kValueMax);
            check(&Run::vector_count, 1, (kValueMax - row.first_vector) / row.vector_step + 1);
            check(&Run::start_cycle, 0, kValueMax);
            // Closer than a vector is long, a run would collide with itself.
            check(&Run::period_cycles, row.vector_count > 1 ? bundle_of(row).timing.vector_cycles : 1,
                  kValueMax);
            check(&Run::vector_count, 1, (kValueMax - row.start_cycle) / row.period_cycles + 1);
        }
        for (std::size_t i = 0; i < timetable_.dependencies.size(); ++i) {
            const Dependency& row = timetable_.dependencies[i];
            const auto check = [&](std::int64_t Dependency::* member, std::int64_t min, std::int64_t max) {
                require_range("dependencies", i, row, kDependencyColumns, member, min, max);
            };
            check(&Dependency::transfer, 0, transfer_last);
            check(&Dependency::on, 0, transfer_last);
            check(&Dependency::delay_cycles, 0, kValueMax);
        }
    }

    /// Orders run indices by (transfer, hop) and remembers where each transfer begins.
    void group_runs() {
        order_.resize(timetable_.runs.size());
        std::iota(order_.begin(), order_.end(), std::size_t{0});
        std::ranges::stable_sort(order_, {}, [&](std::size_t index) {
            return std::pair(run_at(index).transfer, run_at(index).hop);
        });
        begin_.assign(timetable_.transfers.size() + 1, 0);
        for (const Run& run : timetable_.runs)
            ++begin_[static_cast<std::size_t>(run.transfer) + 1];
        std::partial_sum(begin_.begin(), begin_.end(), begin_.begin());
    }

    [[nodiscard]] RunSpan runs_of(std::size_t transfer) const {
        return RunSpan(order_).subspan(begin_[transfer], begin_[transfer + 1] - begin_[transfer]);
    }
    /// The runs of one hop; `runs` are of one transfer.
    [[nodiscard]] RunSpan hop_of(RunSpan runs, std::int64_t hop) const {
        const auto found =
            std::ranges::equal_range(runs, hop, {}, [&](std::size_t index) { return run_at(index).hop; });
        return RunSpan(found.begin(), found.end());
    }
    [[nodiscard]] RunSpan first_hop(std::size_t transfer) const { return hop_of(runs_of(transfer), 0); }
    [[nodiscard]] RunSpan last_hop(std::size_t transfer) const {
        const RunSpan runs = runs_of(transfer);
        return hop_of(runs, run_at(runs.back()).hop);
    }

    /// Rule 1: each hop carries every vector once and leads on to the next, from source to target.
    void check_route(std::size_t index) {
        const Transfer& transfer = timetable_.transfers[index];
        if (transfer.source == transfer.target) {
            throw ScheduleError(transfer_text(index) + " goes from a chip to itself");
        }
        const RunSpan runs = runs_of(index);
        if (runs.empty()) {
            throw ScheduleError(transfer_text(index) + " has no slots: its vectors never leave");
        }
        std::int64_t chip = transfer.source;
        for (std::int64_t hop = 0; hop <= run_at(runs.back()).hop; ++hop) {
            const RunSpan carriers = hop_of(runs, hop);
            check_coverage(index, hop, carriers);
            for (const std::size_t carrier : carriers) {
                if (bundle_of(run_at(carrier)).from != chip) {
                    throw ScheduleError(transfer_text(index) + " is on chip " + std::to_string(chip) +
                                        " before hop " + std::to_string(hop) + ", but that hop books " +
                                        link_text(run_at(carrier)));
                }
                if (bundle_of(run_at(carrier)).to != bundle_of(run_at(carriers.front())).to) {
                    throw ScheduleError(transfer_text(index) + " parts at hop " + std::to_string(hop) + ": " +
                                        link_text(run_at(carriers.front())) + " and " +
                                        link_text(run_at(carrier)) + " lead to different chips");
                }
                result_.slot_count += run_at(carrier).vector_count;
            }
            chip = bundle_of(run_at(carriers.front())).to;
        }
        if (chip != transfer.target) {
            throw ScheduleError(transfer_text(index) + " ends on chip " + std::to_string(chip));
        }
        const auto count_bytes = [&](const Run& run, std::int64_t& total) {
            total = checked_add(total, checked_multiply(run.vector_count, topology_.link().vector_bytes));
        };
        for (const std::size_t carrier : first_hop(index))
            count_bytes(run_at(carrier), result_.bytes_sent);
        for (const std::size_t carrier : last_hop(index)) {
            count_bytes(run_at(carrier), result_.bytes_received);
            result_.cycles =
                std::max(result_.cycles, arrival_cycle(run_at(carrier), last_vector(run_at(carrier))));
        }
    }

    void check_coverage(std::size_t index, std::int64_t hop, RunSpan carriers) const {
        const Transfer& transfer = timetable_.transfers[index];
        const std::int64_t end = transfer.first_vector + transfer.vector_count;
        std::int64_t carried = 0;
        for (std::size_t i = 0; i < carriers.size(); ++i) {
            const Progression vectors = vectors_of(run_at(carriers[i]));
            if (vectors.first() < transfer.first_vector || vectors.last() >= end) {
                throw ScheduleError(
                    transfer_text(index) + " has vectors " + std::to_string(transfer.first_vector) + " to " +
                    std::to_string(end - 1) + ", but hop " + std::to_string(hop) + " carries " +
                    std::to_string(vectors.first()) + " to " + std::to_string(vectors.last()));
            }
            for (std::size_t j = 0; j < i; ++j) {
                if (const auto twice = first_common(vectors_of(run_at(carriers[j])), vectors)) {
                    throw ScheduleError(transfer_text(index) + " sends vector " + std::to_string(*twice) +
                                        " twice at hop " + std::to_string(hop) + ", on " +
                                        link_text(run_at(carriers[j])) + " and on " +
                                        link_text(run_at(carriers[i])));
                }
            }
            carried += run_at(carriers[i]).vector_count;
        }
        if (carried != transfer.vector_count) {
            throw ScheduleError(transfer_text(index) + " has " + std::to_string(transfer.vector_count) +
                                " vectors, but hop " + std::to_string(hop) + " carries " +
                                std::to_string(carried));
        }
    }

    /// Calls check(vector) for the ends of every piece of vectors that both runs carry. Both leave times are
    /// affine along a piece, so what holds at its ends holds on all of it.
    template <class Check>
    void for_each_shared_end(const Run& a, const Run& b, const Check& check) {
        pieces_.clear();
        intersect(vectors_of(a), vectors_of(b), pieces_);
        for (const Progression& piece : pieces_) {
            check(piece.first());
            check(piece.last());
        }
    }

    /// Rule 2.
    void check_dependency(const Dependency& dependency) {
        const auto transfer = static_cast<std::size_t>(dependency.transfer);
        const auto on = static_cast<std::size_t>(dependency.on);
        if (timetable_.transfers[on].target != timetable_.transfers[transfer].source) {
            throw ScheduleError(transfer_text(transfer) + " depends on " + transfer_text(on) +
                                ", which does not arrive where it starts");
        }
        for (const std::size_t leaving : first_hop(transfer)) {
            for (const std::size_t arriving : last_hop(on)) {
                for_each_shared_end(run_at(leaving), run_at(arriving), [&](std::int64_t vector) {
                    const std::int64_t leave = leave_cycle(run_at(leaving), vector);
                    const std::int64_t ready =
                        arrival_cycle(run_at(arriving), vector) + dependency.delay_cycles;
                    if (leave < ready) {
                        throw ScheduleError("vector " + std::to_string(vector) + " of " +
                                            transfer_text(transfer) + " leaves at cycle " +
                                            std::to_string(leave) + " on " + link_text(run_at(leaving)) +
                                            ", but " + transfer_text(on) + " makes it ready only at cycle " +
                                            std::to_string(ready));
                    }
                });
            }
        }
    }

    /// Rule 2, release. Leaving and release are both affine, so what holds at a run's ends holds on all of
    /// it.
    void check_release(std::size_t index, const Run& leaving) const {
        const Transfer& transfer = timetable_.transfers[index];
        for (const std::int64_t i : {std::int64_t{0}, leaving.vector_count - 1}) {
            const std::int64_t vector = leaving.first_vector + i * leaving.vector_step;
            const std::int64_t release =
                transfer.release_cycle + (vector - transfer.first_vector) * transfer.release_period_cycles;
            const std::int64_t leave = leaving.start_cycle + i * leaving.period_cycles;
            if (leave < release) {
                throw ScheduleError("vector " + std::to_string(vector) + " of " + transfer_text(index) +
                                    " leaves at cycle " + std::to_string(leave) + " on " +
                                    link_text(leaving) + ", before its release at cycle " +
                                    std::to_string(release));
            }
        }
    }

    /// Rules 2 (release) and 3.
    void check_hops(std::size_t index) {
        for (const std::size_t leaving : first_hop(index))
            check_release(index, run_at(leaving));
        const RunSpan runs = runs_of(index);
        for (std::int64_t hop = 1; hop <= run_at(runs.back()).hop; ++hop) {
            for (const std::size_t arriving : hop_of(runs, hop - 1)) {
                for (const std::size_t leaving : hop_of(runs, hop)) {
                    for_each_shared_end(run_at(arriving), run_at(leaving), [&](std::int64_t vector) {
                        const std::int64_t arrival = arrival_cycle(run_at(arriving), vector);
                        const std::int64_t leave = leave_cycle(run_at(leaving), vector);
                        if (leave < arrival) {
                            throw ScheduleError(
                                "vector " + std::to_string(vector) + " of " + transfer_text(index) +
                                " leaves chip " + std::to_string(bundle_of(run_at(leaving)).from) +
                                " at cycle " + std::to_string(leave) + " on " + link_text(run_at(leaving)) +
                                ", but arrives there only at cycle " + std::to_string(arrival));
                        }
                    });
                }
            }
        }
    }

    /// Rule 4: on each link, runs in order of start meet only those still open.
    void check_slots() {
        std::ranges::sort(order_, {}, [&](std::size_t index) {
            return std::tuple(run_at(index).link, run_at(index).start_cycle, index);
        });
        std::vector<std::size_t> open;
        std::int64_t link = -1, vector_cycles = 0;
        for (const std::size_t index : order_) {
            const Run& run = run_at(index);
            if (run.link != link) {
                open.clear();
                vector_cycles = bundle_of(run).timing.vector_cycles;
            }
            link = run.link;
            std::erase_if(open, [&](std::size_t other) {
                return run_at(other).last_cycle() + vector_cycles <= run.start_cycle;
            });
            for (const std::size_t other : open)
                check_pair(other, index);
            open.push_back(index);
        }
    }

    void check_pair(std::size_t a, std::size_t b) const {
        const std::int64_t vector_cycles = bundle_of(run_at(a)).timing.vector_cycles;
        const auto cycle =
            first_common(cycles_of(run_at(a), vector_cycles), cycles_of(run_at(b), vector_cycles));
        if (cycle) {
            throw ScheduleError(link_text(run_at(a)) + " is booked twice at cycle " + std::to_string(*cycle) +
                                ": by " + transfer_text(static_cast<std::size_t>(run_at(a).transfer)) +
                                " and by " + transfer_text(static_cast<std::size_t>(run_at(b).transfer)));
        }
    }

    const Topology& topology_;
    const Timetable& timetable_;
    Verification result_;
    std::vector<std::size_t> order_;
    std::vector<std::size_t> begin_;
    std::vector<Progression> pieces_;
};

} // namespace

Verification verify(const Topology& topology, const Timetable& timetable) {
    return Verifier(topology, timetable).run();
}

} // namespace lpusim::net
