#include <benchmark/benchmark.h>
#include <bit>
#include <cstdint>
#include <vector>

#include "lpusim/base/rng.h"
#include "lpusim/base/values/column_sums.h"
#include "lpusim/base/values/float_formats.h"
#include "lpusim/chip/values/values.h"

// Element arithmetic alone, one thread. Items are multiply-adds, or elements of the VXM. `level` is a
// SimdLevel: 0 portable, 1 AVX2, 2 AVX-512 with VNNI; a level that the machine lacks is not registered.
namespace {

using namespace lpusim;

constexpr std::int64_t kLanes = 320;

using Bytes = std::vector<std::uint8_t>;

Bytes random_bytes(std::uint64_t stream, std::int64_t count) {
    Bytes bytes(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::uint8_t>(random_bits(1, stream, i));
    }
    return bytes;
}

/// Low bytes, then high bytes of fp16 numbers with the spread of a normal distribution.
Bytes normal_fp16_planes(std::uint64_t stream, std::int64_t count) {
    Bytes bytes(static_cast<std::size_t>(2 * count));
    for (std::int64_t i = 0; i < count; ++i) {
        double sum = -6.0; // Of twelve uniform numbers: variance 1.
        for (std::uint64_t k = 0; k < 12; ++k) {
            sum +=
                static_cast<double>(random_bits(stream, k, static_cast<std::uint64_t>(i)) >> 11U) * 0x1p-53;
        }
        const std::uint16_t bits = fp16_from_fp64(sum);
        bytes[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(bits);
        bytes[static_cast<std::size_t>(count + i)] = static_cast<std::uint8_t>(bits >> 8U);
    }
    return bytes;
}

WeightPlane plane_of(const std::uint8_t* columns) {
    WeightPlane plane(kLanes);
    for (std::int64_t column = 0; column < kLanes; ++column) {
        plane.set_column(column, columns + column * kLanes);
    }
    return plane;
}

/// Times `sums_of(level, sums)`, whose bits must be those of the portable level.
template <class SumsOf>
void time_sums(benchmark::State& state, std::int64_t rows, const SumsOf& sums_of) {
    const auto level = static_cast<SimdLevel>(state.range(0));
    std::vector<std::int32_t> sums(static_cast<std::size_t>(rows * kLanes)), expected(sums);
    sums_of(SimdLevel::Portable, expected.data());
    sums_of(level, sums.data());
    if (sums != expected) {
        state.SkipWithError("wrong answer, so the time is meaningless");
        return;
    }
    for (auto _ : state) {
        sums_of(level, sums.data());
        benchmark::DoNotOptimize(sums.data());
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations() * rows * kLanes * kLanes);
}

void column_sums_int8(benchmark::State& state) {
    const std::int64_t rows = state.range(1);
    const Bytes activations = random_bytes(0, rows * kLanes), weights = random_bytes(1, kLanes * kLanes);
    WeightPlane plane = plane_of(weights.data());
    time_sums(state, rows, [&](SimdLevel level, std::int32_t* sums) {
        column_sums_int8(plane, activations.data(), rows, sums, level);
    });
}

void column_sums_fp8(benchmark::State& state) {
    const std::int64_t rows = state.range(1);
    const Bytes activations = random_bytes(0, rows * kLanes), weights = random_bytes(1, kLanes * kLanes);
    WeightPlane plane = plane_of(weights.data());
    time_sums(state, rows, [&](SimdLevel level, std::int32_t* sums) {
        column_sums_fp8(plane, activations.data(), rows, sums, level);
    });
}

void column_sums_fp16(benchmark::State& state) {
    const std::int64_t rows = state.range(1);
    const Bytes activations = normal_fp16_planes(0, rows * kLanes);
    const Bytes weights = normal_fp16_planes(1, kLanes * kLanes);
    WeightPlane low = plane_of(weights.data()), high = plane_of(weights.data() + kLanes * kLanes);
    time_sums(state, rows, [&](SimdLevel level, std::int32_t* sums) {
        column_sums_fp16(low, high, activations.data(), rows, 1, sums, level);
    });
}

/// Weights that change before every product, as when they stream through the planes.
void column_sums_fp16_new_weights(benchmark::State& state) {
    const std::int64_t rows = state.range(1);
    const Bytes activations = normal_fp16_planes(0, rows * kLanes);
    const Bytes weights = normal_fp16_planes(1, kLanes * kLanes);
    WeightPlane low = plane_of(weights.data()), high = plane_of(weights.data() + kLanes * kLanes);
    time_sums(state, rows, [&](SimdLevel level, std::int32_t* sums) {
        low.set_column(0, weights.data());
        column_sums_fp16(low, high, activations.data(), rows, 1, sums, level);
    });
}

void wide_sums_fp16(benchmark::State& state) {
    const std::int64_t rows = state.range(1);
    const Bytes activations = normal_fp16_planes(0, rows * kLanes);
    const Bytes weights = normal_fp16_planes(1, kLanes * kLanes);
    WeightPlane low = plane_of(weights.data()), high = plane_of(weights.data() + kLanes * kLanes);
    time_sums(state, rows, [&](SimdLevel level, std::int32_t* sums) {
        std::vector<WideSum> wide(static_cast<std::size_t>(rows * kLanes));
        add_wide_sums_fp16(low, high, activations.data(), rows, wide.data(), level);
        for (std::size_t i = 0; i < wide.size(); ++i) {
            sums[i] = std::bit_cast<std::int32_t>(wide[i].to_fp32());
        }
    });
}

void levels_and_rows(benchmark::internal::Benchmark* bench) {
    bench->ArgNames({"level", "rows"});
    for (const SimdLevel level : simd_levels()) {
        bench->Args({static_cast<std::int64_t>(level), 1});
        bench->Args({static_cast<std::int64_t>(level), 128});
        bench->Args({static_cast<std::int64_t>(level), 2048});
    }
    bench->Unit(benchmark::kMicrosecond);
}
BENCHMARK(column_sums_int8)->Apply(levels_and_rows);
BENCHMARK(column_sums_fp8)->Apply(levels_and_rows);
BENCHMARK(column_sums_fp16)->Apply(levels_and_rows);
BENCHMARK(column_sums_fp16_new_weights)->Apply(levels_and_rows);
BENCHMARK(wide_sums_fp16)->Apply(levels_and_rows);

/// One instruction of the VXM on 64 vectors.
void vxm(benchmark::State& state, chip::VxmOp op, chip::DType dtype, chip::DType result) {
    constexpr std::int64_t kElements = 64 * kLanes;
    const Bytes a = random_bytes(0, 4 * kElements), b = random_bytes(1, 4 * kElements);
    chip::VxmCompute compute;
    compute.op = op;
    compute.dtype = dtype;
    compute.result = result;
    Bytes out(static_cast<std::size_t>(4 * kElements));
    for (auto _ : state) {
        chip::vxm_apply(compute, {a.data(), b.data(), b.data()}, out.data(), kElements);
        benchmark::DoNotOptimize(out.data());
        benchmark::ClobberMemory();
    }
    state.SetItemsProcessed(state.iterations() * kElements);
}
BENCHMARK_CAPTURE(vxm, add_sat_int8, chip::VxmOp::AddSat, chip::DType::Int8, chip::DType::Int8);
BENCHMARK_CAPTURE(vxm, add_int32, chip::VxmOp::Add, chip::DType::Int32, chip::DType::Int32);
BENCHMARK_CAPTURE(vxm, mul_fp32, chip::VxmOp::Mul, chip::DType::Fp32, chip::DType::Fp32);
BENCHMARK_CAPTURE(vxm, mul_fp16, chip::VxmOp::Mul, chip::DType::Fp16, chip::DType::Fp16);
BENCHMARK_CAPTURE(vxm, max_fp16, chip::VxmOp::Max, chip::DType::Fp16, chip::DType::Fp16);
BENCHMARK_CAPTURE(vxm, select_fp32, chip::VxmOp::Select, chip::DType::Fp32, chip::DType::Fp32);
BENCHMARK_CAPTURE(vxm, convert_fp32_fp16, chip::VxmOp::Convert, chip::DType::Fp32, chip::DType::Fp16);
BENCHMARK_CAPTURE(vxm, convert_fp32_int8, chip::VxmOp::Convert, chip::DType::Fp32, chip::DType::Int8);
BENCHMARK_CAPTURE(vxm, convert_fp32_fp8, chip::VxmOp::Convert, chip::DType::Fp32, chip::DType::Fp8);
BENCHMARK_CAPTURE(vxm, exp_fp16, chip::VxmOp::Exp, chip::DType::Fp16, chip::DType::Fp16);
BENCHMARK_CAPTURE(vxm, exp_fp32, chip::VxmOp::Exp, chip::DType::Fp32, chip::DType::Fp32);
BENCHMARK_CAPTURE(vxm, rsqrt_fp32, chip::VxmOp::Rsqrt, chip::DType::Fp32, chip::DType::Fp32);
BENCHMARK_CAPTURE(vxm, tanh_fp32, chip::VxmOp::Tanh, chip::DType::Fp32, chip::DType::Fp32);

} // namespace
