#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "lpusim/base/rng.h"
#include "lpusim/base/values/simd_level.h"
#include "lpusim/chip/fold/fold.h"
#include "lpusim/chip/fuzz/random_program.h"
#include "lpusim/chip/kernels/kernel_test.h"
#include "lpusim/chip/kernels/kernels.h"
#include "lpusim/chip/kernels/kernels_rows.h"
#include "lpusim/chip/kernels/kernels_vector.h"
#include "lpusim/chip/tick/tick.h"

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

/// Half of the bytes are those of NaN, infinities, zeros and ones in fp8 or the upper half of fp16.
Memory strange_memory(const ChipSpec& spec, std::uint64_t seed) {
    constexpr std::uint8_t kStrange[] = {0x7f, 0xff, 0x7c, 0xfc, 0x7e, 0x00, 0x80, 0x3c};
    Memory memory = random_memory(spec, seed);
    std::uint64_t drawn = 0;
    for (std::int64_t slice = 0; slice < memory.slice_count(); ++slice) {
        for (std::int64_t address = 0; address < spec.mem_words_per_slice; ++address) {
            std::uint8_t* bytes = memory.write(slice, address);
            for (std::int64_t lane = 0; lane < spec.lanes(); ++lane) {
                const std::uint64_t random = random_bits(seed, 13, drawn++);
                bytes[lane] = random % 16 == 0  ? kStrange[(random >> 8U) % 8]
                              : random % 2 == 0 ? static_cast<std::uint8_t>(random >> 16U) % 8U
                                                : bytes[lane];
            }
        }
    }
    return memory;
}

} // namespace

TEST_CASE("NaN and infinities leave the same SRAM behind products, at every level and in both engines") {
    ChipSpec spec = small_kernel_spec();
    for (const std::int64_t wide : {0, 1}) {
        spec.mxm_wide_accumulate = wide;
        for (const DType dtype : {DType::Int8, DType::Fp8, DType::Fp16}) {
            for (std::uint64_t seed = 1; seed <= 4; ++seed) {
                CAPTURE(wide);
                CAPTURE(to_string(dtype));
                CAPTURE(seed);
                const Program program = gemm(spec, 7, 12, 20, dtype); // three passes
                const Memory memory = strange_memory(spec, seed);
                check_levels(program, spec, memory);
                REQUIRE(
                    (tick(program, spec, memory, true).memory == fold(program, spec, memory, true).memory));
            }
        }
    }
}

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
