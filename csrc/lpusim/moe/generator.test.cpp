#include "lpusim/moe/generator.h"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <numeric>
#include <set>

#include "lpusim/moe/closed_forms.h"
#include "lpusim/moe/generator_draws.h"

namespace lpusim::moe {
namespace {

struct Drawn {
    std::vector<std::int32_t> ids;
    std::vector<float> weights;
};

Drawn draw(const GeneratorSpec& spec, std::int64_t layer, std::int64_t first_token, std::size_t tokens) {
    const std::size_t size = tokens * static_cast<std::size_t>(spec.experts_per_token);
    Drawn drawn{std::vector<std::int32_t>(size), std::vector<float>(size)};
    generate(spec, layer, first_token, drawn.ids, drawn.weights);
    return drawn;
}

std::vector<double> frequency(const GeneratorSpec& spec, std::size_t tokens) {
    std::vector<double> share(static_cast<std::size_t>(spec.experts));
    for (const std::int32_t id : draw(spec, 0, 0, tokens).ids) {
        share[static_cast<std::size_t>(id)] += 1.0 / static_cast<double>(tokens);
    }
    return share;
}

} // namespace

TEST_CASE("any split into calls gives the same rows") {
    const GeneratorSpec spec{.experts = 20, .experts_per_token = 3, .zipf_exponent = 0.7, .seed = 5};
    const Drawn whole = draw(spec, 2, 0, 10);
    const Drawn tail = draw(spec, 2, 7, 3);
    CHECK(std::equal(tail.ids.begin(), tail.ids.end(), whole.ids.begin() + 21));
    CHECK(std::equal(tail.weights.begin(), tail.weights.end(), whole.weights.begin() + 21));
    CHECK(draw(spec, 3, 0, 10).ids != whole.ids);
    GeneratorSpec other = spec;
    other.seed = 6;
    CHECK(draw(other, 2, 0, 10).ids != whole.ids);
}

TEST_CASE("a token draws different experts, heaviest first, with weights that sum to one") {
    const GeneratorSpec spec{.experts = 9, .experts_per_token = 5, .zipf_exponent = 1.0};
    const Drawn drawn = draw(spec, 0, 0, 200);
    for (std::size_t t = 0; t < 200; ++t) {
        const auto ids = std::span(drawn.ids).subspan(5 * t, 5);
        const auto weights = std::span(drawn.weights).subspan(5 * t, 5);
        CHECK(std::set<std::int32_t>(ids.begin(), ids.end()).size() == 5);
        CHECK(std::ranges::is_sorted(weights, std::greater<>{}));
        CHECK(std::accumulate(weights.begin(), weights.end(), 0.0) == doctest::Approx(1.0));
    }
}

TEST_CASE("expert frequencies lie within five standard errors of the inclusion probabilities") {
    constexpr std::size_t kTokens = 40'000;
    for (const double exponent : {0.0, 1.0}) {
        const GeneratorSpec spec{
            .experts = 16, .experts_per_token = 4, .zipf_exponent = exponent, .seed = 1, .shuffled = false};
        const auto inclusion = inclusion_probabilities(expert_popularity(spec, 0), 4);
        const auto share = frequency(spec, kTokens);
        for (std::size_t e = 0; e < 16; ++e) {
            const double deviation =
                std::sqrt(inclusion[e] * (1 - inclusion[e]) / static_cast<double>(kTokens));
            CHECK(std::abs(share[e] - inclusion[e]) < 5 * deviation);
        }
    }
}

TEST_CASE("popularity falls as the rank to minus the exponent") {
    const GeneratorSpec spec{.experts = 3, .experts_per_token = 1, .zipf_exponent = 2.0, .shuffled = false};
    const auto popularity = expert_popularity(spec, 0);
    CHECK(popularity[0] == doctest::Approx(1.0));
    CHECK(popularity[1] == doctest::Approx(1.0 / 4));
    CHECK(popularity[2] == doctest::Approx(1.0 / 9));
}

TEST_CASE("shuffling gives each layer the same popularities in an order of its own") {
    GeneratorSpec spec{.experts = 32, .experts_per_token = 2, .zipf_exponent = 1.0, .shuffled = false};
    const auto plain = expert_popularity(spec, 0);
    CHECK(std::ranges::is_sorted(plain, std::greater<>{}));
    CHECK(plain == expert_popularity(spec, 1));
    spec.shuffled = true;
    auto first = expert_popularity(spec, 0);
    auto second = expert_popularity(spec, 1);
    CHECK(first != second);
    std::ranges::sort(first, std::greater<>{});
    std::ranges::sort(second, std::greater<>{});
    CHECK(first == plain);
    CHECK(second == plain);
}

TEST_CASE("no level changes a bit of what is drawn") {
    for (const std::int64_t experts : {2, 3, 16, 61, 256}) {
        const GeneratorSpec spec{
            .experts = experts, .experts_per_token = 2, .zipf_exponent = 0.5, .stickiness = 0.4};
        const Drawn best = draw(spec, 1, 3, 50);
        for (const SimdLevel level : simd_levels()) {
            Drawn drawn{std::vector<std::int32_t>(100), std::vector<float>(100)};
            generate(spec, 1, 3, drawn.ids, drawn.weights, level);
            CHECK(drawn.ids == best.ids);
            CHECK(drawn.weights == best.weights);
        }
    }
}

TEST_CASE("rates are popularity over exponential waits") {
    std::vector<double> popularity(60'001);
    std::vector<double> rates(popularity.size());
    std::ranges::fill(popularity, 3.0);
    draw_rates(4, 5, popularity, rates, SimdLevel::Portable);
    double sum = 0;
    double squares = 0;
    std::size_t early = 0;
    for (const double rate : rates) {
        const double wait = 3.0 / rate;
        REQUIRE(wait > 0);
        sum += wait;
        squares += wait * wait;
        early += wait < std::log(4.0);
    }
    const auto n = static_cast<double>(rates.size());
    CHECK(std::abs(sum / n - 1.0) < 5 / std::sqrt(n));
    CHECK(std::abs(squares / n - 2.0) < 5 * std::sqrt(20.0) / std::sqrt(n)); // Var of w^2 is 24 - 4.
    CHECK(std::abs(static_cast<double>(early) / n - 0.75) < 5 * std::sqrt(0.1875 / n));
}

TEST_CASE("gamma draws have the mean and the variance of their shape") {
    for (const double shape : {0.05, 0.5, 1.0, 1.5, 40.0}) {
        constexpr std::uint64_t kDraws = 20'000;
        double sum = 0;
        double squares = 0;
        for (std::uint64_t i = 0; i < kDraws; ++i) {
            const double x = draw_gamma(1, 2, i, shape);
            sum += x;
            squares += x * x;
        }
        const double mean = sum / kDraws;
        const double variance = squares / kDraws - mean * mean;
        CHECK(std::abs(mean - shape) < 5 * std::sqrt(shape / kDraws));
        // The fourth central moment of a gamma variable is 3 shape^2 + 6 shape.
        CHECK(std::abs(variance - shape) < 5 * std::sqrt((2 * shape * shape + 6 * shape) / kDraws));
    }
}

TEST_CASE("experts that take turns are loaded alike, and calls go on where others end") {
    const GeneratorSpec spec{.experts = 7, .experts_per_token = 3, .popularity = Popularity::round_robin};
    const Drawn drawn = draw(spec, 5, 0, 14);
    CHECK(std::vector(drawn.ids.begin(), drawn.ids.begin() + 6) ==
          std::vector<std::int32_t>{0, 1, 2, 3, 4, 5});
    for (std::int32_t expert = 0; expert < 7; ++expert) {
        CHECK(std::ranges::count(drawn.ids, expert) == 6);
    }
    CHECK(std::ranges::equal(draw(spec, 0, 5, 9).ids, std::span(drawn.ids).subspan(15)));
    CHECK(draw(spec, 0, (std::int64_t{1} << 40) - 1, 1).ids.size() == 3);
}

TEST_CASE("drawn popularities have the spread of their concentration") {
    // CV of shares: sqrt((E - 1) / (E alpha + 1)).
    for (const double alpha : {0.3, 4.0}) {
        const GeneratorSpec spec{.experts = 2000,
                                 .experts_per_token = 2,
                                 .dirichlet_alpha = alpha,
                                 .popularity = Popularity::dirichlet};
        const auto popularity = expert_popularity(spec, 3);
        const double mean = std::accumulate(popularity.begin(), popularity.end(), 0.0) / 2000;
        double squares = 0;
        for (const double p : popularity) {
            squares += (p / mean - 1) * (p / mean - 1);
        }
        CHECK(std::sqrt(squares / 2000) ==
              doctest::Approx(std::sqrt(1999 / (2000 * alpha + 1))).epsilon(0.1));
        CHECK(popularity != expert_popularity(spec, 4));
    }
}

TEST_CASE("given weights are drawn from as they are, a row of them a domain") {
    GeneratorSpec spec{
        .experts = 3, .experts_per_token = 1, .popularity = Popularity::given, .weights = {1, 1e-9, 1}};
    CHECK(expert_popularity(spec, 7) == spec.weights);
    CHECK(frequency(spec, 500)[1] == 0.0);
    spec.domains = 2;
    spec.weights = {1, 2, 3, 4, 5, 6};
    CHECK(expert_popularity(spec, 7, 1) == std::vector<double>{4, 5, 6});
    spec.weights.pop_back();
    CHECK_THROWS_AS(validate(spec), ValueError);
    spec.weights = {1, 0, 1};
    CHECK_THROWS_WITH_AS(validate(spec),
                         "GeneratorSpec: weights[domain 0, expert 1] must be positive and finite, got 0",
                         ValueError);
    spec.popularity = Popularity::zipf;
    CHECK_THROWS_AS(validate(spec), ValueError);
}

TEST_CASE("a sticky token keeps experts of the token before it in its own sequence and request") {
    GeneratorSpec spec{
        .experts = 64, .experts_per_token = 4, .stickiness = 1, .sequences = 3, .request_tokens = 5};
    const Drawn drawn = draw(spec, 0, 0, 30);
    const auto row = [&](std::size_t token) { return std::span(drawn.ids).subspan(4 * token, 4); };
    for (std::size_t token = 3; token < 30; ++token) {
        const bool begins = token / 3 % 5 == 0;
        CHECK(std::ranges::equal(row(token), row(token - 3)) != begins);
    }
    CHECK_FALSE(std::ranges::equal(row(0), row(1)));
    // From anywhere, as from the beginning.
    CHECK(std::ranges::equal(draw(spec, 0, 22, 8).ids, std::span(drawn.ids).subspan(88)));
}

TEST_CASE("consecutive tokens share what stickiness keeps and what chance brings back") {
    // rho + (1 - rho) k (1 - rho) / (E - rho k): what is not kept is drawn from the experts not kept.
    const GeneratorSpec spec{.experts = 60, .experts_per_token = 4, .stickiness = 0.3};
    constexpr std::size_t kTokens = 20'000;
    const Drawn drawn = draw(spec, 0, 0, kTokens);
    double shared = 0;
    for (std::size_t i = 4; i < drawn.ids.size(); ++i) {
        const auto before = std::span(drawn.ids).subspan(i / 4 * 4 - 4, 4);
        shared += static_cast<double>(std::ranges::count(before, drawn.ids[i]));
    }
    const double overlap = shared / static_cast<double>(drawn.ids.size() - 4);
    CHECK(overlap == doctest::Approx(0.3 + 0.7 * 4 * 0.7 / (60 - 1.2)).epsilon(0.03));
    // Sets stay sets, and heaviest experts come first.
    for (std::size_t token = 0; token < kTokens; token += 97) {
        const auto ids = std::span(drawn.ids).subspan(4 * token, 4);
        CHECK(std::set<std::int32_t>(ids.begin(), ids.end()).size() == 4);
        CHECK(std::ranges::is_sorted(std::span(drawn.weights).subspan(4 * token, 4), std::greater<>{}));
    }
}

TEST_CASE("requests of a domain have its favourites, in every layer the same requests") {
    const GeneratorSpec spec{
        .experts = 32, .experts_per_token = 1, .zipf_exponent = 3, .request_tokens = 50, .domains = 4};
    const Drawn drawn = draw(spec, 2, 0, 2000);
    std::set<std::int64_t> seen;
    for (std::int64_t request = 0; request < 40; ++request) {
        const std::int64_t domain = domain_of(spec, request * 50);
        CHECK(domain_of(spec, request * 50 + 49) == domain);
        seen.insert(domain);
        const auto popularity = expert_popularity(spec, 2, domain);
        const auto favourite =
            static_cast<std::int32_t>(std::ranges::max_element(popularity) - popularity.begin());
        const auto tokens = std::span(drawn.ids).subspan(static_cast<std::size_t>(request) * 50, 50);
        CHECK(std::ranges::count(tokens, favourite) > 30); // 83 % of them on average.
    }
    CHECK(seen.size() == 4);
}

TEST_CASE("a share of a popularity can be common to all domains") {
    GeneratorSpec spec{
        .experts = 16, .experts_per_token = 1, .zipf_exponent = 1, .domains = 2, .domain_share = 0};
    const auto normal = [](std::vector<double> popularity) {
        const double sum = std::accumulate(popularity.begin(), popularity.end(), 0.0);
        std::ranges::for_each(popularity, [sum](double& p) { p /= sum; });
        return popularity;
    };
    const auto common = normal(expert_popularity(spec, 0, 0));
    CHECK(common == normal(expert_popularity(spec, 0, 1)));
    spec.domain_share = 1;
    const auto own = normal(expert_popularity(spec, 0, 1));
    spec.domain_share = 0.25;
    const auto mixed = normal(expert_popularity(spec, 0, 1));
    for (std::size_t e = 0; e < 16; ++e) {
        CHECK(mixed[e] == doctest::Approx(0.25 * own[e] + 0.75 * common[e]));
    }
}

TEST_CASE("the edges of layer and token are checked") {
    const GeneratorSpec spec;
    CHECK_NOTHROW(draw(spec, (1 << 23) - 1, (std::int64_t{1} << 40) - 1, 1));
    CHECK_THROWS_AS(draw(spec, 1 << 23, 0, 1), ValueError);
    CHECK_THROWS_AS(draw(spec, 0, std::int64_t{1} << 40, 1), ValueError);
    CHECK_THROWS_AS(draw(spec, 0, -1, 1), ValueError);
    CHECK_THROWS_AS(validate(GeneratorSpec{.experts = 2, .experts_per_token = 3}), ValueError);
    CHECK_THROWS_AS(validate(GeneratorSpec{.zipf_exponent = -0.5}), ValueError);
    CHECK_THROWS_AS(validate(GeneratorSpec{.stickiness = 0.1, .popularity = Popularity::round_robin}),
                    ValueError);
    CHECK_THROWS_AS(expert_popularity(GeneratorSpec{}, 0, 1), ValueError);
    CHECK(draw(GeneratorSpec{.experts = 1, .experts_per_token = 1}, 0, 0, 2).ids ==
          std::vector<std::int32_t>{0, 0});
}

} // namespace lpusim::moe
