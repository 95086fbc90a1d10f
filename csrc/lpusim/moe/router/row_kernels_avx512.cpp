#include "lpusim/moe/router/row_kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)
// GCC 12 takes the "undefined" operands inside its own intrinsics for mistakes (its bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <algorithm>
#include <bit>
#include <cassert>
#include <immintrin.h>
#include <limits>

#define LPUSIM_LANES_TARGET [[gnu::target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,popcnt")]]

namespace lpusim::moe {

namespace {

using Lanes = __m512;

LPUSIM_LANES_TARGET inline Lanes load(const float* from) {
    return _mm512_loadu_ps(from);
}

LPUSIM_LANES_TARGET inline void store(float* to, Lanes lanes) {
    _mm512_storeu_ps(to, lanes);
}

/// values[positions[0]], values[positions[1]], ...: one by one, which is no slower than to gather and does
/// not wait for positions that were stored in pieces.
LPUSIM_LANES_TARGET inline Lanes load_at(const float* values, const std::int32_t* positions) {
    const auto at = [=](int lane) { return values[positions[lane]]; };
    return _mm512_setr_ps(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7), at(8), at(9), at(10),
                          at(11), at(12), at(13), at(14), at(15));
}

/// The first `count` >= 1 lanes; padding in those after them.
LPUSIM_LANES_TARGET inline Lanes first_of(Lanes lanes, std::size_t count) {
    const std::uint32_t first = count >= kBlock ? 0xffffU : (1U << count) - 1U;
    return _mm512_mask_mov_ps(_mm512_set1_ps(kPadding), static_cast<__mmask16>(first), lanes);
}

LPUSIM_LANES_TARGET inline Lanes set_all(float value) {
    return _mm512_set1_ps(value);
}

LPUSIM_LANES_TARGET inline Lanes larger(Lanes a, Lanes b) {
    return _mm512_max_ps(a, b);
}

LPUSIM_LANES_TARGET inline Lanes sum(Lanes a, Lanes b) {
    return _mm512_add_ps(a, b);
}

/// Bit i: lane i of a is at least that of b; of NaN nothing is.
LPUSIM_LANES_TARGET inline std::uint32_t at_least(Lanes a, Lanes b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}

LPUSIM_LANES_TARGET inline Lanes difference(Lanes a, Lanes b) {
    return _mm512_sub_ps(a, b);
}

LPUSIM_LANES_TARGET inline Lanes sigmoid(Lanes z) {
    const Lanes clear = _mm512_max_ps(z, set_all(-80.0F)); // Far above, the power becomes 0 by itself.
    const Lanes y = _mm512_mul_ps(clear, set_all(-kLog2E));
    const Lanes n = _mm512_roundscale_ps(y, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const Lanes r = _mm512_sub_ps(y, n);
    Lanes power = set_all(kPower[4]);
    power = _mm512_fmadd_ps(power, r, set_all(kPower[3]));
    power = _mm512_fmadd_ps(power, r, set_all(kPower[2]));
    power = _mm512_fmadd_ps(power, r, set_all(kPower[1]));
    power = _mm512_scalef_ps(_mm512_fmadd_ps(power, r, set_all(kPower[0])), n);
    const Lanes divisor = _mm512_add_ps(power, set_all(1.0F));
    const Lanes rough = _mm512_rcp14_ps(divisor);
    return _mm512_mul_ps(rough, _mm512_fnmadd_ps(divisor, rough, set_all(2.0F))); // One Newton step.
}

/// A number for each lane.
using Counts = __m512i;

LPUSIM_LANES_TARGET inline Counts no_counts() {
    return _mm512_setzero_si512();
}

/// One more for the lanes below `value`.
LPUSIM_LANES_TARGET inline Counts count_below(Counts counts, Lanes lanes, Lanes value) {
    const __mmask16 below = _mm512_cmp_ps_mask(lanes, value, _CMP_LT_OQ);
    return _mm512_mask_sub_epi32(counts, below, counts, _mm512_set1_epi32(-1));
}

LPUSIM_LANES_TARGET inline Counts sum(Counts a, Counts b) {
    return _mm512_add_epi32(a, b);
}

LPUSIM_LANES_TARGET inline std::int32_t total_of(Counts counts) {
    return _mm512_reduce_add_epi32(counts);
}

LPUSIM_LANES_TARGET inline void store(std::int32_t* to, Counts counts) {
    _mm512_storeu_si512(to, counts);
}

/// The least of the lanes with counts below k, infinity where there are none.
LPUSIM_LANES_TARGET inline float least_of(Lanes lanes, Counts counts, std::size_t k) {
    const __mmask16 few = _mm512_cmplt_epi32_mask(counts, _mm512_set1_epi32(static_cast<std::int32_t>(k)));
    return _mm512_mask_reduce_min_ps(few, lanes);
}

/// So few are cheap to store, and hardly ever are there more; one less than a power of two.
constexpr std::uint32_t kMostAppended = 7;

/// Writes *start + i for each bit i of `near`, and scratch after them; right for up to kMostAppended bits.
LPUSIM_LANES_TARGET inline void append(std::int32_t* to, std::uint32_t near, const std::int32_t* start) {
    const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i positions = _mm512_add_epi32(lanes, _mm512_set1_epi32(*start));
    const __m512i packed = _mm512_maskz_compress_epi32(static_cast<__mmask16>(near), positions);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_castsi512_si256(packed));
}

} // namespace

#include "lpusim/moe/router/row_kernels_body.h"

RowKernels row_kernels_avx512() {
    return {bound, collect, order, rough_sigmoids, row_kernels_avx2().best_of_8_groups};
}

} // namespace lpusim::moe

#undef LPUSIM_LANES_TARGET
#else

namespace lpusim::moe {

RowKernels row_kernels_avx512() {
    return {};
}

} // namespace lpusim::moe

#endif
