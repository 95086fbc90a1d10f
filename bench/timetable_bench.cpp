#include <benchmark/benchmark.h>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lpusim/net/collective.h"
#include "lpusim/net/drift_run.h"
#include "lpusim/net/move_values.h"
#include "lpusim/net/replay.h"
#include "lpusim/net/verify.h"
#include "lpusim/net/wiring.h"

// What is done with a timetable once it is made: proof, replay, data, drifting clocks.
namespace {

using namespace lpusim;
using namespace lpusim::net;

constexpr const char* kWrongEnd = "the timetable does not end when the collective says";

/// Every row written down, whatever the machine's symmetry.
[[nodiscard]] Collective written_down(const Topology& topology, std::int64_t size_bytes) {
    return all_reduce(topology, {}, size_bytes, {},
                      {.algorithm = Algorithm::two_phase, .record = true, .symmetry = Symmetry::ignored});
}

/// Items are runs; slots a second stand beside.
void prove_all_reduce(benchmark::State& state) {
    const Topology topology = make_quadfour(state.range(0), {});
    const Collective sum = written_down(topology, state.range(1));
    std::int64_t slot_count = 0;
    for (auto _ : state) {
        const Verification done = verify(topology, sum.timetable);
        slot_count = done.slot_count;
        if (done.cycles != sum.cycles) {
            state.SkipWithError(kWrongEnd);
            return;
        }
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(sum.timetable.runs.size()));
    state.counters["slots/s"] =
        benchmark::Counter(static_cast<double>(slot_count * state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(prove_all_reduce)
    ->ArgNames({"chips", "bytes"})
    ->Args({72, 1 << 18})
    ->Args({576, 1 << 18})
    ->Args({10'440, 1 << 14})
    ->Unit(benchmark::kMillisecond);

/// Items are cycles.
void replay_all_reduce(benchmark::State& state) {
    const Topology topology = make_quadfour(state.range(0), {});
    const Collective sum = written_down(topology, 1 << 16);
    const ChipPorts ports = ports_for(topology);
    std::int64_t tick_count = 0;
    for (auto _ : state) {
        const Replay done = replay(topology, sum.timetable, ports);
        tick_count += done.tick_count;
        if (done.proof.violation || done.proof.totals.cycles != sum.cycles) {
            state.SkipWithError(kWrongEnd);
            return;
        }
    }
    state.SetItemsProcessed(tick_count);
}
BENCHMARK(replay_all_reduce)->ArgName("chips")->Arg(8)->Arg(72)->Unit(benchmark::kMillisecond);

/// Items are bytes that leave a chip.
void move_all_reduce(benchmark::State& state) {
    const Topology topology = make_quadfour(72, {});
    const std::size_t elements = 1 << 16;
    const Collective sum = written_down(topology, elements * sizeof(float));
    std::vector<std::vector<float>> data(72, std::vector<float>(elements, 1.5F)), kept = data;
    std::vector<ChipInput> inputs;
    std::vector<ChipOutput> outputs;
    for (std::int32_t chip = 0; chip < 72; ++chip) {
        const auto row = static_cast<std::size_t>(chip);
        inputs.push_back({chip, std::as_bytes(std::span(data[row]))});
        outputs.push_back({chip, std::as_writable_bytes(std::span(kept[row]))});
    }
    for (auto _ : state)
        move_values(topology, sum.timetable, Carried::fp32, inputs, outputs, state.range(0));
    if (kept[71][elements - 1] != 72 * 1.5F)
        state.SkipWithError("not the sum");
    state.SetBytesProcessed(state.iterations() * verify(topology, sum.timetable).bytes_sent);
}
BENCHMARK(move_all_reduce)->ArgName("threads")->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

/// A simulated minute of all-reduces; items are intervals of a millisecond.
void drift_minute(benchmark::State& state) {
    const ClockSpec clock;
    const Topology bare = make_quadfour(state.range(0), {});
    const std::int64_t margin = largest_margin(clock, bare, grow_sync_tree(bare, 0)).cycles();
    const Topology topology = make_quadfour(state.range(0), {.hop_cycles = 270 + margin});
    const Timetable timetable = written_down(topology, 1 << 16).timetable;
    for (auto _ : state) {
        const DriftRun minute =
            run_drift(topology, timetable, clock, {.margin_cycles = margin, .interval_count = 60'000});
        if (minute.first_missed) {
            state.SkipWithError("a vector was missed");
            return;
        }
    }
    state.SetItemsProcessed(state.iterations() * 60'000);
}
BENCHMARK(drift_minute)->ArgName("chips")->Arg(8)->Arg(72)->Unit(benchmark::kMillisecond);

} // namespace
