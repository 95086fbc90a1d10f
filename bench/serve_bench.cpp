#include <benchmark/benchmark.h>
#include <cstdint>
#include <memory>
#include <numeric>
#include <vector>

#include "lpusim/device/gpu.h"
#include "lpusim/serve/generate.h"
#include "lpusim/serve/serve.h"

// Items are requests; `tokens` counts outputs a second. The budget is 100 times what a warm Vidur serves of
// the same kind of trace: 74,000 requests/s.
namespace {

using namespace lpusim;
using serve::PoolSpec;

/// The lengths and gaps of a chat service (Azure LLM inference trace 2023, conversation: p50, p90, p99, max).
serve::GeneratedRequests chat_trace(std::int64_t count, double requests_per_s) {
    serve::GeneratorSpec spec;
    spec.request_count = count;
    spec.arrivals = serve::Arrivals::gamma;
    spec.requests_per_s = requests_per_s;
    spec.gap_cv = 1.09;
    spec.input = {{0, 0.5, 0.9, 0.99, 1}, {2, 1020, 2734, 4142, 14050}};
    spec.output = {{0, 0.5, 0.9, 0.99, 1}, {7, 129, 424, 601, 1000}};
    return serve::generate(spec);
}

/// 95 stages of 10 us, as published instances have: full at 95 sequences.
PoolSpec pipeline_pool(std::int64_t chunk_tokens) {
    constexpr std::int64_t stages = 95;
    device::PipelineTiming timing;
    timing.stage_count = stages;
    timing.page_tokens = 128;
    timing.kv_page_count = 4000;
    timing.chunk_tokens = chunk_tokens;
    for (std::int64_t row = 0; row < 128; ++row) {
        const std::int64_t occupancy_ps = 10'000'000 + 20'000 * row;
        timing.decode_occupancy_ps.push_back(occupancy_ps);
        timing.decode_latency_ps.push_back(stages * occupancy_ps);
        timing.prefill_occupancy_ps.push_back(occupancy_ps);
        timing.prefill_latency_ps.push_back(stages * occupancy_ps);
    }
    return {"lpu", serve::PipelineMachine{timing, {}}, 1, 0, 0};
}

/// A 70B-class dense model on eight chips of 1e15 FLOP/s, 4 TB/s and 140 GB.
PoolSpec batch_pool() {
    device::GpuSpec spec;
    spec.fp16_flops_per_s = 1e15;
    spec.memory_bytes = 140'000'000'000;
    spec.memory_bytes_per_s = 4e12;
    spec.link_bytes_per_s = 4e11;
    spec.scale_up_chips = 8;
    spec.kernel_overhead_us = 10;
    model::Load load;
    load.weight_bytes = load.always_read_bytes = 140'000'000'000;
    load.flops_per_token = 140'000'000'000;
    load.kv_bytes_per_token = 327'680;
    load.layers = 80;
    load.hidden = 8192;
    return {"gpu", serve::BatchMachine{std::make_shared<device::GpuTiming>(spec, 8, load, "fp16"), {}}, 1, 0,
            0};
}

void serve_chat(benchmark::State& state, const std::vector<PoolSpec>& pools, serve::Policy policy,
                double requests_per_s) {
    const serve::GeneratedRequests trace = chat_trace(state.range(0), requests_per_s);
    const serve::RequestColumns columns{trace.arrival_ps, trace.input_tokens, trace.output_tokens};
    const serve::RouterOptions router{policy, 500'000'000'000, 20'000'000'000, 0};
    const std::int64_t tokens =
        std::accumulate(trace.output_tokens.begin(), trace.output_tokens.end(), std::int64_t{0});
    serve::ServeOutcome outcome;
    for (auto _ : state) {
        outcome = serve::serve(pools, columns, router);
        benchmark::DoNotOptimize(outcome.finish_ps.data());
    }
    std::int64_t finished = 0, produced = 0;
    for (const auto& pool : outcome.pools) {
        finished += pool.finished;
        produced += pool.finished + pool.decode_items;
    }
    if (finished != state.range(0) || produced != tokens) {
        state.SkipWithError("requests or tokens were lost, so the time is meaningless");
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
    state.counters["tokens"] =
        benchmark::Counter(static_cast<double>(tokens), benchmark::Counter::kIsIterationInvariantRate);
}

void serve_pipeline_half_full(benchmark::State& state) {
    serve_chat(state, {pipeline_pool(1)}, serve::Policy::round_robin, 35);
}

void serve_pipeline_backlogged(benchmark::State& state) {
    serve_chat(state, {pipeline_pool(1)}, serve::Policy::round_robin, 1000);
}

void serve_batch_half_full(benchmark::State& state) {
    serve_chat(state, {batch_pool()}, serve::Policy::round_robin, 10);
}

void serve_batch_backlogged(benchmark::State& state) {
    serve_chat(state, {batch_pool()}, serve::Policy::round_robin, 1000);
}

void serve_mixed_cheapest_meeting_slo(benchmark::State& state) {
    PoolSpec lpu = pipeline_pool(1), gpu = batch_pool();
    lpu.usd_per_output_token = 2;
    gpu.usd_per_output_token = 1;
    serve_chat(state, {lpu, gpu}, serve::Policy::cheapest_meeting_slo, 40);
}

/// Every token waits for the one before: nothing to overlap, one event a token.
void serve_pipeline_lone_sequence(benchmark::State& state) {
    device::PipelineTiming timing;
    timing.stage_count = 10;
    timing.page_tokens = 1024;
    timing.kv_page_count = 1 << 20;
    timing.chunk_tokens = 1;
    timing.decode_occupancy_ps = timing.prefill_occupancy_ps = std::vector<std::int64_t>(1 << 14, 3);
    timing.decode_latency_ps = timing.prefill_latency_ps = std::vector<std::int64_t>(1 << 14, 30);
    const std::vector<PoolSpec> pools{{"lpu", serve::PipelineMachine{timing, {}}, 1, 0, 0}};
    const std::vector<std::int64_t> arrival{0}, input{1}, output{state.range(0)};
    serve::ServeOutcome outcome;
    for (auto _ : state) {
        outcome = serve::serve(pools, {arrival, input, output}, {});
        benchmark::DoNotOptimize(outcome.finish_ps.data());
    }
    if (outcome.finish_ps[0] != 30 * state.range(0)) {
        state.SkipWithError("wrong answer, so the time is meaningless");
    }
    state.SetItemsProcessed(state.iterations());
    state.counters["tokens"] = benchmark::Counter(static_cast<double>(state.range(0)),
                                                  benchmark::Counter::kIsIterationInvariantRate);
}

constexpr std::int64_t kRequests = 10'000;

BENCHMARK(serve_pipeline_half_full)->ArgName("requests")->Arg(kRequests)->Unit(benchmark::kMillisecond);
BENCHMARK(serve_pipeline_backlogged)->ArgName("requests")->Arg(kRequests)->Unit(benchmark::kMillisecond);
BENCHMARK(serve_batch_half_full)->ArgName("requests")->Arg(kRequests)->Unit(benchmark::kMillisecond);
BENCHMARK(serve_batch_backlogged)->ArgName("requests")->Arg(kRequests)->Unit(benchmark::kMillisecond);
BENCHMARK(serve_mixed_cheapest_meeting_slo)
    ->ArgName("requests")
    ->Arg(kRequests)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(serve_pipeline_lone_sequence)->ArgName("tokens")->Arg(1 << 23)->Unit(benchmark::kMillisecond);

} // namespace
