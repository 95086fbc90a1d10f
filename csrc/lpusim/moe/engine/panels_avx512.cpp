#include <algorithm>

#include "lpusim/moe/engine/panel_list.h"

#if defined(__x86_64__) && defined(__GNUC__)
// GCC 12 takes the "undefined" operands inside its own intrinsics for mistakes (its bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

namespace lpusim::moe {
namespace {

constexpr int kRowsMax = 14;

template <int kRows>
[[gnu::target(LPUSIM_AVX512)]] void fp32_loop(const float* a, const float* b, std::int64_t steps, float* c,
                                              std::int64_t c_stride, bool resume) {
    __m512 sums[kRows][2];
#pragma GCC unroll 14
    for (int row = 0; row < kRows; ++row) {
        sums[row][0] = resume ? _mm512_loadu_ps(c + row * c_stride) : _mm512_setzero_ps();
        sums[row][1] = resume ? _mm512_loadu_ps(c + row * c_stride + 16) : _mm512_setzero_ps();
    }
    for (std::int64_t step = 0; step < steps; ++step, a += kRows, b += 32) {
        const __m512 left = _mm512_loadu_ps(b), right = _mm512_loadu_ps(b + 16);
#pragma GCC unroll 14
        for (int row = 0; row < kRows; ++row) {
            const __m512 value = _mm512_set1_ps(a[row]);
            sums[row][0] = _mm512_fmadd_ps(value, left, sums[row][0]);
            sums[row][1] = _mm512_fmadd_ps(value, right, sums[row][1]);
        }
    }
#pragma GCC unroll 14
    for (int row = 0; row < kRows; ++row) {
        _mm512_storeu_ps(c + row * c_stride, sums[row][0]);
        _mm512_storeu_ps(c + row * c_stride + 16, sums[row][1]);
    }
}

template <int kRows>
[[gnu::target(LPUSIM_AVX512)]] void double_loop(const double* a, const float* b, std::int64_t steps,
                                                double* c, std::int64_t c_stride, bool resume) {
    __m512d sums[kRows][2];
#pragma GCC unroll 14
    for (int row = 0; row < kRows; ++row) {
        sums[row][0] = resume ? _mm512_loadu_pd(c + row * c_stride) : _mm512_setzero_pd();
        sums[row][1] = resume ? _mm512_loadu_pd(c + row * c_stride + 8) : _mm512_setzero_pd();
    }
    for (std::int64_t step = 0; step < steps; ++step, a += kRows, b += 16) {
        const __m512d left = _mm512_cvtps_pd(_mm256_loadu_ps(b));
        const __m512d right = _mm512_cvtps_pd(_mm256_loadu_ps(b + 8));
#pragma GCC unroll 14
        for (int row = 0; row < kRows; ++row) {
            const __m512d value = _mm512_set1_pd(a[row]);
            sums[row][0] = _mm512_fmadd_pd(value, left, sums[row][0]);
            sums[row][1] = _mm512_fmadd_pd(value, right, sums[row][1]);
        }
    }
#pragma GCC unroll 14
    for (int row = 0; row < kRows; ++row) {
        _mm512_storeu_pd(c + row * c_stride, sums[row][0]);
        _mm512_storeu_pd(c + row * c_stride + 8, sums[row][1]);
    }
}

constexpr std::int64_t kInt8Columns = 32;

/// A step is four weights of 32 columns as unsigned bytes, each 128 more than it is.
template <int kRows>
[[gnu::target(LPUSIM_AVX512)]] void int8_loop(const std::int32_t* a, const std::uint8_t* b,
                                              std::int64_t steps, std::int32_t* c, std::int64_t c_stride,
                                              bool resume) {
    __m512i sums[kRows][2];
#pragma GCC unroll 14
    for (int row = 0; row < kRows; ++row) {
        sums[row][0] = resume ? _mm512_loadu_si512(c + row * c_stride) : _mm512_setzero_si512();
        sums[row][1] = resume ? _mm512_loadu_si512(c + row * c_stride + 16) : _mm512_setzero_si512();
    }
    for (std::int64_t step = 0; step < steps; ++step, a += kRows, b += 128) {
        const __m512i left = _mm512_loadu_si512(b), right = _mm512_loadu_si512(b + 64);
#pragma GCC unroll 14
        for (int row = 0; row < kRows; ++row) {
            const __m512i four = _mm512_set1_epi32(a[row]);
            sums[row][0] = _mm512_dpbusd_epi32(sums[row][0], left, four);
            sums[row][1] = _mm512_dpbusd_epi32(sums[row][1], right, four);
        }
    }
#pragma GCC unroll 14
    for (int row = 0; row < kRows; ++row) {
        _mm512_storeu_si512(c + row * c_stride, sums[row][0]);
        _mm512_storeu_si512(c + row * c_stride + 16, sums[row][1]);
    }
}

[[gnu::target(LPUSIM_AVX512)]] inline void store_halves(__m256i lanes, std::uint8_t* to) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm256_castsi256_si128(lanes));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + 64), _mm256_extracti128_si256(lanes, 1));
}

/// Four weights of each of 32 columns from four rows, of which `count` are there.
[[gnu::target(LPUSIM_AVX512)]] inline void pack_step(const std::int8_t* weights, std::int64_t stride,
                                                     std::int64_t count, __mmask32 mask, std::uint8_t* to) {
    __m256i rows[4];
#pragma GCC unroll 4
    for (int row = 0; row < 4; ++row) {
        const __m256i loaded =
            row < count ? _mm256_maskz_loadu_epi8(mask, weights + row * stride) : _mm256_setzero_si256();
        rows[row] = _mm256_xor_si256(loaded, _mm256_set1_epi8(static_cast<char>(0x80)));
    }
    // Columns 0-7 with 16-23, and 8-15 with 24-31; then four weights of four columns in each half.
    const __m256i low = _mm256_unpacklo_epi8(rows[0], rows[1]);
    const __m256i high = _mm256_unpackhi_epi8(rows[0], rows[1]);
    const __m256i later_low = _mm256_unpacklo_epi8(rows[2], rows[3]);
    const __m256i later_high = _mm256_unpackhi_epi8(rows[2], rows[3]);
    store_halves(_mm256_unpacklo_epi16(low, later_low), to);
    store_halves(_mm256_unpackhi_epi16(low, later_low), to + 16);
    store_halves(_mm256_unpacklo_epi16(high, later_high), to + 32);
    store_halves(_mm256_unpackhi_epi16(high, later_high), to + 48);
}

[[gnu::target(LPUSIM_AVX512)]] void pack_int8(const std::int8_t* weights, std::int64_t stride,
                                              std::int64_t depth, std::int64_t columns, std::uint8_t* panels,
                                              std::int64_t panel_stride) {
    for (std::int64_t i = 0; i < depth; i += 4, weights += 4 * stride, panels += 4 * kInt8Columns) {
        for (std::int64_t first = 0; first < columns; first += kInt8Columns) {
            const std::int64_t used = std::min(kInt8Columns, columns - first);
            const auto mask = static_cast<__mmask32>((std::uint64_t{1} << used) - 1);
            pack_step(weights + first, stride, depth - i, mask, panels + first / kInt8Columns * panel_stride);
        }
    }
}

/// fp16 bits to floats, exactly.
[[gnu::target(LPUSIM_AVX512)]] inline __m512 widen(__m256i bits) {
    return _mm512_cvtph_ps(bits);
}

/// fp8 bits to floats, exactly: with the exponent where fp16 has it, but 2^-8 of their value; then NaN.
[[gnu::target(LPUSIM_AVX512)]] inline __m512 widen(__m128i bits) {
    const __m256i wide = _mm256_cvtepi8_epi16(bits);
    const __m256i magnitude = _mm256_and_si256(_mm256_slli_epi16(wide, 7), _mm256_set1_epi16(0x3f80));
    const __m256i sign = _mm256_and_si256(wide, _mm256_set1_epi16(static_cast<short>(0x8000)));
    const __mmask16 nan = _mm256_cmpeq_epi16_mask(magnitude, _mm256_set1_epi16(0x3f80));
    const __m256i half =
        _mm256_mask_mov_epi16(_mm256_or_si256(magnitude, sign), nan, _mm256_set1_epi16(0x7e00));
    return _mm512_mul_ps(_mm512_cvtph_ps(half), _mm512_set1_ps(256.0F));
}

[[gnu::target(LPUSIM_AVX512)]] inline __m512 widen_masked(const std::uint16_t* from, __mmask16 mask) {
    return widen(_mm256_maskz_loadu_epi16(mask, from));
}

[[gnu::target(LPUSIM_AVX512)]] inline __m512 widen_masked(const std::uint8_t* from, __mmask16 mask) {
    return widen(_mm_maskz_loadu_epi8(mask, from));
}

template <class Bits>
[[gnu::target(LPUSIM_AVX512)]] void pack_bits(const Bits* weights, std::int64_t stride, std::int64_t depth,
                                              std::int64_t columns, float* panels,
                                              std::int64_t panel_stride) {
    constexpr std::int64_t kColumns = 16;
    for (std::int64_t i = 0; i < depth; ++i, weights += stride, panels += kColumns) {
        float* to = panels;
        for (std::int64_t first = 0; first < columns; first += kColumns, to += panel_stride) {
            const std::int64_t used = std::min(kColumns, columns - first);
            const auto mask = static_cast<__mmask16>((1U << static_cast<unsigned>(used)) - 1U);
            _mm512_storeu_ps(to, widen_masked(weights + first, mask));
        }
    }
}

} // namespace

Fp32Panels fp32_panels_avx512() {
    Fp32Panels panels;
    panels.columns = panels.step_columns = 32;
    list_loops<kRowsMax>(panels, []<int kRows>() { return fp32_loop<kRows>; });
    return panels;
}

DoublePanels double_panels_avx512() {
    DoublePanels panels;
    panels.columns = panels.step_columns = 16;
    list_loops<kRowsMax>(panels, []<int kRows>() { return double_loop<kRows>; });
    return panels;
}

Int8Panels int8_panels_avx512() {
    Int8Panels panels;
    panels.columns = kInt8Columns;
    panels.step_depth = 4;
    panels.step_columns = 4 * kInt8Columns;
    panels.pack = pack_int8;
    panels.weight_offset = 128;
    list_loops<kRowsMax>(panels, []<int kRows>() { return int8_loop<kRows>; });
    return panels;
}

PanelPack<std::uint16_t, float> fp16_pack_avx512() {
    return pack_bits<std::uint16_t>;
}

PanelPack<std::uint8_t, float> fp8_pack_avx512() {
    return pack_bits<std::uint8_t>;
}

} // namespace lpusim::moe

#else

namespace lpusim::moe {

Fp32Panels fp32_panels_avx512() {
    return fp32_panels_avx2();
}

DoublePanels double_panels_avx512() {
    return double_panels_avx2();
}

Int8Panels int8_panels_avx512() {
    return int8_panels_avx2();
}

PanelPack<std::uint16_t, float> fp16_pack_avx512() {
    return nullptr;
}

PanelPack<std::uint8_t, float> fp8_pack_avx512() {
    return nullptr;
}

} // namespace lpusim::moe

#endif
