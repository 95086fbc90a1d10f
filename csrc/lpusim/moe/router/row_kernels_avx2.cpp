#include "lpusim/moe/router/row_kernels.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <immintrin.h>
#include <limits>

#define LPUSIM_LANES_TARGET [[gnu::target("avx2,fma,popcnt")]]

namespace lpusim::moe {

namespace {

struct Lanes {
    __m256 low;
    __m256 high;
};

LPUSIM_LANES_TARGET inline Lanes load(const float* from) {
    return {_mm256_loadu_ps(from), _mm256_loadu_ps(from + 8)};
}

LPUSIM_LANES_TARGET inline void store(float* to, Lanes lanes) {
    _mm256_storeu_ps(to, lanes.low);
    _mm256_storeu_ps(to + 8, lanes.high);
}

LPUSIM_LANES_TARGET inline __m256 load_8_at(const float* values, const std::int32_t* positions) {
    const auto at = [=](int lane) { return values[positions[lane]]; };
    return _mm256_setr_ps(at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7));
}

/// values[positions[0]], values[positions[1]], ...: one by one, which is no slower than to gather and does
/// not wait for positions that were stored in pieces.
LPUSIM_LANES_TARGET inline Lanes load_at(const float* values, const std::int32_t* positions) {
    return {load_8_at(values, positions), load_8_at(values, positions + 8)};
}

/// The first `count` >= 1 lanes; padding in those after them.
LPUSIM_LANES_TARGET inline Lanes first_of(Lanes lanes, std::size_t count) {
    const __m256i last = _mm256_set1_epi32(static_cast<std::int32_t>(count < kBlock ? count : kBlock));
    const __m256i low = _mm256_cmpgt_epi32(last, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    const __m256i high = _mm256_cmpgt_epi32(last, _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15));
    const __m256 padding = _mm256_set1_ps(kPadding);
    return {_mm256_blendv_ps(padding, lanes.low, _mm256_castsi256_ps(low)),
            _mm256_blendv_ps(padding, lanes.high, _mm256_castsi256_ps(high))};
}

LPUSIM_LANES_TARGET inline Lanes set_all(float value) {
    const __m256 all = _mm256_set1_ps(value);
    return {all, all};
}

LPUSIM_LANES_TARGET inline Lanes larger(Lanes a, Lanes b) {
    return {_mm256_max_ps(a.low, b.low), _mm256_max_ps(a.high, b.high)};
}

LPUSIM_LANES_TARGET inline Lanes sum(Lanes a, Lanes b) {
    return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)};
}

LPUSIM_LANES_TARGET inline std::uint32_t bits(__m256 low, __m256 high) {
    return static_cast<std::uint32_t>(_mm256_movemask_ps(low)) |
           static_cast<std::uint32_t>(_mm256_movemask_ps(high)) << 8U;
}

/// Bit i: lane i of a is at least that of b; of NaN nothing is.
LPUSIM_LANES_TARGET inline std::uint32_t at_least(Lanes a, Lanes b) {
    return bits(_mm256_cmp_ps(a.low, b.low, _CMP_GE_OQ), _mm256_cmp_ps(a.high, b.high, _CMP_GE_OQ));
}

LPUSIM_LANES_TARGET inline Lanes difference(Lanes a, Lanes b) {
    return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)};
}

LPUSIM_LANES_TARGET inline __m256 sigmoid(__m256 z) {
    const __m256 clear = _mm256_min_ps(_mm256_max_ps(z, _mm256_set1_ps(-80.0F)), _mm256_set1_ps(80.0F));
    const __m256 y = _mm256_mul_ps(clear, _mm256_set1_ps(-kLog2E));
    const __m256 n = _mm256_round_ps(y, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m256 r = _mm256_sub_ps(y, n);
    __m256 power = _mm256_set1_ps(kPower[4]);
    power = _mm256_fmadd_ps(power, r, _mm256_set1_ps(kPower[3]));
    power = _mm256_fmadd_ps(power, r, _mm256_set1_ps(kPower[2]));
    power = _mm256_fmadd_ps(power, r, _mm256_set1_ps(kPower[1]));
    power = _mm256_fmadd_ps(power, r, _mm256_set1_ps(kPower[0]));
    const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
    const __m256 scale = _mm256_castsi256_ps(_mm256_slli_epi32(biased, 23));
    const __m256 divisor = _mm256_fmadd_ps(power, scale, _mm256_set1_ps(1.0F));
    const __m256 rough = _mm256_rcp_ps(divisor);
    const __m256 two = _mm256_set1_ps(2.0F);
    return _mm256_mul_ps(rough, _mm256_fnmadd_ps(divisor, rough, two)); // One Newton step.
}

LPUSIM_LANES_TARGET inline Lanes sigmoid(Lanes z) {
    return {sigmoid(z.low), sigmoid(z.high)};
}

/// A number for each lane.
struct Counts {
    __m256i low;
    __m256i high;
};

LPUSIM_LANES_TARGET inline Counts no_counts() {
    return {_mm256_setzero_si256(), _mm256_setzero_si256()};
}

/// One more for the lanes below `value`: what is true is -1.
LPUSIM_LANES_TARGET inline Counts count_below(Counts counts, Lanes lanes, Lanes value) {
    const __m256i low = _mm256_castps_si256(_mm256_cmp_ps(lanes.low, value.low, _CMP_LT_OQ));
    const __m256i high = _mm256_castps_si256(_mm256_cmp_ps(lanes.high, value.high, _CMP_LT_OQ));
    return {_mm256_sub_epi32(counts.low, low), _mm256_sub_epi32(counts.high, high)};
}

LPUSIM_LANES_TARGET inline Counts sum(Counts a, Counts b) {
    return {_mm256_add_epi32(a.low, b.low), _mm256_add_epi32(a.high, b.high)};
}

LPUSIM_LANES_TARGET inline std::int32_t total_of(Counts counts) {
    const __m256i eight = _mm256_add_epi32(counts.low, counts.high);
    const __m128i four = _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
    const __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}

LPUSIM_LANES_TARGET inline void store(std::int32_t* to, Counts counts) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), counts.low);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 8), counts.high);
}

LPUSIM_LANES_TARGET inline float smallest(__m256 eight) {
    const __m128 four = _mm_min_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_min_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_min_ss(two, _mm_movehdup_ps(two)));
}

/// The least of the lanes with counts below k, the largest float where there are none.
LPUSIM_LANES_TARGET inline float least_of(Lanes lanes, Counts counts, std::size_t k) {
    const __m256i limit = _mm256_set1_epi32(static_cast<std::int32_t>(k));
    const __m256 none = _mm256_set1_ps(-kPadding);
    const __m256 low =
        _mm256_blendv_ps(none, lanes.low, _mm256_castsi256_ps(_mm256_cmpgt_epi32(limit, counts.low)));
    const __m256 high =
        _mm256_blendv_ps(none, lanes.high, _mm256_castsi256_ps(_mm256_cmpgt_epi32(limit, counts.high)));
    return smallest(_mm256_min_ps(low, high));
}

/// The places of the bits of a byte, ascending.
constexpr auto kPlaces = [] {
    std::array<std::array<std::uint8_t, 8>, 256> places{};
    for (std::size_t byte = 0; byte < places.size(); ++byte) {
        std::size_t count = 0;
        for (std::uint8_t bit = 0; bit < 8; ++bit) {
            if ((byte >> bit & 1U) != 0) {
                places[byte][count++] = bit;
            }
        }
    }
    return places;
}();

LPUSIM_LANES_TARGET inline void append_byte(std::int32_t* to, std::uint32_t near, __m256i start) {
    const __m128i places = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kPlaces[near].data()));
    const __m256i positions = _mm256_add_epi32(_mm256_cvtepu8_epi32(places), start);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), positions);
}

constexpr std::uint32_t kMostAppended = 31; // All there can be.

/// Writes *start + i for each bit i of `near`, and scratch after them.
LPUSIM_LANES_TARGET inline void append(std::int32_t* to, std::uint32_t near, const std::int32_t* start) {
    const __m256i low = _mm256_set1_epi32(*start);
    append_byte(to, near & 0xffU, low);
    append_byte(to + std::popcount(near & 0xffU), near >> 8U, _mm256_add_epi32(low, _mm256_set1_epi32(8)));
}

/// The two largest of each lane so far.
struct Top2 {
    __m256 first;
    __m256 second;
};

LPUSIM_LANES_TARGET inline Top2 merged(Top2 a, Top2 b) {
    return {_mm256_max_ps(a.first, b.first),
            _mm256_max_ps(_mm256_min_ps(a.first, b.first), _mm256_max_ps(a.second, b.second))};
}

LPUSIM_LANES_TARGET inline Top2 top2_of_lanes(const float* values, std::size_t blocks) {
    Top2 best{_mm256_loadu_ps(values), _mm256_set1_ps(kPadding)};
    for (std::size_t i = 8; i < blocks * kBlock; i += 8) {
        const __m256 value = _mm256_loadu_ps(values + i);
        best.second = _mm256_max_ps(best.second, _mm256_min_ps(best.first, value));
        best.first = _mm256_max_ps(best.first, value);
    }
    return best;
}

/// Eight lanes of each of two to four lanes of each, side by side.
LPUSIM_LANES_TARGET inline Top2 halves_merged(Top2 a, Top2 b) {
    return merged(
        {_mm256_permute2f128_ps(a.first, b.first, 0x20), _mm256_permute2f128_ps(a.second, b.second, 0x20)},
        {_mm256_permute2f128_ps(a.first, b.first, 0x31), _mm256_permute2f128_ps(a.second, b.second, 0x31)});
}

/// The lanes of each half that kEven names with those that kOdd names.
template <int kEven, int kOdd>
LPUSIM_LANES_TARGET inline Top2 lanes_merged(Top2 a, Top2 b) {
    return merged({_mm256_shuffle_ps(a.first, b.first, kEven), _mm256_shuffle_ps(a.second, b.second, kEven)},
                  {_mm256_shuffle_ps(a.first, b.first, kOdd), _mm256_shuffle_ps(a.second, b.second, kOdd)});
}

LPUSIM_LANES_TARGET std::uint32_t best_of_8_groups(const float* values, std::size_t blocks_per_group,
                                                   std::size_t kept, float* gap) {
    Top2 groups[8];
    for (std::size_t g = 0; g < 8; ++g) {
        groups[g] = top2_of_lanes(values + g * blocks_per_group * kBlock, blocks_per_group);
    }
    Top2 pairs[4]; // Of groups g and g + 4, so that the groups end up in order.
    for (std::size_t g = 0; g < 4; ++g) {
        pairs[g] = halves_merged(groups[g], groups[g + 4]);
    }
    const Top2 low = lanes_merged<0x44, 0xee>(pairs[0], pairs[1]);
    const Top2 high = lanes_merged<0x44, 0xee>(pairs[2], pairs[3]);
    const Top2 all = lanes_merged<0x88, 0xdd>(low, high);
    const __m256 sums = _mm256_add_ps(all.first, all.second);
    float sum[8];
    _mm256_storeu_ps(sum, sums);
    __m256i larger_ones = _mm256_setzero_si256();
#pragma GCC unroll 8
    for (const float own : sum) {
        const __m256 below = _mm256_cmp_ps(sums, _mm256_set1_ps(own), _CMP_LT_OQ);
        larger_ones = _mm256_sub_epi32(larger_ones, _mm256_castps_si256(below)); // What is true is -1.
    }
    const __m256i limit = _mm256_set1_epi32(static_cast<std::int32_t>(kept));
    const __m256 best = _mm256_castsi256_ps(_mm256_cmpgt_epi32(limit, larger_ones));
    const auto groups_best = static_cast<std::uint32_t>(_mm256_movemask_ps(best));
    const float last = smallest(_mm256_blendv_ps(_mm256_set1_ps(-kPadding), sums, best));
    const __m256 negated = _mm256_sub_ps(_mm256_setzero_ps(), sums);
    const float next = -smallest(_mm256_blendv_ps(negated, _mm256_set1_ps(-kPadding), best));
    // Equal groups at the limit are all among the best.
    *gap = std::popcount(groups_best) == static_cast<int>(kept) ? last - next : 0.0F;
    return groups_best;
}

} // namespace

#include "lpusim/moe/router/row_kernels_body.h"

RowKernels row_kernels_avx2() {
    return {bound, collect, order, rough_sigmoids, best_of_8_groups};
}

} // namespace lpusim::moe

#undef LPUSIM_LANES_TARGET
#else

namespace lpusim::moe {

RowKernels row_kernels_avx2() {
    return {};
}

} // namespace lpusim::moe

#endif
