#include "lpusim/serve/generate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "lpusim/base/errors.h"
#include "lpusim/base/integers.h"
#include "lpusim/base/number_text.h"
#include "lpusim/base/real.h"
#include "lpusim/base/rng.h"
#include "lpusim/serve/engine.h"

namespace lpusim::serve {

namespace {

constexpr std::array<std::pair<std::string_view, Arrivals>, 3> kArrivals{{
    {"gamma", Arrivals::gamma},
    {"poisson", Arrivals::poisson},
    {"constant", Arrivals::constant},
}};

// Streams of the counter-based generator: one a column, and for gaps one a request.
constexpr std::uint64_t kInputStream = 0;
constexpr std::uint64_t kOutputStream = 1;
constexpr std::uint64_t kFirstGapStream = 2;

/// The draws of one request's gap, in order.
class Draws {
  public:
    Draws(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}
    [[nodiscard]] double unit() { return random_unit(seed_, stream_, index_++); }

    /// Standard normal by the polar method (Marsaglia and Bray, 1964).
    [[nodiscard]] double normal() {
        for (;;) {
            const double u = 2 * unit() - 1;
            const double v = 2 * unit() - 1;
            const double square = u * u + v * v;
            if (square > 0 && square < 1) {
                return u * std::sqrt(-2 * real_log(square) / square);
            }
        }
    }

  private:
    std::uint64_t seed_;
    std::uint64_t stream_;
    std::uint64_t index_ = 0;
};

/// Gamma with the given shape and scale 1 (Marsaglia and Tsang, "A Simple Method for Generating Gamma
/// Variables", ACM TOMS 26(3), 2000; for shapes below 1 their section 6).
double gamma(double shape, Draws& draws) {
    if (shape < 1) {
        const double boost = real_pow(draws.unit(), 1 / shape);
        return gamma(shape + 1, draws) * boost;
    }
    const double d = shape - 1.0 / 3.0;
    const double c = 1 / std::sqrt(9 * d);
    for (;;) {
        const double x = draws.normal();
        const double root = 1 + c * x;
        if (root <= 0) {
            continue;
        }
        const double v = root * root * root;
        if (real_log(draws.unit()) < 0.5 * x * x + d - d * v + d * real_log(v)) {
            return d * v;
        }
    }
}

/// A gap of mean 1.
double unit_gap(const GeneratorSpec& spec, std::uint64_t request) {
    Draws draws(spec.seed, kFirstGapStream + request);
    switch (spec.arrivals) {
    case Arrivals::gamma: {
        const double shape = 1 / (spec.gap_cv * spec.gap_cv);
        return gamma(shape, draws) / shape;
    }
    case Arrivals::poisson:
        return -real_log(draws.unit());
    case Arrivals::constant:
        break;
    }
    return 1;
}

std::int64_t length_at(const LengthQuantiles& quantiles, double share) {
    const auto above = std::upper_bound(quantiles.share.begin() + 1, quantiles.share.end() - 1, share);
    const auto i = static_cast<std::size_t>(above - quantiles.share.begin());
    const double within = (share - quantiles.share[i - 1]) / (quantiles.share[i] - quantiles.share[i - 1]);
    const double tokens = quantiles.tokens[i - 1] + within * (quantiles.tokens[i] - quantiles.tokens[i - 1]);
    return static_cast<std::int64_t>(std::floor(tokens + 0.5));
}

void check_quantiles(const char* name, const LengthQuantiles& quantiles) {
    const auto fail = [&](const std::string& what) { throw ValueError(std::string(name) + ": " + what); };
    const std::size_t count = quantiles.share.size();
    if (count < 2 || quantiles.tokens.size() != count) {
        fail("needs at least two points, as many shares as lengths; got " + std::to_string(count) + " and " +
             std::to_string(quantiles.tokens.size()));
    }
    if (quantiles.share.front() != 0 || quantiles.share.back() != 1) {
        fail("shares must start at 0 and end at 1, got " + number_text(quantiles.share.front()) + " and " +
             number_text(quantiles.share.back()));
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (!(quantiles.tokens[i] >= 1 && quantiles.tokens[i] <= static_cast<double>(kTokensMax))) {
            fail("lengths must be from 1 to " + std::to_string(kTokensMax) + " tokens, got " +
                 number_text(quantiles.tokens[i]));
        }
        if (i > 0 && !(quantiles.share[i] > quantiles.share[i - 1])) {
            fail("shares must rise, but " + number_text(quantiles.share[i]) + " follows " +
                 number_text(quantiles.share[i - 1]));
        }
        if (i > 0 && !(quantiles.tokens[i] >= quantiles.tokens[i - 1])) {
            fail("lengths must not fall, but " + number_text(quantiles.tokens[i]) + " follows " +
                 number_text(quantiles.tokens[i - 1]));
        }
    }
}

void check_range(const char* name, double value, double min, double max) {
    if (!(value >= min && value <= max)) {
        throw ValueError(std::string(name) + " must be from " + number_text(min) + " to " + number_text(max) +
                         ", got " + number_text(value));
    }
}

} // namespace

Arrivals parse_arrivals(std::string_view name) {
    for (const auto& [known_name, arrivals] : kArrivals) {
        if (known_name == name) {
            return arrivals;
        }
    }
    throw ValueError("unknown arrivals \"" + std::string(name) + "\"; known: gamma, poisson, constant");
}

GeneratedRequests generate(const GeneratorSpec& spec) {
    check_range("requests", static_cast<double>(spec.request_count), 1, 1e9);
    check_range("requests_per_s", spec.requests_per_s, 1e-6, 1e9);
    if (spec.arrivals == Arrivals::gamma) {
        // Beyond 100 nearly all gaps are 0 and a few take days.
        check_range("gap_cv", spec.gap_cv, 0.01, 100);
    }
    check_quantiles("input_tokens", spec.input);
    check_quantiles("output_tokens", spec.output);

    const auto count = static_cast<std::size_t>(spec.request_count);
    const double mean_gap_ps = static_cast<double>(kPicosecondsPerSecond) / spec.requests_per_s;
    GeneratedRequests requests;
    requests.arrival_ps.reserve(count);
    requests.input_tokens.reserve(count);
    requests.output_tokens.reserve(count);
    std::int64_t now_ps = 0;
    constexpr std::int64_t end_ps = kLatestPs / 2;
    for (std::size_t i = 0; i < count; ++i) {
        const double gap_ps = std::floor(unit_gap(spec, i) * mean_gap_ps + 0.5);
        if (!(gap_ps <= static_cast<double>(end_ps - now_ps))) {
            throw ValueError("request " + std::to_string(i) + " would arrive after " +
                             std::to_string(end_ps) +
                             " ps (26 days); ask for fewer requests or a higher requests_per_s");
        }
        now_ps += static_cast<std::int64_t>(gap_ps);
        requests.arrival_ps.push_back(now_ps);
        requests.input_tokens.push_back(length_at(spec.input, random_unit(spec.seed, kInputStream, i)));
        requests.output_tokens.push_back(length_at(spec.output, random_unit(spec.seed, kOutputStream, i)));
    }
    return requests;
}

} // namespace lpusim::serve
