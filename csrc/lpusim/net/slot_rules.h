#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "lpusim/net/link_table.h"
#include "lpusim/net/run_groups.h"
#include "lpusim/net/run_lines.h"
#include "lpusim/net/violation.h"

namespace lpusim::net {

/// The rules of single slots, link_busy left out: whether each vector of each transfer goes its way.
///
/// Works in two rounds, because whether a vector has arrived is only plain while no hop has carried one
/// twice. The first round finds what is wrong whatever happened before: such a violation bounds the second,
/// which looks at nothing later. All arguments must outlive the object.
class SlotRules {
  public:
    SlotRules(const Timetable& timetable, const LinkTable& links, const RunsByTransfer& runs)
        : timetable_(timetable), links_(links), runs_(runs) {}

    /// wrong_target, no_such_vector, sent_twice, before_release, and wrong_chip of first hops.
    void check_alone();
    /// not_arrived, wrong_chip, before_dependency. Afterwards first() is the first violation of these rules,
    /// if `bound` is no earlier than the first violation of any.
    void check_arrivals(std::int64_t bound_cycle);
    /// never_arrives, in a timetable that breaks no other rule.
    [[nodiscard]] std::optional<Violation> check_end() const;

    [[nodiscard]] const std::optional<Violation>& first() const { return first_; }

  private:
    using Rows = std::span<const std::uint32_t>;

    [[nodiscard]] const Run& run(std::uint32_t row) const { return timetable_.runs[row]; }
    [[nodiscard]] Rows last_hop(std::int64_t transfer) const {
        return runs_.hop(transfer, runs_.hop_count(transfer) - 1);
    }
    [[nodiscard]] bool is_early_enough(std::int64_t cycle) const { return cycle <= bound_cycle_; }
    void note(Rule rule, std::int64_t cycle, const Run& run, std::int64_t vector, std::int64_t other = -1);

    void check_range(const Run& run);
    void check_first_hop(const Run& run);
    void check_last_hop(const Run& run);
    void check_twice(Rows carriers);
    void check_relay(const Run& leaving, Rows arriving);
    void check_dependency(const Dependency& dependency, const Run& leaving);

    const Timetable& timetable_;
    const LinkTable& links_;
    const RunsByTransfer& runs_;
    std::int64_t bound_cycle_ = Violation::kNever;
    std::optional<Violation> first_;
};

} // namespace lpusim::net
