#include "lpusim/net/verify.h"

#include <algorithm>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/net/link_table.h"
#include "lpusim/net/place_rules.h"
#include "lpusim/net/run_groups.h"
#include "lpusim/net/run_lines.h"
#include "lpusim/net/slot_rules.h"

namespace lpusim::net {
namespace {

void keep_first(std::optional<Violation>& first, const std::optional<Violation>& other) {
    if (other && (!first || *other < *first))
        first = other;
}

[[nodiscard]] std::int64_t last_cycle_of_interest(const std::optional<Violation>& first) {
    return first ? first->cycle : Violation::kNever;
}

[[nodiscard]] Verification totals_of(const Topology& topology, const Timetable& timetable,
                                     const LinkTable& links, const RunsByTransfer& by_transfer) {
    Verification totals;
    std::int64_t sent = 0, received = 0;
    for (const Run& run : timetable.runs) {
        totals.slot_count = checked_add(totals.slot_count, run.vector_count);
        if (run.hop == 0)
            sent += run.vector_count;
        if (run.hop + 1 == by_transfer.hop_count(run.transfer)) {
            received += run.vector_count;
            totals.cycles = std::max(totals.cycles, run.last_cycle() + links.hop_cycles(run.link));
        }
    }
    totals.bytes_sent = checked_multiply(sent, topology.link().vector_bytes);
    totals.bytes_received = checked_multiply(received, topology.link().vector_bytes);
    return totals;
}

} // namespace

Proof prove(const Topology& topology, const Timetable& timetable, const ChipPorts& ports) {
    validate(topology, timetable);
    validate(ports);
    const LinkTable links(topology);
    const RunsByTransfer by_transfer(timetable);
    SlotRules slots(timetable, links, by_transfer);
    slots.check_alone();
    std::optional<Violation> first = slots.first();

    const RunsByLink by_link(timetable, topology.directed_link_count());
    keep_first(first, first_double_booking(timetable, links, by_link, last_cycle_of_interest(first)));

    slots.check_arrivals(last_cycle_of_interest(first));
    keep_first(first, slots.first());

    // A slot's own violation comes before a chip's in the same cycle.
    const std::int64_t legal_until = first ? first->cycle - 1 : Violation::kNever - 1;
    keep_first(first,
               first_crowded_chip(topology, timetable, links, by_transfer, by_link, ports, legal_until));
    if (!first)
        first = slots.check_end();
    if (first)
        return {.totals = {}, .violation = first};
    return {.totals = totals_of(topology, timetable, links, by_transfer), .violation = std::nullopt};
}

Verification verify(const Topology& topology, const Timetable& timetable, const ChipPorts& ports) {
    const Proof proof = prove(topology, timetable, ports);
    if (proof.violation)
        throw ScheduleError(violation_text(topology, timetable, ports, *proof.violation));
    return proof.totals;
}

Verification verify(const Topology& topology, const Timetable& timetable) {
    return verify(topology, timetable, ports_for(topology));
}

} // namespace lpusim::net
