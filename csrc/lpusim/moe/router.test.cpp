#include "lpusim/moe/router.h"

#include <array>
#include <cmath>
#include <doctest/doctest.h>
#include <limits>
#include <string>
#include <vector>

#include "lpusim/base/real.h"
#include "lpusim/moe/score_rows.h"
#include "lpusim/moe/top_list.h"

namespace lpusim::moe {
namespace {

struct Routed {
    std::vector<std::int32_t> ids;
    std::vector<float> weights;
};

Routed run(const RouterSpec& spec, const std::vector<float>& logits, const std::vector<float>& bias = {}) {
    const std::size_t tokens = logits.size() / static_cast<std::size_t>(spec.experts);
    const std::size_t size = tokens * static_cast<std::size_t>(spec.experts_per_token);
    Routed routed{std::vector<std::int32_t>(size), std::vector<float>(size)};
    route(spec, logits, bias, routed.ids, routed.weights);
    return routed;
}

std::string message_of(const RouterSpec& spec, const std::vector<float>& logits,
                       const std::vector<float>& bias = {}) {
    try {
        run(spec, logits, bias);
    } catch (const ValueError& error) {
        return error.what();
    }
    return "no error";
}

} // namespace

TEST_CASE("softmax with renormalisation weighs the chosen experts by their odds") {
    const auto log3 = static_cast<float>(std::log(3.0));
    const Routed routed = run({.experts = 4, .experts_per_token = 2}, {0.0F, log3, -5.0F, -1.0F});
    CHECK(routed.ids == std::vector<std::int32_t>{1, 0});
    CHECK(routed.weights[0] == doctest::Approx(0.75)); // Odds 3 : 1.
    CHECK(routed.weights[1] == doctest::Approx(0.25));
}

TEST_CASE("softmax without renormalisation keeps the probability over all experts") {
    const auto log2 = static_cast<float>(std::log(2.0));
    // Odds 2 : 1 : 1 : 0.5 of a sum of 4.5; scaled by 9.
    const RouterSpec spec{.experts = 4, .experts_per_token = 2, .scale = 9.0, .renormalise = false};
    const Routed routed = run(spec, {0.0F, log2, 0.0F, -log2});
    CHECK(routed.ids == std::vector<std::int32_t>{1, 0});
    CHECK(routed.weights[0] == doctest::Approx(4.0));
    CHECK(routed.weights[1] == doctest::Approx(2.0));
}

TEST_CASE("equal scores go to the lower expert id, and minus zero equals zero") {
    CHECK(run({.experts = 4, .experts_per_token = 3}, {1, 2, 2, 1}).ids ==
          std::vector<std::int32_t>{1, 2, 0});
    CHECK(run({.experts = 3, .experts_per_token = 2}, {-0.0F, -1.0F, 0.0F}).ids ==
          std::vector<std::int32_t>{0, 2});
}

TEST_CASE("a selection bias decides who is chosen and never enters a weight") {
    const RouterSpec spec{.experts = 3, .experts_per_token = 2, .scale = 2.5, .score = Score::sigmoid};
    // sigmoid: 0.5, 0.5, 0.25; with bias: 0.5, 0.6, 0.75.
    const Routed routed = run(spec, {0.0F, 0.0F, -std::log(3.0F)}, {0.0F, 0.1F, 0.5F});
    CHECK(routed.ids == std::vector<std::int32_t>{2, 1});
    CHECK(routed.weights[0] == doctest::Approx(2.5 * 0.25 / 0.75));
    CHECK(routed.weights[1] == doctest::Approx(2.5 * 0.5 / 0.75));
}

TEST_CASE("groups are ranked by their two best scores, so one brilliant expert is not enough") {
    const RouterSpec spec{
        .experts = 6, .experts_per_token = 2, .groups = 3, .groups_kept = 1, .score = Score::sigmoid};
    // Biased scores: 0.9, 0.0 | 0.5, 0.5 | 0.5, 0.5. Sums: 0.9, 1.0, 1.0; the tie goes to the lower group.
    const std::vector<float> logits(6, 0.0F);
    CHECK(run(spec, logits, {0.4F, -0.5F, 0.0F, 0.0F, 0.0F, 0.0F}).ids == std::vector<std::int32_t>{2, 3});
    RouterSpec by_max = spec;
    by_max.group_score = GroupScore::max;
    CHECK(run(by_max, logits, {0.4F, -0.5F, 0.0F, 0.0F, 0.0F, 0.0F}).ids == std::vector<std::int32_t>{0, 1});
}

TEST_CASE("equal experts of two kept groups go to the lower id, whichever group ranks first") {
    const RouterSpec spec{
        .experts = 6, .experts_per_token = 1, .groups = 3, .groups_kept = 2, .score = Score::sigmoid};
    // Scores 0.5, 0.1 | 0, 0 | 0.5, 0.4: the last group ranks first, and its best expert ties with expert 0.
    const std::vector<float> bias{0.0F, -0.4F, -0.5F, -0.5F, 0.0F, -0.1F};
    CHECK(run(spec, std::vector<float>(6, 0.0F), bias).ids == std::vector<std::int32_t>{0});
}

TEST_CASE("weights stay right where every chosen sigmoid underflows") {
    const RouterSpec spec{.experts = 2, .experts_per_token = 2, .score = Score::sigmoid};
    const Routed routed = run(spec, {-1000.0F, -1000.0F});
    CHECK(routed.weights == std::vector<float>{0.5F, 0.5F});
}

TEST_CASE("a logit that is not finite is an error that names token and expert") {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float inf = std::numeric_limits<float>::infinity();
    const RouterSpec spec{.experts = 3, .experts_per_token = 1};
    CHECK(message_of(spec, {0, 0, 0, 0, 0, nan}) ==
          "route: logits[token 1, expert 2] is nan; router logits must be finite");
    CHECK(message_of(spec, {-inf, 0, 0}) ==
          "route: logits[token 0, expert 0] is -inf; router logits must be finite");
    CHECK(run(spec, {std::numeric_limits<float>::max(), 0, 0}).ids.front() == 0);
}

TEST_CASE("biases that cannot apply are refused") {
    RouterSpec spec{.experts = 2, .experts_per_token = 1};
    CHECK(message_of(spec, {0, 0}, {0, 0}).find("score sigmoid only") != std::string::npos);
    spec.score = Score::sigmoid;
    CHECK(message_of(spec, {0, 0}, {0}).find("each of 2 experts, got 1") != std::string::npos);
    CHECK(
        message_of(spec, {0, 0}, {0, std::numeric_limits<float>::infinity()}).find("bias[expert 1] is inf") !=
        std::string::npos);
}

TEST_CASE("specs that contradict themselves are refused, their edges are not") {
    CHECK_NOTHROW(validate(RouterSpec{.experts = 1, .experts_per_token = 1}));
    CHECK_NOTHROW(validate(RouterSpec{.experts = 8, .experts_per_token = 4, .groups = 4, .groups_kept = 2}));
    CHECK_THROWS_AS(validate(RouterSpec{.experts = 8, .experts_per_token = 5, .groups = 4, .groups_kept = 2}),
                    ValueError);
    CHECK_THROWS_AS(validate(RouterSpec{.experts = 8, .experts_per_token = 9}), ValueError);
    CHECK_THROWS_AS(validate(RouterSpec{.experts = 8, .experts_per_token = 2, .groups = 3}), ValueError);
    CHECK_THROWS_AS(validate(RouterSpec{.experts = 8, .experts_per_token = 2, .groups = 2, .groups_kept = 3}),
                    ValueError);
    CHECK_THROWS_AS(validate(RouterSpec{.experts = 8, .experts_per_token = 2, .groups = 8, .groups_kept = 4}),
                    ValueError);
    CHECK_THROWS_AS(validate(RouterSpec{.scale = std::numeric_limits<double>::quiet_NaN()}), ValueError);
}

TEST_CASE("a row of sigmoids agrees with the elementary functions of base") {
    std::vector<float> logits;
    for (int i = -4000; i <= 4000; ++i) {
        logits.push_back(static_cast<float>(i) * 0.19F);
    }
    std::vector<double> scores(logits.size());
    sigmoid_row(logits, scores);
    for (std::size_t i = 0; i < logits.size(); ++i) {
        const auto z = static_cast<double>(logits[i]);
        const double expected = z < 0 ? real_exp(z) / (1.0 + real_exp(z)) : 1.0 / (1.0 + real_exp(-z));
        // Subnormal results carry fewer bits: allow one unit of the least of them.
        CHECK(std::abs(scores[i] - expected) <= 1e-15 * expected + 5e-324);
    }
}

TEST_CASE("the sum of exponentials counts every logit once, whatever the length") {
    for (std::size_t n = 1; n <= 9; ++n) {
        CHECK(exponential_sum(std::vector<float>(n, -3.0F), -3.0F) == static_cast<double>(n));
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

} // namespace lpusim::moe
