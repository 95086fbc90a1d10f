#include <benchmark/benchmark.h>
#include <cstdint>
#include <string>
#include <vector>

#include "lpusim/chip/text/program_binary.h"
#include "lpusim/chip/text/text.h"

// Readers of programs. Items are runs; bytes/s is how fast a form is read.
namespace {

using namespace lpusim;

/// Every kind of line a builder writes, `runs` runs in all.
chip::Program mixed_runs(std::int64_t runs) {
    std::string text = "map reverse 319..0\n";
    for (std::int64_t i = 0; i < runs / 8; ++i) {
        const std::string at = '@' + std::to_string(400 * i) + ' ';
        const std::string slice = std::to_string(i % 40);
        text +=
            at + "mem.w." + slice + ".." + std::to_string(i % 40 + 3) +
            " read 100 -> e.0 each stream 1 follow e repeat 4 every 30 address 20 repeat 20 every 1 address "
            "1\n";
        text += at + "mem.e." + slice + " read 7 -> w.3 gather 64 <- w.4\n";
        text += at + "mxm.w.0.weights load 0 <- w.0 streams 16 repeat 20 every 1 address 16\n";
        text += at + "mxm.w.0.activations activate int8 <- w.31 repeat 320 every 1\n";
        text += at + "mxm.w.0.accumulators start 0 -> e.0 repeat 320 every 1 address 1\n";
        text += at + "vxm.3 scale int32 to int8 e.0, =0.125f -> e.4 repeat 320 every 1\n";
        text += at + "sxm.w.0 permute reverse e.1 -> e.2\n";
        text += at + "mem.e." + slice + " write 0 <- e.4 repeat 320 every 1 write_address 1\n";
    }
    return chip::parse(text);
}

void report(benchmark::State& state, std::size_t size_bytes) {
    state.SetItemsProcessed(state.iterations() * state.range(0));
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(size_bytes));
    state.counters["bytes/run"] = static_cast<double>(size_bytes) / static_cast<double>(state.range(0));
}

void read_text(benchmark::State& state) {
    const chip::Program program = mixed_runs(state.range(0));
    const std::string text = chip::to_text(program);
    if (chip::parse(text) != program) {
        state.SkipWithError("wrong answer, so the time is meaningless");
        return;
    }
    for (auto _ : state) {
        benchmark::DoNotOptimize(chip::parse(text));
    }
    report(state, text.size());
}
BENCHMARK(read_text)->ArgName("runs")->Arg(1 << 10)->Arg(1 << 20)->Unit(benchmark::kMillisecond);

void read_binary(benchmark::State& state) {
    const chip::Program program = mixed_runs(state.range(0));
    const std::vector<std::uint8_t> bytes = chip::encode(program);
    if (chip::decode(bytes) != program) {
        state.SkipWithError("wrong answer, so the time is meaningless");
        return;
    }
    for (auto _ : state) {
        benchmark::DoNotOptimize(chip::decode(bytes));
    }
    report(state, bytes.size());
}
BENCHMARK(read_binary)->ArgName("runs")->Arg(1 << 10)->Arg(1 << 20)->Unit(benchmark::kMillisecond);

} // namespace
