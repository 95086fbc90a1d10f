#include "lpusim/moe/statistics.h"

#include <cmath>
#include <doctest/doctest.h>
#include <limits>

#include "lpusim/base/errors.h"

namespace lpusim::moe {

TEST_CASE("statistics of four loads, worked by hand") {
    const LoadStatistics seen = load_statistics(std::vector<std::int64_t>{1, 4, 2, 1});
    CHECK(seen.total == 8);
    CHECK(seen.max == 4);
    CHECK(seen.distinct == 4);
    CHECK(seen.max_over_mean == 2.0);
    CHECK(seen.gini == doctest::Approx((-3 * 1 - 1 * 1 + 1 * 2 + 3 * 4) / (4.0 * 8)));
    CHECK(seen.cv == doctest::Approx(std::sqrt((1 + 4 + 0 + 1) / 4.0) / 2));
    // Shares 1/8, 1/2, 1/4, 1/8 have an entropy of 1.75 bits of 2.
    CHECK(seen.entropy_ratio == doctest::Approx(0.875));
}

TEST_CASE("perfect balance and all load on one") {
    const LoadStatistics even = load_statistics(std::vector<std::int64_t>(10, 3));
    CHECK(even.max_over_mean == 1.0);
    CHECK(even.gini == doctest::Approx(0.0));
    CHECK(even.cv == 0.0);
    CHECK(even.entropy_ratio == doctest::Approx(1.0));
    CHECK(even.rank_slope == doctest::Approx(0.0));
    const LoadStatistics one = load_statistics(std::vector<std::int64_t>{0, 9, 0, 0, 0});
    CHECK(one.max_over_mean == 5.0);
    CHECK(one.gini == doctest::Approx(0.8));
    CHECK(one.cv == doctest::Approx(2.0)); // sqrt(n - 1)
    CHECK(one.entropy_ratio == 0.0);
    CHECK(one.rank_slope == 0.0);
    CHECK(load_statistics(std::vector<std::int64_t>{}).total == 0);
    CHECK(load_statistics(std::vector<std::int64_t>(3, 0)).max_over_mean == 0.0);
    CHECK_THROWS_AS(static_cast<void>(load_statistics(std::vector<std::int64_t>{1, -1})), ValueError);
}

TEST_CASE("loads that fall as a power of their rank have its exponent as slope") {
    std::vector<std::int64_t> load;
    for (int rank = 1; rank <= 64; ++rank) {
        load.push_back(std::llround(1e12 * std::pow(rank, -0.7)));
    }
    CHECK(load_statistics(load).rank_slope == doctest::Approx(-0.7).epsilon(1e-9));
}

TEST_CASE("binomial noise is taken out of a spread, and no more than there is") {
    // 0.25^2 - (1 - 4/60) / 100
    CHECK(excess_cv(0.25, 100, 60, 4) == doctest::Approx(std::sqrt(0.0625 - 56.0 / 6000)));
    CHECK(excess_cv(0.05, 100, 60, 4) == 0.0);
    CHECK_THROWS_AS(static_cast<void>(excess_cv(0.1, 0, 60, 4)), ValueError);
}

TEST_CASE("the concentration of shares gives back the spread it was taken from") {
    const double cv = std::sqrt(59 / (60 * 29.6 + 1));
    CHECK(dirichlet_alpha_of(cv, 60) == doctest::Approx(29.6));
    CHECK(dirichlet_alpha_of(0, 60) == std::numeric_limits<double>::infinity());
    CHECK(dirichlet_alpha_of(8, 60) == 0.0); // More than any shares have.
}

TEST_CASE("the exponent that gives a share is found, from the exact integral") {
    // E = 256, k = 8: the hottest expert at s = 0.75 has 15.93 times the mean, the first 32 take 46.2 %.
    CHECK(zipf_exponent_of(256, 8, 1, 15.93 / 256) == doctest::Approx(0.75).epsilon(1e-3));
    CHECK(zipf_exponent_of(256, 8, 32, 0.462) == doctest::Approx(0.75).epsilon(1e-3));
    CHECK(zipf_exponent_of(256, 8, 1, 1.0 / 256) == doctest::Approx(0.0));
    CHECK_THROWS_AS(static_cast<void>(zipf_exponent_of(256, 8, 1, 0.13)),
                    ValueError); // A token chooses it once of eight.
    CHECK_THROWS_AS(static_cast<void>(zipf_exponent_of(256, 8, 1, 0.003)), ValueError);
    CHECK_THROWS_AS(static_cast<void>(zipf_exponent_of(256, 8, 0, 0.1)), ValueError);
}

} // namespace lpusim::moe
