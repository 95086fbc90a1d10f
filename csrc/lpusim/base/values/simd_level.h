#pragma once

#include <cstdint>
#include <vector>

/// What SimdLevel::Avx512Vnni stands for, as [[gnu::target]] wants it.
#define LPUSIM_AVX512 "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma"

/// Before a function: compile it, and what it inlines, for AVX2. Without fused multiply-add, so that the bits
/// are those of the function without it. Only to be called at SimdLevel::Avx2 or above.
#if defined(__x86_64__) && defined(__GNUC__)
#define LPUSIM_AVX2_TWIN [[gnu::target("avx2"), gnu::flatten]]
#else
#define LPUSIM_AVX2_TWIN
#endif

/// The same for AVX-512. Only to be called at SimdLevel::Avx512Vnni or above.
#if defined(__x86_64__) && defined(__clang__)
#define LPUSIM_AVX512_TWIN [[gnu::target("avx512f,avx512bw,avx512dq,avx512vl"), gnu::flatten]]
#elif defined(__x86_64__) && defined(__GNUC__)
#define LPUSIM_AVX512_TWIN                                                                                   \
    [[gnu::target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"), gnu::flatten]]
#else
#define LPUSIM_AVX512_TWIN
#endif

/// Loops that a profile has named exist once for each instruction set and give the same bits on all of them.
namespace lpusim {

/// In increasing order: a machine that has one has those before it.
enum class SimdLevel : std::uint8_t {
    Portable,   ///< what the compiler's baseline has; the only one outside x86-64
    Avx2,       ///< AVX2, FMA
    Avx512Vnni, ///< AVX-512 F, BW, DQ, VL and VNNI
};

/// The highest level this machine has. Cost: asked of the processor once.
[[nodiscard]] SimdLevel best_simd_level();

/// Every level this machine has, lowest first.
[[nodiscard]] std::vector<SimdLevel> simd_levels();

} // namespace lpusim
