#include <benchmark/benchmark.h>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "lpusim/base/rng.h"
#include "lpusim/base/values/float_formats.h"
#include "lpusim/base/values/simd_level.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/kernels/kernels_move.h"
#include "lpusim/chip/kernels/layout.h"
#include "lpusim/chip/proof/verify.h"
#include "lpusim/chip/text/text.h"
#include "lpusim/chip/tick/tick.h"

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
    state.counters["pieces"] = static_cast<double>(run.pieces);
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
BENCHMARK(fold_vector_matrix)
    ->ArgName("side")
    ->Arg(1024)
    ->Arg(4096)
    ->Arg(12'800)
    ->Unit(benchmark::kMicrosecond);

/// Layers of a model in one program: every layer has runs of its own.
void fold_vector_matrix_chain(benchmark::State& state) {
    const chip::ChipSpec spec;
    const auto layers = static_cast<std::size_t>(state.range(0));
    const std::vector<std::int64_t> widths(layers + 1, 5120);
    const chip::Program program = chip::gemv_chain(spec, widths, std::vector<float>(layers, 0.001F));
    const chip::Run run = chip::fold(program, spec, {}, false);
    if (run.error || run.cycles != chip::plan_gemv_chain(spec, widths).cycles) {
        state.SkipWithError("wrong answer, so the time is meaningless");
        return;
    }
    time_fold(state, program, spec, run);
}
BENCHMARK(fold_vector_matrix_chain)->ArgName("layers")->Arg(1)->Arg(6)->Unit(benchmark::kMicrosecond);

/// Weights gathered at the addresses of experts.
void fold_experts(benchmark::State& state) {
    const chip::ChipSpec spec;
    const chip::ExpertShape shape{8, state.range(0), 1, 2560, 2560};
    const chip::Program program = chip::expert_gemm(spec, shape);
    const chip::Run run = chip::fold(program, spec, {}, false);
    if (run.error || run.cycles != chip::plan_expert_gemm(spec, shape).cycles) {
        state.SkipWithError("wrong answer, so the time is meaningless");
        return;
    }
    time_fold(state, program, spec, run);
}
BENCHMARK(fold_experts)->ArgName("slots")->Arg(8)->Arg(512)->Unit(benchmark::kMicrosecond);

/// A gather, a permute, a transpose and a scatter each cycle: runs for each diagonal of each bank.
void fold_transpose(benchmark::State& state) {
    const chip::ChipSpec spec;
    const std::int64_t side = state.range(0);
    const chip::Program program = chip::transpose(spec, side, side);
    const chip::Run run = chip::fold(program, spec, {}, false);
    if (run.error || run.cycles != chip::plan_transpose(spec, side, side).cycles) {
        state.SkipWithError("wrong answer, so the time is meaningless");
        return;
    }
    time_fold(state, program, spec, run);
}
BENCHMARK(fold_transpose)->ArgName("side")->Arg(320)->Arg(1280)->Arg(5120)->Unit(benchmark::kMicrosecond);

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

/// One vector a cycle from a slice to another, `instructions` runs of one instruction each.
chip::Program unrolled_copies(std::int64_t instructions) {
    chip::Program program;
    program.runs.reserve(static_cast<std::size_t>(instructions));
    const chip::ChipSpec spec; // Slices 0 are two hops apart, and a read drives after its latency.
    const std::int64_t later = spec.mem_read_latency_cycles + 2;
    for (std::int64_t i = 0; i < instructions / 2; ++i) {
        const std::int64_t word = i % spec.mem_words_per_slice;
        const chip::StreamRef stream{chip::Direction::East, 0};
        program.runs.push_back({{chip::Unit::Mem, chip::Hemisphere::West, 0},
                                i,
                                chip::MemAccess{chip::MemRead{word, stream}, std::nullopt},
                                {},
                                {}});
        program.runs.push_back({{chip::Unit::Mem, chip::Hemisphere::East, 0},
                                i + later,
                                chip::MemAccess{std::nullopt, chip::MemWrite{word, stream}},
                                {},
                                {}});
    }
    return program;
}

/// Items are instructions. `run_bytes` is what one of them takes in memory.
void verify_single_instructions(benchmark::State& state) {
    const chip::ChipSpec spec;
    const std::int64_t instructions = state.range(0);
    const chip::Program program = unrolled_copies(instructions);
    // The last write is taken instructions / 2 - 1 + 4 cycles in, is in SRAM one later; 20 superlanes.
    if (!chip::verify(program, spec).legal() ||
        chip::verify(program, spec).cycles != instructions / 2 + 4 + spec.superlanes) {
        state.SkipWithError("wrong answer, so the time is meaningless");
        return;
    }
    for (auto _ : state) {
        benchmark::DoNotOptimize(chip::verify(program, spec).cycles);
    }
    state.SetItemsProcessed(state.iterations() * instructions);
    state.counters["run_bytes"] = sizeof(chip::InstructionRun);
}
BENCHMARK(verify_single_instructions)
    ->ArgName("instructions")
    ->Arg(10'000)
    ->Arg(1'000'000)
    ->Unit(benchmark::kMillisecond);

/// `level` is a SimdLevel: 0 portable, 1 AVX2, 2 AVX-512 with VNNI; those that the machine lacks are not
/// registered. The bits are those of the portable level, of which one block of rows is checked by hand.
void fold_values(benchmark::State& state, chip::DType dtype) {
    const chip::ChipSpec spec;
    const auto level = static_cast<SimdLevel>(state.range(0));
    const std::int64_t side = state.range(1);
    const chip::Program program = chip::gemm(spec, side, side, side, dtype);
    const std::int64_t width = chip::dtype_bytes(dtype);
    std::vector<std::uint8_t> a(static_cast<std::size_t>(width * side * side)), w(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
        a[i] = static_cast<std::uint8_t>(random_bits(1, 0, i));
        w[i] = static_cast<std::uint8_t>(random_bits(1, 1, i));
        if (width == 2 && i % 2 == 1) { // Signs at random, sizes from 2^-3 to 2^4.
            a[i] = static_cast<std::uint8_t>((a[i] & 0x8fU) | 0x30U);
            w[i] = static_cast<std::uint8_t>((w[i] & 0x8fU) | 0x30U);
        }
    }
    const auto size = static_cast<std::int64_t>(a.size());
    chip::Memory memory(spec);
    chip::store_tensor(chip::find_tensor(program, "a"), spec, memory, a.data(), size);
    chip::store_tensor(chip::find_tensor(program, "w"), spec, memory, w.data(), size);
    const chip::Run run = chip::fold(program, spec, memory, true, {}, level);
    std::vector<std::uint8_t> c(static_cast<std::size_t>(4 * side * side));
    chip::fetch_tensor(chip::find_tensor(program, "c"), spec, run.memory, c.data(), 4 * side * side);
    for (std::int64_t row = 0; row < side; row += 17) { // One element of some rows.
        const std::int64_t column = row * 7 % side;
        const auto element = [&](const std::vector<std::uint8_t>& matrix, std::int64_t at) {
            const auto byte = static_cast<std::size_t>(width * at);
            return width == 1
                       ? static_cast<double>(static_cast<std::int8_t>(matrix[byte]))
                       : fp32_from_fp16(static_cast<std::uint16_t>(matrix[byte] | (matrix[byte + 1] << 8U)));
        };
        double sum = 0, size_sum = 0; // Exact for int8.
        for (std::int64_t k = 0; k < side; ++k) {
            const double product = element(a, row * side + k) * element(w, k * side + column);
            sum += product;
            size_sum += std::abs(product);
        }
        std::uint32_t bits = 0;
        for (std::size_t byte = 0; byte < 4; ++byte)
            bits |= std::uint32_t{c[static_cast<std::size_t>(4 * (row * side + column)) + byte]}
                    << (8 * byte);
        const double got = width == 1 ? static_cast<double>(std::bit_cast<std::int32_t>(bits))
                                      : static_cast<double>(std::bit_cast<float>(bits));
        if (std::abs(got - sum) > (width == 1 ? 0.0 : 0x1p-20 * size_sum)) {
            state.SkipWithError("wrong answer, so the time is meaningless");
            return;
        }
    }
    for (auto _ : state) {
        benchmark::DoNotOptimize(chip::fold(program, spec, memory, true, {}, level).cycles);
    }
    state.SetItemsProcessed(state.iterations() * side * side * side);
}

void levels_and_sides(benchmark::internal::Benchmark* bench) {
    bench->ArgNames({"level", "side"})->Unit(benchmark::kMillisecond);
    for (const SimdLevel level : simd_levels()) {
        for (const std::int64_t side : {320, 2048})
            bench->Args({static_cast<std::int64_t>(level), side});
    }
}
BENCHMARK_CAPTURE(fold_values, int8, chip::DType::Int8)->Apply(levels_and_sides);
BENCHMARK_CAPTURE(fold_values, fp16, chip::DType::Fp16)->Apply(levels_and_sides);

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
