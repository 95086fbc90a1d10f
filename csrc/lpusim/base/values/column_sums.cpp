#include "lpusim/base/values/column_sums.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <vector>

#include "lpusim/base/integers.h"
#include "lpusim/base/values/dot_tiles.h"
#include "lpusim/base/values/float_formats.h"
#include "lpusim/base/values/row_blocks.h"

namespace lpusim {

namespace {

/// Rows whose activations are prepared at a time: they stay in the first-level cache while all columns pass.
constexpr std::int64_t kBlockRows = 24;

/// Unsigned bytes a + 128 against signed weights, less 128 * sum of the weights: what activations of zero
/// give.
void byte_sums(WeightPlane& weights, const std::uint8_t* activations, std::int64_t rows, std::int32_t* sums) {
    const ByteTiles tiles = byte_tiles_avx512();
    const std::int64_t lanes = weights.lanes(), stride = weights.stride();
    const auto* columns = reinterpret_cast<const std::int8_t*>(weights.bytes());
    std::vector<std::uint8_t> biased(static_cast<std::size_t>(std::min(rows, kBlockRows) * stride), 0x80);
    std::vector<std::int32_t> excess(static_cast<std::size_t>(lanes));
    tiles.multiply(biased.data(), stride, 1, columns, stride, lanes, stride, excess.data(), lanes);
    for_row_blocks(rows, kBlockRows, [&](std::int64_t first, std::int64_t count) {
        for (std::int64_t row = 0; row < count; ++row) {
            const std::uint8_t* from = activations + (first + row) * lanes;
            std::uint8_t* to = biased.data() + row * stride;
            for (std::int64_t lane = 0; lane < lanes; ++lane) {
                to[lane] = from[lane] ^ 0x80U;
            }
        }
        std::int32_t* block_sums = sums + first * lanes;
        tiles.multiply(biased.data(), stride, count, columns, stride, lanes, stride, block_sums, lanes);
        for (std::int64_t row = 0; row < count; ++row) {
            for (std::int64_t column = 0; column < lanes; ++column) {
                block_sums[row * lanes + column] -= excess[static_cast<std::size_t>(column)];
            }
        }
    });
}

void int16_sums(const Int16Tiles& tiles, WeightPlane& weights, const std::uint8_t* activations,
                std::int64_t rows, std::int32_t* sums) {
    const std::int64_t lanes = weights.lanes(), stride = weights.stride();
    const std::int16_t* columns = weights.int16_columns();
    const std::int64_t depth = round_up(lanes, 16);
    std::vector<std::int16_t> widened(static_cast<std::size_t>(std::min(rows, kBlockRows) * stride), 0);
    for_row_blocks(rows, kBlockRows, [&](std::int64_t first, std::int64_t count) {
        for (std::int64_t row = 0; row < count; ++row) {
            const std::uint8_t* from = activations + (first + row) * lanes;
            std::int16_t* to = widened.data() + row * stride;
            for (std::int64_t lane = 0; lane < lanes; ++lane) {
                to[lane] = static_cast<std::int8_t>(from[lane]);
            }
        }
        tiles.multiply(widened.data(), stride, count, columns, stride, lanes, depth, sums + first * lanes,
                       lanes);
    });
}

} // namespace

void column_sums_int8(WeightPlane& weights, const std::uint8_t* activations, std::int64_t rows,
                      std::int32_t* sums, SimdLevel level) {
    assert(weights.lanes() <= 131'071); // 131,071 * 128 * 128 < 2^31
    assert(level <= best_simd_level());
    switch (level) {
    case SimdLevel::Avx512Vnni:
        return byte_sums(weights, activations, rows, sums);
    case SimdLevel::Avx2:
        return int16_sums(int16_tiles_avx2(), weights, activations, rows, sums);
    case SimdLevel::Portable:
        return int16_sums(int16_tiles_portable(), weights, activations, rows, sums);
    }
}

void add_wrapping(std::span<std::int32_t> total, std::span<const std::int32_t> added) {
    assert(total.size() == added.size());
    for (std::size_t i = 0; i < total.size(); ++i) {
        total[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(total[i]) +
                                             static_cast<std::uint32_t>(added[i]));
    }
}

void add_fp32_bits(std::span<std::int32_t> total, std::span<const std::int32_t> added) {
    assert(total.size() == added.size());
    for (std::size_t i = 0; i < total.size(); ++i) {
        const float sum = std::bit_cast<float>(total[i]) + std::bit_cast<float>(added[i]);
        total[i] = std::bit_cast<std::int32_t>(canonical_nan(sum));
    }
}

} // namespace lpusim
