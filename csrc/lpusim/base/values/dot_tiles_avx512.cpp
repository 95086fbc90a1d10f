#include "lpusim/base/values/dot_tiles.h"

#if defined(__x86_64__) && defined(__GNUC__)
// GCC 12 takes the "undefined" operands inside its own intrinsics for mistakes (its bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

namespace lpusim {

namespace {

[[gnu::target(LPUSIM_AVX512)]] inline __m256i folded(__m512i lanes) {
    return _mm256_add_epi32(_mm512_castsi512_si256(lanes), _mm512_extracti64x4_epi64(lanes, 1));
}

/// The totals of four vectors, in order.
[[gnu::target(LPUSIM_AVX512)]] inline void store_totals(const __m512i* lanes, std::int32_t* to) {
    const __m256i pairs = _mm256_hadd_epi32(_mm256_hadd_epi32(folded(lanes[0]), folded(lanes[1])),
                                            _mm256_hadd_epi32(folded(lanes[2]), folded(lanes[3])));
    const __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), sums);
}

[[gnu::target(LPUSIM_AVX512)]] inline __m256d folded(__m512d lanes) {
    return _mm256_add_pd(_mm512_castpd512_pd256(lanes), _mm512_extractf64x4_pd(lanes, 1));
}

[[gnu::target(LPUSIM_AVX512)]] inline void store_totals(const __m512d* lanes, double* to) {
    const __m256d first = _mm256_hadd_pd(folded(lanes[0]), folded(lanes[1]));  // 0 1 0 1
    const __m256d second = _mm256_hadd_pd(folded(lanes[2]), folded(lanes[3])); // 2 3 2 3
    _mm256_storeu_pd(to, _mm256_add_pd(_mm256_permute2f128_pd(first, second, 0x20),
                                       _mm256_permute2f128_pd(first, second, 0x31)));
}

/// Four products of a byte with a signed byte go to each 32-bit sum without saturation on the way.
template <int kRows, int kColumns>
[[gnu::target(LPUSIM_AVX512)]] void byte_tile(const std::uint8_t* a, std::int64_t a_stride,
                                              const std::int8_t* w, std::int64_t w_stride, std::int64_t depth,
                                              std::int32_t* sums, std::int64_t sums_stride) {
    __m512i lanes[kRows][kColumns];
#pragma GCC unroll 8
    for (auto& row : lanes)
#pragma GCC unroll 8
        for (auto& sum : row)
            sum = _mm512_setzero_si512();
    for (std::int64_t i = 0; i < depth; i += 64) {
        __m512i left[kRows];
#pragma GCC unroll 8
        for (int row = 0; row < kRows; ++row)
            left[row] = _mm512_loadu_si512(a + row * a_stride + i);
#pragma GCC unroll 8
        for (int column = 0; column < kColumns; ++column) {
            const __m512i right = _mm512_loadu_si512(w + column * w_stride + i);
#pragma GCC unroll 8
            for (int row = 0; row < kRows; ++row)
                lanes[row][column] = _mm512_dpbusd_epi32(lanes[row][column], left[row], right);
        }
    }
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) {
        if constexpr (kColumns == 4)
            store_totals(lanes[row], sums + row * sums_stride);
        else
            sums[row * sums_stride] = _mm512_reduce_add_epi32(lanes[row][0]);
    }
}

template <int kRows, int kColumns>
[[gnu::target(LPUSIM_AVX512)]] void float_tile(const double* a, std::int64_t a_stride, const float* w,
                                               std::int64_t w_stride, std::int64_t depth, double* sums,
                                               std::int64_t sums_stride) {
    __m512d lanes[kRows][kColumns];
#pragma GCC unroll 8
    for (auto& row : lanes)
#pragma GCC unroll 8
        for (auto& sum : row)
            sum = _mm512_setzero_pd();
    for (std::int64_t i = 0; i < depth; i += 8) {
        __m512d left[kRows];
#pragma GCC unroll 8
        for (int row = 0; row < kRows; ++row)
            left[row] = _mm512_loadu_pd(a + row * a_stride + i);
#pragma GCC unroll 8
        for (int column = 0; column < kColumns; ++column) {
            const __m512d right = _mm512_cvtps_pd(_mm256_loadu_ps(w + column * w_stride + i));
#pragma GCC unroll 8
            for (int row = 0; row < kRows; ++row)
                lanes[row][column] = _mm512_fmadd_pd(left[row], right, lanes[row][column]);
        }
    }
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) {
        if constexpr (kColumns == 4)
            store_totals(lanes[row], sums + row * sums_stride);
        else
            sums[row * sums_stride] = _mm512_reduce_add_pd(lanes[row][0]);
    }
}

} // namespace

ByteTiles byte_tiles_avx512() {
    return {4, 4, {{byte_tile<1, 1>, byte_tile<1, 4>}, {byte_tile<4, 1>, byte_tile<4, 4>}}};
}

FloatTiles float_tiles_avx512() {
    return {4, 4, {{float_tile<1, 1>, float_tile<1, 4>}, {float_tile<4, 1>, float_tile<4, 4>}}};
}

} // namespace lpusim

#undef LPUSIM_AVX512
#else

namespace lpusim {

ByteTiles byte_tiles_avx512() {
    return {};
}

FloatTiles float_tiles_avx512() {
    return float_tiles_portable();
}

} // namespace lpusim

#endif
