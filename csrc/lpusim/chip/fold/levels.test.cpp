#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "lpusim/base/values/simd_level.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/fuzz/random_program.h"
#include "lpusim/chip/kernels/kernel_test.h"
#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/kernels/kernels_rows.h"
#include "lpusim/chip/kernels/kernels_vector.h"

// Whole programs at every SIMD level of this machine: the same SRAM, bit for bit.
namespace lpusim::chip {
namespace {

void check_levels(const Program& program, const ChipSpec& spec, const Memory& memory) {
    const Run portable = fold(program, spec, memory, true, {}, SimdLevel::Portable);
    for (const SimdLevel level : simd_levels()) {
        CAPTURE(static_cast<int>(level));
        const Run run = fold(program, spec, memory, true, {}, level);
        REQUIRE(run.cycles == portable.cycles);
        REQUIRE((run.error == portable.error));
        REQUIRE((run.memory == portable.memory));
    }
}

} // namespace

TEST_CASE("every SIMD level leaves the same SRAM behind products, on lanes that fill no register") {
    ChipSpec spec = small_kernel_spec();
    spec.superlanes = 3;
    spec.lanes_per_superlane = 13; // 39 lanes
    spec.mem_words_per_slice = 256;
    spec.mxm_activate_latency_cycles = 5;
    for (const DType dtype : {DType::Int8, DType::Fp8, DType::Fp16}) {
        for (const std::int64_t m : {1, 5, 70}) {
            CAPTURE(to_string(dtype));
            CAPTURE(m);
            check_levels(gemm(spec, m, 50, 80, dtype), spec, random_memory(spec, 7));
        }
    }
    spec.mxm_wide_accumulate = 1;
    check_levels(gemm(spec, 9, 50, 80, DType::Fp16), spec, random_memory(spec, 8));
}

TEST_CASE("every SIMD level leaves the same SRAM behind functions and row kernels") {
    const ChipSpec spec = small_kernel_spec();
    const Memory memory = random_memory(spec, 3); // Any bits: NaN, infinities and subnormals among them.
    for (const DType dtype : {DType::Fp16, DType::Fp32}) {
        CAPTURE(to_string(dtype));
        check_levels(softmax(spec, 5, 21, dtype), spec, memory);
        check_levels(layernorm(spec, 4, 21, dtype, 1e-5F), spec, memory);
        check_levels(activation(spec, Activation::Swiglu, 5, 21, dtype), spec, memory);
        check_levels(activation(spec, Activation::Gelu, 5, 21, dtype), spec, memory);
    }
}

TEST_CASE("every SIMD level leaves the same SRAM behind random programs") {
    for (std::uint64_t seed = 1; seed <= 150; ++seed) {
        CAPTURE(seed);
        const ChipSpec spec = random_spec(seed);
        check_levels(random_legal_program(spec, seed), spec, random_memory(spec, seed));
    }
}

} // namespace lpusim::chip
