#include "lpusim/base/values/dot_tiles.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

namespace lpusim {

namespace {

[[gnu::target("avx2")]] inline __m256i load(const std::int16_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

[[gnu::target("avx2")]] inline std::int32_t total_of(__m256i lanes) {
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, 0xb1)));
}

/// The totals of four vectors, in order.
[[gnu::target("avx2")]] inline void store_totals(const __m256i* lanes, std::int32_t* to) {
    const __m256i pairs =
        _mm256_hadd_epi32(_mm256_hadd_epi32(lanes[0], lanes[1]), _mm256_hadd_epi32(lanes[2], lanes[3]));
    const __m128i sums = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), sums);
}

[[gnu::target("avx2")]] inline double total_of(__m256d lanes) {
    const __m128d sum = _mm_add_pd(_mm256_castpd256_pd128(lanes), _mm256_extractf128_pd(lanes, 1));
    return _mm_cvtsd_f64(_mm_add_sd(sum, _mm_unpackhi_pd(sum, sum)));
}

[[gnu::target("avx2")]] inline void store_totals(const __m256d* lanes, double* to) {
    const __m256d first = _mm256_hadd_pd(lanes[0], lanes[1]);  // 0 1 0 1
    const __m256d second = _mm256_hadd_pd(lanes[2], lanes[3]); // 2 3 2 3
    _mm256_storeu_pd(to, _mm256_add_pd(_mm256_permute2f128_pd(first, second, 0x20),
                                       _mm256_permute2f128_pd(first, second, 0x31)));
}

/// Pairs of int16 products are below 2^15 + 2^15 each, so nothing saturates.
template <int kRows, int kColumns>
[[gnu::target("avx2")]] void int16_tile(const std::int16_t* a, std::int64_t a_stride, const std::int16_t* w,
                                        std::int64_t w_stride, std::int64_t depth, std::int32_t* sums,
                                        std::int64_t sums_stride) {
    __m256i lanes[kRows][kColumns];
#pragma GCC unroll 8
    for (auto& row : lanes)
#pragma GCC unroll 8
        for (auto& sum : row)
            sum = _mm256_setzero_si256();
    for (std::int64_t i = 0; i < depth; i += 16) {
        __m256i left[kRows];
#pragma GCC unroll 8
        for (int row = 0; row < kRows; ++row)
            left[row] = load(a + row * a_stride + i);
#pragma GCC unroll 8
        for (int column = 0; column < kColumns; ++column) {
            const __m256i right = load(w + column * w_stride + i);
#pragma GCC unroll 8
            for (int row = 0; row < kRows; ++row)
                lanes[row][column] =
                    _mm256_add_epi32(lanes[row][column], _mm256_madd_epi16(left[row], right));
        }
    }
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) {
        if constexpr (kColumns == 4)
            store_totals(lanes[row], sums + row * sums_stride);
        else
            sums[row * sums_stride] = total_of(lanes[row][0]);
    }
}

template <int kRows, int kColumns>
[[gnu::target("avx2,fma")]] void float_tile(const double* a, std::int64_t a_stride, const float* w,
                                            std::int64_t w_stride, std::int64_t depth, double* sums,
                                            std::int64_t sums_stride) {
    __m256d lanes[kRows][kColumns];
#pragma GCC unroll 8
    for (auto& row : lanes)
#pragma GCC unroll 8
        for (auto& sum : row)
            sum = _mm256_setzero_pd();
    for (std::int64_t i = 0; i < depth; i += 4) {
        __m256d left[kRows];
#pragma GCC unroll 8
        for (int row = 0; row < kRows; ++row)
            left[row] = _mm256_loadu_pd(a + row * a_stride + i);
#pragma GCC unroll 8
        for (int column = 0; column < kColumns; ++column) {
            const __m256d right = _mm256_cvtps_pd(_mm_loadu_ps(w + column * w_stride + i));
#pragma GCC unroll 8
            for (int row = 0; row < kRows; ++row)
                lanes[row][column] = _mm256_fmadd_pd(left[row], right, lanes[row][column]);
        }
    }
#pragma GCC unroll 8
    for (int row = 0; row < kRows; ++row) {
        if constexpr (kColumns == 4)
            store_totals(lanes[row], sums + row * sums_stride);
        else
            sums[row * sums_stride] = total_of(lanes[row][0]);
    }
}

} // namespace

Int16Tiles int16_tiles_avx2() {
    return {2, 4, {{int16_tile<1, 1>, int16_tile<1, 4>}, {int16_tile<2, 1>, int16_tile<2, 4>}}};
}

FloatTiles float_tiles_avx2() {
    return {3, 4, {{float_tile<1, 1>, float_tile<1, 4>}, {float_tile<3, 1>, float_tile<3, 4>}}};
}

} // namespace lpusim

#else

namespace lpusim {

Int16Tiles int16_tiles_avx2() {
    return int16_tiles_portable();
}

FloatTiles float_tiles_avx2() {
    return float_tiles_portable();
}

} // namespace lpusim

#endif
