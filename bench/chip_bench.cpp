#include <benchmark/benchmark.h>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "lpusim/chip/fold.h"
#include "lpusim/chip/kernels.h"
#include "lpusim/chip/text.h"
#include "lpusim/chip/tick.h"

// Items are chip cycles unless a name says otherwise. Budgets on the full chip: tick 1e5 cycles/s timing only
// and 2e4 with all planes busy in int8; fold 200 ns a piece, flat in repeat counts.
namespace {

using namespace lpusim;
using namespace lpusim::chip;

using Engine = Run (*)(const Program&, const ChipSpec&, Memory, bool, const Progress&);

/// One row against many weights: every weight slice reads every cycle.
void weights_streamed(benchmark::State& state, Engine engine) {
    const ChipSpec spec;
    const Program program = gemm(spec, 1, 8960, 8320);
    std::int64_t cycles = 0;
    for (auto _ : state) {
        cycles = engine(program, spec, {}, false, {}).cycles;
    }
    if (cycles != tick(program, spec, {}, false).cycles) {
        state.SkipWithError("wrong cycle count, so the time is meaningless");
    }
    state.SetItemsProcessed(state.iterations() * cycles);
}
BENCHMARK_CAPTURE(weights_streamed, tick, tick)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(weights_streamed, fold, fold)->Unit(benchmark::kMillisecond);

std::vector<std::uint8_t> filled(std::int64_t size) {
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
    std::uint32_t seed = 1;
    for (auto& byte : bytes) {
        seed = seed * 1664525U + 1013904223U;
        byte = static_cast<std::uint8_t>(seed >> 24U);
    }
    return bytes;
}

bool product_is_right(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& w,
                      const std::vector<std::int32_t>& c, std::int64_t m, std::int64_t n, std::int64_t k) {
    for (std::int64_t i = 0; i < m; i += 7) {
        for (std::int64_t j = 0; j < n; j += 13) {
            std::int32_t sum = 0;
            for (std::int64_t l = 0; l < k; ++l) {
                sum += static_cast<std::int8_t>(a[static_cast<std::size_t>(i * k + l)]) *
                       static_cast<std::int8_t>(w[static_cast<std::size_t>(l * n + j)]);
            }
            if (c[static_cast<std::size_t>(i * n + j)] != sum) {
                return false;
            }
        }
    }
    return true;
}

/// All four planes multiply every cycle, with values.
void planes_busy_int8(benchmark::State& state, Engine engine) {
    const ChipSpec spec;
    constexpr std::int64_t kM = 640, kN = 1280, kK = 960;
    const Program program = gemm(spec, kM, kN, kK);
    const auto a = filled(kM * kK);
    const auto w = filled(kK * kN);
    Memory initial(spec);
    store_tensor(find_tensor(program, "a"), spec, initial, a.data(), kM * kK);
    store_tensor(find_tensor(program, "w"), spec, initial, w.data(), kK * kN);
    Run done;
    for (auto _ : state) {
        done = engine(program, spec, initial, true, {});
    }
    std::vector<std::int32_t> c(kM * kN);
    std::vector<std::uint8_t> bytes(4 * c.size());
    fetch_tensor(find_tensor(program, "c"), spec, done.memory, bytes.data(), 4 * kM * kN);
    std::memcpy(c.data(), bytes.data(), bytes.size());
    if (!product_is_right(a, w, c, kM, kN, kK)) {
        state.SkipWithError("wrong product, so the time is meaningless");
    }
    state.SetItemsProcessed(state.iterations() * done.cycles);
    state.counters["MAC/s"] =
        benchmark::Counter(static_cast<double>(kM * kN * kK), benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK_CAPTURE(planes_busy_int8, tick, tick)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(planes_busy_int8, fold, fold)->Unit(benchmark::kMillisecond);

/// A copy from one slice to another, over and over: few runs, any number of cycles. Items are pieces.
void fold_repeats(benchmark::State& state) {
    const ChipSpec spec;
    const std::string count = std::to_string(state.range(0));
    // w.43 stands at x = 1 and w.0 at x = 21: 20 hops and a read latency of 2 apart.
    const Program program = parse("@0 mem.w.43 read 0 -> e.0 repeat " + count +
                                  " every 200 repeat 100 every 1 address 1\n"
                                  "@22 mem.w.0 write 0 <- e.0 repeat " +
                                  count + " every 200 repeat 100 every 1 write_address 1");
    Run done;
    for (auto _ : state) {
        done = fold(program, spec, {}, false);
    }
    // The last write issues at 22 + 200 (count - 1) + 99 and touches SRAM one cycle later.
    if (done.error || done.cycles != 22 + 200 * (state.range(0) - 1) + 99 + 1 + 20) {
        state.SkipWithError("wrong cycle count, so the time is meaningless");
    }
    state.SetItemsProcessed(state.iterations() * done.pieces);
}
BENCHMARK(fold_repeats)->ArgName("repeats")->Arg(100)->Arg(100'000)->Arg(1'000'000'000);

/// Items are runs of the program text.
void parse_text(benchmark::State& state) {
    const Program program = gemm(ChipSpec{}, 1, 8960, 8320);
    const std::string text = to_text(program);
    Program parsed;
    for (auto _ : state) {
        parsed = parse(text);
    }
    if (!(parsed == program)) {
        state.SkipWithError("another program, so the time is meaningless");
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(program.runs.size()));
}
BENCHMARK(parse_text);

/// The whole schedule of one row against many weights.
void build_gemm(benchmark::State& state) {
    const ChipSpec spec;
    Program program;
    for (auto _ : state) {
        program = gemm(spec, 1, 8960, 8320);
    }
    if (tick(program, spec, {}, false).error) {
        state.SkipWithError("an illegal schedule, so the time is meaningless");
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(build_gemm);

} // namespace
