#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>
#include <vector>

#include "lpusim/base/values/column_sums.h"
#include "lpusim/base/values/dot_tiles.h"
#include "lpusim/base/values/float_formats.h"
#include "lpusim/base/values/float_rows.h"
#include "lpusim/base/values/row_blocks.h"

// fp8: a product is a multiple of 2^-18 and at most 448^2 < 2^18, so sums over up to 2^17 lanes are whole
// numbers of 2^-18 below 2^53: doubles hold every partial sum exactly, in any order.
//
// fp16: a product is exact in a double, its sums round. The rounded sum and its largest possible error give
// an interval; if both ends round to the same fp32, that is the answer. Otherwise the sum is found exactly.
namespace lpusim {

namespace {

/// Activations are prepared for this many rows at a time.
constexpr std::int64_t kBlockRows = 12;

FloatTiles tiles_of(SimdLevel level) {
    assert(level <= best_simd_level());
    switch (level) {
    case SimdLevel::Avx512Vnni:
        return float_tiles_avx512();
    case SimdLevel::Avx2:
        return float_tiles_avx2();
    case SimdLevel::Portable:
        break;
    }
    return float_tiles_portable();
}

/// A block of activations as doubles, in the layout of the weights.
class RowBlock {
  public:
    RowBlock(const FloatColumns& columns, std::int64_t lanes)
        : parts_(columns.parts), part_lanes_(lanes / parts_), part_stride_(columns.part_stride),
          values_(static_cast<std::size_t>(kBlockRows * stride()), 0.0),
          ranges_(static_cast<std::size_t>(kBlockRows * parts_)),
          floats_(static_cast<std::size_t>(part_lanes_)) {}

    void set_fp8_row(std::int64_t row, const std::uint8_t* bytes, SimdLevel level) {
        widen_fp8(bytes, part_lanes_, floats_.data(), level);
        std::copy(floats_.begin(), floats_.end(), values_.data() + row * stride());
    }

    void set_fp16_row(std::int64_t row, const std::uint8_t* low, const std::uint8_t* high, SimdLevel level) {
        for (std::int64_t part = 0; part < parts_; ++part) {
            const std::int64_t first = part * part_lanes_;
            widen_fp16(low + first, high + first, part_lanes_, floats_.data(), level);
            ranges_[static_cast<std::size_t>(row * parts_ + part)] =
                number_range(floats_.data(), part_lanes_, level);
            std::copy(floats_.begin(), floats_.end(), values_.data() + row * stride() + part * part_stride_);
        }
    }

    [[nodiscard]] std::int64_t stride() const { return parts_ * part_stride_; }
    [[nodiscard]] const double* part(std::int64_t row, std::int64_t part) const {
        return values_.data() + row * stride() + part * part_stride_;
    }
    [[nodiscard]] const NumberRange& range(std::int64_t row, std::int64_t part) const {
        return ranges_[static_cast<std::size_t>(row * parts_ + part)];
    }

  private:
    std::int64_t parts_, part_lanes_, part_stride_;
    std::vector<double> values_;
    std::vector<NumberRange> ranges_;
    std::vector<float> floats_;
};

WideSum exact_sum(const double* a, const float* w, std::int64_t count) {
    WideSum sum;
    for (std::int64_t i = 0; i < count; ++i) {
        sum.add(a[i] * static_cast<double>(w[i]));
    }
    return sum;
}

/// fp16 numbers in two halves of 20 bits each: multiples of 2^-4 below 2^16 and of 2^-24 below 2^-4. A
/// product of two halves has 40 bits, so sums of up to 2^13 of them are exact in a double.
struct Halves {
    double upper = 0.0;
    double lower = 0.0;
};

Halves halves_of(double value) {
    if (!(std::fabs(value) < std::numeric_limits<double>::infinity())) {
        return {}; // Such rows and columns go another way.
    }
    const double upper = static_cast<double>(static_cast<std::int64_t>(value * 16.0)) / 16.0;
    return {upper, value - upper};
}

constexpr std::int64_t kExactDepth = 1 << 13;

} // namespace

namespace {

/// Calls visit(first element, element count, sums) with exact sums of some whole rows after another.
template <class Visit>
void for_fp8_sums(WeightPlane& weights, const std::uint8_t* activations, std::int64_t rows, SimdLevel level,
                  const Visit& visit) {
    const FloatTiles tiles = tiles_of(level);
    const std::int64_t lanes = weights.lanes();
    assert(lanes <= std::int64_t{1} << 17U);
    const FloatColumns& columns = weights.fp8_columns();
    RowBlock block(columns, lanes);
    const std::int64_t depth = columns.part_stride;
    std::vector<double> sums(static_cast<std::size_t>(kBlockRows * lanes));
    for_row_blocks(rows, kBlockRows, [&](std::int64_t first, std::int64_t count) {
        for (std::int64_t row = 0; row < count; ++row) {
            block.set_fp8_row(row, activations + (first + row) * lanes, level);
        }
        tiles.multiply(block.part(0, 0), depth, count, columns.values.data(), depth, lanes, depth,
                       sums.data(), lanes);
        visit(first * lanes, count * lanes, sums.data());
    });
}

} // namespace

void column_sums_fp8(WeightPlane& weights, const std::uint8_t* activations, std::int64_t rows,
                     std::int32_t* sums, SimdLevel level) {
    for_fp8_sums(weights, activations, rows, level,
                 [&](std::int64_t first, std::int64_t count, const double* exact) {
                     for (std::int64_t i = 0; i < count; ++i) {
                         const float sum = canonical_nan(static_cast<float>(exact[i]));
                         sums[first + i] = std::bit_cast<std::int32_t>(sum);
                     }
                 });
}

void add_wide_sums_fp8(WeightPlane& weights, const std::uint8_t* activations, std::int64_t rows,
                       WideSum* sums, SimdLevel level) {
    for_fp8_sums(weights, activations, rows, level,
                 [&](std::int64_t first, std::int64_t count, const double* exact) {
                     for (std::int64_t i = 0; i < count; ++i) {
                         sums[first + i].add(exact[i]);
                     }
                 });
}

void column_sums_fp16(WeightPlane& low, WeightPlane& high, const std::uint8_t* activations, std::int64_t rows,
                      std::int64_t parts, std::int32_t* sums, SimdLevel level) {
    const FloatTiles tiles = tiles_of(level);
    const std::int64_t lanes = low.lanes(), part_lanes = lanes / parts;
    const FloatColumns& columns = low.fp16_columns(high, parts);
    RowBlock block(columns, lanes);
    const std::int64_t depth = columns.part_stride, stride = block.stride();
    std::vector<double> block_sums(static_cast<std::size_t>(kBlockRows * lanes));
    std::vector<float> below(static_cast<std::size_t>(lanes)), above(below);
    for_row_blocks(rows, kBlockRows, [&](std::int64_t first, std::int64_t count) {
        for (std::int64_t row = 0; row < count; ++row) {
            const std::uint8_t* from = activations + (first + row) * lanes;
            block.set_fp16_row(row, from, from + rows * lanes, level);
        }
        for (std::int64_t part = 0; part < parts; ++part) {
            const float* weights = columns.values.data() + part * depth;
            tiles.multiply(block.part(0, part), stride, count, weights, stride, lanes, depth,
                           block_sums.data(), lanes);
            for (std::int64_t row = 0; row < count; ++row) {
                const double* row_sums = block_sums.data() + row * lanes;
                const bool sure = round_sums(
                    row_sums, part_lanes, block.range(row, part), columns.largest.data() + part * lanes,
                    columns.unit.data() + part * lanes, lanes, below.data(), above.data(), level);
                for (std::int64_t column = 0; !sure && column < lanes; ++column) {
                    float& sum = below[static_cast<std::size_t>(column)];
                    if (sum == above[static_cast<std::size_t>(column)]) {
                        continue;
                    }
                    sum = std::isfinite(row_sums[column])
                              ? exact_sum(block.part(row, part), weights + column * stride, part_lanes)
                                    .to_fp32()
                              : static_cast<float>(row_sums[column]);
                }
                std::int32_t* to = sums + (first + row) * lanes;
                for (std::int64_t column = 0; column < lanes; ++column) {
                    const float before = part == 0 ? 0.0F : std::bit_cast<float>(to[column]);
                    const float sum = before + below[static_cast<std::size_t>(column)];
                    to[column] = std::bit_cast<std::int32_t>(canonical_nan(sum));
                }
            }
        }
    });
}

void add_wide_sums_fp16(WeightPlane& low, WeightPlane& high, const std::uint8_t* activations,
                        std::int64_t rows, WideSum* sums, SimdLevel level) {
    const FloatTiles tiles = tiles_of(level);
    const std::int64_t lanes = low.lanes();
    const FloatColumns& columns = low.fp16_columns(high, 1);
    const std::int64_t depth = columns.part_stride;
    std::vector<float> weights[2];
    for (auto& half : weights) {
        half.resize(columns.values.size());
    }
    for (std::size_t i = 0; i < columns.values.size(); ++i) {
        const Halves halves = halves_of(static_cast<double>(columns.values[i]));
        weights[0][i] = static_cast<float>(halves.upper);
        weights[1][i] = static_cast<float>(halves.lower);
    }
    const auto finite = [](double largest) { return largest < std::numeric_limits<double>::infinity(); };
    RowBlock block(columns, lanes);
    std::vector<double> values[2];
    for (auto& half : values) {
        half.resize(static_cast<std::size_t>(kBlockRows * depth));
    }
    std::vector<double> block_sums(static_cast<std::size_t>(kBlockRows * lanes));
    for_row_blocks(rows, kBlockRows, [&](std::int64_t first, std::int64_t count) {
        for (std::int64_t row = 0; row < count; ++row) {
            const std::uint8_t* from = activations + (first + row) * lanes;
            block.set_fp16_row(row, from, from + rows * lanes, level);
            for (std::int64_t i = 0; i < depth; ++i) {
                const Halves halves = halves_of(block.part(row, 0)[i]);
                values[0][static_cast<std::size_t>(row * depth + i)] = halves.upper;
                values[1][static_cast<std::size_t>(row * depth + i)] = halves.lower;
            }
        }
        const auto exactly = [&](std::int64_t row, std::int64_t column) {
            return finite(block.range(row, 0).total) &&
                   finite(columns.largest[static_cast<std::size_t>(column)]);
        };
        for (const auto& row_half : values) {
            for (const auto& column_half : weights) {
                for (std::int64_t at = 0; at < depth; at += kExactDepth) {
                    tiles.multiply(row_half.data() + at, depth, count, column_half.data() + at, depth, lanes,
                                   std::min(kExactDepth, depth - at), block_sums.data(), lanes);
                    for (std::int64_t row = 0; row < count; ++row) {
                        for (std::int64_t column = 0; column < lanes; ++column) {
                            if (exactly(row, column)) {
                                sums[(first + row) * lanes + column].add(
                                    block_sums[static_cast<std::size_t>(row * lanes + column)]);
                            }
                        }
                    }
                }
            }
        }
        for (std::int64_t row = 0; row < count; ++row) {
            for (std::int64_t column = 0; column < lanes; ++column) {
                if (!exactly(row, column)) {
                    sums[(first + row) * lanes + column].add(
                        exact_sum(block.part(row, 0), columns.values.data() + column * depth, lanes));
                }
            }
        }
    });
}

} // namespace lpusim
