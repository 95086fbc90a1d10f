#include "lpusim/moe/engine/expert_ffn.h"

#include <bit>
#include <cmath>
#include <doctest/doctest.h>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "lpusim/base/rng.h"
#include "lpusim/base/values/float_formats.h"
#include "lpusim/moe/engine/narrow_rows.h"

using namespace lpusim;
using namespace lpusim::moe;

namespace {

void set(float& value, double x) {
    value = static_cast<float>(x);
}
void set(std::int8_t& value, double x) {
    value = static_cast<std::int8_t>(127.0 * x);
}
void set(std::uint16_t& value, double x) {
    value = fp16_from_fp64(x);
}
void set(std::uint8_t& value, double x) {
    value = fp8_from_fp64(x);
}

template <class Element>
std::vector<Element> numbers(std::uint64_t stream, std::int64_t count) {
    std::vector<Element> values(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < values.size(); ++i) {
        set(values[i], 2.0 * random_unit(9, stream, i) - 1.0);
    }
    return values;
}

/// A layer of experts with everything that can be there.
template <class Element>
struct Layer {
    static constexpr bool kScaled = sizeof(Element) == 1;

    Layer(std::int64_t experts, std::int64_t width, std::int64_t hidden)
        : gate(numbers<Element>(1, experts * width * hidden)),
          up(numbers<Element>(2, experts * width * hidden)),
          down(numbers<Element>(3, experts * width * hidden)), gate_bias(numbers<float>(4, experts * hidden)),
          down_bias(numbers<float>(5, experts * width)),
          scale(numbers<float>(6, experts * (width + hidden))) {
        weights.experts = experts;
        weights.width = width;
        weights.hidden = hidden;
        weights.gate = {gate, {}, gate_bias};
        weights.up = {up, {}, {}};
        weights.down = {down, {}, down_bias};
        if (kScaled) {
            weights.up.scale = std::span(scale).first(static_cast<std::size_t>(experts * hidden));
            weights.down.scale = std::span(scale).last(static_cast<std::size_t>(experts * width));
        }
    }

    std::vector<Element> gate, up, down;
    std::vector<float> gate_bias, down_bias, scale;
    ExpertWeights<Element> weights;
};

template <class Element>
std::vector<float> computed(const Layer<Element>& layer, const std::vector<Element>& rows,
                            const std::vector<std::int64_t>& offsets, ComputeOptions options) {
    std::vector<float> row_scale;
    for (std::size_t row = 0; Layer<Element>::kScaled && row < static_cast<std::size_t>(offsets.back());
         ++row) {
        row_scale.push_back(0.25F + static_cast<float>(row % 3));
    }
    std::vector<float> out(rows.size());
    expert_ffn<Element>(rows, row_scale, offsets, layer.weights, out, options);
    return out;
}

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
    std::vector<std::uint32_t> bits;
    for (const float value : values) {
        bits.push_back(std::bit_cast<std::uint32_t>(value));
    }
    return bits;
}

template <class Element>
void check_same_bits() {
    const std::vector<std::int64_t> offsets{0, 1, 1, 8, 40, 41}; // Five experts, one idle.
    const Layer<Element> layer(5, 70, 300);
    const auto rows = numbers<Element>(7, offsets.back() * 70);
    const auto first = bits_of(computed(layer, rows, offsets, {.level = SimdLevel::Portable}));
    for (const SimdLevel level : simd_levels()) {
        for (const std::int64_t threads : {1, 2, 3}) {
            CAPTURE(static_cast<int>(level));
            CAPTURE(threads);
            CHECK(bits_of(computed(layer, rows, offsets, {.threads = threads, .level = level})) == first);
        }
    }
}

} // namespace

TEST_CASE("a row's bits do not depend on level or threads") {
    check_same_bits<float>();
    check_same_bits<std::int8_t>();
    check_same_bits<std::uint16_t>();
    check_same_bits<std::uint8_t>();
}

TEST_CASE("a row's bits do not depend on what else is computed") {
    const Layer<std::int8_t> layer(2, 64, 128);
    const auto rows = numbers<std::int8_t>(7, 300 * 64);
    std::vector<float> all(rows.size()), alone(64);
    expert_ffn<std::int8_t>(rows, {}, std::vector<std::int64_t>{0, 290, 300}, layer.weights, all);
    for (const std::size_t row : {0, 100, 289, 299}) {
        const std::vector<std::int64_t> offsets{0, row < 290 ? 1 : 0, 1};
        expert_ffn<std::int8_t>(std::span(rows).subspan(row * 64, 64), {}, offsets, layer.weights, alone);
        CHECK(alone == std::vector<float>(all.begin() + static_cast<std::ptrdiff_t>(row * 64),
                                          all.begin() + static_cast<std::ptrdiff_t>(row * 64 + 64)));
    }
}

TEST_CASE("one int8 row by hand, with scales, bias and the row's own scale for the hidden row") {
    // Width 2, hidden 1: gate = 3*10 + 4*5 = 50, up = 3*1 + 4*2 = 11, down = (2, -3).
    const std::vector<std::int8_t> rows{3, 4}, gate{10, 5}, up{1, 2}, down{2, -3};
    const std::vector<float> gate_scale{0.5F}, up_scale{2.0F}, up_bias{1.0F}, down_scale{1.0F, 0.5F},
        row_scale{0.25F};
    ExpertWeights<std::int8_t> weights{.experts = 1,
                                       .width = 2,
                                       .hidden = 1,
                                       .gate = {gate, gate_scale, {}},
                                       .up = {up, up_scale, up_bias},
                                       .down = {down, down_scale, {}}};
    // gate = 50 * 0.5 * 0.25 = 6.25, up = 11 * 2 * 0.25 + 1 = 6.5.
    const auto hidden = static_cast<float>(6.25 / (1.0 + std::exp(-6.25)) * 6.5);
    const float scale = hidden / 127.0F;
    std::vector<float> out(2);
    const std::vector<std::int64_t> offsets{0, 1};
    expert_ffn<std::int8_t>(rows, row_scale, offsets, weights, out);
    CHECK(out[0] == 254.0F * 1.0F * scale); // The hidden row is 127.
    CHECK(out[1] == -381.0F * 0.5F * scale);

    const std::vector<float> hidden_scale{1.0F}; // 40.5 or so becomes 41 or 40.
    weights.hidden_scale = hidden_scale;
    expert_ffn<std::int8_t>(rows, row_scale, offsets, weights, out);
    CHECK(out[0] == 2.0F * std::nearbyint(hidden));
}

TEST_CASE("one fp16 row by hand: the hidden row is rounded to fp16, sums are not") {
    const std::uint16_t one = fp16_from_fp32(1.0F), eight = fp16_from_fp32(8.0F);
    const std::vector<std::uint16_t> rows{one}, gate{eight}, up{one}, down{one};
    const ExpertWeights<std::uint16_t> weights{.experts = 1,
                                               .width = 1,
                                               .hidden = 1,
                                               .gate = {gate, {}, {}},
                                               .up = {up, {}, {}},
                                               .down = {down, {}, {}}};
    std::vector<float> out(1);
    expert_ffn<std::uint16_t>(rows, {}, std::vector<std::int64_t>{0, 1}, weights, out);
    CHECK(out[0] == fp32_from_fp16(fp16_from_fp64(8.0 / (1.0 + std::exp(-8.0)))));
}

TEST_CASE("products alone are those of products.h, expert by expert") {
    const std::vector<std::int8_t> rows{1, 2, 3, 4}, matrices{1, 2, 3, 4, 5, 6, 7, 8};
    std::vector<std::int32_t> out(4);
    expert_gemm<std::int8_t>(rows, std::vector<std::int64_t>{0, 1, 2}, {matrices, 2, 2}, out);
    CHECK(out == std::vector<std::int32_t>{7, 10, 43, 50}); // (1, 2) * first, (3, 4) * second
    std::vector<float> nan{-NAN, 1.0F}, sums(2);
    const std::vector<float> ones(4, 1.0F);
    expert_gemm<float>(nan, std::vector<std::int64_t>{0, 1}, {ones, 2, 2}, sums);
    CHECK(bits_of(sums) == std::vector<std::uint32_t>{kFp32Nan, kFp32Nan});
}

TEST_CASE("a listener may stop the work") {
    const Layer<float> layer(1, 64, 64);
    const auto rows = numbers<float>(7, 64);
    std::vector<float> out(64);
    ComputeOptions options;
    options.progress = [](std::int64_t, std::int64_t) { throw std::runtime_error("enough"); };
    CHECK_THROWS_AS(expert_ffn<float>(rows, {}, std::vector<std::int64_t>{0, 1}, layer.weights, out, options),
                    std::runtime_error);
}

TEST_CASE("no rows, no work") {
    const Layer<float> layer(2, 4, 4);
    expert_ffn<float>({}, {}, std::vector<std::int64_t>{0, 0, 0}, layer.weights, {});
    expert_gemm<float>({}, std::vector<std::int64_t>{0, 0, 0}, {layer.gate, 4, 4}, {});
}
