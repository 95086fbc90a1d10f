#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lpusim/base/rng.h"
#include "lpusim/net/all_to_all.h"
#include "lpusim/net/chip_ports.h"
#include "lpusim/net/collective.h"
#include "lpusim/net/timetable.h"
#include "lpusim/net/traffic.h"

/// Random machines, traffic and broken timetables for tests; everything follows from the seed.
namespace lpusim::net::test {

class Dice {
  public:
    explicit Dice(std::uint64_t seed) : seed_(seed) {}

    /// From `low` to `high`, both included.
    std::int64_t between(std::int64_t low, std::int64_t high) {
        const auto span = static_cast<std::uint64_t>(high - low) + 1;
        return low + static_cast<std::int64_t>(random_bits(seed_, 0, next_++) % span);
    }
    std::int32_t chip(std::int32_t low, std::int32_t high) {
        return static_cast<std::int32_t>(between(low, high));
    }
    bool one_in(std::int64_t n) { return between(1, n) == 1; }

  private:
    std::uint64_t seed_;
    std::uint64_t next_ = 0;
};

[[nodiscard]] inline LinkTiming random_timing(Dice& dice) {
    const std::int64_t vector_cycles = dice.between(1, 6);
    return {vector_cycles, vector_cycles + dice.between(0, 12)};
}

/// A tree of up to `chips_max` chips with links beside it; one cable in three has timings of its own.
[[nodiscard]] inline Topology random_topology(Dice& dice, std::int32_t chips_max) {
    const std::int32_t chips = dice.chip(2, chips_max);
    std::vector<Cable> cables;
    const auto add = [&](std::int32_t a, std::int32_t b) {
        const auto same = [&](const Cable& cable) { return cable.a == a && cable.b == b; };
        if (a == b || std::ranges::any_of(cables, same))
            return;
        Cable cable{a, b, dice.chip(1, 3)};
        if (dice.one_in(3)) {
            cable.forward = random_timing(dice);
            cable.backward = random_timing(dice);
        }
        cables.push_back(cable);
    };
    for (std::int32_t b = 1; b < chips; ++b)
        add(dice.chip(0, b - 1), b);
    for (std::int64_t extra = dice.between(0, chips); extra > 0; --extra) {
        const std::int32_t a = dice.chip(0, chips - 1), b = dice.chip(0, chips - 1);
        add(std::min(a, b), std::max(a, b));
    }
    const LinkTiming timing = random_timing(dice);
    return Topology(
        "random", chips, cables,
        {.vector_bytes = 32, .vector_cycles = timing.vector_cycles, .hop_cycles = timing.hop_cycles});
}

/// Messages of up to 12 vectors, some of which wait for others.
[[nodiscard]] inline std::vector<Request> random_requests(Dice& dice, const Topology& topology) {
    const std::int32_t last_chip = topology.chip_count() - 1;
    std::vector<Request> requests;
    for (std::int64_t left = dice.between(1, 6); left > 0; --left) {
        Request request{dice.chip(0, last_chip), dice.chip(0, last_chip),
                        dice.between(1, 12) * topology.link().vector_bytes, dice.between(0, 40)};
        if (request.source == request.target)
            continue;
        if (dice.one_in(3))
            request.release_period_cycles = dice.between(0, 9);
        if (!requests.empty() && dice.one_in(3))
            request.after.push_back(dice.between(0, std::ssize(requests) - 1));
        requests.push_back(request);
    }
    return requests;
}

/// A legal timetable: messages, or a collective with all its dependencies.
[[nodiscard]] inline Timetable random_timetable(Dice& dice, const Topology& topology) {
    const std::int32_t last_chip = topology.chip_count() - 1;
    const std::int64_t size_bytes = dice.between(1, 12) * topology.link().vector_bytes;
    const ReduceCost cost{dice.between(0, 6), dice.between(0, 3)};
    const Routing routing = dice.one_in(2) ? Routing::minimal : Routing::spread;
    Options options{.record = true};
    if (dice.one_in(3))
        options.made = {dice.between(0, 30), dice.between(0, 9)};
    const auto sum = [&](Algorithm algorithm) {
        options.algorithm = algorithm;
        return all_reduce(topology, {}, size_bytes, cost, options).timetable;
    };
    switch (dice.between(0, 9)) {
    case 0:
        return sum(Algorithm::two_phase);
    case 1:
        return sum(Algorithm::ring);
    case 2:
        return sum(Algorithm::tree);
    case 3:
        return sum(Algorithm::exchange);
    case 4:
        options.algorithm = dice.one_in(2) ? Algorithm::tree : Algorithm::two_phase;
        return broadcast(topology, dice.chip(0, last_chip), {}, size_bytes, options).timetable;
    case 5:
        options.algorithm = dice.one_in(2) ? Algorithm::ring : Algorithm::two_phase;
        return dice.one_in(2) ? all_gather(topology, {}, size_bytes, options).timetable
                              : reduce_scatter(topology, {}, size_bytes, cost, options).timetable;
    case 6:
        return all_to_all(topology, {}, size_bytes, {routing, true, options.made}).timetable;
    default:
        return schedule(topology, random_requests(dice, topology), {routing, true}).timetable;
    }
}

/// Moves one entry a little, drops or doubles a run, or adds a dependency.
inline void break_something(Dice& dice, const Topology& topology, Timetable& timetable) {
    if (timetable.runs.empty())
        return;
    const auto pick = [&](auto& rows) -> auto& {
        return rows[static_cast<std::size_t>(dice.between(0, static_cast<std::int64_t>(rows.size()) - 1))];
    };
    const auto nudge = [&](std::int64_t& value, std::int64_t low) {
        value = std::max(low, value + dice.between(-8, 8));
    };
    Run& run = pick(timetable.runs);
    switch (dice.between(0, 11)) {
    case 0:
    case 1:
        nudge(run.start_cycle, 0);
        break;
    case 2:
        nudge(run.period_cycles, 1);
        break;
    case 3:
        run.link = dice.between(0, topology.directed_link_count() - 1);
        break;
    case 4:
        nudge(run.first_vector, 0);
        break;
    case 5:
        nudge(run.vector_step, 1);
        break;
    case 6:
        nudge(run.vector_count, 1);
        break;
    case 7: {
        Run twin = run;
        nudge(twin.start_cycle, 0);
        timetable.runs.push_back(twin);
        break;
    }
    case 8:
        std::swap(run, timetable.runs.back());
        timetable.runs.pop_back();
        break;
    case 9:
        run.hop = std::max<std::int64_t>(0, run.hop + dice.between(-1, 1));
        break;
    case 10: {
        Transfer& transfer = pick(timetable.transfers);
        nudge(dice.one_in(2) ? transfer.release_cycle : transfer.release_period_cycles, 0);
        break;
    }
    default: {
        const auto last = static_cast<std::int64_t>(timetable.transfers.size()) - 1;
        const std::int64_t transfer = dice.between(0, last), on = dice.between(0, last);
        if (timetable.transfers[static_cast<std::size_t>(transfer)].source ==
            timetable.transfers[static_cast<std::size_t>(on)].target)
            timetable.dependencies.push_back({transfer, on, dice.between(0, 9)});
    }
    }
}

/// Wide ports, or one of them narrow.
[[nodiscard]] inline ChipPorts random_ports(Dice& dice, const Topology& topology) {
    ChipPorts ports = ports_for(topology);
    switch (dice.between(0, 7)) {
    case 0:
        ports.out_vectors_per_cycle = dice.between(1, 3);
        break;
    case 1:
        ports.in_vectors_per_cycle = dice.between(1, 2);
        break;
    case 2:
        ports.links_fed = dice.between(1, 4);
        break;
    case 3:
        ports.transit_bytes = dice.between(0, 5) * topology.link().vector_bytes;
        break;
    default:
        break;
    }
    return ports;
}

} // namespace lpusim::net::test
