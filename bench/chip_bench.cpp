#include <benchmark/benchmark.h>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "lpusim/base/rng.h"
#include "lpusim/chip/fold.h"
#include "lpusim/chip/kernels.h"
#include "lpusim/chip/layout.h"
#include "lpusim/chip/text.h"
#include "lpusim/chip/tick.h"

// Items are run pieces, so time per item is time per piece. Budget: at most 200 ns without values, flat in
// repeat counts. With values, items are multiply-adds; for tick, cycles.
namespace {

using namespace lpusim;

/// Read, compute and write back, every row of tiles repeated `count` times.
chip::Program stretched(std::int64_t count) {
    const std::string outer = " repeat " + std::to_string(count) + " every 400";
    const chip::ChipSpec spec;
    std::string text;
    for (int lane = 0; lane < 16; ++lane) {
        const std::int64_t hops = chip::mem_distance(spec, 2 * lane);
        const std::string stream = std::to_string(lane);
        const std::string slice = std::to_string(2 * lane);
        text += '@' + std::to_string(30 - hops - 2) + " mem.w." + slice + " read 0 -> e." + stream + outer +
                " repeat 320 every 1 address 1\n";
        text += "@30 vxm." + stream + " relu int8 e." + stream + " -> e." + std::to_string(16 + lane) +
                outer + " repeat 320 every 1\n";
        text += '@' + std::to_string(31 + hops) + " mem.e." + slice + " write 0 <- e." +
                std::to_string(16 + lane) + outer + " repeat 320 every 1 write_address 1\n";
    }
    return chip::parse(text);
}

/// `run` is the checked answer.
void time_fold(benchmark::State& state, const chip::Program& program, const chip::ChipSpec& spec,
               const chip::Run& run) {
    for (auto _ : state) {
        benchmark::DoNotOptimize(chip::fold(program, spec, {}, false).cycles);
    }
    state.SetItemsProcessed(state.iterations() * run.pieces);
    state.counters["chip_cycles/s"] =
        benchmark::Counter(static_cast<double>(run.cycles) * static_cast<double>(state.iterations()),
                           benchmark::Counter::kIsRate);
}

void fold_repeat_stretched(benchmark::State& state) {
    const chip::ChipSpec spec;
    const chip::Program program = stretched(state.range(0));
    const chip::Run run = chip::fold(program, spec, {}, false);
    if (run.error || run.pieces != 80) { // 48 runs, 32 meetings
        state.SkipWithError("wrong answer, so the time is meaningless");
        return;
    }
    time_fold(state, program, spec, run);
}
BENCHMARK(fold_repeat_stretched)
    ->ArgName("repeats")
    ->RangeMultiplier(1000)
    ->Range(100, 100'000'000)
    ->Arg(1'000'000'000);

/// Real schedules: many short runs, loads through slice ranges.
void fold_matrix_product(benchmark::State& state) {
    const chip::ChipSpec spec;
    const std::int64_t side = state.range(0);
    const chip::Program program = chip::gemm(spec, side, side, side);
    const chip::Run run = chip::fold(program, spec, {}, false);
    if (run.error || (side <= 640 && run.cycles != chip::tick(program, spec, {}, false).cycles)) {
        state.SkipWithError("wrong answer, so the time is meaningless");
        return;
    }
    time_fold(state, program, spec, run);
}
BENCHMARK(fold_matrix_product)->ArgName("side")->Arg(320)->Arg(640)->Arg(2048)->Unit(benchmark::kMicrosecond);

/// One row of activations, as in decoding at batch 1: weights stream and little else happens.
void fold_vector_matrix(benchmark::State& state) {
    const chip::ChipSpec spec;
    const std::int64_t side = state.range(0);
    const chip::Program program = chip::gemm(spec, 1, side, side);
    const chip::Run run = chip::fold(program, spec, {}, false);
    if (run.error || run.cycles != chip::tick(program, spec, {}, false).cycles) {
        state.SkipWithError("wrong answer, so the time is meaningless");
        return;
    }
    time_fold(state, program, spec, run);
}
BENCHMARK(fold_vector_matrix)->ArgName("side")->Arg(1024)->Arg(4096)->Unit(benchmark::kMicrosecond);

/// Every plane loads a tile, installs it, takes a vector and stores the sums, 256 tiles a turn: ten runs a
/// plane. Ten streams carry 32 * 10 weight columns in 32 cycles, the next cycle installs.
chip::Program weights_in_turn(const chip::ChipSpec& spec, std::int64_t turns) {
    const std::string many = " repeat " + std::to_string(turns) + " every " + std::to_string(256 * 33);
    const std::string each = many + " repeat 256 every 33";
    const auto at = [](std::int64_t cycle) { return "@" + std::to_string(cycle) + " "; };
    std::string text;
    for (const chip::Hemisphere side : {chip::Hemisphere::West, chip::Hemisphere::East}) {
        const bool west = side == chip::Hemisphere::West;
        const std::string in = west ? "w." : "e.", out = west ? "e." : "w.";
        const auto hops = [&](std::int64_t slice) {
            return std::abs(chip::mem_position(spec, side, slice) - chip::mxm_position(spec, side));
        };
        for (std::int64_t plane = 0; plane < 2; ++plane) {
            const std::string mxm = "mxm." + in + std::to_string(plane) + ".";
            const std::int64_t slice = 20 + 10 * plane, vectors = plane, sums = 4 + 4 * plane, loaded = 60;
            const std::int64_t entered = loaded + 32 + spec.mxm_install_latency_cycles;
            const std::int64_t added = entered + spec.mxm_activate_latency_cycles;
            const std::string weights = in + std::to_string(10 * plane);
            const std::string vector = in + std::to_string(30 + plane);
            text += at(loaded - hops(slice) - spec.mem_read_latency_cycles) + "mem." + in +
                    std::to_string(slice) + ".." + std::to_string(slice + 9) + " read 0 -> " + weights +
                    " each stream 1 follow " + (west ? "w" : "e") + each +
                    " address 32 repeat 32 every 1 address 1\n";
            text += at(loaded) + mxm + "weights load 0 <- " + weights + " streams 10" + each +
                    " repeat 32 every 1 address 10\n";
            text += at(loaded + 32) + mxm + "weights install" + each + '\n';
            text += at(entered - hops(vectors) - spec.mem_read_latency_cycles) + "mem." + in +
                    std::to_string(vectors) + " read 0 -> " + vector + each + " address 1\n";
            text += at(entered) + mxm + "activations activate int8 <- " + vector + each + '\n';
            text +=
                at(added) + mxm + "accumulators start 0 -> " + out + std::to_string(4 * plane) + each + '\n';
            for (std::int64_t byte = 0; byte < 4; ++byte) {
                text += at(added + spec.mxm_accumulate_latency_cycles + hops(sums + byte)) + "mem." + in +
                        std::to_string(sums + byte) + " write 0 <- " + out +
                        std::to_string(4 * plane + byte) + each + " write_address 1\n";
            }
        }
    }
    return chip::parse(text);
}

void fold_weights_in_turn(benchmark::State& state) {
    const chip::ChipSpec spec;
    const chip::Program program = weights_in_turn(spec, state.range(0));
    const chip::Run run = chip::fold(program, spec, {}, false);
    if (run.error || (state.range(0) == 1 && run.cycles != chip::tick(program, spec, {}, false).cycles)) {
        state.SkipWithError("wrong answer, so the time is meaningless");
        return;
    }
    time_fold(state, program, spec, run);
}
BENCHMARK(fold_weights_in_turn)->ArgName("turns")->Arg(1)->Arg(1000)->Arg(100'000'000);

/// The worst case: rows of 997 cycles read what two slices drive in rows of 1009, so that hardly a row is cut
/// like another one.
void fold_misaligned_periods(benchmark::State& state) {
    const chip::ChipSpec spec;
    const std::int64_t rows = state.range(0);
    const std::string many = " repeat " + std::to_string(rows);
    const std::string text = "@0 mem.w.0 read 0 -> e.0" + many + " every 1009 repeat 1000 every 1\n" +
                             "@1000 mem.w.1 read 0 -> e.0" + many + " every 1009 repeat 9 every 1\n" +
                             "@4 mem.e.0 write 0 <- e.0" + many + " every 997 repeat 500 every 1\n";
    const chip::Program program = chip::parse(text);
    const chip::Run run = chip::fold(program, spec, {}, false);
    if (run.error) {
        state.SkipWithError("wrong answer, so the time is meaningless");
        return;
    }
    time_fold(state, program, spec, run);
}
BENCHMARK(fold_misaligned_periods)->ArgName("rows")->Arg(10)->Arg(100)->Arg(900);

void fold_values_int8(benchmark::State& state) {
    const chip::ChipSpec spec;
    const std::int64_t side = state.range(0);
    const chip::Program program = chip::gemm(spec, side, side, side);
    std::vector<std::uint8_t> a(static_cast<std::size_t>(side * side)), w(a.size()), c(4 * a.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        a[i] = static_cast<std::uint8_t>(random_bits(1, 0, i));
        w[i] = static_cast<std::uint8_t>(random_bits(1, 1, i));
    }
    chip::Memory memory(spec);
    chip::store_tensor(chip::find_tensor(program, "a"), spec, memory, a.data(), side * side);
    chip::store_tensor(chip::find_tensor(program, "w"), spec, memory, w.data(), side * side);
    const chip::Run run = chip::fold(program, spec, memory, true);
    chip::fetch_tensor(chip::find_tensor(program, "c"), spec, run.memory, c.data(), 4 * side * side);
    for (std::int64_t row = 0; row < side; row += 17) { // One element of some rows, by hand.
        const std::int64_t column = row * 7 % side;
        std::int32_t sum = 0;
        for (std::int64_t k = 0; k < side; ++k) {
            sum += static_cast<std::int8_t>(a[static_cast<std::size_t>(row * side + k)]) *
                   static_cast<std::int8_t>(w[static_cast<std::size_t>(k * side + column)]);
        }
        std::uint32_t got = 0;
        for (std::size_t byte = 0; byte < 4; ++byte) {
            got |= std::uint32_t{c[static_cast<std::size_t>(4 * (row * side + column)) + byte]} << (8 * byte);
        }
        if (got != static_cast<std::uint32_t>(sum)) {
            state.SkipWithError("wrong answer, so the time is meaningless");
            return;
        }
    }
    for (auto _ : state) {
        benchmark::DoNotOptimize(chip::fold(program, spec, memory, true).cycles);
    }
    state.SetItemsProcessed(state.iterations() * side * side * side);
}
BENCHMARK(fold_values_int8)->ArgName("side")->Arg(320)->Arg(2048)->Unit(benchmark::kMillisecond);

/// A product wide enough for every plane.
void tick_matrix_product(benchmark::State& state) {
    const chip::ChipSpec spec;
    const bool values = state.range(0) != 0;
    const chip::Program program = chip::gemm(spec, 320, 1280, 320);
    const chip::Memory memory = values ? chip::Memory(spec) : chip::Memory();
    const chip::Run run = chip::tick(program, spec, memory, values);
    if (run.error || run.cycles != chip::fold(program, spec, {}, false).cycles) {
        state.SkipWithError("wrong answer, so the time is meaningless");
        return;
    }
    for (auto _ : state) {
        benchmark::DoNotOptimize(chip::tick(program, spec, memory, values).cycles);
    }
    state.SetItemsProcessed(state.iterations() * run.cycles);
}
BENCHMARK(tick_matrix_product)->ArgName("values")->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond);

} // namespace
