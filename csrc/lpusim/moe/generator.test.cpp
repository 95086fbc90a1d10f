#include "lpusim/moe/generator.h"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <numeric>
#include <set>

#include "lpusim/moe/closed_forms.h"

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
            .experts = 16, .experts_per_token = 4, .zipf_exponent = exponent, .shuffled = false, .seed = 1};
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

TEST_CASE("the edges of layer and token are checked") {
    const GeneratorSpec spec;
    CHECK_NOTHROW(draw(spec, (1 << 23) - 1, (std::int64_t{1} << 40) - 1, 1));
    CHECK_THROWS_AS(draw(spec, 1 << 23, 0, 1), ValueError);
    CHECK_THROWS_AS(draw(spec, 0, std::int64_t{1} << 40, 1), ValueError);
    CHECK_THROWS_AS(draw(spec, 0, -1, 1), ValueError);
    CHECK_THROWS_AS(validate(GeneratorSpec{.experts = 2, .experts_per_token = 3}), ValueError);
    CHECK_THROWS_AS(validate(GeneratorSpec{.zipf_exponent = -0.5}), ValueError);
    CHECK(draw(GeneratorSpec{.experts = 1, .experts_per_token = 1}, 0, 0, 2).ids ==
          std::vector<std::int32_t>{0, 0});
}

} // namespace lpusim::moe
