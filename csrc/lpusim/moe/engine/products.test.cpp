#include "lpusim/moe/engine/products.h"

#include <bit>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "lpusim/base/rng.h"
#include "lpusim/base/values/float_formats.h"
#include "lpusim/base/values/wide_sum.h"

using namespace lpusim;
using namespace lpusim::moe;

namespace {

/// Numbers of a format: mostly of ordinary size, now and then any bits at all.
struct Draw {
    std::uint64_t stream = 0;
    bool special = false;

    [[nodiscard]] std::uint64_t bits(std::size_t i) const { return random_bits(11, stream, i); }
    [[nodiscard]] bool any_bits(std::size_t i) const { return special && bits(i) % 61 == 0; }

    void set(float& value, std::size_t i) const {
        value = any_bits(i) ? std::bit_cast<float>(static_cast<std::uint32_t>(bits(i) >> 8U))
                            : static_cast<float>(random_unit(12, stream, i) - 0.5);
    }
    void set(std::int8_t& value, std::size_t i) const {
        value = static_cast<std::int8_t>(special && bits(i) % 3 == 0 ? 0x80U : bits(i) >> 8U);
    }
    void set(std::uint16_t& value, std::size_t i) const {
        value = any_bits(i) ? static_cast<std::uint16_t>(bits(i) >> 8U)
                            : fp16_from_fp64(4.0 * (random_unit(12, stream, i) - 0.5));
    }
    void set(std::uint8_t& value, std::size_t i) const {
        value = any_bits(i) ? static_cast<std::uint8_t>(bits(i) >> 8U)
                            : fp8_from_fp64(16.0 * (random_unit(12, stream, i) - 0.5));
    }
};

template <class Element>
std::vector<Element> numbers(std::int64_t count, const Draw& draw) {
    std::vector<Element> values(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i) {
        draw.set(values[i], i);
    }
    return values;
}

/// What products.h promises, one sum at a time. `a` and `w` walk along the depth.
std::uint32_t expected(const float* a, const float* w, std::int64_t w_stride, std::int64_t depth,
                       std::int64_t) {
    float sum = 0;
    for (std::int64_t i = 0; i < depth; ++i) {
        sum = std::fma(a[i], w[i * w_stride], sum);
    }
    return std::bit_cast<std::uint32_t>(canonical_nan(sum));
}

std::uint32_t expected(const std::int8_t* a, const std::int8_t* w, std::int64_t w_stride, std::int64_t depth,
                       std::int64_t) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < depth; ++i) {
        sum += std::int64_t{a[i]} * w[i * w_stride];
    }
    return static_cast<std::uint32_t>(sum);
}

float number_of(std::uint16_t bits) {
    return fp32_from_fp16(bits);
}
float number_of(std::uint8_t bits) {
    return fp32_from_fp8(bits);
}

template <class Bits>
std::uint32_t expected(const Bits* a, const Bits* w, std::int64_t w_stride, std::int64_t depth,
                       std::int64_t sum_length) {
    float total = 0;
    for (std::int64_t first = 0; first < depth; first += sum_length) {
        WideSum sum;
        for (std::int64_t i = first; i < std::min(depth, first + sum_length); ++i) {
            sum.add(static_cast<double>(number_of(a[i])) * static_cast<double>(number_of(w[i * w_stride])));
        }
        total = first == 0 ? sum.to_fp32() : total + sum.to_fp32();
    }
    return std::bit_cast<std::uint32_t>(canonical_nan(total));
}

std::uint32_t bits_of(float sum) {
    return std::bit_cast<std::uint32_t>(canonical_nan(sum));
}
std::uint32_t bits_of(std::int32_t sum) {
    return static_cast<std::uint32_t>(sum);
}

/// How many sums differ from the reference.
template <class Product>
int wrong_sums(const ProductExtent& extent, std::int64_t sum_length, SimdLevel level, bool special) {
    using Element = typename Product::Element;
    const std::int64_t a_stride = extent.depth + 3, w_stride = extent.columns + (extent.rows % 2) * 5;
    const auto a = numbers<Element>(extent.rows * a_stride, {1, special});
    const auto w = numbers<Element>(extent.depth * w_stride, {2, special});
    const std::int64_t c_stride = sums_stride(extent.columns);
    std::vector<typename Product::Result> c(static_cast<std::size_t>(extent.rows * c_stride),
                                            typename Product::Result{7});
    Product product(sum_length, level);
    product.multiply({a.data(), a_stride, w.data(), w_stride, extent}, c.data(), c_stride);
    int wrong = 0;
    for (std::int64_t row = 0; row < extent.rows; ++row) {
        for (std::int64_t column = 0; column < c_stride; ++column) {
            const auto seen = c[static_cast<std::size_t>(row * c_stride + column)];
            const std::uint32_t right = column < extent.columns
                                            ? expected(a.data() + row * a_stride, w.data() + column, w_stride,
                                                       extent.depth, sum_length)
                                            : bits_of(typename Product::Result{7}); // Not touched.
            wrong += bits_of(seen) != right ? 1 : 0;
        }
    }
    return wrong;
}

template <class Product>
void check_shapes(std::int64_t sum_length) {
    const ProductExtent shapes[] = {{1, 1, 1},    {1, 5, 64},  {1, 37, 70},  {2, 33, 33},   {3, 300, 65},
                                    {6, 70, 130}, {7, 18, 96}, {13, 9, 40},  {14, 16, 100}, {15, 31, 64},
                                    {29, 40, 67}, {60, 19, 9}, {61, 270, 35}};
    for (const SimdLevel level : simd_levels()) {
        CAPTURE(static_cast<int>(level));
        for (const ProductExtent& extent : shapes) {
            CAPTURE(extent.rows);
            CAPTURE(extent.depth);
            CAPTURE(extent.columns);
            CHECK(wrong_sums<Product>(extent, sum_length, level, false) == 0);
            CHECK(wrong_sums<Product>(extent, sum_length, level, true) == 0);
        }
    }
}

} // namespace

TEST_CASE("fp32 sums are one chain of fused multiply-adds, at every level and shape") {
    check_shapes<Fp32Product>(320);
}

TEST_CASE("int8 sums are exact modulo 2^32, at every level and shape") {
    check_shapes<Int8Product>(320);
}

TEST_CASE("fp16 sums are exact over sum_length, rounded and added in order, at every level and shape") {
    check_shapes<Fp16Product>(320);
    check_shapes<Fp16Product>(32);
    check_shapes<Fp16Product>(7);
}

TEST_CASE("fp8 sums are exact over sum_length, rounded and added in order, at every level and shape") {
    check_shapes<Fp8Product>(131'072);
    check_shapes<Fp8Product>(32);
}

TEST_CASE("the order of an fp32 chain is that of the depth") {
    // 2^24 + 1 - 2^24: the 1 is lost when it comes second, not when it comes last.
    const std::vector<float> ones(3, 1.0F);
    for (const SimdLevel level : simd_levels()) {
        const std::vector<float> second{0x1p24F, 1.0F, -0x1p24F}, last{0x1p24F, -0x1p24F, 1.0F};
        float sum = 0;
        Fp32Product(1, level).multiply({ones.data(), 3, second.data(), 1, {1, 3, 1}}, &sum, 16);
        CHECK(sum == 0.0F);
        Fp32Product(1, level).multiply({ones.data(), 3, last.data(), 1, {1, 3, 1}}, &sum, 16);
        CHECK(sum == 1.0F);
    }
}

TEST_CASE("a sum in the middle between two fp32 is decided by what an fp16 chain would lose") {
    // 1 * 1 + 2^-12 * 2^-12 = 1 + 2^-24 is a tie, to even: 1. One more 2^-48 decides for 1 + 2^-23.
    const auto half = [](double value) { return fp16_from_fp64(value); };
    const std::vector<std::uint16_t> a{half(1), half(0x1p-12), half(0x1p-24)};
    for (const SimdLevel level : simd_levels()) {
        for (const std::int64_t columns : {1, 32, 40}) {
            std::vector<std::uint16_t> w;
            for (const double value : {1.0, 0x1p-12, 0.0}) {
                w.insert(w.end(), static_cast<std::size_t>(columns), half(value));
            }
            std::vector<float> sums(static_cast<std::size_t>(columns));
            Fp16Product product(320, level);
            product.multiply({a.data(), 3, w.data(), columns, {1, 3, columns}}, sums.data(), columns);
            CHECK(sums == std::vector<float>(sums.size(), 1.0F));
            std::fill(w.end() - columns, w.end(), half(0x1p-24));
            product.multiply({a.data(), 3, w.data(), columns, {1, 3, columns}}, sums.data(), columns);
            CHECK(sums == std::vector<float>(sums.size(), 1.0F + 0x1p-23F));
        }
    }
}

TEST_CASE("an int8 sum of the greatest depth does not wrap, and -128 is a weight like any other") {
    constexpr std::int64_t kDepth = 131'071;
    const std::vector<std::int8_t> a(kDepth, -128);
    std::vector<std::int8_t> w(kDepth, -128);
    for (const SimdLevel level : simd_levels()) {
        std::int32_t sum = 0;
        Int8Product(1, level).multiply({a.data(), kDepth, w.data(), 1, {1, kDepth, 1}}, &sum, 16);
        CHECK(sum == 131'071 * 16'384);
    }
}

TEST_CASE("rows of sums never lie a power of two of lines apart") {
    CHECK(sums_stride(1) == 16);
    CHECK(sums_stride(16) == 16);
    CHECK(sums_stride(17) == 48);
    CHECK(sums_stride(2048) == 2064);
}
