#include <benchmark/benchmark.h>
#include <cstdint>
#include <numeric>
#include <vector>

#include "lpusim/base/rng.h"
#include "lpusim/net/collective.h"
#include "lpusim/net/traffic.h"
#include "lpusim/net/verify.h"
#include "lpusim/net/wiring.h"

// Budgets: an all-reduce of a 64-chip group below 5 ms, of 576 chips below 50 ms. Items are slots' runs
// booked or proved, so items a second compare across sizes.
namespace {

using namespace lpusim;
using namespace lpusim::net;

/// Cycles only, as a partition search asks for them. The first call is proved before any is timed.
void all_reduce_cycles_of(benchmark::State& state) {
    const Topology topology = make_quadfour(state.range(0), {});
    const std::int64_t size_bytes = state.range(1);
    const Collective proved = all_reduce(topology, {}, size_bytes, {}, {.record = true});
    if (verify(topology, proved.timetable).cycles != all_reduce_cycles(topology, {}, size_bytes)) {
        state.SkipWithError("the timetable does not end when the collective says");
        return;
    }
    for (auto _ : state)
        benchmark::DoNotOptimize(all_reduce_cycles(topology, {}, size_bytes));
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(proved.timetable.runs.size()));
}
BENCHMARK(all_reduce_cycles_of)
    ->ArgNames({"chips", "bytes"})
    ->ArgsProduct({{8, 64, 72, 576}, {1 << 10, 1 << 15, 1 << 18, 1 << 24}})
    ->Unit(benchmark::kMillisecond);

void all_reduce_recorded(benchmark::State& state) {
    const Topology topology = make_quadfour(state.range(0), {});
    std::size_t runs = 0;
    for (auto _ : state) {
        const Collective sum = all_reduce(topology, {}, 1 << 18, {}, {.record = true});
        runs = sum.timetable.runs.size();
        benchmark::DoNotOptimize(runs);
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(runs));
}
BENCHMARK(all_reduce_recorded)->ArgName("chips")->Arg(64)->Arg(576)->Unit(benchmark::kMillisecond);

void schedule_random_traffic(benchmark::State& state) {
    const Topology topology = make_quadfour(72, {});
    std::vector<Request> requests;
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        const auto source = static_cast<std::int32_t>(random_bits(1, 0, i) % 72);
        const auto ahead = static_cast<std::int32_t>(random_bits(1, 1, i) % 71) + 1;
        requests.push_back({source, (source + ahead) % 72, 32'768});
    }
    const Traffic proved = schedule(topology, requests, {.record = true});
    if (verify(topology, proved.timetable).cycles != proved.cycles) {
        state.SkipWithError("the timetable does not end when the schedule says");
        return;
    }
    for (auto _ : state)
        benchmark::DoNotOptimize(schedule(topology, requests).cycles);
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(proved.timetable.runs.size()));
}
BENCHMARK(schedule_random_traffic)->Unit(benchmark::kMillisecond);

} // namespace
