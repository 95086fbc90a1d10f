#include <algorithm>

#include "lpusim/moe/engine/panel_list.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define LPUSIM_AVX2 "avx2,fma"

namespace lpusim::moe {
namespace {

constexpr int kRowsMax = 6;

template <int kRows>
[[gnu::target(LPUSIM_AVX2)]] void fp32_loop(const float* a, const float* b, std::int64_t steps, float* c,
                                            std::int64_t c_stride, bool resume) {
    __m256 sums[kRows][2];
#pragma GCC unroll 6
    for (int row = 0; row < kRows; ++row) {
        sums[row][0] = resume ? _mm256_loadu_ps(c + row * c_stride) : _mm256_setzero_ps();
        sums[row][1] = resume ? _mm256_loadu_ps(c + row * c_stride + 8) : _mm256_setzero_ps();
    }
    for (std::int64_t step = 0; step < steps; ++step, a += kRows, b += 16) {
        const __m256 left = _mm256_loadu_ps(b), right = _mm256_loadu_ps(b + 8);
#pragma GCC unroll 6
        for (int row = 0; row < kRows; ++row) {
            const __m256 value = _mm256_broadcast_ss(a + row);
            sums[row][0] = _mm256_fmadd_ps(value, left, sums[row][0]);
            sums[row][1] = _mm256_fmadd_ps(value, right, sums[row][1]);
        }
    }
#pragma GCC unroll 6
    for (int row = 0; row < kRows; ++row) {
        _mm256_storeu_ps(c + row * c_stride, sums[row][0]);
        _mm256_storeu_ps(c + row * c_stride + 8, sums[row][1]);
    }
}

template <int kRows>
[[gnu::target(LPUSIM_AVX2)]] void double_loop(const double* a, const float* b, std::int64_t steps, double* c,
                                              std::int64_t c_stride, bool resume) {
    __m256d sums[kRows][2];
#pragma GCC unroll 6
    for (int row = 0; row < kRows; ++row) {
        sums[row][0] = resume ? _mm256_loadu_pd(c + row * c_stride) : _mm256_setzero_pd();
        sums[row][1] = resume ? _mm256_loadu_pd(c + row * c_stride + 4) : _mm256_setzero_pd();
    }
    for (std::int64_t step = 0; step < steps; ++step, a += kRows, b += 8) {
        const __m256d left = _mm256_cvtps_pd(_mm_loadu_ps(b)), right = _mm256_cvtps_pd(_mm_loadu_ps(b + 4));
#pragma GCC unroll 6
        for (int row = 0; row < kRows; ++row) {
            const __m256d value = _mm256_broadcast_sd(a + row);
            sums[row][0] = _mm256_fmadd_pd(value, left, sums[row][0]);
            sums[row][1] = _mm256_fmadd_pd(value, right, sums[row][1]);
        }
    }
#pragma GCC unroll 6
    for (int row = 0; row < kRows; ++row) {
        _mm256_storeu_pd(c + row * c_stride, sums[row][0]);
        _mm256_storeu_pd(c + row * c_stride + 4, sums[row][1]);
    }
}

[[gnu::target(LPUSIM_AVX2)]] inline __m256i load(const void* from) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}

/// A step is two weights of sixteen columns as int16. Pairs of int8 products are below 2^15 + 2^15.
template <int kRows>
[[gnu::target(LPUSIM_AVX2)]] void int8_loop(const std::int32_t* a, const std::uint8_t* b, std::int64_t steps,
                                            std::int32_t* c, std::int64_t c_stride, bool resume) {
    __m256i sums[kRows][2];
#pragma GCC unroll 6
    for (int row = 0; row < kRows; ++row) {
        sums[row][0] = resume ? load(c + row * c_stride) : _mm256_setzero_si256();
        sums[row][1] = resume ? load(c + row * c_stride + 8) : _mm256_setzero_si256();
    }
    for (std::int64_t step = 0; step < steps; ++step, a += kRows, b += 64) {
        const __m256i left = load(b), right = load(b + 32);
#pragma GCC unroll 6
        for (int row = 0; row < kRows; ++row) {
            const __m256i pair = _mm256_set1_epi32(a[row]);
            sums[row][0] = _mm256_add_epi32(sums[row][0], _mm256_madd_epi16(pair, left));
            sums[row][1] = _mm256_add_epi32(sums[row][1], _mm256_madd_epi16(pair, right));
        }
    }
#pragma GCC unroll 6
    for (int row = 0; row < kRows; ++row) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(c + row * c_stride), sums[row][0]);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(c + row * c_stride + 8), sums[row][1]);
    }
}

constexpr std::int64_t kInt8Columns = 16;

/// Two weights of each column, of which some may be missing.
[[gnu::target(LPUSIM_AVX2)]] inline void pack_step(const std::int8_t* first, const std::int8_t* second,
                                                   std::uint8_t* to) {
    const __m256i low = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(first)));
    const __m256i high = _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(second)));
    const __m256i even = _mm256_unpacklo_epi16(low, high); // Columns 0-3 and 8-11.
    const __m256i odd = _mm256_unpackhi_epi16(low, high);  // Columns 4-7 and 12-15.
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_permute2x128_si256(even, odd, 0x20));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 32), _mm256_permute2x128_si256(even, odd, 0x31));
}

[[gnu::target(LPUSIM_AVX2)]] void pack_int8(const std::int8_t* weights, std::int64_t stride,
                                            std::int64_t depth, std::int64_t columns, std::uint8_t* panels,
                                            std::int64_t panel_stride) {
    constexpr std::int8_t kNone[kInt8Columns] = {};
    for (std::int64_t i = 0; i < depth; i += 2, weights += 2 * stride, panels += 4 * kInt8Columns) {
        const bool both = i + 1 < depth;
        std::int64_t first = 0;
        for (; first + kInt8Columns <= columns; first += kInt8Columns) {
            pack_step(weights + first, both ? weights + stride + first : kNone,
                      panels + first / kInt8Columns * panel_stride);
        }
        if (first < columns) {
            std::int8_t few[2][kInt8Columns] = {};
            std::copy_n(weights + first, columns - first, few[0]);
            if (both) {
                std::copy_n(weights + stride + first, columns - first, few[1]);
            }
            pack_step(few[0], few[1], panels + first / kInt8Columns * panel_stride);
        }
    }
}

} // namespace

Fp32Panels fp32_panels_avx2() {
    Fp32Panels panels;
    panels.columns = panels.step_columns = 16;
    list_loops<kRowsMax>(panels, []<int kRows>() { return fp32_loop<kRows>; });
    return panels;
}

DoublePanels double_panels_avx2() {
    DoublePanels panels;
    panels.columns = panels.step_columns = 8;
    list_loops<kRowsMax>(panels, []<int kRows>() { return double_loop<kRows>; });
    return panels;
}

Int8Panels int8_panels_avx2() {
    Int8Panels panels;
    panels.columns = kInt8Columns;
    panels.step_depth = 2;
    panels.step_columns = 4 * kInt8Columns;
    panels.pack = pack_int8;
    list_loops<kRowsMax>(panels, []<int kRows>() { return int8_loop<kRows>; });
    return panels;
}

} // namespace lpusim::moe

#else

namespace lpusim::moe {

Fp32Panels fp32_panels_avx2() {
    return fp32_panels_portable();
}

DoublePanels double_panels_avx2() {
    return double_panels_portable();
}

Int8Panels int8_panels_avx2() {
    return int8_panels_portable();
}

} // namespace lpusim::moe

#endif
