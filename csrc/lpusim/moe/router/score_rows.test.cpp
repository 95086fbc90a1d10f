#include "lpusim/moe/router/score_rows.h"

#include <array>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <vector>

#include "lpusim/base/real.h"
#include "lpusim/base/values/simd_level.h"
#include "lpusim/moe/router/score_type.h"
#include "lpusim/moe/router/top_list.h"

namespace lpusim::moe {
namespace {

std::vector<double> grid(double first, double last, int count) {
    std::vector<double> values;
    for (int i = 0; i < count; ++i) {
        values.push_back(first + (last - first) * i / (count - 1));
    }
    return values;
}

} // namespace

TEST_CASE("elementary functions of rows agree with those of the C library") {
    const std::vector<double> arguments = grid(-689, 689, 9001);
    std::vector<double> sigmoid = arguments;
    std::vector<double> root = arguments;
    sigmoids(sigmoid, SimdLevel::Portable);
    sqrt_softpluses(root, SimdLevel::Portable);
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const double z = arguments[i];
        const double decay = std::exp(-std::abs(z));
        CHECK(sigmoid[i] == doctest::Approx((z < 0 ? decay : 1.0) / (1.0 + decay)).epsilon(1e-14));
        CHECK(root[i] == doctest::Approx(std::sqrt(std::max(z, 0.0) + std::log1p(decay))).epsilon(1e-14));
    }
    std::vector<double> negative = grid(-689, 0, 9001);
    const std::vector<double> exponents = negative;
    exponentials(negative, SimdLevel::Portable);
    for (std::size_t i = 0; i < exponents.size(); ++i) {
        CHECK(negative[i] == doctest::Approx(std::exp(exponents[i])).epsilon(1e-14));
    }
}

TEST_CASE("what is too small for a score counts as the smallest that is not") {
    std::vector<double> values{-690.0, -1e30};
    sigmoids(values, SimdLevel::Portable);
    CHECK(values[0] == values[1]);
    CHECK(values[0] > 0.0);
    values = {1e30, -0.0, 0.0};
    sqrt_softpluses(values, SimdLevel::Portable);
    CHECK(values[0] == 1e15);
    CHECK(values[1] == values[2]);
    CHECK(values[1] == doctest::Approx(std::sqrt(std::log(2.0))));
}

TEST_CASE("no level changes a bit, wherever a value stands") {
    for (const SimdLevel level : simd_levels()) {
        for (const std::size_t count : {1, 2, 3, 7, 8, 9, 15, 16, 17, 100}) {
            std::vector<double> values = grid(-40, 30, static_cast<int>(count) + 1);
            values.resize(count);
            std::vector<double> expected = values;
            sigmoids(values, level);
            sigmoids(expected, SimdLevel::Portable);
            CHECK(values == expected);
            sqrt_softpluses(values, level);
            sqrt_softpluses(expected, SimdLevel::Portable);
            CHECK(values == expected);
            for (std::size_t i = 0; i < count; ++i) {
                expected[i] = values[i] *= -20.0;
            }
            exponentials(values, level);
            exponentials(expected, SimdLevel::Portable);
            CHECK(values == expected);
            CHECK(lane_sum(values, level) == lane_sum(values, SimdLevel::Portable));
        }
    }
}

TEST_CASE("a sum in lanes counts every value once, whatever the length") {
    for (std::size_t count = 1; count <= 20; ++count) {
        CHECK(lane_sum(std::vector<double>(count, 0.25), SimdLevel::Portable) ==
              0.25 * static_cast<double>(count));
    }
}

TEST_CASE("the two largest may stand anywhere") {
    for (std::size_t n = 2; n <= 11; ++n) {
        for (std::size_t a = 0; a < n; ++a) {
            for (std::size_t b = 0; b < n; ++b) {
                std::vector<double> scores(n, -1.0);
                scores[a] = 4.0;
                scores[b] = a == b ? 4.0 : 8.0;
                CHECK(top2_sum(scores) == (a == b ? 3.0 : 12.0));
            }
        }
    }
}

TEST_CASE("a top list keeps the earlier of equal candidates, across blocks") {
    std::vector<double> scores(40, 1.0);
    scores[39] = 2.0;
    scores[17] = 2.0;
    std::array<double, 3> best{};
    std::array<std::int32_t, 3> ids{};
    TopList<double> list(best, ids);
    list.offer(scores, 100);
    CHECK(ids == std::array<std::int32_t, 3>{117, 139, 100});
}

TEST_CASE("bf16 keeps eight bits, and ties go to the even one") {
    CHECK(round_to_bf16(1.0F + 0x1p-8F) == 1.0F);
    CHECK(round_to_bf16(1.0F + 0x3p-8F) == 1.0F + 0x2p-7F);
    CHECK(round_to_bf16(1.0F + 0x1p-8F + 0x1p-20F) == 1.0F + 0x1p-7F);
    CHECK(round_to_bf16(-0.3F) == -77.0F / 256);
    CHECK(round_score(ScoreType::fp64, 0.1) == 0.1);
    CHECK(round_score(ScoreType::fp32, 0.1) == static_cast<double>(0.1F));
    CHECK(round_rank(ScoreType::bf16, 0.1) == static_cast<double>(0.1F));
}

} // namespace lpusim::moe
