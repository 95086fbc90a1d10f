#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <limits>
#include <vector>

#include "lpusim/chip/column_sums.h"
#include "lpusim/chip/dot_tiles.h"
#include "lpusim/chip/float_formats.h"
#include "lpusim/chip/fp16_range.h"

// fp8: a product is a multiple of 2^-18 and at most 448^2 < 2^18, so sums over up to 2^17 lanes are whole
// numbers of 2^-18 below 2^53: doubles hold every partial sum exactly, in any order.
//
// fp16: a product is exact in a double, its sums round. The rounded sum and its largest possible error give
// an interval; if both ends round to the same fp32, that is the answer. Otherwise the sum is found exactly.
namespace lpusim::chip {

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

/// Calls visit(first row, row count) for blocks of rows.
template <class Visit>
void for_row_blocks(std::int64_t rows, const Visit& visit) {
    for (std::int64_t first = 0; first < rows; first += kBlockRows) {
        visit(first, std::min(kBlockRows, rows - first));
    }
}

float fp16_at(const std::uint8_t* low, const std::uint8_t* high, std::int64_t lane) {
    return fp32_from_fp16(static_cast<std::uint16_t>(low[lane] | high[lane] << 8));
}

/// What bounds the error of sums with one part of a row.
struct RowRange {
    double total = 0.0; ///< of all magnitudes
    double unit = 1.0;
};

/// A block of fp16 activations as doubles, in the layout of the weights.
class RowBlock {
  public:
    RowBlock(const FloatColumns& columns, std::int64_t lanes)
        : parts_(columns.parts), part_lanes_(lanes / parts_), part_stride_(columns.part_stride),
          values_(static_cast<std::size_t>(kBlockRows * stride()), 0.0),
          ranges_(static_cast<std::size_t>(kBlockRows * parts_)),
          floats_(static_cast<std::size_t>(part_lanes_)) {}

    void set_row(std::int64_t row, const std::uint8_t* low, const std::uint8_t* high) {
        for (std::int64_t part = 0; part < parts_; ++part) {
            for (std::int64_t i = 0; i < part_lanes_; ++i) {
                floats_[static_cast<std::size_t>(i)] = fp16_at(low, high, part * part_lanes_ + i);
            }
            double* to = values_.data() + row * stride() + part * part_stride_;
            std::copy(floats_.begin(), floats_.end(), to);
            double total = 0.0; // Its own rounding is within the slack of round_sums.
            for (std::int64_t i = 0; i < part_lanes_; ++i) {
                total += std::fabs(to[i]);
            }
            ranges_[static_cast<std::size_t>(row * parts_ + part)] = {
                total, fp16_range(floats_.data(), part_lanes_).unit};
        }
    }

    [[nodiscard]] std::int64_t stride() const { return parts_ * part_stride_; }
    [[nodiscard]] const double* part(std::int64_t row, std::int64_t part) const {
        return values_.data() + row * stride() + part * part_stride_;
    }
    [[nodiscard]] const RowRange& range(std::int64_t row, std::int64_t part) const {
        return ranges_[static_cast<std::size_t>(row * parts_ + part)];
    }

  private:
    std::int64_t parts_, part_lanes_, part_stride_;
    std::vector<double> values_;
    std::vector<RowRange> ranges_;
    std::vector<float> floats_;
};

WideSum exact_sum(const double* a, const float* w, std::int64_t count) {
    WideSum sum;
    for (std::int64_t i = 0; i < count; ++i) {
        sum.add(a[i] * static_cast<double>(w[i]));
    }
    return sum;
}

/// The two ends of the interval that holds each true sum, rounded to fp32.
///
/// Adding K exact products in double, in any order, is wrong by at most (K - 1) u / (1 - K u) times the sum
/// of their magnitudes, u = 2^-53. Finding the bound and the ends is wrong by less than three u more and by a
/// factor of 1 + K u, for which K + 8 instead of K - 1 leaves room up to K = 2^20. Where the magnitudes sum
/// to less than 2^53 units, every partial sum is a whole number of units that a double holds: no error at
/// all.
void round_sums(const double* sums, const RowRange& row, const double* largest, const double* unit,
                std::int64_t count, std::int64_t products, float* low, float* high) {
    const double error_factor = static_cast<double>(products + 8) * 0x1p-53 * row.total;
    const double unit_factor = 0x1p52 * row.unit;
    for (std::int64_t i = 0; i < count; ++i) {
        const bool exact = row.total * largest[i] < unit_factor * unit[i];
        const double error = exact ? 0.0 : error_factor * largest[i];
        low[i] = static_cast<float>(sums[i] - error);
        high[i] = static_cast<float>(sums[i] + error);
    }
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
    const std::int64_t depth = columns.part_stride;
    std::vector<double> values(static_cast<std::size_t>(kBlockRows * depth), 0.0);
    std::vector<double> sums(static_cast<std::size_t>(kBlockRows * lanes));
    for_row_blocks(rows, [&](std::int64_t first, std::int64_t count) {
        for (std::int64_t row = 0; row < count; ++row) {
            const std::uint8_t* from = activations + (first + row) * lanes;
            double* to = values.data() + row * depth;
            for (std::int64_t lane = 0; lane < lanes; ++lane) {
                to[lane] = static_cast<double>(fp32_from_fp8(from[lane]));
            }
        }
        tiles.multiply(values.data(), depth, count, columns.values.data(), depth, lanes, depth, sums.data(),
                       lanes);
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
    std::vector<float> below(static_cast<std::size_t>(lanes)), above(below), total(below);
    for_row_blocks(rows, [&](std::int64_t first, std::int64_t count) {
        for (std::int64_t row = 0; row < count; ++row) {
            const std::uint8_t* from = activations + (first + row) * lanes;
            block.set_row(row, from, from + rows * lanes);
        }
        for (std::int64_t part = 0; part < parts; ++part) {
            const float* weights = columns.values.data() + part * depth;
            tiles.multiply(block.part(0, part), stride, count, weights, stride, lanes, depth,
                           block_sums.data(), lanes);
            for (std::int64_t row = 0; row < count; ++row) {
                const double* row_sums = block_sums.data() + row * lanes;
                round_sums(row_sums, block.range(row, part), columns.largest.data() + part * lanes,
                           columns.unit.data() + part * lanes, lanes, part_lanes, below.data(), above.data());
                std::int32_t* to = sums + (first + row) * lanes;
                for (std::int64_t column = 0; column < lanes; ++column) {
                    const auto at = static_cast<std::size_t>(column);
                    float sum = below[at];
                    if (!(sum == above[at])) { // Not sure, or NaN.
                        sum = std::isfinite(row_sums[column])
                                  ? exact_sum(block.part(row, part), weights + column * stride, part_lanes)
                                        .to_fp32()
                                  : static_cast<float>(row_sums[column]);
                    }
                    if (part > 0) {
                        sum += std::bit_cast<float>(to[column]);
                    }
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
    for_row_blocks(rows, [&](std::int64_t first, std::int64_t count) {
        for (std::int64_t row = 0; row < count; ++row) {
            const std::uint8_t* from = activations + (first + row) * lanes;
            block.set_row(row, from, from + rows * lanes);
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

} // namespace lpusim::chip
