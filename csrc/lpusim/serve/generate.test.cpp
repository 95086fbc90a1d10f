#include "lpusim/serve/generate.h"

#include <cmath>
#include <doctest/doctest.h>

#include "lpusim/base/errors.h"

using lpusim::ValueError;
using namespace lpusim::serve;

namespace {

GeneratorSpec spec_of(Arrivals arrivals, double cv, std::int64_t count) {
    GeneratorSpec spec;
    spec.request_count = count;
    spec.seed = 7;
    spec.arrivals = arrivals;
    spec.requests_per_s = 4;
    spec.gap_cv = cv;
    spec.input = {{0, 0.5, 1}, {1, 101, 1001}};
    spec.output = {{0, 1}, {5, 5}};
    return spec;
}

struct Moments {
    double mean = 0, cv = 0;
};

Moments gap_moments_s(const std::vector<std::int64_t>& arrival_ps) {
    double sum = 0, squares = 0;
    std::int64_t before = 0;
    for (const std::int64_t now : arrival_ps) {
        const double gap = static_cast<double>(now - before) * 1e-12;
        sum += gap;
        squares += gap * gap;
        before = now;
    }
    const auto n = static_cast<double>(arrival_ps.size());
    const double mean = sum / n;
    return {mean, std::sqrt(squares / n - mean * mean) / mean};
}

} // namespace

TEST_CASE("gaps have the asked mean and variation") {
    // 40,000 gaps: the mean is within 5 cv / 200, the cv of a Gamma within a few percent.
    for (const double cv : {0.3, 1.09, 3.0}) {
        const Moments m = gap_moments_s(generate(spec_of(Arrivals::gamma, cv, 40'000)).arrival_ps);
        CHECK(m.mean == doctest::Approx(0.25).epsilon(0.025 * cv));
        CHECK(m.cv == doctest::Approx(cv).epsilon(0.06));
    }
    const Moments poisson = gap_moments_s(generate(spec_of(Arrivals::poisson, 9, 40'000)).arrival_ps);
    CHECK(poisson.mean == doctest::Approx(0.25).epsilon(0.025));
    CHECK(poisson.cv == doctest::Approx(1).epsilon(0.03));
}

TEST_CASE("constant arrivals are evenly spaced to the picosecond") {
    CHECK(generate(spec_of(Arrivals::constant, 1, 3)).arrival_ps ==
          std::vector<std::int64_t>{250'000'000'000, 500'000'000'000, 750'000'000'000});
}

TEST_CASE("lengths lie on the given quantiles") {
    const auto requests = generate(spec_of(Arrivals::constant, 1, 40'000));
    double low = 0, sum = 0;
    for (const std::int64_t tokens : requests.input_tokens) {
        CHECK((tokens >= 1 && tokens <= 1001));
        low += tokens <= 101;
        sum += static_cast<double>(tokens);
    }
    CHECK(low / 40'000 == doctest::Approx(0.5).epsilon(0.02));
    CHECK(sum / 40'000 == doctest::Approx(0.5 * 51 + 0.5 * 551).epsilon(0.02));
    CHECK(requests.output_tokens == std::vector<std::int64_t>(40'000, 5));
}

TEST_CASE("a longer trace begins with the shorter one, and the seed decides") {
    auto spec = spec_of(Arrivals::gamma, 1.09, 100);
    const auto hundred = generate(spec);
    spec.request_count = 50;
    const auto fifty = generate(spec);
    CHECK(std::vector(hundred.arrival_ps.begin(), hundred.arrival_ps.begin() + 50) == fifty.arrival_ps);
    CHECK(std::vector(hundred.input_tokens.begin(), hundred.input_tokens.begin() + 50) == fifty.input_tokens);
    spec.seed = 8;
    CHECK(generate(spec).arrival_ps != fifty.arrival_ps);
}

TEST_CASE("what cannot be drawn from is refused by name") {
    auto spec = spec_of(Arrivals::gamma, 0, 10);
    CHECK_THROWS_AS((void)generate(spec), ValueError);
    spec = spec_of(Arrivals::poisson, 1, 0);
    CHECK_THROWS_AS((void)generate(spec), ValueError);
    spec = spec_of(Arrivals::poisson, 1, 1'000'000);
    spec.requests_per_s = 0.01; // three years
    CHECK_THROWS_AS((void)generate(spec), ValueError);
    spec = spec_of(Arrivals::poisson, 1, 10);
    spec.input = {{0, 0.5, 0.5, 1}, {1, 2, 3, 4}};
    CHECK_THROWS_AS((void)generate(spec), ValueError);
    spec.input = {{0, 0.5, 1}, {1, 3, 2}};
    CHECK_THROWS_AS((void)generate(spec), ValueError);
    spec.input = {{0, 0.9}, {1, 3}};
    CHECK_THROWS_AS((void)generate(spec), ValueError);
    CHECK_THROWS_AS((void)parse_arrivals("uniform"), ValueError);
}
