#include "lpusim/moe/closed_forms.h"

#include <doctest/doctest.h>
#include <numeric>

#include "lpusim/base/errors.h"
#include "lpusim/base/real.h"

namespace lpusim::moe {
namespace {

std::vector<double> zipf(std::size_t experts, double exponent) {
    std::vector<double> popularity(experts);
    for (std::size_t i = 0; i < experts; ++i) {
        popularity[i] = real_pow(static_cast<double>(i + 1), -exponent);
    }
    return popularity;
}

} // namespace

TEST_CASE("distinct experts of small cases worked by hand") {
    CHECK(expected_distinct(4, 1, 2) == doctest::Approx(1.75)); // 4 (1 - (3/4)^2)
    CHECK(expected_distinct(4, 4, 1) == 4.0);
    CHECK(expected_distinct(4, 2, 0) == 0.0);
    CHECK(expected_distinct(256, 8, 1) == doctest::Approx(8.0));
    CHECK(expected_distinct(256, 8, 32) == doctest::Approx(163.31).epsilon(1e-4));
    CHECK(expected_distinct(std::vector<double>{0.5, 1.0, 0.0}, 2) == doctest::Approx(1.75));
}

TEST_CASE("the busiest expert of small cases worked by hand") {
    CHECK(expected_max_load(4, 4, 9) == 9.0);
    CHECK(expected_max_load(4, 2, 0) == 0.0);
    // Two experts, one of them a token, two tokens: F(0) = 1/4, F(1) = 3/4; 1 - 1/16 + 1 - 9/16.
    CHECK(expected_max_load(2, 1, 2) == doctest::Approx(1.375));
    CHECK(expected_max_load(60, 4, 25) == doctest::Approx(5.076).epsilon(1e-4));
    CHECK(expected_max_load(256, 8, 4096) == doctest::Approx(160.56).epsilon(1e-4));
}

TEST_CASE("two draws from three by popularity 3 : 2 : 1, worked by hand") {
    // P(expert 2 out) = P(pairs 01 or 10) = 3/6 * 2/3 + 2/6 * 3/4 = 7/12, and so on.
    const auto inclusion = inclusion_probabilities(std::vector<double>{3, 2, 1}, 2);
    CHECK(inclusion[2] == doctest::Approx(5.0 / 12).epsilon(1e-9));
    CHECK(inclusion[1] == doctest::Approx(1.0 - (3.0 / 6 * 1.0 / 3 + 1.0 / 6 * 3.0 / 5)).epsilon(1e-9));
    CHECK(inclusion[0] == doctest::Approx(1.0 - (2.0 / 6 * 1.0 / 4 + 1.0 / 6 * 2.0 / 5)).epsilon(1e-9));
}

TEST_CASE(
    "inclusion probabilities sum to k, are equal for equal popularity, and match the published values") {
    for (const double p : inclusion_probabilities(std::vector<double>(10, 7.5), 3)) {
        CHECK(p == doctest::Approx(0.3).epsilon(1e-9));
    }
    const auto inclusion = inclusion_probabilities(zipf(16, 1.0), 4);
    CHECK(std::accumulate(inclusion.begin(), inclusion.end(), 0.0) == doctest::Approx(4.0).epsilon(1e-9));
    const std::vector<double> expected{0.8037, 0.5664, 0.4234, 0.3350, 0.2762, 0.2347};
    for (std::size_t i = 0; i < expected.size(); ++i) {
        CHECK(inclusion[i] == doctest::Approx(expected[i]).epsilon(2e-4));
    }
    CHECK(inclusion[15] == doctest::Approx(0.0932).epsilon(1e-3));
    CHECK(inclusion_probabilities(std::vector<double>{1, 2}, 2) == std::vector<double>{1.0, 1.0});
}

TEST_CASE("what is no probability problem is refused") {
    CHECK_THROWS_AS(static_cast<void>(expected_distinct(4, 5, 1)), ValueError);
    CHECK_THROWS_AS(static_cast<void>(expected_distinct(4, 0, 1)), ValueError);
    CHECK_THROWS_AS(static_cast<void>(expected_distinct(4, 1, -1)), ValueError);
    CHECK_THROWS_AS(static_cast<void>(expected_distinct(std::vector<double>{1.5}, 1)), ValueError);
    CHECK_THROWS_AS(static_cast<void>(inclusion_probabilities(std::vector<double>{1, 0}, 1)), ValueError);
    CHECK_THROWS_AS(static_cast<void>(inclusion_probabilities(std::vector<double>{1, 1}, 3)), ValueError);
}

} // namespace lpusim::moe
