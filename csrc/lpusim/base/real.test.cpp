#include "lpusim/base/real.h"

#include <cmath>
#include <doctest/doctest.h>

#include "lpusim/base/rng.h"

using namespace lpusim;

namespace {
double ulps(double got, double want) {
    const double spacing = std::nextafter(std::fabs(want), INFINITY) - std::fabs(want);
    return std::fabs(got - want) / spacing;
}
} // namespace

TEST_CASE("log and exp stay within 4 ulp of the C library over their range") {
    double worst_log = 0, worst_exp = 0;
    for (std::uint64_t i = 0; i < 200'000; ++i) {
        const double x = std::exp((random_unit(1, 0, i) - 0.5) * 1400);
        worst_log = std::max(worst_log, ulps(real_log(x), std::log(x)));
        const double near_one = 0.5 + random_unit(2, 0, i);
        worst_log = std::max(worst_log, ulps(real_log(near_one), std::log(near_one)));
        const double y = (random_unit(3, 0, i) - 0.5) * 1400;
        worst_exp = std::max(worst_exp, ulps(real_exp(y), std::exp(y)));
    }
    CHECK(worst_log <= 4);
    CHECK(worst_exp <= 4);
}

TEST_CASE("exact points and edges") {
    CHECK(real_log(1.0) == 0.0);
    CHECK(real_exp(0.0) == 1.0);
    CHECK(real_exp(-1000.0) == 0.0);
    CHECK(std::isinf(real_exp(710.0)));
    CHECK(real_log(5e-324) == doctest::Approx(std::log(5e-324)));
    CHECK(real_pow(2.0, 10.0) == doctest::Approx(1024.0).epsilon(1e-14));
}
