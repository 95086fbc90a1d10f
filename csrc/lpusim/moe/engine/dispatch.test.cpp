#include "lpusim/moe/engine/dispatch.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <doctest/doctest.h>
#include <numeric>
#include <string>
#include <vector>

#include "lpusim/base/errors.h"
#include "lpusim/base/rng.h"
#include "lpusim/base/values/float_formats.h"
#include "lpusim/moe/engine/stream_copy.h"
#include "lpusim/moe/plan.h"

using namespace lpusim;
using namespace lpusim::moe;

namespace {

/// Three tokens with two of three experts each: rows are (1,0) (2,1) | (0,1) (1,1) | (0,0) (2,0).
const std::vector<std::int32_t> kIds{2, 1, 0, 1, 2, 0};

std::vector<float> dispatched(const std::vector<float>& x, const ExpertOrder& order, std::int64_t k,
                              std::int64_t width, std::int64_t threads, SimdLevel level) {
    std::vector<float> rows(order.inverse.size() * static_cast<std::size_t>(width));
    dispatch(std::as_bytes(std::span(x)), order.inverse, k, width * 4,
             std::as_writable_bytes(std::span(rows)), threads, level);
    return rows;
}

template <class Row, class Out>
std::vector<Out> combined(const std::vector<Row>& rows, const ExpertOrder& order,
                          const std::vector<float>& weights, const std::vector<float>& shared, std::int64_t k,
                          CombineOrder by, SimdLevel level, std::int64_t threads = 1) {
    const std::size_t width = rows.size() / order.inverse.size();
    std::vector<Out> y(rows.size() / static_cast<std::size_t>(k));
    combine<Row, Out>(rows, order.inverse, weights, shared, k, static_cast<std::int64_t>(width), by, y,
                      threads, level);
    return y;
}

} // namespace

TEST_CASE("every row is a copy of its token's") {
    const ExpertOrder order = order_by_expert(kIds, 3, 2);
    CHECK(order.permutation == std::vector<std::int32_t>{2, 5, 1, 3, 0, 4});
    const std::vector<float> x{1, 10, 2, 20, 3, 30};
    for (const SimdLevel level : simd_levels()) {
        for (const std::int64_t threads : {1, 2, 7}) {
            CHECK(dispatched(x, order, 2, 2, threads, level) ==
                  std::vector<float>{2, 20, 3, 30, 1, 10, 2, 20, 1, 10, 3, 30});
        }
    }
}

TEST_CASE("rows beyond a cache arrive whole, at every alignment") {
    // 20,011 tokens of 211 numbers, twice each: 34 MB, which goes past the caches.
    constexpr std::int64_t kTokens = 20'011, kWidth = 211;
    std::vector<std::int32_t> ids;
    for (std::uint64_t token = 0; token < kTokens; ++token) {
        const auto first = static_cast<std::int32_t>(random_bits(1, 1, token) % 5);
        ids.insert(ids.end(), {first, (first + 1) % 5});
    }
    const ExpertOrder order = order_by_expert(ids, 5, 2);
    std::vector<float> x(kTokens * kWidth);
    std::iota(x.begin(), x.end(), 0.0F);
    for (const SimdLevel level : simd_levels()) {
        const std::vector<float> rows = dispatched(x, order, 2, kWidth, 2, level);
        std::int64_t wrong = 0;
        for (std::size_t row = 0; row < order.permutation.size(); ++row) {
            const auto token = static_cast<std::size_t>(order.permutation[row] / 2);
            wrong += std::memcmp(rows.data() + row * kWidth, x.data() + token * kWidth, 4 * kWidth) != 0;
        }
        CHECK(wrong == 0);
    }
}

TEST_CASE("a copy past the caches is a copy, of every size and alignment") {
    std::vector<std::byte> from(600), to(700);
    for (std::size_t i = 0; i < from.size(); ++i) {
        from[i] = static_cast<std::byte>(i * 7);
    }
    for (const SimdLevel level : simd_levels()) {
        for (std::size_t shift = 0; shift < 70; shift += 3) {
            for (const std::size_t size : {0, 1, 63, 64, 65, 127, 200, 500}) {
                std::fill(to.begin(), to.end(), std::byte{0xee});
                stream_copy(to.data() + shift, from.data() + shift / 2, size, level);
                finish_streams();
                REQUIRE(std::equal(to.begin() + static_cast<std::ptrdiff_t>(shift),
                                   to.begin() + static_cast<std::ptrdiff_t>(shift + size),
                                   from.begin() + static_cast<std::ptrdiff_t>(shift / 2)));
                REQUIRE(to[shift + size] == std::byte{0xee});
                REQUIRE((shift == 0 || to[shift - 1] == std::byte{0xee}));
            }
        }
    }
}

TEST_CASE("scaled rows are rounded once, in fp32 and in fp16") {
    const ExpertOrder order = order_by_expert(std::vector<std::int32_t>{1, 0}, 2, 1);
    const std::vector<float> x{3.0F, 1.0F, 5.0F, 7.0F}, scale{0.1F, -NAN};
    std::vector<std::uint16_t> half_x;
    for (const float value : x) {
        half_x.push_back(fp16_from_fp32(value));
    }
    for (const SimdLevel level : simd_levels()) {
        std::vector<float> rows(4);
        dispatch_scaled(x, order.inverse, scale, 1, 2, rows, 2, level);
        CHECK(rows[2] == 3.0F * 0.1F);
        CHECK(rows[3] == 0.1F);
        CHECK(std::bit_cast<std::uint32_t>(rows[0]) == kFp32Nan);
        std::vector<std::uint16_t> halves(4);
        dispatch_scaled(half_x, order.inverse, scale, 1, 2, halves, 2, level);
        CHECK(halves == std::vector<std::uint16_t>{kFp16Nan, kFp16Nan, fp16_from_fp64(3.0 * double{0.1F}),
                                                   fp16_from_fp32(0.1F)});
    }
}

TEST_CASE("an order that is none is refused, and the place is named") {
    const std::vector<std::int32_t> good{1, 0, 2}, twice{1, 1, 2}, outside{1, 3, 2}, negative{1, -1, 2};
    check_order(good, good);
    CHECK_THROWS_WITH_AS(check_order(good, twice),
                         "plan: inverse[1] = 1 is not the row where permutation has assignment 1",
                         ValueError);
    CHECK_THROWS_AS(check_order(good, outside), ValueError);
    CHECK_THROWS_AS(check_order(good, negative), ValueError);
    CHECK_THROWS_AS(check_order(good, {}), ValueError);
    CHECK_THROWS_WITH_AS(check_weights("weights", std::vector<float>{1, 2, 3, INFINITY}, 2),
                         "weights[token 1, slot 1] must be finite, got inf", ValueError);
    check_weights("weights", std::vector<float>{1, -2, 3, 0}, 2);
}

TEST_CASE("combine adds in slot order or in expert order, which differ in bits") {
    // One token on experts 2, 0, 1: rows stand as 0, 1, 2.
    const ExpertOrder order = order_by_expert(std::vector<std::int32_t>{2, 0, 1}, 3, 3);
    const std::vector<float> rows{1.0F, -0x1p24F, 0x1p24F}, ones{1, 1, 1};
    for (const SimdLevel level : simd_levels()) {
        const auto sum = [&](CombineOrder by) {
            return combined<float, float>(rows, order, ones, {}, 3, by, level).front();
        };
        CHECK(sum(CombineOrder::slot) == 0.0F);   // (2^24 + 1) - 2^24
        CHECK(sum(CombineOrder::expert) == 1.0F); // (1 - 2^24) + 2^24
        CHECK(combined<float, float>(rows, order, {}, {}, 3, CombineOrder::slot, level).front() == 0.0F);
    }
}

TEST_CASE("products and sums of combine are rounded one after another, the shared row comes last") {
    const ExpertOrder order = order_by_expert(std::vector<std::int32_t>{0, 1}, 2, 2);
    const std::vector<float> rows{0.1F, -0.0F, 0.3F, -0.0F}, weights{0.7F, 0.9F}, shared{0.01F, -0.0F};
    const float sum = 0.7F * 0.1F + 0.9F * 0.3F;
    for (const SimdLevel level : simd_levels()) {
        const auto y = combined<float, float>(rows, order, weights, shared, 2, CombineOrder::slot, level);
        CHECK(y[0] == sum + 0.01F);
        CHECK(std::signbit(y[1])); // The sum starts with the first product, not with +0.
        const auto halves =
            combined<float, std::uint16_t>(rows, order, weights, shared, 2, CombineOrder::slot, level);
        CHECK(halves[0] == fp16_from_fp32(sum + 0.01F));
        const std::vector<std::uint16_t> half_rows{fp16_from_fp32(0.1F), 0x8000, fp16_from_fp32(0.3F),
                                                   0x8000};
        const auto from_halves =
            combined<std::uint16_t, float>(half_rows, order, weights, {}, 2, CombineOrder::slot, level);
        CHECK(from_halves[0] == 0.7F * fp32_from_fp16(half_rows[0]) + 0.9F * fp32_from_fp16(half_rows[2]));
    }
}

TEST_CASE("combine gives the same bits at every level and for every number of threads") {
    constexpr std::int64_t kTokens = 23, kWidth = 1030, kChosen = 5;
    std::vector<std::int32_t> ids;
    for (std::uint64_t i = 0; i < kTokens * kChosen; ++i) {
        ids.push_back(static_cast<std::int32_t>((i % kChosen) * 3 + random_bits(1, 2, i) % 3));
    }
    const ExpertOrder order = order_by_expert(ids, 15, kChosen);
    std::vector<float> rows(ids.size() * kWidth), weights(ids.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        rows[i] = static_cast<float>(random_unit(2, 1, i) - 0.5);
    }
    for (std::size_t i = 0; i < weights.size(); ++i) {
        weights[i] = static_cast<float>(random_unit(2, 2, i));
    }
    for (const CombineOrder by : {CombineOrder::slot, CombineOrder::expert}) {
        const auto first = combined<float, float>(rows, order, weights, {}, kChosen, by, SimdLevel::Portable);
        for (const SimdLevel level : simd_levels()) {
            for (const std::int64_t threads : {1, 2, 64}) {
                CHECK(combined<float, float>(rows, order, weights, {}, kChosen, by, level, threads) == first);
            }
        }
    }
}

TEST_CASE("no tokens, no work") {
    const ExpertOrder order = order_by_expert({}, 3, 2);
    check_order(order.permutation, order.inverse);
    dispatch({}, order.inverse, 2, 64, {}, 4);
    combine<float, float>({}, order.inverse, {}, {}, 2, 16, CombineOrder::slot, {}, 4);
}
