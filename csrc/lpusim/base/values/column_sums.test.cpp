#include "lpusim/base/values/column_sums.h"

#include <bit>
#include <cmath>
#include <doctest/doctest.h>
#include <utility>
#include <vector>

#include "lpusim/base/integers.h"
#include "lpusim/base/rng.h"
#include "lpusim/base/values/float_formats.h"

namespace lpusim {

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes random_bytes(std::uint64_t stream, std::int64_t count) {
    Bytes bytes;
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(count); ++i) {
        bytes.push_back(static_cast<std::uint8_t>(random_bits(3, stream, i)));
    }
    return bytes;
}

WeightPlane plane_of(const Bytes& columns, std::int64_t lanes) {
    WeightPlane plane(lanes);
    for (std::int64_t column = 0; column < lanes; ++column) {
        plane.set_column(column, columns.data() + column * lanes);
    }
    return plane;
}

/// The exact sum of products of finite fp16 or fp8 numbers in units of 2^-48, gains and losses apart.
struct SlowSum {
    UInt128 gains, losses;

    void add(float a, float b) {
        const auto units = [](float value) { // Of 2^-24.
            return static_cast<std::uint64_t>(std::ldexp(std::fabs(value), 24));
        };
        const UInt128 product = multiply_wide(units(a), units(b));
        UInt128& total = std::signbit(a) == std::signbit(b) ? gains : losses;
        const std::uint64_t low = total.low + product.low;
        total = {total.high + product.high + (low < product.low), low};
    }

    /// Shifts right one bit at a time until 24 bits are left.
    [[nodiscard]] float rounded() const {
        const bool negative = gains < losses;
        const UInt128& more = negative ? losses : gains;
        const UInt128& less = negative ? gains : losses;
        UInt128 rest{more.high - less.high - (more.low < less.low), more.low - less.low};
        int exponent = -48;
        bool half = false, below_half = false;
        while (rest.high != 0 || rest.low >= std::uint64_t{1} << 24U) {
            below_half = below_half || half;
            half = (rest.low & 1U) != 0;
            rest = {rest.high >> 1U, rest.low >> 1U | rest.high << 63U};
            ++exponent;
        }
        rest.low += half && (below_half || (rest.low & 1U) != 0);
        const float magnitude = std::ldexp(static_cast<float>(rest.low), exponent);
        return negative ? -magnitude : magnitude;
    }
};

/// One fp32 sum from the rules: NaN, infinities, else exact and rounded once.
template <class Left, class Right>
float slow_sum(std::int64_t begin, std::int64_t end, const Left& left, const Right& right) {
    SlowSum sum;
    bool nan = false, plus = false, minus = false;
    for (std::int64_t i = begin; i < end; ++i) {
        const float a = left(i), b = right(i), product = a * b;
        if (std::isfinite(a) && std::isfinite(b)) {
            sum.add(a, b);
        } else {
            nan = nan || std::isnan(product);
            plus = plus || product > 0;
            minus = minus || product < 0;
        }
    }
    if (nan || (plus && minus)) {
        return std::bit_cast<float>(std::uint32_t{0x7fc00000});
    }
    return plus ? INFINITY : minus ? -INFINITY : sum.rounded();
}

/// Weights and activations in fp16, as the planes want them.
struct Fp16Case {
    std::int64_t lanes = 0, rows = 0;
    std::vector<std::uint16_t> weights, activations; ///< column after column; row after row

    [[nodiscard]] std::pair<WeightPlane, WeightPlane> planes() const {
        Bytes low, high;
        for (const std::uint16_t weight : weights) {
            low.push_back(static_cast<std::uint8_t>(weight));
            high.push_back(static_cast<std::uint8_t>(weight >> 8U));
        }
        return {plane_of(low, lanes), plane_of(high, lanes)};
    }

    [[nodiscard]] Bytes activation_planes() const {
        Bytes bytes;
        for (const unsigned shift : {0U, 8U}) {
            for (const std::uint16_t activation : activations) {
                bytes.push_back(static_cast<std::uint8_t>(activation >> shift));
            }
        }
        return bytes;
    }

    [[nodiscard]] float expected(std::int64_t row, std::int64_t column, std::int64_t parts) const {
        const auto left = [&](std::int64_t i) {
            return fp32_from_fp16(activations[static_cast<std::size_t>(row * lanes + i)]);
        };
        const auto right = [&](std::int64_t i) {
            return fp32_from_fp16(weights[static_cast<std::size_t>(column * lanes + i)]);
        };
        float sum = slow_sum(0, lanes / parts, left, right);
        if (parts == 2) {
            sum += slow_sum(lanes / 2, lanes, left, right);
        }
        return canonical_nan(sum);
    }

    void check() const {
        const Bytes planes_of_activations = activation_planes();
        for (const std::int64_t parts : {1, 2}) {
            if (lanes % parts != 0) {
                continue;
            }
            std::vector<std::int32_t> slow;
            for (std::int64_t row = 0; row < rows; ++row) {
                for (std::int64_t column = 0; column < lanes; ++column) {
                    slow.push_back(std::bit_cast<std::int32_t>(expected(row, column, parts)));
                }
            }
            for (const SimdLevel level : simd_levels()) {
                CAPTURE(static_cast<int>(level));
                CAPTURE(lanes);
                CAPTURE(parts);
                auto [low, high] = planes();
                std::vector<std::int32_t> sums(slow.size());
                column_sums_fp16(low, high, planes_of_activations.data(), rows, parts, sums.data(), level);
                CHECK(sums == slow);
                if (parts == 1) {
                    std::vector<WideSum> wide(slow.size());
                    add_wide_sums_fp16(low, high, planes_of_activations.data(), rows, wide.data(), level);
                    for (std::size_t i = 0; i < wide.size(); ++i) {
                        sums[i] = std::bit_cast<std::int32_t>(wide[i].to_fp32());
                    }
                    CHECK(sums == slow);
                }
            }
        }
    }
};

/// `draw(random bits)` makes a number.
template <class Draw>
Fp16Case fp16_case(std::int64_t lanes, std::int64_t rows, const Draw& draw) {
    Fp16Case made{lanes, rows, {}, {}};
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(lanes * lanes); ++i) {
        made.weights.push_back(draw(random_bits(5, 0, i)));
    }
    for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(rows * lanes); ++i) {
        made.activations.push_back(draw(random_bits(5, 1, i)));
    }
    return made;
}

std::uint16_t any_finite(std::uint64_t random) {
    const auto bits = static_cast<std::uint16_t>(random);
    return (bits & 0x7c00U) == 0x7c00U ? static_cast<std::uint16_t>(bits & 0x83ffU) : bits;
}

} // namespace

TEST_CASE("int8 sums are the same bits on every instruction set, and right") {
    for (const std::int64_t lanes : {1, 3, 6, 16, 37, 320}) {
        for (const std::int64_t rows : {1, 2, 7, 25}) { // Activations are prepared 24 at a time.
            const Bytes matrix = random_bytes(0, lanes * lanes), vectors = random_bytes(1, rows * lanes);
            std::vector<std::int32_t> expected;
            for (std::int64_t row = 0; row < rows; ++row) {
                for (std::int64_t column = 0; column < lanes; ++column) {
                    std::int32_t sum = 0;
                    for (std::int64_t lane = 0; lane < lanes; ++lane) {
                        sum +=
                            static_cast<std::int8_t>(vectors[static_cast<std::size_t>(row * lanes + lane)]) *
                            static_cast<std::int8_t>(matrix[static_cast<std::size_t>(column * lanes + lane)]);
                    }
                    expected.push_back(sum);
                }
            }
            for (const SimdLevel level : simd_levels()) {
                CAPTURE(lanes);
                CAPTURE(rows);
                CAPTURE(static_cast<int>(level));
                WeightPlane weights = plane_of(matrix, lanes);
                std::vector<std::int32_t> sums(expected.size());
                column_sums_int8(weights, vectors.data(), rows, sums.data(), level);
                CHECK(sums == expected);
            }
        }
    }
}

TEST_CASE("int8 sums are exact at the extremes") {
    for (const SimdLevel level : simd_levels()) {
        WeightPlane weights(320);
        const Bytes lowest(320, 0x80);
        weights.set_column(319, lowest.data());
        std::vector<std::int32_t> sums(640);
        Bytes activations(640, 0x80);
        activations[639] = 0x7f;
        column_sums_int8(weights, activations.data(), 2, sums.data(), level);
        CHECK(sums[318] == 0);
        CHECK(sums[319] == 320 * 128 * 128);
        CHECK(sums[639] == 319 * 128 * 128 - 127 * 128);
    }
}

TEST_CASE("fp8 sums are exact, rounded once, and the same bits on every instruction set") {
    for (const std::int64_t lanes : {1, 5, 16, 37, 320}) {
        constexpr std::int64_t kRows = 13; // Activations are prepared 12 at a time.
        const Bytes matrix = random_bytes(0, lanes * lanes), vectors = random_bytes(1, kRows * lanes);
        std::vector<std::int32_t> expected;
        for (std::int64_t row = 0; row < kRows; ++row) {
            for (std::int64_t column = 0; column < lanes; ++column) {
                const float sum = slow_sum(
                    0, lanes,
                    [&](std::int64_t i) {
                        return fp32_from_fp8(vectors[static_cast<std::size_t>(row * lanes + i)]);
                    },
                    [&](std::int64_t i) {
                        return fp32_from_fp8(matrix[static_cast<std::size_t>(column * lanes + i)]);
                    });
                expected.push_back(std::bit_cast<std::int32_t>(sum));
            }
        }
        for (const SimdLevel level : simd_levels()) {
            CAPTURE(lanes);
            CAPTURE(static_cast<int>(level));
            WeightPlane weights = plane_of(matrix, lanes);
            std::vector<std::int32_t> sums(expected.size());
            column_sums_fp8(weights, vectors.data(), kRows, sums.data(), level);
            CHECK(sums == expected);
            std::vector<WideSum> wide(expected.size());
            add_wide_sums_fp8(weights, vectors.data(), kRows, wide.data(), level);
            for (std::size_t i = 0; i < wide.size(); ++i) {
                sums[i] = std::bit_cast<std::int32_t>(wide[i].to_fp32());
            }
            CHECK(sums == expected);
        }
    }
}

TEST_CASE("fp16 sums of any finite numbers are exact and rounded once") {
    for (const std::int64_t lanes : {1, 2, 6, 16, 37, 320}) {
        fp16_case(lanes, lanes == 320 ? 4 : 13, any_finite).check();
    }
}

TEST_CASE("fp16 sums whose rounding a double cannot tell are found exactly") {
    // One large product cancels, and the rest is near or at the middle of two fp32.
    Fp16Case made = fp16_case(8, 1, [](std::uint64_t) { return std::uint16_t{0}; });
    const auto set = [&](std::size_t lane, float activation, float weight) {
        made.activations[lane] = fp16_from_fp32(activation);
        made.weights[lane] = fp16_from_fp32(weight);
    };
    set(0, 4096.0F, 4096.0F);   // 2^24
    set(1, 1.0F, 1.0F);         // the middle of 2^24 and the next fp32
    set(2, 0x1p-24F, 0x1p-24F); // decides, but is lost in a double beside 2^24
    made.check();
    CHECK(made.expected(0, 0, 1) == 0x1.000002p24F);
    set(2, 0x1p-24F, -0x1p-24F);
    made.check();
    CHECK(made.expected(0, 0, 1) == 0x1p24F);
    set(3, 4096.0F, -4096.0F);
    set(4, -1.0F, 1.0F);
    made.check();
    CHECK(made.expected(0, 0, 1) == -0x1p-48F);
}

TEST_CASE("fp16 sums of small whole numbers, where rounding hits the middle often") {
    fp16_case(64, 5, [](std::uint64_t random) {
        const auto whole = static_cast<float>(static_cast<std::int64_t>(random % 4095) - 2047);
        return fp16_from_fp32(whole);
    }).check();
}

TEST_CASE("fp16 sums with NaN, infinities and zeros follow the rules") {
    fp16_case(16, 40, [](std::uint64_t random) {
        constexpr std::uint16_t kSpecial[] = {0x7c00, 0xfc00, 0x7e01, 0x8000, 0x0000};
        return random % 16 == 0 ? kSpecial[(random >> 8U) % 5] : any_finite(random >> 16U);
    }).check();
}

TEST_CASE("a sum whose products are all -0 is +0") {
    Fp16Case made = fp16_case(4, 1, [](std::uint64_t) { return std::uint16_t{0}; });
    made.activations.assign(4, 0x8000);
    made.weights.assign(16, 0x3c00);
    auto [low, high] = made.planes();
    for (const SimdLevel level : simd_levels()) {
        std::vector<std::int32_t> sums(4, -1);
        column_sums_fp16(low, high, made.activation_planes().data(), 1, 2, sums.data(), level);
        CHECK(sums == std::vector<std::int32_t>(4, 0));
    }
}

TEST_CASE("two parts are two roundings") {
    Fp16Case made = fp16_case(4, 1, [](std::uint64_t) { return std::uint16_t{0}; });
    const float left[] = {4096.0F, 1.0F, 1.0F, 0x1p-24F}, right[] = {4096.0F, 1.0F, 1.0F, 1.0F};
    for (std::size_t lane = 0; lane < 4; ++lane) {
        made.activations[lane] = fp16_from_fp32(left[lane]);
        made.weights[lane] = fp16_from_fp32(right[lane]);
    }
    made.check();
    CHECK(made.expected(0, 0, 1) == 0x1.000002p24F); // 2^24 + 2 + 2^-24
    CHECK(made.expected(0, 0, 2) == 0x1p24F); // 2^24 + 1 and 1 + 2^-24 both go down, and so does their sum.
}

TEST_CASE("a product uses the weights as they are now, whichever plane changed") {
    Fp16Case made = fp16_case(2, 1, [](std::uint64_t) { return std::uint16_t{0x3c00}; });
    auto [low, high] = made.planes();
    const Bytes activations = made.activation_planes();
    const auto first_sum = [&] {
        std::vector<std::int32_t> sums(2);
        column_sums_fp16(low, high, activations.data(), 1, 1, sums.data());
        return std::bit_cast<float>(sums[0]);
    };
    CHECK(first_sum() == 2.0F);
    const Bytes high_of_two(2, 0x40), low_bits(2, 0x01);
    high.set_column(0, high_of_two.data());
    CHECK(first_sum() == 4.0F);
    low.set_column(0, low_bits.data());
    CHECK(first_sum() == 4.0F + 0x1p-8F);
    WeightPlane other_high(2);
    std::swap(high, other_high);
    CHECK(first_sum() == 0x1p-23F);
    std::swap(high, other_high);
    CHECK(first_sum() == 4.0F + 0x1p-8F);
    high.clear();
    low.clear();
    CHECK(first_sum() == 0.0F);
    std::vector<std::int32_t> sums(2);
    low.set_column(0, low_bits.data());
    column_sums_int8(low, low_bits.data(), 1, sums.data());
    CHECK(sums[0] == 2); // The same bytes as int8.
    column_sums_fp8(low, low_bits.data(), 1, sums.data());
    CHECK(std::bit_cast<float>(sums[0]) == 0x1p-17F); // And as fp8: 2 * 2^-9 * 2^-9.
}

TEST_CASE("accumulated fp32 sums round each time, and NaN is canonical") {
    const auto bits = [](float value) { return std::bit_cast<std::int32_t>(value); };
    std::vector<std::int32_t> total{bits(0x1p24F), bits(INFINITY), bits(1.5F)};
    const std::vector<std::int32_t> added{bits(1.0F), bits(-INFINITY), bits(2.0F)};
    add_fp32_bits(total, added);
    CHECK(total == std::vector<std::int32_t>{bits(0x1p24F), 0x7fc00000, bits(3.5F)});
}

} // namespace lpusim
