#include "lpusim/moe/engine/in_place.h"

#include <cstddef>
#include <utility>

#if defined(__x86_64__) && defined(__GNUC__)
// GCC 12 takes the "undefined" operands inside its own intrinsics for mistakes (its bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

namespace lpusim::moe {
namespace {

/// Asks for line `line` of the weights that follow those of `work`.
template <class Work>
inline void fetch_ahead(const Work& work, std::int64_t line) {
    const auto* next = reinterpret_cast<const std::byte*>(work.w + work.depth * work.w_stride);
    __builtin_prefetch(next + 64 * line, 0, 2);
}

template <int kRows>
[[gnu::target("avx2,fma")]] void fp32_avx2(const Fp32InPlaceWork& work) {
    const float* w = work.w;
    float* c = work.c;
    for (std::int64_t block = 0; block < work.blocks; ++block, w += 8, c += 8) {
        __m256 sums[kRows];
#pragma GCC unroll 14
        for (int row = 0; row < kRows; ++row) {
            sums[row] = work.resume ? _mm256_loadu_ps(c + row * work.c_stride) : _mm256_setzero_ps();
        }
        for (std::int64_t i = 0; i < work.depth; ++i) {
            const __m256 weights = _mm256_loadu_ps(w + i * work.w_stride);
            if (work.ahead && (block & 1) == 0) {
                fetch_ahead(work, block / 2 * work.depth + i);
            }
#pragma GCC unroll 14
            for (int row = 0; row < kRows; ++row) {
                sums[row] =
                    _mm256_fmadd_ps(_mm256_broadcast_ss(work.a + i * kRows + row), weights, sums[row]);
            }
        }
#pragma GCC unroll 14
        for (int row = 0; row < kRows; ++row) {
            _mm256_storeu_ps(c + row * work.c_stride, sums[row]);
        }
    }
}

template <int kRows>
[[gnu::target(LPUSIM_AVX512)]] void fp32_avx512(const Fp32InPlaceWork& work) {
    const float* w = work.w;
    float* c = work.c;
    for (std::int64_t block = 0; block < work.blocks; ++block, w += 32, c += 32) {
        __m512 sums[kRows][2];
#pragma GCC unroll 14
        for (int row = 0; row < kRows; ++row) {
            float* of_row = c + row * work.c_stride;
            sums[row][0] = work.resume ? _mm512_loadu_ps(of_row) : _mm512_setzero_ps();
            sums[row][1] = work.resume ? _mm512_loadu_ps(of_row + 16) : _mm512_setzero_ps();
        }
        for (std::int64_t i = 0; i < work.depth; ++i) {
            const __m512 left = _mm512_loadu_ps(w + i * work.w_stride);
            const __m512 right = _mm512_loadu_ps(w + i * work.w_stride + 16);
            if (work.ahead) {
                fetch_ahead(work, 2 * (block * work.depth + i));
                fetch_ahead(work, 2 * (block * work.depth + i) + 1);
            }
#pragma GCC unroll 14
            for (int row = 0; row < kRows; ++row) {
                const __m512 value = _mm512_set1_ps(work.a[i * kRows + row]);
                sums[row][0] = _mm512_fmadd_ps(value, left, sums[row][0]);
                sums[row][1] = _mm512_fmadd_ps(value, right, sums[row][1]);
            }
        }
#pragma GCC unroll 14
        for (int row = 0; row < kRows; ++row) {
            _mm512_storeu_ps(c + row * work.c_stride, sums[row][0]);
            _mm512_storeu_ps(c + row * work.c_stride + 16, sums[row][1]);
        }
    }
}

/// Four weights of each of 64 columns, which come in the order that unpacking gives.
struct Step {
    __m512i parts[4];
};

[[gnu::target(LPUSIM_AVX512)]] inline Step int8_step(const std::int8_t* w, std::int64_t w_stride,
                                                     std::int64_t depth) {
    const __m512i flip = _mm512_set1_epi8(static_cast<char>(0x80));
    __m512i rows[4];
#pragma GCC unroll 4
    for (int row = 0; row < 4; ++row) {
        rows[row] = _mm512_xor_si512(
            row < depth ? _mm512_loadu_si512(w + row * w_stride) : _mm512_setzero_si512(), flip);
    }
    const __m512i low = _mm512_unpacklo_epi8(rows[0], rows[1]);
    const __m512i high = _mm512_unpackhi_epi8(rows[0], rows[1]);
    const __m512i later_low = _mm512_unpacklo_epi8(rows[2], rows[3]);
    const __m512i later_high = _mm512_unpackhi_epi8(rows[2], rows[3]);
    return {{_mm512_unpacklo_epi16(low, later_low), _mm512_unpackhi_epi16(low, later_low),
             _mm512_unpacklo_epi16(high, later_high), _mm512_unpackhi_epi16(high, later_high)}};
}

template <int kRows>
[[gnu::target(LPUSIM_AVX512)]] void int8_avx512(const Int8InPlaceWork& work) {
    const std::int8_t* w = work.w;
    std::int32_t* c = work.c;
    for (std::int64_t block = 0; block < work.blocks; ++block, w += 64, c += 64) {
        __m512i sums[kRows][4];
#pragma GCC unroll 6
        for (int row = 0; row < kRows; ++row)
#pragma GCC unroll 4
            for (std::int64_t part = 0; part < 4; ++part)
                sums[row][part] = work.resume ? _mm512_loadu_si512(c + row * work.c_stride + 16 * part)
                                              : _mm512_setzero_si512();
        for (std::int64_t i = 0; i < work.depth; i += 4) {
            const Step step = int8_step(w + i * work.w_stride, work.w_stride, work.depth - i);
            for (std::int64_t line = 0; work.ahead && line < 4; ++line) {
                fetch_ahead(work, block * work.depth + i + line);
            }
#pragma GCC unroll 6
            for (int row = 0; row < kRows; ++row) {
                const __m512i four = _mm512_set1_epi32(work.a[i / 4 * kRows + row]);
#pragma GCC unroll 4
                for (std::int64_t part = 0; part < 4; ++part)
                    sums[row][part] = _mm512_dpbusd_epi32(sums[row][part], step.parts[part], four);
            }
        }
#pragma GCC unroll 6
        for (int row = 0; row < kRows; ++row)
#pragma GCC unroll 4
            for (std::int64_t part = 0; part < 4; ++part)
                _mm512_storeu_si512(c + row * work.c_stride + 16 * part, sums[row][part]);
    }
}

/// Quarter q of part p has columns 16 q + 4 p to 16 q + 4 p + 3: a transposition of quarters.
[[gnu::target(LPUSIM_AVX512)]] void settle_avx512(std::int32_t* c, std::int64_t c_stride, std::int64_t rows,
                                                  std::int64_t blocks) {
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::int64_t block = 0; block < blocks; ++block) {
            std::int32_t* at = c + row * c_stride + 64 * block;
            const __m512i a = _mm512_loadu_si512(at), b = _mm512_loadu_si512(at + 16);
            const __m512i d = _mm512_loadu_si512(at + 32), e = _mm512_loadu_si512(at + 48);
            const __m512i ab_low = _mm512_shuffle_i32x4(a, b, 0x44),
                          ab_high = _mm512_shuffle_i32x4(a, b, 0xee);
            const __m512i de_low = _mm512_shuffle_i32x4(d, e, 0x44),
                          de_high = _mm512_shuffle_i32x4(d, e, 0xee);
            _mm512_storeu_si512(at, _mm512_shuffle_i32x4(ab_low, de_low, 0x88));
            _mm512_storeu_si512(at + 16, _mm512_shuffle_i32x4(ab_low, de_low, 0xdd));
            _mm512_storeu_si512(at + 32, _mm512_shuffle_i32x4(ab_high, de_high, 0x88));
            _mm512_storeu_si512(at + 48, _mm512_shuffle_i32x4(ab_high, de_high, 0xdd));
        }
    }
}

template <int kRows>
[[gnu::target(LPUSIM_AVX512)]] void fp16_avx512(const Fp16InPlaceWork& work, std::uint16_t* largest) {
    const __m512i magnitude = _mm512_set1_epi16(0x7fff);
    const std::uint16_t* w = work.w;
    double* c = work.c;
    for (std::int64_t block = 0; block < work.blocks; ++block, w += 32, c += 32, largest += 32) {
        __m512d sums[kRows][4];
#pragma GCC unroll 6
        for (int row = 0; row < kRows; ++row)
#pragma GCC unroll 4
            for (std::int64_t part = 0; part < 4; ++part)
                sums[row][part] =
                    work.resume ? _mm512_loadu_pd(c + row * work.c_stride + 8 * part) : _mm512_setzero_pd();
        __m512i most = _mm512_loadu_si512(largest);
        for (std::int64_t i = 0; i < work.depth; ++i) {
            const __m512i bits = _mm512_loadu_si512(w + i * work.w_stride);
            most = _mm512_max_epu16(most, _mm512_and_si512(bits, magnitude));
            if (work.ahead) {
                fetch_ahead(work, block * work.depth + i);
            }
            const __m512 left = _mm512_cvtph_ps(_mm512_castsi512_si256(bits));
            const __m512 right = _mm512_cvtph_ps(_mm512_extracti64x4_epi64(bits, 1));
            const __m512d weights[4] = {_mm512_cvtps_pd(_mm512_castps512_ps256(left)),
                                        _mm512_cvtps_pd(_mm512_extractf32x8_ps(left, 1)),
                                        _mm512_cvtps_pd(_mm512_castps512_ps256(right)),
                                        _mm512_cvtps_pd(_mm512_extractf32x8_ps(right, 1))};
#pragma GCC unroll 6
            for (int row = 0; row < kRows; ++row) {
                const __m512d value = _mm512_set1_pd(work.a[i * kRows + row]);
#pragma GCC unroll 4
                for (std::int64_t part = 0; part < 4; ++part)
                    sums[row][part] = _mm512_fmadd_pd(value, weights[part], sums[row][part]);
            }
        }
        _mm512_storeu_si512(largest, most);
#pragma GCC unroll 6
        for (int row = 0; row < kRows; ++row)
#pragma GCC unroll 4
            for (std::int64_t part = 0; part < 4; ++part)
                _mm512_storeu_pd(c + row * work.c_stride + 8 * part, sums[row][part]);
    }
}

template <int kRows, class Loops, class LoopOf>
void list_loops(Loops& loops, std::int64_t columns, const LoopOf& loop_of) {
    loops.rows_max = kRows;
    loops.columns = columns;
    [&]<int... kLess>(std::integer_sequence<int, kLess...>) {
        ((loops.loops[kLess] = loop_of.template operator()<kLess + 1>()), ...);
    }(std::make_integer_sequence<int, kRows>{});
}

} // namespace

Fp32InPlace fp32_in_place(SimdLevel level) {
    Fp32InPlace loops;
    if (level == SimdLevel::Avx512Vnni) {
        list_loops<14>(loops, 32, []<int kRows>() { return fp32_avx512<kRows>; });
    } else if (level == SimdLevel::Avx2) {
        list_loops<12>(loops, 8, []<int kRows>() { return fp32_avx2<kRows>; });
    }
    return loops;
}

Int8InPlace int8_in_place(SimdLevel level) {
    Int8InPlace loops;
    if (level == SimdLevel::Avx512Vnni) {
        list_loops<6>(loops, 64, []<int kRows>() { return int8_avx512<kRows>; });
        loops.settle = settle_avx512;
    }
    return loops;
}

Fp16InPlace fp16_in_place(SimdLevel level) {
    Fp16InPlace loops;
    if (level == SimdLevel::Avx512Vnni) {
        list_loops<6>(loops, 32, []<int kRows>() { return fp16_avx512<kRows>; });
    }
    return loops;
}

} // namespace lpusim::moe

#else

namespace lpusim::moe {

Fp32InPlace fp32_in_place(SimdLevel) {
    return {};
}

Int8InPlace int8_in_place(SimdLevel) {
    return {};
}

Fp16InPlace fp16_in_place(SimdLevel) {
    return {};
}

} // namespace lpusim::moe

#endif
